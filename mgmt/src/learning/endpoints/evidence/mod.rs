//! What is known of the components that were seen at one place: how each is written, what follows it and its siblings, how many
//! they are, and where else it occurs. Of this the second network judges which of them are values of a parameter: first each
//! by itself, then again beside those that seem to be values and those that seem to be names (`Children::refine`).

mod group;
mod siblings;
mod side;

use std::collections::BTreeMap;

use super::everywhere::Everywhere;
use super::network::Input;
use super::trie::{NodeId, Trie};

use group::Group;
use siblings::Siblings;
use side::Side;

/// Plain numbers of an [`Input`] about a child.
pub const NUMBERS: usize = ALONE + BESIDE;
/// Of them, those about a child before its siblings are judged.
const ALONE: usize = 46;
/// And those about the siblings that seem to be values, or names. All zero at first.
const BESIDE: usize = 13;
/// Bags of an [`Input`]: the last name before it, the names after it.
pub const BAGS: usize = 2;
/// How much, and which share of what follows a child must follow values, too, to agree with them: two resources that are read
/// and written alike have less in common.
const AGREES: (f32, f32) = (10.0, 0.6);
/// What is less likely a value is surely a name. Only of those must less follow a child than of values: words that are unsure
/// share what follows them with the values that they are.
const SURELY_NAMED: f32 = 0.05;

/// Where in the templates a set of nodes is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Place<'a> {
    /// The last component before it that is a name of the API.
    pub last: &'a str,
    /// Parameters since then.
    pub since: usize,
    /// Components before it.
    pub depth: usize,
}

/// The components at a place.
#[derive(Debug)]
pub struct Children<'t> {
    /// Each by name.
    pub list: Vec<Child<'t>>,
    /// Nodes that are parameters already.
    pub parameters: Vec<NodeId>,
    /// In the order of the list; what are parameters already comes last.
    groups: Vec<Group<'t>>,
}

/// A component at a place: the nodes of that name.
#[derive(Debug)]
pub struct Child<'t> {
    /// As sent, percent-decoded.
    pub name: &'t str,
    /// Its nodes, one for each node of the place that has it.
    pub ids: Vec<NodeId>,
    /// It is known to be a name of the API.
    pub literal: bool,
    /// What its characters say: positive if it looks like a value.
    pub logit: f32,
    /// Much of what follows it follows siblings that seem to be values, too, and less follows those that are surely names.
    pub agrees: bool,
    /// What the network judges.
    pub input: Input,
}

impl<'t> Children<'t> {
    /// All children of the nodes of a place.
    pub fn new(
        trie: &'t Trie,
        nodes: &[NodeId],
        place: &Place<'_>,
        everywhere: Option<&Everywhere>,
    ) -> Children<'t> {
        let mut by_name: BTreeMap<&str, Vec<NodeId>> = BTreeMap::new();
        let mut parameters = Vec::new();
        for node in nodes.iter().filter_map(|id| trie.node(*id)) {
            parameters.extend(node.parameter);
            for id in node.children.values() {
                let name = trie.node(*id).map_or("", |child| &child.name);
                by_name.entry(name).or_default().push(*id);
            }
        }
        let mut groups: Vec<Group<'t>> =
            by_name.into_iter().map(|(name, ids)| Group::new(trie, name, ids)).collect();
        let named = groups.len();
        if !parameters.is_empty() {
            let group = Group::new(trie, "", parameters.clone());
            groups.push(Group { likeness: 1.0, ..group });
        }
        let siblings = Siblings::new(trie, nodes, &groups);
        let child = |group: &Group<'t>| Child {
            name: group.name,
            ids: group.ids.clone(),
            literal: group.literal,
            logit: group.logit,
            agrees: false,
            input: siblings.input(trie, group, place, everywhere),
        };
        let list = groups.iter().take(named).map(child).collect();
        Children { list, parameters, groups }
    }

    /// Tells each child how it fits to the siblings that seem to be values, and to those that seem to be names.
    pub fn refine(&mut self, guesses: &[f32]) {
        let guesses = guesses.iter().copied().chain(std::iter::repeat(1.0));
        let guesses: Vec<f32> = guesses.take(self.groups.len()).collect();
        let is_value: Vec<bool> = guesses.iter().map(|g| *g > 0.5).collect();
        let is_named: Vec<bool> = guesses.iter().map(|g| *g < SURELY_NAMED).collect();
        let surely_named = Side::new(&self.groups, &is_named, true);
        let values = Side::new(&self.groups, &is_value, true);
        let names = Side::new(&self.groups, &is_value, false);
        let others = (self.groups.len() as f32 - 1.0).max(1.0);
        let children = self.list.iter_mut().zip(&self.groups).zip(is_value.iter().zip(&is_named));
        for ((child, group), (is_value, is_named)) in children {
            let to_values = values.fit(group, *is_value);
            let to_names = names.fit(group, !*is_value);
            child.agrees = to_values.amount >= AGREES.0
                && to_values.any >= AGREES.1
                && surely_named.fit(group, *is_named).any * 2.0 <= to_values.any;
            child.input.numbers.truncate(ALONE);
            child.input.numbers.extend([
                1.0,
                (1.0 + to_values.members).ln(),
                to_values.members / others,
                to_values.any,
                to_values.mean,
                to_values.methods,
                to_names.any,
                to_names.mean,
                to_names.methods,
                values.coherence,
                (1.0 + to_values.amount).ln() / 2.0,
                (1.0 + to_names.amount).ln() / 2.0,
                flag(*is_value),
            ]);
        }
    }
}

fn flag(is: bool) -> f32 {
    f32::from(u8::from(is))
}
