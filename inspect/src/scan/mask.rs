//! Overwriting a match in place, and showing a little of it.

use super::catalog::{Detector, MaskStyle};
use super::view::Context;

/// What replaces characters in text.
const STAR: u8 = b'*';
/// What replaces digits of a bare number: all nines is a valid JSON number without a leading zero, and no card
/// (99 is no issuer's prefix).
const NINE: u8 = b'9';

/// Overwrites a whole match in place; see [`mask_range`].
pub fn mask(detector: &Detector, context: Context, bytes: &mut [u8]) {
    mask_range(detector.mask_style, context, 0, bytes);
}

/// Overwrites a part of a match in place: `bytes`, which lie `offset` bytes behind the match's beginning. The length
/// stays, UTF-8 stays UTF-8, and a JSON document stays valid: in a bare number digits become digits, and in a string
/// quotes and their backslashes are left.
///
/// It needs no other part of the match, so a match that lies in several packets is masked packet by packet.
pub fn mask_range(style: MaskStyle, context: Context, _offset: u64, bytes: &mut [u8]) {
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
            *b = if b.is_ascii_digit() && context != Context::InString { NINE } else { STAR };
        }
    }
}

/// A masked sample for events, never the value: at most the first six and last four characters of a long match, a third of a short one;
/// the rest are stars.
pub fn sample(detector: &Detector, matched: &[u8]) -> String {
    const MAX_SAMPLE: usize = 40;
    let visible = |b: u8| matches!(b, b' '..=b'~');
    let shown = matched.len() / 3;
    let (head, tail) = match detector.mask_style {
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
