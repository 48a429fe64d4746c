//! The scan alone, on one core: Weir's scanner beside a raw Hyperscan scan of the same bodies, in one run.
//!
//! Bodies are the generator's mixed ones (60 % 1 KB, 30 % 10 KB, 10 % 100 KB), in pieces of 1,448 bytes. Weir runs all
//! its leak detectors with exact places and holding; Hyperscan runs twenty ordinary patterns and tells ends only.
//! Contenders alternate for several rounds, and the medians are printed as `figure:` lines. The bench fails if the scan
//! misses a secret or finds one that is none, so speed is never bought with matches.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Parser;
use weir_inspect::detector::DetectorSet;
use weir_inspect::scan::{Catalog, Found, Kind, ScanState, Scanner, decode_url};
use weir_tests::bodies::{Doc, Mix, Site};
use weir_tests::{Error, Result, fail};

/// What a full Ethernet segment carries of a TCP stream.
const PIECE: usize = 1448;

#[derive(Parser)]
struct Arguments {
    /// Rounds of all contenders; the medians count.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds a contender and round.
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
    /// Seed of the bodies.
    #[arg(long, default_value_t = 20240607)]
    seed: u64,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let site = Site::generate(arguments.seed);
    let paths = site.paths(Mix::Mixed, 2000);
    let docs: Vec<&Doc> =
        paths.iter().filter_map(|p| site.docs.iter().find(|d| d.path == *p)).collect();
    let bytes: usize = docs.iter().map(|d| d.body.len()).sum();
    println!("{} bodies, {} bytes on average", docs.len(), bytes / docs.len().max(1));

    let scan = Scan::new();
    site.docs.iter().try_for_each(|doc| scan.check(doc))?;
    let floor = Path::new(env!("CARGO_MANIFEST_DIR")).join("floor");
    let hyperscan = Hyperscan::build(&floor, &docs)?;

    let (mut weir, mut streaming, mut block) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..arguments.rounds {
        weir.push(scan.gbit(&docs, arguments.seconds));
        let (s, b) = hyperscan.gbit(arguments.seconds)?;
        streaming.push(s);
        block.push(b);
    }
    let (weir, streaming, block) = (median(weir), median(streaming), median(block));
    println!("figure: scan.request_us {:.2} us", request_us(arguments.seconds));
    println!("figure: scan.gbit {weir:.2} Gbit/s");
    println!("figure: scan.worst_gbit {:.2} Gbit/s", scan.worst_gbit(arguments.seconds / 4.0));
    println!("figure: scan.raw_hyperscan_streaming_gbit {streaming:.2} Gbit/s");
    println!("figure: scan.raw_hyperscan_block_gbit {block:.2} Gbit/s");
    println!("figure: scan.over_raw_hyperscan {:.2} ratio", weir / streaming);
    println!("figure: scan.over_raw_hyperscan_block {:.2} ratio", weir / block);
    Ok(())
}

/// Seconds that this thread has run on a processor. Both contenders count these and not the clock's, so that other
/// programs on the machine take from neither.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    stat.split_whitespace().next().and_then(|ns| ns.parse().ok()).map_or(0.0, |ns: f64| ns / 1e9)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

/// Weir's scan with every leak detector, all of them held for.
struct Scan {
    scanner: Scanner,
    all: DetectorSet,
}

impl Scan {
    fn new() -> Scan {
        let catalog = Catalog::builtin();
        let mut all = DetectorSet::EMPTY;
        catalog.iter().filter(|d| d.kind == Kind::Leak).for_each(|d| all.insert(d.id));
        Scan { scanner: Scanner::new(&catalog, &all), all }
    }

    /// Scans a body in pieces and gives each finding's range to `found`.
    fn scan(
        &self,
        state: &mut ScanState,
        body: &[u8],
        binary: bool,
        found: &mut Vec<Found>,
    ) -> usize {
        state.reset();
        state.set_binary(binary);
        let mut held = 0;
        let mut pieces = body.chunks(PIECE).peekable();
        while let Some(piece) = pieces.next() {
            held += self.scanner.scan(state, piece, pieces.peek().is_none(), &self.all, found);
        }
        held
    }

    fn check(&self, doc: &Doc) -> Result<()> {
        let (mut state, mut found) = (ScanState::default(), Vec::new());
        self.scan(&mut state, &doc.body, false, &mut found);
        let mut got: Vec<(u64, u64)> = Vec::new();
        for f in &found {
            match got.last_mut() {
                Some(last) if f.continued => last.1 = f.end,
                _ => got.push((f.start, f.end)),
            }
        }
        got.sort();
        let expected: Vec<_> =
            doc.secrets.iter().map(|s| (s.range.start as u64, s.range.end as u64)).collect();
        if got != expected {
            fail!("{}: found {got:?}, but its secrets are at {expected:?}", doc.path);
        }
        Ok(())
    }

    /// The slowest of bodies made to be slow: candidates as dense as they can be.
    fn worst_gbit(&self, seconds: f64) -> f64 {
        const DENSE: [&str; 12] = [
            "1 ",
            "123 ",
            "4111 ",
            "4111-1111-1111-",
            "a@a.aa ",
            "@a",
            "-eyJ",
            " eyJhbGciOiJIUzI1NiJ9",
            "AB12 ",
            "ssn1 ",
            "+1 ",
            "-----BEGIN ",
        ];
        let slowest = |binary: bool, text: &str| {
            let body = text.repeat(14_000 / text.len()).into_bytes();
            let path = String::new();
            let doc = Doc { path, body, secrets: Vec::new() };
            let gbit = self.gbit_as(&[&doc], seconds, binary);
            println!("  {gbit:6.2} Gbit/s of {text:?}{}", if binary { " as protobuf" } else { "" });
            gbit
        };
        let all = DENSE.iter().flat_map(|text| [slowest(false, text), slowest(true, text)]);
        all.fold(f64::INFINITY, f64::min)
    }

    fn gbit(&self, docs: &[&Doc], seconds: f64) -> f64 {
        self.gbit_as(docs, seconds, false)
    }

    fn gbit_as(&self, docs: &[&Doc], seconds: f64, binary: bool) -> f64 {
        let (mut state, mut found, mut bytes, mut held) = (ScanState::default(), Vec::new(), 0, 0);
        let start = cpu_seconds();
        while cpu_seconds() - start < seconds {
            for doc in docs {
                found.clear();
                held += self.scan(&mut state, &doc.body, binary, &mut found);
                bytes += doc.body.len();
            }
        }
        std::hint::black_box(held);
        bytes as f64 * 8.0 / (cpu_seconds() - start) / 1e9
    }
}

/// Microseconds to search a usual request's URL and header values for leaks and attacks.
fn request_us(seconds: f64) -> f64 {
    let target = "/10k/17.json?page=2&sort=created";
    let fields = [
        "shop.example.com",
        "Mozilla/5.0 (X11; Linux x86_64; rv:109.0) Gecko/20100101 Firefox/115.0",
        "application/json, text/plain, */*",
        "session=2f7c1a9be04d4c5f; theme=dark",
    ];
    let catalog = Catalog::builtin();
    let mut all = DetectorSet::EMPTY;
    catalog.iter().for_each(|d| all.insert(d.id));
    let scanner = Scanner::new(&catalog, &all);
    let (mut decoded, mut found, mut requests) = (Vec::new(), Vec::new(), 0u32);
    let start = cpu_seconds();
    while cpu_seconds() - start < seconds {
        for _ in 0..1000 {
            decode_url(target.as_bytes(), &mut decoded);
            scanner.scan_url(target.as_bytes(), &decoded, &all, &mut found);
            for field in fields {
                scanner.scan_whole(field.as_bytes(), &all, &mut found);
            }
            requests += 1;
        }
    }
    assert!(found.is_empty(), "nothing of it is a leak or an attack");
    (cpu_seconds() - start) * 1e6 / f64::from(requests)
}

/// The C program beside which the scan is measured.
struct Hyperscan {
    program: PathBuf,
    patterns: PathBuf,
    bodies: PathBuf,
}

impl Hyperscan {
    fn build(floor: &Path, docs: &[&Doc]) -> Result<Hyperscan> {
        let dir = std::env::temp_dir().join(format!("weir-scan-bench-{}", std::process::id()));
        std::fs::create_dir_all(&dir)?;
        let (program, bodies) = (dir.join("hs_raw"), dir.join("bodies"));
        let compiled = Command::new("cc")
            .args(["-O3", "-march=native", "-o"])
            .arg(&program)
            .arg(floor.join("hs_raw.c"))
            .arg("-lhs")
            .status()
            .map_err(|e| Error::at("cc", e))?;
        if !compiled.success() {
            fail!("hs_raw.c does not compile; it needs libhyperscan-dev");
        }
        let mut file = std::io::BufWriter::new(std::fs::File::create(&bodies)?);
        for doc in docs {
            file.write_all(&(doc.body.len() as u32).to_ne_bytes())?;
            file.write_all(&doc.body)?;
        }
        file.flush()?;
        Ok(Hyperscan { program, patterns: floor.join("patterns.txt"), bodies })
    }

    /// Gbit/s in streaming and in block mode.
    fn gbit(&self, seconds: f64) -> Result<(f64, f64)> {
        let output = Command::new(&self.program)
            .arg(&self.patterns)
            .arg(&self.bodies)
            .arg(seconds.to_string())
            .output()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let figure = |mode: &str| {
            let line = text.lines().find_map(|l| l.strip_prefix(mode));
            line.and_then(|l| l.split_whitespace().next()).and_then(|f| f.parse().ok())
        };
        match (figure("streaming "), figure("block ")) {
            (Some(streaming), Some(block)) => Ok((streaming, block)),
            _ => fail!("hs_raw: {}", String::from_utf8_lossy(&output.stderr)),
        }
    }
}

impl Drop for Hyperscan {
    fn drop(&mut self) {
        if let Some(dir) = self.program.parent() {
            let _ = std::fs::remove_dir_all(dir);
        }
    }
}
