//! Literals of many patterns, looked up by four bytes at every place.
//!
//! The eight buckets of the search for points cannot tell hundreds of beginnings apart, and a pattern that may begin within a word
//! is not among the [`super::words`]. So four bytes of each such pattern that are certain, at its beginning or a little behind it,
//! are its key. A filter (of Bloom's kind) in vector registers tells the few places in a block at which one of the keys may stand,
//! a bit of a table most of those at which none does. How many patterns there are hardly matters.

use std::sync::Arc;

use super::likely::Likely;
use super::simd::{BLOCK, ByteSet, PADDING};
use super::slots::{Parts, Slot, Slots, covers};
use crate::scan::catalog::pattern::Key;

/// Bytes of a key.
pub(in crate::scan) const KEY: usize = 4;
/// Bytes behind a key that are compared, too, where they are certain.
pub(in crate::scan) const MORE: usize = 4;
/// Blocks that are looked at in a row.
const BATCH: usize = 32;
/// Values of a hash in the filter. Each key sets a bit in all of its tables.
pub(in crate::scan) const BYTES: usize = 256;

/// What tells where keys may stand. The hashes of four bytes are made of a random byte for each (Zobrist's), by its lowest six bits.
#[derive(Debug)]
pub(in crate::scan) struct Filter {
    /// For each of two hashes: the random bytes for each of four bytes.
    pub random: [[[u8; 64]; KEY]; 2],
    /// By the one hash, the other one, and their sum: a bit by the lowest three bits of the other one, of the one, and of the other
    /// one again.
    pub tables: [[u8; BYTES]; 3],
}

/// The keys of patterns.
#[derive(Debug)]
pub(in crate::scan) struct Literals {
    filter: Filter,
    /// Which keys there may be.
    likely: Likely,
    /// In the order of their keys.
    keys: Vec<Known>,
    slots: Slots,
    /// Keys at the beginning by their first one, two and three bytes.
    parts: [Parts; KEY - 1],
    /// By first byte: patterns whose key does not stand at their beginning.
    late: Vec<Vec<Late>>,
    /// The farthest.
    farthest: usize,
    search: Search,
}

/// A pattern whose key does not stand at its beginning.
#[derive(Clone, Debug)]
struct Late {
    key: u32,
    index: u16,
    /// What stands in front of the key: for each place the bytes that are possible, in either case.
    lead: Arc<[ByteSet]>,
}

impl Late {
    /// Whether it may begin with these bytes, and its key is not there as a whole.
    fn is_open(&self, text: &[u8]) -> bool {
        let there = text.get(self.lead.len()..).unwrap_or(&[]);
        let is_in = |(b, set): (&u8, &ByteSet)| set.get(usize::from(*b)) == Some(&true);
        there.len() < KEY
            && there.iter().zip(self.key.to_le_bytes()).all(|(b, k)| b | 0x20 == k)
            && text.iter().zip(&*self.lead).all(is_in)
    }
}

/// A key of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Known {
    key: u32,
    /// How far behind the pattern's beginning it stands.
    offset: usize,
    /// The pattern.
    index: u16,
    /// The bytes behind it, and which of them are certain.
    more: u32,
    mask: u32,
}

/// ASCII letters in one case; what evaluates a place tells other bytes apart.
fn fold(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(0, |key, b| key << 8 | u32::from(b | 0x20))
}

fn four_at(bytes: &[u8], at: usize) -> u32 {
    let four = bytes.get(at..).and_then(|b| b.first_chunk::<KEY>());
    four.map_or(0, |b| u32::from_le_bytes(*b) | 0x2020_2020)
}

impl Filter {
    fn new() -> Filter {
        // Splitmix64 (Steele et al. 2014): always the same.
        let mut state = 0u64;
        let mut random = [[[0; 64]; KEY]; 2];
        for byte in random.iter_mut().flatten().flatten() {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let z = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            *byte = (z >> 56) as u8;
        }
        Filter { random, tables: [[0; BYTES]; 3] }
    }

    fn hashes(&self, key: u32) -> [u8; 2] {
        let bytes = key.to_le_bytes();
        self.random.map(|tables| {
            let random = tables.iter().zip(bytes).map(|(t, b)| t.get(usize::from(b & 63)));
            random.flatten().fold(0, |hash, r| hash ^ r)
        })
    }

    fn add(&mut self, key: u32) {
        let [first, second] = self.hashes(key);
        let places = [(first, second), (second, first), (first.wrapping_add(second), second)];
        for (table, (by, bit)) in self.tables.iter_mut().zip(places) {
            table.iter_mut().skip(by.into()).take(1).for_each(|byte| *byte |= 1 << (bit & 7));
        }
    }
}

impl Literals {
    /// Of patterns by their index: their keys, and the bytes with which they can begin.
    pub fn new<'k>(all: impl Iterator<Item = (u16, &'k Key, &'k [bool; 256])>) -> Literals {
        let mut literals = Literals {
            filter: Filter::new(),
            likely: Likely::new(std::iter::empty()),
            keys: Vec::new(),
            slots: Slots::default(),
            parts: Default::default(),
            late: vec![Vec::new(); 256],
            farthest: 0,
            search: best(),
        };
        let mut parts: [Vec<(u32, u16)>; KEY - 1] = Default::default();
        for (index, key, first) in all {
            for bytes in &key.all {
                let (four, more) = bytes.split_at_checked(KEY).unwrap_or((bytes, &[]));
                let mask = covers(more.len().min(MORE)) as u32;
                let (offset, more) = (key.lead.len(), fold(more));
                literals.add(Known { key: fold(four), offset, index, more, mask });
                if offset > 0 {
                    let late = Late { key: fold(four), index, lead: Arc::clone(&key.lead) };
                    let lists = literals.late.iter_mut().zip(first);
                    let lists = lists.filter(|(_, possible)| **possible);
                    lists.for_each(|(list, _)| list.push(late.clone()));
                }
                for (n, part) in (1..).zip(&mut parts).filter(|_| offset == 0) {
                    part.push((fold(four.get(..n).unwrap_or(four)), index));
                }
            }
            literals.farthest = literals.farthest.max(key.lead.len());
        }
        literals.keys.sort_unstable();
        literals.keys.dedup();
        literals.likely = Likely::new(literals.keys.iter().map(|k| k.key));
        let entry = |k: &Known| (k.key, u64::from(k.more), u64::from(k.mask));
        literals.slots = Slots::new(&literals.keys.iter().map(entry).collect::<Vec<_>>());
        literals.parts = parts.map(Parts::new);
        literals
    }

    fn add(&mut self, known: Known) {
        self.filter.add(known.key);
        self.keys.push(known);
    }

    /// Tells each pattern whose key stands between `from` and `to` of the bytes, which have [`super::simd::PADDING`] behind them, with the
    /// place at which it would begin; in order of the keys' places.
    pub fn search(&self, padded: &[u8], from: usize, to: usize, tell: &mut impl FnMut(u16, usize)) {
        let Some(end) = to.checked_sub(KEY - 1) else { return };
        let mut places = [0; BATCH];
        for batch in (from..end).step_by(BATCH * BLOCK) {
            let blocks = (end - batch).div_ceil(BLOCK).min(BATCH);
            let places = places.get_mut(..blocks).unwrap_or(&mut []);
            (self.search)(self, padded.get(batch..).unwrap_or(&[]), places);
            let beyond = (batch + blocks * BLOCK).saturating_sub(end);
            places.iter_mut().skip(blocks - 1).for_each(|last| *last &= u64::MAX >> beyond);
            for (at, places) in (batch..).step_by(BLOCK).zip(places).filter(|(_, p)| **p != 0) {
                while *places != 0 {
                    let key_at = at + places.trailing_zeros() as usize;
                    *places &= *places - 1;
                    let key = four_at(padded, key_at);
                    if self.likely.bit(key) == 1 {
                        // Behind the end nothing is certain yet.
                        let known = key_at + KEY + MORE <= to;
                        let more = known.then(|| four_at(padded, key_at + KEY));
                        self.at_key(key, more, (key_at, from), tell);
                    }
                }
            }
        }
    }

    fn at_key(
        &self,
        key: u32,
        more: Option<u32>,
        (at, from): (usize, usize),
        tell: &mut impl FnMut(u16, usize),
    ) {
        let mut before = None;
        let fits = |slot: &&Slot| more.is_none_or(|more| slot.fits(more.into(), u64::MAX));
        for known in self.slots.find(key).filter(fits).into_iter().flat_map(|s| self.of(s)) {
            let differs = more.is_some_and(|more| (more ^ known.more) & known.mask != 0);
            let pattern = Some((known.offset, known.index));
            if differs || pattern == before {
                continue;
            }
            if let Some(begin) = at.checked_sub(known.offset).filter(|begin| *begin >= from) {
                before = pattern;
                tell(known.index, begin);
            }
        }
    }

    /// How many bytes a pattern may have at the end without its key being there as a whole.
    pub fn open(&self) -> usize {
        self.farthest + KEY - 1
    }

    /// What may begin with these bytes.
    pub fn at(&self, text: &[u8]) -> impl Iterator<Item = u16> {
        let whole = text.first_chunk::<KEY>().map(|four| fold(four));
        let keys = whole.and_then(|key| self.slots.find(key)).into_iter().flat_map(|s| self.of(s));
        let at_beginning = keys.filter(|known| known.offset == 0).map(|known| known.index);
        let late = text.first().and_then(|b| self.late.get(usize::from(*b)));
        let late = late.into_iter().flatten().map(|late| late.index);
        at_beginning.chain(self.shorter(text)).chain(late)
    }

    /// What may begin with these bytes, at which its key is not there as a whole.
    pub fn begun(&self, text: &[u8]) -> impl Iterator<Item = u16> {
        let late = text.first().and_then(|b| self.late.get(usize::from(*b)));
        let late = late.into_iter().flatten().filter(move |late| late.is_open(text));
        self.shorter(text).chain(late.map(|late| late.index))
    }

    /// What has its key at its beginning and may begin with fewer bytes than that.
    fn shorter(&self, text: &[u8]) -> impl Iterator<Item = u16> {
        let part = text.len().checked_sub(1).and_then(|n| self.parts.get(n));
        let key = fold(text.get(..KEY).unwrap_or(text));
        part.into_iter().flat_map(move |part| part.of(key))
    }

    fn of(&self, slot: &Slot) -> impl Iterator<Item = &Known> {
        let (from, key) = (slot.first(), slot.key);
        self.keys.iter().skip(from).take_while(move |known| known.key == key)
    }
}

/// Where in each block of the bytes a key may stand.
type Search = fn(&Literals, &[u8], &mut [u64]);

/// The fastest variant that this processor has.
fn best() -> Search {
    #[cfg(target_arch = "x86_64")]
    if super::literals_x86::is_there() {
        return |literals, bytes, places| {
            super::literals_x86::places(&literals.filter, bytes, places);
        };
    }
    portable
}

/// Without vector instructions the table tells places apart alone.
fn portable(literals: &Literals, bytes: &[u8], places: &mut [u64]) {
    let mut rest = bytes;
    for places in places {
        let Some(block) = rest.first_chunk::<PADDING>() else { return };
        let bit = |at: usize| literals.likely.bit(four_at(block, at));
        *places = (0..BLOCK).fold(0, |places, at| places | bit(at) << at);
        rest = rest.get(BLOCK..).unwrap_or(&[]);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn literals(keys: &[(&[u8], usize)]) -> Literals {
        let keys: Vec<Key> = keys
            .iter()
            .map(|(four, offset)| Key {
                all: vec![four.to_vec()],
                lead: vec![[true; 256]; *offset].into(),
            })
            .collect();
        Literals::new((0..).zip(&keys).map(|(i, key)| (i, key, &[true; 256])))
    }

    fn found(literals: &Literals, text: &[u8], from: usize) -> Vec<(u16, usize)> {
        let mut padded = text.to_vec();
        padded.resize(text.len() + PADDING, 0);
        let mut all = Vec::new();
        literals.search(&padded, from, text.len(), &mut |i, at| all.push((i, at)));
        all
    }

    #[test]
    fn keys_are_found_at_their_distance_and_in_either_case() {
        let literals = literals(&[(b"EMP-", 0), (b"name", 2), (b"emp-", 3)]);
        assert_eq!(found(&literals, b"x EMP-1 abNAME emp-", 0), [(0, 2), (1, 8), (0, 15), (2, 12)]);
        assert_eq!(found(&literals, b"x EMP-1 abNAME emp-", 9), [(0, 15), (2, 12)]);
        let begun = [&b"x naM"[..], b" naM", b"naM", b"aM", b"M"]
            .map(|text| literals.begun(text).collect::<Vec<_>>());
        assert_eq!(begun, [vec![1], vec![], vec![2], vec![1, 2], vec![1, 2]]);
        assert_eq!(literals.begun(b"EM").collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(literals.at(b"emp-7").filter(|i| *i == 0).count(), 1);
    }

    proptest! {
        #[test]
        fn the_vectorised_filter_leaves_no_key_out(
            keys in prop::collection::vec("[a-zA-Z_:-]{4}", 1..60),
            text in "[a-zA-Z_:0-9 -]{0,200}",
            picks in prop::collection::vec((any::<prop::sample::Index>(), 0usize..200), 0..8),
            from in 0usize..70,
        ) {
            let mut text = text.into_bytes();
            for (pick, at) in picks {
                let at = at.min(text.len());
                text.splice(at..at, pick.get(&keys).bytes());
            }
            let all: Vec<(&[u8], usize)> = keys.iter().map(|k| (k.as_bytes(), 0)).collect();
            let literals = literals(&all);
            let mut wanted = Vec::new();
            for (at, four) in text.windows(KEY).enumerate().skip(from) {
                let same = |key: &String| fold(key.as_bytes()) == fold(four);
                wanted.extend((0..).zip(&keys).filter(|(_, k)| same(k)).map(|(i, _): (u16, _)| (i, at)));
            }
            prop_assert_eq!(found(&literals, &text, from), wanted.clone());
            let portable = Literals { search: portable, ..literals };
            prop_assert_eq!(found(&portable, &text, from), wanted);
        }
    }
}
