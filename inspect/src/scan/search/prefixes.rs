//! Which patterns begin with the three bytes at a place.
//!
//! The eight buckets of the search for points let much pass where there are hundreds of literals; a bit of a small table
//! tells most of it before anything is compared.

use super::likely::Likely;
use crate::scan::catalog::pattern::FINGERPRINT;

/// The first bytes of patterns, each with the pattern's index.
#[derive(Debug)]
pub(in crate::scan) struct Prefixes {
    likely: Likely,
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
        let likely = Likely::new(all.iter().map(|(prefix, _)| key(*prefix)));
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
            Some(three) if self.likely.bit(key(*three)) == 0 => &[],
            _ => {
                let from = self.all.partition_point(|(prefix, _)| *prefix < known);
                self.all.get(from..).unwrap_or(&[])
            }
        };
        list.iter().take_while(move |(prefix, _)| prefix & mask == known).map(|(_, i)| *i)
    }
}

fn key([a, b, c]: [u8; FINGERPRINT]) -> u32 {
    u32::from_le_bytes([a, b, c, 0])
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
