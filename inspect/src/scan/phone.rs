//! Phone numbers: E.164 with its country code, North American forms, and grouped national numbers.
//!
//! Ten bare digits are not a phone number to this detector: too many ids look like that.

use super::found::Outcome;
use super::run::{Fit, Run, close};
use super::view::{At, View};

/// Fewest digits behind a `+` (small countries have 7 with their code, but so have many differences such as `+1234567`).
const MIN_INTERNATIONAL: usize = 9;
/// Most digits of a number with its country code (ITU-T E.164 §6.2).
const MAX_INTERNATIONAL: usize = 15;

/// Whether a phone number begins with the digit group at `at`.
pub(super) fn grouped(view: &View, at: usize) -> Outcome {
    let zero_or_one = matches!(view.at(at), At::Byte(b'0' | b'1'));
    let three = view.bytes.get(at..at + 3).is_none_or(|b| b.iter().all(u8::is_ascii_digit));
    if !(zero_or_one || three) || !view.number_may_start(at) || view.before(at, 1) == Some(b'+') {
        return Outcome::No;
    }
    let run = Run::read(view, at);
    let mut open = false;
    for (format, skip) in [(&[3, 3, 4][..], 0), (&[1, 3, 3, 4], 1)] {
        match run.fits(format, b" -.") {
            Fit::No => {}
            Fit::Open => open = true,
            Fit::Yes if north_american(run.digits(10 + skip), skip) => {
                let stop = run.groups().get(format.len() - 1).map_or(at, |g| g.end());
                return end(view, at, stop, 0.8);
            }
            Fit::Yes => {}
        }
    }
    if open { Outcome::More { start: at } } else { national(view, &run, at) }
}

/// `0` and nine or ten more digits in three to five groups with one separator, such as `0490 75 40 81`.
fn national(view: &View, run: &Run, at: usize) -> Outcome {
    let groups = run.groups();
    if run.digits(1) != [0] || !groups.first().is_some_and(|g| (2..=5).contains(&g.len)) {
        return Outcome::No;
    }
    if run.open {
        return Outcome::More { start: at };
    }
    let separator = groups.first().and_then(|g| g.separator);
    let total: usize = groups.iter().map(|g| g.len).sum();
    let same = groups.iter().take(groups.len() - 1).all(|g| g.separator == separator);
    let even = groups.iter().skip(1).all(|g| (2..=4).contains(&g.len));
    if !(3..=5).contains(&groups.len()) || !(10..=11).contains(&total) || !same || !even {
        return Outcome::No;
    }
    close(view, run, groups.len(), at, 0.5)
}

/// Area code and exchange begin with 2–9 (NANPA).
fn north_american(digits: &[u8], skip: usize) -> bool {
    let starts_well = |i: usize| digits.get(i).is_some_and(|d| *d >= 2);
    (skip == 0 || digits.first() == Some(&1)) && starts_well(skip) && starts_well(skip + 3)
}

/// Whether `(ddd) ddd-dddd` begins with the parenthesis at `at`.
pub(super) fn parenthesised(view: &View, at: usize) -> Outcome {
    if view.word_before(at) {
        return Outcome::No;
    }
    let mut i = at;
    // `d`: a digit, `2`: a digit from 2 on, `s`: an optional space, `-`: a separator.
    for want in b"(2dd)s2dd-dddd" {
        let byte = match view.at(i) {
            At::Unknown => return Outcome::More { start: at },
            At::End => return Outcome::No,
            At::Byte(b) => b,
        };
        let fits = match want {
            b'd' => byte.is_ascii_digit(),
            b'2' => (b'2'..=b'9').contains(&byte),
            b's' if byte != b' ' => continue,
            b's' => true,
            b'-' => matches!(byte, b'-' | b' ' | b'.'),
            w => byte == *w,
        };
        if !fits {
            return Outcome::No;
        }
        i += 1;
    }
    end(view, at, i, 0.9)
}

/// Whether an international number begins with the `+` at `at`.
pub(super) fn international(view: &View, at: usize) -> Outcome {
    if view.word_before(at) || view.before(at, 1) == Some(b'+') {
        return Outcome::No;
    }
    let (mut digits, mut i, mut stop) = (0, at + 1, at + 1);
    loop {
        match view.at(i) {
            At::Unknown => return Outcome::More { start: at },
            At::Byte(b'0') if digits == 0 => return Outcome::No,
            At::Byte(b'0'..=b'9') => {
                digits += 1;
                if digits > MAX_INTERNATIONAL {
                    return Outcome::No;
                }
                i += 1;
                stop = i;
            }
            // One separator between groups, or `(`, `) `, ` (` around an area code.
            At::Byte(b' ' | b'-' | b'.' | b'(' | b')') if digits > 0 && i - stop < 2 => i += 1,
            _ => break,
        }
    }
    if digits < MIN_INTERNATIONAL {
        return Outcome::No;
    }
    end(view, at, stop, 0.9)
}

/// The right side: no letter or digit, but `x4587` is an extension.
fn end(view: &View, start: usize, end: usize, confidence: f32) -> Outcome {
    if view.at(end) == At::Byte(b'x') {
        return match view.at(end + 1) {
            At::Unknown => Outcome::More { start },
            At::Byte(b'0'..=b'9') => Outcome::Match { start, end, confidence },
            _ => Outcome::No,
        };
    }
    match view.number_may_end(end) {
        None => Outcome::More { start },
        Some(false) => Outcome::No,
        Some(true) => Outcome::Match { start, end, confidence },
    }
}
