//! `weir-dataplane`: the process on the wire.
//!
//! Exit codes: 0 done; 1 the command line or the settings are wrong; 2 the system refuses (no privilege, no such
//! device, no XDP), nothing was changed or all was undone; 3 it stopped while running.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Parser, Subcommand};
use nix::sys::signal::{SigSet, Signal};
use tracing_subscriber::EnvFilter;
use weir_dataplane::settings::Settings;
use weir_dataplane::worker::Workers;
use weir_dataplane::xdp::{self, Xdp};

/// The data plane of Weir: ports, workers and the XDP program.
#[derive(Parser)]
#[command(
    version,
    after_help = "Exit codes: 0 done; 1 wrong usage or settings; 2 the system refuses; 3 stopped while running."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Attaches the XDP program and works until SIGTERM or SIGINT. The program stays attached afterwards and falls
    /// back as the settings say.
    Run {
        /// The settings file (YAML).
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Removes the XDP program that an earlier run left attached. From then on nothing passes between the ports.
    Detach {
        /// The settings file (YAML) of that run.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
}

/// What ended the program, as its exit code.
enum Failure {
    Usage = 1,
    Refused = 2,
    Stopped = 3,
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(e) => {
            // Prints help to stdout and errors to stderr.
            let _ = e.print();
            return ExitCode::from(if e.use_stderr() { Failure::Usage as u8 } else { 0 });
        }
    };
    let filter = EnvFilter::try_from_env("WEIR_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let result = match cli.command {
        Command::Run { config } => run(&config),
        Command::Detach { config } => detach(&config),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err((failure, error)) => {
            eprintln!("weir-dataplane: {error}");
            ExitCode::from(failure as u8)
        }
    }
}

/// An error with the exit code that it leads to.
fn as_failure<E: ToString>(failure: Failure) -> impl FnOnce(E) -> (Failure, String) {
    move |error| (failure, error.to_string())
}

fn load(config: &Path) -> Result<Settings, (Failure, String)> {
    Settings::load(config).map_err(as_failure(Failure::Usage))
}

fn run(config: &Path) -> Result<(), (Failure, String)> {
    let settings = load(config)?;
    // Blocked before any thread starts, so that all inherit it and only the wait below sees them.
    let signals = SigSet::from_iter([Signal::SIGTERM, Signal::SIGINT]);
    signals.thread_block().map_err(as_failure(Failure::Refused))?;

    let xdp = Arc::new(Xdp::attach(&settings.xdp()).map_err(as_failure(Failure::Refused))?);
    let mut workers = Workers::start(&settings, &xdp).map_err(as_failure(Failure::Refused))?;
    tracing::info!(ports = ?settings.ports, workers = settings.workers, "running");

    let signal = signals.wait().map_err(as_failure(Failure::Stopped))?;
    tracing::info!(%signal, "stopping");
    let stopped = workers.stop();
    for (worker, report) in workers.reports().iter().enumerate() {
        tracing::info!(worker, ?report, "worker ended");
    }
    stopped.map_err(as_failure(Failure::Stopped))
}

fn detach(config: &Path) -> Result<(), (Failure, String)> {
    let settings = load(config)?;
    let removed = xdp::detach(&settings.bpffs).map_err(as_failure(Failure::Refused))?;
    println!("{}", if removed { "detached" } else { "nothing was attached" });
    Ok(())
}
