//! How well payment cards are told from what looks like them: recall by the way in which a card stands where nothing names
//! it, and false ones in bodies without any, generated and real.
//!
//!     bench-cards --shared ../shared

use std::io::Read;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use flate2::read::GzDecoder;
use weir_perf::cards::generate::{WAYS, with_cards, without_cards};
use weir_perf::cards::judge::Judge;
use weir_tests::rng::Rng;

/// Judge the detection of payment cards
#[derive(Debug, Parser)]
struct Args {
    /// The directory with `corpora`; without it, real bodies are left out
    #[arg(long, default_value = "../shared", env = "WEIR_SHARED")]
    shared: PathBuf,
    /// Of the generated bodies
    #[arg(long, default_value_t = 20240607)]
    seed: u64,
    /// Bodies of each way
    #[arg(long, default_value_t = 400)]
    bodies: usize,
    /// Megabytes without cards
    #[arg(long, default_value_t = 20)]
    megabytes: usize,
    /// Print what is taken for a card and is none
    #[arg(long)]
    show: bool,
}

/// Bytes of a generated body without cards.
const SIZE: u64 = 20_000;

fn main() -> ExitCode {
    let args = Args::parse();
    let judge = Judge::default();
    recall(&args, &judge);
    generated(&args, &judge);
    match real(&args, &judge) {
        Ok(()) => ExitCode::SUCCESS,
        Err(what) => {
            eprintln!("bench-cards: {what}");
            ExitCode::FAILURE
        }
    }
}

fn recall(args: &Args, judge: &Judge) {
    let mut rng = Rng::new(args.seed);
    let (mut all, mut of) = (0, 0);
    println!("a card that nothing names         cards   found");
    for (way, name) in WAYS.iter().enumerate() {
        let (mut right, mut cards) = (0, 0);
        for _ in 0..args.bodies {
            let body = with_cards(&mut rng, way);
            right += judge.judge(&body).0;
            cards += body.cards.len();
        }
        println!("{name:30} {cards:8} {:7.3}", right as f64 / cards as f64);
        (all, of) = (all + right, of + cards);
    }
    println!("figure: cards.recall_neutral {:.4} ratio", all as f64 / of as f64);
}

fn generated(args: &Args, judge: &Judge) {
    let mut rng = Rng::new(args.seed + 1);
    let (mut bytes, mut wrong) = (0, 0);
    while bytes < args.megabytes << 20 {
        let size = rng.range(SIZE / 20, 2 * SIZE) as usize;
        let body = without_cards(&mut rng, size);
        bytes += body.bytes.len();
        wrong += count(args, judge, &body.bytes, body.binary);
    }
    println!("{} false in {} MB generated without cards", wrong, bytes >> 20);
    println!(
        "figure: cards.false_per_10mb_generated {:.2} count",
        wrong as f64 * 1e7 / bytes as f64
    );
}

fn real(args: &Args, judge: &Judge) -> Result<(), String> {
    let path = args.shared.join("corpora/detect/datadog_bodies.jsonl.gz");
    let Ok(file) = std::fs::File::open(&path) else {
        println!("no real bodies: {} is not there", path.display());
        return Ok(());
    };
    let mut text = String::new();
    GzDecoder::new(file)
        .read_to_string(&mut text)
        .map_err(|e| format!("{}: {e}", path.display()))?;
    let (mut bytes, mut wrong) = (0, 0);
    for line in text.lines() {
        let row: serde_json::Value = serde_json::from_str(line).map_err(|e| e.to_string())?;
        let body = row.get("body").and_then(|b| b.as_str()).unwrap_or("");
        bytes += body.len();
        wrong += count(args, judge, body.as_bytes(), false);
    }
    println!("{} false in {:.2} MB of real answers", wrong, bytes as f64 / 1e6);
    println!("figure: cards.false_per_10mb_datadog {:.2} count", wrong as f64 * 1e7 / bytes as f64);
    Ok(())
}

fn count(args: &Args, judge: &Judge, bytes: &[u8], binary: bool) -> usize {
    let found = judge.find(bytes, binary);
    if args.show {
        for (start, end) in &found {
            let around = bytes.get(start.saturating_sub(60)..(*end + 30).min(bytes.len()));
            println!("  {}", String::from_utf8_lossy(around.unwrap_or(&[])).replace('\n', " "));
        }
    }
    found.len()
}
