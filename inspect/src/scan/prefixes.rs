//! Which patterns begin with the three bytes at a place.
//!
//! The eight buckets of the search for points let much pass where there are hundreds of literals; a bit of a small table
//! tells most of it before anything is compared.

use super::literal::FINGERPRINT;
use super::slots::hash;

/// Logarithm of the bits in the table: 8 KB.
const BITS: u32 = 16;

/// The first bytes of patterns, each with the pattern's index.
#[derive(Debug)]
pub(super) struct Prefixes {
    /// A bit by the hash of three bytes.
    likely: Box<[u64; 1 << (BITS - 6)]>,
    /// In order; of a number the first byte is the highest one.
    all: Vec<(u32, u16)>,
}

/// Up to three bytes as a number, and which bits of it are theirs.
fn number(bytes: &[u8]) -> (u32, u32) {
    let places = [16, 8, 0];
    let known = bytes.iter().zip(places);
    known.fold((0, 0), |(n, mask), (b, at)| (n | u32::from(*b) << at, mask | 0xff << at))
}

impl Prefixes {
    pub fn new(all: Vec<([u8; FINGERPRINT], u16)>) -> Prefixes {
        let mut likely = Box::new([0; 1 << (BITS - 6)]);
        for (prefix, _) in &all {
            let slot = slot(*prefix);
            likely.iter_mut().skip(slot / 64).take(1).for_each(|w| *w |= 1 << (slot % 64));
        }
        let mut all: Vec<_> = all.into_iter().map(|(prefix, i)| (number(&prefix).0, i)).collect();
        all.sort_unstable();
        all.dedup();
        Prefixes { likely, all }
    }

    /// The patterns that may begin with these bytes, of which three count, or fewer if no more are there.
    #[inline]
    pub fn at(&self, text: &[u8]) -> impl Iterator<Item = u16> {
        let (known, mask) = number(text);
        let list = match text.first_chunk() {
            Some(three) if !self.may_be(*three) => &[],
            _ => {
                let from = self.all.partition_point(|(prefix, _)| *prefix < known);
                self.all.get(from..).unwrap_or(&[])
            }
        };
        list.iter().take_while(move |(prefix, _)| prefix & mask == known).map(|(_, i)| *i)
    }

    fn may_be(&self, three: [u8; FINGERPRINT]) -> bool {
        let slot = slot(three);
        self.likely.get(slot / 64).is_some_and(|w| w >> (slot % 64) & 1 == 1)
    }
}

fn slot([a, b, c]: [u8; FINGERPRINT]) -> usize {
    (hash(u32::from_le_bytes([a, b, c, 0])) >> (32 - BITS)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_found_whole_and_cut() {
        let prefixes = Prefixes::new(vec![(*b"abc", 1), (*b"abd", 2), (*b"xyz", 3), (*b"abc", 4)]);
        let at = |text: &[u8]| prefixes.at(text).collect::<Vec<_>>();
        assert_eq!(at(b"abcd"), [1, 4]);
        assert_eq!(at(b"ab"), [1, 4, 2]);
        assert_eq!(at(b"x"), [3]);
        assert_eq!(at(b"aby").len() + at(b"q").len(), 0);
    }
}
