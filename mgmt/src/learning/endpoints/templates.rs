//! From the tree of paths to templates: from the root down, the children of a place that are values of a parameter become one,
//! and what follows them is looked at together.

use std::collections::{BTreeMap, BTreeSet};

use weir_inspect::endpoints::Component;

use super::characters;
use super::decision::{Needed, SURE};
use super::edits::Edits;
use super::everywhere::Everywhere;
use super::evidence::{Child, Children, Place};
use super::held::Held;
use super::network::{Network, probability};
use super::trie::{NodeId, Trie};
use super::values::Values;

/// Of a full node, children become a parameter while traffic goes on only if they are this likely values, and so large a share:
/// it can't be undone.
const FULL: (f32, f32) = (0.9, 0.25);

/// How often the children of a place are judged again beside what they seemed to be.
const LOOKS: usize = 3;

/// A component of a template.
#[derive(Clone, Debug)]
pub enum Part {
    /// A name of the API.
    Name(Box<str>),
    /// Anything.
    Parameter {
        /// What was seen.
        values: Values,
        /// The format in which it was asked for (`.json`); mostly empty.
        ending: Box<str>,
    },
}

impl Part {
    /// A parameter of which nothing was seen.
    pub fn any(ending: &str) -> Part {
        Part::Parameter { values: Values::default(), ending: ending.into() }
    }

    /// The same in a format.
    fn ended(self, format: &str) -> Part {
        match self {
            Part::Name(name) => Part::Name(format!("{name}{format}").into()),
            Part::Parameter { values, .. } => Part::Parameter { values, ending: format.into() },
        }
    }
}

/// A template's components as a matcher takes them: a parameter is any value.
pub fn components(parts: &[Part]) -> impl Iterator<Item = Component<'_>> {
    parts.iter().map(|part| match part {
        Part::Name(name) => Component::Name(name),
        Part::Parameter { ending, .. } => {
            Component::Parameter { values: Default::default(), ending }
        }
    })
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

/// The networks: of characters, and of all evidence.
#[derive(Clone, Debug)]
pub struct Networks {
    /// Whether a component looks like a value.
    pub characters: Network,
    /// Whether a child of a place is a value: several networks of other seeds, whose mean is steadier than each.
    pub evidence: Vec<Network>,
}

impl Networks {
    /// Those that Weir was built with (`mgmt/models/endpoints.md`). None if the file is damaged, which a test rules out.
    pub fn built_in() -> Option<Networks> {
        Networks::read(include_bytes!("../../../models/endpoints.bin"))
    }

    /// Reads all.
    pub fn read(mut file: &[u8]) -> Option<Networks> {
        let characters = Network::read(&mut file)?;
        let mut evidence = Vec::new();
        while !file.is_empty() {
            evidence.push(Network::read(&mut file)?);
        }
        Some(Networks { characters, evidence })
    }

    /// Appends them as a file holds them.
    pub fn write(&self, file: &mut Vec<u8>) {
        self.characters.write(file);
        self.evidence.iter().for_each(|network| network.write(file));
    }

    /// How likely each child of a place is a value.
    pub fn judge(&self, children: &mut Children<'_>) -> Vec<f32> {
        let mut guesses = self.look(children);
        // The first time every child is new to its siblings; then fewer and fewer change sides.
        for _ in 0..LOOKS {
            children.refine(&guesses);
            guesses = self.look(children);
        }
        guesses
    }

    fn look(&self, children: &Children<'_>) -> Vec<f32> {
        let one = |child: &Child<'_>| match () {
            () if child.literal || characters::is_version(child.name) => 0.0,
            () if characters::is_surely_value(child.name) => 1.0,
            () => {
                let sum: f32 =
                    self.evidence.iter().map(|network| network.logit(&child.input)).sum();
                probability(sum / self.evidence.len().max(1) as f32)
            }
        };
        children.list.iter().map(one).collect()
    }
}

/// Says how likely each child is a value.
pub type Judge<'j> = &'j mut dyn FnMut(&mut Children<'_>) -> Vec<f32>;

/// What is known when the templates of a tree are put together. What people know goes before what was shown, and that before what is judged.
#[derive(Clone, Copy)]
pub struct Given<'g> {
    /// The tree.
    pub trie: &'g Trie,
    /// What occurs in others.
    pub everywhere: &'g Everywhere,
    /// What people know.
    pub edits: &'g Edits,
    /// What was shown of the tree's host.
    pub held: Option<&'g Held>,
}

/// One way down the whole tree.
#[derive(Default)]
struct Pass<'g> {
    /// What the pass before was sure of.
    known: BTreeSet<&'g str>,
    /// Names that are surely values at some place.
    sure: BTreeSet<&'g str>,
    found: Vec<Template>,
}

/// All templates of a tree. It is gone through twice: what is surely a value at one place is looked for at the others.
pub fn all(given: Given<'_>, judge: Judge<'_>) -> Vec<Template> {
    let known = pass(given, judge, BTreeSet::new()).sure;
    pass(given, judge, known).found
}

fn pass<'g>(given: Given<'g>, judge: Judge<'_>, known: BTreeSet<&'g str>) -> Pass<'g> {
    let mut pass = Pass { known, ..Pass::default() };
    let start = Template { parts: Vec::new(), nodes: vec![Trie::ROOT], certainty: 1.0 };
    descend(given, judge, start, Place::default(), &mut pass);
    pass
}

/// Has each child of each place judged, once.
pub fn judge_each(given: Given<'_>, judge: Judge<'_>) {
    pass(given, judge, BTreeSet::new());
}

/// As deep as the tree is, at most.
fn descend<'g>(
    given: Given<'g>,
    judge: Judge<'_>,
    at: Template,
    place: Place<'_>,
    pass: &mut Pass<'g>,
) {
    let Given { trie, everywhere, edits, held } = given;
    let (at, formats) = in_formats(trie, at);
    for (ending, next) in formats {
        let held = held.and_then(|held| held.after(ending));
        descend(Given { held, ..given }, judge, next, place, pass);
    }
    let mut children = Children::new(trie, &at.nodes, &place, Some(everywhere));
    let likely = judge(&mut children);
    let mut values = Values::default();
    let mut nodes = Vec::new();
    let mut certainty = at.certainty;
    for node in children.parameters.iter().filter_map(|id| trie.node(*id)) {
        values.merge(&node.values);
    }
    let known = edits.at(&at.parts);
    let needed = Needed::at(trie, &children, &likely);
    nodes.extend(children.parameters);
    for (child, likely) in children.list.into_iter().zip(likely) {
        let edited = known.is_value(child.name);
        let likely = edited.map_or(likely, |is| f32::from(u8::from(is)));
        let taken = || {
            let taken = needed.is_value(trie, &child, likely, pass.known.contains(child.name));
            held.map_or(taken, |held| held.is_value(child.name, likely, taken))
        };
        let is_value = edited.unwrap_or_else(taken);
        if likely > SURE {
            pass.sure.insert(child.name);
        }
        if is_value {
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
        let held = held.and_then(|held| held.after(child.name));
        descend(Given { held, ..given }, judge, next, place, pass);
    }
    if !nodes.is_empty() {
        let mut parts = at.parts.clone();
        parts.push(Part::Parameter { values, ending: Box::default() });
        let place = Place { since: place.since + 1, depth: place.depth + 1, ..place };
        let held = held.and_then(Held::after_parameter);
        descend(Given { held, ..given }, judge, Template { parts, nodes, certainty }, place, pass);
    }
    let calls = |id: &NodeId| trie.node(*id).is_some_and(|node| !node.calls.is_empty());
    if at.nodes.iter().any(calls) {
        pass.found.push(at);
    }
}

/// A template, and the same with each of the endings that its last component was seen with. Of a parameter, an ending that fewer than
/// half of its calls have is part of a value: of a file among others.
fn in_formats(trie: &Trie, mut at: Template) -> (Template, Vec<(&str, Template)>) {
    let mut formats: BTreeMap<&str, Vec<NodeId>> = BTreeMap::new();
    for (ending, id) in at.nodes.iter().filter_map(|id| trie.node(*id)).flat_map(|n| &n.endings) {
        formats.entry(ending).or_default().push(*id);
    }
    let all = trie.calls_through(&at.nodes);
    let mut ended = Vec::new();
    for (ending, nodes) in formats {
        let mut parts = at.parts.clone();
        match parts.pop() {
            Some(Part::Parameter { .. }) if trie.calls_through(&nodes) * 2 < all => {
                at.nodes.extend(nodes);
            }
            last => {
                parts.extend(last.map(|last| last.ended(ending)));
                ended.push((ending, Template { parts, nodes, certainty: at.certainty }));
            }
        }
    }
    (at, ended)
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
    let all = children.list.len() as f32;
    let values = children.list.into_iter().zip(likely).filter(|(_, likely)| *likely > FULL.0);
    let values: Vec<Child<'_>> = values.map(|(child, _)| child).collect();
    let many = values.len() as f32 >= all * FULL.1;
    values.into_iter().filter(|_| many).flat_map(|child| child.ids).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learning::endpoints::trie::{Limits, Method};

    #[test]
    fn unsure_words_agree_with_the_values_that_are_followed_by_the_same() {
        let networks = Networks::built_in().unwrap();
        let mut trie = Trie::new(Limits::default());
        let resources = ["issues", "commits", "branches", "milestones", "components", "versions"];
        let same = resources
            .iter()
            .flat_map(|name| [format!("{name}/{name}-by-page"), format!("{name}/all-{name}")]);
        let same: Vec<String> = same.collect();
        for owner in ["x81q", "x82q", "x83q", "siemens", "monsters"] {
            for after in &same {
                let path = format!("{owner}/{after}");
                let components: Vec<&str> = path.split('/').collect();
                let path = &mut Vec::new();
                trie.enter(&components, false, &networks.characters, &mut |_, _| vec![], path);
            }
        }
        let agree = |monsters: f32| {
            let mut children = Children::new(&trie, &[Trie::ROOT], &Place::default(), None);
            let guess = |child: &Child<'_>| match child.name {
                "siemens" => 0.6,
                "monsters" => monsters,
                _ => 0.99,
            };
            let guesses: Vec<f32> = children.list.iter().map(guess).collect();
            children.refine(&guesses);
            let agree = children.list.iter().filter(|child| child.agrees);
            agree.map(|child| child.name).filter(|name| !name.starts_with('x')).collect::<Vec<_>>()
        };
        assert_eq!(agree(0.4), ["monsters", "siemens"]);
        assert!(!agree(0.01).contains(&"siemens"), "followed by what follows a name");
    }

    #[test]
    fn what_is_surely_a_value_elsewhere_is_one_beside_a_sure_value() {
        let networks = Networks::built_in().unwrap();
        let mut trie = Trie::new(Limits::default());
        for path in ["users/alice", "users/x81q", "teams/alice", "teams/x82q", "tags/alice"] {
            let components: Vec<&str> = path.split('/').collect();
            let path = &mut Vec::new();
            trie.enter(&components, false, &networks.characters, &mut |_, _| vec![], path);
            let method = Method { name: "GET".into(), operation: None };
            trie.calls(*path.last().unwrap(), &method).unwrap().count += 1;
        }
        let (everywhere, edits) = (Everywhere::default(), Edits::default());
        let given = Given { trie: &trie, everywhere: &everywhere, edits: &edits, held: None };
        let named = |at_users: f32| {
            let found = all(given, &mut |children| {
                // `alice` is judged after those who stand beside it: at `users` beside `x81q`.
                let beside = |name| children.list.iter().any(|child| child.name == name);
                let alice = if beside("x81q") { at_users } else { 0.1 };
                let likely = |child: &Child<'_>| match child.name {
                    "alice" => alice,
                    name => f32::from(u8::from(name.starts_with('x'))),
                };
                children.list.iter().map(likely).collect()
            });
            let named =
                |t: &Template| matches!(t.parts.last(), Some(Part::Name(n)) if **n == *"alice");
            found.iter().filter(|t| named(t)).count()
        };
        assert_eq!(named(0.99), 1, "beside no value it is none");
        assert_eq!(named(0.1), 3, "sure nowhere");
    }
}
