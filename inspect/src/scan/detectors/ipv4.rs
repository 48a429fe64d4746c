//! IPv4 addresses that nothing names: four numbers up to 255, long enough to be no version.

use crate::scan::found::Outcome;
use crate::scan::view::{At, View};

/// Fewest characters: versions (`1.2.3.4`) are shorter, and so are many addresses, which then need a name beside them.
const LEAST: usize = 11;

/// Whether an address begins with the digit group at `at`.
pub(in crate::scan) fn evaluate(view: &View, at: usize) -> Outcome {
    if !view.number_may_start(at) {
        return Outcome::No;
    }
    let mut i = at;
    for octet in 0..4 {
        let (mut value, from) = (0u32, i);
        while let At::Byte(b @ b'0'..=b'9') = view.at(i) {
            value = value * 10 + u32::from(b - b'0');
            i += 1;
            if value > 255 || i > from + 1 && view.bytes.get(from) == Some(&b'0') {
                return Outcome::No;
            }
        }
        let class = octet > 0 || (1..224).contains(&value);
        match view.at(i) {
            At::Unknown => return Outcome::More { start: at },
            _ if i == from || !class => return Outcome::No,
            At::Byte(b'.') if octet < 3 => i += 1,
            _ if octet < 3 => return Outcome::No,
            _ => {}
        }
    }
    if i - at < LEAST {
        return Outcome::No;
    }
    match view.number_may_end(i) {
        None => Outcome::More { start: at },
        Some(false) => Outcome::No,
        Some(true) => Outcome::Match { start: at, end: i, confidence: 0.6 },
    }
}
