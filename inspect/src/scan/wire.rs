//! Protobuf framing around a match (https://protobuf.dev/programming-guides/encoding/).
//!
//! In a protobuf message a string stands between its length and the next field's tag, and both can be bytes that look
//! like digits or letters: a card number followed by field 6 reads `4111111111111111` `2` …. What explains the bytes
//! as framing narrows the view to the string, where the ordinary rules hold.

use std::ops::RangeInclusive;

use super::found::Outcome;
use super::view::{At, View, is_separator};

/// How far left of a place the beginning of its string is looked for.
pub(super) const MAX_BACK: usize = 1024;
/// The longest string with a length of one byte.
const MAX_NEAR: usize = 127;
/// Framing bytes behind a string that may look like digits: a tag, and a value or length.
const MAX_GLUED: usize = 2;
/// Ways to read a text as framing that are tried for a number: bounds the work on text that is full
/// of them.
const MAX_STRINGS: usize = 4;
/// The shortest number.
const MIN_NUMBER: usize = 9;
/// The longest number with its separators and glued bytes.
const MAX_NUMBER: usize = 26;
/// How much of a run is looked at.
const MAX_RUN: usize = 64;

/// Length of the string that begins at `at`, if a tag of wire type 2 and a length stand right in front of it.
fn string_at(view: &View, at: usize) -> Option<usize> {
    let low = view.before(at, 1).filter(|b| *b < 0x80)?;
    let (length, size) = match view.before(at, 2).filter(|b| *b >= 0x80 && low != 0) {
        Some(b) => (usize::from(b & 0x7f) | usize::from(low) << 7, 2),
        None => (usize::from(low), 1),
    };
    let tag = view.before(at, size + 1)?;
    let is_tag = match view.before(at, size + 2) {
        // A tag of two bytes: field numbers from 16 on.
        Some(b) if b >= 0x80 && tag < 0x80 => b & 7 == 2 || (tag & 7 == 2 && tag >= 8),
        _ => tag & 7 == 2 && (8..0x80).contains(&tag),
    };
    (is_tag && length > 0).then_some(length)
}

/// The strings that hold `at` and end in `stops`, by the tags and lengths left of it: where they
/// begin and end, the nearest first. A length of one byte reaches no further than 127 bytes; that of
/// a longer string ends in a control character, so only the beginning of the text can be its string's.
fn strings_around(
    view: &View,
    at: usize,
    stops: RangeInclusive<usize>,
) -> impl Iterator<Item = (usize, usize)> {
    let text = at - view.text_start(at).max(at.saturating_sub(MAX_BACK));
    let near = text.min(MAX_NEAR);
    let lengths = view.left(at, near + 1).iter().rev().skip(1).take(near);
    // The length alone rules nearly all places out.
    let within = stops.clone();
    let near = (1..).zip(lengths).filter_map(move |(back, length)| {
        let start = at - back;
        within.contains(&(start + usize::from(*length))).then_some(start)
    });
    let far = (text > 0).then_some(at - text);
    near.chain(far)
        .filter_map(move |start| string_at(view, start).map(|n| (start, start + n)))
        .filter(move |(_, stop)| stops.contains(stop))
}

/// Takes framing bytes off the ends of a text match that may have swallowed letters and digits of
/// them. The match reaches at least from `start` to `least`, and at most to `end`.
pub(super) fn text_bounds(view: &View, start: usize, least: usize, end: usize) -> (usize, usize) {
    let mut likely = None;
    let own = string_at(view, start).map(|n| (start, start + n));
    let own = own.filter(|(_, stop)| (least..=end).contains(stop));
    for (at, stop) in own.into_iter().chain(strings_around(view, start, least..=end)) {
        // Two letters of a text, too, can be read as a tag and a length; a control character can't.
        if view.before(at, 1).is_some_and(|b| b < b' ') {
            return (start, stop);
        }
        if stop + MAX_GLUED >= end {
            likely = likely.or(Some((start, stop)));
        }
    }
    // A tag and length that were swallowed at the beginning.
    let swallowed = (start + 1..=(start + MAX_GLUED).min(least)).find_map(|at| {
        let stop = string_at(view, at).map_or(0, |n| at + n);
        (least..=end).contains(&stop).then_some((at, stop))
    });
    swallowed.or(likely).or(own).unwrap_or((start, end))
}

/// Whether a string begins at `at`, going by the tag and length in front of it.
pub(super) fn begins_string(view: &View, at: usize) -> bool {
    string_at(view, at).is_some()
}

/// The text of the string that begins at `at` if it is short and whole in the view, and its tag.
pub(super) fn short_string<'a>(view: &View<'a>, at: usize) -> Option<(u8, &'a [u8])> {
    let length = string_at(view, at).filter(|n| *n <= MAX_NEAR)?;
    Some((view.before(at, 2)?, view.bytes.get(at..at + length)?))
}

/// Applies the rule of a kind of number at `at`, taking off framing bytes that look like a part of the number.
pub(super) fn number(view: &View, at: usize, rule: fn(&View, usize) -> Outcome) -> Outcome {
    if is_fraction(view, at) {
        return rule(view, at);
    }
    if let Some(length) = string_at(view, at) {
        let outcome = within(view, at, at + length, rule);
        if outcome != Outcome::No || is_all_digits(view, at, length) {
            return outcome;
        }
    }
    let outcome = rule(view, at);
    if outcome != Outcome::No {
        return outcome;
    }
    let in_run = |b: &u8| b.is_ascii_digit() || is_separator(*b);
    let end = at + view.bytes.iter().skip(at).take(MAX_RUN).take_while(|b| in_run(b)).count();
    if end - at <= MAX_NUMBER && view.at(end) == At::Unknown {
        // Which strings end in the run is known when its end is.
        return Outcome::More { start: at };
    }
    // The string began further left and ends in the run.
    let stops = at + MIN_NUMBER..=end.min(at + MAX_NUMBER);
    for (_, stop) in strings_around(view, at, stops).take(MAX_STRINGS) {
        let outcome = within(view, at, stop, rule);
        if outcome != Outcome::No {
            return outcome;
        }
    }
    guessed_end(view, at, end, rule)
}

/// Whether the string at `at` is so many digits, by a length that can be no text: then no other reading is as likely, and a
/// part of it is no number.
fn is_all_digits(view: &View, at: usize, length: usize) -> bool {
    let text = view.bytes.get(at..at + length);
    view.before(at, 1).is_some_and(|b| b < b' ')
        && text.is_some_and(|text| text.iter().all(u8::is_ascii_digit))
}

/// Whether a digit stands behind a decimal point, even if the digits or the point can be read as the framing of a string.
fn is_fraction(view: &View, at: usize) -> bool {
    let digits = view.left(at, MAX_NUMBER).iter().rev().take_while(|b| b.is_ascii_digit()).count();
    let point = at - digits;
    view.before(point, 1) == Some(b'.') && view.before(point, 2).is_some_and(|b| b.is_ascii_digit())
}

/// The string began too far away: a letter behind the run or its last digits may be the next field's tag.
fn guessed_end(view: &View, at: usize, end: usize, rule: fn(&View, usize) -> Outcome) -> Outcome {
    if end - at > MAX_NUMBER {
        return Outcome::No;
    }
    if let At::Byte(b) = view.at(end)
        && b.is_ascii_alphabetic()
        && matches!(b & 7, 0 | 1 | 2 | 5)
    {
        let outcome = within(view, at, end, rule);
        if outcome != Outcome::No {
            return outcome;
        }
    }
    for glued in 1..=MAX_GLUED {
        let stop = end.saturating_sub(glued);
        // Fields 6 and 7 with wire types 0, 1, 2 and 5.
        if stop > at && view.bytes.get(stop).is_some_and(|b| b"012589".contains(b)) {
            let outcome = within(view, at, stop, rule);
            if outcome != Outcome::No {
                return outcome;
            }
        }
    }
    Outcome::No
}

/// Applies a rule to the part of the view from `at` to `stop`, as if the message began and ended there.
fn within(view: &View, at: usize, stop: usize, rule: fn(&View, usize) -> Outcome) -> Outcome {
    let complete = stop <= view.bytes.len();
    let bytes = view.bytes.get(at..stop.min(view.bytes.len())).unwrap_or(&[]);
    let last = complete || view.last;
    let inner = View::new(bytes, view.base + at as u64, last, false);
    match rule(&inner, 0) {
        Outcome::More { start } => Outcome::More { start: start + at },
        Outcome::Later { start, hold } => Outcome::Later { start: start + at, hold: hold + at },
        Outcome::Match { start, end, confidence } => {
            let confidence = confidence * 0.9;
            Outcome::Match { start: start + at, end: end + at, confidence }
        }
        Outcome::Commit { start, end } => Outcome::Commit { start: start + at, end: end + at },
        Outcome::No => Outcome::No,
    }
}
