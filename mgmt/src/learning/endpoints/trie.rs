//! The paths that were seen, as a prefix tree of bounded size. Beyond a node's share of children, those that are values
//! become one parameter, so that what is kept does not grow with traffic.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use weir_inspect::endpoints::split_ending;

use super::calls::Calls;
use super::characters;
use super::network::Network;
use super::values::Values;

/// A node's place in the tree.
pub type NodeId = u32;

/// What may be kept. Beyond each, see its field.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Children of a node from which on those that are values become one parameter; asked again whenever those that
    /// stay have doubled.
    pub children: usize,
    /// Children of a node at most; beyond it half of them become one parameter, values or not.
    pub most_children: usize,
    /// Nodes in all; paths that need more are not learnt, and counted.
    pub nodes: usize,
    /// Components of a path; a longer path is not learnt, and counted.
    pub depth: usize,
    /// Methods (and GraphQL operations) of a node; further ones are not learnt, and counted.
    pub methods: usize,
}

impl Default for Limits {
    /// 50,000 nodes are about 50 MB with what is known of their calls.
    fn default() -> Limits {
        Limits { children: 64, most_children: 1024, nodes: 50_000, depth: 32, methods: 256 }
    }
}

/// A component after the components before it.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Node {
    /// As sent, percent-decoded. Of a parameter: empty.
    pub name: Box<str>,
    /// What the network for characters says of the name: positive if it looks like a value.
    pub logit: f32,
    /// It is known to be a name of the API (gRPC).
    pub literal: bool,
    /// Requests through it.
    pub count: u64,
    /// Children by name.
    pub children: BTreeMap<Box<str>, NodeId>,
    /// The same component with an ending that asks for a format (`.json`).
    pub endings: BTreeMap<Box<str>, NodeId>,
    /// What became of children that were values.
    pub parameter: Option<NodeId>,
    /// Children that were looked at and stayed; with twice as many they are looked at again.
    settled: usize,
    /// Of a parameter: its values.
    pub values: Values,
    /// The calls that end here, by method and GraphQL operation.
    pub calls: Vec<(Method, Calls)>,
}

/// A method, and for GraphQL the operation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Method {
    /// `GET`.
    pub name: Box<str>,
    /// `query Orders`; of one without a name with its first field.
    pub operation: Option<Box<str>>,
}

/// The prefix tree of a host.
#[derive(Debug, Serialize, Deserialize)]
pub struct Trie {
    nodes: Vec<Node>,
    free: Vec<NodeId>,
    /// Settings, not knowledge: whoever reads a trie sets them.
    #[serde(skip)]
    pub(super) limits: Limits,
}

impl Trie {
    /// The root of every path.
    pub const ROOT: NodeId = 0;

    /// Nothing seen.
    pub fn new(limits: Limits) -> Trie {
        Trie { nodes: vec![Node::default()], free: Vec::new(), limits }
    }

    /// A node, if it is there.
    pub fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(id as usize)
    }

    /// Calls through nodes.
    pub fn calls_through(&self, ids: &[NodeId]) -> u64 {
        ids.iter().filter_map(|id| self.node(*id)).map(|node| node.count).sum()
    }

    /// Nodes in use.
    pub fn len(&self) -> usize {
        self.nodes.len() - self.free.len()
    }

    /// Whether nothing was seen.
    pub fn is_empty(&self) -> bool {
        self.len() <= 1
    }

    /// All nodes; those that are not in use have no count.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter()
    }

    /// Walks a path, and makes what is missing. The nodes after the root go to `path`, two for a component with an ending; false if a
    /// limit forbids it. `collapse` is asked which children of a full node are values.
    pub fn enter(
        &mut self,
        components: &[&str],
        literal: bool,
        network: &Network,
        collapse: &mut dyn FnMut(&Trie, &[NodeId]) -> Vec<NodeId>,
        path: &mut Vec<NodeId>,
    ) -> bool {
        path.clear();
        if components.len() > self.limits.depth {
            return false;
        }
        let mut at = Trie::ROOT;
        for component in components {
            let (name, ending) = match literal {
                true => (*component, ""),
                false => split_ending(component),
            };
            let next = match self.child(at, name) {
                Some(next) => Some(next),
                None => self.grow(at, name, literal, network, collapse, path),
            };
            let Some(next) = next else { return false };
            path.push(next);
            at = next;
            if !ending.is_empty() {
                let Some(next) = self.ending(at, ending) else { return false };
                path.push(next);
                at = next;
            }
        }
        for id in std::iter::once(&Trie::ROOT).chain(path.iter()) {
            if let Some(node) = self.nodes.get_mut(*id as usize) {
                node.count += 1;
            }
        }
        true
    }

    fn child(&self, at: NodeId, component: &str) -> Option<NodeId> {
        self.node(at)?.children.get(component).copied()
    }

    /// The node of a component with an ending, made if it is missing.
    fn ending(&mut self, at: NodeId, ending: &str) -> Option<NodeId> {
        if let Some(known) = self.node(at)?.endings.get(ending) {
            return Some(*known);
        }
        let id = self.add(Node { name: ending.into(), literal: true, ..Node::default() })?;
        self.nodes.get_mut(at as usize)?.endings.insert(ending.into(), id);
        Some(id)
    }

    /// The place of a component that is new here.
    fn grow(
        &mut self,
        at: NodeId,
        component: &str,
        literal: bool,
        network: &Network,
        collapse: &mut dyn FnMut(&Trie, &[NodeId]) -> Vec<NodeId>,
        path: &[NodeId],
    ) -> Option<NodeId> {
        let full = |trie: &Trie| {
            trie.node(at).is_none_or(|node| {
                let room = trie.limits.children.max(node.settled * 2);
                node.children.len() >= room.min(trie.limits.most_children)
            })
        };
        let logit = network.logit(&characters::input(component));
        let parameter = self.node(at)?.parameter;
        if let Some(parameter) = parameter.filter(|_| !literal && (logit > SURE_NAME || full(self)))
        {
            self.nodes.get_mut(parameter as usize)?.values.add(component);
            return Some(parameter);
        }
        if full(self) {
            let values = collapse(self, path);
            self.collapse(at, &values)?;
            return self.grow(at, component, literal, network, collapse, path);
        }
        let node = Node { name: component.into(), logit, literal, ..Node::default() };
        let id = self.add(node)?;
        self.nodes.get_mut(at as usize)?.children.insert(component.into(), id);
        Some(id)
    }

    fn add(&mut self, node: Node) -> Option<NodeId> {
        if let Some(id) = self.free.pop() {
            *self.nodes.get_mut(id as usize)? = node;
            return Some(id);
        }
        if self.nodes.len() >= self.limits.nodes {
            return None;
        }
        self.nodes.push(node);
        Some((self.nodes.len() - 1) as NodeId)
    }

    /// Makes children one parameter: the values, and where there are most children, at least half of them, so that there is
    /// room.
    fn collapse(&mut self, at: NodeId, values: &[NodeId]) -> Option<()> {
        let node = self.node(at)?;
        let mut children: Vec<NodeId> = node.children.values().copied().collect();
        let rank = |id: &NodeId| {
            let node = self.node(*id);
            let (literal, logit) = node.map_or((true, 0.0), |n| (n.literal, n.logit));
            (literal, !values.contains(id), -logit)
        };
        children.sort_by(|a, b| rank(a).partial_cmp(&rank(b)).unwrap_or(std::cmp::Ordering::Equal));
        let forced = children.len() >= self.limits.most_children;
        let least = if forced { (children.len() / 2).max(1) } else { 0 };
        let known = children.iter().filter(|id| values.contains(id)).count();
        let all = children.len();
        children.truncate(known.max(least));
        self.nodes.get_mut(at as usize)?.settled = all - children.len();
        if children.is_empty() {
            return Some(());
        }
        let parameter = match self.node(at)?.parameter {
            Some(parameter) => parameter,
            None => {
                let first = children.pop()?;
                self.detach(at, first)?;
                let node = self.nodes.get_mut(first as usize)?;
                let name = std::mem::take(&mut node.name);
                node.values.add(&name);
                self.nodes.get_mut(at as usize)?.parameter = Some(first);
                first
            }
        };
        for child in children {
            self.detach(at, child)?;
            self.merge(parameter, child)?;
        }
        Some(())
    }

    fn detach(&mut self, at: NodeId, child: NodeId) -> Option<()> {
        let name = self.node(child)?.name.clone();
        self.nodes.get_mut(at as usize)?.children.remove(&name);
        Some(())
    }

    /// Takes a node and all below it into another one. As deep as a path may be, at most.
    fn merge(&mut self, into: NodeId, from: NodeId) -> Option<()> {
        let gone = std::mem::take(self.nodes.get_mut(from as usize)?);
        self.free.push(from);
        let node = self.nodes.get_mut(into as usize)?;
        node.count += gone.count;
        node.values.merge(&gone.values);
        if !gone.name.is_empty() {
            node.values.add(&gone.name);
        }
        for (method, calls) in gone.calls {
            merge_calls(&mut node.calls, method, calls, self.limits.methods);
        }
        for (name, child) in gone.children {
            match self.child(into, &name) {
                Some(same) => self.merge(same, child)?,
                None => {
                    self.nodes.get_mut(into as usize)?.children.insert(name, child);
                }
            }
        }
        for (ending, child) in gone.endings {
            match self.node(into)?.endings.get(&ending).copied() {
                Some(same) => self.merge(same, child)?,
                None => {
                    self.nodes.get_mut(into as usize)?.endings.insert(ending, child);
                }
            }
        }
        if let Some(parameter) = gone.parameter {
            match self.node(into)?.parameter {
                Some(same) => self.merge(same, parameter)?,
                None => self.nodes.get_mut(into as usize)?.parameter = Some(parameter),
            }
        }
        Some(())
    }

    /// The calls of a method at a node; None beyond the limit.
    pub fn calls(&mut self, at: NodeId, method: &Method) -> Option<&mut Calls> {
        let calls = &mut self.nodes.get_mut(at as usize)?.calls;
        let place = match calls.iter().position(|(m, _)| m == method) {
            Some(place) => place,
            None if calls.len() >= self.limits.methods => return None,
            None => {
                calls.push((method.clone(), Calls::default()));
                calls.len() - 1
            }
        };
        calls.get_mut(place).map(|(_, calls)| calls)
    }
}

/// Below this logit a new component beside a parameter is a name of the API: odds of 20 to 1.
const SURE_NAME: f32 = -3.0;

/// Adds calls to those of the same method.
pub fn merge_calls(all: &mut Vec<(Method, Calls)>, method: Method, calls: Calls, limit: usize) {
    let room = all.len() < limit;
    match all.iter_mut().find(|(m, _)| *m == method) {
        Some((_, same)) => same.merge(&calls),
        None if room => all.push((method, calls)),
        None => {}
    }
}
