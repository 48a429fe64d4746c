//! US social security numbers: 3-2-4 with one separator, under the SSA's rules.

use super::run::{Fit, Run, close};
use crate::scan::found::Outcome;
use crate::scan::view::{At, View};
use crate::validate::ssn;

/// How far in front of a number its name may begin.
const MAX_NAME: usize = 40;

/// Whether an SSN begins with the digit group at `at`.
pub(in crate::scan) fn evaluate(view: &View, at: usize) -> Outcome {
    let run = Run::read(view, at);
    if !view.number_may_start(at) {
        return Outcome::No;
    }
    // Behind a space `123 45 6789` is any three numbers; only a name in front of it makes it an SSN.
    let spaced = run.groups().first().is_some_and(|g| g.separator == Some(b' '));
    match run.fits(&[3, 2, 4], b" -") {
        Fit::No => Outcome::No,
        Fit::Open => Outcome::More { start: at },
        Fit::Yes if !ssn::valid(run.digits(9)) => Outcome::No,
        Fit::Yes if named(view, at) => close(view, &run, 3, at, 0.98),
        Fit::Yes if spaced => Outcome::No,
        Fit::Yes => close(view, &run, 3, at, 0.9),
    }
}

/// Whether an SSN stands behind the name that begins at `at`, as in `"ssn": "123456789"`. Nine digits are too short for
/// the search for runs.
pub(in crate::scan) fn behind_name(view: &View, at: usize) -> Outcome {
    let left = view.bytes.get(at..).unwrap_or(&[]);
    let name = [&b"ssn"[..], b"social"].into_iter().find(|n| {
        let n = n.get(..left.len().min(n.len())).unwrap_or(n);
        left.get(..n.len()).is_some_and(|l| l.eq_ignore_ascii_case(n))
    });
    if name.is_none() {
        return Outcome::No;
    }
    let mut i = at;
    while i < at + MAX_NAME {
        match view.at(i) {
            At::Unknown => return Outcome::More { start: at },
            At::End => return Outcome::No,
            // Digits of an escape (`\u0020`, `%20`).
            At::Byte(b'0'..=b'9') if view.left(i, 2) == b"\\u" => i += 4,
            At::Byte(b'0'..=b'9') if view.before(i, 1) == Some(b'%') => i += 2,
            At::Byte(b'0'..=b'9') => {
                let outcome = match evaluate(view, i) {
                    Outcome::No => plain(view, i),
                    outcome => outcome,
                };
                // What waits is the name: nine digits alone would not be looked at again.
                let waits = matches!(outcome, Outcome::More { .. });
                return if waits { Outcome::More { start: at } } else { outcome };
            }
            At::Byte(_) => i += 1,
        }
    }
    Outcome::No
}

/// Nine digits without separators.
fn plain(view: &View, at: usize) -> Outcome {
    let run = Run::read(view, at);
    let Some(group) = run.groups().first() else { return Outcome::No };
    if group.len < 10 && run.open && group.separator.is_none() {
        return Outcome::More { start: at };
    }
    if group.len == 9 && view.number_may_start(at) && ssn::valid(run.digits(9)) {
        close(view, &run, 1, at, 0.9)
    } else {
        Outcome::No
    }
}

/// Whether a name of SSNs stands in front of `at`.
fn named(view: &View, at: usize) -> bool {
    let left = view.left(at, MAX_NAME);
    let has = |word: &[u8]| left.windows(word.len()).any(|w| w.eq_ignore_ascii_case(word));
    has(b"ssn") || has(b"social")
}
