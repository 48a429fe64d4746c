//! From source to a compiled policy, reporting every error with its place.

use std::collections::HashSet;
use std::sync::Arc;

use super::bits::{self, Bits};
use super::cel::{CelError, Condition};
use super::cidr::{Cidr, Ranges};
use super::descriptors::{Descriptors, Messages};
use super::diagnostic::{Diagnostic, Pos, Report, did_you_mean};
use super::given::Given;
use super::glob::Glob;
use super::identity::{Extract, Place};
use super::inventory::{self, Inventory, Selector};
use super::limit::{Limit, Measure};
use super::parts::{Parts, Scope, Tests};
use super::rule::{self, Endpoint, Host, Ja4, Rule, Service};
use super::source::{self, Expected, RuleDirection, Source};
use super::usage::Usage;
use super::yaml::Node;
use super::{Action, Compiled, Mode, Part, Policy, bundle, schema};
use crate::duration;
use crate::scan::Catalog;

/// Most rules of a policy; more is an error.
pub const MAX_RULES: usize = bits::CAPACITY;
/// Most services of a policy; more is an error.
pub const MAX_SERVICES: usize = bits::CAPACITY;
/// Longest time of a limit, and for which a caller can be locked out, in seconds.
const MAX_PER: u64 = 24 * 3600;
const MAX_LOCK: u64 = 7 * 24 * 3600;
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
pub(super) struct Compiler {
    pub(super) report: Report,
    /// Whose file is being compiled.
    pub(super) scope: Scope,
    pub(super) catalog: Catalog,
    /// The workloads that are known.
    inventory: Option<Inventory>,
    /// Names of own detectors with errors: rules that name them are not wrong too.
    pub(super) refused: Vec<String>,
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

    /// Runs the tests that the policy brings along.
    fn tests(&mut self, sources: Vec<source::Test>, nodes: &[Node], policy: &Policy) {
        for (test, node) in sources.into_iter().zip(nodes) {
            // What is missing here was reported.
            let (Some(given), Some(expected)) = (test.given, test.expect) else { continue };
            let given = match Given::read(given, policy, &self.scope) {
                Ok(given) => given,
                Err(message) => {
                    self.report.error(node.pos_of("given"), message);
                    continue;
                }
            };
            let decision = given.decide(policy);
            let found = decision.map_or(Expected::Pass, |d| match d.enforced {
                true => Expected::of(d.action),
                false => Expected::Alert,
            });
            let rule = decision.map(|d| policy.rule_name(d.rule)).unwrap_or_default();
            let other = test.rule.as_deref().filter(|wanted| self.scope.full(wanted) != rule);
            if found != expected || other.is_some() {
                let wanted = test.rule.map(|r| format!(" by `{r}`")).unwrap_or_default();
                let by = decision.map(|_| format!(" by `{rule}`")).unwrap_or_default();
                let message = format!("expected {expected}{wanted}, but it is {found}{by}");
                self.report.error(node.pos_of("expect"), message);
            }
        }
    }

    pub(super) fn services(
        &mut self,
        sources: Vec<source::Service>,
        nodes: &[Node],
        services: &mut Vec<Service>,
    ) {
        self.limit("services", nodes, MAX_SERVICES.saturating_sub(services.len()));
        let mut names = services.iter().map(|s| s.name.clone()).collect();
        services.extend(sources.into_iter().zip(nodes).map(|(mut source, node)| Service {
            name: self.name(source.name.take(), node, "service", &mut names),
            scope: self.scope.domain.clone(),
            addresses: self.service_addresses(&mut source, node),
            ports: source.ports.unwrap_or_default(),
            hosts: self.each(source.hosts, node, "hosts", Host::parse),
        }));
    }

    pub(super) fn rules(&mut self, sources: Vec<source::Rule>, nodes: &[Node], parts: &mut Parts) {
        let Parts { services, rules, .. } = parts;
        self.limit("rules", nodes, MAX_RULES.saturating_sub(rules.len()));
        let mut names = rules.iter().map(|r| r.name.clone()).collect();
        rules.extend(sources.into_iter().zip(nodes).map(|(mut source, node)| {
            self.check_combination(&source, node);
            let action = source.action.unwrap_or(Action::Alert);
            let about = source.about();
            let mut identity = source.identity.take().unwrap_or_default();
            let identity_node = node.get("identity").unwrap_or(node);
            let direction = source.direction.unwrap_or(match source.detect {
                Some(_) => RuleDirection::Both,
                None => RuleDirection::Request,
            });
            Rule {
                name: self.name(source.name, node, "rule", &mut names),
                about,
                direction,
                scope: self.scope.domain.clone(),
                services: source.services.map(|named| self.service_set(&named, node, services)),
                methods: self.each(source.methods, node, "methods", method),
                paths: self.each(source.paths, node, "paths", Glob::parse),
                endpoints: self.each(source.endpoints, node, "endpoints", Endpoint::parse),
                except: self.each(source.except, node, "except", Glob::parse),
                sources: self.clients(&mut identity, identity_node, services),
                header: identity.header.map(|header| self.header(header, identity_node)),
                ja4: self.each(identity.ja4, identity_node, "ja4", Ja4::parse),
                when: source.when.and_then(|text| self.condition(&text, node.pos_of("when"))),
                detectors: source.detect.map(|names| self.detector_set(&names, action, node)),
                parts: looked_at(source.parts, action),
                action,
                mode: source.mode.unwrap_or(Mode::Enforce),
                too_late: source.too_late.unwrap_or_default(),
                limit: self.limited(source.limit, source.lock_out.as_deref(), action, node),
                severity: source.severity.unwrap_or_default(),
                until: source.until.and_then(|text| self.time(&text, node.pos_of("until"))),
                drops: source.lock_out.filter(|_| action == Action::DropSource).and_then(|text| {
                    // What is wrong with it was reported.
                    duration::seconds(&text).ok().map(|seconds| seconds * 1000)
                }),
            }
        }));
    }

    /// What the schema cannot say: which fields of a rule make sense together.
    fn check_combination(&mut self, rule: &source::Rule, node: &Node) {
        let overwrites = rule.action.filter(|action| action.overwrites());
        let response = rule.detect.is_some() && rule.direction != Some(RuleDirection::Request);
        if rule.too_late.is_some() && !(rule.action == Some(Action::Block) && response) {
            let message = "`too-late` is about responses that are blocked for what they hold: it \
                           needs `detect`, `action: block`, and not `direction: request`";
            self.report.error(node.pos_of("too-late"), message);
        }
        self.check_penalty(rule, node);
        self.check_tls(rule, node);
        let parts = rule.parts.as_deref().unwrap_or_default();
        let url = || {
            let at = parts.iter().position(|p| *p == Part::Url);
            at.and_then(|i| node.items("parts").get(i)).map_or(node.pos, |n| n.pos)
        };
        if !node.has("detect") {
            if let Some(action) = overwrites {
                let name = action.name();
                let message = format!("`{name}` needs `detect`: what to {name}");
                self.report.error(node.pos_of("action"), message);
            }
            if !parts.is_empty() {
                let message = "`parts` needs `detect`: a rule without it is about the call itself";
                self.report.error(node.pos_of("parts"), message);
            }
            if rule.direction.is_some_and(|d| d != RuleDirection::Request) {
                let message = "a rule without `detect` is about the call, so its direction can \
                               only be `request`";
                self.report.error(node.pos_of("direction"), message);
            }
            let conditions = [
                "services",
                "methods",
                "paths",
                "endpoints",
                "except",
                "identity",
                "when",
                "limit",
            ];
            if conditions.iter().any(|c| node.has(c)) {
                return;
            }
            let every = match rule.action {
                Some(Action::Bypass) => "so nothing is inspected",
                Some(action) if action.refuses() => "so it blocks every request",
                _ => return,
            };
            self.report.warning(node.pos, format!("the rule has no conditions, {every}"));
            return;
        }
        if overwrites.is_some() && parts.contains(&Part::Url) {
            let message = "a URL cannot be masked, only blocked: take `url` out of `parts`, or \
                           use `block`";
            self.report.error(url(), message);
        } else if parts == [Part::Url] && rule.direction == Some(RuleDirection::Response) {
            self.report.error(url(), "a response has no `url`");
        }
    }

    /// A rule about TLS connections has no condition about what is inside.
    fn check_tls(&mut self, rule: &source::Rule, node: &Node) {
        if rule.identity.as_ref().is_none_or(|identity| identity.ja4.is_none()) {
            return;
        }
        for key in ["methods", "paths", "except", "detect"] {
            if node.has(key) {
                let message = format!("of a TLS connection nothing is read, so it has no `{key}`");
                self.report.error(node.pos_of(key), message);
            }
        }
        if rule.identity.as_ref().is_some_and(|identity| identity.header.is_some()) {
            let message = "of a TLS connection nothing is read, so it has no `header`";
            self.report.error(node.pos_of("identity"), message);
        }
        if let Some(action @ (Action::Throttle | Action::Bypass)) = rule.action {
            let message = format!("a TLS connection can't have `{}`", action.name());
            self.report.error(node.pos_of("action"), message);
        }
    }

    /// Which actions go with `limit` and `for`.
    fn check_penalty(&mut self, rule: &source::Rule, node: &Node) {
        let Some(action) = rule.action else { return };
        let (limited, lasts) = (rule.limit.is_some(), rule.lock_out.is_some());
        let problem = match action {
            Action::Quarantine | Action::DropSource if !lasts => {
                Some(("action", "needs `for`: for how long"))
            }
            Action::RateLimit | Action::Throttle if !limited => {
                Some(("action", "needs `limit`: how much is allowed"))
            }
            Action::Throttle if rule.limit.as_ref().is_some_and(|l| l.distinct.is_some()) => {
                Some(("limit", "paces calls, so its limit is a `count`"))
            }
            Action::RateLimit | Action::Throttle if rule.detect.is_some() => {
                Some(("action", "is about calls, so it has no `detect`"))
            }
            Action::Bypass if limited => Some(("action", "has no `limit`")),
            Action::Quarantine | Action::DropSource => None,
            Action::Block if limited => None,
            _ if lasts => Some((
                "for",
                "has no `for`; a `block` with `limit` has, `quarantine` and `drop-source`",
            )),
            _ => None,
        };
        if let Some((key, problem)) = problem {
            self.report.error(node.pos_of(key), format!("`{}` {problem}", action.name()));
        }
    }

    /// Where callers' tokens stand.
    fn identities(&mut self, sources: Vec<source::Token>, nodes: &[Node]) -> Vec<Extract> {
        let mut extracts = Vec::new();
        for (token, node) in sources.into_iter().zip(nodes) {
            let lower = |name: String| name.to_ascii_lowercase();
            let mut places = [
                token.header.map(|name| Place::Header(lower(name))),
                token.cookie.map(Place::Cookie),
                token.query.map(Place::Query),
                token.certificate.map(|name| Place::Certificate(lower(name))),
                token.ja4.map(|name| Place::Ja4(lower(name))),
            ]
            .into_iter()
            .flatten();
            let (Some(place), None) = (places.next(), places.next()) else {
                let message = "a token stands in exactly one of `header`, `cookie`, `query`, `certificate` and `ja4`";
                self.report.error(node.pos, message);
                continue;
            };
            extracts.push(Extract { place, claim: token.claim });
        }
        extracts
    }

    /// The addresses of clients: those given, and those of the services that are named.
    fn clients(
        &mut self,
        identity: &mut source::Identity,
        node: &Node,
        services: &[Service],
    ) -> Option<Ranges> {
        if identity.source.is_none() && identity.services.is_none() {
            return None;
        }
        let sources = self.each(identity.source.take(), node, "source", Cidr::parse);
        let mut all: Ranges = sources.into_iter().collect();
        let named = identity.services.take().unwrap_or_default();
        let set = self.service_set(&named, node, services);
        for (index, item) in set.iter().zip(node.items("services")) {
            let Some(service) = services.get(index) else { continue };
            match &service.addresses {
                Some(addresses) => all = all.with(addresses),
                None => {
                    let message =
                        "a client is known by its address, and this service has no `addresses`";
                    self.report.error(item.pos, message);
                }
            }
        }
        Some(all)
    }

    /// A service's addresses; none: any.
    fn service_addresses(&mut self, source: &mut source::Service, node: &Node) -> Option<Ranges> {
        let labels = source.labels.take().unwrap_or_default();
        let selector = Selector { namespace: source.namespace.take(), labels };
        self.addresses(source.addresses.take(), &selector, node)
    }

    /// The addresses that are given, and those of the workloads that are meant; none if nothing is said of them.
    pub(super) fn addresses(
        &mut self,
        given: Option<Vec<String>>,
        selector: &Selector,
        node: &Node,
    ) -> Option<Ranges> {
        if given.is_none() && selector.is_empty() {
            return None;
        }
        let mut all = self.each(given, node, "addresses", Cidr::parse);
        if selector.is_empty() {
            return Some(all.into_iter().collect());
        }
        let key = if selector.namespace.is_some() { "namespace" } else { "labels" };
        for (label, item) in selector.labels.iter().zip(node.items("labels")) {
            if !inventory::is_label(label) {
                self.report.error(item.pos, format!("`{label}` is no label; write `key=value`"));
            }
        }
        match &self.inventory {
            None => {
                let message =
                    "which workloads those are, an `inventory` says, and the policy has none";
                self.report.error(node.pos_of(key), message);
            }
            Some(inventory) => {
                let before = all.len();
                all.extend(inventory.select(selector));
                if all.len() == before {
                    let message = "the inventory has no such workload";
                    self.report.warning(node.pos_of(key), message);
                }
            }
        }
        Some(all.into_iter().collect())
    }

    /// A rule's limit; none if it has none, or if something is wrong with it, which is reported.
    fn limited(
        &mut self,
        source: Option<source::Limit>,
        lock_out: Option<&str>,
        action: Action,
        rule: &Node,
    ) -> Option<Limit> {
        let lock = lock_out.and_then(|text| self.duration(text, rule.pos_of("for"), MAX_LOCK));
        let lock = lock.filter(|_| action != Action::DropSource);
        let Some(source) = source else {
            // The first finding is one too many.
            let lock = lock.filter(|_| action == Action::Quarantine)?;
            let (measure, per, by) =
                (Measure::Count, lock.min(MAX_PER * 1000), source::By::Identity);
            let usage = Arc::new(Usage::new(per, false));
            return Some(Limit { measure, most: 0, per, by, lock: Some(lock), usage });
        };
        let node = rule.get("limit").unwrap_or(rule);
        if node.has("count") == node.has("distinct") {
            self.report.error(node.pos, "a limit is exactly one of `count` and `distinct`");
        }
        let per = source.per.and_then(|text| self.duration(&text, node.pos_of("per"), MAX_PER));
        // What is missing here was reported.
        let (measure, most) = match (source.count, source.distinct) {
            (Some(most), None) => (Measure::Count, most),
            (None, Some(most)) => (Measure::Distinct, most),
            _ => return None,
        };
        let per = per?;
        let by = source.by.unwrap_or(source::By::Identity);
        let usage = Arc::new(Usage::new(per, measure == Measure::Distinct));
        Some(Limit { measure, most, per, by, lock, usage })
    }

    /// Milliseconds of a duration of at most so many seconds.
    pub(super) fn duration(&mut self, text: &str, pos: Pos, most: u64) -> Option<u64> {
        let checked = duration::seconds(text).and_then(|seconds| match seconds <= most {
            true => Ok(seconds * 1000),
            false => Err(format!("`{text}` is too long; at most {} hours", most / 3600)),
        });
        checked.map_err(|message| self.report.error(pos, message)).ok()
    }

    /// A condition in CEL. Its errors name the character, since YAML may write it over several lines.
    fn condition(&mut self, text: &str, pos: Pos) -> Option<Condition> {
        let compiled = Condition::compile(text);
        let report = |e: CelError| {
            self.report.error(pos, format!("`when`: {}, at its character {}", e.problem, e.at));
        };
        compiled.map_err(report).ok()
    }

    /// A time in seconds since the Unix epoch; of a date its beginning in UTC. Past ones get a warning.
    fn time(&mut self, text: &str, pos: Pos) -> Option<i64> {
        let date = |text: &str| {
            let date = text.parse::<jiff::civil::Date>().ok()?;
            Some(date.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
        };
        let Some(time) = text.parse::<jiff::Timestamp>().ok().or_else(|| date(text)) else {
            let message =
                format!("`{text}` is no time; write `2026-12-31` or `2026-12-31T08:00:00+01:00`");
            self.report.error(pos, message);
            return None;
        };
        if time <= jiff::Timestamp::now() {
            self.report.warning(pos, "that is over, so the rule does nothing");
        }
        Some(time.as_second())
    }

    pub(super) fn service_set(
        &mut self,
        named: &[String],
        node: &Node,
        services: &[Service],
    ) -> Bits {
        let mut set = Bits::default();
        for (name, item) in named.iter().zip(node.items("services")) {
            match services.iter().position(|s| s.name == self.scope.full(name)) {
                Some(index) => set.insert(index),
                None => {
                    let own = services.iter().filter(|s| self.scope.sees(&s.name));
                    let hint = did_you_mean(name, own.map(|s| self.scope.own(&s.name)));
                    self.report.error(item.pos, format!("there is no service `{name}`{hint}"));
                }
            }
        }
        set
    }

    fn header(&mut self, header: source::HeaderCondition, identity: &Node) -> rule::Header {
        let name = header.name.unwrap_or_default();
        let node = identity.get("header").unwrap_or(identity);
        if !name.bytes().all(is_token) {
            let message = format!("`{name}` is not the name of a header");
            self.report.error(node.pos_of("name"), message);
        }
        rule::Header { name: name.to_ascii_lowercase(), values: header.values.unwrap_or_default() }
    }

    /// A name: present, unique, and fit for a label.
    pub(super) fn name(
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
    pub(super) fn each<T>(
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

    pub(super) fn limit(&mut self, what: &str, nodes: &[Node], most: usize) {
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

/// The parts a rule looks at: all by default, but a URL cannot be masked.
fn looked_at(given: Option<Vec<Part>>, action: Action) -> rule::Parts {
    let default = match action {
        action if action.overwrites() => vec![Part::Headers, Part::Body],
        _ => vec![Part::Headers, Part::Url, Part::Body],
    };
    given.unwrap_or(default).into_iter().fold(rule::Parts::default(), rule::Parts::with)
}

/// Methods are case-sensitive (RFC 9110 §9.1): `get` would never match.
fn method(text: &str) -> Result<String, String> {
    if text.is_empty() || !text.bytes().all(is_token) {
        return Err(format!("`{text}` is not a method"));
    }
    if text.bytes().any(|b| b.is_ascii_lowercase()) {
        let upper = text.to_ascii_uppercase();
        return Err(format!("methods are case-sensitive; did you mean `{upper}`?"));
    }
    Ok(text.to_owned())
}

/// RFC 9110 §5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
