//! `weir detect anomaly`: what departs from what is usual for services and endpoints, and what it means.

use std::io::{BufWriter, IsTerminal, Write, stdout};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args as ClapArgs;
use clap::builder::ArgPredicate;

use super::style::{Style, printable};
use super::{Failure, Outcome, output};
use crate::learning::anomaly::{Engine, Observation, Report, Severity, State, load, save};
use crate::learning::requests::{Error, Requests};

/// Wrong lines that are told of one by one.
const TOLD: u64 = 5;

#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    /// Recorded requests with times, in their order (JSON lines, HAR, access log, EVE events, capture), or `-` for standard input
    #[arg(default_value = "-", default_value_if("merge", ArgPredicate::IsPresent, "/dev/null"))]
    file: PathBuf,
    /// A JSON line for each anomaly, also on a terminal
    #[arg(long)]
    json: bool,
    /// Tell of each as it begins, changes and ends, and not only when it has ended
    #[arg(long)]
    follow: bool,
    /// Begin with what this file knows, if it is there, and keep in it what is learnt
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// Add what another node knows to the model, before anything is read: its model file. May be given for each of several nodes;
    /// then requests are only read where a file names them
    #[arg(long, value_name = "FILE", requires = "model")]
    merge: Vec<PathBuf>,
}

pub(super) fn run(args: &Args) -> Outcome {
    let mut engine = match &args.model {
        Some(path) => load(path).map_err(Failure::file("read the model", path))?,
        None => Engine::default(),
    };
    for path in &args.merge {
        if !path.exists() {
            return Err(Failure::new(format!("there is no model {}", path.display())));
        }
        engine.merge(load(path).map_err(Failure::file("read the model", path))?);
    }
    let mut requests = Requests::open(&args.file).map_err(|e| Failure::new(e.to_string()))?;
    let mut printer = Printer::new(args);
    let mut wrong = 0;
    while let Some(request) = requests.next() {
        let observation = match request {
            Ok(request) => Observation::new(&request).map_err(|what| {
                format!("{}: line {}: {what}", args.file.display(), requests.line())
            }),
            Err(e @ Error::Line { .. }) => Err(e.to_string()),
            Err(e) => return Err(Failure::new(e.to_string())),
        };
        match observation {
            Ok(observation) => printer.print(&engine.observe(&observation))?,
            Err(what) => {
                wrong += 1;
                if wrong <= TOLD {
                    eprintln!("weir: {what}");
                }
            }
        }
    }
    if requests.line() > 0 {
        printer.print(&engine.finish())?;
    }
    printer.end()?;
    if let Some(path) = &args.model {
        save(&engine, path).map_err(Failure::file("write the model", path))?;
    }
    if engine.late > 0 {
        eprintln!(
            "weir: {} requests came after later ones; sort the recording by time",
            engine.late
        );
    }
    if engine.ahead > 0 {
        eprintln!("weir: {} requests have times far ahead of those around them", engine.ahead);
    }
    match wrong {
        0 => Ok(ExitCode::from(u8::from(printer.attacks > 0))),
        _ => Err(Failure::new(format!("{wrong} lines are left out"))),
    }
}

struct Printer {
    out: BufWriter<std::io::Stdout>,
    json: bool,
    follow: bool,
    style: Style,
    attacks: u64,
    others: u64,
}

impl Printer {
    fn new(args: &Args) -> Printer {
        let json = args.json || !stdout().is_terminal();
        let out = BufWriter::new(stdout());
        Printer { out, json, follow: args.follow, style: Style::detect(), attacks: 0, others: 0 }
    }

    fn print(&mut self, reports: &[Report]) -> Result<(), Failure> {
        for report in reports {
            if report.state == State::End {
                match report.kind.is_attack() {
                    true => self.attacks += 1,
                    false => self.others += 1,
                }
            } else if !self.follow {
                continue;
            }
            let line = match self.json {
                true => serde_json::to_string(report).map_err(|e| Failure::new(e.to_string()))?,
                false => row(report, self.style),
            };
            output(writeln!(self.out, "{line}"))?;
        }
        if !reports.is_empty() {
            output(self.out.flush())?;
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), Failure> {
        if !self.json {
            let (attacks, others) = (self.attacks, self.others);
            output(writeln!(self.out, "{attacks} attacks, {others} other anomalies"))?;
        }
        output(self.out.flush())
    }
}

/// Two lines for people: when, what and where; then what it means.
fn row(report: &Report, style: Style) -> String {
    let name = format!("{:<23}", report.kind.name());
    let name = match report.severity {
        Severity::Low => style.warn(&name),
        Severity::High | Severity::Critical => style.bad(&name),
    };
    let state = match report.state {
        State::Start => "begins",
        State::Update => "goes on",
        State::End => "",
    };
    let (start, end) = (time(report.window.start), time(report.window.end));
    let until = end.get(11..).unwrap_or(&end);
    let service = printable(&report.service);
    let score = report.score;
    format!(
        "{start}–{until}  {name} {service}  {score:.2} {state}\n    {}",
        style.dim(&printable(&report.means))
    )
}

/// `2026-11-22 13:05`, UTC.
pub(super) fn time(seconds: u64) -> String {
    let seconds = i64::try_from(seconds).unwrap_or_default();
    let time = jiff::Timestamp::from_second(seconds).unwrap_or_default();
    time.strftime("%Y-%m-%d %H:%M").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_utc() {
        assert_eq!(time(1_700_000_000), "2023-11-14 22:13");
    }
}
