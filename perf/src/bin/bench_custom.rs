//! What ten times as many patterns of a policy's own cost: the same bodies, scanned for a few and for ten times as many; for them
//! alone, and beside what policies look for anyway.

use std::hint::black_box;

use clap::Parser;
use weir_inspect::detector::{Category, DetectorSet};
use weir_inspect::scan::{Catalog, CustomDetector, CustomKind, ScanState, Scanner};
use weir_tests::bodies::{Mix, Site};
use weir_tests::rng::Rng;
use weir_tests::{Result, fail};

/// What a full Ethernet segment carries of a TCP stream.
const PIECE: usize = 1448;

/// What policies with patterns of their own look for, too.
const BESIDE: &[Category] = &[Category::Pci, Category::Pii];

/// Measure what more custom patterns cost
#[derive(Parser)]
struct Arguments {
    /// Patterns of the smaller set
    #[arg(long, default_value_t = 20)]
    patterns: usize,
    /// Rounds of both; the fastest counts
    #[arg(long, default_value_t = 15)]
    rounds: usize,
    /// Of bodies and patterns
    #[arg(long, default_value_t = 20240607)]
    seed: u64,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let site = Site::generate(arguments.seed);
    let paths = site.paths(Mix::Mixed, 300);
    let bodies: Vec<&[u8]> = paths
        .iter()
        .filter_map(|path| site.docs.iter().find(|doc| doc.path == *path))
        .map(|doc| doc.body.as_slice())
        .collect();
    let bytes: usize = bodies.iter().map(|body| body.len()).sum();
    let gbit = |seconds: f64| bytes as f64 * 8.0 / seconds / 1e9;
    for (name, beside) in [("", &[][..]), ("_beside_packs", BESIDE)] {
        let few = Custom::new(arguments.patterns, beside, arguments.seed)?;
        let many = Custom::new(10 * arguments.patterns, beside, arguments.seed)?;
        let (mut least_few, mut least_many) = (f64::MAX, f64::MAX);
        for _ in 0..arguments.rounds {
            least_few = least_few.min(few.seconds(&bodies));
            least_many = least_many.min(many.seconds(&bodies));
        }
        let packs: String = beside.iter().map(|c| format!(" + {}", c.name())).collect();
        println!("{:5} patterns{packs}: {:6.2} Gbit/s", arguments.patterns, gbit(least_few));
        println!("{:5} patterns{packs}: {:6.2} Gbit/s", 10 * arguments.patterns, gbit(least_many));
        println!("figure: scan.custom_patterns_10x{name} {:.2} ratio", least_many / least_few);
    }
    Ok(())
}

/// A scanner for patterns of a policy's own.
struct Custom {
    scanner: Scanner,
    all: DetectorSet,
}

impl Custom {
    /// So many patterns as policies have them: ids of a company's own, each with a beginning of its own. And all of these categories.
    fn new(count: usize, beside: &[Category], seed: u64) -> Result<Custom> {
        let mut rng = Rng::new(seed);
        let (mut catalog, mut all) = (Catalog::builtin(), DetectorSet::EMPTY);
        catalog.iter().filter(|d| beside.contains(&d.category)).for_each(|d| all.insert(d.id));
        for i in 0..count {
            let name: String =
                (0..rng.range(3, 8)).map(|_| char::from(b'a' + rng.range(0, 25) as u8)).collect();
            let upper = name.to_ascii_uppercase();
            let pattern = match i % 5 {
                0 => format!("{upper}-[0-9]{{6,8}}"),
                1 => format!("{name}_(live|test)_[A-Za-z0-9]{{24}}"),
                2 => format!("urn:{name}:[0-9a-f]{{8}}"),
                3 => format!("[A-Z]{{2}}{upper}[0-9]{{5}}"),
                _ => format!("{name} (id|number) [0-9]{{4,10}}"),
            };
            let detector = CustomDetector {
                name: format!("custom-{i}"),
                category: Category::Custom,
                kind: CustomKind::Regex(pattern),
                case_insensitive: i % 5 == 4,
                max_len: 64,
                valid: None,
                conditions: None,
            };
            match catalog.add_custom(detector) {
                Ok(id) => all.insert(id),
                Err(error) => fail!("pattern {i}: {error}"),
            }
        }
        Ok(Custom { scanner: Scanner::new(&catalog, &all), all })
    }

    /// Processor time of one scan of all bodies.
    fn seconds(&self, bodies: &[&[u8]]) -> f64 {
        let (mut state, mut found) = (ScanState::default(), Vec::new());
        let begin = std::time::Instant::now();
        for body in bodies {
            state.reset();
            found.clear();
            for piece in body.chunks(PIECE) {
                black_box(self.scanner.scan(&mut state, piece, false, &self.all, &mut found));
            }
        }
        begin.elapsed().as_secs_f64()
    }
}
