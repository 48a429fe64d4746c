//! From source to a compiled policy, reporting every error with its place.

mod behaviour;
mod callers;
mod combination;
mod detectors;
mod given;
mod parts;
mod rules;
mod services;

use std::collections::HashSet;

use super::bits;
use super::descriptors::{Descriptors, Messages};
use super::diagnostic::{Diagnostic, Pos, Report, did_you_mean};
use super::glob::Glob;
use super::inventory::Inventory;
use super::source::{self, Source};
use super::yaml::Node;
use super::{Compiled, Mode, Policy, bundle, schema};
use crate::duration;
use crate::scan::Catalog;
use parts::{Parts, Scope, Tests};

/// Most rules of a policy; more is an error.
pub const MAX_RULES: usize = bits::CAPACITY;
/// Most services of a policy; more is an error.
pub const MAX_SERVICES: usize = bits::CAPACITY;
/// Longest name of a service, detector or rule: names become labels of metrics.
pub const MAX_NAME: usize = 64;

/// Compiles a policy; see [`Policy::compile`].
pub(super) fn compile(source: &str) -> Result<(Policy, Vec<Diagnostic>), Vec<Diagnostic>> {
    let mut compiler = Compiler {
        report: Report::default(),
        scope: Scope::default(),
        catalog: Catalog::builtin(),
        inventory: None,
        refused: Vec::new(),
    };
    match compiler.compile(source) {
        Some(policy) => Ok((policy, compiler.report.into_sorted())),
        None => Err(compiler.report.into_sorted()),
    }
}

/// What is known while a policy is being compiled.
struct Compiler {
    report: Report,
    /// Whose file is being compiled.
    scope: Scope,
    catalog: Catalog,
    /// The workloads that are known.
    inventory: Option<Inventory>,
    /// Names of own detectors with errors: rules that name them are not wrong too.
    refused: Vec<String>,
}

impl Compiler {
    fn compile(&mut self, source: &str) -> Option<Policy> {
        let fingerprint = fnv1a(source.as_bytes());
        let (main, _) = bundle::parts(source);
        let (mut main, root) = self.read::<Source>(main, schema::check)?;
        let identities =
            main.identities.take().map(|tokens| self.identities(tokens, root.items("identities")));
        self.inventory = main
            .inventory
            .take()
            .map(|file| self.inventory(&file, root.pos_of("inventory"), source));
        let Parts { services, rules, tests } = self.parts(&mut main, &root, source);
        let behaviour = main.behaviour.take().zip(root.get("behaviour"));
        let behaviour = behaviour.map(|(source, node)| self.behaviour(source, node, &services));
        if rules.is_empty() && !root.has("rules") && behaviour.is_none() {
            self.report.warning(root.pos, "the policy has no rules, so nothing is inspected");
        }
        let descriptors =
            main.descriptors.take().map(|names| self.descriptors(&names, &root, source));
        let messages = main.messages.take().unwrap_or_default();
        let messages = self.messages(messages, root.items("messages"), descriptors.as_ref());
        let mode = main.mode.unwrap_or(Mode::Monitor);
        let e = main.exceptions.unwrap_or_default();
        let exceptions = [e.memory, e.parser_error, e.midstream, e.overload, e.undecodable];
        // Compiling the scanner is the dear part, and of no use to a policy that is refused.
        if self.report.has_errors() {
            return None;
        }
        let catalog = std::mem::replace(&mut self.catalog, Catalog::builtin());
        let compiled = Compiled::new(services, rules, exceptions, identities, catalog, fingerprint);
        let callers = compiled.callers || behaviour.is_some();
        let compiled = Compiled { descriptors, messages, behaviour, callers, ..compiled };
        let policy = Policy::new(mode, compiled);
        let enforced = policy.with_mode(Mode::Enforce);
        for Tests { scope, tests, nodes } in tests {
            self.enter(scope);
            self.tests(tests, &nodes, &enforced);
        }
        (!self.report.has_errors()).then_some(policy)
    }

    /// The descriptor sets that the policy brings along.
    fn descriptors(&mut self, names: &[String], root: &Node, source: &str) -> Descriptors {
        let mut all = Descriptors::default();
        let (_, texts) = bundle::parts(source);
        for (name, node) in names.iter().zip(root.items("descriptors")) {
            let added = match texts.iter().find(|(file, _)| file == name) {
                Some((_, text)) => all.add(text).map_err(|problem| format!("`{name}`: {problem}")),
                None => Err(bundle::missing(name)),
            };
            if let Err(message) = added {
                self.report.error(node.pos, message);
            }
        }
        all
    }

    /// Which messages endpoints' bodies are.
    fn messages(
        &mut self,
        sources: Vec<source::Messages>,
        nodes: &[Node],
        descriptors: Option<&Descriptors>,
    ) -> Vec<Messages> {
        let mut all = Vec::new();
        for (source, node) in sources.into_iter().zip(nodes) {
            let paths = self.each(source.paths, node, "paths", Glob::parse);
            for (key, name) in [("request", &source.request), ("response", &source.response)] {
                let Some(name) = name.as_deref() else { continue };
                if descriptors.is_none_or(|d| !d.knows(name)) {
                    let known: Vec<_> =
                        descriptors.into_iter().flat_map(Descriptors::messages).collect();
                    let hint = did_you_mean(name, known.iter().map(String::as_str));
                    let message = format!("no descriptor set has a message `{name}`{hint}");
                    self.report.error(node.pos_of(key), message);
                }
            }
            all.push(Messages { paths, request: source.request, response: source.response });
        }
        all
    }

    /// The workloads that the policy brings along. What is wrong with them is reported.
    fn inventory(&mut self, file: &str, pos: Pos, source: &str) -> Inventory {
        let (_, texts) = bundle::parts(source);
        let read = match texts.iter().find(|(name, _)| *name == file) {
            Some((_, text)) => {
                Inventory::read(text).map_err(|problem| format!("`{file}`: {problem}"))
            }
            None => Err(bundle::missing(file)),
        };
        read.unwrap_or_else(|message| {
            self.report.error(pos, message);
            Inventory::default()
        })
    }

    /// Milliseconds of a duration of at most so many seconds.
    fn duration(&mut self, text: &str, pos: Pos, most: u64) -> Option<u64> {
        let checked = duration::seconds(text).and_then(|seconds| match seconds <= most {
            true => Ok(seconds * 1000),
            false => Err(format!("`{text}` is too long; at most {} hours", most / 3600)),
        });
        checked.map_err(|message| self.report.error(pos, message)).ok()
    }

    /// A name: present, unique, and fit for a label.
    fn name(
        &mut self,
        name: Option<String>,
        node: &Node,
        of: &str,
        taken: &mut HashSet<String>,
    ) -> String {
        // A missing name is already reported.
        let Some(name) = name else { return String::new() };
        let pos = node.pos_of("name");
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if name.len() > MAX_NAME {
            self.report.error(pos, format!("a name has at most {MAX_NAME} characters"));
        } else if let Some(c) = name.chars().find(|c| !plain(*c)) {
            let message = format!("a name holds letters, digits, `-`, `_` and `.`, but not `{c}`");
            self.report.error(pos, message);
        } else if !taken.insert(self.scope.full(&name)) {
            self.report.error(pos, format!("a {of} `{name}` is already defined above"));
        }
        self.scope.full(&name)
    }

    /// Compiles each text of a list; an error stands at its item.
    fn each<T>(
        &mut self,
        texts: Option<Vec<String>>,
        node: &Node,
        key: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Vec<T> {
        let items = texts.unwrap_or_default().into_iter().zip(node.items(key));
        let compiled = items.filter_map(|(text, item)| {
            parse(&text).map_err(|message| self.report.error(item.pos, message)).ok()
        });
        compiled.collect()
    }

    fn limit(&mut self, what: &str, nodes: &[Node], most: usize) {
        if let Some(node) = nodes.get(most) {
            let message = format!("too many {what}: there can be {most}, here are {}", nodes.len());
            self.report.error(node.pos, message);
        }
    }
}

/// FNV-1a, 64 bits: unlike the standard library's hash the same in each release.
fn fnv1a(bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}
