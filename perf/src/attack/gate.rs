//! What the gate in front of the signatures saves ([`weir_inspect::clean`]): it learns, as requests pass, which texts hold nothing, and those
//! are not searched again. Measured beside signatures on every text, over the same requests.

use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use weir_inspect::clean::{Clean, Under};
use weir_inspect::detector::DetectorSet;
use weir_inspect::request::Request;
use weir_inspect::scan::{ATTACK_FROM, judged, surest};
use weir_inspect::values::Text;

use super::data::lines;

/// The corpora by source. What is harmless comes first, as it would: attacks are like what was seen of their site.
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

/// Signatures behind what is remembered.
struct Gate(Clean);

impl Gate {
    fn new() -> Gate {
        Gate(Clean::new([1; 16]))
    }

    /// Whether signatures find an attack in a text, unless it is known that they do not. Bodies are seldom the same: they are searched.
    fn finds(&mut self, kind: Text, text: &[u8]) -> bool {
        let under = Under::new(0, &DetectorSet::EMPTY, kind);
        let hash = match kind {
            Text::Url => self.0.url_hash(under, text),
            Text::Field => self.0.hash(under, text),
            _ => return is_found(kind, text),
        };
        if self.0.knows(hash) {
            return false;
        }
        let found = is_found(kind, text);
        if !found {
            self.0.remember(hash);
        }
        found
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

/// Tells what the gate loses and saves on each source.
pub fn measure(shared: &Path) -> Result<(), String> {
    let files = files(shared)?;
    let (mut every, mut gated, mut lost, mut found) = (Vec::new(), Vec::new(), 0, 0);
    for (source, _) in SOURCES {
        let mut gate = Gate::new();
        for file in files.iter().filter(|f| f.source == *source) {
            let (mut of_file, mut lost_of_file) = (0, 0);
            for request in &file.requests {
                let is_attack = texts(request).any(|(kind, text)| is_found(kind, text));
                let kept = texts(request).fold(false, |any, (k, text)| any | gate.finds(k, text));
                of_file += u32::from(is_attack);
                lost_of_file += u32::from(is_attack && !kept);
            }
            println!("{}: {of_file} found by signatures, {lost_of_file} kept back", file.name);
            (found, lost) = (found + of_file, lost + lost_of_file);
            if TIMED.contains(&file.name) {
                let (signatures, behind) = timed(file);
                every.extend(signatures);
                gated.extend(behind);
            }
        }
    }
    let saved = 1.0 - gated.iter().sum::<f64>() / every.iter().sum::<f64>();
    println!("figure: learning.gate_recall {:.4} ratio", 1.0 - f64::from(lost) / f64::from(found));
    println!("figure: learning.cpu_saved {saved:.3} ratio");
    println!("figure: learning.p99_saved {:.3} ratio", 1.0 - p99(gated) / p99(every));
    Ok(())
}

/// Microseconds of each request with signatures on every text, and behind a gate that knows nothing at first. Each way once before it
/// counts, since automata are built as they are used.
fn timed(file: &File) -> (Vec<f64>, Vec<f64>) {
    let requests: Vec<&Request> = file.requests.iter().take(MOST).collect();
    let search = || {
        times(&requests, |request| {
            texts(request).for_each(|(kind, text)| _ = black_box(is_found(kind, text)));
        })
    };
    let gated = || {
        let mut gate = Gate::new();
        times(&requests, |request| {
            texts(request).for_each(|(kind, text)| _ = black_box(gate.finds(kind, text)));
        })
    };
    let _ = (search(), gated());
    let (every, behind) = (search(), gated());
    let mean = |times: &[f64]| times.iter().sum::<f64>() / times.len() as f64;
    println!(
        "{}: {:.2} us a request in place of {:.2}, p99 {:.1} in place of {:.1}",
        file.name,
        mean(&behind),
        mean(&every),
        p99(behind.clone()),
        p99(every.clone())
    );
    (every, behind)
}
