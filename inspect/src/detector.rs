//! What a detector is, and sets of them. The scanner and the policy share these names and nothing else.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Most detectors of a catalogue, built-in and custom together; more is a policy error. Each token of each provider is
/// a detector of its own, so that a policy and an event can name it; a set of them is two cache lines.
pub const MAX_DETECTORS: usize = 1024;

/// A detector's index in its [`Catalog`](crate::scan::Catalog).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DetectorId(pub u16);

/// What a detector looks for, the unit in which policies usually speak.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Category {
    /// Payment card data.
    Pci,
    /// Personal data: national ids, bank accounts, addresses, phones.
    Pii,
    /// Numbers and codes of patients and diagnoses.
    Health,
    /// Keys and tokens that their own form tells.
    Secrets,
    /// Keys, tokens and passwords that only their names tell: beside the name of a service, or under `password`. To look for
    /// them costs more than all other leaks together.
    SecretsNamed,
    /// Addresses of machines. Ordinary traffic is full of them, so no other category holds them.
    Network,
    /// What a server tells of itself by mistake: stack traces, errors of databases, directory listings, source code,
    /// metadata of clouds, output of a shell, password hashes.
    Leakage,
    /// Talk with language models: prompts and completions, and attempts to talk a model out of its instructions.
    Llm,
    /// Lines of postal addresses: shops and directories are full of them.
    Postal,
    /// Attempts against a service: injection, traversal, …
    Attacks,
    /// Detectors written in a policy that name no other category.
    Custom,
}

impl Category {
    /// Each of them.
    pub const ALL: [Category; 11] = {
        use Category::*;
        [Pci, Pii, Health, Secrets, SecretsNamed, Network, Leakage, Llm, Postal, Attacks, Custom]
    };

    /// Its name in policies and events.
    pub fn name(self) -> &'static str {
        match self {
            Category::Pci => "pci",
            Category::Pii => "pii",
            Category::Health => "health",
            Category::Secrets => "secrets",
            Category::SecretsNamed => "secrets-named",
            Category::Network => "network",
            Category::Leakage => "leakage",
            Category::Llm => "llm",
            Category::Postal => "postal",
            Category::Attacks => "attacks",
            Category::Custom => "custom",
        }
    }

    /// Whether its detectors are only looked for where a policy names them: ordinary traffic is full of what they find, or
    /// of what has to be looked at for them.
    pub fn is_named_only(self) -> bool {
        use Category::{Leakage, Llm, Network, Postal};
        matches!(self, Network | Leakage | Llm | Postal)
    }
}

/// A fixed-size set of detectors, one bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DetectorSet([u64; MAX_DETECTORS / 64]);

impl DetectorSet {
    /// The set with nothing in it.
    pub const EMPTY: DetectorSet = DetectorSet([0; MAX_DETECTORS / 64]);

    /// Adds one detector.
    pub fn insert(&mut self, id: DetectorId) {
        if let Some(word) = self.0.get_mut(usize::from(id.0) / 64) {
            *word |= 1 << (id.0 % 64);
        }
    }

    /// Takes one detector out.
    pub fn remove(&mut self, id: DetectorId) {
        if let Some(word) = self.0.get_mut(usize::from(id.0) / 64) {
            *word &= !(1 << (id.0 % 64));
        }
    }

    /// Whether the detector is in the set.
    pub fn contains(&self, id: DetectorId) -> bool {
        self.0.get(usize::from(id.0) / 64).is_some_and(|w| w >> (id.0 % 64) & 1 == 1)
    }

    /// A number that tells sets apart; no proof against forgery.
    pub fn digest(&self) -> u64 {
        // An odd number with its bits mixed: 2^64 over the golden ratio.
        let mix =
            |sum: u64, word: &u64| (sum.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0.iter().fold(0, mix)
    }

    /// Every detector in either set.
    pub fn union(&self, other: &DetectorSet) -> DetectorSet {
        let mut out = *self;
        for (a, b) in out.0.iter_mut().zip(other.0) {
            *a |= b;
        }
        out
    }

    /// Every detector in both sets.
    pub fn intersection(&self, other: &DetectorSet) -> DetectorSet {
        let mut out = *self;
        for (a, b) in out.0.iter_mut().zip(other.0) {
            *a &= b;
        }
        out
    }

    /// Every detector that is not in the other set.
    pub fn without(&self, other: &DetectorSet) -> DetectorSet {
        let mut out = *self;
        for (a, b) in out.0.iter_mut().zip(other.0) {
            *a &= !b;
        }
        out
    }

    /// Whether the two sets share a detector.
    pub fn intersects(&self, other: &DetectorSet) -> bool {
        self.0.iter().zip(other.0).any(|(a, b)| a & b != 0)
    }

    /// Whether nothing is in the set.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|w| *w == 0)
    }

    /// The detectors in the set, in order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = DetectorId> + '_ {
        (0..MAX_DETECTORS as u16).map(DetectorId).filter(|id| self.contains(*id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_categories_have_the_name_that_policies_give_them() {
        for (place, category) in Category::ALL.into_iter().enumerate() {
            assert_eq!(place, category as usize);
            assert_eq!(serde_json::to_value(category).unwrap(), category.name());
        }
        assert_eq!(Category::ALL.last(), Some(&Category::Custom), "the last of the enum");
    }
}
