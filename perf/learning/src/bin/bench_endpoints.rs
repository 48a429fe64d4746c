//! How well endpoints are found in simulated traffic of APIs whose providers were left out of training, by how often each
//! template was seen and by what values look like.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use weir_mgmt::learning::endpoints::Learner;
use weir_mgmt::learning::endpoints::templates::Networks;
use weir_perf_learning::corpus::{self, Api};
use weir_perf_learning::random::Random;
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
    apis.retain(|api| api.fold(5) == 0);
    println!("{} APIs of providers left out of training", apis.len());
    println!(
        "{:8}{:>10}{:>10}{:>8}{:>8}{:>8}{:>8}{:>12}",
        "values", "seen", "templates", "P", "R", "F1", "GA", "F1 per API"
    );
    for (name, taste) in [("ids", Taste::Ids), ("mixed", Taste::Mixed), ("words", Taste::Words)] {
        for seen in [1, 3, 10, 20, 50] {
            let plan =
                Plan { taste, amount: Amount::Each(seen), pool: seen.clamp(2, 20), called: 1.0 };
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
    Ok(())
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
