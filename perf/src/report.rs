//! Raw results as JSON lines, and the figures made of them.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::Value;
use weir_tests::Result;

use crate::contender::Contender;

/// One measurement: contender, workload and round; then what was measured.
#[derive(Clone, Debug)]
pub struct Run {
    /// Who stood in the middle.
    pub contender: Contender,
    /// The workload's name.
    pub workload: String,
    /// The round; only runs of one round are compared.
    pub round: u32,
    /// Requests a second.
    pub rate: f64,
    /// 99th percentile, ms.
    pub p99: f64,
    /// Processor time of the middle process, µs a request.
    pub cpu: f64,
}

/// The file of this run's raw results.
#[derive(Debug)]
pub struct Raw {
    path: PathBuf,
    file: File,
}

impl Raw {
    /// Creates `dir/NAME.jsonl`.
    pub fn create(dir: &Path, name: &str) -> Result<Raw> {
        fs::create_dir_all(dir)?;
        let path = dir.join(format!("{name}.jsonl"));
        Ok(Raw { file: File::create(&path)?, path })
    }

    /// Appends one line.
    pub fn write(&mut self, value: &Value) -> Result<()> {
        Ok(writeln!(self.file, "{value}")?)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// The middle of the values; of an even number, the mean of the two in the middle.
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let upper = *sorted.get(middle)?;
    if sorted.len() % 2 == 1 { Some(upper) } else { Some((upper + sorted.get(middle - 1)?) / 2.0) }
}

/// The median over rounds of `measure(contender) / measure(bare)`: the machine's speed drifts between rounds,
/// so only runs of the same round are divided.
pub fn over_bare(
    runs: &[Run],
    workload: &str,
    contender: Contender,
    measure: impl Fn(&Run) -> f64,
) -> Option<f64> {
    let of = |who: Contender| -> BTreeMap<u32, f64> {
        let chosen = runs.iter().filter(|r| r.contender == who && r.workload == workload);
        chosen.map(|r| (r.round, measure(r))).collect()
    };
    let bare = of(Contender::Bare);
    let ratios: Vec<f64> = of(contender)
        .into_iter()
        .filter_map(|(round, value)| bare.get(&round).filter(|b| **b > 0.0).map(|b| value / b))
        .collect();
    median(&ratios)
}

/// The median over rounds of a contender's own measure.
pub fn own(
    runs: &[Run],
    workload: &str,
    contender: Contender,
    measure: impl Fn(&Run) -> f64,
) -> Option<f64> {
    let chosen = runs.iter().filter(|r| r.contender == contender && r.workload == workload);
    median(&chosen.map(measure).collect::<Vec<_>>())
}

/// Prints `figure: NAME VALUE UNIT`, if there is a value, and gives the line.
pub fn figure(name: &str, value: Option<f64>, unit: &str) -> Option<String> {
    let line = format!("figure: {name} {:.3} {unit}", value?);
    println!("{line}");
    Some(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(contender: Contender, round: u32, rate: f64) -> Run {
        Run { contender, workload: "w".into(), round, rate, p99: 1.0, cpu: 1.0 }
    }

    #[test]
    fn ratios_are_taken_within_a_round() {
        let runs = [
            run(Contender::Bare, 1, 100.0),
            run(Contender::Weir, 1, 80.0),
            // The machine became twice as fast.
            run(Contender::Bare, 2, 200.0),
            run(Contender::Weir, 2, 180.0),
            // A round without its counterpart does not count.
            run(Contender::Weir, 3, 500.0),
        ];
        let ratio = over_bare(&runs, "w", Contender::Weir, |r| r.rate).unwrap();
        assert!((ratio - 0.85).abs() < 1e-9, "{ratio}");
        assert_eq!(over_bare(&runs, "w", Contender::Off, |r| r.rate), None);
    }

    #[test]
    fn medians() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
    }
}
