//! Text in base64 (RFC 4648, either alphabet), found by its looks: a run of letters whose first bytes are printable.

use super::super::search::simd::{LONG_RUN, is_letter};

/// Letters that are decoded to tell whether a run is text.
const LOOKED_AT: usize = 20;

/// A run of letters that is text in base64, or may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Where it begins.
    pub at: usize,
    /// So much of it is there that it is one; else the next bytes will tell.
    pub certain: bool,
}

/// The value of each byte; of those that are no letter [`NONE`]. A table, since of ids at random nothing predicts which kind comes next.
#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
const VALUES: [u8; 256] = {
    let mut values = [NONE; 256];
    let mut b = 0;
    while b < 256 {
        values[b] = match b as u8 {
            letter @ b'A'..=b'Z' => letter - b'A',
            letter @ b'a'..=b'z' => letter - b'a' + 26,
            digit @ b'0'..=b'9' => digit - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => NONE,
        };
        b += 1;
    }
    values
};
const NONE: u8 = u8::MAX;

/// The value of a letter.
pub fn value(b: u8) -> Option<u32> {
    let value = VALUES.get(usize::from(b)).copied().unwrap_or(NONE);
    (value != NONE).then_some(value.into())
}

/// The bytes that up to four letters say, the first in the highest place, and how many they are.
pub fn decode(letters: &[u8]) -> ([u8; 3], usize) {
    let bits = letters.iter().take(4).fold(0, |bits, b| bits << 6 | value(*b).unwrap_or(0));
    let n = letters.len().min(4);
    let [_, bytes @ ..] = (bits << (6 * (4 - n))).to_be_bytes();
    (bytes, (n * 6) / 8)
}

/// Whether the first letters of a run say printable text in UTF-8, as far as they are there.
fn is_text(run: &[u8]) -> bool {
    let groups = run.get(..run.len().min(LOOKED_AT)).unwrap_or_default().chunks_exact(4);
    let (mut text, mut len) = ([0; LOOKED_AT], 0);
    let printable = |b: &u8| matches!(b, b' '..=b'~' | b'\t' | b'\r' | b'\n' | 0x80..);
    for (group, to) in groups.zip(text.chunks_exact_mut(3)) {
        let (bytes, _) = decode(group);
        // Of ids and hashes mostly the first group tells.
        if !bytes.iter().all(printable) {
            return false;
        }
        to.copy_from_slice(&bytes);
        len += bytes.len();
    }
    let text = text.get(..len).unwrap_or_default();
    // A character may be cut off at the end.
    std::str::from_utf8(text).map_or_else(|e| e.error_len().is_none(), |_| true)
}

/// Whether what follows is the second part of a token (RFC 7515 §7.1): it is signed, so that its receiver would refuse it if
/// it were edited, and the token as a whole is something to find.
fn is_claims(before: &[u8]) -> bool {
    let Some(header) = before.strip_suffix(b".") else { return false };
    let start = header.iter().rposition(|b| !is_letter(*b)).map_or(0, |at| at + 1);
    header.get(start..).is_some_and(|header| header.starts_with(b"eyJ"))
}

/// Where runs of letters become long that begin between `from` and `to`, or just before; no byte further on is looked at.
pub fn long_runs(raw: &[u8], from: usize, to: usize) -> impl Iterator<Item = usize> {
    let view = from.saturating_sub(LONG_RUN - 1);
    let end = (to + LONG_RUN - 1).min(raw.len());
    let bytes = (view..).zip(raw.get(view..end).unwrap_or_default());
    let mut run = 0;
    bytes.filter_map(move |(at, b)| {
        run = if is_letter(*b) { run + 1 } else { 0 };
        (run == LONG_RUN).then_some(at)
    })
}

/// The first run in `raw` that is text, or may become it, of those that begin at `least` or behind it and before `to`; `long` tells
/// where runs become long. `whole`: `raw` begins where the content does; `last`: and ends where it ends.
pub fn find(
    raw: &[u8],
    least: usize,
    to: usize,
    (whole, last): (bool, bool),
    long: impl Iterator<Item = usize>,
) -> Option<Run> {
    let known = |start: usize| {
        let begins = start >= least && (start > 0 || whole);
        begins && raw.get(..start).is_some_and(|before| !is_claims(before))
    };
    let before = |at: usize| {
        let letters = raw.get(..at).unwrap_or_default().iter().rev();
        at - letters.take_while(|b| is_letter(**b)).count()
    };
    for at in long {
        // All those in between are letters.
        let start = before((at + 1).saturating_sub(LONG_RUN));
        if start >= to {
            return None;
        }
        if known(start) && is_text(raw.get(start..=at)?) {
            return Some(Run { at: start, certain: true });
        }
    }
    // At the end one may have begun; how long it is beyond that says nothing.
    let start = raw.len() - raw.iter().rev().take(LONG_RUN).take_while(|b| is_letter(**b)).count();
    let unfinished = !last && (1..LONG_RUN).contains(&(raw.len() - start));
    let run = Run { at: start, certain: false };
    (unfinished && start < to && known(start) && is_text(raw.get(start..)?)).then_some(run)
}

/// Writes another byte into the group of letters that says it: it is the byte of number `phase`.
pub fn write(byte: u8, phase: u8, group: &mut [u8]) {
    let (mut bytes, _) = decode(group);
    if let Some(b) = bytes.get_mut(usize::from(phase)) {
        *b = byte;
    }
    let [a, b, c] = bytes;
    let bits = u32::from_be_bytes([0, a, b, c]);
    for (i, letter) in group.iter_mut().enumerate() {
        let new = bits >> (18 - 6 * i.min(3)) & 63;
        if value(*letter).is_some_and(|old| old != new) {
            *letter = match new as u8 {
                n @ 0..26 => b'A' + n,
                n @ 26..52 => b'a' + n - 26,
                n @ 52..62 => b'0' + n - 52,
                62 => b'+',
                _ => b'/',
            };
        }
    }
}
