//! What was seen lately: a set in fixed memory that forgets by being overwritten.

/// A bit, and the highest bit, of each of a bucket's four slots. Of twenty values in 256 buckets of one slot, some take turns to forget
/// each other for ever, and a program that looks after twenty objects would seem to go through a hundred.
const ONES: u64 = 0x0001_0001_0001_0001;
const HIGH: u64 = 0x8000 * ONES;

/// A set of `BUCKETS` of four slots of sixteen bits, each the fingerprint of a value that fell into it, the latest one lowest. A value is
/// taken for a new one when the slots of its bucket hold others: after more than about four times `BUCKETS` different values, old ones are
/// new again.
#[derive(Clone, Debug)]
pub struct Recent<const BUCKETS: usize>([u64; BUCKETS]);

impl<const BUCKETS: usize> Default for Recent<BUCKETS> {
    fn default() -> Self {
        Recent([0; BUCKETS])
    }
}

impl<const BUCKETS: usize> Recent<BUCKETS> {
    /// Puts in the hash of a value; true if it was not there. The one that came first of its bucket makes room.
    pub fn insert(&mut self, hash: u64) -> bool {
        let print = print(hash);
        let Some(bucket) = self.0.get_mut(Self::place(hash)) else { return false };
        let is_new = !has(*bucket, print);
        *bucket = if is_new { *bucket << 16 | print } else { *bucket };
        is_new
    }

    /// Whether the hash of a value is there.
    pub fn holds(&self, hash: u64) -> bool {
        self.0.get(Self::place(hash)).is_some_and(|bucket| has(*bucket, print(hash)))
    }

    /// The highest bits of a hash that ends in a product are the best ones.
    fn place(hash: u64) -> usize {
        (hash >> 56) as usize % BUCKETS
    }
}

/// Without a branch: what is waited for from memory is asked for at once, and no guess about it has to be undone.
fn has(bucket: u64, print: u64) -> bool {
    let apart = bucket ^ (print * ONES);
    // Only a slot of zero borrows from the one above it.
    apart.wrapping_sub(ONES) & !apart & HIGH != 0
}

/// Zero is the empty slot.
fn print(hash: u64) -> u64 {
    (hash >> 40 & 0xffff).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_new_once_until_it_is_forgotten() {
        let mut recent = Recent::<2>::default();
        let value = |n: u64| n << 40;
        assert!(!recent.holds(value(1)) && recent.insert(value(1)));
        assert!(recent.holds(value(1)) && !recent.insert(value(1)));
        assert!((2..=4).all(|n| recent.insert(value(n))));
        assert!((1..=4).all(|n| !recent.insert(value(n))), "a bucket holds four");
        assert!(recent.insert(value(5)) && recent.insert(value(1)), "the oldest made room");
        assert!(recent.insert(value(5) | 1 << 56), "another bucket");
    }
}
