//! Protobuf framing around a match (https://protobuf.dev/programming-guides/encoding/).
//!
//! In a protobuf message a string stands between its length and the next field's tag, and both can be bytes that look
//! like digits or letters: a card number followed by field 6 reads `4111111111111111` `2` …. What explains the bytes
//! as framing narrows the view to the string, where the ordinary rules hold.

use super::found::Outcome;
use super::view::{At, View, is_separator};

/// How far left of a place the beginning of its string is looked for. Together with what a rule looks at in front
/// of it this stays below [`super::view::LEFT_CONTEXT`].
const MAX_BACK: usize = 128;
/// Framing bytes that may look like digits at either end of a number when no length explains them.
const MAX_GLUED: usize = 2;
/// Longest run that is narrowed; a longer one is no number with framing around it.
const MAX_RUN: usize = 48;

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

/// Whether `b` can stand in text.
fn is_text(b: u8) -> bool {
    b >= 0x20 && b != 0x7f || matches!(b, b'\t' | b'\r' | b'\n')
}

/// Where the string that encloses `start` ends, if it ends inside `start..end`: there the match must end, too.
pub(super) fn field_end(view: &View, start: usize, end: usize) -> Option<usize> {
    for back in 0..=MAX_BACK.min(start) {
        let at = start - back;
        if let Some(stop) = string_at(view, at).map(|n| at + n)
            && stop > start
        {
            return (stop <= end).then_some(stop);
        }
        if !view.before(at, 1).is_some_and(is_text) {
            return None;
        }
    }
    None
}

/// Tries a rule on the ways in which framing can explain the ends of the digit run around `at`: first the strings
/// that begin in or before the run by their tag and length, then one or two unexplained bytes at either end.
/// `rule` returns whether to stop.
pub(super) fn narrowed(view: &View, at: usize, mut rule: impl FnMut(&View, usize, usize) -> bool) {
    let in_run = |b: &u8| b.is_ascii_digit() || is_separator(*b);
    let end = at + view.bytes.iter().skip(at).take(MAX_RUN).take_while(|b| in_run(b)).count();
    let mut back = 0;
    while back <= MAX_BACK.min(at) {
        let string = at - back;
        if let Some(length) = string_at(view, string) {
            let stop = string + length;
            if stop > at && (stop < end || back == 0) && rule(view, at, stop) {
                return;
            }
        }
        if !view.before(string, 1).is_some_and(is_text) {
            break;
        }
        back += 1;
    }
    for glued in 1..=MAX_GLUED {
        let framed = |i: usize| match view.at(i) {
            At::Byte(b) => !is_text(b),
            _ => true,
        };
        if end > at + glued && framed(end) && rule(view, at, end - glued) {
            return;
        }
    }
}

/// Runs `rule` on the part of the view from `at` to `stop`, as if the message began and ended there.
pub(super) fn within(
    view: &View,
    at: usize,
    stop: usize,
    rule: impl Fn(&View, usize) -> Outcome,
) -> Outcome {
    let complete = stop <= view.bytes.len();
    let bytes = view.bytes.get(at..stop.min(view.bytes.len())).unwrap_or(&[]);
    let inner =
        View { bytes, base: view.base + at as u64, last: complete || view.last, binary: false };
    match rule(&inner, 0) {
        Outcome::No => Outcome::No,
        Outcome::More { start } => Outcome::More { start: start + at },
        Outcome::Match { start, end, confidence } => {
            Outcome::Match { start: start + at, end: end + at, confidence: confidence * 0.9 }
        }
        Outcome::Commit { start, end } => Outcome::Commit { start: start + at, end: end + at },
    }
}
