//! The scanner from outside: what it finds, that cuts do not matter, and that nothing leaves before it is decided.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod attacks;
mod cases;
mod corpora;
mod custom;
mod filler;
mod masks;
mod messagepack;
mod pieces;
mod protobuf;

use std::sync::OnceLock;

use weir_inspect::detector::DetectorSet;
use weir_inspect::scan::{Catalog, Found, Kind, ScanState, Scanner};

/// A match as tests compare them: detector, start, end. Parts of an open match are put together.
type Match = (String, u64, u64);

fn leaks(catalog: &Catalog) -> DetectorSet {
    let mut all = DetectorSet::EMPTY;
    catalog.iter().filter(|d| d.kind == Kind::Leak).for_each(|d| all.insert(d.id));
    all
}

/// All leak detectors; made once, since property tests ask often.
fn scanner() -> (&'static Catalog, &'static Scanner, &'static DetectorSet) {
    static ALL: OnceLock<(Catalog, Scanner, DetectorSet)> = OnceLock::new();
    let (catalog, scanner, all) = ALL.get_or_init(|| {
        let catalog = Catalog::builtin();
        let all = leaks(&catalog);
        let scanner = Scanner::new(&catalog, &all);
        (catalog, scanner, all)
    });
    (catalog, scanner, all)
}

fn put_together(catalog: &Catalog, found: &[Found]) -> Vec<Match> {
    let mut all: Vec<Match> = Vec::new();
    for f in found {
        let name = &catalog.get(f.detector).unwrap().name;
        if f.continued {
            let part = all.iter_mut().rev().find(|m| m.0 == *name && m.2 == f.start);
            part.expect("a continued part follows its beginning").2 = f.end;
        } else {
            all.push((name.clone(), f.start, f.end));
        }
    }
    all.sort();
    all
}

/// What is found in a text that comes in one piece.
fn find(text: &[u8]) -> Vec<Match> {
    let (catalog, scanner, all) = scanner();
    let (mut state, mut found) = (ScanState::default(), Vec::new());
    assert_eq!(
        scanner.scan(&mut state, text, true, all, &mut found),
        0,
        "nothing is held at the end"
    );
    put_together(catalog, &found)
}

/// The texts found by one detector.
fn texts<'a>(text: &'a str, detector: &str) -> Vec<&'a str> {
    let mine = find(text.as_bytes()).into_iter().filter(|m| m.0 == detector);
    mine.map(|m| &text[m.1 as usize..m.2 as usize]).collect()
}
