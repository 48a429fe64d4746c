//! Whether a number that passes all checks of a card is one: what stands around it decides.
//!
//! One random number in ten passes Luhn, and one in three or four of those has an issuer's first digits. So a number is no card
//! if its name says that it is something else, or if its neighbours in a list look like it and fail the check.

use super::card::{USUAL, is_card};
use crate::scan::view::{At, Context, LEFT_CONTEXT, View};

/// What stands around a number says that it is …
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::scan) enum Around {
    /// a card, so sure.
    Card(f32),
    Other,
    /// The next bytes will tell.
    Unknown,
}

/// Words that say that the value is a card whatever else the name says.
const CARDS: &[&str] = &["card", "cards", "pan", "pans", "cc", "ccn", "visa", "mastercard", "amex"];
/// Names whose last word says that the value is an id, a time or a measure.
const NOT_CARDS: &[&str] = &[
    "id",
    "uid",
    "gid",
    "uuid",
    "guid",
    "ts",
    "time",
    "timestamp",
    "date",
    "hash",
    "crc",
    "checksum",
    "etag",
    "seq",
    "sequence",
    "offset",
    "cursor",
    "after",
    "before",
    "size",
    "byte",
    "capacity",
    "count",
    "counter",
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
    "m",
    "u",
    "ms",
    "ns",
    "us",
    "micro",
    "nano",
    "milli",
    "epoch",
    "phone",
    "tel",
    "telephone",
    "mobile",
    "msisdn",
    "fax",
    "ean",
    "gtin",
    "upc",
    "isbn",
    "barcode",
    "sku",
    "imei",
    "imsi",
    "iccid",
    "meid",
    "duration",
    "memory",
    "token",
    "key",
    "index",
    "limit",
    "used",
    "length",
    "latitude",
    "longitude",
    "lat",
    "lng",
    "lon",
];
/// What is numbered that is no card, in names and in prose: `order_number`, `tracking code`, `invoice no.`
const NUMBERED: &[&str] = &[
    "order",
    "tracking",
    "invoice",
    "bill",
    "shipment",
    "shipping",
    "parcel",
    "package",
    "consignment",
    "waybill",
    "delivery",
    "ticket",
    "case",
    "incident",
    "issue",
    "transaction",
    "txn",
    "trx",
    "transfer",
    "receipt",
    "booking",
    "reservation",
    "confirmation",
    "request",
    "session",
    "batch",
    "job",
    "task",
    "event",
    "message",
    "msg",
    "purchase",
    "po",
    "rma",
    "quote",
    "contract",
    "policy",
    "claim",
    "serial",
    "device",
    "product",
    "item",
    "part",
    "article",
    "document",
    "file",
    "registration",
    "vat",
    "tax",
    "voucher",
    "coupon",
    "licence",
    "license",
    "tenant",
    "profile",
    "settlement",
];
/// Words between what is numbered and its number.
const LINKS: &[&str] = &[
    "number",
    "no",
    "nr",
    "num",
    "numero",
    "ref",
    "reference",
    "code",
    "value",
    "is",
    "was",
    "are",
    "the",
    "a",
    "with",
    "your",
    "of",
];
/// Most of these that are passed over.
const MAX_LINKS: usize = 3;
/// Names of what stands beside a card in its object.
const SIBLINGS: &[&str] = &["cvv", "cvc", "cvn", "cvv2", "cvc2", "cardholder"];
/// Names that say nothing, under which a number of an unusual length may be a card.
const GENERIC: &[&str] = &["number", "num", "no", "nr", "account", "value", "text"];

/// How far right of a number its object is looked through.
const AHEAD: usize = 64;
/// Blanks between the elements of a list, in bytes: a line break and what it is indented by.
const MAX_BLANKS: usize = 24;
/// How far left of a number the name of its list may end: [`View::key`] looks as far again.
const MAX_LIST: usize = LEFT_CONTEXT - 64;

/// How sure a plain run of digits from `at` to `end` that passes all checks is to be a card.
pub(in crate::scan) fn around(view: &View, at: usize, end: usize) -> Around {
    let len = end - at;
    let list = List::left_of(view, at, len);
    let name = list.as_ref().map_or_else(|| view.key(at), |list| list.name);
    match said_by(name) {
        Said::Card => return Around::Card(0.98),
        Said::Other => return beside_its_parts(view, at, end),
        Said::Nothing => {}
    }
    if list.is_none() && is_told_otherwise(view, at) {
        return Around::Other;
    }
    if let Some(list) = &list {
        match list.others_fail(view, end, len) {
            Some(false) => {}
            Some(true) => return Around::Other,
            None => return Around::Unknown,
        }
    }
    // 12, 13 and 17–19 digits: rare for cards, common for milliseconds and 64-bit ids.
    let usual = USUAL.contains(&len);
    let bare = at > 0 && view.context(at) != Context::InString;
    let generic = || GENERIC.iter().any(|g| name.eq_ignore_ascii_case(g.as_bytes()));
    match usual {
        true => Around::Card(0.9),
        false if name.is_empty() && !bare || generic() => Around::Card(0.7),
        false => Around::Other,
    }
}

/// Whether the name of a number, or the text in front of it, says that it numbers something else.
pub(in crate::scan) fn is_named_otherwise(view: &View, at: usize) -> bool {
    let name = view.key(at);
    match name.is_empty() {
        true => is_told_otherwise(view, at),
        false => numbers_something(name),
    }
}

/// What a name says.
enum Said {
    Card,
    Other,
    Nothing,
}

fn said_by(name: &[u8]) -> Said {
    if words(name).any(|word| is_in(word, CARDS)) {
        return Said::Card;
    }
    match numbers_something(name) || last_word(name).is_some_and(|word| is_in(word, NOT_CARDS)) {
        true => Said::Other,
        false => Said::Nothing,
    }
}

/// The last word of a name that is no link.
fn last_word(name: &[u8]) -> Option<&[u8]> {
    words(name).rev().find(|word| !is_in(word, LINKS))
}

/// Whether the last word that is no link names something that is numbered.
fn numbers_something(name: &[u8]) -> bool {
    last_word(name).is_some_and(|word| is_in(word, NUMBERED))
}

/// Whether prose in front of the number at `at` says what it is the number of: `Order no. 4…`.
fn is_told_otherwise(view: &View, at: usize) -> bool {
    let text = view.left(at, LEFT_CONTEXT / 2);
    let from =
        text.iter().rposition(|b| matches!(b, b'"' | b'<' | b'>' | b'=' | b'&' | b';' | b'{'));
    let text = text.get(from.map_or(0, |i| i + 1)..).unwrap_or(&[]);
    let mut links = 0;
    for word in words(text).rev() {
        if is_in(word, CARDS) {
            return false;
        }
        if is_in(word, NUMBERED) {
            return true;
        }
        links += 1;
        if links > MAX_LINKS || !is_in(word, LINKS) {
            return false;
        }
    }
    false
}

/// A number whose name says that it is none is a card all the same if a verification code stands beside it.
fn beside_its_parts(view: &View, at: usize, end: usize) -> Around {
    let left = view.left(at, LEFT_CONTEXT);
    let from = left.iter().rposition(|b| matches!(b, b'{' | b'}')).map_or(0, |i| i + 1);
    let right = view.bytes.get(end..view.bytes.len().min(end + AHEAD)).unwrap_or(&[]);
    let to = right.iter().position(|b| matches!(b, b'{' | b'}'));
    let names = [left.get(from..), right.get(..to.unwrap_or(right.len()))];
    let mut last: &[u8] = &[];
    for word in names.into_iter().flatten().flat_map(words) {
        let expires =
            is_in(last, &["exp", "expiry", "expiration"]) && is_in(word, &["month", "year"]);
        if expires || is_in(word, SIBLINGS) {
            return Around::Card(0.9);
        }
        last = word;
    }
    match to.is_none() && right.len() < AHEAD && !view.last {
        true => Around::Unknown,
        false => Around::Other,
    }
}

/// The list whose element a number is.
pub(in crate::scan) struct List<'a> {
    /// Its name; empty if it has none, or begins too far left.
    pub name: &'a [u8],
    /// An element in front of the number has as many digits and is no card.
    failed: bool,
}

impl<'a> List<'a> {
    /// The list whose element of `len` digits begins at `at`, if it is one.
    pub fn left_of(view: &View<'a>, at: usize, len: usize) -> Option<List<'a>> {
        let mut list = List { name: &[], failed: false };
        let mut before = trimmed(view.left(at, LEFT_CONTEXT));
        if !matches!(before.last(), Some(b'[' | b',')) {
            return None;
        }
        while let Some((b',', rest)) = before.split_last() {
            before = trimmed(rest);
            let from = before.iter().rposition(|b| !b.is_ascii_digit()).map_or(0, |i| i + 1);
            let digits = before.get(from..).unwrap_or(&[]);
            if digits.is_empty() || from == 0 {
                return Some(list);
            }
            list.failed |= digits.len() == len && !is_card_text(digits);
            before = trimmed(before.get(..from).unwrap_or(&[]));
        }
        let begin = at - view.left(at, LEFT_CONTEXT).len() + before.len().saturating_sub(1);
        if before.last() == Some(&b'[') && at - begin <= MAX_LIST {
            list.name = view.key(begin);
        }
        Some(list)
    }

    /// Whether another element that has as many digits is no card: one in front, or the next one behind `end`; none if the
    /// next bytes must tell.
    fn others_fail(&self, view: &View, end: usize, len: usize) -> Option<bool> {
        if self.failed {
            return Some(true);
        }
        let blanks = |from: usize| {
            let rest = view.bytes.iter().skip(from).take(MAX_BLANKS);
            from + rest.take_while(|b| b.is_ascii_whitespace() || **b == b'"').count()
        };
        let comma = blanks(end);
        match view.at(comma) {
            At::Unknown => return None,
            At::Byte(b',') => {}
            _ => return Some(false),
        }
        let next = blanks(comma + 1);
        let rest = view.bytes.get(next..).unwrap_or(&[]);
        let digits = rest.iter().take(len + 1).take_while(|b| b.is_ascii_digit()).count();
        if digits <= len && view.at(next + digits) == At::Unknown {
            return None;
        }
        let next = rest.get(..digits).unwrap_or(&[]);
        Some(digits == len && !is_card_text(next))
    }
}

fn is_card_text(digits: &[u8]) -> bool {
    let values: Vec<u8> = digits.iter().map(|b| b.wrapping_sub(b'0')).collect();
    is_card(&values)
}

/// Without the blanks and quotes at its end.
fn trimmed(text: &[u8]) -> &[u8] {
    let blank = |b: &u8| b.is_ascii_whitespace() || *b == b'"';
    let end = text.iter().rposition(|b| !blank(b)).map_or(0, |i| i + 1);
    text.get(..end).unwrap_or(&[])
}

/// Whether a word is one of a list, also in the plural.
fn is_in(word: &[u8], list: &[&str]) -> bool {
    let one = word.strip_suffix(b"s").filter(|w| w.len() > 1).unwrap_or(word);
    list.iter()
        .any(|w| word.eq_ignore_ascii_case(w.as_bytes()) || one.eq_ignore_ascii_case(w.as_bytes()))
}

/// The words of a name in snake_case, kebab-case or camelCase, or of a text.
fn words(name: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    // A capital behind a small letter begins a word: `orderId`.
    let hump = |a: &u8, b: &u8| !(a.is_ascii_lowercase() && b.is_ascii_uppercase());
    let parts = name.split(|b| !b.is_ascii_alphanumeric()).filter(|part| !part.is_empty());
    parts.flat_map(move |part| part.chunk_by(hump))
}
