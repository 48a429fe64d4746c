//! Overwriting a match in place, and showing a little of it.

use std::hash::Hasher;

use siphasher::sip::SipHasher24;

use super::Scanner;
use super::catalog::{Catalog, Detector, Kind, MaskStyle};
use super::view::Context;

/// What replaces characters in text.
const STAR: u8 = b'*';
/// What replaces digits of a bare number: all nines is a valid JSON number without a leading zero, and no card
/// (99 is no issuer's prefix).
const NINE: u8 = b'9';

/// Overwrites a whole match in place; see [`mask_range`].
pub fn mask(detector: &Detector, context: Context, bytes: &mut [u8]) {
    mask_range(detector.mask_style, context, bytes);
}

/// Overwrites a part of a match in place. The length stays, UTF-8 stays UTF-8, and a JSON document stays valid: in a
/// bare number digits become digits, and in a string quotes and their backslashes are left. A varint becomes a zero of as
/// many bytes.
///
/// It needs no other part of the match, so a match that lies in several packets is masked packet by packet.
pub fn mask_range(style: MaskStyle, context: Context, bytes: &mut [u8]) {
    if context == Context::Varint {
        bytes.iter_mut().for_each(|b| *b &= 0x80);
        return;
    }
    if context == Context::Fixed {
        bytes.fill(0);
        return;
    }
    replace(style, bytes, |_, b| {
        if b.is_ascii_digit() && context != Context::InString { NINE } else { STAR }
    });
}

/// Replaces what of a match a mask hides: `by` is given a byte's place in `bytes` and the byte.
fn replace(style: MaskStyle, bytes: &mut [u8], by: impl Fn(usize, u8) -> u8) {
    let mut escaped = false;
    for i in 0..bytes.len() {
        let next = bytes.get(i + 1).copied();
        let Some(b) = bytes.get_mut(i) else { return };
        // A backslash before a quote or another backslash stays, and so does what it escapes.
        let escapes = *b == b'\\' && !escaped && matches!(next, Some(b'"' | b'\\'));
        let replaced = match style {
            MaskStyle::Digits => b.is_ascii_digit(),
            MaskStyle::Alphanumeric => b.is_ascii_alphanumeric() || *b >= 0x80,
            MaskStyle::All => *b > b' ' && *b != 0x7f && *b != b'"' && !escapes && !escaped,
        };
        escaped = escapes;
        if replaced {
            *b = by(i, *b);
        }
    }
}

/// What stands for a value: the same value under the same key has the same token, and without the key nobody can find the
/// value of a token, nor the token of a value. (A pseudonym in the sense of GDPR article 4(5).)
#[derive(Clone, Copy, Debug, Default)]
pub struct Token(u64);

impl Token {
    /// That of a value. Of a match longer than [`MAX_MATCH`](super::MAX_MATCH) its beginning is the value.
    pub fn new(key: &[u8; 16], value: &[u8]) -> Token {
        let mut hasher = SipHasher24::new_with_key(key);
        hasher.write(value);
        Token(hasher.finish())
    }

    /// Overwrites a part of the match that lies `offset` bytes behind its beginning, hiding what a mask hides. Digits
    /// become digits and letters letters, so that what reads the value still can. A token that begins with a digit
    /// begins with 9: a number without a leading zero, and nobody's card.
    pub fn write(self, style: MaskStyle, offset: u64, bytes: &mut [u8]) {
        replace(style, bytes, |i, b| {
            let at = offset + i as u64;
            let letter = |first: u8| first + self.random(at, 26);
            match b {
                b'0'..=b'9' if at == 0 => NINE,
                b'0'..=b'9' => b'0' + self.random(at, 10),
                b'A'..=b'Z' => letter(b'A'),
                _ => letter(b'a'),
            }
        });
    }

    /// The number below `end` for a place: splitmix64 (Steele et al. 2014) of what the hash made of the value.
    fn random(self, at: u64, end: u8) -> u8 {
        let mut z = self.0.wrapping_add((at + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ z >> 31) % u64::from(end)) as u8
    }
}

/// A masked sample for events, never the value: at most the first six and last four characters of a long match, a third of a short one;
/// the rest are stars.
pub fn sample(detector: &Detector, matched: &[u8]) -> String {
    const MAX_SAMPLE: usize = 40;
    let visible = |b: u8| matches!(b, b' '..=b'~');
    let shown = matched.len() / 3;
    let (head, tail) = match detector.mask_style {
        // A varint.
        MaskStyle::Digits if matched.first().is_some_and(|b| *b >= 0x80) => (0, 0),
        MaskStyle::Digits => ((shown / 2).min(6), shown.min(4)),
        MaskStyle::Alphanumeric => (2.min(shown), 0),
        MaskStyle::All => (4.min(shown / 2), 0),
    };
    let mut out = String::with_capacity(MAX_SAMPLE);
    for (i, b) in matched.iter().enumerate() {
        if i + 4 == MAX_SAMPLE && matched.len() > MAX_SAMPLE {
            out.push_str("...");
            break;
        }
        let keep = i < head || i + tail >= matched.len() || matches!(b, b'@' | b'-' | b' ' | b'.');
        out.push(if keep && visible(*b) { char::from(*b) } else { '*' });
    }
    out
}

/// A text that is to be told, with all that the scanner finds in it masked: a name in a document may itself be what must
/// not be told.
pub fn hide(catalog: &Catalog, scanner: &Scanner, text: String) -> String {
    let mut found = Vec::new();
    scanner.scan_whole(text.as_bytes(), scanner.wanted(), &mut found);
    let mut bytes = text.into_bytes();
    for f in found {
        let Some(detector) = catalog.get(f.detector).filter(|d| d.kind == Kind::Leak) else {
            continue;
        };
        if let Some(matched) = bytes.get_mut(f.start as usize..f.end as usize) {
            mask(detector, Context::InString, matched);
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(key: u8, value: &str) -> String {
        let mut bytes = value.as_bytes().to_vec();
        Token::new(&[key; 16], value.as_bytes()).write(MaskStyle::Alphanumeric, 0, &mut bytes);
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_token_looks_like_its_value_and_is_the_same_each_time() {
        let value = "4111-1111 1111.1111 Ab";
        let written = token(1, value);
        assert_eq!(written, token(1, value));
        assert_ne!(written, token(2, value), "another key");
        assert_ne!(written, token(1, "4111-1111 1111.1112 Ab"), "another value");
        assert!(written.starts_with('9'), "{written}");
        let shape = |c: char| match c {
            '0'..='9' => 'd',
            'A'..='Z' => 'U',
            'a'..='z' => 'l',
            other => other,
        };
        assert!(written.chars().map(shape).eq(value.chars().map(shape)), "{written}");
        let changed = written.chars().zip(value.chars()).filter(|(a, b)| a != b).count();
        assert!(changed > 10, "{written}");
    }

    #[test]
    fn a_token_is_the_same_written_in_parts() {
        let value = b"sk_live_4eC39HqLyjWDarjtT1zdp7dc";
        let token = Token::new(&[3; 16], value);
        let mut whole = value.to_vec();
        token.write(MaskStyle::All, 0, &mut whole);
        for cut in 0..value.len() {
            let mut parts = value.to_vec();
            let (first, second) = parts.split_at_mut(cut);
            token.write(MaskStyle::All, 0, first);
            token.write(MaskStyle::All, cut as u64, second);
            assert_eq!(parts, whole, "{cut}");
        }
    }
}
