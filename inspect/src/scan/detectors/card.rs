//! Payment card numbers (ISO/IEC 7812): grouping, issuer range, length, Luhn, and what stands around them.

use super::card_context::{Around, around, is_named_otherwise};
use super::run::{Fit, Run, close};
use crate::scan::found::Outcome;
use crate::scan::view::View;
use crate::scan::wire;
use crate::validate::card::{may_be_card, network};
use crate::validate::luhn;

/// Digits of most cards.
pub(in crate::scan) const USUAL: std::ops::RangeInclusive<usize> = 14..=16;
/// Bytes of a varint in front of its last one, of a number that a card can be.
pub(in crate::scan) const MAX_VARINT: usize = 8;

/// How card numbers are grouped. A single group is handled apart.
const GROUPED: &[&[usize]] = &[&[4, 4, 4, 4, 3], &[4, 4, 4, 4], &[4, 6, 5], &[4, 6, 4]];

/// Whether a card number begins with the digit group at `at`.
pub(in crate::scan) fn evaluate(view: &View, at: usize) -> Outcome {
    let run = Run::read(view, at);
    let Some(first) = run.groups().first() else { return Outcome::No };
    if first.len >= 12 {
        return plain(view, &run, at);
    }
    // Too short for one, unless it still grows.
    let growing = run.open && run.groups().len() == 1 && first.separator.is_none();
    if growing && may_be_card(run.digits(first.len)) && view.number_may_start(at) {
        return Outcome::More { start: at };
    }
    if first.len == 4 || growing { grouped(view, &run, at) } else { Outcome::No }
}

fn plain(view: &View, run: &Run, at: usize) -> Outcome {
    let Some(group) = run.groups().first() else { return Outcome::No };
    let digits = run.digits(group.len);
    if group.len > 19 || !may_be_card(digits) || !view.number_may_start(at) {
        return Outcome::No;
    }
    if run.open && group.separator.is_none() {
        return Outcome::More { start: at };
    }
    if !is_card(digits) {
        return Outcome::No;
    }
    match around(view, at, group.end()) {
        Around::Card(confidence) => close(view, run, 1, at, confidence),
        Around::Other => Outcome::No,
        Around::Unknown => Outcome::More { start: at },
    }
}

/// Whether the digits (values 0–9) have a network's range and length, and their check digit is right.
pub(in crate::scan) fn is_card(digits: &[u8]) -> bool {
    network(digits).is_some() && luhn::valid(digits)
}

/// The digits of a plain number at `at` that has a network's range and length but not its check digit: what a card hardly
/// ever is, and nine of ten ids of the same form are.
pub(in crate::scan) fn only_looks_like_one(view: &View, at: usize) -> Option<usize> {
    view.bytes.get(at..at + 12)?.iter().all(u8::is_ascii_digit).then_some(())?;
    let run = Run::read(view, at);
    let group = run.groups().first().filter(|_| !run.open)?;
    let digits = run.digits(group.len);
    let is_one = network(digits).is_some() && !luhn::valid(digits) && view.number_may_start(at);
    is_one.then_some(group.len)
}

/// The tag of a protobuf string at `at` that is a plain number of a card's form, whether its check digit is right or not.
pub(in crate::scan) fn tagged_text(view: &View, at: usize) -> Option<u8> {
    let (tag, text) = wire::short_string(view, at)?;
    let run = Run::read(&View::new(text, 0, true, false), 0);
    let group = run.groups().first().filter(|g| g.len == text.len())?;
    network(run.digits(group.len)).map(|_| tag)
}

/// Whether a protobuf varint whose last byte is at `last` is a card, and its tag if it has one and is as long as a card: of the
/// usual lengths alone, since longer and shorter numbers there are ids and times.
pub(in crate::scan) fn varint(view: &View, last: usize) -> (Option<u8>, Outcome) {
    let mut value = u64::from(view.bytes.get(last).copied().unwrap_or(0));
    let mut start = last;
    while let Some(b) = view.before(start, 1).filter(|b| *b >= 0x80) {
        start -= 1;
        if last - start > MAX_VARINT {
            return (None, Outcome::No);
        }
        value = value << 7 | u64::from(b & 0x7f);
    }
    let tag = match (view.before(start, 1), view.before(start, 2)) {
        (Some(_), Some(low)) if low >= 0x80 => Some(low).filter(|low| low & 7 == 0),
        (Some(tag), _) => Some(tag).filter(|tag| *tag >= 8 && tag & 7 == 0),
        _ => None,
    };
    let mut digits = [0; 20];
    let mut len = 0;
    for digit in digits.iter_mut().rev() {
        if value == 0 {
            break;
        }
        (*digit, value, len) = ((value % 10) as u8, value / 10, len + 1);
    }
    let digits = digits.get(20 - len..).unwrap_or(&[]);
    if tag.is_none() || network(digits).is_none() || !USUAL.contains(&len) {
        return (None, Outcome::No);
    }
    match luhn::valid(digits) {
        true => (tag, Outcome::Match { start, end: last + 1, confidence: 0.75 }),
        false => (tag, Outcome::No),
    }
}

fn grouped(view: &View, run: &Run, at: usize) -> Outcome {
    let mut open = false;
    for format in GROUPED {
        match run.fits(format, b" -") {
            Fit::No => {}
            Fit::Open => open = true,
            Fit::Yes => {
                let digits = run.digits(format.iter().sum());
                if !is_card(digits) || !view.number_may_start(at) || is_named_otherwise(view, at) {
                    continue;
                }
                // What follows may become one more group.
                if run.open {
                    return Outcome::More { start: at };
                }
                // A column of four-digit numbers is no card: neither neighbour may look like one more group.
                let next = run.groups().get(format.len()).map(|g| g.len);
                if next == Some(4) || four_digits_before(view, at) {
                    continue;
                }
                return close(view, run, format.len(), at, 0.95);
            }
        }
    }
    if open && may_be_card(run.digits(usize::MAX)) && view.number_may_start(at) {
        Outcome::More { start: at }
    } else {
        Outcome::No
    }
}

fn four_digits_before(view: &View, at: usize) -> bool {
    let space = at.checked_sub(1).filter(|i| view.bytes.get(*i) == Some(&b' '));
    let digits = |end| view.left(end, 5).iter().rev().take_while(|b| b.is_ascii_digit()).count();
    space.is_some_and(|end| digits(end) == 4)
}
