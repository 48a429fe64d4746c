//! What begins with a word, looked up by its first four bytes.
//!
//! The vectorised search tells where words begin ([`super::simd`]). Each of these places costs a hash and a bit of a
//! table that stays in the nearest cache; only where it is set are the bytes themselves looked up.

use super::likely::Likely;
use super::simd::{BLOCK, Input, PADDING};
use super::slots::{Entry, Parts, Slot, Slots, common, covers};

/// Bytes that are looked up.
pub(in crate::scan) const KEY: usize = 4;
/// Places that are looked up at once; a block of 64 bytes of text has about six, and seldom more than these.
const BATCH: usize = 8;
/// Bytes behind the key that are compared, too.
pub(in crate::scan) const MORE: usize = 8;
/// A detector with more words of one key has spelled out a class of bytes there (`live_[A-Za-z0-9]`). Only what they have in common counts
/// then: comparing a place with each of a thousand costs more than evaluating it.
const SPELLED: usize = 16;

/// Words, each with the index of what begins with it.
#[derive(Clone, Debug)]
pub(in crate::scan) struct Words {
    /// Which words there may be, by their first four bytes.
    likely: Likely,
    /// In the order of their keys.
    keys: Vec<Word>,
    /// By key: where in `keys` its words begin, and what tells most places apart at which none of them stands.
    slots: Slots,
    /// The keys by their first one, two and three bytes.
    parts: [Parts; KEY - 1],
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

impl Word {
    fn entry(&self) -> Entry {
        (self.key, self.rest, self.mask)
    }
}

/// The words of a detector with the same key; where there are too many, what they have in common.
fn without_classes(words: &[Word]) -> Vec<Word> {
    match words {
        [first, ..] if words.len() > SPELLED => {
            let (rest, mask) = common(words.iter().map(Word::entry));
            vec![Word { rest, mask, ..*first }]
        }
        _ => words.to_vec(),
    }
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

impl Words {
    /// Words by their beginnings: four bytes at least, and up to twelve count. Behind the first four, a `_` is any byte: in a name
    /// of several words it is written in several ways.
    pub fn new(beginnings: impl Iterator<Item = (Vec<u8>, u16)>) -> Words {
        let mut keys = Vec::new();
        let mut parts: [Vec<(u32, u16)>; KEY - 1] = Default::default();
        for (beginning, index) in beginnings {
            let Some(bytes) = beginning.first_chunk::<KEY>() else { continue };
            let key = fold(bytes);
            let more = beginning.get(KEY..).unwrap_or(&[]);
            let more = more.get(..MORE).unwrap_or(more);
            let certain =
                more.iter().rev().fold(0, |mask, b| mask << 8 | if *b == b'_' { 0 } else { 0xff });
            keys.push(Word { key, index, rest: fold_more(more) & certain, mask: certain });
            for (n, part) in (1..).zip(&mut parts) {
                part.push((fold(bytes.get(..n).unwrap_or(bytes)), index));
            }
        }
        keys.sort_unstable();
        keys.dedup();
        let of_an_index = keys.chunk_by(|a, b| (a.key, a.index) == (b.key, b.index));
        let keys: Vec<Word> = of_an_index.flat_map(without_classes).collect();
        let slots = Slots::new(&keys.iter().map(Word::entry).collect::<Vec<_>>());
        let likely = Likely::new(keys.iter().map(|word| word.key));
        Words { likely, keys, slots, parts: parts.map(Parts::new) }
    }

    /// Whether nothing is looked for.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Of the places of a block at which words begin (`starts`), those where it may be one of these, by a bit of a table.
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
                likely |= self.likely.bit(four_at(block, at as usize)).wrapping_shl(at);
            }
        }
        likely & starts
    }

    /// Whether it is one at a place, as far as its bytes are there, or has what several of them have in common.
    #[inline(always)]
    fn may_be_at(&self, input: &Input, at: usize) -> bool {
        let bytes = input.padded.get(at..).and_then(|b| b.first_chunk::<{ KEY + MORE }>());
        let Some([a, b, c, d, rest @ ..]) = bytes else { return false };
        let key = u32::from_le_bytes([*a, *b, *c, *d]) | CASE as u32;
        let there = covers(input.to.saturating_sub(at + KEY));
        self.slots.may_fit(key, u64::from_le_bytes(*rest) | CASE, there)
    }

    /// What may begin with these bytes, of which up to twelve count.
    pub fn at(&self, bytes: &[u8]) -> impl Iterator<Item = u16> {
        let (known, more) = bytes.split_at_checked(KEY).unwrap_or((bytes, &[]));
        let key = fold(known);
        let whole = match known.len() {
            KEY => self.slots.find(key),
            _ => None,
        };
        let whole = whole.into_iter().flat_map(move |slot| self.fitting(slot, more));
        let part = known.len().checked_sub(1).and_then(|n| self.parts.get(n));
        let part = part.into_iter().flat_map(move |part| part.of(key));
        whole.map(|word| word.index).chain(part)
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

/// Places that are gathered before they are looked at, and room for those of one block more.
const GATHERED: usize = 64;
/// So many places of a block are gathered at once; seldom are there more.
const AT_ONCE: usize = 4;

/// Places where words may begin, of many blocks: they are told apart in a row, since each branch of a block of its own is one that nothing
/// could predict.
pub(in crate::scan) struct Gathered {
    places: [u32; GATHERED + BLOCK],
    count: usize,
}

impl Gathered {
    pub fn new() -> Gathered {
        Gathered { places: [0; GATHERED + BLOCK], count: 0 }
    }

    /// Adds those of the block at `at`.
    #[inline(always)]
    pub fn push(&mut self, at: usize, likely: u64) {
        let (mut rest, free) = (likely, self.places.get_mut(self.count..).unwrap_or_default());
        for places in free.chunks_exact_mut(AT_ONCE) {
            for place in places {
                *place = at as u32 + rest.trailing_zeros();
                rest &= rest.wrapping_sub(1);
            }
            if rest == 0 {
                break;
            }
        }
        self.count += likely.count_ones() as usize;
    }

    /// Whether another block may have more places than there is room for.
    pub fn is_full(&self) -> bool {
        self.count > GATHERED
    }

    /// Those where it may be one of the words, by all of their bytes that count; there are none any more after that.
    pub fn known(&mut self, words: &Words, input: &Input) -> &[u32] {
        let (count, mut known) = (std::mem::take(&mut self.count), 0);
        for i in 0..count {
            let at = self.places.get(i).copied().unwrap_or(0);
            if let Some(place) = self.places.get_mut(known) {
                *place = at;
            }
            known += usize::from(words.may_be_at(input, at as usize));
        }
        self.places.get(..known).unwrap_or_default()
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
        let likely = words.likely(&text, 1 << 2 | 1 << 7 | 1 << 12 | 1 << 20);
        let input = Input { padded: &text, from: 0, to: 24, binary: false, escapes: false };
        let mut gathered = Gathered::new();
        gathered.push(0, likely);
        assert_eq!(gathered.known(&words, &input), [12, 20]);
        assert!(gathered.known(&words, &input).is_empty());
        assert_eq!(words.at(b"GLPA").collect::<Vec<_>>(), [0]);
        assert_eq!(words.at(b"stripes").collect::<Vec<_>>(), [1]);
        assert_eq!(words.at(b"st").collect::<Vec<_>>(), [1, 2]);
        assert_eq!(words.at(b"string").collect::<Vec<_>>(), [2]);
        assert_eq!(words.at(b"stripe-x").collect::<Vec<_>>(), [1]);
        assert_eq!(words.at(b"x").count() + words.at(b"").count(), 0);
    }

    #[test]
    fn a_class_that_is_spelled_out_is_one_word() {
        let spelled = (b'a'..=b'z').map(|b| ([&b"live:"[..], &[b]].concat(), 7));
        let words = Words::new(spelled.chain([(b"live:0".to_vec(), 8)]));
        assert_eq!(words.keys.len(), 2);
        assert_eq!(words.at(b"Live:Q").collect::<Vec<_>>(), [7]);
        assert_eq!(words.at(b"live:0").collect::<Vec<_>>(), [8]);
        assert_eq!(words.at(b"live-q").count() + words.at(b"live:!").count(), 0);
    }
}
