//! Header values in which nothing was found: most values come with every request, and need not be scanned each time.

use std::hash::Hasher;

use siphasher::sip::SipHasher13;
use weir_inspect::detector::DetectorSet;

use super::keys::Key;

/// Values that are remembered, one in each slot: 8 KB. Beyond, a newer one takes the place of an older one.
const SLOTS: usize = 1024;

/// What was looked for, and under which policy.
#[derive(Clone, Copy, Debug)]
pub struct Under(u64);

impl Under {
    pub fn new(policy: u64, wanted: &DetectorSet) -> Under {
        Under(policy.rotate_left(1) ^ wanted.digest())
    }
}

/// Values that hold nothing. They are told by 64 bits of a hash under a key that nobody knows, so nobody can send one that is
/// taken for another.
#[derive(Debug)]
pub struct Clean {
    key: Key,
    slots: Vec<u64>,
}

impl Clean {
    pub fn new(key: Key) -> Clean {
        Clean { key, slots: vec![0; SLOTS] }
    }

    /// What a value is told by.
    pub fn hash(&self, under: Under, value: &[u8]) -> u64 {
        let mut hasher = SipHasher13::new_with_key(&self.key);
        hasher.write_u64(under.0);
        hasher.write(value);
        hasher.finish().max(1)
    }

    /// Whether nothing was found in it before.
    pub fn knows(&self, hash: u64) -> bool {
        self.slots.get(hash as usize % SLOTS) == Some(&hash)
    }

    /// Nothing was found in it.
    pub fn remember(&mut self, hash: u64) {
        if let Some(slot) = self.slots.get_mut(hash as usize % SLOTS) {
            *slot = hash;
        }
    }
}

#[cfg(test)]
mod tests {
    use weir_inspect::detector::DetectorId;

    use super::*;

    #[test]
    fn a_value_is_known_only_under_what_was_looked_for() {
        let mut one = DetectorSet::EMPTY;
        one.insert(DetectorId(7));
        let mut two = one;
        two.insert(DetectorId(700));
        let mut clean = Clean::new([3; 16]);
        let under = Under::new(1, &one);
        let hash = clean.hash(under, b"gzip, br");
        assert!(!clean.knows(hash));
        clean.remember(hash);
        assert!(clean.knows(clean.hash(under, b"gzip, br")));
        for (under, value) in [
            (under, &b"gzip"[..]),
            (Under::new(2, &one), b"gzip, br"),
            (Under::new(1, &two), b"gzip, br"),
            (Under::new(1, &DetectorSet::EMPTY), b"gzip, br"),
        ] {
            assert!(!clean.knows(clean.hash(under, value)));
        }
    }
}
