//! What all children of a place have together, and what the network is told of each beside them.

use std::collections::HashMap;

use super::super::characters::grams;
use super::super::everywhere::{Everywhere, likeness};
use super::super::network::Input;
use super::super::trie::{Node, NodeId, Trie};
use super::group::{Group, METHODS, Shares, methods};
use super::{NUMBERS, Place, flag};

/// Names after a child whose n-grams are looked at.
const FOLLOWERS: usize = 8;

/// What all children of a place have together.
pub(super) struct Siblings {
    groups: f32,
    count: f32,
    own_methods: u32,
    likeness: f32,
    alike: f32,
    entropy: f32,
    extremes: Vec<f32>,
    /// How many children each element follows.
    shared: HashMap<u64, f32>,
    same_methods: HashMap<u32, f32>,
}

impl Siblings {
    pub(super) fn new(trie: &Trie, nodes: &[NodeId], groups: &[Group<'_>]) -> Siblings {
        let mut shared = HashMap::new();
        let mut same_methods = HashMap::new();
        for group in groups {
            group.follow.keys().for_each(|e| *shared.entry(*e).or_default() += 1.0);
            *same_methods.entry(group.methods).or_default() += 1.0;
        }
        let own = nodes.iter().filter_map(|id| trie.node(*id));
        let count = groups.iter().map(|g| g.count).sum::<f32>();
        let entropy =
            groups.iter().map(|g| g.count / count.max(1.0)).map(|p| -p * p.max(1e-9).ln());
        let mut extremes: Vec<f32> = groups.iter().map(|g| g.likeness).collect();
        extremes.sort_by(f32::total_cmp);
        Siblings {
            groups: groups.len() as f32,
            count,
            own_methods: methods(trie, own),
            likeness: groups.iter().map(|g| g.likeness).sum(),
            alike: groups.iter().filter(|g| g.likeness > 0.5).count() as f32,
            entropy: entropy.sum::<f32>() / (groups.len() as f32).max(2.0).ln(),
            extremes,
            shared,
            same_methods,
        }
    }

    /// What the network is told of a child.
    pub(super) fn input(
        &self,
        trie: &Trie,
        group: &Group<'_>,
        place: &Place<'_>,
        everywhere: Option<&Everywhere>,
    ) -> Input {
        let followers: Vec<&Node> = group
            .ids
            .iter()
            .filter_map(|id| trie.node(*id))
            .flat_map(|node| node.children.values())
            .filter_map(|id| trie.node(*id))
            .collect();
        let numbers = self.numbers(group, place, &followers, everywhere);
        Input { bags: bags(place, followers), numbers }
    }

    fn numbers(
        &self,
        group: &Group<'_>,
        place: &Place<'_>,
        followers: &[&Node],
        everywhere: Option<&Everywhere>,
    ) -> Vec<f32> {
        let others = (self.groups - 1.0).max(1.0);
        let alone = self.groups < 2.0;
        let without = |sum: f32, own: f32| if alone { 0.0 } else { (sum - own) / others };
        let (most, least) = self.most_and_least(group.likeness);
        let Shares { any, mean, .. } = group.shares(&self.shared, 1.0, others);
        let ahead =
            followers.iter().map(|f| likeness(f)).sum::<f32>() / (followers.len().max(1)) as f32;
        let (contexts, looks) = everywhere.map_or((0, 0.0), |e| e.others(group.name, place));
        let (words, known) = everywhere.map_or((0.0, 0.0), |e| e.known_words(group.name));
        let same = self.same_methods.get(&group.methods).copied().unwrap_or(1.0);
        let mut numbers = vec![
            (group.logit / 3.0).clamp(-3.0, 3.0),
            self.groups.ln(),
            (1.0 + self.count).ln() / 2.0,
            group.count / self.count.max(1.0),
            self.groups / self.count.max(1.0),
            without(self.likeness, group.likeness),
            flag(alone),
            most,
            least,
            any,
            mean,
            flag(followers.is_empty()),
            (1.0 + followers.len() as f32).ln(),
            ahead,
            flag(place.since == 0),
            flag(place.since == 1),
            flag(place.since > 1),
            place.depth as f32 / 4.0,
            flag(place.depth == 0),
            (1.0 + contexts as f32).ln(),
            looks,
            flag(contexts > 0),
            flag(place.last.ends_with('s')),
            flag(group.name.ends_with('s')),
            self.entropy,
            without(self.alike, flag(group.likeness > 0.5)),
            without(same, 1.0),
            (1.0 + group.count).ln() / 2.0,
            flag(group.name.len() <= 2),
            flag(group.methods == 0),
            (1.0 + group.follow.len() as f32).ln() / 2.0,
            words / 2.0,
            known,
            flag(known > 0.0),
        ];
        for bit in 0..=METHODS.len() {
            numbers.push(flag(group.methods & (1 << bit) != 0));
            numbers.push(flag(self.own_methods & (1 << bit) != 0));
        }
        numbers.resize(NUMBERS, 0.0);
        numbers
    }

    /// The most and the least that a sibling looks like a value, without the child itself.
    fn most_and_least(&self, own: f32) -> (f32, f32) {
        let end = |first: Option<&f32>, second: Option<&f32>| match first {
            Some(value) if *value == own => second.copied().unwrap_or(0.0),
            value => value.copied().unwrap_or(0.0),
        };
        let (mut least, mut most) = (self.extremes.iter(), self.extremes.iter().rev());
        (end(most.next(), most.next()), end(least.next(), least.next()))
    }
}

/// N-grams of the name before a child, and of those after it.
fn bags(place: &Place<'_>, mut followers: Vec<&Node>) -> Vec<Vec<u32>> {
    let (mut before, mut after) = (Vec::new(), Vec::new());
    grams(place.last, &mut before);
    followers.sort_by(|a, b| a.logit.total_cmp(&b.logit).then_with(|| a.name.cmp(&b.name)));
    followers.dedup_by(|a, b| a.name == b.name);
    followers.iter().take(FOLLOWERS).for_each(|node| grams(&node.name, &mut after));
    vec![before, after]
}
