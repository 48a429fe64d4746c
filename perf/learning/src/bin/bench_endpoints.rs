//! How well endpoints are found in simulated traffic of APIs whose providers were left out of training, by how often each
//! template was seen and by what values look like.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use weir_inspect::endpoints::Endpoints;
use weir_inspect::request::Request;
use weir_mgmt::learning::endpoints::templates::Networks;
use weir_mgmt::learning::endpoints::{Learner, Learnt, list, paths};
use weir_perf::random::Random;
use weir_perf_learning::corpus::{self, Api};
use weir_perf_learning::score::Score;
use weir_perf_learning::simulate::{self, Amount, Plan};
use weir_perf_learning::value::{Taste, Words};

/// Score API discovery on simulated traffic of APIs left out of training
#[derive(Debug, Parser)]
struct Args {
    /// The directory with `corpora`
    #[arg(long, default_value = "../shared", env = "WEIR_SHARED")]
    shared: PathBuf,
    /// Networks to measure [default: the built-in ones]
    #[arg(long)]
    networks: Option<PathBuf>,
    /// For traffic
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// Only APIs whose name contains this, left out of training or not
    #[arg(long)]
    only: Option<String>,
    /// Write the traffic of words seen three times as JSON lines, with the true `template`
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(what) => {
            eprintln!("bench-endpoints: {what}");
            ExitCode::FAILURE
        }
    }
}

/// What values look like, and most entities of a kind. Of one, nothing stands beside its only value, as when a test records one owner.
const TRAFFIC: [(&str, Taste, usize); 4] = [
    ("ids", Taste::Ids, 20),
    ("mixed", Taste::Mixed, 20),
    ("words", Taste::Words, 20),
    ("a-word", Taste::Words, 1),
];

fn run(args: &Args) -> Result<(), String> {
    let networks = match &args.networks {
        Some(file) => {
            let bytes =
                std::fs::read(file).map_err(|e| format!("can't read {}: {e}", file.display()))?;
            Networks::read(&bytes)
        }
        None => Networks::built_in(),
    };
    let networks = networks.ok_or("no networks in the file")?;
    let mut apis = corpus::load(&args.shared)?;
    apis.retain(|api| match &args.only {
        Some(name) => api.name.contains(name.as_str()),
        None => api.fold(5) == 0,
    });
    if let Some(file) = &args.write {
        return write(&apis, args, file);
    }
    println!("{} APIs of providers left out of training", apis.len());
    println!(
        "{:8}{:>10}{:>10}{:>8}{:>8}{:>8}{:>8}{:>12}",
        "values", "seen", "templates", "P", "R", "F1", "GA", "F1 per API"
    );
    for (name, taste, most) in TRAFFIC {
        for seen in [1, 3, 10, 20, 50] {
            let pool = seen.clamp(2, 20).min(most);
            let amount = Amount::Each(seen);
            let plan = Plan { taste, amount, pool, single: 0.0, called: 1.0 };
            let score = measure(&apis, plan, &networks, args)?;
            println!(
                "{name:8}{seen:>10}{:>10}{:>8.3}{:>8.3}{:>8.3}{:>8.3}{:>12.3}",
                score.called,
                score.precision(),
                score.recall(),
                score.f1(),
                score.grouping(),
                score.mean_f1()
            );
            println!("figure: learn.endpoints.{name}.recall_at_{seen} {:.4} ratio", score.recall());
        }
    }
    speed(&apis, &networks, args)
}

/// Requests that are kept in memory, and played again and again.
const REQUESTS: usize = 200_000;
/// How often.
const PASSES: usize = 5;

/// What learning costs on one core, and finding the template of a path. What is played again has no new paths, as in production.
fn speed(apis: &[Api], networks: &Networks, args: &Args) -> Result<(), String> {
    let words = Words::load(0, &args.shared)?;
    let mut random = Random::new(args.seed);
    let mut requests = Vec::new();
    for api in apis.iter().cycle() {
        let amount = Amount::Average(50.0);
        let plan = Plan { taste: Taste::Mixed, amount, pool: 1000, single: 0.0, called: 1.0 };
        let samples = simulate::simulate(api, plan, &words, &mut random);
        requests.extend(samples.iter().map(|s| simulate::request(s, &api.name)));
        if requests.len() > REQUESTS {
            break;
        }
    }
    let mut learner = Learner::new(networks.clone());
    let begin = Instant::now();
    for _ in 0..PASSES {
        requests.iter().for_each(|request| learner.observe(request));
    }
    let rate = (requests.len() * PASSES) as f64 / begin.elapsed().as_secs_f64();
    let begin = Instant::now();
    let learnt = learner.learnt();
    let seconds = begin.elapsed().as_secs_f64();
    println!(
        "{} endpoints of {} requests, put together in {seconds:.2} s",
        learnt.endpoints.len(),
        requests.len()
    );
    println!("figure: learn.endpoints.rate {rate:.0} requests/s");
    println!("figure: learn.endpoints.match {:.0} ns", match_time(&learnt, &requests)?);
    let status = std::fs::read_to_string("/proc/self/status").map_err(|e| e.to_string())?;
    let peak = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    let kib: f64 = peak.and_then(|l| l.trim().split(' ').next()?.parse().ok()).unwrap_or(0.0);
    println!("figure: learn.endpoints.peak_memory {:.0} MiB", kib / 1024.0);
    Ok(())
}

/// Nanoseconds in which the data plane finds the endpoint of a request, by its host and its decoded path.
fn match_time(learnt: &Learnt, requests: &[Request]) -> Result<f64, String> {
    let endpoints = Endpoints::new(&list::list(learnt)).map_err(|e| e.to_string())?;
    let asked = |r: &Request| {
        let path = paths::decoded(paths::path(&r.url)).into_owned();
        (r.method.clone(), r.host.clone().unwrap_or_default(), path)
    };
    let asked: Vec<(String, String, String)> = requests.iter().map(asked).collect();
    let begin = Instant::now();
    let mut found = 0usize;
    for _ in 0..PASSES {
        for (method, host, path) in &asked {
            let [method, host, path] = [method, host, path].map(|text| text.as_bytes());
            found += usize::from(endpoints.find(method, host, path).is_some());
        }
    }
    let all = (asked.len() * PASSES).max(1);
    println!("{found} of {all} requests found among {} endpoints", endpoints.len());
    Ok(begin.elapsed().as_nanos() as f64 / all as f64)
}

fn measure(apis: &[Api], plan: Plan, networks: &Networks, args: &Args) -> Result<Score, String> {
    let words = Words::load(0, &args.shared)?;
    let mut random = Random::new(args.seed);
    let mut score = Score::default();
    for api in apis {
        let samples = simulate::simulate(api, plan, &words, &mut random);
        let mut learner = Learner::new(networks.clone());
        samples.iter().for_each(|s| learner.observe(&simulate::request(s, "api")));
        let endpoints = learner.learnt().endpoints;
        let mut one = Score::default();
        one.add(&samples, &endpoints);
        score.add_api(&one);
    }
    Ok(score)
}

fn write(apis: &[Api], args: &Args, file: &std::path::Path) -> Result<(), String> {
    let words = Words::load(0, &args.shared)?;
    let mut random = Random::new(args.seed);
    let mut text = String::new();
    for api in apis {
        let amount = Amount::Each(3);
        let plan = Plan { taste: Taste::Words, amount, pool: 3, single: 0.0, called: 1.0 };
        for sample in simulate::simulate(api, plan, &words, &mut random) {
            let line = serde_json::json!({
                "method": sample.method, "url": simulate::request(&sample, "").url,
                "host": api.name, "status": 200, "template": sample.template,
            });
            text.push_str(&format!("{line}\n"));
        }
    }
    std::fs::write(file, text).map_err(|e| format!("can't write {}: {e}", file.display()))
}
