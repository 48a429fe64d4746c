//! `weir-dataplane`: the process on the wire.
//!
//! Exit codes: 0 done; 1 the command line or the settings are wrong; 2 the system refuses (no privilege, no such
//! device, no XDP), nothing was changed or all was undone; 3 it stopped while running.

use std::fs::File;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::{Args, Parser, Subcommand};
use nix::sys::signal::{SigSet, Signal};
use tracing_subscriber::EnvFilter;
use weir_dataplane::control::{
    Control, ControlSettings, OUTBOX, Shared, initial_endpoints, initial_model, initial_policy,
};
use weir_dataplane::engine::Side;
use weir_dataplane::linkstate::{self, LinkState};
use weir_dataplane::preflight::{Ready, Request, Undo, undo_file};
use weir_dataplane::replay::Replay;
use weir_dataplane::settings::Settings;
use weir_dataplane::worker::{Workers, now, samples};
use weir_dataplane::xdp::{self, Attached, FallbackWatch, Stat, Stats, Xdp};
use weir_inspect::behaviour::Model;
use weir_inspect::policy::{self, Policy};
use weir_proto::{BlockRequest, Sample};

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
    Run(Start),
    /// Checks and prepares the ports as `run` does, says what is wrong or could be better, and undoes what it changed.
    Preflight(Start),
    /// Reads capture files (pcap, pcapng) through the same engine; nothing is sent or edited.
    Replay {
        /// Captures (pcap, pcapng) or requests as JSON lines, one file after the other.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// The policy (YAML). Without one every detector alerts.
        #[arg(long, value_name = "FILE")]
        policy: Option<PathBuf>,
        /// How callers behave, as `weir learn behaviour` writes it, for a policy with `behaviour`.
        #[arg(long, value_name = "FILE")]
        model: Option<PathBuf>,
        /// Where events go as JSON lines; `-` is standard output. Without it they are only counted.
        #[arg(long, value_name = "FILE")]
        events: Option<PathBuf>,
    },
    /// Removes the XDP program that an earlier run left attached. From then on nothing passes between the ports.
    Detach {
        /// The settings file (YAML) of that run.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
}

/// What `run` and `preflight` are given.
#[derive(Args)]
struct Start {
    /// The settings file (YAML).
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// A network namespace (`/run/netns/NAME`) in which the other end of a veth port may be prepared: checksums computed
    /// there, GRO on. May be repeated.
    #[arg(long, value_name = "NETNS")]
    peer_netns: Vec<PathBuf>,
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
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
    let result = match cli.command {
        Command::Run(start) => run(start),
        Command::Preflight(start) => preflight(start),
        Command::Replay { files, policy, model, events } => replay(&files, policy, model, events),
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

/// Checks and prepares the ports; what is prepared is undone when the result is dropped.
fn prepare(start: Start) -> Result<(Settings, Ready), (Failure, String)> {
    let settings = load(&start.config)?;
    let request = Request {
        ports: settings.xdp().ports,
        mode: settings.xdp().mode,
        workers: settings.workers.get(),
        peer_netns: start.peer_netns,
        undo_file: undo_file(&settings.bpffs),
    };
    let ready = weir_dataplane::preflight::run(&request).map_err(as_failure(Failure::Refused))?;
    for warning in &ready.warnings {
        tracing::warn!("{warning}");
    }
    Ok((settings, ready))
}

fn preflight(start: Start) -> Result<(), (Failure, String)> {
    prepare(start)?;
    println!("ready");
    Ok(())
}

fn run(start: Start) -> Result<(), (Failure, String)> {
    let (settings, ready) = prepare(start)?;
    // Blocked before any thread starts, so that all inherit it and only the wait below sees them.
    let signals = SigSet::from_iter([Signal::SIGTERM, Signal::SIGINT]);
    signals.thread_block().map_err(as_failure(Failure::Refused))?;

    let shared = Arc::new(starting_policy(&settings)?);
    let xdp = Arc::new(Xdp::attach(&settings.xdp()).map_err(as_failure(Failure::Refused))?);
    let mut workers = Workers::start(&settings, &xdp, &shared).map_err(|e| {
        // Nothing half-applied; but what an earlier run left attached goes on falling back.
        if matches!(xdp.attached(Side::A), Ok(Attached::New(_))) {
            let _ = xdp::detach(&settings.bpffs);
        }
        as_failure(Failure::Refused)(e)
    })?;
    // The program outlives this process and needs the ports as they are now; `detach` undoes both.
    let mut undo = ready.undo;
    undo.keep();
    let reports = workers.report_handles().to_vec();
    let control = ControlSettings {
        socket: settings.control_socket.clone(),
        state_dir: settings.state_dir.clone(),
        outbox: OUTBOX,
    };
    let _link_state = mirror_link_state(&settings, undo, &shared)?;
    let program = Arc::clone(&xdp);
    let (watch, events) = (FallbackWatch::default(), Arc::clone(&shared));
    let metrics = move || {
        let stats = program_stats(&program);
        let of_ports: Vec<Stats> = stats.iter().map(|(_, stats)| *stats).collect();
        if let Some(event) = watch.event(&of_ports, wall_clock_us()) {
            events.emit(0, event);
        }
        [samples(&reports), program_samples(&stats)].concat()
    };
    let program = Arc::clone(&xdp);
    let blocks = move |request: &BlockRequest| xdp::blocks::answer(&program, now().0, request);
    let _control =
        Control::start(control, shared, metrics, blocks).map_err(as_failure(Failure::Stopped))?;
    tracing::info!(ports = ?settings.ports, workers = settings.workers, "running");

    let signal = signals.wait().map_err(as_failure(Failure::Stopped))?;
    tracing::info!(%signal, "stopping");
    let stopped = workers.stop();
    for (worker, report) in workers.reports().iter().enumerate() {
        tracing::info!(worker, ?report, "worker ended");
    }
    stopped.map_err(as_failure(Failure::Stopped))
}

/// Begins to mirror the link state, if the settings say so; it ends with what is given back.
fn mirror_link_state(
    settings: &Settings,
    undo: Undo,
    shared: &Arc<Shared>,
) -> Result<Option<LinkState>, (Failure, String)> {
    let (true, Some(b)) = (settings.mirror_link_state, settings.device_b()) else {
        return Ok(None);
    };
    let shared = Arc::clone(shared);
    let tell = move |change: &linkstate::Change| {
        tracing::warn!("{change}");
        shared.emit(0, change.event(wall_clock_us()));
    };
    LinkState::mirror(settings.device_a(), b, undo, tell)
        .map(Some)
        .map_err(as_failure(Failure::Stopped))
}

fn replay(
    files: &[PathBuf],
    policy: Option<PathBuf>,
    model: Option<PathBuf>,
    events: Option<PathBuf>,
) -> Result<(), (Failure, String)> {
    let policy = match policy {
        Some(path) => {
            let name = path.display().to_string();
            let source = policy::read_files(&path).map_err(as_failure(Failure::Usage))?;
            let compiled = Policy::compile(&source).map_err(|diagnostics| {
                let lines: Vec<_> = diagnostics.iter().map(|d| d.in_file(&name)).collect();
                (Failure::Usage, format!("the policy is refused:\n{}", lines.join("\n")))
            })?;
            compiled.0
        }
        None => Policy::monitor_all(),
    };
    let policy = match model {
        Some(path) => policy.with_model(Arc::new(read_model(&path)?)),
        None => policy,
    };
    let events: Option<Box<dyn Write>> = match events {
        Some(path) if path == Path::new("-") => Some(Box::new(std::io::stdout())),
        Some(path) => Some(Box::new(File::create(&path).map_err(|e| {
            (Failure::Usage, format!("the events can't be written to {}: {e}", path.display()))
        })?)),
        None => None,
    };
    let mut replay = Replay::new(policy, events);
    let result = files.iter().try_for_each(|file| replay.file(file));
    let summary = replay.finish().map_err(as_failure(Failure::Stopped))?;
    eprintln!("{summary}");
    result.map_err(as_failure(Failure::Usage))
}

fn read_model(path: &Path) -> Result<Model, (Failure, String)> {
    let named = |e: &dyn std::fmt::Display| (Failure::Usage, format!("{}: {e}", path.display()));
    let text = std::fs::read(path).map_err(|e| named(&e))?;
    Model::parse(&text).map_err(|e| named(&e))
}

/// What the XDP program counts at each port. It outlives this process, and so do its counts.
fn program_stats(xdp: &Xdp) -> Vec<(&'static str, Stats)> {
    // A mirror has no second port.
    let stats = |(port, side)| Some((port, xdp.stats(side).ok()?));
    [("a", Side::A), ("b", Side::B)].into_iter().filter_map(stats).collect()
}

fn program_samples(ports: &[(&str, Stats)]) -> Vec<Sample> {
    let of_port = |(port, stats): &(&str, Stats)| {
        Stat::ALL.map(|stat| {
            let labels = [("port", *port), ("end", stat.name())];
            Sample::count("xdp_packets_total", &labels, stats.get(stat))
        })
    };
    ports.iter().flat_map(of_port).collect()
}

/// Microseconds since the Unix epoch.
fn wall_clock_us() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros() as u64
}

/// The policy in force at the start: the last good one kept, else the one of the settings, else "alert on everything".
fn starting_policy(settings: &Settings) -> Result<Shared, (Failure, String)> {
    let given = match &settings.policy {
        Some(path) => {
            let source = policy::read_files(path).map_err(as_failure(Failure::Usage))?;
            Some((path.display().to_string(), source))
        }
        None => None,
    };
    let given = given.as_ref().map(|(name, source)| (name.as_str(), source.as_str()));
    let start = initial_policy(&settings.state_dir, given).map_err(as_failure(Failure::Usage))?;
    let (policy, revision) = start.unwrap_or_else(|| (Policy::monitor_all(), 0));
    let shared = Shared::new(policy, revision, settings.workers.get() as usize);
    let shared = shared.with_model(initial_model(&settings.state_dir));
    Ok(shared.with_endpoints(initial_endpoints(&settings.state_dir)))
}

fn detach(config: &Path) -> Result<(), (Failure, String)> {
    let settings = load(config)?;
    let removed = xdp::detach(&settings.bpffs).map_err(as_failure(Failure::Refused))?;
    Undo::load(&undo_file(&settings.bpffs)).map_err(as_failure(Failure::Refused))?.restore();
    println!("{}", if removed { "detached" } else { "nothing was attached" });
    Ok(())
}
