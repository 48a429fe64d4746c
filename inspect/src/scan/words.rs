//! What begins with a word, looked up by its first four bytes.
//!
//! The vectorised search tells where words begin ([`super::simd`]). Each of these places costs a hash and a bit of a
//! table that stays in the nearest cache; only where it is set are the bytes themselves looked up.

use super::simd::PADDING;
use super::slots::{Entry, Slot, Slots, covers, hash};

/// Bytes that are looked up.
pub(super) const KEY: usize = 4;
/// Logarithm of the entries of the first table: 16 KB, a third to a half of the smallest first-level caches.
const BITS: u32 = 12;

/// Places that are looked up at once; a block of 64 bytes of text has about six, and seldom more than these.
const BATCH: usize = 8;
/// Bytes behind the key that are compared, too.
pub(super) const MORE: usize = 8;

/// Words, each with the index of what begins with it.
#[derive(Clone, Debug)]
pub(super) struct Words {
    /// Which words there may be: an entry by the hash of the first four bytes, a bit of it by the first one.
    likely: Box<[u32; 1 << BITS]>,
    /// In the order of their keys.
    keys: Vec<Word>,
    /// By key: where in `keys` its words begin, and what tells most places apart at which none of them stands.
    slots: Slots,
    /// As `keys`, by their first one, two and three bytes.
    parts: [Vec<Word>; KEY - 1],
}

/// The beginning of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Word {
    /// The first four bytes, folded.
    key: u32,
    /// Of what begins with it.
    index: u16,
    /// The next eight bytes, folded, and which of them are certain.
    rest: u64,
    mask: u64,
}

/// The bit that ASCII letters differ by in case, of each byte.
const CASE: u64 = 0x2020_2020_2020_2020;

/// ASCII letters in one case; other bytes may become equal too, and what evaluates a place tells them apart.
fn fold(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(0, |key, b| key << 8 | u32::from(b | 0x20))
}

/// The same for what follows.
fn fold_more(bytes: &[u8]) -> u64 {
    match bytes.first_chunk::<MORE>() {
        Some(all) => u64::from_le_bytes(*all) | CASE,
        None => bytes.iter().rev().fold(0, |key, b| key << 8 | u64::from(b | 0x20)),
    }
}

/// The entry of a key among those that tell which are likely.
#[inline(always)]
fn entry(key: u32) -> usize {
    (hash(key) >> (32 - BITS)) as usize
}

impl Words {
    /// Words by their beginnings: four bytes at least, and up to twelve count. Behind the first four, a `_` is any byte: in a name
    /// of several words it is written in several ways.
    pub fn new(beginnings: impl Iterator<Item = (Vec<u8>, u16)>) -> Words {
        let mut words = Words {
            likely: Box::new([0; 1 << BITS]),
            keys: Vec::new(),
            slots: Slots::default(),
            parts: Default::default(),
        };
        for (beginning, index) in beginnings {
            let Some(bytes) = beginning.first_chunk::<KEY>() else { continue };
            let key = fold(bytes);
            let entry = words.likely.iter_mut().skip(entry(key)).take(1);
            entry.for_each(|e| *e |= 1u32.wrapping_shl(key));
            let more = beginning.get(KEY..).unwrap_or(&[]);
            let more = more.get(..MORE).unwrap_or(more);
            let certain =
                more.iter().rev().fold(0, |mask, b| mask << 8 | if *b == b'_' { 0 } else { 0xff });
            words.keys.push(Word { key, index, rest: fold_more(more) & certain, mask: certain });
            for (n, part) in (1..).zip(&mut words.parts) {
                let key = fold(bytes.get(..n).unwrap_or(bytes));
                part.push(Word { key, index, rest: 0, mask: 0 });
            }
        }
        for list in words.parts.iter_mut().chain([&mut words.keys]) {
            list.sort_unstable();
            list.dedup();
        }
        let entries: Vec<Entry> = words.keys.iter().map(|w| (w.key, w.rest, w.mask)).collect();
        words.slots = Slots::new(&entries);
        words
    }

    /// Whether nothing is looked for.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Of the places of a block at which words begin (`starts`), those where it may be one of these. The text ends behind
    /// `there` bytes of the block, for now.
    pub fn hits(&self, block: &[u8; PADDING], starts: u64, there: usize) -> u64 {
        self.known(block, self.likely(block, starts), there)
    }

    /// The places of which a bit tells that it may be one.
    ///
    /// Without a branch for each place, and mostly without one for how many there are: nothing could predict them. Beyond
    /// the last one, the bytes behind the block are looked up for nothing.
    #[inline(always)]
    pub fn likely(&self, block: &[u8; PADDING], starts: u64) -> u64 {
        let (mut rest, mut likely) = (starts, 0u64);
        while rest != 0 {
            for _ in 0..BATCH {
                let at = rest.trailing_zeros();
                rest &= rest.wrapping_sub(1);
                let key = four_at(block, at as usize);
                let entry = self.likely.get(entry(key)).copied().unwrap_or(0);
                likely |= u64::from(entry.wrapping_shr(key) & 1).wrapping_shl(at);
            }
        }
        likely & starts
    }

    /// Of these places, those where it is one as far as its bytes are there, or has what several of them have in common.
    pub fn known(&self, block: &[u8; PADDING], mut likely: u64, there: usize) -> u64 {
        let mut known = 0;
        while likely != 0 {
            let at = likely.trailing_zeros();
            likely &= likely - 1;
            known |= u64::from(self.may_be_at(block, at as usize, there)) << at;
        }
        known
    }

    #[inline]
    fn may_be_at(&self, block: &[u8; PADDING], at: usize, there: usize) -> bool {
        let Some(slot) = self.slots.find(four_at(block, at)) else { return false };
        let rest = block.get(at + KEY..).and_then(|b| b.first_chunk::<MORE>());
        let rest = rest.map_or(0, |b| u64::from_le_bytes(*b) | CASE);
        slot.fits(rest, covers(there.saturating_sub(at + KEY)))
    }

    /// What may begin with these bytes, of which up to twelve count.
    pub fn at(&self, bytes: &[u8]) -> impl Iterator<Item = u16> {
        let (known, more) = bytes.split_at_checked(KEY).unwrap_or((bytes, &[]));
        let key = fold(known);
        let part = known.len().checked_sub(1).and_then(|n| self.parts.get(n));
        let whole = match known.len() {
            KEY => self.slots.find(key),
            _ => None,
        };
        let whole = whole.into_iter().flat_map(move |slot| self.fitting(slot, more));
        let from = part.map_or(0, |list| list.partition_point(|word| word.key < key));
        let part = part.into_iter().flat_map(move |list| list.iter().skip(from));
        let part = part.take_while(move |word| word.key == key);
        whole.chain(part).map(|word| word.index)
    }

    /// The words of a key which these bytes may continue.
    fn fitting(&self, slot: &Slot, more: &[u8]) -> impl Iterator<Item = &Word> {
        let more = more.get(..MORE).unwrap_or(more);
        let (rest, there, key) = (fold_more(more), covers(more.len()), slot.key);
        let list = self.keys.get(slot.first()..).unwrap_or(&[]);
        let same = list.iter().take_while(move |word| word.key == key);
        same.filter(move |word| (word.rest ^ rest) & word.mask & there == 0)
    }
}

/// Four bytes at a place of a block, folded.
#[inline(always)]
fn four_at(block: &[u8; PADDING], at: usize) -> u32 {
    let bytes = block.get(at..at + KEY).and_then(|b| b.first_chunk::<KEY>());
    bytes.map_or(0, |b| u32::from_le_bytes(*b) | 0x2020_2020)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_in_either_case_and_by_a_part() {
        let all = [&b"glpat-"[..], b"stripe", b"strings"].map(<[u8]>::to_vec);
        let words = Words::new(all.into_iter().zip(0..));
        let mut text = [b'_'; PADDING];
        text[..24].copy_from_slice(b"x GLPA str1 Strings stri");
        let starts = 1 << 2 | 1 << 7 | 1 << 12 | 1 << 20;
        assert_eq!(words.hits(&text, starts, 24), 1 << 12 | 1 << 20);
        assert_eq!(words.at(b"GLPA").collect::<Vec<_>>(), [0]);
        assert_eq!(words.at(b"stripes").collect::<Vec<_>>(), [1]);
        assert_eq!(words.at(b"st").collect::<Vec<_>>(), [1, 2]);
        assert_eq!(words.at(b"string").collect::<Vec<_>>(), [2]);
        assert_eq!(words.at(b"stripe-x").collect::<Vec<_>>(), [1]);
        assert_eq!(words.at(b"x").count() + words.at(b"").count(), 0);
    }
}
