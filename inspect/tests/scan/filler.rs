//! Filler is no attack: what load tests, examples and half-made pages send means nothing, and no signature fires in it.

use weir_inspect::detector::DetectorSet;
use weir_inspect::scan::ScanState;

use super::attacks::{All, all};

/// What bodies are filled with. Each body takes a few of a list, in any order.
const LISTS: &[&[&str]] = &[
    &["lorem ", "ipsum ", "dolor, ", "sit. ", "{\"n\": 17}, ", "\"amet\": ", "Grüße ", "\n"],
    &[
        "Lorem ipsum dolor sit amet, ",
        "consectetur adipiscing elit, ",
        "sed do eiusmod ",
        "tempor. ",
        "\n\n",
    ],
    &["il a dit: ", "« où ? » ", "l'été, ", "c'est ", "aujourd'hui ", "- non ! ", "\r\n"],
    &["και ", "το ", "από, ", "день; ", "и ", "не ", "日本語、", "です。", "\n"],
    &["foo ", "bar, ", "baz = 1\n", "(qux) ", "quux: ", "[1, 2], ", "\"x\": 3, ", "# note\n"],
    &["id,name,price\n", "1,alpha,9.50\n", "2,\"beta, two\",-3\n", ";", "\t", "3,gamma,\n"],
    &[
        "{\"id\": 1, ",
        "\"name\": \"a b\", ",
        "\"tags\": [\"x\", \"y\"], ",
        "\"on\": true}, ",
        "null, ",
        "}, {",
    ],
    &[
        "the ", "and ", "or ", "from ", "where ", "in ", "by ", "order. ", "you, ", "is ", "not ",
        "a ",
    ],
    &["aaaa", "xxxx", "0000", "....", "----", "====", "abc123", " "],
    &["dGhlIHF1aWNr", "IGJyb3duIGZveA", "+/9", "==\n", "fHx8", "Zm9v"],
];
/// Bodies of each list.
const BODIES: u64 = 300;
/// Longest body, bytes.
const LONGEST: u64 = 12_000;

/// Numbers that look random, the same each time (splitmix64).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (mixed ^ (mixed >> 29)) % end
    }
}

/// A body of the texts of a list: all of them, or a few again and again.
fn body(list: &[&str], numbers: &mut Numbers) -> String {
    let few = 1 + numbers.below(list.len() as u64) as usize;
    let from = numbers.below((list.len() - few + 1) as u64) as usize;
    let longest = if numbers.below(2) == 0 { 400 } else { LONGEST };
    let length = 1 + numbers.below(longest) as usize;
    let mut text = String::new();
    while text.len() < length {
        text.push_str(list[from + numbers.below(few as u64) as usize]);
    }
    text
}

fn is_attack(all: &All, body: &str, piece: usize) -> bool {
    let (mut state, mut found) = (ScanState::default(), Vec::new());
    state.set_attacks(&all.attacks);
    for piece in body.as_bytes().chunks(piece) {
        all.scanner.scan(&mut state, piece, false, &DetectorSet::EMPTY, &mut found);
    }
    all.scanner.scan(&mut state, b"", true, &DetectorSet::EMPTY, &mut found);
    !found.is_empty()
}

#[test]
fn filler_is_no_attack_in_packets_of_any_size() {
    let (all, mut numbers) = (all(), Numbers(17));
    let mut wrong = Vec::new();
    for list in LISTS {
        for _ in 0..BODIES {
            let (text, piece) = (body(list, &mut numbers), 64 + numbers.below(16_000) as usize);
            if is_attack(&all, &text, piece) {
                wrong.push(text.chars().take(400).collect::<String>());
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {}: {wrong:#?}", wrong.len(), LISTS.len() as u64 * BODIES);
}
