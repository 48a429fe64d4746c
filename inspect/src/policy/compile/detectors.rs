//! Compiling what a policy says about detectors: its own ones, and what its rules look for.

use std::collections::HashSet;

use regex_syntax::ParserBuilder;

use super::Compiler;
use super::given::path_in;
use crate::detector::{Category, DetectorId, DetectorSet, MAX_DETECTORS};
use crate::path::Place;
use crate::policy::diagnostic::{Pos, did_you_mean};
use crate::policy::yaml::Node;
use crate::policy::{Action, source};
use crate::scan::{Catalog, Conditions, CustomDetector, CustomKind, Kind, MAX_MATCH, Scanner};
use crate::validate;

/// What `detect` calls a whole category by.
const CATEGORY: &str = "category:";

/// How far from a match the words of its context stand, and findings that are reported together, unless something else is
/// said.
const NEAR: u32 = 50;
const APART: u32 = 200;

impl Compiler {
    /// Adds the policy's own detectors to the catalogue.
    pub(super) fn detectors(&mut self, sources: Vec<source::CustomDetector>, nodes: &[Node]) {
        let builtin = Catalog::builtin().iter().count();
        let free = MAX_DETECTORS - self.catalog.iter().count();
        self.limit("detectors", nodes, free);
        let mut names: HashSet<String> =
            self.catalog.iter().skip(builtin).map(|d| d.name.clone()).collect();
        let mut all: Vec<_> = sources.into_iter().zip(nodes).take(free).collect();
        // What reports others' findings can name those that stand below it.
        all.sort_by_key(|(source, _)| source.together.is_some());
        for (mut source, node) in all {
            let name = self.name(source.name.take(), node, "detector", &mut names);
            if let Some(other) = self.catalog.by_name(&name) {
                // A name that this policy uses twice is already reported.
                if usize::from(other.id.0) < builtin {
                    let message = format!("`{name}` is the name of a built-in detector");
                    self.report.error(node.pos_of("name"), message);
                }
                continue;
            }
            let examples = (source.matches.take(), source.no_match.take());
            match self.custom(&name, source, node) {
                Some(id) => self.examples(id, &name, examples, node),
                None => self.refused.push(name),
            }
        }
    }

    /// Adds one detector of the policy; its id if it could be added.
    fn custom(
        &mut self,
        name: &str,
        mut source: source::CustomDetector,
        node: &Node,
    ) -> Option<DetectorId> {
        let form = self.form(node)?;
        let category = source.category.unwrap_or(Category::Custom);
        if let Some(together) = source.together {
            return self.together(name, category, together, node);
        }
        let valid = self.validator(source.validator.as_deref(), node);
        let case_insensitive = source.case_insensitive.unwrap_or(false);
        let places = self.places(&mut source.keys, node)?;
        let conditions =
            self.conditions((source.keys, source.context, source.except), case_insensitive, node);
        let literals = source.literal.into_iter().chain(source.literals.into_iter().flatten());
        let (kind, longest) = self.looked_for(source.pattern, literals.collect(), node)?;
        let (valid, conditions) = (valid?, conditions?);
        let most = MAX_MATCH - conditions.as_ref().map_or(0, Conditions::reach);
        let given = source.max_length.map(|l| l as usize);
        let longest = longest.filter(|l| *l <= most);
        if given.is_none() && longest.is_none() {
            let message = format!(
                "`{name}` has no longest match; {most} bytes are taken, give `max-length` to hold \
                 back less"
            );
            self.report.warning(node.pos_of(form), message);
        }
        let max_len = given.or(longest).unwrap_or(most);
        let name = name.to_owned();
        let custom =
            CustomDetector { name, category, kind, case_insensitive, max_len, valid, conditions };
        match self.catalog.add_custom(custom) {
            Ok(id) => {
                self.catalog.only_at(id, places);
                self.warn_of_slow(id, node.pos_of(form));
                Some(id)
            }
            Err(error) => {
                self.report.error(node.pos_of(form), error.to_string());
                None
            }
        }
    }

    /// By which key a detector says what it finds; none if it is not one of them, which is reported.
    fn form(&mut self, node: &Node) -> Option<&'static str> {
        const FORMS: [&str; 4] = ["pattern", "literal", "literals", "together"];
        let given: Vec<_> = FORMS.into_iter().filter(|form| node.has(form)).collect();
        match given.as_slice() {
            [form] => return Some(form),
            [] => {
                let forms = FORMS.join("`, `");
                self.report.error(node.pos, format!("a detector needs one of `{forms}`"));
            }
            [first, .., last] => {
                let message = format!("give either `{first}` or `{last}`, not both");
                self.report.error(node.pos_of(last), message);
            }
        }
        None
    }

    /// What a detector looks for, and its longest match in bytes if it has one; none if it can't be looked for, which is reported.
    fn looked_for(
        &mut self,
        pattern: Option<String>,
        literals: Vec<String>,
        node: &Node,
    ) -> Option<(CustomKind, Option<usize>)> {
        let Some(pattern) = pattern else {
            let longest = literals.iter().map(String::len).max()?;
            return Some((CustomKind::Literals(literals), Some(longest)));
        };
        match longest_match(&pattern) {
            Ok(longest) => Some((CustomKind::Regex(pattern), longest)),
            Err(message) => {
                self.report.error(node.pos_of("pattern"), message);
                None
            }
        }
    }

    fn warn_of_slow(&mut self, id: DetectorId, pos: Pos) {
        let Some(detector) = self.catalog.get(id).filter(|_| self.catalog.is_slow(id)) else {
            return;
        };
        let message = format!(
            "`{}` begins with no fixed text, so it is tried at nearly every byte: scanning becomes \
             about ten times slower",
            detector.name
        );
        match self.scope.tenant {
            // All traffic would pay for it, not only the tenant's.
            Some(_) => self.report.error(pos, message),
            None => self.report.warning(pos, message),
        }
    }

    /// The kind that matches must be valid values of; none if there is no such kind, which is reported.
    fn validator(&mut self, kind: Option<&str>, node: &Node) -> Option<Option<String>> {
        let Some(kind) = kind else { return Some(None) };
        if validate::kinds().any(|known| known == kind) {
            return Some(Some(kind.to_owned()));
        }
        let hint = did_you_mean(kind, validate::kinds());
        let message = format!("there is no validator `{kind}`{hint}");
        self.report.error(node.pos_of("validator"), message);
        None
    }

    /// Takes the whole paths out of `keys`; none if it holds names too, which is reported.
    fn places(&mut self, keys: &mut Option<Vec<String>>, node: &Node) -> Option<Vec<Place>> {
        let Some(all) = keys.take_if(|keys| keys.iter().any(|key| Place::is_path(key))) else {
            return Some(Vec::new());
        };
        if let Some(name) = all.iter().find(|key| !Place::is_path(key)) {
            let message =
                format!("`{name}` is a name among paths: give either names or whole paths");
            self.report.error(node.pos_of("keys"), message);
            return None;
        }
        Some(all.iter().map(|path| Place::new(path)).collect())
    }

    /// What else must hold of a match; none if something is wrong with it, which is reported.
    fn conditions(
        &mut self,
        (keys, context, except): (
            Option<Vec<String>>,
            Option<source::Context>,
            Option<source::Except>,
        ),
        case_insensitive: bool,
        node: &Node,
    ) -> Option<Option<Conditions>> {
        if keys.is_none() && context.is_none() && except.is_none() {
            return Some(None);
        }
        let mut conditions = Conditions::default().with_keys(&keys.unwrap_or_default());
        if let Some(context) = context {
            let within = context.within.unwrap_or(NEAR);
            conditions = conditions.with_words(&context.words.unwrap_or_default(), within as usize);
        }
        let Some(except) = except else { return Some(Some(conditions)) };
        let at = node.get("except").unwrap_or(node);
        if !at.has("literals") && !at.has("patterns") {
            self.report.error(at.pos, "`except` needs `literals` or `patterns`");
            return None;
        }
        let count = except.patterns.as_ref().map_or(0, Vec::len);
        let mut patterns = self.each(except.patterns, at, "patterns", |pattern| {
            longest_match(pattern).map(|_| pattern.to_owned())
        });
        if patterns.len() < count {
            return None;
        }
        let literals = except.literals.unwrap_or_default();
        patterns.extend(literals.iter().map(|literal| regex_syntax::escape(literal)));
        let conditions = conditions.with_exceptions(&patterns, case_insensitive);
        conditions.map_err(|message| self.report.error(at.pos, message)).ok().map(Some)
    }

    /// Adds a detector that reports others' findings near each other.
    fn together(
        &mut self,
        name: &str,
        category: Category,
        source: source::Together,
        node: &Node,
    ) -> Option<DetectorId> {
        const OWN: [&str; 6] =
            ["case-insensitive", "max-length", "keys", "validator", "context", "except"];
        let foreign: Vec<_> = OWN.into_iter().filter(|key| node.has(key)).collect();
        for key in &foreign {
            let message =
                format!("`{key}` is about a match; give it to the detectors that find one");
            self.report.error(node.pos_of(key), message);
        }
        let at = node.get("together").unwrap_or(node);
        let (mut members, mut wrong) = (Vec::new(), !foreign.is_empty());
        for (named, item) in source.of.iter().flatten().zip(at.items("of")) {
            match self.member(named, &members) {
                Ok(set) => members.push(set),
                Err(message) => {
                    wrong = true;
                    self.report.error(item.pos, message);
                }
            }
        }
        if !wrong && members.len() < 2 {
            self.report.error(at.pos_of("of"), "it takes two detectors or more to be together");
            wrong = true;
        }
        let within = source.within.unwrap_or(APART);
        let added = (!wrong)
            .then(|| self.catalog.add_together(name.to_owned(), category, members, within))?;
        added.map_err(|error| self.report.error(node.pos, error.to_string())).ok()
    }

    /// The detectors of one item of `of`.
    fn member(&self, named: &str, others: &[DetectorSet]) -> Result<DetectorSet, String> {
        let mut set = DetectorSet::EMPTY;
        let all = self.named(named)?;
        all.iter().filter(|id| self.catalog.has_place(*id)).for_each(|id| set.insert(id));
        if set.is_empty() && !all.is_empty() {
            return Err(format!(
                "`{named}` cannot be found together with others: what it finds has no exact place \
                 and end, or counts at some places only"
            ));
        }
        match others.contains(&set) && !set.is_empty() {
            true => Err(format!("`{named}` is named twice")),
            false => Ok(set),
        }
    }

    /// Looks for a detector in the examples that it brings along.
    fn examples(
        &mut self,
        id: DetectorId,
        name: &str,
        (matches, no_match): (Option<Vec<String>>, Option<Vec<String>>),
        node: &Node,
    ) {
        if matches.is_none() && no_match.is_none() {
            return;
        }
        let mut only = DetectorSet::EMPTY;
        only.insert(id);
        let scanner = Scanner::new(&self.catalog, &only);
        let finds = |text: &String| {
            let mut found = Vec::new();
            scanner.scan_whole(text.as_bytes(), &only, &mut found);
            let mut path = path_in(text.as_bytes(), b"");
            found.iter().any(|f| self.catalog.counts_at(id, || path(f)))
        };
        let name = self.scope.own(name);
        for (text, item) in matches.iter().flatten().zip(node.items("match")) {
            if !finds(text) {
                self.report.error(item.pos, format!("`{name}` finds nothing in this example"));
            }
        }
        for (text, item) in no_match.iter().flatten().zip(node.items("no-match")) {
            if finds(text) {
                let message = format!("`{name}` finds something in this example, and must not");
                self.report.error(item.pos, message);
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
            let Some(wanted) = Category::ALL.into_iter().find(|c| c.name() == category) else {
                let hint = did_you_mean(category, Category::ALL.map(Category::name));
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
            let hint = if Category::ALL.iter().any(|c| c.name() == name) {
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
