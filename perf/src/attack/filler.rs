//! Filler: what load tests, examples and half-made pages hold in place of text. A few pieces, repeated in any order, so marks
//! come together as they do in no text that means something.

use weir_inspect::attack_model::lexicon;

use crate::random::Random;

/// Letters of made-up words: most are Latin's, some take two or three bytes.
const SYLLABLES: [&str; 24] = [
    "lo", "rem", "ip", "sum", "do", "si", "ta", "met", "con", "sec", "te", "tur", "ad", "pis",
    "cing", "eli", "grü", "ße", "né", "ção", "ña", "мир", "δα", "日本",
];
/// Ways to write a word, `w`, or a number, `9`, as one piece. With them come spaces, ends of lines, and what JSON, CSV, lists and
/// settings are made of.
const PIECES: [&str; 30] = [
    "w ",
    "w ",
    "w ",
    "w, ",
    "w. ",
    "w; ",
    "w: ",
    "w! ",
    "w? ",
    "w-w ",
    "(w) ",
    "\"w\" ",
    "W ",
    "W W. ",
    "9 ",
    "9, ",
    "9.9 ",
    "\n",
    "\r\n",
    "\t",
    "\"w\": ",
    "\"w\": 9, ",
    "{\"w\": 9}, ",
    "\"w\":\"w\",",
    "{\"w\":\"w w\"},",
    "[9, 9], ",
    "w=9, ",
    "w = w\n",
    "- w\n",
    "w,w,9\n",
];
/// What pads a request to a size.
const PADDING: [&str; 12] = [
    "a",
    "x",
    "A",
    "X",
    "0",
    "1",
    ".",
    "-",
    "=",
    "abc",
    "0123456789",
    "abcdefghijklmnopqrstuvwxyz",
];
/// Longest filler, bytes. A longer one is more of the same windows.
const LONGEST: usize = 2000;

/// A filler of up to [`LONGEST`] bytes: pieces in any order, or one piece again and again, cut anywhere.
pub fn filler(random: &mut Random) -> Vec<u8> {
    let longest = if random.below(2) == 0 { 200 } else { LONGEST };
    let length = 1 + random.below(longest);
    let pieces: Vec<String> = match random.below(8) {
        0 => vec![pick(&PADDING, random).to_owned()],
        1 => vec![piece(random), piece(random)],
        _ => (0..3 + random.below(9)).map(|_| piece(random)).collect(),
    };
    let mut text = Vec::with_capacity(length + 64);
    while text.len() < length {
        let next = random.below(pieces.len());
        text.extend(pieces.get(next).map_or(&b" "[..], String::as_bytes));
    }
    text.truncate(length);
    text
}

fn piece(random: &mut Random) -> String {
    let mut piece = String::new();
    for letter in pick(&PIECES, random).chars() {
        match letter {
            'w' => piece.push_str(&word(random)),
            'W' => piece.push_str(&word(random).to_uppercase()),
            '9' => piece.push_str(&random.below(10_000).to_string()),
            _ => piece.push(letter),
        }
    }
    piece
}

/// A made-up word, or a short one of the lexicon: those are words of a language, too.
fn word(random: &mut Random) -> String {
    let is_short = |w: &&str| w.len() <= 5 && w.bytes().all(|b| b.is_ascii_lowercase());
    match random.below(8) {
        0 => {
            let known: Vec<&str> = lexicon().filter(is_short).collect();
            known.get(random.below(known.len())).copied().unwrap_or_default().to_owned()
        }
        _ => (0..1 + random.below(4)).map(|_| pick(&SYLLABLES, random)).collect(),
    }
}

fn pick(from: &[&'static str], random: &mut Random) -> &'static str {
    from.get(random.below(from.len())).copied().unwrap_or_default()
}
