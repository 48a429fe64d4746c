//! Summaries of fixed size that add up: what two nodes saw apart is merged into what one would have seen.

use std::f64::consts::LN_2;
use std::hash::Hasher;

use serde::{Deserialize, Serialize};
use siphasher::sip::SipHasher13;

/// The hash that all sketches take. It has no key, since nodes could not add up what they hashed by different ones.
pub fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = SipHasher13::new();
    hasher.write(bytes);
    hasher.finish()
}

/// How many different values there were: HyperLogLog (Flajolet and others, 2007), with linear counting while few registers are
/// taken. The standard error is 1.04 / √registers: 3 % at 1,024, 6.5 % at 256.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HyperLogLog {
    registers: Vec<u8>,
}

impl HyperLogLog {
    /// With 2^`bits` registers of a byte each; `bits` from 7 to 16.
    pub fn new(bits: u32) -> HyperLogLog {
        HyperLogLog { registers: vec![0; 1 << bits.clamp(7, 16)] }
    }

    /// Takes a value, by its [`hash`].
    pub fn insert(&mut self, hash: u64) {
        let bits = self.registers.len().trailing_zeros();
        // A model file may hold anything.
        if !(7..=16).contains(&bits) {
            return;
        }
        let index = (hash >> (64 - bits)) as usize;
        // The stop bit bounds the rank where all others are zero.
        let rank = ((hash << bits) | (1 << (bits - 1))).leading_zeros() as u8 + 1;
        if let Some(register) = self.registers.get_mut(index) {
            *register = rank.max(*register);
        }
    }

    /// How many different values were taken.
    pub fn count(&self) -> f64 {
        let m = self.registers.len() as f64;
        let sum: f64 = self.registers.iter().map(|r| (-f64::from(*r) * LN_2).exp()).sum();
        let raw = 0.7213 / (1.0 + 1.079 / m) * m * m / sum;
        let empty = self.registers.iter().filter(|r| **r == 0).count();
        if raw <= 2.5 * m && empty > 0 { m * (m / empty as f64).ln() } else { raw }
    }

    /// Adds what another one of the same size took.
    pub fn merge(&mut self, other: &HyperLogLog) {
        debug_assert_eq!(self.registers.len(), other.registers.len());
        for (mine, theirs) in self.registers.iter_mut().zip(&other.registers) {
            *mine = (*mine).max(*theirs);
        }
    }
}

/// How many different values there were, up to about a thousand, in 32 bytes: linear counting (Whang and others, 1990).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Bitmap([u64; 4]);

impl Bitmap {
    /// Takes a value, by its [`hash`].
    pub fn insert(&mut self, hash: u64) {
        if let Some(word) = self.0.get_mut((hash >> 6) as usize % 4) {
            *word |= 1 << (hash % 64);
        }
    }

    /// How many different values were taken; about 1,400 where it is full.
    pub fn count(&self) -> f64 {
        let empty: u32 = self.0.iter().map(|word| word.count_zeros()).sum();
        256.0 * (256.0 / f64::from(empty.max(1))).ln()
    }

    /// Adds what another one took.
    pub fn merge(&mut self, other: &Bitmap) {
        self.0.iter_mut().zip(other.0).for_each(|(mine, theirs)| *mine |= theirs);
    }
}

/// Whether a value was there before: a Bloom filter. It forgets nothing, and may take a value for one that it knows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bloom {
    words: Vec<u64>,
    ones: u64,
}

/// 128 KiB: 180,000 values until half the bits are set.
const BLOOM_BITS: u64 = 1 << 20;
/// Bits that a value sets. Four make one new value in 16 look known when half the bits are set.
const BLOOM_HASHES: u64 = 4;

impl Default for Bloom {
    fn default() -> Bloom {
        Bloom { words: vec![0; (BLOOM_BITS / 64) as usize], ones: 0 }
    }
}

impl Bloom {
    /// Takes a value, by its [`hash`].
    pub fn insert(&mut self, hash: u64) {
        for (word, bit) in places(hash) {
            if let Some(word) = self.words.get_mut(word) {
                self.ones += u64::from(*word & bit == 0);
                *word |= bit;
            }
        }
    }

    /// Whether a value was taken, or others together look like it.
    pub fn contains(&self, hash: u64) -> bool {
        places(hash).all(|(word, bit)| self.words.get(word).is_some_and(|w| w & bit != 0))
    }

    /// Adds what another one took.
    pub fn merge(&mut self, other: &Bloom) {
        self.ones = 0;
        for (mine, theirs) in self.words.iter_mut().zip(&other.words) {
            *mine |= theirs;
            self.ones += u64::from(mine.count_ones());
        }
    }

    /// More than half the bits are set: it can't be trusted to say that a value is new.
    pub fn is_full(&self) -> bool {
        self.ones > BLOOM_BITS / 2
    }
}

/// The words and bits of a value (double hashing: Kirsch and Mitzenmacher, 2006).
fn places(hash: u64) -> impl Iterator<Item = (usize, u64)> {
    let step = hash.rotate_left(32) | 1;
    (0..BLOOM_HASHES).map(move |i| {
        let bit = hash.wrapping_add(step.wrapping_mul(i)) % BLOOM_BITS;
        ((bit / 64) as usize, 1 << (bit % 64))
    })
}

/// What a summary keeps beside each name, and adds up.
pub trait Merge {
    /// Adds what another one counted.
    fn merge(&mut self, other: &Self);
}

/// The heaviest names: Space-Saving (Metwally and others, 2005). A name that is not among them replaces the lightest one and
/// starts from its weight, so that each weight is too large by at most `over`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Top<T> {
    most: usize,
    // Apart from the entries, so that a look-up reads few cache lines.
    hashes: Vec<u64>,
    entries: Vec<Entry<T>>,
}

/// One of the heaviest names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry<T> {
    /// The name.
    pub name: Box<str>,
    /// Its weight, and what it took over from names that it replaced.
    pub weight: u64,
    /// At most so much of the weight is of others.
    pub over: u64,
    /// What was counted since it is among the heaviest.
    pub stats: T,
}

impl<T: Default + Merge + Clone> Top<T> {
    /// Keeps `most` names.
    pub fn new(most: usize) -> Top<T> {
        Top { most, hashes: Vec::new(), entries: Vec::new() }
    }

    /// Adds weight to a name and gives what is kept beside it; with no weight, only if it is among the heaviest.
    pub fn add(&mut self, hash: u64, name: &str, weight: u64) -> Option<&mut T> {
        let place = match self.hashes.iter().position(|h| *h == hash) {
            Some(place) => place,
            None if weight == 0 => return None,
            None if self.entries.len() < self.most => {
                self.hashes.push(hash);
                let entry = Entry { name: name.into(), weight: 0, over: 0, stats: T::default() };
                self.entries.push(entry);
                self.entries.len() - 1
            }
            None => {
                let lightest = self.entries.iter().enumerate().min_by_key(|(_, e)| e.weight);
                let (place, over) = lightest.map(|(place, e)| (place, e.weight))?;
                *self.hashes.get_mut(place)? = hash;
                *self.entries.get_mut(place)? =
                    Entry { name: name.into(), weight: over, over, stats: T::default() };
                place
            }
        };
        let entry = self.entries.get_mut(place)?;
        entry.weight += weight;
        Some(&mut entry.stats)
    }

    /// The names and what is kept of them, by their hashes.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &Entry<T>)> {
        self.hashes.iter().copied().zip(&self.entries)
    }
}

impl<T: Default + Merge + Clone> Merge for Top<T> {
    fn merge(&mut self, other: &Top<T>) {
        for (hash, theirs) in other.iter() {
            match self.hashes.iter().position(|h| *h == hash) {
                Some(place) => {
                    if let Some(mine) = self.entries.get_mut(place) {
                        mine.weight += theirs.weight;
                        mine.over += theirs.over;
                        mine.stats.merge(&theirs.stats);
                    }
                }
                None => {
                    self.hashes.push(hash);
                    self.entries.push(theirs.clone());
                }
            }
        }
        if self.entries.len() > self.most {
            let mut all: Vec<_> = self.hashes.drain(..).zip(self.entries.drain(..)).collect();
            // By hash where they weigh the same: the order of merging must not decide.
            all.sort_by_key(|(hash, entry)| (std::cmp::Reverse(entry.weight), *hash));
            all.truncate(self.most);
            (self.hashes, self.entries) = all.into_iter().unzip();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Copy, Debug, Default, PartialEq)]
    struct Count(u64);

    impl Merge for Count {
        fn merge(&mut self, other: &Count) {
            self.0 += other.0;
        }
    }

    fn distinct(values: &[u32]) -> (HyperLogLog, Bitmap, Bloom) {
        let mut all = (HyperLogLog::new(10), Bitmap::default(), Bloom::default());
        for value in values {
            let hash = hash(&value.to_le_bytes());
            all.0.insert(hash);
            all.1.insert(hash);
            all.2.insert(hash);
        }
        all
    }

    fn top(values: &[u32], most: usize) -> Top<Count> {
        let mut top = Top::<Count>::new(most);
        for value in values {
            let name = value.to_string();
            if let Some(count) = top.add(hash(name.as_bytes()), &name, 1) {
                count.0 += 1;
            }
        }
        top
    }

    fn by_name(top: &Top<Count>) -> Vec<(String, u64, u64)> {
        let mut all: Vec<_> =
            top.iter().map(|(_, e)| (e.name.to_string(), e.weight, e.stats.0)).collect();
        all.sort();
        all
    }

    #[test]
    fn different_values_are_counted_within_the_error() {
        for n in [1, 10, 100, 1_000, 10_000, 300_000_u32] {
            let values: Vec<u32> = (0..n).chain(0..n / 2).collect();
            let (registers, bits, _) = distinct(&values);
            let n = f64::from(n);
            assert!((registers.count() / n - 1.0).abs() < 0.1, "{n}: {}", registers.count());
            assert!(n > 300.0 || (bits.count() / n - 1.0).abs() < 0.15, "{n}: {}", bits.count());
        }
    }

    #[test]
    fn a_bloom_filter_knows_all_and_mistakes_few() {
        let values: Vec<u32> = (0..100_000).collect();
        let (_, _, bloom) = distinct(&values);
        let knows = |v: &u32| bloom.contains(hash(&v.to_le_bytes()));
        assert!(values.iter().all(knows) && !bloom.is_full());
        let mistaken = (200_000..300_000).filter(knows).count();
        assert!(mistaken < 3_000, "{mistaken}");
    }

    #[test]
    fn the_heaviest_are_kept_among_many_light_ones() {
        let mut values: Vec<u32> = (0..5_000).collect();
        values.extend((0..1_000).map(|_| 7));
        values.extend(10_000..12_000);
        let top = top(&values, 16);
        let heaviest = top.iter().max_by_key(|(_, e)| e.weight - e.over).unwrap().1;
        assert_eq!(&*heaviest.name, "7");
        assert!(heaviest.stats.0 >= 999 && top.iter().count() == 16);
    }

    proptest! {
        #[test]
        fn merged_is_as_if_one_had_seen_all(
            a in prop::collection::vec(0..500_u32, 0..400),
            b in prop::collection::vec(0..500_u32, 0..400),
        ) {
            let all: Vec<u32> = a.iter().chain(&b).copied().collect();
            let (mut one, mut of_all) = (distinct(&a), distinct(&all));
            let two = distinct(&b);
            one.0.merge(&two.0);
            one.1.merge(&two.1);
            one.2.merge(&two.2);
            prop_assert_eq!(&one, &of_all);
            of_all.0.merge(&two.0);
            prop_assert_eq!(one.0, of_all.0); // twice is once
            let mut tops = top(&a, 500);
            tops.merge(&top(&b, 500));
            prop_assert_eq!(by_name(&tops), by_name(&top(&all, 500)));
        }

        #[test]
        fn what_is_known_of_a_weight_is_a_lower_bound(
            a in prop::collection::vec(0..60_u32, 0..400),
            b in prop::collection::vec(0..60_u32, 0..400),
        ) {
            let mut tops = top(&a, 8);
            tops.merge(&top(&b, 8));
            prop_assert!(tops.iter().count() <= 8);
            for (_, entry) in tops.iter() {
                let value: u32 = entry.name.parse().unwrap();
                let true_weight = a.iter().chain(&b).filter(|v| **v == value).count() as u64;
                prop_assert!(entry.weight - entry.over <= true_weight);
                prop_assert!(entry.stats.0 <= true_weight);
            }
        }
    }
}
