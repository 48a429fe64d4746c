//! Where components occur in all that is known, and of which words the names of the APIs are made: what a component is elsewhere tells
//! what it is here.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::characters::hash;
use super::evidence::Place;
use super::network::probability;
use super::trie::{Node, Trie};

/// In which contexts components occur in all of the tree. A context is the component before, or that it is a value.
#[derive(Debug, Default)]
pub struct Everywhere {
    /// Ordered, or the sums of what is looked up would differ from run to run by their rounding.
    contexts: HashMap<u32, BTreeSet<u32>>,
    /// How much the components in a context look like values: sum and count.
    looks: HashMap<u32, (f32, f32)>,
    /// The API's own words: in how many different names each occurs, and those names.
    words: HashMap<u32, u32>,
    names: HashSet<u32>,
}

/// The context of what looks like a value.
const VALUE: u32 = 0;

impl Everywhere {
    /// Adds the components of a tree.
    pub fn add(&mut self, trie: &Trie) {
        for node in trie.nodes() {
            if likeness(node) < 0.5 {
                self.add_words(&node.name);
            }
            node.calls.iter().flat_map(|(_, c)| c.query.keys()).for_each(|q| self.add_words(q));
            let value = node.name.is_empty() || node.logit > 0.0 && !node.literal;
            let context = if value { VALUE } else { name_hash(&node.name) };
            for child in node.children.values().filter_map(|id| trie.node(*id)) {
                if self.contexts.entry(name_hash(&child.name)).or_default().insert(context) {
                    let (sum, count) = self.looks.entry(context).or_default();
                    *sum += likeness(child);
                    *count += 1.0;
                }
            }
        }
    }

    fn add_words(&mut self, name: &str) {
        if self.names.insert(name_hash(name)) {
            words(name, &mut |word| *self.words.entry(word).or_default() += 1);
        }
    }

    /// How many words a name has, and the share of them that other names have, too.
    pub(super) fn known_words(&self, name: &str) -> (f32, f32) {
        let own = u32::from(self.names.contains(&name_hash(name)));
        let (mut all, mut known) = (0.0, 0.0);
        words(name, &mut |word| {
            all += 1.0;
            known += f32::from(u8::from(self.words.get(&word).is_some_and(|n| *n > own)));
        });
        (all, if all > 0.0 { known / all } else { 0.0 })
    }

    /// Contexts of a component other than this one: how many, and how much their components look like values.
    pub(super) fn others(&self, name: &str, place: &Place<'_>) -> (usize, f32) {
        let here = if place.since > 0 { VALUE } else { name_hash(place.last) };
        let contexts = self.contexts.get(&name_hash(name)).into_iter().flatten();
        let others = contexts.filter(|context| **context != here);
        let looks = others.filter_map(|context| self.looks.get(context)).map(|(s, n)| s / n);
        let (count, sum) = looks.fold((0, 0.0), |(n, sum), mean| (n + 1, sum + mean));
        (count, if count > 0 { sum / count as f32 } else { 0.0 })
    }
}

/// The words of a name, hashed: `due_date_rules`, `dueDateRules` and `due-date-rule` have the same.
fn words(name: &str, each: &mut dyn FnMut(u32)) {
    let mut word = Vec::new();
    let mut end = |word: &mut Vec<u8>| {
        if word.len() > 3 && word.ends_with(b"s") {
            word.pop();
        }
        if word.len() >= 3 {
            each(hash(4, word));
        }
        word.clear();
    };
    let mut before = b'A';
    for b in name.bytes() {
        if !b.is_ascii_alphabetic() || b.is_ascii_uppercase() && before.is_ascii_lowercase() {
            end(&mut word);
        }
        if b.is_ascii_alphabetic() {
            word.push(b.to_ascii_lowercase());
        }
        before = b;
    }
    end(&mut word);
}

pub(super) fn name_hash(name: &str) -> u32 {
    hash(3, name.as_bytes()).max(1)
}

/// How much the characters of a node look like a value: 0 to 1.
pub(super) fn likeness(node: &Node) -> f32 {
    if node.literal { 0.0 } else { probability(node.logit) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_do_not_depend_on_how_they_are_joined() {
        let of = |name: &str| {
            let mut found = Vec::new();
            words(name, &mut |word| found.push(word));
            found
        };
        assert_eq!(of("due_date_rules").len(), 3);
        assert_eq!(of("due_date_rules"), of("dueDateRules"));
        assert_eq!(of("due_date_rules"), of("due-date-rule"));
        assert!(of("a1-42").is_empty());
    }
}
