//! Measures Weir against a kernel bridge, the bare AF_XDP forwarder and HAProxy, side by side in one run.
//!
//! ```text
//! for each round:  for each workload:  for each contender, in rotated order:  measure
//! ```
//!
//! Prints a table as it goes, then `figure: NAME VALUE UNIT` lines; raw results go to `perf/runs/`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use serde_json::json;
use weir_perf::contender::{self, Contender};
use weir_perf::load::{self, Workload};
use weir_perf::machine;
use weir_perf::replay::{Replay, Round};
use weir_perf::report::{Raw, Run, figure, median, over_bare, own};
use weir_tests::bodies::Site;
use weir_tests::net::Topology;
use weir_tests::servers::Nginx;
use weir_tests::{Error, Result};

/// The workload of reading a capture, in which nobody stands in the middle.
const REPLAY: &str = "replay";

/// Measures Weir against a kernel bridge, the bare AF_XDP forwarder and HAProxy.
#[derive(Parser)]
struct Options {
    /// Rounds; figures are medians over them.
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// Seconds of each measurement.
    #[arg(long, default_value_t = 5)]
    seconds: u32,
    /// Only these contenders: bridge, bare, off, weir, packs, haproxy.
    #[arg(long, value_delimiter = ',', default_values_t = contender::ALL.map(|c| c.name().to_owned()))]
    contenders: Vec<String>,
    /// Only these workloads: h1-1k, h1-10k, h1-mixed, h2-mixed, latency.500, latency.2000, replay.
    #[arg(long, value_delimiter = ',', default_values_t = load::ALL.map(Workload::name).into_iter().chain([REPLAY.to_owned()]))]
    workloads: Vec<String>,
    /// Where raw results go.
    #[arg(long, default_value = "perf/runs")]
    out: PathBuf,
}

fn main() -> ExitCode {
    match bench(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("bench: {e}");
            ExitCode::FAILURE
        }
    }
}

fn bench(options: &Options) -> Result<()> {
    let note = machine::note();
    let date = note.get("date").and_then(|d| d.as_str()).unwrap_or_default();
    let name = date.replace([':', '-'], "");
    let mut raw = Raw::create(&options.out, &name)?;
    raw.write(&json!({ "machine": note }))?;
    println!("{note}");

    let topology = Topology::new()?;
    let site = Site::generate(20_240_607);
    let _nginx = Nginx::start(&topology, &site)?;
    let runs = measure_all(options, &topology, &site, &mut raw)?;
    let replayed = replays(options, &topology, &site, &mut raw)?;
    for line in figures(&runs).into_iter().chain(replay_figures(&replayed)) {
        raw.write(&json!({ "figure": line }))?;
    }
    println!("raw results: {}", raw.path().display());
    Ok(())
}

fn measure_all(
    options: &Options,
    topology: &Topology,
    site: &Site,
    raw: &mut Raw,
) -> Result<Vec<Run>> {
    let named = |name: &String| {
        Contender::named(name).ok_or_else(|| Error(format!("there is no contender {name}")))
    };
    let mut contenders = options.contenders.iter().map(named).collect::<Result<Vec<_>>>()?;
    let chosen = |w: &Workload| options.workloads.contains(&w.name());
    println!(
        "{:12} {:8} {:>9} {:>9} {:>9} {:>9} {:>7} {:>5}",
        "workload", "middle", "req/s", "p50 ms", "p99 ms", "cpu µs/req", "rss MB", "bad"
    );
    let mut runs = Vec::new();
    for round in 0..options.rounds {
        for workload in load::ALL.into_iter().filter(chosen) {
            for contender in &contenders {
                runs.push(measure(options, topology, site, workload, *contender, round, raw)?);
            }
            // Whoever comes first after a change of load has a disadvantage: each does in turn.
            if !contenders.is_empty() {
                contenders.rotate_left(1);
            }
        }
    }
    Ok(runs)
}

/// One measurement.
fn measure(
    options: &Options,
    topology: &Topology,
    site: &Site,
    workload: Workload,
    contender: Contender,
    round: u32,
    raw: &mut Raw,
) -> Result<Run> {
    let mut running = contender.start(topology)?;
    let pid = running.pid();
    let _spinners = match workload {
        Workload::Latency(_) => machine::keep_awake(&topology.client)?,
        _ => Vec::new(),
    };
    let used = || pid.map_or(Duration::ZERO, machine::cpu_time);
    let (start, before) = (Instant::now(), used());
    let measured = load::run(topology, site, workload, options.seconds)?;
    let cpu_time = used().saturating_sub(before);
    // h2load's warm-up and the open-loop client's are not among its requests, but in the processor time.
    let requests = measured.rate * start.elapsed().as_secs_f64();
    let cpu = cpu_time.as_secs_f64() * 1e6 / requests.max(1.0);
    let rss = pid.map_or(0.0, machine::resident_mb);
    println!(
        "{:12} {:8} {:9.0} {:9.3} {:9.3} {:10.2} {:7.1} {:5}",
        workload.name(),
        contender.name(),
        measured.rate,
        measured.p50,
        measured.p99,
        cpu,
        rss,
        measured.bad
    );
    raw.write(&json!({
        "contender": contender.name(), "workload": workload.name(), "round": round,
        "measured": measured.json(), "cpu_us_per_request": cpu, "rss_mb": rss,
    }))?;
    let (rate, p99) = (measured.rate, measured.p99);
    Ok(Run { contender, workload: workload.name(), round, rate, p99, cpu })
}

/// Rounds of reading a capture, beside Hyperscan.
fn replays(
    options: &Options,
    topology: &Topology,
    site: &Site,
    raw: &mut Raw,
) -> Result<Vec<Round>> {
    if !options.workloads.iter().any(|w| w == REPLAY) {
        return Ok(Vec::new());
    }
    let replay = Replay::prepare(topology.dir(), site)?;
    let mut rounds = Vec::new();
    for number in 0..options.rounds {
        let round = replay.round()?;
        let Round { weir, packs, streaming, block } = round;
        println!(
            "replay: weir {weir:.2} Gbit/s, with all packs {packs:.2}, hyperscan {streaming:.2} streaming, {block:.2} block"
        );
        raw.write(&json!({
            "workload": REPLAY, "round": number, "weir_gbit": weir, "packs_gbit": packs,
            "hyperscan_streaming_gbit": streaming, "hyperscan_block_gbit": block,
        }))?;
        rounds.push(round);
    }
    Ok(rounds)
}

/// Prints the figures of reading captures and gives their lines.
fn replay_figures(rounds: &[Round]) -> Vec<String> {
    let middle =
        |measure: fn(&Round) -> f64| median(&rounds.iter().map(measure).collect::<Vec<_>>());
    let lines = [
        figure("replay.gbit_per_core", middle(|r| r.weir), "Gbit/s"),
        figure("replay.over_raw_hyperscan", middle(|r| r.weir / r.streaming), "ratio"),
        figure("replay.over_raw_hyperscan_block", middle(|r| r.weir / r.block), "ratio"),
        figure("replay.packs_gbit_per_core", middle(|r| r.packs), "Gbit/s"),
        figure("replay.packs_over_raw_hyperscan", middle(|r| r.packs / r.streaming), "ratio"),
    ];
    lines.into_iter().flatten().collect()
}

/// Prints the figures and gives their lines.
fn figures(runs: &[Run]) -> Vec<String> {
    let mut lines = Vec::new();
    for workload in load::ALL {
        let name = workload.name();
        let over = |who, measure: fn(&Run) -> f64| over_bare(runs, &name, who, measure);
        if let Workload::Latency(_) = workload {
            let ratio = over(Contender::Weir, |r| r.p99);
            lines.extend(figure(&format!("{name}.p99_over_bare"), ratio, "ratio"));
            for who in contender::ALL {
                let p99 = own(runs, &name, who, |r| r.p99);
                lines.extend(figure(&format!("{name}.p99.{}", who.name()), p99, "ms"));
            }
            continue;
        }
        let shares = [
            ("over_bare", Contender::Weir),
            ("packs_over_bare", Contender::Packs),
            ("off_over_bare", Contender::Off),
            ("bridge_over_bare", Contender::Bridge),
            ("haproxy_over_bare", Contender::HaProxy),
        ];
        for (what, who) in shares {
            let ratio = over(who, |r| r.rate);
            lines.extend(figure(&format!("inline.{name}.{what}"), ratio, "ratio"));
        }
        let costs = [
            ("cpu_us_per_request", Contender::Weir),
            ("bare_cpu_us_per_request", Contender::Bare),
            ("haproxy_cpu_us_per_request", Contender::HaProxy),
        ];
        for (what, who) in costs {
            let cpu = own(runs, &name, who, |r| r.cpu);
            lines.extend(figure(&format!("inline.{name}.{what}"), cpu, "us"));
        }
        let ratio = over(Contender::Weir, |r| r.cpu);
        lines.extend(figure(&format!("inline.{name}.cpu_over_bare"), ratio, "ratio"));
    }
    lines
}
