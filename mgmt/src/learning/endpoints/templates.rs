//! From the tree of paths to templates: from the root down, the children of a place that are values of a parameter become one,
//! and what follows them is looked at together.

use std::collections::{BTreeMap, BTreeSet};

use weir_inspect::endpoints::Component;

use super::characters;
use super::edits::Edits;
use super::evidence::{Child, Children, Everywhere, Place};
use super::held::Held;
use super::network::{Network, probability};
use super::trie::{NodeId, Trie};
use super::values::Values;

/// From this probability on a child is a value. Above one half: a name taken for a value joins what does not belong together.
const VALUE: f32 = 0.65;
/// From this probability on a child is surely a value.
const SURE: f32 = 0.95;
/// What is written like a name, by odds of 150 to 1 or more, has to be this likely; in between it rises evenly.
const NAMED: (f32, f32) = (-5.0, SURE);
/// Of a full node, children become a parameter while traffic goes on only if they are this likely values, and so large a share:
/// it can't be undone.
const FULL: (f32, f32) = (0.9, 0.25);

/// Where fewer than this share of at least so many children are values, each of them has to be this likely: a place either has a
/// parameter, mostly, or it has not.
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

/// What is surely a value elsewhere (the same user, or project) is one beside a sure value, too, unless it is as unlikely as this.
/// Each word that is left as a name is a wrong template for every call below it, and the more words are seen, the more are left.
const KNOWN: f32 = 0.03;

/// Any value; a node that is a parameter has no other name.
const ANY: &str = "";

/// What is needed to be a value at a place.
struct Needed<'t> {
    /// Values would be few at this place, or too few for its calls.
    few: bool,
    /// At least one of its children is surely a value.
    sure: bool,
    /// Its values are words ([`WORDS`]).
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

/// Calls through nodes.
fn calls_through(trie: &Trie, ids: &[NodeId]) -> u64 {
    ids.iter().filter_map(|id| trie.node(*id)).map(|node| node.count).sum()
}

impl<'t> Needed<'t> {
    fn at(trie: &'t Trie, children: &Children<'_>, likely: &[f32]) -> Needed<'t> {
        let all = children.list.len();
        let values = likely.iter().filter(|l| **l > VALUE).count() + children.parameters.len();
        let merged = calls_through(trie, &children.parameters);
        let calls: u64 = children.list.iter().map(|child| calls_through(trie, &child.ids)).sum();
        let few = match all >= FEW.1 {
            true => (values as f32) < all as f32 * FEW.0,
            false => children.parameters.is_empty() && calls >= all as u64 * OFTEN,
        };
        let from = |least| children.list.iter().zip(likely).filter(move |(_, l)| **l > least);
        let sure = from(SURE).count();
        let words = sure >= WORDS.0 && sure as f32 >= all as f32 * WORDS.1;
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
            && calls_through(trie, &child.ids) >= ALONE
            && !after.any(|name| self.common.contains(name))
    }

    /// `known`: it is surely a value elsewhere.
    fn is_value(&self, trie: &Trie, child: &Child<'_>, likely: f32, known: bool) -> bool {
        let rare = || calls_through(trie, &child.ids).saturating_mul(RARE.0) < self.merged;
        if !child.literal && child.logit > RARE.1 && rare() {
            return true;
        }
        let share = (child.logit / NAMED.0).clamp(0.0, 1.0);
        let odd = self.few || self.is_alone(trie, child);
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
            () if characters::is_numbered(child.name) => 1.0,
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
    let all = calls_through(trie, &at.nodes);
    let mut ended = Vec::new();
    for (ending, nodes) in formats {
        let mut parts = at.parts.clone();
        match parts.pop() {
            Some(Part::Parameter { .. }) if calls_through(trie, &nodes) * 2 < all => {
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
}
