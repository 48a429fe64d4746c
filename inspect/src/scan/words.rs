//! What begins with a word, looked up by its first four bytes.
//!
//! The vectorised search tells where words begin ([`super::simd`]). Each of these places costs one multiplication and
//! one bit of a table that stays in the nearest cache; only where the bit is set are the four bytes themselves looked up.
//! So the cost hardly depends on how many hundreds of words are looked for.

/// Bytes that are looked up.
pub(super) const KEY: usize = 4;
/// Logarithm of the bits in the table: 8 KB, a quarter of the smallest first-level cache.
const BITS: u32 = 16;

/// Words, each with the index of what begins with it.
#[derive(Debug)]
pub(super) struct Words {
    bits: Vec<u64>,
    /// In the order of their keys.
    keys: Vec<Word>,
    /// By hash: a key and where in `keys` it begins, counted from 1; 0 where there is none. At most half full, so that a
    /// look-up ends soon.
    table: Vec<(u32, u32)>,
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
    /// The next four bytes, folded, and which of them are certain.
    rest: u32,
    mask: u32,
}

/// ASCII letters in one case; other bytes may become equal too, and what evaluates a place tells them apart.
fn fold(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(0, |key, b| key << 8 | u32::from(b | 0x20))
}

fn hash(key: u32) -> u32 {
    key.wrapping_mul(0x9e37_79b1)
}

/// The word of the bits, and the bit in it.
fn slot(key: u32) -> (usize, u64) {
    let hash = hash(key) >> (32 - BITS);
    (hash as usize / 64, 1 << (hash % 64))
}

/// The places of a table at which a key may stand, the likeliest first.
fn probe(key: u32, size: usize) -> impl Iterator<Item = usize> {
    let from = (hash(key) >> 8) as usize;
    (0..size).map(move |i| (from + i) & (size - 1))
}

impl Words {
    /// Words by their beginnings: four bytes at least, and up to eight count.
    pub fn new(beginnings: impl Iterator<Item = (Vec<u8>, u16)>) -> Words {
        let (bits, parts) = (vec![0; 1 << (BITS - 6)], Default::default());
        let mut words = Words { bits, keys: Vec::new(), table: Vec::new(), parts };
        for (beginning, index) in beginnings {
            let Some(bytes) = beginning.first_chunk::<KEY>() else { continue };
            let key = fold(bytes);
            let (place, bit) = slot(key);
            words.bits.iter_mut().skip(place).take(1).for_each(|w| *w |= bit);
            let more = beginning.get(KEY..).unwrap_or(&[]);
            let more = more.get(..KEY).unwrap_or(more);
            words.keys.push(Word { key, index, rest: fold(more), mask: mask(more.len()) });
            for (n, part) in (1..).zip(&mut words.parts) {
                let key = fold(bytes.get(..n).unwrap_or(bytes));
                part.push(Word { key, index, rest: 0, mask: 0 });
            }
        }
        for list in words.parts.iter_mut().chain([&mut words.keys]) {
            list.sort_unstable();
            list.dedup();
        }
        words.fill_table();
        words
    }

    fn fill_table(&mut self) {
        let size = (2 * self.keys.len()).next_power_of_two();
        self.table = vec![(0, 0); size];
        let mut last = None;
        for (position, word) in (1..).zip(&self.keys) {
            let key = word.key;
            if last.replace(key) != Some(key) {
                let free = probe(key, size).find(|i| self.table.get(*i).is_some_and(|s| s.1 == 0));
                let free = free.and_then(|i| self.table.get_mut(i));
                free.into_iter().for_each(|slot| *slot = (key, position));
            }
        }
    }

    /// Where in `keys` a key begins.
    fn find(&self, key: u32) -> Option<usize> {
        for i in probe(key, self.table.len()) {
            match self.table.get(i) {
                Some((found, position)) if *position > 0 && *found == key => {
                    return Some(*position as usize - 1);
                }
                Some((_, position)) if *position > 0 => {}
                _ => return None,
            }
        }
        None
    }

    /// Whether nothing is looked for.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Of the places that are set in `mask`, counted from the beginning of `block`, those where one of the words may
    /// begin.
    #[inline]
    pub fn hits(&self, block: &[u8], mask: u64) -> u64 {
        // Without a branch for each place, which nothing could predict: few words are in the table, but which?
        let (mut rest, mut likely) = (mask, 0);
        while rest != 0 {
            let at = rest.trailing_zeros();
            rest &= rest - 1;
            let (word, set) = slot(key_at(block, at));
            likely |= u64::from(self.bits.get(word).is_some_and(|w| w & set != 0)) << at;
        }
        let mut hits = 0;
        while likely != 0 {
            let at = likely.trailing_zeros();
            likely &= likely - 1;
            hits |= u64::from(self.find(key_at(block, at)).is_some()) << at;
        }
        hits
    }

    /// What may begin with these bytes, of which up to eight count.
    pub fn at(&self, bytes: &[u8]) -> impl Iterator<Item = u16> {
        let (known, more) = bytes.split_at_checked(KEY).unwrap_or((bytes, &[]));
        let key = fold(known);
        let list = match known.len() {
            KEY => self.keys.get(self.find(key).unwrap_or(self.keys.len())..),
            n => n
                .checked_sub(1)
                .and_then(|n| self.parts.get(n))
                .map(|list| list.get(list.partition_point(|word| word.key < key)..).unwrap_or(&[])),
        };
        let more = more.get(..KEY).unwrap_or(more);
        let (rest, there) = (fold(more), mask(more.len()));
        let fits = move |word: &&Word| (word.rest ^ rest) & word.mask & there == 0;
        let same = list.unwrap_or(&[]).iter().take_while(move |word| word.key == key);
        same.filter(fits).map(|word| word.index)
    }
}

/// The key at a place of a block; 0 behind its end.
fn key_at(block: &[u8], at: u32) -> u32 {
    let bytes = block.get(at as usize..).and_then(|b| b.first_chunk::<KEY>());
    bytes.map_or(0, |b| u32::from_le_bytes(*b) | 0x2020_2020)
}

/// Covers the first bytes of four.
fn mask(bytes: usize) -> u32 {
    u32::MAX.checked_shr(32 - 8 * bytes as u32).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_in_either_case_and_by_a_part() {
        let all = [&b"glpat-"[..], b"stripe", b"strings"].map(<[u8]>::to_vec);
        let words = Words::new(all.into_iter().zip(0..));
        let text = b"x GLPA str1 Strings stri____";
        let starts = 1 << 2 | 1 << 7 | 1 << 12 | 1 << 20;
        assert_eq!(words.hits(text, starts), 1 << 2 | 1 << 12 | 1 << 20);
        assert_eq!(words.at(b"GLPA").collect::<Vec<_>>(), [0]);
        assert_eq!(words.at(b"stripes").collect::<Vec<_>>(), [1]);
        assert_eq!(words.at(b"st").collect::<Vec<_>>(), [1, 2]);
        assert_eq!(words.at(b"string").collect::<Vec<_>>(), [2]);
        assert_eq!(words.at(b"x").count() + words.at(b"").count(), 0);
    }
}
