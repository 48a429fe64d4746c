//! The signatures of attacks, over normalised text (see [`super::normalise`]): small letters, one
//! space for any white space or comment. A file a kind of attack.

mod command;
mod data;
mod framework;
mod jndi;
pub(super) mod lines;
mod network;
mod path;
mod script;
mod shell;
mod sql;
mod template;
mod tool;

use std::sync::OnceLock;

use regex_automata::meta::{self, Regex};
use regex_automata::{Input, MatchKind, PatternSet};
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, ClassBytes, ClassBytesRange, Hir, HirKind, Look};

/// Memory of a lazily built automaton, for each thread; when it is full it begins anew. Each of
/// [`SETS`] needs less for ordinary traffic; one automaton for all would need ten times as much.
const CACHE_BYTES: usize = 4 << 20;
/// From this bound on a repetition is unbounded in the search of a set.
const RELAXED_FROM: u32 = 5;

/// Some of [`SETS`], a bit each.
pub(super) type Sets = u8;
/// No set.
pub(super) const NONE: Sets = 0;
/// All sets.
pub(super) const ALL: Sets = Sets::MAX;

/// What a value stands behind in a request: the name of a parameter or attribute, a tag.
const BEFORE_VALUE: &[u8] = b"=?&\">";
/// What stands behind a value.
const BEHIND_VALUE: &[u8] = b"&=\"<";

/// A signature.
#[derive(Debug)]
pub(super) struct Rule {
    /// Its name in reasons, behind its detector's.
    pub name: &'static str,
    /// How sure it is by itself.
    pub confidence: f32,
    regex: &'static str,
    /// What else a match must be, where its form alone is met by chance.
    also: Option<fn(&[u8]) -> bool>,
}

const fn rule(name: &'static str, confidence: f32, regex: &'static str) -> Rule {
    Rule { name, confidence, regex, also: None }
}

impl Rule {
    const fn if_also(self, also: fn(&[u8]) -> bool) -> Rule {
        Rule { also: Some(also), ..self }
    }

    /// Whether a text matches; `exact` is its pattern.
    fn matches(&self, exact: &Regex, text: &[u8]) -> bool {
        let Some(also) = self.also else { return exact.is_match(text) };
        exact.find_iter(text).any(|found| text.get(found.range()).is_some_and(also))
    }
}

/// The rules by detector, in the sets that are searched together. A set is quick as long as few literals begin all of its rules; with
/// ten rules more commands took 30 times as long. So what came last is a set of its own, searched in a fiftieth of that.
const SETS: &[&[(&str, &[Rule])]] = &[
    &[("sql-injection", sql::RULES)],
    &[("xss", script::RULES)],
    &[("command-injection", command::RULES)],
    &[("path-traversal", path::TRAVERSAL), ("ssrf", network::RULES)],
    &[
        ("log4shell", jndi::RULES),
        ("template-injection", template::RULES),
        ("xxe", data::XXE),
        ("deserialisation", data::OBJECTS),
    ],
    &[
        ("nosql-injection", data::NOSQL),
        ("ldap-injection", data::LDAP),
        ("scanner", tool::SCANNERS),
        ("graphql-abuse", tool::GRAPHQL),
        ("protocol-abuse", tool::PROTOCOL),
    ],
    &[
        ("sql-injection", sql::WORDS),
        ("command-injection", command::MORE),
        ("command-injection", framework::CODE),
        ("path-traversal", path::FILES),
        ("ssrf", network::NAMES),
        ("template-injection", framework::TEMPLATES),
        ("deserialisation", framework::CLASSES),
    ],
];

/// A set, compiled.
struct Set {
    /// All rules with their longer repetitions unbounded: they match no less, and the automaton that counts nothing
    /// is small.
    relaxed: Regex,
    /// The rules as they are, in the order of the relaxed ones.
    exact: Vec<(&'static str, &'static Rule, Regex)>,
}

/// The name of a detector that has rules here, as a constant.
pub(super) fn detector(name: &str) -> Option<&'static str> {
    SETS.iter().flat_map(|set| *set).map(|(detector, _)| *detector).find(|d| *d == name)
}

fn compiled() -> &'static [Set] {
    static COMPILED: OnceLock<Vec<Set>> = OnceLock::new();
    COMPILED.get_or_init(|| SETS.iter().filter_map(|set| compile(set)).collect())
}

/// Compiles the rules, if nobody has yet.
pub(super) fn prepare() {
    compiled();
}

/// A rule's pattern, of bytes and ASCII classes.
fn parsed(rule: &Rule) -> Option<Hir> {
    ParserBuilder::new().unicode(false).utf8(false).build().parse(rule.regex).ok()
}

fn config() -> meta::Config {
    Regex::config().utf8_empty(false).hybrid_cache_capacity(CACHE_BYTES)
}

/// Patterns that are searched together; by default a match of one would end the search for those behind it.
fn together(patterns: &[Hir]) -> Option<Regex> {
    Regex::builder()
        .configure(config().match_kind(MatchKind::All))
        .build_many_from_hir(patterns)
        .ok()
}

fn compile(detectors: &'static [(&'static str, &'static [Rule])]) -> Option<Set> {
    let (mut relaxed, mut exact) = (Vec::new(), Vec::new());
    for (detector, rule) in
        detectors.iter().flat_map(|(d, rules)| rules.iter().map(move |r| (*d, r)))
    {
        let hir = parsed(rule)?;
        let regex = Regex::builder().configure(config()).build_from_hir(&hir).ok()?;
        relaxed.push(relax(&hir));
        exact.push((detector, rule, regex));
    }
    Some(Set { relaxed: together(&relaxed)?, exact })
}

/// The pattern with its longer repetitions unbounded. Where it wants a value to begin or to end, it also takes what values begin
/// behind and end before in the text around them, so that a search of a whole request tells whether its values need one.
fn relax(hir: &Hir) -> Hir {
    match hir.kind() {
        HirKind::Look(edge @ (Look::Start | Look::End)) => {
            let around: &[u8] = if *edge == Look::Start { BEFORE_VALUE } else { BEHIND_VALUE };
            let around = around.iter().map(|b| ClassBytesRange::new(*b, *b));
            let around = Hir::class(Class::Bytes(ClassBytes::new(around)));
            Hir::alternation(vec![hir.clone(), around])
        }
        HirKind::Repetition(repetition) => {
            let mut repetition = repetition.clone();
            repetition.sub = Box::new(relax(&repetition.sub));
            if repetition.max.is_some_and(|max| max >= RELAXED_FROM) {
                repetition.max = None;
                repetition.min = repetition.min.min(RELAXED_FROM);
            }
            Hir::repetition(repetition)
        }
        HirKind::Capture(capture) => relax(&capture.sub),
        HirKind::Concat(parts) => Hir::concat(parts.iter().map(relax).collect()),
        HirKind::Alternation(parts) => Hir::alternation(parts.iter().map(relax).collect()),
        _ => hir.clone(),
    }
}

/// Whether a normalised text may match a rule.
pub(super) fn any(text: &[u8]) -> bool {
    compiled().iter().any(|set| set.relaxed.is_match(text))
}

/// Calls `each` with every rule of some sets that a normalised text matches, and its detector. Returns the sets of which a value in
/// the text may match a rule, too.
pub(super) fn each(
    text: &[u8],
    sets: Sets,
    mut each: impl FnMut(&'static str, &'static Rule),
) -> Sets {
    let mut hinted = NONE;
    let wanted = compiled().iter().enumerate().filter(|(at, _)| sets & 1 << at != 0);
    for (at, set) in wanted.filter(|(_, set)| set.relaxed.is_match(text)) {
        hinted |= 1 << at;
        let mut candidates = PatternSet::new(set.relaxed.pattern_len());
        set.relaxed.which_overlapping_matches(&Input::new(text), &mut candidates);
        for candidate in candidates.iter() {
            if let Some((detector, rule, exact)) = set.exact.get(candidate.as_usize())
                && rule.matches(exact, text)
            {
                each(detector, rule);
            }
        }
    }
    hinted
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn all_rules_compile_and_have_names_of_their_own() {
        let rules = SETS.iter().flat_map(|set| *set).map(|(_, rules)| rules.len()).sum::<usize>();
        let mut names = HashSet::new();
        for (detector, rule, _) in compiled().iter().flat_map(|set| &set.exact) {
            assert!(names.insert((detector, rule.name)), "{detector}/{} twice", rule.name);
        }
        assert_eq!((compiled().len(), names.len()), (SETS.len(), rules));
    }

    #[test]
    fn what_is_relaxed_matches_no_less() {
        let relaxed = |regex: &str| {
            let hir = ParserBuilder::new().build().parse(regex).unwrap();
            Regex::builder().build_from_hir(&relax(&hir)).unwrap()
        };
        for (regex, text) in [("^a{0,9}b$", "aaaaaaaaab"), ("^(a{2,3}c{7,9})+$", "aaccccccc")] {
            assert!(relaxed(regex).is_match(text), "{regex}");
        }
        assert!(relaxed("^a{0,9}b$").is_match("aaaaaaaaaaaaaaaaab"));
        assert!(!relaxed("^a{0,3}b$").is_match("aaaab"));
    }
}
