//! What the model looks at: runs of tokens, each hashed into one of its weights.

use super::tokens::{self, Token};

/// Weights of a model, and so buckets of features; a power of two.
pub const BUCKETS: usize = 1 << 15;
/// Tokens that are weighed together; a longer value is weighed in windows, and the worst counts.
const WINDOW: usize = 96;
/// Tokens that two windows share, so that no run of tokens lies in two halves.
const SHARED: usize = 24;
/// Most windows of one value; what lies behind them is not weighed (signatures still see it).
const MAX_WINDOWS: usize = 32;
/// Longest run of tokens.
const LONGEST: usize = 5;

/// A run of tokens: its bucket, the place of its last token, and how many they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gram {
    pub bucket: u16,
    pub length: usize,
    pub last: usize,
}

/// The bucket of a feature's hash.
fn bucket(hash: u32) -> u16 {
    // The upper bits are the best mixed.
    (hash.wrapping_mul(0x9e37_79b1) >> 17) as u16
}

/// Splits normalised text into windows of tokens.
pub(super) fn windows(text: &[u8], mut each: impl FnMut(&[Token])) {
    let mut tokens = [Token::edge(0); WINDOW];
    let (mut filled, mut windows) = (1, 0);
    tokens::split(text, |token| {
        if filled == WINDOW {
            each(&tokens);
            windows += 1;
            tokens.copy_within(WINDOW - SHARED.., 0);
            filled = SHARED;
        }
        if let Some(slot) = tokens.get_mut(filled) {
            *slot = token;
        }
        filled += 1;
        windows < MAX_WINDOWS
    });
    if windows < MAX_WINDOWS {
        if let Some(slot) = tokens.get_mut(filled) {
            *slot = Token::edge(text.len());
            filled += 1;
        }
        each(tokens.get(..filled).unwrap_or(&tokens));
    }
}

/// Calls `each` with every run of a window: words by themselves, with one and with two before them, and classes of two
/// to five.
pub(super) fn each(window: &[Token], mut each: impl FnMut(Gram)) {
    let mix = |hash: u32, part: u32| (hash.rotate_left(7) ^ part).wrapping_mul(0x85eb_ca6b);
    for last in 0..window.len() {
        let before = window.get(last.saturating_sub(LONGEST - 1)..=last).unwrap_or_default();
        let (mut words, mut classes) = (0x51, 0xc1);
        for (length, token) in (1..).zip(before.iter().rev()) {
            words = mix(words, token.word);
            classes = mix(classes, token.class());
            if length <= 3 {
                each(Gram { bucket: bucket(words), length, last });
            }
            if length >= 2 {
                each(Gram { bucket: bucket(classes), length, last });
            }
        }
    }
}
