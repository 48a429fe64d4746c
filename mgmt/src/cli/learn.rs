//! `weir learn`: what is learnt from recorded requests, the endpoints of the APIs behind them and how callers behave.

use std::collections::BTreeSet;
use std::io::{Write, stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args as ClapArgs, Subcommand, ValueEnum};
use serde_json::Value;
use weir_inspect::policy::{Mode, Policy};

use super::client::Client;
use super::{Failure, Outcome, behaviour, output, read};
use crate::learning::endpoints::drift::Description;
use crate::learning::endpoints::edits::Edits;
use crate::learning::endpoints::templates::Networks;
use crate::learning::endpoints::trial::{HELD_BACK, Refused};
use crate::learning::endpoints::{Learner, Learnt, allow_list, listing, openapi};
use crate::learning::requests::Requests;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Discover endpoints: method, host, template, parameters, bodies, callers
    Endpoints(Args),
    /// Learn how callers behave: which endpoint follows which, and what is usual
    Behaviour(behaviour::LearnArgs),
}

#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    /// Requests: JSON lines, HAR, access log, EVE events, pcap, pcapng; each also in gzip; `-` for standard input
    #[arg(default_value = "-")]
    file: PathBuf,
    /// What to write
    #[arg(long, value_enum, default_value_t = Format::Jsonl)]
    format: Format,
    /// The same as `--format jsonl`
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// With `openapi`: of this host
    #[arg(long, value_name = "NAME")]
    host: Option<String>,
    /// Compare with this OpenAPI 3 file (YAML or JSON): a line for each shadow or zombie endpoint, undocumented parameter and
    /// change of type
    #[arg(long, value_name = "FILE", conflicts_with = "format")]
    against: Option<PathBuf>,
    /// Templates that hold, whatever is learnt (YAML, `templates: ["/users/{login}", /users/me]`): names stay names, a parameter
    /// joins all others at its place, and has its name
    #[arg(long, value_name = "FILE")]
    edits: Option<PathBuf>,
    /// Networks of another training [default: the built-in ones]
    #[arg(long, value_name = "FILE", hide = true)]
    networks: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A line for each endpoint
    Jsonl,
    /// OpenAPI 3.1, of one host
    Openapi,
    /// An allow-list as a policy in monitor mode; how much it would block of the last fifth goes to standard error
    Policy,
}

pub(super) fn run(client: &Client, command: &Command) -> Outcome {
    match command {
        Command::Endpoints(args) => endpoints(args),
        Command::Behaviour(args) if args.live => live(client, &args.out),
        Command::Behaviour(args) => behaviour::learn(args),
    }
}

/// How callers behave, as weir-mgmt has learnt it.
fn live(client: &Client, out: &Path) -> Outcome {
    let model = client.get("/api/v1/behaviour/learnt")?;
    std::fs::write(out, model.to_string()).map_err(Failure::file("write", out))?;
    let of = |name: &str| model.get(name).and_then(Value::as_u64).unwrap_or(0);
    let endpoints = model.get("templates").and_then(Value::as_array).map_or(0, Vec::len);
    eprintln!(
        "{} callers ({} left out), {endpoints} endpoints ({} not believed)",
        of("callers"),
        of("quarantined_callers"),
        of("quarantined_templates")
    );
    Ok(ExitCode::SUCCESS)
}

fn endpoints(args: &Args) -> Outcome {
    let networks = match &args.networks {
        Some(file) => Networks::read(&read(file)?),
        None => Networks::built_in(),
    };
    let networks = networks.ok_or_else(|| Failure::new("no networks, or damaged ones"))?;
    let against = args.against.as_deref().map(description).transpose()?;
    let mut learner = Learner::new(networks);
    if let Some(file) = &args.edits {
        learner.edit(Edits::read(&text(file)?).map_err(|what| wrong(file, &what))?);
    }
    if args.format == Format::Policy {
        return policy(args, &mut learner);
    }
    let mut requests = open(&args.file)?;
    let mut count = 0u64;
    for request in &mut requests {
        learner.observe(&request.map_err(failed)?);
        count += 1;
    }
    let learnt = learner.learnt();
    let text = match (&against, args.format) {
        (Some(description), _) => lines(description.compare(&learnt).into_iter()),
        (None, Format::Openapi) => document(&learnt, args.host.as_deref())?,
        (None, _) => lines(listing::lines(&learnt)),
    };
    output(stdout().write_all(text.as_bytes()))?;
    let left = learner.left();
    eprintln!(
        "{count} requests, {} endpoints; {} refused or not found, {} beyond a limit, {} lines without a request",
        learnt.endpoints.len(),
        left.refused,
        left.limits,
        requests.passed_over()
    );
    Ok(ExitCode::SUCCESS)
}

fn open(file: &Path) -> Result<Requests, Failure> {
    Requests::open(file).map_err(failed)
}

fn failed(error: crate::learning::requests::Error) -> Failure {
    Failure::new(error.to_string())
}

fn lines(values: impl Iterator<Item = Value>) -> String {
    values.map(|value| format!("{value}\n")).collect()
}

/// The OpenAPI document of the host, or of the only one.
fn document(learnt: &Learnt, host: Option<&str>) -> Result<String, Failure> {
    let hosts: BTreeSet<&str> = learnt.endpoints.iter().map(|e| e.host.as_str()).collect();
    let host = match (host, hosts.first()) {
        (Some(host), _) if !hosts.contains(host) => {
            return Err(Failure::new(format!("no endpoint of the host `{host}` was seen")));
        }
        (Some(host), _) => host,
        (None, Some(only)) if hosts.len() == 1 => only,
        (None, None) => "",
        (None, Some(_)) => {
            let names: Vec<&str> = hosts.into_iter().collect();
            let all = names.join(", ");
            return Err(Failure::new(format!(
                "a document is about one host; name it with --host: {all}"
            )));
        }
    };
    let document = serde_json::to_string_pretty(&openapi::document(learnt, host));
    document.map(|text| text + "\n").map_err(|e| Failure::new(e.to_string()))
}

fn wrong(file: &Path, what: &dyn std::fmt::Display) -> Failure {
    Failure::new(format!("{}: {what}", file.display()))
}

fn text(file: &Path) -> Result<String, Failure> {
    String::from_utf8(read(file)?).map_err(|e| wrong(file, &e))
}

fn description(file: &Path) -> Result<Description, Failure> {
    Description::read(&yaml_or_json(file)?).map_err(|what| wrong(file, &what))
}

/// A document in a file.
pub(super) fn yaml_or_json(file: &Path) -> Result<Value, Failure> {
    let text = text(file)?;
    // JSON is YAML, nearly; where it is meant, its own parser says better what is wrong.
    Ok(match text.trim_start().starts_with('{') {
        true => serde_json::from_str(&text).map_err(|e| wrong(file, &e))?,
        false => serde_saphyr::from_str(&text).map_err(|e| wrong(file, &e))?,
    })
}

/// Reads the file twice: to know where its last fifth begins, and to learn.
fn policy(args: &Args, learner: &mut Learner) -> Outcome {
    if args.file == Path::new("-") {
        return Err(Failure::new(
            "a policy is tried on the end of the recording, which needs a file",
        ));
    }
    let mut count = 0u64;
    for request in open(&args.file)? {
        request.map_err(failed)?;
        count += 1;
    }
    let begin = count - count / HELD_BACK;
    let mut trial: Option<Policy> = None;
    let mut refused = Refused::default();
    for (number, request) in (0..).zip(open(&args.file)?) {
        let request = request.map_err(failed)?;
        if number == begin {
            trial = Some(compiled(&allow_list::policy(&learner.learnt()).0)?);
        }
        if let Some(trial) = &trial {
            refused.add(trial, &request);
        }
        learner.observe(&request);
    }
    let learnt = learner.learnt();
    let (text, joined) = allow_list::policy(&learnt);
    compiled(&text)?;
    output(stdout().write_all(text.as_bytes()))?;
    let percent = |(all, blocked): (u64, u64)| {
        let share = blocked as f64 * 100.0 / all.max(1) as f64;
        format!("{blocked} of {all} ({share:.2} %)")
    };
    eprintln!(
        "learnt from the first {begin} of {count} requests it would block of the rest {}, and of those that were answered {}",
        percent(refused.all),
        percent(refused.answered)
    );
    let hosts = allow_list::left_out(&learnt);
    if joined > 0 || hosts > 0 {
        eprintln!(
            "{joined} endpoints are joined to wider globs, {hosts} hosts are left out: a policy has limits"
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// As if it were enforced.
fn compiled(source: &str) -> Result<Policy, Failure> {
    let compiled = Policy::compile(source)
        .map_err(|errors| super::policy::refused("the policy learnt", &errors));
    compiled.map(|(policy, _)| policy.with_mode(Mode::Enforce))
}
