//! Trains the attack model and writes its file. The same data and seed give the same file.
//!
//!     train-attack --shared ../shared --out inspect/models/attack.bin

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use weir_perf::attack::data::Data;
use weir_perf::attack::judge::Models;
use weir_perf::attack::train::Plan;

/// Train the attack model
#[derive(Debug, Parser)]
struct Args {
    /// The directory with `corpora`
    #[arg(long, default_value = "../shared", env = "WEIR_SHARED")]
    shared: PathBuf,
    /// Where the model goes
    #[arg(long, default_value = "inspect/models/attack.bin")]
    out: PathBuf,
    /// For generated texts and for the order of the examples
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Attacks generated of each class; of harmless texts ten times as many
    #[arg(long, default_value_t = 3000)]
    generated: usize,
}

/// The share of harmless requests that the model may block, measured with their source left out. Half of what is aimed
/// at, since the next site is another one.
const FALSE_ALARMS: f64 = 0.0005;

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(what) => {
            eprintln!("train-attack: {what}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<(), String> {
    let data = Data::load(&args.shared, args.generated, args.seed)?;
    println!("{} requests, {} different values", data.samples.len(), data.seen.len());
    let models = Models::train(&data, &Plan { seed: args.seed, ..Plan::default() });
    let (threshold, margin) = models.thresholds(&data, FALSE_ALARMS);
    let file = models.whole.model(threshold, margin).written();
    println!("{} bytes, threshold {threshold:.3}, margin {margin:.3}", file.len());
    std::fs::write(&args.out, file).map_err(|e| format!("can't write {}: {e}", args.out.display()))
}
