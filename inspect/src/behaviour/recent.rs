//! What was seen lately: a set in fixed memory that forgets by being overwritten.

/// A set of `N` slots, each the fingerprint of the last value that fell into it. A value is taken for a new one when its
/// slot holds another: after more than about `N` different values, old ones are new again.
#[derive(Clone, Debug)]
pub struct Recent<const N: usize>([u16; N]);

impl<const N: usize> Default for Recent<N> {
    fn default() -> Self {
        Recent([0; N])
    }
}

impl<const N: usize> Recent<N> {
    /// Puts in the hash of a value; true if it was not there.
    pub fn insert(&mut self, hash: u64) -> bool {
        let print = print(hash);
        let Some(slot) = self.0.get_mut((hash % N as u64) as usize) else { return false };
        std::mem::replace(slot, print) != print
    }

    /// Whether the hash of a value is there.
    pub fn holds(&self, hash: u64) -> bool {
        self.0.get((hash % N as u64) as usize) == Some(&print(hash))
    }
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
        let mut recent = Recent::<4>::default();
        let (a, b) = (0x0001_0000_0000_0000, 0x0002_0000_0000_0000);
        assert!(!recent.holds(a) && recent.insert(a));
        assert!(recent.holds(a) && !recent.insert(a));
        assert!(recent.insert(b) && recent.insert(a), "one slot, the latest stays");
        assert!(recent.insert(b | 1) && !recent.insert(a), "another slot");
    }
}
