//! What was seen lately: a set in fixed memory that forgets by being overwritten.

/// Slots of a bucket. Of twenty values in 256 buckets of one slot, some take turns to forget each other for ever, and a program that
/// looks after twenty objects would seem to go through a hundred.
const WAYS: usize = 4;

/// A set of `BUCKETS` of [`WAYS`] slots, each the fingerprint of a value that fell into it. A value is taken for a new one when the
/// slots of its bucket hold others: after more than about four times `BUCKETS` different values, old ones are new again.
#[derive(Clone, Debug)]
pub struct Recent<const BUCKETS: usize>([[u16; WAYS]; BUCKETS]);

impl<const BUCKETS: usize> Default for Recent<BUCKETS> {
    fn default() -> Self {
        Recent([[0; WAYS]; BUCKETS])
    }
}

impl<const BUCKETS: usize> Recent<BUCKETS> {
    /// Puts in the hash of a value; true if it was not there. The one that came first of its bucket makes room.
    pub fn insert(&mut self, hash: u64) -> bool {
        let print = print(hash);
        let Some(bucket) = self.0.get_mut((hash % BUCKETS as u64) as usize) else { return false };
        let is_new = !has(bucket, print);
        let [first, second, third, _] = *bucket;
        *bucket = if is_new { [print, first, second, third] } else { *bucket };
        is_new
    }

    /// Whether the hash of a value is there.
    pub fn holds(&self, hash: u64) -> bool {
        self.0.get((hash % BUCKETS as u64) as usize).is_some_and(|b| has(b, print(hash)))
    }
}

/// Without a branch: what is waited for from memory is asked for at once, and no guess about it has to be undone.
fn has(bucket: &[u16; WAYS], print: u16) -> bool {
    bucket.iter().fold(false, |has, slot| has | (*slot == print))
}

/// Zero is the empty slot.
fn print(hash: u64) -> u16 {
    ((hash >> 48) as u16).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_new_once_until_it_is_forgotten() {
        let mut recent = Recent::<2>::default();
        let value = |n: u64| n << 48;
        assert!(!recent.holds(value(1)) && recent.insert(value(1)));
        assert!(recent.holds(value(1)) && !recent.insert(value(1)));
        assert!((2..=4).all(|n| recent.insert(value(n))));
        assert!((1..=4).all(|n| !recent.insert(value(n))), "a bucket holds four");
        assert!(recent.insert(value(5)) && recent.insert(value(1)), "the oldest made room");
        assert!(recent.insert(value(5) | 1), "another bucket");
    }
}
