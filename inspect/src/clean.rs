//! Texts in which nothing was found: most header values come with every request, most URLs differ from others in numbers alone, and neither
//! needs to be searched each time.
//!
//! It is learnt as requests pass, in fixed memory, and forgets by itself.

use std::hash::Hasher;

use siphasher::sip::SipHasher13;

use crate::detector::DetectorSet;
use crate::values::Text;

/// Texts that are remembered, one in each slot: 32 KB. Beyond, a newer one takes the place of an older one.
const SLOTS: usize = 4096;
/// Longer numbers may be more than that: ten digits are an address, and eleven are a telephone.
const DIGITS: usize = 8;

/// What was looked for in which texts, and under which policy.
#[derive(Clone, Copy, Debug)]
pub struct Under(u64);

impl Under {
    /// `policy`: its fingerprint.
    pub fn new(policy: u64, wanted: &DetectorSet, kind: Text) -> Under {
        Under(policy.rotate_left(1) ^ wanted.digest() ^ kind as u64)
    }
}

/// Texts that hold nothing. They are told by 64 bits of a hash under a key that nobody knows, so nobody can send one that is
/// taken for another.
#[derive(Debug)]
pub struct Clean {
    key: [u8; 16],
    slots: Vec<u64>,
}

impl Clean {
    /// Knows nothing yet.
    pub fn new(key: [u8; 16]) -> Clean {
        Clean { key, slots: vec![0; SLOTS] }
    }

    /// What a text is told by.
    pub fn hash(&self, under: Under, text: &[u8]) -> u64 {
        let mut hasher = self.hasher(under);
        hasher.write(text);
        hasher.finish().max(1)
    }

    /// What a request target is told by, of which only attacks were looked for: the numbers of up to [`DIGITS`] digits that are all of a
    /// segment of its path or of a parameter (`/users/17?page=2`) may be any.
    ///
    /// What a signature goes by is no such number: `1=1` stands behind a digit, and a port or an address behind `:` or `//`.
    pub fn url_hash(&self, under: Under, url: &[u8]) -> u64 {
        let mut hasher = self.hasher(under);
        let mut value_begins = false;
        for (i, piece) in url.split_inclusive(|b| b"/?&=#".contains(b)).enumerate() {
            let (text, end) = match piece {
                [text @ .., b'/' | b'?' | b'&' | b'=' | b'#'] => (text, piece.last().copied()),
                text => (text, None),
            };
            let is_number =
                (1..=DIGITS).contains(&text.len()) && text.iter().all(u8::is_ascii_digit);
            let any = value_begins && is_number && end != Some(b'=');
            hasher.write(if any { b"0" } else { text });
            hasher.write_u8(end.unwrap_or(0));
            value_begins = match (text, end) {
                ([], Some(b'/')) => i == 0,
                (_, Some(b'/')) => true,
                ([.., b], Some(b'=')) => b.is_ascii_alphabetic() || b"_]".contains(b),
                _ => false,
            };
        }
        hasher.finish().max(1)
    }

    fn hasher(&self, under: Under) -> SipHasher13 {
        let mut hasher = SipHasher13::new_with_key(&self.key);
        hasher.write_u64(under.0);
        hasher
    }

    /// Whether nothing was found in it before.
    pub fn knows(&self, hash: u64) -> bool {
        self.slots.get(hash as usize % SLOTS) == Some(&hash)
    }

    /// Nothing was found in it.
    pub fn remember(&mut self, hash: u64) {
        if let Some(slot) = self.slots.get_mut(hash as usize % SLOTS) {
            *slot = hash;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detector::DetectorId;

    #[test]
    fn a_value_is_known_only_under_what_was_looked_for() {
        let mut one = DetectorSet::EMPTY;
        one.insert(DetectorId(7));
        let mut two = one;
        two.insert(DetectorId(700));
        let mut clean = Clean::new([3; 16]);
        let under = Under::new(1, &one, Text::Field);
        let hash = clean.hash(under, b"gzip, br");
        assert!(!clean.knows(hash));
        clean.remember(hash);
        assert!(clean.knows(clean.hash(under, b"gzip, br")));
        for (under, value) in [
            (under, &b"gzip"[..]),
            (Under::new(2, &one, Text::Field), b"gzip, br"),
            (Under::new(1, &two, Text::Field), b"gzip, br"),
            (Under::new(1, &DetectorSet::EMPTY, Text::Field), b"gzip, br"),
            (Under::new(1, &one, Text::Url), b"gzip, br"),
        ] {
            assert!(!clean.knows(clean.hash(under, value)));
        }
    }

    #[test]
    fn urls_are_told_apart_but_for_whole_numbers() {
        let clean = Clean::new([3; 16]);
        let hash = |url: &str| {
            clean.url_hash(Under::new(1, &DetectorSet::EMPTY, Text::Url), url.as_bytes())
        };
        let alike = ["/17/users/4?page=2&ids[]=9#3", "/1/users/12345678?page=0&ids[]=10#3"];
        assert_eq!(hash(alike[0]), hash(alike[1]));
        assert_eq!(hash("/7"), hash("/23"));
        for (one, other) in [
            ("/a/1?b=1", "/a/1?c=1"),
            ("/a?b=1", "/a?b=x"),
            ("/a?b=1", "/a?b="),
            ("/a/1", "/a/1/"),
            ("/a?1=1", "/a?1=2"),
            ("/a?b=1=1", "/a?b=2=1"),
            ("/a?u=http://1/", "/a?u=http://2/"),
            ("/a?u=x:80/", "/a?u=x:22/"),
            ("/a?b=-1", "/a?b=-2"),
            ("/a?b=123456789", "/a?b=123456780"),
            ("//1", "//2"),
            ("/a?b=1&c", "/a?b=1/c"),
        ] {
            assert_ne!(hash(one), hash(other), "{one} {other}");
        }
    }
}
