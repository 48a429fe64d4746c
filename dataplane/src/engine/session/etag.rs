//! The entity-tag of a masked body, changed in place, so that no cache takes the masked body for the original (RFC 9110
//! §8.8.3, design rule 3).
//!
//! Each character of the tag becomes another one whose Huffman code in HPACK (RFC 7541 Appendix B) is as long. Which
//! one depends on its place and the policy alone: so different tags stay different, the same content masked under the
//! same policy has the same tag, over both versions of HTTP, and a conditional request with it does not match the
//! original. Only a tag that has not left can be changed; nothing is held for it.

use weir_reassembly::http2::ValuePlace;

use super::Feed;
use super::edits::Edit;

/// Characters of entity-tags by the length of their code: 5, 6, 7 and 8 bits. Any other stays.
const CLASSES: [&[u8]; 4] =
    [b"012aceiost", b"3456789Abdfghlmnpru", b"BCDEFGHIJKLMNOPQRSTUVWYjkqvwxyz", b"XZ"];

/// The `ETag` of a response until its body is masked or ends.
#[derive(Default)]
pub struct Etag {
    value: Vec<u8>,
    place: Place,
}

/// Where its value lies.
#[derive(Default)]
pub enum Place {
    /// There is none, or none to be changed any more.
    #[default]
    Nowhere,
    /// At this stream offset.
    Http1(u64),
    /// In a header block; none if the value is in an earlier one.
    Http2(Option<ValuePlace>),
}

impl Etag {
    /// Keeps the value of the field.
    pub fn note(&mut self, value: &[u8], place: Place) {
        self.value.clear();
        self.value.extend_from_slice(value);
        self.place = place;
    }

    /// There is none.
    pub fn forget(&mut self) {
        self.place = Place::Nowhere;
    }

    /// The body was masked: changes the tag, once. Gives what the HPACK decoder has to know of it.
    pub fn change(&mut self, feed: &mut Feed<'_>, policy: u64) -> Option<(ValuePlace, &[u8])> {
        let (at, place) = match std::mem::take(&mut self.place) {
            Place::Nowhere => return None,
            Place::Http1(at) => (Some(at), None),
            Place::Http2(place) => (place.as_ref().and_then(ValuePlace::at), place),
        };
        let held = at.filter(|at| *at >= feed.sent);
        let Some(at) = held.filter(|_| change(&mut self.value, policy)) else {
            feed.cx.counters.etags_kept += 1;
            return None;
        };
        feed.cx.counters.etags_changed += 1;
        let Some(place) = place else {
            feed.cx.edits.push(Edit::bytes(at, &self.value));
            return None;
        };
        for (at, octets) in place.octets(&self.value) {
            feed.cx.edits.push(Edit::bytes(at, &octets));
        }
        Some((place, &self.value))
    }
}

/// Changes an entity-tag in place; false if it is none, or has no character that could change.
fn change(value: &mut [u8], policy: u64) -> bool {
    let from = if value.starts_with(b"W/\"") { 3 } else { 1 };
    let end = value.len().saturating_sub(1);
    let quoted = value.get(from - 1) == Some(&b'"') && value.get(end) == Some(&b'"');
    let opaque = value.get_mut(from..end).filter(|_| quoted).unwrap_or_default();
    let (mut turn, mut changed) = (policy, false);
    for octet in opaque {
        // Knuth's MMIX generator; its high bits are the good ones.
        turn = turn.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let at = |class: &&[u8]| class.iter().position(|c| c == octet);
        let Some((class, at)) = CLASSES.iter().find_map(|class| Some((class, at(class)?))) else {
            continue;
        };
        // Not by its own length, or it would stay.
        let by = 1 + (turn >> 33) as usize % (class.len() - 1);
        if let Some(other) = class.get((at + by) % class.len()) {
            *octet = *other;
            changed = true;
        }
    }
    changed
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn changed(tag: &str, policy: u64) -> Option<String> {
        let mut value = tag.as_bytes().to_vec();
        change(&mut value, policy).then(|| String::from_utf8(value).unwrap())
    }

    #[test]
    fn every_character_changes_and_quotes_and_weakness_stay() {
        for policy in 0..200 {
            let new = changed("W/\"5e8c-AZ%z\"", policy).unwrap();
            assert!(new.starts_with("W/\"") && new.ends_with('"') && new.len() == 13, "{new}");
            let inner = &new[3..12];
            let same = inner.bytes().zip("5e8c-AZ%z".bytes()).map(|(a, b)| a == b);
            let expected = "5e8c-AZ%z".bytes().map(|b| b == b'-' || b == b'%');
            assert!(same.eq(expected), "{new}");
        }
    }

    #[test]
    fn different_tags_stay_different_and_the_policy_counts() {
        let all: HashSet<_> =
            (0..5000).map(|n| changed(&format!("\"{n:x}\""), 7).unwrap()).collect();
        assert_eq!(all.len(), 5000);
        assert_eq!(changed("\"5e8c1a2b\"", 7), changed("\"5e8c1a2b\"", 7));
        assert_ne!(changed("\"5e8c1a2b\"", 7), changed("\"5e8c1a2b\"", 8));
    }

    #[test]
    fn what_is_no_tag_stays() {
        for value in ["", "\"", "\"\"", "W/\"\"", "abc", "\"abc", "W/", "\"--\"", "w/\"abc\""] {
            assert_eq!(changed(value, 7), None, "{value}");
        }
    }
}
