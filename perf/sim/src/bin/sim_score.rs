//! `sim-score`: prints how well verdicts agree with labels, by kind of attack, and `figure:` lines.

use std::error::Error;
use std::path::PathBuf;

use clap::Parser;
use weir_sim::score::{false_alarms, read, table};

/// Compare verdicts with labels
#[derive(Parser)]
struct Arguments {
    /// Lines of `actor`, `label` and, where known, `level`, `first`
    labels: PathBuf,
    /// What `weir detect behaviour --measures` wrote
    verdicts: PathBuf,
    /// In the names of the figures: `behaviour.NAME.auc`
    #[arg(long)]
    name: String,
    /// Days that the traffic took
    #[arg(long, default_value_t = 1.0)]
    days: f64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let labels = std::fs::read_to_string(&arguments.labels)?;
    let verdicts = std::fs::read_to_string(&arguments.verdicts)?;
    let actors = read(&labels, &verdicts)?;
    let rows = table(&actors);
    println!(
        "{:28} {:>6} {:>6} {:>8} {:>8} {:>9}",
        arguments.name, "actors", "AUC", "TPR@1%", "TPR@0.5", "seconds"
    );
    for (name, row) in &rows {
        let seconds = row.seconds.map_or_else(|| "-".to_owned(), |s| format!("{s:.0}"));
        let (auc, strict, half) = (row.auc, row.found_at_1pct, row.found);
        println!("{name:28} {:6} {auc:6.3} {strict:8.3} {half:8.3} {seconds:>9}", row.actors);
    }
    let alarms = false_alarms(&actors);
    let sum: usize = alarms.values().sum();
    let by_level: Vec<String> = alarms.iter().map(|(level, n)| format!("{level} {n}")).collect();
    println!("false alarms: {sum} actors ({})", by_level.join(", "));
    let figure = |name: &str, value: f64, unit: &str| {
        println!("figure: behaviour.{}.{name} {value:.4} {unit}", arguments.name);
    };
    for (name, row) in rows.iter().filter(|(name, _)| !name.contains(' ')) {
        let part = if name == "all" { String::new() } else { format!("{name}.") };
        figure(&format!("{part}auc"), row.auc, "ratio");
        figure(&format!("{part}tpr_at_1pct_fpr"), row.found_at_1pct, "ratio");
        figure(&format!("{part}tpr"), row.found, "ratio");
        if let Some(seconds) = row.seconds {
            figure(&format!("{part}time_to_detection"), seconds, "s");
        }
    }
    figure("false_alarms_per_day", sum as f64 / arguments.days, "count");
    Ok(())
}
