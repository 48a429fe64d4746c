//! A fixed set of small indices: which rules are candidates, which services a message belongs to.

/// How many different indices a set can hold.
pub(super) const CAPACITY: usize = 256;

/// A set of indices below [`CAPACITY`], one bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Bits([u64; CAPACITY / 64]);

impl Bits {
    /// Adds an index; one that is too large is ignored (compilation refuses policies that have such).
    pub fn insert(&mut self, index: usize) {
        if let Some(word) = self.0.get_mut(index / 64) {
            *word |= 1 << (index % 64);
        }
    }

    pub fn contains(&self, index: usize) -> bool {
        self.0.get(index / 64).is_some_and(|word| word >> (index % 64) & 1 == 1)
    }

    pub fn intersects(&self, other: &Bits) -> bool {
        self.0.iter().zip(other.0).any(|(a, b)| a & b != 0)
    }

    pub fn is_empty(&self) -> bool {
        self.0 == [0; CAPACITY / 64]
    }

    /// The indices in ascending order, at the price of one step each.
    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().enumerate().flat_map(|(word, bits)| {
            let mut rest = *bits;
            std::iter::from_fn(move || {
                let bit = rest.trailing_zeros() as usize;
                rest &= rest.wrapping_sub(1);
                (bit < 64).then_some(word * 64 + bit)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_exactly_what_was_inserted() {
        let mut set = Bits::default();
        assert!(set.is_empty());
        for index in [255, 0, 63, 64, 256] {
            set.insert(index);
        }
        assert_eq!(set.iter().collect::<Vec<_>>(), [0, 63, 64, 255]);
        assert!(set.contains(64) && !set.contains(65) && !set.contains(256));
        let mut other = Bits::default();
        other.insert(1);
        assert!(!set.intersects(&other));
        other.insert(64);
        assert!(set.intersects(&other));
    }
}
