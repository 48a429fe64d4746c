//! Detection of attacks with each source left out of training: signatures alone, the model alone, both; and what a
//! request costs.
//!
//!     bench-attacks --shared ../shared

use std::collections::BTreeMap;
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
use weir_perf::attack::gate;
use weir_perf::attack::judge::{Count, Models, Way};
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
    /// Tell the values of the requests of this source and class that are judged wrongly (`csic.harmless`), and no figures
    #[arg(long)]
    wrong: Option<String>,
    /// With `--wrong`: judged by `signatures`, `model`, or `both`
    #[arg(long, default_value = "both")]
    by: String,
    /// Tell how many requests of each source each signature fires on, and no figures
    #[arg(long)]
    signatures: bool,
    /// Measure what is saved by searching no text again that held nothing, and no other figures
    #[arg(long)]
    gate: bool,
}

/// The bounds of false alarms at which recall is told.
const BOUNDS: [(&str, f64); 2] = [("1pct", 0.01), ("0.1pct", 0.001)];

fn main() -> ExitCode {
    let args = Args::parse();
    let timed = |()| {
        if args.signatures || args.gate || args.wrong.is_some() { Ok(()) } else { time(&args) }
    };
    match judge(&args).and_then(timed) {
        Ok(()) => ExitCode::SUCCESS,
        Err(what) => {
            eprintln!("bench-attacks: {what}");
            ExitCode::FAILURE
        }
    }
}

fn judge(args: &Args) -> Result<(), String> {
    if args.gate {
        return gate::measure(&args.shared);
    }
    let data = Data::load(&args.shared, args.generated, args.seed)?;
    if args.signatures {
        signatures(&data);
        return Ok(());
    }
    let models = Models::train(&data, &Plan { seed: args.seed, ..Plan::default() });
    if let Some(row) = &args.wrong {
        return wrong(&data, &models, row, &args.by);
    }
    println!(
        "source and class                  requests  blocked, source left out of training (generated: seen)"
    );
    println!(
        "                                            bound     signatures     model      both"
    );
    for (bound, share) in BOUNDS {
        let (both, margin) = models.thresholds(&data, share);
        let columns: Vec<_> = Way::ALL
            .iter()
            .map(|(name, way)| {
                let judged = models.judge(&data, *way, margin);
                let own = || judged.threshold(&data, share);
                let threshold = if *way == Way::Both { both } else { own() };
                (name, judged.counts(&data, threshold))
            })
            .collect();
        let Some((_, both)) = columns.last() else { continue };
        for (row, count) in both {
            let cell = |counts: &BTreeMap<String, Count>| {
                counts.get(row).map_or(0.0, |c| c.share() * 100.0)
            };
            let cells: Vec<String> =
                columns.iter().map(|(_, c)| format!("{:8.2} %", cell(c))).collect();
            println!("{row:34} {:7}  {bound:7} {}", count.of, cells.join(" "));
            for (name, counts) in &columns {
                let kind = if row.ends_with("harmless") { "fpr" } else { "recall" };
                println!(
                    "figure: attack.{row}.{kind}_at_{bound}.{name} {:.4} ratio",
                    cell(counts) / 100.0
                );
            }
        }
    }
    Ok(())
}

/// Tells how many requests of each source and class each signature fires on: harmless ones, attacks, and where.
fn signatures(data: &Data) {
    let mut all = BTreeMap::<(&str, &str), (f32, BTreeMap<(bool, String), usize>)>::new();
    for sample in data.samples.iter().filter(|s| !s.repeated) {
        let seen = sample.values.iter().filter_map(|v| data.seen.get(*v as usize));
        let fired = seen.flat_map(|seen| seen.fired.iter());
        let fired: BTreeMap<_, _> = fired.map(|s| ((s.detector, s.name), s.confidence)).collect();
        for (name, confidence) in fired {
            let entry = all.entry(name).or_default();
            entry.0 = confidence;
            *entry.1.entry((sample.attack, sample.row())).or_default() += 1;
        }
    }
    for ((detector, name), (confidence, rows)) in all {
        let of = |attack| rows.iter().filter(|((a, _), _)| *a == attack).map(|(_, n)| n).sum();
        let (harmless, attacks): (usize, usize) = (of(false), of(true));
        let rows: Vec<String> = rows.iter().map(|((_, row), n)| format!("{row} {n}")).collect();
        println!("{harmless:5} {attacks:6} {confidence:.2} {detector}/{name}: {}", rows.join(", "));
    }
}

/// Tells what signatures and model say, and which signatures fire, of each value of the requests that are judged wrongly.
fn wrong(data: &Data, models: &Models, row: &str, by: &str) -> Result<(), String> {
    let way = Way::ALL.iter().find(|(name, _)| *name == by);
    let (_, way) = way.ok_or_else(|| format!("nothing is judged by {by}"))?;
    let (both, margin) = models.thresholds(data, 0.001);
    let judged = models.judge(data, *way, margin);
    let threshold = if *way == Way::Both { both } else { judged.threshold(data, 0.001) };
    let samples = data.samples.iter().zip(judged.sums()).filter(|(s, _)| !s.repeated);
    for (sample, sum) in samples.filter(|(s, _)| row == "all" || s.row() == row) {
        if sample.attack == (sum >= threshold) {
            continue;
        }
        println!("{} {} {sum:.2}", sample.row(), sample.group);
        for seen in sample.values.iter().filter_map(|v| data.seen.get(*v as usize)) {
            let model = models.of(sample).sum(seen) - threshold;
            let fired: Vec<&str> = seen.fired.iter().map(|s| s.name).collect();
            let fired = fired.join(",");
            println!("    {:.2} {model:6.2} {} [{fired}]", seen.confidence(), seen.text);
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
        println!("figure: attack.{name}.us_per_request {whole:.2} us");
        println!("figure: attack.{name}.model_us_per_request {part:.2} us");
    }
    Ok(())
}
