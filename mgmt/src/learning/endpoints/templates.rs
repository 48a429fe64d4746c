//! From the tree of paths to templates: from the root down, the children of a place that are values of a parameter become one,
//! and what follows them is looked at together.

use super::characters;
use super::evidence::{Child, Children, Everywhere, Place};
use super::network::{Network, probability};
use super::trie::{NodeId, Trie};
use super::values::Values;

/// A component of a template.
#[derive(Clone, Debug)]
pub enum Part {
    /// A name of the API.
    Name(Box<str>),
    /// Anything; what was seen.
    Parameter(Values),
}

/// A path at which calls end, with the nodes that it stands for.
#[derive(Clone, Debug)]
pub struct Template {
    /// From the root on.
    pub parts: Vec<Part>,
    /// Where their calls are.
    pub nodes: Vec<NodeId>,
    /// How sure the least sure of the decisions is that made it, 0.5 to 1.
    pub certainty: f32,
}

/// The two networks: of characters, and of all evidence.
#[derive(Clone, Debug)]
pub struct Networks {
    /// Whether a component looks like a value.
    pub characters: Network,
    /// Whether a child of a place is a value.
    pub evidence: Network,
}

impl Networks {
    /// Those that Weir was built with (`mgmt/models/endpoints.md`). None if the file is damaged, which a test rules out.
    pub fn built_in() -> Option<Networks> {
        Networks::read(include_bytes!("../../../models/endpoints.bin"))
    }

    /// Reads both.
    pub fn read(mut file: &[u8]) -> Option<Networks> {
        let characters = Network::read(&mut file)?;
        let evidence = Network::read(&mut file)?;
        Some(Networks { characters, evidence })
    }

    /// How likely each child of a place is a value.
    pub fn judge(&self, children: &mut Children<'_>) -> Vec<f32> {
        let first = self.look(children);
        children.refine(&first);
        self.look(children)
    }

    fn look(&self, children: &Children<'_>) -> Vec<f32> {
        let one = |child: &Child<'_>| match child.literal || characters::is_version(child.name) {
            true => 0.0,
            false => probability(self.evidence.logit(&child.input)),
        };
        children.list.iter().map(one).collect()
    }
}

/// Says how likely each child is a value.
pub type Judge<'j> = &'j mut dyn FnMut(&mut Children<'_>) -> Vec<f32>;

/// All templates of a tree.
pub fn all(trie: &Trie, everywhere: &Everywhere, judge: Judge<'_>) -> Vec<Template> {
    let mut found = Vec::new();
    let start = Template { parts: Vec::new(), nodes: vec![Trie::ROOT], certainty: 1.0 };
    descend(trie, everywhere, judge, start, Place::default(), &mut found);
    found
}

/// As deep as the tree is, at most.
fn descend(
    trie: &Trie,
    everywhere: &Everywhere,
    judge: Judge<'_>,
    at: Template,
    place: Place<'_>,
    found: &mut Vec<Template>,
) {
    let mut children = Children::new(trie, &at.nodes, &place, Some(everywhere));
    let likely = judge(&mut children);
    let mut values = Values::default();
    let mut nodes = Vec::new();
    let mut certainty = at.certainty;
    for node in children.parameters.iter().filter_map(|id| trie.node(*id)) {
        values.merge(&node.values);
    }
    nodes.extend(children.parameters);
    for (child, likely) in children.list.into_iter().zip(likely) {
        if likely > 0.5 {
            values.add(child.name);
            nodes.extend(child.ids);
            certainty = certainty.min(likely);
            continue;
        }
        let mut parts = at.parts.clone();
        parts.push(Part::Name(child.name.into()));
        let certainty = at.certainty.min(1.0 - likely);
        let next = Template { parts, nodes: child.ids, certainty };
        let place = Place { last: child.name, since: 0, depth: place.depth + 1 };
        descend(trie, everywhere, judge, next, place, found);
    }
    if !nodes.is_empty() {
        let mut parts = at.parts.clone();
        parts.push(Part::Parameter(values));
        let place = Place { since: place.since + 1, depth: place.depth + 1, ..place };
        descend(trie, everywhere, judge, Template { parts, nodes, certainty }, place, found);
    }
    let calls = |id: &NodeId| trie.node(*id).is_some_and(|node| !node.calls.is_empty());
    if at.nodes.iter().any(calls) {
        found.push(at);
    }
}

/// The children of a full node that are values.
pub fn values_at(trie: &Trie, path: &[NodeId], networks: &Networks) -> Vec<NodeId> {
    let mut place = Place { depth: path.len(), ..Place::default() };
    for node in path.iter().filter_map(|id| trie.node(*id)) {
        let value = node.name.is_empty() || node.logit > 0.0 && !node.literal;
        match value {
            true => place.since += 1,
            false => (place.last, place.since) = (&node.name, 0),
        }
    }
    let at = path.last().copied().unwrap_or(Trie::ROOT);
    let mut children = Children::new(trie, &[at], &place, None);
    let likely = networks.judge(&mut children);
    let values = children.list.into_iter().zip(likely).filter(|(_, likely)| *likely > 0.5);
    values.flat_map(|(child, _)| child.ids).collect()
}
