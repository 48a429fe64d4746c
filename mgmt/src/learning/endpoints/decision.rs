//! What a child of a place needs to be taken for a value: the networks say how likely it is one, and the place how likely it has to be.

use std::collections::BTreeSet;

use super::evidence::{Child, Children};
use super::trie::{NodeId, Trie};

/// From this probability on a child is a value. Above one half: a name taken for a value joins what does not belong together.
const VALUE: f32 = 0.65;
/// From this probability on a child is surely a value.
pub(super) const SURE: f32 = 0.95;
/// What is written like a name, by odds of 150 to 1 or more, has to be this likely; in between it rises evenly.
const NAMED: (f32, f32) = (-5.0, SURE);
/// Where fewer than this share of at least so many children are values, each of them has to be this likely: a place either has a
/// parameter, mostly, or it has not. Not so what is written like a value as surely as [`NAMED`] is like a name: where one owner was
/// recorded he stands beside names alone (`/repos/ann.lee`, `/repos/search`).
const FEW: (f32, usize) = (0.35, 5);
const FEW_LIKELY: f32 = 0.99;
/// So has each of fewer children that were called so often on average, none of which is a parameter already: that many calls would have
/// shown more values.
const OFTEN: u64 = 64;
/// So has what is written like a name, was called so often, and is followed by nothing that follows another value of its place: values of
/// one parameter have something in common.
const ALONE: u64 = 8;
/// What has so much after it in common with values (`Child::agrees`) needs to be only this likely.
const AGREES: f32 = 0.4;

/// Beside values that are one parameter already, what was called so many times more rarely than they is one of them, unless it is
/// surely written like a name.
const RARE: (u64, f32) = (64, -6.0);

/// Where so many children are surely values, and this share of all, another child is one by even odds: the place is a parameter whose
/// values may be words. Unsure ones do not count, since names whose siblings are new to the networks are all unsure together.
const WORDS: (usize, f32) = (5, 0.2);
const WORDS_LIKELY: f32 = 0.5;
/// So is it where this share of so many children are values, sure or not, that were called so often on average: among teams called
/// `sales` and `support` most are likely and few are sure. Of what was called once each nobody knows.
const MOSTLY: (f32, usize, u64) = (0.7, 5, 2);

/// What is surely a value elsewhere (the same user, or project) is one beside a sure value, too, unless it is as unlikely as this.
/// Each word that is left as a name is a wrong template for every call below it, and the more words are seen, the more are left.
const KNOWN: f32 = 0.03;

/// Any value; a node that is a parameter has no other name.
const ANY: &str = "";

/// What is needed to be a value at a place.
pub(super) struct Needed<'t> {
    /// Values would be few at this place, or too few for its calls.
    few: bool,
    /// At least one of its children is surely a value.
    sure: bool,
    /// Its values are words ([`WORDS`], [`MOSTLY`]).
    words: bool,
    /// What follows two or more of the values.
    common: BTreeSet<&'t str>,
    /// Calls of what is a parameter already.
    merged: u64,
}

/// The names after nodes; what looks like a value is [`ANY`].
fn followers<'t>(trie: &'t Trie, ids: &[NodeId]) -> impl Iterator<Item = &'t str> {
    let nodes = ids.iter().filter_map(|id| trie.node(*id));
    let after = nodes.flat_map(|node| node.children.values().chain(&node.parameter));
    after.filter_map(|id| trie.node(*id)).map(|node| match node.logit > 0.0 && !node.literal {
        true => ANY,
        false => &*node.name,
    })
}

impl<'t> Needed<'t> {
    /// What the children of a place need, of which it is known how likely each is a value.
    pub(super) fn at(trie: &'t Trie, children: &Children<'_>, likely: &[f32]) -> Needed<'t> {
        let all = children.list.len();
        let values = likely.iter().filter(|l| **l > VALUE).count() + children.parameters.len();
        let merged = trie.calls_through(&children.parameters);
        let calls: u64 = children.list.iter().map(|child| trie.calls_through(&child.ids)).sum();
        let few = match all >= FEW.1 {
            true => (values as f32) < all as f32 * FEW.0,
            false => children.parameters.is_empty() && calls >= all as u64 * OFTEN,
        };
        let from = |least| children.list.iter().zip(likely).filter(move |(_, l)| **l > least);
        let share = |count: usize| count as f32 / all.max(1) as f32;
        let sure = from(SURE).count();
        let surely_words = sure >= WORDS.0 && share(sure) >= WORDS.1;
        let mostly = all >= MOSTLY.1 && share(from(VALUE).count()) >= MOSTLY.0;
        let words = surely_words || mostly && calls >= all as u64 * MOSTLY.2;
        let (mut once, mut common) = (BTreeSet::new(), BTreeSet::new());
        let merged_too = children.parameters.iter().map(std::slice::from_ref);
        for ids in from(VALUE).map(|(child, _)| &*child.ids).chain(merged_too) {
            let after: BTreeSet<&str> = followers(trie, ids).collect();
            common.extend(after.iter().filter(|name| once.contains(*name)));
            once.extend(after);
        }
        Needed { few, sure: sure > 0, words, common, merged }
    }

    fn is_alone(&self, trie: &Trie, child: &Child<'_>) -> bool {
        let mut after = followers(trie, &child.ids).peekable();
        child.logit < 0.0
            && after.peek().is_some()
            && trie.calls_through(&child.ids) >= ALONE
            && !after.any(|name| self.common.contains(name))
    }

    /// Whether a child is a value. `known`: it is surely one elsewhere.
    pub(super) fn is_value(
        &self,
        trie: &Trie,
        child: &Child<'_>,
        likely: f32,
        known: bool,
    ) -> bool {
        let rare = || trie.calls_through(&child.ids).saturating_mul(RARE.0) < self.merged;
        if !child.literal && child.logit > RARE.1 && rare() {
            return true;
        }
        let share = (child.logit / NAMED.0).clamp(0.0, 1.0);
        let few = self.few && child.logit < -NAMED.0;
        let odd = few || self.is_alone(trie, child);
        let needed = match () {
            () if known && self.sure && !odd => KNOWN,
            () if child.agrees => AGREES,
            () if odd => FEW_LIKELY,
            () if self.words => WORDS_LIKELY,
            () => VALUE + (NAMED.1 - VALUE) * share,
        };
        likely > needed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learning::endpoints::evidence::Place;
    use crate::learning::endpoints::templates::Networks;
    use crate::learning::endpoints::trie::Limits;

    #[test]
    fn values_of_one_parameter_have_something_in_common() {
        let networks = Networks::built_in().unwrap();
        let mut trie = Trie::new(Limits::default());
        let mut path = Vec::new();
        let names = ["automation/rules/7", "alice/cart", "bob/cart", "search", "export/all"];
        for name in names.iter().flat_map(|name| std::iter::repeat_n(name, ALONE as usize)) {
            let components: Vec<&str> = name.split('/').collect();
            let mut none = |_: &Trie, _: &[NodeId]| Vec::new();
            trie.enter(&components, false, &networks.characters, &mut none, &mut path);
        }
        trie.enter(&["seldom", "seen"], false, &networks.characters, &mut |_, _| vec![], &mut path);
        let children = Children::new(&trie, &[Trie::ROOT], &Place::default(), None);
        // `export` is no value, so `all` is nothing that values have in common.
        let likely = |child: &Child<'_>| if child.name == "export" { 0.1 } else { 0.9 };
        let likely: Vec<f32> = children.list.iter().map(likely).collect();
        let needed = Needed::at(&trie, &children, &likely);
        let alone: Vec<&str> = children
            .list
            .iter()
            .filter(|child| child.logit < 0.0 && needed.is_alone(&trie, child))
            .map(|child| child.name)
            .collect();
        assert!(alone.contains(&"automation"), "{alone:?}");
        for other in ["alice", "bob", "search", "seldom"] {
            assert!(!alone.contains(&other), "{alone:?}");
        }
    }

    #[test]
    fn a_single_owner_beside_names_is_a_value() {
        const OWNER: &str = "ann.lee-x81q7";
        let networks = Networks::built_in().unwrap();
        let mut trie = Trie::new(Limits::default());
        for name in [OWNER, "search", "migrate", "issues", "topics"] {
            let mut none = |_: &Trie, _: &[NodeId]| Vec::new();
            trie.enter(&[name], false, &networks.characters, &mut none, &mut Vec::new());
        }
        let children = Children::new(&trie, &[Trie::ROOT], &Place::default(), None);
        let likely: Vec<f32> =
            children.list.iter().map(|child| if child.name == OWNER { 0.9 } else { 0.1 }).collect();
        let needed = Needed::at(&trie, &children, &likely);
        let values: Vec<&str> = children
            .list
            .iter()
            .filter(|child| needed.is_value(&trie, child, 0.9, false))
            .map(|child| child.name)
            .collect();
        assert_eq!(values, [OWNER], "the others are written like names");
    }

    #[test]
    fn what_was_called_often_and_is_always_the_same_is_a_name() {
        let networks = Networks::built_in().unwrap();
        let is_value = |calls: u64, likely: f32| {
            let mut trie = Trie::new(Limits::default());
            for _ in 0..calls {
                let mut none = |_: &Trie, _: &[NodeId]| Vec::new();
                trie.enter(&["pvt"], false, &networks.characters, &mut none, &mut Vec::new());
            }
            let children = Children::new(&trie, &[Trie::ROOT], &Place::default(), None);
            let needed = Needed::at(&trie, &children, &[likely]);
            let child = children.list.first().unwrap();
            needed.is_value(&trie, child, likely, false)
        };
        assert!(is_value(OFTEN - 1, 0.98), "nobody asked for another one yet");
        assert!(!is_value(OFTEN, 0.98) && is_value(OFTEN, 0.995));
    }

    #[test]
    fn among_words_that_are_values_even_odds_are_enough() {
        let networks = Networks::built_in().unwrap();
        let enough = |values: &[&str], names: usize| {
            let mut trie = Trie::new(Limits { children: 100, ..Limits::default() });
            let names: Vec<String> = (0..names).map(|n| format!("name-{n}")).collect();
            for name in values.iter().copied().chain(names.iter().map(String::as_str)) {
                let mut none = |_: &Trie, _: &[NodeId]| Vec::new();
                let path = &mut Vec::new();
                trie.enter(&[name], false, &networks.characters, &mut none, path);
            }
            let children = Children::new(&trie, &[Trie::ROOT], &Place::default(), None);
            let likely = |child: &Child<'_>| match child.name {
                "name-0" => 0.55,
                name => f32::from(u8::from(values.contains(&name))),
            };
            let likely: Vec<f32> = children.list.iter().map(likely).collect();
            let needed = Needed::at(&trie, &children, &likely);
            let even = children.list.iter().find(|child| child.name == "name-0").unwrap();
            needed.is_value(&trie, even, 0.55, false)
        };
        let words = ["alice", "bob", "carol", "dave", "erin"];
        assert!(enough(&words, 1));
        assert!(!enough(&words[1..], 1), "four are few");
        assert!(!enough(&words, 21), "five of 26");
    }

    #[test]
    fn among_what_is_mostly_likely_a_value_even_odds_are_enough() {
        let networks = Networks::built_in().unwrap();
        let is_value = |calls: u64, likely: [f32; 5]| {
            let mut trie = Trie::new(Limits::default());
            let teams = ["sales", "support", "finance", "design", "payroll"];
            for name in std::iter::repeat_n(teams, calls as usize).flatten() {
                let mut none = |_: &Trie, _: &[NodeId]| Vec::new();
                trie.enter(&[name], false, &networks.characters, &mut none, &mut Vec::new());
            }
            let children = Children::new(&trie, &[Trie::ROOT], &Place::default(), None);
            let needed = Needed::at(&trie, &children, &likely);
            let values = children.list.iter().zip(likely);
            values.filter(|(child, likely)| needed.is_value(&trie, child, *likely, false)).count()
        };
        assert_eq!(is_value(2, [0.8, 0.7, 0.9, 0.7, 0.55]), 5);
        assert_eq!(is_value(2, [0.8, 0.7, 0.9, 0.7, 0.2]), 4, "`search` beside them is a name");
        assert_eq!(is_value(1, [0.8, 0.7, 0.9, 0.7, 0.55]), 0, "called once each");
        assert_eq!(is_value(2, [0.8, 0.7, 0.9, 0.55, 0.55]), 0, "three of five");
    }
}
