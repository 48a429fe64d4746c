//! The signatures of attacks, over normalised text (see [`super::normalise`]): small letters, one
//! space for any white space or comment. A file a kind of attack.

mod command;
mod jndi;
mod path;
mod script;
mod sql;

use std::cell::RefCell;
use std::sync::OnceLock;

use regex_automata::meta::Regex;
use regex_automata::util::syntax;
use regex_automata::{Input, PatternSet};

/// Memory of the lazily built automaton, for each thread; when it is full it begins anew.
const CACHE_BYTES: usize = 4 << 20;

/// A signature.
#[derive(Debug)]
pub(super) struct Rule {
    /// Its name in reasons, behind its detector's.
    pub name: &'static str,
    /// How sure it is by itself.
    pub confidence: f32,
    regex: &'static str,
}

const fn rule(name: &'static str, confidence: f32, regex: &'static str) -> Rule {
    Rule { name, confidence, regex }
}

/// The rules by detector.
const DETECTORS: &[(&str, &[Rule])] = &[
    ("sql-injection", sql::RULES),
    ("xss", script::RULES),
    ("path-traversal", path::TRAVERSAL),
    ("command-injection", command::RULES),
    ("log4shell", jndi::RULES),
];

/// The name of a detector that has rules here, as a constant.
pub(super) fn detector(name: &str) -> Option<&'static str> {
    DETECTORS.iter().map(|(detector, _)| *detector).find(|detector| *detector == name)
}

/// All rules, with their detectors. The position is the pattern's in the compiled set.
fn all() -> impl Iterator<Item = (&'static str, &'static Rule)> {
    DETECTORS.iter().flat_map(|(detector, rules)| rules.iter().map(|rule| (*detector, rule)))
}

fn compiled() -> Option<&'static Regex> {
    static COMPILED: OnceLock<Option<Regex>> = OnceLock::new();
    let compile = || {
        let syntax = syntax::Config::new().unicode(false).utf8(false);
        let config = Regex::config().utf8_empty(false).hybrid_cache_capacity(CACHE_BYTES);
        let patterns: Vec<&str> = all().map(|(_, rule)| rule.regex).collect();
        Regex::builder().syntax(syntax).configure(config).build_many(&patterns).ok()
    };
    COMPILED.get_or_init(compile).as_ref()
}

/// Whether a normalised text matches any rule: for an ordinary text the one search that is made.
pub(super) fn any(text: &[u8]) -> bool {
    compiled().is_some_and(|regex| regex.is_match(text))
}

/// Calls `each` with every rule that a normalised text matches, and its detector.
pub(super) fn each(text: &[u8], mut each: impl FnMut(&'static str, &'static Rule)) {
    thread_local! {
        static MATCHED: RefCell<Option<PatternSet>> = const { RefCell::new(None) };
    }
    let Some(regex) = compiled() else { return };
    MATCHED.with_borrow_mut(|matched| {
        let matched = matched.get_or_insert_with(|| PatternSet::new(regex.pattern_len()));
        matched.clear();
        regex.which_overlapping_matches(&Input::new(text), matched);
        all()
            .zip(0..)
            .filter(|(_, i)| {
                regex_automata::PatternID::new(*i).is_ok_and(|id| matched.contains(id))
            })
            .for_each(|((detector, rule), _)| each(detector, rule));
    });
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn all_rules_compile_and_have_names_of_their_own() {
        let syntax = syntax::Config::new().unicode(false).utf8(false);
        let mut names = HashSet::new();
        for (detector, rule) in all() {
            let regex = Regex::builder().syntax(syntax).build(rule.regex);
            assert!(regex.is_ok(), "{}: {regex:?}", rule.regex);
            assert!(names.insert((detector, rule.name)), "{detector}/{} twice", rule.name);
        }
        assert_eq!(compiled().map(Regex::pattern_len), Some(all().count()));
    }
}
