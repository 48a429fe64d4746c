//! Compiling what a policy says about detectors: its own ones, and what its rules look for.

use std::collections::HashSet;

use regex_syntax::ParserBuilder;

use super::compile::Compiler;
use super::diagnostic::did_you_mean;
use super::yaml::Node;
use super::{Action, source};
use crate::detector::{Category, DetectorSet, MAX_DETECTORS};
use crate::scan::{CustomDetector, CustomKind, Kind, MAX_MATCH};

/// What `detect` calls a whole category by.
const CATEGORY: &str = "category:";

/// The names of [`Category`].
const CATEGORIES: [&str; 10] = [
    "pci",
    "pii",
    "health",
    "secrets",
    "secrets-named",
    "network",
    "leakage",
    "llm",
    "attacks",
    "custom",
];

impl Compiler {
    /// Adds the policy's own detectors to the catalogue.
    pub(super) fn detectors(&mut self, sources: Vec<source::CustomDetector>, nodes: &[Node]) {
        let builtin = self.catalog.iter().count();
        self.limit("detectors", nodes, MAX_DETECTORS - builtin);
        let mut names = HashSet::new();
        for (mut source, node) in sources.into_iter().zip(nodes).take(MAX_DETECTORS - builtin) {
            let name = self.name(source.name.take(), node, "detector", &mut names);
            if let Some(other) = self.catalog.by_name(&name) {
                // A name that this policy uses twice is already reported.
                if usize::from(other.id.0) < builtin {
                    let message = format!("`{name}` is the name of a built-in detector");
                    self.report.error(node.pos_of("name"), message);
                }
            } else if !self.custom(&name, source, node) {
                self.refused.push(name);
            }
        }
    }

    /// Adds one detector of the policy; whether it could be added.
    fn custom(&mut self, name: &str, source: source::CustomDetector, node: &Node) -> bool {
        let (key, kind, longest) = match (source.pattern, source.literal) {
            (Some(pattern), None) => match longest_match(&pattern) {
                Ok(longest) => ("pattern", CustomKind::Regex(pattern), longest),
                Err(message) => {
                    self.report.error(node.pos_of("pattern"), message);
                    return false;
                }
            },
            (None, Some(literal)) => {
                let longest = literal.len();
                ("literal", CustomKind::Literal(literal), Some(longest))
            }
            (Some(_), Some(_)) => {
                let message = "give either `pattern` or `literal`, not both";
                self.report.error(node.pos_of("literal"), message);
                return false;
            }
            (None, None) => {
                if !node.has("pattern") && !node.has("literal") {
                    self.report.error(node.pos, "a detector needs `pattern` or `literal`");
                }
                return false;
            }
        };
        let given = source.max_length.map(|l| l as usize);
        let longest = longest.filter(|l| *l <= MAX_MATCH);
        if given.is_none() && longest.is_none() {
            let message = format!(
                "`{name}` has no longest match; {MAX_MATCH} bytes are taken, give `max-length` to \
                 hold back less"
            );
            self.report.warning(node.pos_of(key), message);
        }
        let added = self.catalog.add_custom(CustomDetector {
            name: name.to_owned(),
            category: source.category.unwrap_or(Category::Custom),
            kind,
            case_insensitive: source.case_insensitive.unwrap_or(false),
            max_len: given.or(longest).unwrap_or(MAX_MATCH),
        });
        match added {
            Ok(id) if self.catalog.is_slow(id) => {
                let message = format!(
                    "`{name}` begins with no fixed text, so it is tried at nearly every byte: \
                     scanning becomes about ten times slower"
                );
                match self.scope.tenant {
                    // All traffic would pay for it, not only the tenant's.
                    Some(_) => self.report.error(node.pos_of(key), message),
                    None => self.report.warning(node.pos_of(key), message),
                }
                true
            }
            Ok(_) => true,
            Err(error) => {
                self.report.error(node.pos_of(key), error.to_string());
                false
            }
        }
    }

    /// What a rule looks for, from its `detect`.
    pub(super) fn detector_set(
        &mut self,
        named: &[String],
        action: Action,
        node: &Node,
    ) -> DetectorSet {
        let mut all = DetectorSet::EMPTY;
        for (name, item) in named.iter().zip(node.items("detect")) {
            let set = match self.named(name) {
                Ok(set) => set,
                Err(message) => {
                    self.report.error(item.pos, message);
                    continue;
                }
            };
            let is_attack = |id| self.catalog.get(id).is_some_and(|d| d.kind == Kind::Attack);
            if action.overwrites() && set.iter().any(is_attack) {
                let message = format!(
                    "`{name}` cannot be masked, only alerted on or blocked: an attack has no exact \
                     place"
                );
                self.report.error(item.pos, message);
            }
            all = all.union(&set);
        }
        all
    }

    /// The detectors that one item of `detect` names; the error says what was probably meant.
    fn named(&self, name: &str) -> Result<DetectorSet, String> {
        let mut set = DetectorSet::EMPTY;
        if let Some(category) = name.strip_prefix(CATEGORY) {
            let Ok(wanted) = serde_json::from_value::<Category>(category.into()) else {
                let hint = did_you_mean(category, CATEGORIES);
                return Err(format!("there is no category `{category}`{hint}"));
            };
            let members =
                self.catalog.iter().filter(|d| d.category == wanted && self.scope.sees(&d.name));
            members.for_each(|d| set.insert(d.id));
            if set.is_empty() && self.refused.is_empty() {
                return Err(format!("no detector is of category `{category}`"));
            }
        } else if let Some(detector) = self
            .catalog
            .by_name(&self.scope.full(name))
            .or_else(|| self.catalog.by_name(name).filter(|d| self.scope.sees(&d.name)))
        {
            set.insert(detector.id);
        } else if !self.refused.contains(&self.scope.full(name)) {
            let hint = if CATEGORIES.contains(&name) {
                format!("; did you mean `{CATEGORY}{name}`?")
            } else {
                let seen = self.catalog.iter().filter(|d| self.scope.sees(&d.name));
                did_you_mean(name, seen.map(|d| self.scope.own(&d.name)))
            };
            return Err(format!("there is no detector `{name}`{hint}"));
        }
        Ok(set)
    }
}

/// The longest match of a pattern in bytes, if it has one. The error is a line, with the character it is about.
fn longest_match(pattern: &str) -> Result<Option<usize>, String> {
    // Bytes, ASCII classes: the syntax in which the scanner compiles it.
    let parsed = ParserBuilder::new().unicode(false).utf8(false).build().parse(pattern);
    let (what, at) = match &parsed {
        Ok(hir) => return Ok(hir.properties().maximum_len()),
        Err(regex_syntax::Error::Parse(e)) => (e.kind().to_string(), e.span().start.offset),
        Err(regex_syntax::Error::Translate(e)) => (e.kind().to_string(), e.span().start.offset),
        Err(other) => (other.to_string(), 0),
    };
    let character = pattern.get(..at).map_or(0, |before| before.chars().count()) + 1;
    Err(format!("not a regular expression: {what}, at its character {character}"))
}
