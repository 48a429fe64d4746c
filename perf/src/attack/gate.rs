//! What it would save to search only those texts for signatures that a learned gate lets through: it is trained for recall, on what
//! signatures find in the other sources, and measured beside signatures on every text, over the same requests.

use std::path::Path;
use std::time::Instant;

use weir_inspect::attack_model::{BUCKETS, observe};
use weir_inspect::request::Request;
use weir_inspect::scan::{ATTACK_FROM, judged, normalised, surest};
use weir_inspect::values::Text;

use super::data::lines;

/// The corpora by source; those of one source are left out together.
const SOURCES: &[(&str, &[&str])] = &[
    ("crs", &["attack/crs.jsonl.gz"]),
    ("csic", &["attack/csic_normal.jsonl.gz", "attack/csic_anomalous.jsonl.gz"]),
    ("legit6", &["attack/benign_legit6.jsonl.gz", "attack/sqli_train.jsonl.gz"]),
    ("datadog", &["endpoints/datadog_requests.jsonl.gz"]),
];
/// The corpora on which time is measured: harmless traffic.
const TIMED: &[&str] = &[
    "attack/csic_normal.jsonl.gz",
    "attack/benign_legit6.jsonl.gz",
    "endpoints/datadog_requests.jsonl.gz",
];
/// Requests of each of them.
const MOST: usize = 4000;
/// The share of the texts in which signatures find an attack that the gate may keep back, in training. None at all is
/// decided by the one text that is least like the others.
const LOST: f64 = 0.001;

/// Requests of a file.
struct File {
    source: &'static str,
    name: &'static str,
    requests: Vec<Request>,
}

fn files(shared: &Path) -> Result<Vec<File>, String> {
    let named = SOURCES.iter().flat_map(|(source, names)| names.iter().map(|n| (*source, *n)));
    let read = |(source, name)| {
        let lines = lines(&shared.join("corpora").join(name))?;
        let requests = lines.iter().map(|l| Request::parse(l)).collect::<Result<_, _>>()?;
        Ok(File { source, name, requests })
    };
    named.map(read).collect()
}

/// The texts of a request.
fn texts(request: &Request) -> impl Iterator<Item = (Text, &[u8])> {
    let fields = request.headers.iter().map(|(_, value)| (Text::Field, value.as_bytes()));
    let rest = [(Text::Url, request.url.as_bytes()), (Text::Body, request.body.as_slice())];
    rest.into_iter().chain(fields)
}

/// Whether signatures alone find an attack in a text.
fn is_found(kind: Text, text: &[u8]) -> bool {
    let mut found = false;
    judged(kind, text, &mut |_, fired| found |= surest(fired) >= ATTACK_FROM);
    found
}

/// What each run of tokens says for an attack, and from what sum on a text is searched.
struct Gate {
    weights: Vec<f32>,
    threshold: f32,
    scratch: Vec<u8>,
    normal: Vec<u8>,
}

impl Gate {
    /// Learns from all sources but one: the weight of a run is how much more often it is in texts in which signatures find an
    /// attack than in others (log odds), if it is.
    fn without(left_out: &str, files: &[File]) -> Gate {
        let empty = || vec![0.0; BUCKETS];
        let mut gate =
            Gate { weights: empty(), threshold: 0.0, scratch: Vec::new(), normal: Vec::new() };
        let (mut counts, mut of) = ([empty(), empty()], [1.0f32, 1.0]);
        let known = || files.iter().filter(|f| f.source != left_out).flat_map(|f| &f.requests);
        for (kind, text) in known().flat_map(texts) {
            let class = usize::from(is_found(kind, text));
            let (Some(counts), Some(of)) = (counts.get_mut(class), of.get_mut(class)) else {
                continue;
            };
            *of += 1.0;
            gate.observe(kind, text, |run| {
                if let Some(count) = counts.get_mut(usize::from(run)) {
                    *count += 1.0;
                }
            });
        }
        let [harmless, attacks] = &counts;
        let odds = |(a, h): (&f32, &f32)| (((a + 0.5) / of[1]) / ((h + 0.5) / of[0])).ln().max(0.0);
        gate.weights = attacks.iter().zip(harmless).map(odds).collect();
        let found = known().flat_map(texts).filter(|(kind, text)| is_found(*kind, text));
        let mut sums: Vec<f32> = found.map(|(kind, text)| gate.sum(kind, text)).collect();
        sums.sort_by(f32::total_cmp);
        gate.threshold = sums.get((sums.len() as f64 * LOST) as usize).copied().unwrap_or(0.0);
        gate
    }

    fn observe(&mut self, kind: Text, text: &[u8], mut each: impl FnMut(u16)) {
        normalised(kind, text, &mut self.scratch, &mut self.normal);
        observe(&self.normal, |runs| runs.iter().for_each(|run| each(*run)));
    }

    fn sum(&mut self, kind: Text, text: &[u8]) -> f32 {
        let weights = std::mem::take(&mut self.weights);
        let mut sum = 0.0;
        self.observe(kind, text, |run| sum += weights.get(usize::from(run)).unwrap_or(&0.0));
        self.weights = weights;
        sum
    }

    /// Whether a text is to be searched.
    fn passes(&mut self, kind: Text, text: &[u8]) -> bool {
        self.sum(kind, text) >= self.threshold
    }
}

/// Microseconds of each request.
fn times(requests: &[&Request], mut work: impl FnMut(&Request)) -> Vec<f64> {
    let time = |request: &&Request| {
        let begin = Instant::now();
        work(request);
        begin.elapsed().as_secs_f64() * 1e6
    };
    requests.iter().map(time).collect()
}

fn p99(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() * 99 / 100).copied().unwrap_or(0.0)
}

/// Tells what the gate loses and saves on each source that it has not seen.
pub fn measure(shared: &Path) -> Result<(), String> {
    let files = files(shared)?;
    let (mut every, mut gated, mut lost, mut found) = (Vec::new(), Vec::new(), 0, 0);
    for (source, _) in SOURCES {
        let mut gate = Gate::without(source, &files);
        for file in files.iter().filter(|f| f.source == *source) {
            let of_file = |r: &&Request| texts(r).any(|(kind, text)| is_found(kind, text));
            let attacks: Vec<_> = file.requests.iter().filter(of_file).collect();
            let mut passes = |r: &&&Request| {
                texts(r).any(|(kind, text)| is_found(kind, text) && gate.passes(kind, text))
            };
            let kept = attacks.len() - attacks.iter().filter(&mut passes).count();
            println!(
                "{} without {source}: {} found by signatures, {kept} kept back",
                file.name,
                attacks.len()
            );
            (found, lost) = (found + attacks.len(), lost + kept);
            if !TIMED.contains(&file.name) {
                continue;
            }
            let requests: Vec<&Request> = file.requests.iter().take(MOST).collect();
            let all = requests.iter().flat_map(|r| texts(r));
            let (mut texts_of, mut searched) = (0, 0);
            all.for_each(|(kind, text)| {
                texts_of += 1;
                searched += usize::from(gate.passes(kind, text));
            });
            // Each way once before it counts, since automata are built as they are used.
            for counts in [false, true] {
                let signatures = times(&requests, |request| {
                    texts(request).for_each(|(kind, text)| {
                        std::hint::black_box(is_found(kind, text));
                    });
                });
                let behind = times(&requests, |request| {
                    texts(request).for_each(|(kind, text)| {
                        std::hint::black_box(gate.passes(kind, text) && is_found(kind, text));
                    });
                });
                if counts {
                    let mean = |times: &[f64]| times.iter().sum::<f64>() / times.len() as f64;
                    println!(
                        "{}: {searched} of {texts_of} texts searched; {:.2} us a request in place of {:.2}, p99 {:.1} in place of {:.1}",
                        file.name,
                        mean(&behind),
                        mean(&signatures),
                        p99(behind.clone()),
                        p99(signatures.clone())
                    );
                    every.extend(signatures);
                    gated.extend(behind);
                }
            }
        }
    }
    let saved = 1.0 - gated.iter().sum::<f64>() / every.iter().sum::<f64>();
    println!(
        "figure: learning.gate_recall {:.4} ratio",
        1.0 - f64::from(lost as u32) / f64::from(found as u32)
    );
    println!("figure: learning.cpu_saved {saved:.3} ratio");
    println!("figure: learning.p99_saved {:.3} ratio", 1.0 - p99(gated) / p99(every));
    Ok(())
}
