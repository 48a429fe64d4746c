//! What is known of the components that were seen at one place: how each is written, what follows it and its siblings, how many
//! they are, and where else it occurs. Of this the second network judges which of them are values of a parameter: first each
//! by itself, then again beside those that seem to be values and those that seem to be names (`Children::refine`).

use std::collections::{BTreeMap, HashMap};

use super::characters::grams;
use super::everywhere::{Everywhere, likeness, name_hash};
use super::network::Input;
use super::trie::{Node, NodeId, Trie};

/// Plain numbers of an [`Input`] about a child.
pub const NUMBERS: usize = ALONE + BESIDE;
/// Of them, those about a child before its siblings are judged.
const ALONE: usize = 46;
/// And those about the siblings that seem to be values, or names. All zero at first.
const BESIDE: usize = 13;
/// Bags of an [`Input`]: the last name before it, the names after it.
pub const BAGS: usize = 2;
/// How many components after a child are compared with what follows its siblings.
const AHEAD: u32 = 3;
/// Elements of what follows a child that are compared.
const ELEMENTS: usize = 256;
/// Names after a child whose n-grams are looked at.
const FOLLOWERS: usize = 8;
/// How much, and which share of what follows a child must follow values, too, to agree with them: two resources that are read
/// and written alike have less in common.
const AGREES: (f32, f32) = (10.0, 0.6);
/// What is less likely a value is surely a name. Only of those must less follow a child than of values: words that are unsure
/// share what follows them with the values that they are.
const SURELY_NAMED: f32 = 0.05;
/// Methods that are told apart.
const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

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

/// A child before it is compared with its siblings.
#[derive(Debug)]
struct Group<'t> {
    name: &'t str,
    ids: Vec<NodeId>,
    literal: bool,
    logit: f32,
    likeness: f32,
    count: f32,
    methods: u32,
    follow: BTreeMap<u64, f32>,
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
        let (values, names) =
            (Side::new(&self.groups, &is_value, true), Side::new(&self.groups, &is_value, false));
        let sides = is_value.iter().zip(&is_named);
        for ((child, group), (is_value, is_named)) in
            self.list.iter_mut().zip(&self.groups).zip(sides)
        {
            let others = (self.groups.len() as f32 - 1.0).max(1.0);
            let to_values = values.fit(group, *is_value);
            let to_names = names.fit(group, !*is_value);
            let beside = [
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
                f32::from(u8::from(*is_value)),
            ];
            child.agrees = to_values.amount >= AGREES.0
                && to_values.any >= AGREES.1
                && surely_named.fit(group, *is_named).any * 2.0 <= to_values.any;
            child.input.numbers.truncate(ALONE);
            child.input.numbers.extend(beside);
        }
    }
}

/// Children that seem to be values, or those that seem to be names.
struct Side {
    members: f32,
    /// How many of them each element follows.
    shared: HashMap<u64, f32>,
    methods: HashMap<u32, f32>,
    /// How much of what follows a member follows another one, too.
    coherence: f32,
}

/// How a child fits to a side, itself left out.
struct Fit {
    members: f32,
    amount: f32,
    any: f32,
    mean: f32,
    methods: f32,
}

impl Side {
    fn new(groups: &[Group<'_>], is_value: &[bool], wanted: bool) -> Side {
        let members =
            || groups.iter().zip(is_value).filter(|(_, is)| **is == wanted).map(|(g, _)| g);
        let mut side = Side {
            members: members().count() as f32,
            shared: HashMap::new(),
            methods: HashMap::new(),
            coherence: 0.0,
        };
        for group in members() {
            group.follow.keys().for_each(|e| *side.shared.entry(*e).or_default() += 1.0);
            *side.methods.entry(group.methods).or_default() += 1.0;
        }
        if side.members > 1.0 {
            side.coherence = members().map(|g| side.fit(g, true).any).sum::<f32>() / side.members;
        }
        side
    }

    fn fit(&self, group: &Group<'_>, is_member: bool) -> Fit {
        let own = f32::from(u8::from(is_member));
        let members = self.members - own;
        let Shares { amount, any, mean } =
            shares(&group.follow, &self.shared, own, members.max(1.0));
        let same = self.methods.get(&group.methods).copied().unwrap_or(0.0) - own;
        Fit { members, amount, any, mean, methods: same.max(0.0) / members.max(1.0) }
    }
}

/// Of what follows a child: how much and which share follows a sibling too, and on average how many of them.
struct Shares {
    amount: f32,
    any: f32,
    mean: f32,
}

fn shares(
    follow: &BTreeMap<u64, f32>,
    shared: &HashMap<u64, f32>,
    own: f32,
    siblings: f32,
) -> Shares {
    let (mut all, mut amount, mut mean) = (0.0, 0.0, 0.0);
    for (element, weight) in follow {
        let others = shared.get(element).copied().unwrap_or(0.0) - own;
        all += weight;
        amount += weight * f32::from(u8::from(others > 0.0));
        mean += weight * others.max(0.0) / siblings;
    }
    let all = if all > 0.0 { all } else { 1.0 };
    Shares { amount, any: amount / all, mean: mean / all }
}

impl<'t> Group<'t> {
    fn new(trie: &'t Trie, name: &'t str, ids: Vec<NodeId>) -> Group<'t> {
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
fn methods<'t>(trie: &'t Trie, nodes: impl Iterator<Item = &'t Node>) -> u32 {
    let bit = |name: &str| METHODS.iter().position(|m| *m == name).unwrap_or(METHODS.len());
    let ended = |node: &'t Node| node.endings.values().filter_map(|id| trie.node(*id));
    let calls = nodes.flat_map(|node| ended(node).chain([node])).flat_map(|node| &node.calls);
    calls.fold(0, |all, (method, _)| all | 1 << bit(&method.name))
}

/// What all children of a place have together.
struct Siblings {
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
    fn new(trie: &Trie, nodes: &[NodeId], groups: &[Group<'_>]) -> Siblings {
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

    fn input(
        &self,
        trie: &Trie,
        group: &Group<'_>,
        place: &Place<'_>,
        everywhere: Option<&Everywhere>,
    ) -> Input {
        let flag = |is: bool| f32::from(u8::from(is));
        let others = (self.groups - 1.0).max(1.0);
        let alone = self.groups < 2.0;
        let without = |sum: f32, own: f32| if alone { 0.0 } else { (sum - own) / others };
        // The most and the least that a sibling looks like a value, without the child itself.
        let end = |own: Option<&f32>, next: Option<&f32>| match own {
            Some(value) if *value == group.likeness => next.copied().unwrap_or(0.0),
            value => value.copied().unwrap_or(0.0),
        };
        let (mut least, mut most) = (self.extremes.iter(), self.extremes.iter().rev());
        let least = end(least.next(), least.next());
        let most = end(most.next(), most.next());
        let Shares { any, mean, .. } = shares(&group.follow, &self.shared, 1.0, others);
        let followers: Vec<&Node> = group
            .ids
            .iter()
            .filter_map(|id| trie.node(*id))
            .flat_map(|node| node.children.values())
            .filter_map(|id| trie.node(*id))
            .collect();
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
        let (mut before, mut after) = (Vec::new(), Vec::new());
        grams(place.last, &mut before);
        let mut names: Vec<&Node> = followers;
        names.sort_by(|a, b| a.logit.total_cmp(&b.logit).then_with(|| a.name.cmp(&b.name)));
        names.dedup_by(|a, b| a.name == b.name);
        names.iter().take(FOLLOWERS).for_each(|node| grams(&node.name, &mut after));
        Input { bags: vec![before, after], numbers }
    }
}
