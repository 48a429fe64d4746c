//! Phone numbers: E.164 with its country code, North American forms, and grouped national numbers.
//!
//! Ten bare digits are not a phone number to this detector: too many ids look like that.

use super::run::{Fit, Run, close};
use crate::scan::found::Outcome;
use crate::scan::view::{At, View};

/// Fewest digits behind a `+` (small countries have 7 with their code, but so have many differences such as `+1234567`).
const MIN_INTERNATIONAL: usize = 9;
/// Words behind a number that say that it is a phone's.
const LABELS: [&[u8]; 9] =
    [b"phone", b"office", b"fax", b"mobile", b"cell", b"tel", b"telephone", b"home", b"work"];
/// The longest of them.
const MAX_LABEL: usize = 9;
/// Fewest digits of a number that only such a word tells.
const MIN_LABELLED: usize = 7;
/// Most digits of a number with its country code (ITU-T E.164 §6.2).
const MAX_INTERNATIONAL: usize = 15;

/// Whether a phone number begins with the digit group at `at`.
pub(in crate::scan) fn grouped(view: &View, at: usize) -> Outcome {
    if !view.number_may_start(at) || view.before(at, 1) == Some(b'+') {
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
    if open {
        return Outcome::More { start: at };
    }
    match national(view, &run, at) {
        Outcome::No => labelled(view, &run, at),
        outcome => outcome,
    }
}

/// A number in two to five groups, in front of a word that says what it is: `28-64-66-98 office`, `082 490 1693-Fax`.
fn labelled(view: &View, run: &Run, at: usize) -> Outcome {
    let groups = run.groups();
    let total: usize = groups.iter().map(|g| g.len).sum();
    // The last one may still grow.
    let grown = groups.iter().take(groups.len() - usize::from(run.open && !groups.is_empty()));
    let even = grown.into_iter().all(|g| (2..=5).contains(&g.len));
    if groups.len() > 5 || total > MAX_INTERNATIONAL || !even {
        return Outcome::No;
    }
    if run.open {
        return Outcome::More { start: at };
    }
    if groups.len() < 2 || total < MIN_LABELLED {
        return Outcome::No;
    }
    let Some(stop) = groups.last().map(|g| g.end()) else { return Outcome::No };
    match has_label(view, stop) {
        None => Outcome::More { start: at },
        Some(true) => Outcome::Match { start: at, end: stop, confidence: 0.6 },
        Some(false) => Outcome::No,
    }
}

/// Whether one of [`LABELS`] stands right behind a number; none if the next bytes must tell.
fn has_label(view: &View, end: usize) -> Option<bool> {
    if !matches!(view.at(end), At::Byte(b' ' | b'-')) {
        return (view.at(end) != At::Unknown).then_some(false);
    }
    let mut word = [0; MAX_LABEL];
    for (i, letter) in (end + 1..).zip(&mut word) {
        match view.at(i) {
            At::Byte(b) if b.is_ascii_alphabetic() => *letter = b.to_ascii_lowercase(),
            At::Unknown => return None,
            _ => break,
        }
    }
    let word = word.split(|b| *b == 0).next().unwrap_or(&[]);
    let whole = match view.at(end + 1 + word.len()) {
        At::Unknown => return None,
        At::Byte(b) => !b.is_ascii_alphanumeric(),
        At::End => true,
    };
    Some(whole && LABELS.contains(&word))
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
pub(in crate::scan) fn parenthesised(view: &View, at: usize) -> Outcome {
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
pub(in crate::scan) fn international(view: &View, at: usize) -> Outcome {
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
    let ends = match view.number_may_end(end) {
        Some(false) if view.at(end) == At::Byte(b'-') => has_label(view, end),
        ends => ends,
    };
    match ends {
        None => Outcome::More { start },
        Some(false) => Outcome::No,
        Some(true) => Outcome::Match { start, end, confidence },
    }
}
