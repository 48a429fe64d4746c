//! Detection of attacks with each source left out of training: signatures alone, the model alone, both; and what a
//! request costs.
//!
//!     bench-attacks --shared ../shared

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use weir_inspect::attack_model::Model;
use weir_inspect::request::Request;
use weir_inspect::scan::judged;
use weir_inspect::score::score;
use weir_inspect::values::Text;
use weir_perf::attack::data::{Data, lines};
use weir_perf::attack::judge::{Models, Way};
use weir_perf::attack::train::Plan;

/// Judge the detection of attacks
#[derive(Debug, Parser)]
struct Args {
    /// The directory with `corpora`
    #[arg(long, default_value = "../shared", env = "WEIR_SHARED")]
    shared: PathBuf,
    /// As for train-attack
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// As for train-attack
    #[arg(long, default_value_t = 3000)]
    generated: usize,
}

/// The bounds of false alarms at which recall is told.
const BOUNDS: [(&str, f64); 2] = [("1pct", 0.01), ("0.1pct", 0.001)];

fn main() -> ExitCode {
    let args = Args::parse();
    match judge(&args).and_then(|()| time(&args)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(what) => {
            eprintln!("bench-attacks: {what}");
            ExitCode::FAILURE
        }
    }
}

fn judge(args: &Args) -> Result<(), String> {
    let data = Data::load(&args.shared, args.generated, args.seed)?;
    let models = Models::train(&data, &Plan { seed: args.seed, ..Plan::default() });
    println!(
        "source and class                  requests  blocked, source left out of training (generated: seen)"
    );
    println!(
        "                                            bound     signatures     model      both"
    );
    for (bound, share) in BOUNDS {
        let columns: Vec<_> = Way::ALL
            .iter()
            .map(|(name, way)| {
                let judged = models.judge(&data, *way);
                (name, judged.counts(&data, judged.threshold(&data, share)))
            })
            .collect();
        let Some((_, both)) = columns.last() else { continue };
        for (row, count) in both {
            let cell = |counts: &std::collections::BTreeMap<
                String,
                weir_perf::attack::judge::Count,
            >| { counts.get(row).map_or(0.0, |c| c.share() * 100.0) };
            let cells: Vec<String> =
                columns.iter().map(|(_, c)| format!("{:8.2} %", cell(c))).collect();
            println!("{row:34} {:7}  {bound:7} {}", count.of, cells.join(" "));
            for (name, counts) in &columns {
                let kind = if row.ends_with("harmless") { "fpr" } else { "recall" };
                println!(
                    "figure: attack.{row}.{kind}_at_{bound}.{name} {:.4}",
                    cell(counts) / 100.0
                );
            }
        }
    }
    Ok(())
}

/// What a harmless request costs: the signatures and the model, and the model's part.
fn time(args: &Args) -> Result<(), String> {
    for (name, file) in [
        ("legit6", "corpora/attack/benign_legit6.jsonl.gz"),
        ("csic", "corpora/attack/csic_normal.jsonl.gz"),
        ("api", "corpora/endpoints/datadog_requests.jsonl.gz"),
    ] {
        let lines = lines(&args.shared.join(file))?;
        let requests: Vec<Request> =
            lines.iter().take(4000).map(|l| Request::parse(l)).collect::<Result<_, _>>()?;
        let each = |work: &mut dyn FnMut(&Request)| {
            requests.iter().for_each(&mut *work);
            let begin = Instant::now();
            requests.iter().for_each(work);
            begin.elapsed().as_secs_f64() * 1e6 / requests.len() as f64
        };
        let whole = each(&mut |request| {
            std::hint::black_box(score(request));
        });
        let mut values = Vec::new();
        for request in &requests {
            let mut keep = |kind, text: &[u8]| {
                judged(kind, text, &mut |normal, _| values.push(normal.to_vec()));
            };
            keep(Text::Url, request.url.as_bytes());
            request.headers.iter().for_each(|(_, value)| keep(Text::Field, value.as_bytes()));
            keep(Text::Body, &request.body);
        }
        let model = Model::shipped().ok_or("the shipped model is damaged")?;
        let begin = Instant::now();
        for value in &values {
            std::hint::black_box(model.score(value, 0.0));
        }
        let part = begin.elapsed().as_secs_f64() * 1e6 / requests.len() as f64;
        println!("figure: attack.{name}.us_per_request {whole:.2}");
        println!("figure: attack.{name}.model_us_per_request {part:.2}");
    }
    Ok(())
}
