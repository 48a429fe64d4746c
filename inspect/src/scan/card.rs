//! Payment card numbers (ISO/IEC 7812): grouping, issuer range, length, Luhn, and what stands around them.

use super::found::Outcome;
use super::run::{Fit, Run, close};
use super::view::{Context, View};
use crate::validate::card::{may_be_card, network};
use crate::validate::luhn;

/// How card numbers are grouped. A single group is handled apart.
const GROUPED: &[&[usize]] = &[&[4, 4, 4, 4, 3], &[4, 4, 4, 4], &[4, 6, 5], &[4, 6, 4]];

/// Whether a card number begins with the digit group at `at`.
pub(super) fn evaluate(view: &View, at: usize) -> Outcome {
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
    if network(digits).is_none() || !luhn::valid(digits) {
        return Outcome::No;
    }
    let confidence = match around(view, at, group.len) {
        Some(confidence) => confidence,
        None => return Outcome::No,
    };
    close(view, run, 1, at, confidence)
}

fn grouped(view: &View, run: &Run, at: usize) -> Outcome {
    let mut open = false;
    for format in GROUPED {
        match run.fits(format, b" -") {
            Fit::No => {}
            Fit::Open => open = true,
            Fit::Yes => {
                let digits = run.digits(format.iter().sum());
                if network(digits).is_none() || !luhn::valid(digits) || !view.number_may_start(at) {
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

/// Names whose last word says that the value is an id, a time or a measure.
const NOT_CARDS: &[&str] = &[
    "id",
    "ids",
    "uid",
    "uuid",
    "guid",
    "ts",
    "time",
    "timestamp",
    "date",
    "hash",
    "crc",
    "seq",
    "sequence",
    "offset",
    "cursor",
    "size",
    "bytes",
    "capacity",
    "count",
    "total",
    "version",
    "revision",
    "nonce",
    "seed",
    "trace",
    "span",
    "created",
    "updated",
    "modified",
    "expires",
    "at",
    "ms",
    "ns",
    "us",
    "phone",
    "tel",
    "mobile",
    "fax",
    "ean",
    "gtin",
    "upc",
    "isbn",
    "barcode",
    "sku",
    "imei",
    "tracking",
    "invoice",
    "duration",
    "memory",
];
/// Words that say that the value is a card whatever else the name says.
const CARDS: &[&str] =
    &["card", "pan", "payment", "credit", "debit", "cc", "visa", "mastercard", "amex"];

/// How sure a bare run of digits that passes all checks is to be a card, by the name in front of it; none if it is
/// not. One random number in ten passes Luhn, and one in three or four of those has an issuer's first digits.
fn around(view: &View, at: usize, len: usize) -> Option<f32> {
    let key = view.key(at);
    let mut is_card = false;
    let mut is_other = false;
    for_words(key, |word, last| {
        is_card |= CARDS.iter().any(|w| word.eq_ignore_ascii_case(w.as_bytes()));
        is_other |= last && NOT_CARDS.iter().any(|w| word.eq_ignore_ascii_case(w.as_bytes()));
    });
    if is_card {
        return Some(0.98);
    }
    if is_other {
        return None;
    }
    // 12, 13 and 17–19 digits: rare for cards, common for milliseconds and 64-bit ids.
    let usual = (14..=16).contains(&len);
    let bare = at > 0 && view.context(at) != Context::InString;
    if !usual && (!key.is_empty() || bare) {
        let generic = [&b"number"[..], b"num", b"no", b"nr", b"account", b"value", b"text"];
        if !generic.iter().any(|g| key.eq_ignore_ascii_case(g)) {
            return None;
        }
    }
    Some(if usual { 0.9 } else { 0.7 })
}

/// Calls `word` for the words of a name in snake_case, kebab-case or camelCase, and whether it is the last.
fn for_words(name: &[u8], mut word: impl FnMut(&[u8], bool)) {
    let mut rest = name;
    while let Some(first) = rest.first() {
        if !first.is_ascii_alphanumeric() {
            rest = rest.get(1..).unwrap_or(&[]);
            continue;
        }
        let mut end = rest.iter().position(|b| !b.is_ascii_alphanumeric()).unwrap_or(rest.len());
        // A capital after a small letter begins a word: `orderId`.
        let hump = rest
            .windows(2)
            .position(|w| matches!(w, [a, b] if a.is_ascii_lowercase() && b.is_ascii_uppercase()));
        end = hump.map_or(end, |h| end.min(h + 1));
        let (head, tail) = rest.split_at_checked(end).unwrap_or((rest, &[]));
        word(head, tail.is_empty());
        rest = tail;
    }
}
