//! `weir`: the operator's command line. Speaks to `weir-mgmt` over its unix socket; what needs no running system
//! (`policy check`, `scan`, `score`, `learn`, `validate`, `replay`) works without one.

mod access;
mod anomaly;
mod behaviour;
mod block;
mod client;
mod detect;
mod endpoints;
mod events;
mod learn;
mod policy;
mod replay;
mod scan;
mod score;
mod services;
mod status;
mod style;
mod top;
mod trial;
mod validate;

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use client::Client;

/// Watch and steer Weir, and try its engines on files.
#[derive(Debug, Parser)]
#[command(name = "weir", version)]
pub struct Cli {
    /// Unix socket of weir-mgmt
    #[arg(
        long,
        global = true,
        value_name = "SOCKET",
        default_value = "/run/weir/api.sock",
        env = "WEIR_API"
    )]
    api: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Say whether all is well: data plane, policy, events, what can be read
    Status {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Check, apply and show the policy
    #[command(subcommand)]
    Policy(policy::Command),
    /// Push the model by which the data plane judges callers, and show it
    #[command(subcommand)]
    Behaviour(behaviour::Command),
    /// Block sources in the kernel: add, remove, list
    #[command(subcommand)]
    Block(block::Command),
    /// Show who touched what: findings and different values by caller, service, endpoint and detector
    Access(access::Args),
    /// Show what was learnt of the APIs: endpoints, OpenAPI, drift, allow-list
    Endpoints(endpoints::Args),
    /// Show who calls whom
    #[command(subcommand)]
    Services(services::Command),
    /// Show the last events, and those to come
    Events(events::Args),
    /// Show all counters and their rates, refreshed each second
    Top(top::Args),
    /// Run a capture through the engine (`weir-dataplane replay`)
    Replay(replay::Args),
    /// Find sensitive data and attacks in files: exit status 0 none, 1 some, 2 an error
    Scan(scan::Args),
    /// Say how much requests (JSON lines) look like attacks, and why
    Score(score::Args),
    /// Learn from recorded requests: the endpoints of the APIs, how callers behave
    #[command(subcommand)]
    Learn(learn::Command),
    /// Tell what departs from what is usual in recorded requests: exit status 0 no attack, 1 some, 2 an error
    #[command(subcommand)]
    Detect(detect::Command),
    /// Check numbers (JSON lines `kind`, `value`): card, IBAN, SSN, …
    Validate {
        /// A file, or `-` for standard input
        #[arg(default_value = "-")]
        file: PathBuf,
    },
}

/// What went wrong, in one sentence: what, where, what to do.
#[derive(Debug)]
struct Failure(String);

type Outcome = Result<ExitCode, Failure>;

impl Failure {
    /// A sentence.
    fn new(sentence: impl Into<String>) -> Failure {
        Failure(sentence.into())
    }

    /// Something about a file.
    fn file(what: &str, path: &Path) -> impl FnOnce(io::Error) -> Failure {
        let begin = format!("can't {what} {}", path.display());
        move |e| Failure(format!("{begin}: {e}"))
    }
}

/// Standard output is gone (`weir events | head`): nothing is wrong, there is just nothing left to do.
fn output(result: io::Result<()>) -> Result<(), Failure> {
    match result {
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
        other => other.map_err(|e| Failure(format!("can't write to standard output: {e}"))),
    }
}

/// Reads a file, or standard input for `-`.
fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    if path == Path::new("-") {
        let mut bytes = Vec::new();
        return io::stdin()
            .read_to_end(&mut bytes)
            .map(|_| bytes)
            .map_err(Failure::file("read", Path::new("standard input")));
    }
    std::fs::read(path).map_err(Failure::file("read", path))
}

/// Runs a command line and returns the process's exit status.
pub fn run(cli: Cli) -> ExitCode {
    let client = Client::new(cli.api);
    let outcome = match cli.command {
        Command::Status { json } => status::run(&client, json),
        Command::Policy(command) => policy::run(&client, command),
        Command::Behaviour(command) => behaviour::run(&client, command),
        Command::Block(command) => block::run(&client, command),
        Command::Access(args) => access::run(&client, &args),
        Command::Endpoints(args) => endpoints::run(&client, &args),
        Command::Services(command) => services::run(&client, &command),
        Command::Events(args) => events::run(&client, &args),
        Command::Top(args) => top::run(&client, &args),
        Command::Replay(args) => replay::run(args),
        Command::Scan(args) => scan::run(&args),
        Command::Score(args) => score::run(&args),
        Command::Learn(command) => learn::run(&client, &command),
        Command::Detect(command) => detect::run(&command),
        Command::Validate { file } => validate::run(&file),
    };
    outcome.unwrap_or_else(|Failure(sentence)| {
        eprintln!("weir: {sentence}");
        ExitCode::from(2)
    })
}
