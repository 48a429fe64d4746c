//! A component as it is before it is compared with its siblings.

use std::collections::{BTreeMap, HashMap};

use super::super::everywhere::{likeness, name_hash};
use super::super::trie::{Node, NodeId, Trie};
use super::flag;

/// How many components after a child are compared with what follows its siblings.
const AHEAD: u32 = 3;
/// Elements of what follows a child that are compared.
const ELEMENTS: usize = 256;
/// Methods that are told apart.
pub(super) const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

/// A child before it is compared with its siblings.
#[derive(Debug)]
pub(super) struct Group<'t> {
    pub(super) name: &'t str,
    pub(super) ids: Vec<NodeId>,
    pub(super) literal: bool,
    pub(super) logit: f32,
    pub(super) likeness: f32,
    pub(super) count: f32,
    pub(super) methods: u32,
    pub(super) follow: BTreeMap<u64, f32>,
}

/// Of what follows a child: how much and which share follows a sibling too, and on average how many of them.
pub(super) struct Shares {
    pub(super) amount: f32,
    pub(super) any: f32,
    pub(super) mean: f32,
}

impl<'t> Group<'t> {
    pub(super) fn new(trie: &'t Trie, name: &'t str, ids: Vec<NodeId>) -> Group<'t> {
        let nodes = || ids.iter().filter_map(|id| trie.node(*id));
        let logit = nodes().map(|n| n.logit).next().unwrap_or(0.0);
        let mut follow = BTreeMap::new();
        ids.iter().for_each(|id| follows(trie, *id, 1, &mut follow));
        let methods = methods(trie, nodes());
        for bit in 0..=METHODS.len() as u64 {
            if methods & (1 << bit) != 0 {
                follow.insert(bit, 0.5);
            }
        }
        Group {
            name,
            literal: nodes().any(|n| n.literal),
            logit,
            likeness: nodes().map(likeness).next().unwrap_or(0.0),
            count: nodes().map(|n| n.count as f32).sum(),
            methods,
            follow,
            ids,
        }
    }

    /// How much of what follows the child follows siblings, too: in so many of which, `own` of them the child itself, each element is.
    pub(super) fn shares(&self, shared: &HashMap<u64, f32>, own: f32, siblings: f32) -> Shares {
        let (mut all, mut amount, mut mean) = (0.0, 0.0, 0.0);
        for (element, weight) in &self.follow {
            let others = shared.get(element).copied().unwrap_or(0.0) - own;
            all += weight;
            amount += weight * flag(others > 0.0);
            mean += weight * others.max(0.0) / siblings;
        }
        let all = if all > 0.0 { all } else { 1.0 };
        Shares { amount, any: amount / all, mean: mean / all }
    }
}

/// The names after a node, by their distance, weighted by how much they look like names of the API.
fn follows(trie: &Trie, id: NodeId, ahead: u32, into: &mut BTreeMap<u64, f32>) {
    let Some(node) = trie.node(id) else { return };
    let parameter = node.parameter.iter().map(|id| (*id, 0.3, u64::from(u32::MAX)));
    let named = node.children.values().filter_map(|id| {
        let child = trie.node(*id)?;
        Some((*id, 1.0 - likeness(child), u64::from(name_hash(&child.name))))
    });
    for (child, weight, name) in named.chain(parameter) {
        if into.len() >= ELEMENTS {
            return;
        }
        if weight > 0.05 {
            into.insert(u64::from(ahead) << 32 | name, weight);
        }
        if ahead < AHEAD {
            follows(trie, child, ahead + 1, into);
        }
    }
}

/// A bit for each method that ends at one of the nodes, in whichever format.
pub(super) fn methods<'t>(trie: &'t Trie, nodes: impl Iterator<Item = &'t Node>) -> u32 {
    let bit = |name: &str| METHODS.iter().position(|m| *m == name).unwrap_or(METHODS.len());
    let ended = |node: &'t Node| node.endings.values().filter_map(|id| trie.node(*id));
    let calls = nodes.flat_map(|node| ended(node).chain([node])).flat_map(|node| &node.calls);
    calls.fold(0, |all, (method, _)| all | 1 << bit(&method.name))
}
