//! `weir learn`: what is learnt from recorded requests, the endpoints of the APIs behind them and how callers behave.

use std::io::{BufWriter, Write, stdout};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args as ClapArgs, Subcommand, ValueEnum};

use super::{Failure, Outcome, behaviour, output};
use crate::learning::endpoints::templates::Networks;
use crate::learning::endpoints::{Learner, listing};
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
    /// Networks of another training [default: the built-in ones]
    #[arg(long, value_name = "FILE", hide = true)]
    networks: Option<PathBuf>,
    /// The same as `--format jsonl`
    #[arg(long, conflicts_with = "format")]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A line for each endpoint
    Jsonl,
}

pub(super) fn run(command: &Command) -> Outcome {
    match command {
        Command::Endpoints(args) => endpoints(args),
        Command::Behaviour(args) => behaviour::learn(args),
    }
}

fn endpoints(args: &Args) -> Outcome {
    let networks = match &args.networks {
        Some(file) => Networks::read(&super::read(file)?),
        None => Networks::built_in(),
    };
    let networks = networks.ok_or_else(|| Failure::new("no networks, or damaged ones"))?;
    let mut learner = Learner::new(networks);
    let mut requests = Requests::open(&args.file).map_err(|e| Failure::new(e.to_string()))?;
    let mut count = 0u64;
    for request in &mut requests {
        learner.observe(&request.map_err(|e| Failure::new(e.to_string()))?);
        count += 1;
    }
    let learnt = learner.learnt();
    let mut out = BufWriter::new(stdout().lock());
    for line in listing::lines(&learnt) {
        output(writeln!(out, "{line}"))?;
    }
    output(out.flush())?;
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
