//! Which texts there may be, by a bit of a table that stays in the nearest cache.

use super::slots::hash;

/// Logarithm of the entries: 16 KB, a third to a half of the smallest first-level caches.
const BITS: u32 = 12;

/// An entry by the hash of a text's first bytes, a bit of it by the first one.
#[derive(Clone, Debug)]
pub(in crate::scan) struct Likely(Box<[u32; 1 << BITS]>);

impl Likely {
    /// Of texts by their first bytes, the first one lowest.
    pub fn new(keys: impl Iterator<Item = u32>) -> Likely {
        let mut entries = Box::new([0u32; 1 << BITS]);
        for key in keys {
            entries.iter_mut().skip(entry(key)).take(1).for_each(|e| *e |= 1u32.wrapping_shl(key));
        }
        Likely(entries)
    }

    /// 1 if one of the texts may begin so, else 0.
    #[inline(always)]
    pub fn bit(&self, key: u32) -> u64 {
        let entry = self.0.get(entry(key)).copied().unwrap_or(0);
        u64::from(entry.wrapping_shr(key) & 1)
    }
}

#[inline(always)]
fn entry(key: u32) -> usize {
    (hash(key) >> (32 - BITS)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_likely_and_most_else_is_not() {
        let keys = (0..400u32).map(hash);
        let likely = Likely::new(keys.clone());
        assert!(keys.clone().all(|key| likely.bit(key) == 1));
        assert!(keys.filter(|key| likely.bit(!key) == 1).count() < 20);
    }
}
