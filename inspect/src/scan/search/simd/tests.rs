//! Each variant gives the same as the portable one, and that what a byte-by-byte search does.

use proptest::prelude::*;

use super::*;
use crate::detector::DetectorSet;
use crate::scan::{Catalog, Scanner};

fn told(
    search: Search,
    tables: &Tables,
    text: &[u8],
    from: usize,
    binary: bool,
) -> (Vec<Block>, Vec<u32>) {
    let mut padded = text.to_vec();
    padded.resize(text.len() + PADDING, 0);
    let (mut blocks, mut words) = (Vec::new(), Vec::new());
    let input = Input { padded: &padded, from, to: text.len(), binary, escapes: !binary };
    search(tables, &input, &mut |told| match told {
        Told::Block(block) => blocks.push(block),
        Told::Words(places) => words.extend(places),
    });
    (blocks, words)
}

fn blocks(tables: &Tables, text: &[u8], from: usize) -> Vec<Block> {
    told(portable, tables, text, from, false).0
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        "[0-9 .-]{1,40}".prop_map(String::into_bytes),
        "[ -~]{0,40}".prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 0..40),
        prop::sample::select(vec![
            &b"AKIA"[..],
            b"bob@x",
            b"(415",
            b"GB82",
            b"eyJ",
            b"ghp_",
            b"\\nsk_",
            b"%20Ab",
            b"550e8400-e29b-41d4-a716-446655440000",
            b"aGVsbG8gd29ybGQsIGhlbGxvIHdvcmxkLCBoZWxsbyB3b3JsZCwgaGVsbG8gd29ybGQsIGhlbGxvIHdvcmxk"
        ])
        .prop_map(<[u8]>::to_vec),
    ];
    prop::collection::vec(part, 0..12).prop_map(|parts| parts.concat())
}

#[test]
fn words_begin_where_they_are_seen_to() {
    // The letters of "Qqnu" begin words, and no others do; `n` and `u` are those of escapes.
    let text = r"Qb qd_Qf=1gh QhQK-qm \nqp \u0020qr %2fqs éqv 9x ".repeat(3);
    let mut tables = Tables::new(&[]);
    tables.words = Words::new(text.as_bytes().windows(4).map(|four| (four.to_vec(), 0)));
    for from in 0..text.len() {
        let letters = text.bytes().enumerate().skip(from);
        let begins = letters.filter(|(_, b)| b"Qqnu".contains(b)).map(|(i, _)| i);
        let (_, found) = told(portable, &tables, text.as_bytes(), from, false);
        let begins: Vec<u32> = begins.map(|i| i as u32).collect();
        assert_eq!(found, begins, "from {from} of {text}");
    }
}

proptest! {
    #[test]
    fn all_variants_agree(text in text(), from in 0usize..70, binary: bool) {
        let catalog = Catalog::builtin();
        let mut all = DetectorSet::EMPTY;
        catalog.iter().for_each(|d| all.insert(d.id));
        let tables = &Scanner::new(&catalog, &all).tables;
        let from = from.min(text.len());
        let (expected, words) = told(portable, tables, &text, from, binary);
        let surely = |at: usize| expected.iter().find(|b| b.at == at).map_or(0, |b| b.points);
        for (name, search) in variants() {
            let (mut found, places) = told(search, tables, &text, from, binary);
            found.iter_mut().for_each(|b| b.points &= surely(b.at));
            found.retain(|b| !b.is_empty());
            prop_assert_eq!(&found, &expected, "{}", name);
            prop_assert_eq!(&places, &words, "{}", name);
        }
    }

    /// A run of letters is told exactly where it becomes long, also if it began in front of the search.
    #[test]
    fn long_runs_are_found_where_they_are(text in text(), from in 0usize..70) {
        let from = from.min(text.len());
        let (mut expected, mut run) = (Vec::new(), 0);
        for (i, b) in text.iter().enumerate() {
            run = if is_letter(*b) { run + 1 } else { 0 };
            if run == LONG_RUN && i >= from {
                expected.push(i);
            }
        }
        let found: Vec<usize> = blocks(&Tables::new(&[]), &text, from)
            .iter()
            .flat_map(|b| (0..64).filter(|i| b.letters >> i & 1 == 1).map(|i| b.at + i))
            .collect();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn each_byte_is_told_by_its_halves(b: u8) {
        let half = |table: &[u8; 16], n: u8| table.get(usize::from(n)).copied().unwrap_or(0);
        let bits = half(&KINDS.low, b & 15) & half(&KINDS.high, b >> 4);
        let letter = b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'-' | b'_');
        prop_assert_eq!(bits & LETTER != 0, letter);
        prop_assert_eq!(of(&KINDS_BY_BYTE, b), bits);
        prop_assert_eq!(bits & DIGIT != 0, b.is_ascii_digit());
        prop_assert_eq!(bits & SEPARATOR != 0, crate::scan::view::is_separator(b));
        prop_assert_eq!(bits & ESCAPE != 0, matches!(b, b'\\' | b'%' | b'&'));
    }

    /// A run is reported exactly where its eleventh character is.
    #[test]
    fn runs_are_found_where_they_are(text in "[0-9 .a-]{0,300}") {
        let tables = Tables::new(&[]);
        let found: Vec<usize> = blocks(&tables, text.as_bytes(), 0)
            .iter()
            .flat_map(|b| (0..64).filter(|i| b.runs >> i & 1 == 1).map(|i| b.at + i))
            .collect();
        let (mut expected, mut length, mut before) = (Vec::new(), 0, b'x');
        for (i, b) in text.bytes().enumerate() {
            let goes_on = b.is_ascii_digit()
                || (crate::scan::view::is_separator(b) && before.is_ascii_digit());
            length = if goes_on { length + 1 } else { 0 };
            if length == MIN_RUN {
                expected.push(i);
            }
            before = b;
        }
        prop_assert_eq!(found, expected);
    }
}
