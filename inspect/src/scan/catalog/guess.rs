//! Whether a value beside a name such as `password` or `api_key` is a secret, when nothing but its look tells.
//!
//! Most of what stands there in ordinary bodies is none: names, paths, placeholders, numbers. A secret is taken for one
//! only if it looks random.

use serde::Deserialize;

use super::pattern::is_placeholder;

/// What is guessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Guess {
    /// A key or token: made by a machine.
    Token,
    /// A password: perhaps made up by a person.
    Password,
}

/// Shortest token that is guessed; shorter ones are counters and short ids.
const MIN_TOKEN: usize = 10;
/// Least entropy of a token in bits a character: hexadecimal digits at random have nearly 4, words of English about 3 and no
/// digits.
const MIN_ENTROPY: f32 = 2.8;
/// Fewest distinct characters of a password.
const DISTINCT: u8 = 5;

/// Whether the value looks like one. `bound`: a `=` or `:` ties it to its name. `strong`: its name means nothing but a
/// secret.
pub(in crate::scan) fn fits(guess: Guess, value: &[u8], bound: bool, strong: bool) -> bool {
    match guess {
        Guess::Token => is_token(value, strong),
        Guess::Password => bound && is_password(value),
    }
}

fn count(value: &[u8], of: fn(&u8) -> bool) -> usize {
    value.iter().filter(|b| of(b)).count()
}

fn is_token(value: &[u8], strong: bool) -> bool {
    let digits = count(value, u8::is_ascii_digit);
    let letters = count(value, u8::is_ascii_alphabetic);
    let single = digits + letters == value.len();
    let least = if strong && single { MIN_TOKEN } else { 2 * MIN_TOKEN };
    value.len() >= least
        && digits >= 2
        && letters >= 2
        && (strong || single)
        && (changes(value) >= 3 || single && value.len() >= 16)
        && !is_placeholder(value, 6)
        && !is_written(value)
        && entropy(value) >= MIN_ENTROPY
}

/// Whether it consists of words and numbers, as names, versions and paths do: more than half of the characters.
pub(in crate::scan) fn is_written(value: &[u8]) -> bool {
    let parts = value.split(|b| matches!(b, b'-' | b'_' | b'.' | b'/' | b':'));
    let simple = |part: &&[u8]| {
        let letters = part.iter().filter(|b| b.is_ascii_alphabetic()).count();
        letters == part.len() || letters == 0 && part.len() < 11 || humps(part) * 2 > part.len()
    };
    let all: Vec<usize> = parts.clone().map(<[u8]>::len).collect();
    let written: usize = parts.filter(simple).map(<[u8]>::len).sum();
    (all.len() > 1 || humps(value) * 2 > value.len()) && written * 2 > all.iter().sum()
}

/// Characters in words with a capital: `TestUpdate`.
fn humps(text: &[u8]) -> usize {
    let words = text.split_inclusive(u8::is_ascii_uppercase).skip(1);
    let lengths = words.map(|word| word.iter().take_while(|b| b.is_ascii_lowercase()).count());
    lengths.filter(|n| *n >= 3).map(|n| n + 1).sum()
}

/// How often a letter stands beside a digit, or a small letter in front of a capital one.
fn changes(value: &[u8]) -> usize {
    let class = |b: u8| match b {
        b'0'..=b'9' => 0,
        b'a'..=b'z' => 1,
        b'A'..=b'Z' => 2,
        _ => 3,
    };
    value.windows(2).filter(|w| matches!(w, [a, b] if class(*a) != class(*b))).count()
}

/// Shannon's entropy of the characters, in bits a character.
fn entropy(value: &[u8]) -> f32 {
    let mut counts = [0u16; 256];
    for b in value {
        counts.get_mut(usize::from(*b)).into_iter().for_each(|n| *n += 1);
    }
    let all = value.len() as f32;
    let share = |n: &u16| f32::from(*n) / all;
    -counts.iter().filter(|n| **n > 0).map(|n| share(n) * share(n).log2()).sum::<f32>()
}

fn is_password(value: &[u8]) -> bool {
    const MARKS: &[u8] = b"!@#^&*?~+-$";
    let kinds = [
        count(value, u8::is_ascii_digit) > 0,
        count(value, u8::is_ascii_lowercase) > 0,
        count(value, u8::is_ascii_uppercase) > 0,
        count(value, |b| MARKS.contains(b)) > 0,
    ];
    let kinds = kinds.into_iter().filter(|k| *k).count();
    let digits_or_marks = count(value, |b| b.is_ascii_digit() || MARKS.contains(b)) > 0;
    kinds >= 2
        && digits_or_marks
        && !is_code(value)
        && !is_placeholder(value, DISTINCT)
        && !is_written(value)
}

/// What programs put in the place of a value: `$PASSWORD`, `${…}`, `{{ … }}`, `%s`, `get()`, `<…>`, `&lt;`.
fn is_code(value: &[u8]) -> bool {
    let has = |part: &[u8]| value.windows(part.len()).any(|w| w == part);
    let within = value.iter().any(|b| b"(){}[]<>`".contains(b));
    let starts = value.first().is_some_and(|b| b"$%&*".contains(b));
    within || starts || has(b"->") || has(b"lt;") || has(b"gt;")
}
