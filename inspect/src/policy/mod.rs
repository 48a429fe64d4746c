//! Policy: which traffic is whose, what to look for in it, and what to do about what is found.
//!
//! ```text
//! source ─► yaml ─► schema ─► compile ─► Policy          (once, at load; every error with line and column)
//! message ─► Policy::select ─► Selection                 (once a message: which rules are about it)
//! finding ─► Policy::decide ─► Decision                  (once a finding: which of them says what)
//! ```
//!
//! [`Policy::select`] and [`Policy::decide`] run on the packet path: they take no lock and allocate nothing.

mod behaviour;
mod bits;
mod bundle;
mod cel;
mod cidr;
mod compile;
mod descriptors;
mod diagnostic;
mod domain;
mod glob;
mod identity;
mod inventory;
mod limit;
mod message;
mod rule;
mod rules;
mod schema;
mod selection;
mod services;
mod source;
#[cfg(test)]
mod tests;
mod usage;
mod yaml;

use std::collections::HashSet;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, LazyLock};
use std::time::{SystemTime, UNIX_EPOCH};

pub use behaviour::{BEHAVIOUR_RULE, LadderStep, Observed, Refusal, Rise};
pub use bundle::{read_files, replace_inventory, replace_tenant};
pub use cidr::parse_cidr;
pub use compile::{MAX_NAME, MAX_RULES, MAX_SERVICES};
pub use descriptors::MAX_DESCRIPTOR_BYTES;
pub use diagnostic::{Diagnostic, Pos, Severity};
pub use glob::MAX_SEGMENTS;
pub use identity::Caller;
pub use inventory::MAX_INVENTORY_BYTES;
pub use limit::Counted;
pub use message::{
    Action, Cause, Direction, ExceptionAction, HeaderLookup, Message, Mode, NoHeaders, Part,
    RuleSeverity, TooLate,
};
pub use rules::RuleOrder;
pub use schema::json_schema;
pub use selection::{Decision, RuleId, Selection};
pub use services::ServiceId;
pub use usage::{CALLERS, MAX_DISTINCT};
pub use yaml::MAX_SOURCE_BYTES;

use crate::behaviour::Model;
use crate::detector::{DetectorId, DetectorSet};
use crate::endpoints::Endpoints;
use crate::scan::{Catalog, Scanner, decode_url};
use behaviour::Behaviour;
use bits::Bits;
use descriptors::{Descriptors, Messages};
use identity::Extract;
pub(crate) use rule::bare_host;
use rule::{Parts, Rule, Service};
use source::RuleDirection;

/// A YAML text of this crate as JSON, by the same rules as a policy. The error has line and column.
pub(crate) fn read_yaml(source: &str) -> Result<serde_json::Value, String> {
    let mut report = diagnostic::Report::default();
    let root = yaml::parse(source, &mut report);
    let errors: Vec<String> = report.into_sorted().iter().map(ToString::to_string).collect();
    root.filter(|_| errors.is_empty()).map(|node| node.to_json()).ok_or(errors.join("\n"))
}

/// A compiled policy. Immutable; a clone is another handle to the same rules.
#[derive(Clone)]
pub struct Policy {
    mode: Mode,
    /// The rules that have ended.
    expired: Bits,
    /// What was learnt of the sites; it comes and goes apart from the source.
    model: Arc<Model>,
    /// The endpoints of the sites, likewise.
    endpoints: Arc<Endpoints>,
    /// Addresses behind an attack.
    suspects: Arc<HashSet<IpAddr>>,
    compiled: Arc<Compiled>,
}

/// All of a policy but its mode, which the operator may change alone, and the time.
struct Compiled {
    /// Callers have to be told apart: a rule has a limit, their behaviour counts, or the policy says where their tokens stand.
    callers: bool,
    /// A rule is about TLS connections.
    judges_tls: bool,
    services: Vec<Service>,
    rules: Vec<Rule>,
    /// As [`Cause::ALL`]; none where the default of the mode holds.
    exceptions: [Option<ExceptionAction>; Cause::ALL.len()],
    identities: Vec<Extract>,
    catalog: Catalog,
    scanner: Scanner,
    /// The names of protobuf's fields.
    descriptors: Option<Descriptors>,
    /// Which messages bodies of protobuf are.
    messages: Vec<Messages>,
    /// How callers are judged, if they are.
    behaviour: Option<Behaviour>,
    fingerprint: u64,
}

impl Compiled {
    /// Builds the one scanner that looks for what any of the rules asks for.
    fn new(
        services: Vec<Service>,
        rules: Vec<Rule>,
        exceptions: [Option<ExceptionAction>; Cause::ALL.len()],
        identities: Option<Vec<Extract>>,
        catalog: Catalog,
        fingerprint: u64,
    ) -> Compiled {
        let wanted = rules
            .iter()
            .filter_map(|rule| rule.detectors.as_ref())
            .fold(DetectorSet::EMPTY, |all, detectors| all.union(detectors));
        let scanner = Scanner::new(&catalog, &wanted);
        let callers = identities.is_some() || rules.iter().any(|rule| rule.limit.is_some());
        let identities = identities.unwrap_or_else(identity::default);
        Compiled {
            callers,
            judges_tls: rules.iter().any(|rule| !rule.ja4.is_empty()),
            services,
            rules,
            exceptions,
            identities,
            catalog,
            scanner,
            descriptors: None,
            messages: Vec::new(),
            behaviour: None,
            fingerprint,
        }
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (services, rules) = (&self.compiled.services, &self.compiled.rules);
        f.debug_struct("Policy")
            .field("mode", &self.mode)
            .field("services", services)
            .field("rules", rules)
            .finish_non_exhaustive()
    }
}

impl Default for Policy {
    /// No rules. Made once and without a pattern, so that the packet path may ask for it.
    fn default() -> Policy {
        static NO_RULES: LazyLock<Policy> = LazyLock::new(|| Policy::of_rules(Vec::new()));
        NO_RULES.clone()
    }
}

impl Policy {
    /// Compiles a policy's YAML source.
    ///
    /// # Errors
    /// All errors and warnings, in the order of the source. On success the warnings come with the policy.
    pub fn compile(source: &str) -> Result<(Policy, Vec<Diagnostic>), Vec<Diagnostic>> {
        compile::compile(source)
    }

    /// The policy while there is none: alerts on everything, edits nothing. Compiled once; from then on a handle.
    pub fn monitor_all() -> Policy {
        static MONITOR_ALL: LazyLock<Policy> = LazyLock::new(Policy::compile_monitor_all);
        MONITOR_ALL.clone()
    }

    fn of_rules(rules: Vec<Rule>) -> Policy {
        let exceptions = [None; Cause::ALL.len()];
        let catalog = Catalog::builtin();
        let compiled = Compiled::new(Vec::new(), rules, exceptions, None, catalog, 0);
        Policy::new(Mode::Monitor, compiled)
    }

    fn compile_monitor_all() -> Policy {
        let mut every = DetectorSet::EMPTY;
        let catalog = Catalog::builtin();
        let wanted = catalog.iter().filter(|d| !d.category.is_named_only());
        wanted.for_each(|detector| every.insert(detector.id));
        let rule = Rule {
            name: "monitor-all".into(),
            about: "everything".into(),
            direction: RuleDirection::Both,
            scope: None,
            services: None,
            methods: Vec::new(),
            paths: Vec::new(),
            endpoints: Vec::new(),
            except: Vec::new(),
            sources: None,
            header: None,
            ja4: Vec::new(),
            when: None,
            detectors: Some(every),
            parts: [Part::Headers, Part::Url, Part::Body]
                .into_iter()
                .fold(Parts::default(), Parts::with),
            action: Action::Alert,
            mode: Mode::Monitor,
            too_late: TooLate::default(),
            limit: None,
            severity: RuleSeverity::Info,
            until: None,
            drops: None,
        };
        Policy::of_rules(vec![rule])
    }

    fn new(mode: Mode, compiled: Compiled) -> Policy {
        type Learnt = (Arc<Model>, Arc<Endpoints>, Arc<HashSet<IpAddr>>);
        static NOTHING: LazyLock<Learnt> = LazyLock::new(Default::default);
        let (model, endpoints, suspects) = NOTHING.clone();
        let (expired, compiled) = (Bits::default(), Arc::new(compiled));
        let policy = Policy { mode, expired, model, endpoints, suspects, compiled };
        policy.at(SystemTime::now())
    }

    /// The same rules without those that have ended by then; cheap. (There is no clock on the packet path: whoever holds a
    /// policy for long asks again.)
    pub fn at(&self, now: SystemTime) -> Policy {
        let now = now.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs() as i64);
        let mut expired = Bits::default();
        let rules = self.compiled.rules.iter().enumerate();
        rules
            .filter(|(_, r)| r.until.is_some_and(|at| at <= now))
            .for_each(|(i, _)| expired.insert(i));
        Policy { expired, ..self.clone() }
    }

    /// Whether the rules that have ended are others than in a policy of the same source.
    pub fn differs_in_time(&self, other: &Policy) -> bool {
        self.expired != other.expired
    }

    /// The mode of the whole.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Goes on with what callers have done, with what was learnt, and with what callers have used under the limits of the policy
    /// before it, where a rule of the same name counts the same. To be called before there is a second handle to this policy; afterwards it does nothing.
    pub fn inherit(&mut self, before: &Policy) {
        self.model = Arc::clone(&before.model);
        self.endpoints = Arc::clone(&before.endpoints);
        self.suspects = Arc::clone(&before.suspects);
        let Some(compiled) = Arc::get_mut(&mut self.compiled) else { return };
        if let (Some(new), Some(old)) = (&mut compiled.behaviour, &before.compiled.behaviour)
            && new.callers.most() == old.callers.most()
        {
            new.callers = Arc::clone(&old.callers);
            new.targets = Arc::clone(&old.targets);
        }
        for rule in &mut compiled.rules {
            let same = before.compiled.rules.iter().find(|old| old.name == rule.name);
            if let (Some(limit), Some(old)) = (&mut rule.limit, same.and_then(|o| o.limit.as_ref()))
                && limit.is_like(old)
            {
                limit.usage = Arc::clone(&old.usage);
            }
        }
    }

    /// The endpoints that were learnt of the sites.
    pub fn endpoints(&self) -> &Arc<Endpoints> {
        &self.endpoints
    }

    /// The same rules with other endpoints, by which the model's are known from now on. Takes as long as reading the model.
    pub fn with_endpoints(&self, endpoints: Arc<Endpoints>) -> Policy {
        let model = Arc::new(self.model.on(&endpoints));
        Policy { model, endpoints, ..self.clone() }
    }

    /// Who sends a request, for the limits of its rules; nobody if no rule has one and the
    /// policy does not say where tokens stand. `query` is that of its target, `key`
    /// keeps the hashes from being guessed.
    pub fn caller(&self, message: &Message<'_>, query: &[u8], key: &[u8; 16]) -> Caller {
        if !self.compiled.callers {
            return Caller::default();
        }
        identity::caller(&self.compiled.identities, message, query, key)
    }

    /// The same rules under another mode; cheap.
    pub fn with_mode(&self, mode: Mode) -> Policy {
        Policy { mode, ..self.clone() }
    }

    /// A number that tells sources apart, the same in each process. No secret, and no proof against forgery.
    pub fn fingerprint(&self) -> u64 {
        self.compiled.fingerprint
    }

    /// The scanner for everything that the rules look for.
    pub fn scanner(&self) -> &Scanner {
        &self.compiled.scanner
    }

    /// The detectors that the policy knows, built-in and its own.
    pub fn catalog(&self) -> &Catalog {
        &self.compiled.catalog
    }

    /// The path of a field of protobuf by names, too, where the policy brings descriptors along; else as it is. Which message it is in,
    /// the gRPC call says, else the policy by its endpoint, else `message`, what the media type says. `target`: the
    /// request's.
    pub fn named_path(
        &self,
        target: &[u8],
        direction: Direction,
        message: Option<&str>,
        path: String,
    ) -> String {
        let Some(descriptors) = &self.compiled.descriptors else { return path };
        let target = target.split(|b| *b == b'?').next().unwrap_or_default();
        let by_endpoint = || {
            let mut decoded = Vec::new();
            decode_url(target, &mut decoded);
            self.compiled.messages.iter().find_map(|m| m.of(&decoded, direction))
        };
        let named = descriptors.named(target, direction, &path);
        let named = named.or_else(|| descriptors.named_as(by_endpoint().or(message)?, &path));
        named.unwrap_or(path)
    }

    /// Whether a rule is about the clients of TLS connections.
    pub fn judges_tls(&self) -> bool {
        self.compiled.judges_tls
    }

    /// What happens to traffic that cannot be inspected: as the policy says, else open in `monitor` and closed in
    /// `enforce` (design rule 5). Overload drops, since TCP retransmits what was dropped once there is room again.
    pub fn exception(&self, cause: Cause) -> ExceptionAction {
        let given = self.compiled.exceptions.get(cause as usize).copied().flatten();
        given.unwrap_or(match (self.mode, cause) {
            (Mode::Monitor, _) => ExceptionAction::Pass,
            (Mode::Enforce, Cause::Overload) => ExceptionAction::Drop,
            (Mode::Enforce, _) => ExceptionAction::Reset,
        })
    }

    /// The rules that are about a message. No allocation, no lock; linear in the number of rules.
    pub fn select(&self, message: &Message<'_>) -> Selection {
        let host = message.host.map(bare_host);
        let (dst, mut services) = (message.dst.into(), Bits::default());
        for (index, service) in self.compiled.services.iter().enumerate() {
            if service.covers(dst, message.port, message.vlans, host) {
                services.insert(index);
            }
        }
        let mut path = None;
        let mut selection = Selection::default();
        let mut bypassed = DetectorSet::EMPTY;
        for (index, rule) in self.compiled.rules.iter().enumerate() {
            if self.expired.contains(index) || !rule.applies(message, &services, &mut path) {
                continue;
            }
            match (rule.action, &rule.detectors) {
                (Action::Bypass, _) if rule.mode == Mode::Monitor => {}
                (Action::Bypass, None) => return Selection::default(),
                (Action::Bypass, Some(detectors)) => bypassed = bypassed.union(detectors),
                _ => selection.add(index, rule, self.mode),
            }
        }
        if !bypassed.is_empty() {
            selection.look_away(&bypassed);
        }
        selection
    }

    /// What is done about a finding; none if no selected rule asks for this detector in this part.
    /// Which of several rules decides is said at [`Decision`].
    pub fn decide(
        &self,
        selection: &Selection,
        part: Part,
        detector: DetectorId,
    ) -> Option<Decision> {
        // The scanner of a body knows no message: it finds what any rule asks for.
        if !selection.detectors(part).contains(detector) {
            return None;
        }
        selection
            .rules
            .iter()
            .filter_map(|index| Some((index, self.compiled.rules.get(index)?)))
            .filter(|(_, rule)| rule.parts.contains(part))
            .filter(|(_, rule)| rule.detectors.is_some_and(|set| set.contains(detector)))
            .map(|(index, rule)| Decision::of(index, rule, self.mode))
            .reduce(Decision::stronger)
    }
}
