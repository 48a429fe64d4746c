//! `weir-mgmt`: the management daemon.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use weir_mgmt::daemon::{self, Settings};

/// Keeps the policy, events and metrics of a Weir data plane. Needs no privileges, and the data plane works without it.
#[derive(Parser)]
#[command(version)]
struct Flags {
    /// Settings file (YAML); flags overrule it
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// Unix socket for the data plane [default: /run/weir/control.sock]
    #[arg(long, value_name = "SOCKET")]
    control: Option<PathBuf>,
    /// Unix socket of the API, for `weir` [default: /run/weir/api.sock]
    #[arg(long, value_name = "SOCKET")]
    api: Option<PathBuf>,
    /// Address of /metrics, /healthz and the reading part of the API [default: 127.0.0.1:9099]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Where policy revisions are kept [default: /var/lib/weir-mgmt]
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
    /// Where events are written as JSON lines [default: /var/log/weir/events.jsonl]
    #[arg(long, value_name = "FILE")]
    events: Option<PathBuf>,
    /// The user to become if started as root
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
}

impl Flags {
    fn settings(self) -> Result<Settings, daemon::SettingsError> {
        let file = self.settings.map_or(Ok(Settings::default()), |f| Settings::load(&f))?;
        let mut events = file.events;
        events.file = self.events.or(events.file);
        Ok(Settings {
            control: self.control.unwrap_or(file.control),
            api: self.api.unwrap_or(file.api),
            listen: self.listen.or(file.listen),
            state_dir: self.state_dir.unwrap_or(file.state_dir),
            user: self.user.or(file.user),
            events,
            learning: file.learning,
        })
    }
}

fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_env("WEIR_LOG");
    tracing_subscriber::fmt()
        .with_env_filter(filter.unwrap_or_else(|_| "info".into()))
        .with_writer(std::io::stderr)
        .with_target(false)
        .init();
    let settings = match Flags::parse().settings() {
        Ok(settings) => settings,
        Err(e) => return fail(&e),
    };
    match daemon::run(settings) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => fail(&e),
    }
}

fn fail(e: &dyn std::error::Error) -> ExitCode {
    eprintln!("weir-mgmt: {e}");
    ExitCode::FAILURE
}
