//! What values a parameter has: their types, how many different ones, and a few of them.

use serde::{Deserialize, Serialize};
use weir_inspect::linear_counting;
pub use weir_inspect::shape::{KINDS, Kind};

use super::characters;

/// Values that are kept as examples; later ones are only counted.
const SAMPLES: usize = 8;
/// Longest value that is kept as an example, in bytes.
const LONGEST: usize = 64;

/// A sketch of values.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Values {
    count: u64,
    kind: Option<Kind>,
    samples: Vec<Box<str>>,
    /// A bit for each value's hash (linear counting).
    distinct: [u64; 8],
}

impl Values {
    /// Another value.
    pub fn add(&mut self, value: &str) {
        self.count += 1;
        let kind = Kind::of(value);
        self.kind = Some(self.kind.map_or(kind, |known| known.join(kind)));
        let bit = characters::hash(1, value.as_bytes());
        if let Some(word) = self.distinct.get_mut(bit as usize / 64 % 8) {
            *word |= 1 << (bit % 64);
        }
        if self.samples.len() < SAMPLES
            && value.len() <= LONGEST
            && !self.samples.iter().any(|s| **s == *value)
        {
            self.samples.push(value.into());
        }
    }

    /// What another sketch has seen.
    pub fn merge(&mut self, other: &Values) {
        self.count += other.count;
        self.kind = match (self.kind, other.kind) {
            (Some(a), Some(b)) => Some(a.join(b)),
            (a, b) => a.or(b),
        };
        self.distinct.iter_mut().zip(other.distinct).for_each(|(a, b)| *a |= b);
        for sample in &other.samples {
            if self.samples.len() < SAMPLES && !self.samples.contains(sample) {
                self.samples.push(sample.clone());
            }
        }
    }

    /// Values seen.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The form that all of them have.
    pub fn kind(&self) -> Kind {
        self.kind.unwrap_or(Kind::String)
    }

    /// About how many different ones, up to some thousands.
    pub fn distinct(&self) -> u32 {
        linear_counting::distinct(&self.distinct)
    }

    /// Some of them.
    pub fn samples(&self) -> &[Box<str>] {
        &self.samples
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_told_apart() {
        for (text, kind) in [
            ("true", Kind::Boolean),
            ("-17", Kind::Integer),
            ("1.5", Kind::Number),
            ("123e4567-e89b-12d3-a456-426614174000", Kind::Uuid),
            ("2024-02-29", Kind::Date),
            ("2024-02-29T01:02:03Z", Kind::DateTime),
            ("9f86d081884c7d65", Kind::Hex),
            ("a.b@example.org", Kind::Email),
            ("octocat", Kind::Word),
            ("my-repo_2", Kind::Slug),
            ("IbsDnxY0SC-Wuz4g82UZ2w", Kind::Base64),
            ("v1.0 (x)", Kind::String),
            ("", Kind::String),
        ] {
            assert_eq!(Kind::of(text), kind, "{text}");
        }
    }

    #[test]
    fn a_sketch_stays_small_and_merges() {
        let mut one = Values::default();
        (0..1000).for_each(|n| one.add(&n.to_string()));
        assert_eq!((one.count(), one.kind(), one.samples().len()), (1000, Kind::Integer, SAMPLES));
        let mut two = Values::default();
        two.add("main");
        two.merge(&one);
        assert_eq!((two.count(), two.kind()), (1001, Kind::Slug));
        assert!(two.distinct() > 500);
    }

    #[test]
    fn joining_does_not_depend_on_the_order() {
        for a in KINDS {
            for b in KINDS {
                assert_eq!(a.join(b), b.join(a));
                for c in KINDS {
                    let sides = (a.join(b).join(c), a.join(b.join(c)));
                    assert_eq!(sides.0, sides.1, "{a:?} {b:?} {c:?}");
                }
            }
        }
    }
}
