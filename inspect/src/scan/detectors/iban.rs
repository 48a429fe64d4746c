//! International bank account numbers (ISO 13616): country, length, mod 97.

use crate::scan::found::Outcome;
use crate::scan::view::{At, View};
use crate::validate::iban;

/// Whether an IBAN begins with the two letters at `at`.
pub(in crate::scan) fn evaluate(view: &View, at: usize) -> Outcome {
    if view.word_before(at) {
        return Outcome::No;
    }
    let mut text = [0u8; iban::MAX_LEN];
    let (mut n, mut i, mut want) = (0, at, iban::MAX_LEN);
    while n < want {
        let byte = match view.at(i) {
            At::Unknown => return Outcome::More { start: at },
            At::End => return Outcome::No,
            At::Byte(b) => b,
        };
        // Written in groups of four, as on paper.
        if matches!(byte, b' ' | b'-')
            && n >= 4
            && n.is_multiple_of(4)
            && view.before(i, 1) != Some(byte)
        {
            i += 1;
            continue;
        }
        let fits = match n {
            0 | 1 => byte.is_ascii_uppercase(),
            2 | 3 => byte.is_ascii_digit(),
            _ => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
        };
        let Some(slot) = text.get_mut(n).filter(|_| fits) else { return Outcome::No };
        *slot = byte;
        (n, i) = (n + 1, i + 1);
        if n == 2 {
            let Some(length) = iban::length(text.first_chunk().unwrap_or(b"  ")) else {
                return Outcome::No;
            };
            want = length;
        }
    }
    let valid = text.get(..want).is_some_and(iban::valid);
    // In protobuf the next field's tag may look like a letter; the length is the country's, so the end is certain.
    match view.at(i) {
        _ if !valid => Outcome::No,
        At::Unknown if !view.binary => Outcome::More { start: at },
        At::Byte(b) if !view.binary && b.is_ascii_alphanumeric() => Outcome::No,
        _ => Outcome::Match { start: at, end: i, confidence: 0.98 },
    }
}
