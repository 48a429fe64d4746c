//! `weir learn behaviour`, `weir detect behaviour`, and `weir behaviour …`: the model in the data plane.

use std::io::{BufWriter, Write, stdout};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args as ClapArgs, Subcommand};
use serde_json::{Map, Value, json};
use weir_inspect::attack_model;
use weir_inspect::behaviour::{Kind, Measure, Model};

use super::client::Client;
use super::{Failure, Outcome, output, read};
use crate::learning::behaviour::{Attacks, Caller, Detector, Learner, Network};
use crate::learning::requests::{Error, Requests};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Check a model, keep it, and have the data plane judge with it: exit status 0 good, 1 refused
    Push {
        /// What `weir learn behaviour` wrote
        model: PathBuf,
    },
    /// Show what the model was learnt from, and whether the data plane has it
    Show {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, ClapArgs)]
pub(super) struct LearnArgs {
    /// Requests: JSON lines, HAR, access log, EVE events, pcap, pcapng; each also in gzip; `-` for standard input
    #[arg(default_value = "-", conflicts_with = "live")]
    file: PathBuf,
    /// What the running system has learnt: the model of its last period, or of the first one so far
    #[arg(long)]
    pub(super) live: bool,
    /// Where the model is written
    #[arg(long, value_name = "MODEL")]
    pub(super) out: PathBuf,
}

#[derive(Debug, ClapArgs)]
pub(super) struct DetectArgs {
    /// Requests: JSON lines, HAR, access log, EVE events, pcap, pcapng; each also in gzip; `-` for standard input
    #[arg(default_value = "-")]
    file: PathBuf,
    /// What `weir learn behaviour` wrote [default: what is usual anywhere]
    #[arg(long, value_name = "MODEL")]
    model: Option<PathBuf>,
    /// Addresses and networks of programs that are welcome, one a line; `#` begins a comment
    #[arg(long, value_name = "FILE")]
    good_bots: Option<PathBuf>,
    /// Judge requests by what is in them too, with this attack model (a file of `train-attack`); `none`: signatures alone;
    /// without a value: the shipped one
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, default_missing_value = "shipped")]
    attacks: Option<PathBuf>,
    /// Also each caller's measures, and when its score first reached one half
    #[arg(long)]
    measures: bool,
}

const API: &str = "/api/v1/behaviour/model";

pub(super) fn run(client: &Client, command: Command) -> Outcome {
    match command {
        Command::Push { model } => push(client, &model),
        Command::Show { json } => {
            let model = client.get(API)?;
            let number = |key| model.get(key).and_then(Value::as_u64).unwrap_or(0);
            let state = match model.get("in_force").and_then(Value::as_bool) {
                Some(true) => "in force",
                _ => "stored, and in force as soon as the data plane hears of it",
            };
            let text = match json {
                true => format!("{model}\n"),
                false => format!(
                    "model {} is {state}: {} callers ({} left out), {} endpoints, {} steps\n",
                    number("revision"),
                    number("callers"),
                    number("quarantined_callers"),
                    number("endpoints"),
                    number("steps")
                ),
            };
            output(stdout().write_all(text.as_bytes()))?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn push(client: &Client, file: &Path) -> Outcome {
    let named = |why: &dyn std::fmt::Display| Failure::new(format!("{}: {why}", file.display()));
    let text = String::from_utf8(read(file)?).map_err(|e| named(&e))?;
    let (status, answer) = client.post(API, text)?;
    let get = |key| answer.get(key).and_then(Value::as_str).unwrap_or_default();
    let (revision, why) = (answer.get("revision").and_then(Value::as_u64), get("message"));
    let text = match (revision, get("state")) {
        (Some(revision), "in force") => format!("model {revision} is in force\n"),
        (Some(revision), _) => format!(
            "model {revision} is stored, and in force as soon as the data plane hears of it: {why}\n"
        ),
        (None, _) if status.as_u16() == 422 => {
            output(writeln!(stdout(), "{}: refused: {why}", file.display()))?;
            return Ok(ExitCode::FAILURE);
        }
        _ => return Err(named(&format!("weir-mgmt answered {status}: {why}"))),
    };
    output(stdout().write_all(text.as_bytes()))?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn learn(args: &LearnArgs) -> Outcome {
    let mut learner = Learner::default();
    for request in open(&args.file)? {
        learner.observe(&request.map_err(said)?);
    }
    let (model, notes) = learner.finish();
    let text = serde_json::to_vec(&model).map_err(|e| Failure::new(e.to_string()))?;
    std::fs::write(&args.out, text).map_err(Failure::file("write", &args.out))?;
    for note in notes {
        eprintln!("{note}");
    }
    eprintln!(
        "{} callers ({} left out), {} endpoints ({} not believed), {} steps",
        model.callers,
        model.quarantined_callers,
        model.templates.len(),
        model.quarantined_templates,
        model.steps.len()
    );
    Ok(ExitCode::SUCCESS)
}

pub(super) fn detect(args: &DetectArgs) -> Outcome {
    let model = match &args.model {
        Some(path) => Model::parse(&read(path)?)
            .map_err(|e| Failure::new(format!("{}: {e}", path.display())))?,
        None => Model::generic(),
    };
    let good = args.good_bots.as_deref().map(networks).transpose()?.unwrap_or_default();
    let mut detector = Detector::new(model);
    if let Some(file) = &args.attacks {
        let model = match file.as_os_str() == "shipped" {
            true => attack_model::Model::shipped().cloned(),
            false => super::score::model(file)?,
        };
        detector = detector.with(Attacks(model));
    }
    for request in open(&args.file)? {
        detector.observe(&request.map_err(said)?);
    }
    detector.finish();
    let mut out = BufWriter::new(stdout().lock());
    for (actor, caller) in detector.callers() {
        let address = caller.address.as_deref().and_then(|text| text.parse::<IpAddr>().ok());
        let is_good = address.is_some_and(|address| good.iter().any(|n| n.contains(address)));
        output(writeln!(out, "{}", line(actor, caller, is_good, args.measures)))?;
    }
    output(out.flush())?;
    if detector.overlooked() > 0 {
        eprintln!(
            "{} requests of callers beyond the first {}",
            detector.overlooked(),
            Detector::MOST
        );
    }
    Ok(ExitCode::SUCCESS)
}

fn open(file: &Path) -> Result<Requests, Failure> {
    Requests::open(file).map_err(said)
}

fn said(error: Error) -> Failure {
    Failure::new(error.to_string())
}

/// The addresses and networks in a file.
fn networks(path: &Path) -> Result<Vec<Network>, Failure> {
    let bytes = read(path)?;
    let text = String::from_utf8_lossy(&bytes);
    let lines = text.lines().enumerate();
    let networks = lines.filter_map(|(n, line)| {
        let entry = line.split('#').next().unwrap_or_default().trim();
        let wrong = || {
            let (file, line) = (path.display(), n + 1);
            Failure::new(format!("{file}: line {line}: `{entry}` is no address or network"))
        };
        (!entry.is_empty()).then(|| Network::parse(entry).ok_or_else(wrong))
    });
    networks.collect()
}

fn line(actor: &str, caller: &Caller, is_good: bool, measures: bool) -> Value {
    // Four decimals: an f32 has not many more that are sure.
    let rounded = |value: f32| (f64::from(value) * 10_000.0).round() / 10_000.0;
    let verdict = &caller.verdict;
    let reasons: Vec<String> = verdict.reasons.iter().flatten().map(ToString::to_string).collect();
    let (score, kind, reasons) = match is_good {
        true => (0.0, Kind::GoodBot, vec!["on the list of good bots".to_owned()]),
        // Callers who send attacks are all close to 1, and are told apart there.
        false if caller.attack.is_some() => (f64::from(caller.score()), verdict.kind, reasons),
        false => (rounded(verdict.score), verdict.kind, reasons),
    };
    let mut line = json!({
        "actor": actor,
        "score": score,
        "kind": kind,
        "reasons": reasons,
        "requests": caller.requests,
    });
    if let (Some(attack), Value::Object(fields)) = (caller.attack, &mut line) {
        fields.insert("attack".to_owned(), json!(attack));
    }
    if let (true, Value::Object(fields)) = (measures, &mut line) {
        let values = caller.identity.measures();
        let value = |m: &Measure| (format!("{m:?}"), json!(rounded(values.get(*m))));
        fields.insert(
            "measures".to_owned(),
            Value::Object(Measure::ALL.iter().map(value).collect::<Map<_, _>>()),
        );
        fields.insert("first".to_owned(), json!(caller.first));
        fields.insert("alarm".to_owned(), json!(caller.alarm));
    }
    line
}
