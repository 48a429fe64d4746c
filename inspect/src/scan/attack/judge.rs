//! A text as the model sees it: its values, normalised, with the signatures that fire on each.

use std::cell::Cell;

use super::{Signature, encoded, normalise, rules};
use crate::values::{self, Text};

/// Most bytes of a text whose values are weighed by the model; of a longer text signatures see [`normalise::MAX_TEXT`].
const MAX_WEIGHED: usize = 16 << 10;

/// Detectors of what stands in the structure of a document, outside of its strings.
const STRUCTURE: [&str; 3] = ["nosql-injection", "graphql-abuse", "deserialisation"];
/// Signatures of addresses that count in a parameter and not as a whole field: `Referer`, `Origin` and `Host` name the
/// site's own one.
const OWN: [&str; 4] = ["own-address", "private-address", "address-url", "odd-address"];

thread_local! {
    /// One a thread, since it lives no longer than a call.
    static SCRATCH: Cell<Scratch> = const { Cell::new(Scratch::NEW) };
}

/// Buffers that are used again.
#[derive(Default)]
struct Scratch {
    whole: Vec<u8>,
    value: Vec<u8>,
    decoded: Vec<u8>,
    /// What the signatures see in the whole text and in no value of it.
    unseen: Vec<Signature>,
    seen: Vec<Signature>,
}

impl Scratch {
    const NEW: Scratch = Scratch {
        whole: Vec::new(),
        value: Vec::new(),
        decoded: Vec::new(),
        unseen: Vec::new(),
        seen: Vec::new(),
    };
}

/// Calls `each` with every value of a text that is worth a look, normalised, and with the signatures that it matches.
/// What a signature sees only in the text as a whole comes last, with the whole text. While no signature sees anything in
/// that, a value of letters, digits, and what joins them is worth no look, and neither is a header field: they are most of
/// what passes. What is in base64 is looked at for signatures alone.
pub fn judged(kind: Text, text: &[u8], each: &mut dyn FnMut(&[u8], &[Signature])) {
    let mut scratch = SCRATCH.take();
    let Scratch { whole, value, decoded, unseen, seen } = &mut scratch;
    if kind == Text::Url {
        normalise::decode_url(text, value);
        normalise::normalise(value, whole);
    } else {
        normalise::normalise(text, whole);
    }
    let is_own = |s: &Signature| kind == Text::Field && OWN.contains(&s.name);
    matched(whole, unseen);
    unseen.retain(|s| !is_own(s));
    let suspicious = !unseen.is_empty();
    // What begins or ends a string of JSON neither begins nor ends the whole.
    let json = kind == Text::JsonPiece || kind == Text::Body && values::is_json(text);
    let mut one = |normal: &[u8], hidden: bool| {
        seen.clear();
        if suspicious || json || hidden {
            matched(normal, seen);
            seen.retain(|s| !is_own(s));
            unseen.retain(|s| !seen.contains(s));
        }
        if !hidden || !seen.is_empty() {
            each(normal, seen);
        }
    };
    let weighed = text.get(..MAX_WEIGHED).unwrap_or(text);
    values::each(kind, weighed, &mut |raw| {
        if encoded::base64(raw, decoded) {
            normalise::normalise(decoded, value);
            return one(value, true);
        }
        if raw.is_empty() || !suspicious && (kind == Text::Field || raw.iter().all(is_plain)) {
            return;
        }
        normalise::normalise(raw, value);
        // JSON in a parameter or in a string of JSON.
        if matches!(value.first(), Some(b'{' | b'[')) && value.contains(&b'"') {
            values::each(Text::Body, value, &mut |normal| one(normal, false));
        } else {
            one(value, false);
        }
    });
    // A string of JSON is closed by its quotes: what begins in one and ends in another is no statement.
    if json {
        unseen.retain(|s| STRUCTURE.contains(&s.detector));
    }
    if !unseen.is_empty() {
        each(whole, unseen);
    }
    SCRATCH.set(scratch);
}

fn is_plain(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_.-,:/@~+ ".contains(byte)
}

fn matched(normal: &[u8], into: &mut Vec<Signature>) {
    into.clear();
    rules::each(normal, |detector, rule| {
        into.push(Signature { detector, name: rule.name, confidence: rule.confidence });
    });
}
