//! Judging callers by what they do, and the ladder of what is done about them.
//!
//! ```text
//! request  ─► Policy::refusal ─► none, or the step that its caller is on refuses it ─┐
//! response ─► Policy::observe ─► the caller's score ─► its step ◄────────────────────┘ Policy::observe_refused
//! ```
//!
//! Both run on the packet path: they wait for nothing and allocate nothing.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;

use super::bits::Bits;
use super::cidr::{Address, Cidr};
use super::compile::Compiler;
use super::rule::{Service, bare_host};
use super::source::{self, StepAction};
use super::yaml::Node;
use super::{Caller, Message, Mode, Policy};
use crate::behaviour::{
    self, Busy, Callers, Known, Ladder, MAX_STEPS, Mitigation, Model, PATIENCE, Ruling, Seen, Step,
    Targets, Try, Verdict,
};

/// The rule that events name for what the ladder does.
pub const BEHAVIOUR_RULE: &str = "behaviour";
/// How long a step lasts that says nothing else.
const LASTS: u64 = 600_000;
/// Longest time of a step and of a rate, in seconds.
const MAX_LASTS: u64 = 7 * 24 * 3600;
const MAX_PER: u64 = 24 * 3600;
/// Who fails to log in where many do is a suspect for so long: milliseconds.
const SUSPECTED: u64 = 600_000;
/// Who was named to be behind an attack is a suspect until its next request, and at least so long.
const NAMED: u64 = 60_000;
/// People who mistype try again, but seldom twice: fewer failures make no suspect. (They decay, so three are a little less.)
const MISTYPED: f32 = 2.5;
/// A token that the service refuses tells nobody apart: who makes up a new one for each request is known by its address. Who was
/// let in with a token ten times ([`PATIENCE`]) is judged by itself, whoever else has that address.
const REFUSED_TOKEN: u16 = 401;

/// What a policy says of behaviour.
#[derive(Debug)]
pub(super) struct Behaviour {
    mode: Mode,
    /// None: of all services.
    services: Option<Bits>,
    /// Whose addresses are never judged.
    verified: Vec<Cidr>,
    ladder: Ladder,
    /// Where a challenge sends callers; none: it answers 429.
    redirect: Option<Redirect>,
    pub(super) callers: Arc<Callers>,
    /// Where they log in.
    pub(super) targets: Arc<Targets>,
}

/// Where a challenge sends callers.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Redirect {
    location: Box<str>,
    /// Its host (none: the one that was asked) and its path, which are never refused.
    host: Option<Box<str>>,
    path: Box<str>,
}

/// A caller came to a higher step.
#[derive(Clone, Debug)]
pub struct Rise {
    /// The step, from 1.
    pub level: u8,
    /// What it does,
    pub mitigation: Mitigation,
    /// if the modes of the section and of the whole let it.
    pub enforced: bool,
    /// Why.
    pub verdict: Verdict,
    /// It is judged more strictly, since many others did the same.
    pub suspect: bool,
    /// Requests of the caller that are not forgotten.
    pub requests: u32,
}

/// A request is refused for its caller's behaviour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The step's.
    pub mitigation: Mitigation,
    /// Seconds after which the caller may try again.
    pub retry_after: u64,
    /// Milliseconds until the step is over.
    pub rest: u64,
    /// Who stands on it.
    key: u64,
}

/// What became of a request that was to be judged.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// Another worker was at the same place of the table: it was not judged.
    pub busy: bool,
    /// Another caller was forgotten for this one.
    pub forgot: bool,
    /// The caller came to a higher step.
    pub rise: Option<Rise>,
}

/// A step of a policy's ladder, for people.
#[derive(Clone, Debug, PartialEq)]
pub struct LadderStep {
    /// From which score on.
    pub score: f32,
    /// What it does.
    pub mitigation: Mitigation,
    /// For how many seconds.
    pub lasts: u64,
    /// Whether it does it: its mode and that of the whole are `enforce`.
    pub acts: bool,
}

impl Behaviour {
    fn watches(&self, message: &Message<'_>, services: &[Service]) -> bool {
        let client = Address::from(message.src);
        if self.verified.iter().any(|range| range.contains(client)) {
            return false;
        }
        let (dst, host) = (message.dst.into(), message.host.map(bare_host));
        let covers = |index: usize| {
            services.get(index).is_some_and(|s| s.covers(dst, message.port, message.vlans, host))
        };
        self.services.as_ref().is_none_or(|named| named.iter().any(covers))
    }

    pub(super) fn covers_flow(&self, covering: &Bits) -> bool {
        self.services.as_ref().is_none_or(|named| named.intersects(covering))
    }

    /// Who fails to log in where many others do, and was never let in, is a suspect for a time.
    fn suspects(&self, known: &mut Known, tried: Try, now: u64) {
        // Another worker is at it: it was not seen then, as ever.
        let attacked = self.targets.observe(tried, now).unwrap_or(false);
        if known.identity.was_let_in() {
            known.standing.trust();
        } else if attacked && known.identity.failed_logins() >= MISTYPED {
            known.standing.suspect(now + SUSPECTED);
        }
    }

    fn rise(&self, known: &mut Known, model: &Model, now: u64, enforced: bool) -> Option<Rise> {
        let level = known.standing.level();
        let mitigation = self.ladder.step(level)?.mitigation;
        let requests = known.identity.requests() as u32;
        let mut verdict = behaviour::judge(&mut known.identity, model);
        let suspect = known.standing.is_suspect(now);
        if suspect {
            verdict.score = behaviour::stricter(verdict.score);
        }
        Some(Rise { level, mitigation, enforced, verdict, suspect, requests })
    }
}

impl Redirect {
    fn leads_to(&self, message: &Message<'_>) -> bool {
        let same = |host: &str| {
            message.host.is_some_and(|asked| asked.eq_ignore_ascii_case(host.as_bytes()))
        };
        self.path.as_bytes() == message.path && self.host.as_deref().is_none_or(same)
    }
}

impl Policy {
    /// Whether the caller of a request is judged by what it does.
    pub fn watches(&self, message: &Message<'_>) -> bool {
        let behaviour = self.compiled.behaviour.as_ref();
        behaviour.is_some_and(|b| b.watches(message, &self.compiled.services))
    }

    /// Whether the step on which the caller of a watched request is refuses it, at `now` in milliseconds of any clock that does not
    /// go back. Also whether that can't be said, since another worker is at that place of the table: then it passes.
    pub fn refusal(
        &self,
        caller: Caller,
        message: &Message<'_>,
        now: u64,
    ) -> (Option<Refusal>, bool) {
        let Some(behaviour) = &self.compiled.behaviour else { return (None, false) };
        let asks = |key| {
            behaviour.callers.find(key, |known| {
                let ruling = known.standing.asks(now, &behaviour.ladder);
                (key, ruling, known.identity.requests() >= f32::from(PATIENCE))
            })
        };
        let asked = match asks(caller.identity) {
            // Hardly anybody yet: as all those of this address whose tokens were refused.
            Ok(None | Some((_, Ruling::Pass, false))) if caller.source != caller.identity => {
                asks(caller.source)
            }
            asked => asked,
        };
        let refusal = match asked {
            Ok(Some((key, Ruling::Refuse { mitigation, retry_after, rest }, _))) => {
                Refusal { mitigation, retry_after, rest, key }
            }
            Ok(_) => return (None, false),
            Err(Busy) => return (None, true),
        };
        let is_refuge = || behaviour.redirect.as_ref().is_some_and(|r| r.leads_to(message));
        let passes = refusal.mitigation == Mitigation::Challenge && is_refuge();
        ((!passes).then_some(refusal), false)
    }

    /// Whether steps of the ladder act, or only tell: their mode and that of the whole are `enforce`.
    pub fn enforces_behaviour(&self) -> bool {
        let behaviour = self.compiled.behaviour.as_ref();
        self.mode == Mode::Enforce && behaviour.is_some_and(|b| b.mode == Mode::Enforce)
    }

    /// Takes a watched request and its answer into account.
    pub fn observe(&self, caller: Caller, seen: &Seen<'_>, now: u64) -> Observed {
        let refused = seen.status == REFUSED_TOKEN;
        let key = if refused { caller.source } else { caller.identity };
        self.take_in(key, seen, now, false)
    }

    /// The same rules with other addresses that are behind an attack: they are judged more strictly.
    pub fn with_suspects(&self, suspects: HashSet<IpAddr>) -> Policy {
        Policy { suspects: Arc::new(suspects), ..self.clone() }
    }

    /// These addresses.
    pub fn suspects(&self) -> &HashSet<IpAddr> {
        &self.suspects
    }

    /// Notes that a caller's address is among them, if it is.
    pub fn suspect(&self, caller: Caller, source: IpAddr, now: u64) {
        if self.suspects.is_empty() || !self.suspects.contains(&source) {
            return;
        }
        let Some(behaviour) = &self.compiled.behaviour else { return };
        for key in [caller.identity, caller.source] {
            // Who is not known has done nothing yet.
            let _ = behaviour.callers.find(key, |known| known.standing.suspect(now + NAMED));
        }
    }

    /// Takes a request into account that was refused: its status is zero.
    pub fn observe_refused(&self, refusal: &Refusal, seen: &Seen<'_>, now: u64) -> Observed {
        self.take_in(refusal.key, seen, now, true)
    }

    fn take_in(&self, key: u64, seen: &Seen<'_>, now: u64, refused: bool) -> Observed {
        let Some(behaviour) = &self.compiled.behaviour else { return Observed::default() };
        let enforced = self.enforces_behaviour();
        let judged = behaviour.callers.enter(key, now, &behaviour.ladder, |known| {
            let tried = known.identity.observe(seen, &self.model);
            if let Some(tried) = tried {
                behaviour.suspects(known, tried, now);
            }
            let score = behaviour::score(&mut known.identity, &self.model);
            let suspect = known.standing.is_suspect(now);
            let score = if suspect { behaviour::stricter(score) } else { score };
            let rose = known.standing.judged(score, refused, now, &behaviour.ladder);
            rose.then(|| behaviour.rise(known, &self.model, now, enforced)).flatten()
        });
        match judged {
            Ok(Some((rise, forgot))) => Observed { busy: false, forgot, rise },
            Ok(None) => Observed::default(),
            Err(Busy) => Observed { busy: true, ..Observed::default() },
        }
    }

    /// Takes the memory in which callers are remembered, unless it has it.
    pub fn prepare(&self) {
        if let Some(behaviour) = &self.compiled.behaviour {
            behaviour.callers.prepare();
        }
    }

    /// Where a challenge sends callers; none: nowhere.
    pub fn challenge_location(&self) -> Option<&str> {
        Some(&self.compiled.behaviour.as_ref()?.redirect.as_ref()?.location)
    }

    /// The steps of its ladder, the lowest first.
    pub fn ladder(&self) -> Vec<LadderStep> {
        let steps = self.compiled.behaviour.iter().flat_map(|b| &b.ladder.0);
        let acts = self.enforces_behaviour();
        let step = |s: &Step| LadderStep {
            score: s.score,
            mitigation: s.mitigation,
            lasts: s.lasts / 1000,
            acts: acts && s.mitigation != Mitigation::Alert,
        };
        steps.map(step).collect()
    }

    /// What was learnt of the sites, by which callers are judged.
    pub fn model(&self) -> &Arc<Model> {
        &self.model
    }

    /// The same rules with another model.
    pub fn with_model(&self, model: Arc<Model>) -> Policy {
        let known = self.endpoints.is_empty();
        let model = if known { model } else { Arc::new(model.on(&self.endpoints)) };
        Policy { model, ..self.clone() }
    }
}

impl Compiler {
    /// The section `behaviour`.
    pub(super) fn behaviour(
        &mut self,
        source: source::Behaviour,
        node: &Node,
        services: &[Service],
    ) -> Behaviour {
        let sources = source.ladder.unwrap_or_default();
        let nodes = node.items("ladder");
        self.limit("steps", nodes, MAX_STEPS);
        let mut steps: Vec<Step> = Vec::new();
        let mut redirect = None;
        for (step, node) in sources.into_iter().zip(nodes) {
            let place = self.redirect(&step, node);
            redirect = redirect.or(place);
            // What is missing here was reported.
            let Some(compiled) = self.step(step, node) else { continue };
            if let Some(before) = steps.last() {
                if compiled.score < before.score {
                    let message = "a step begins at no lower score than the one before it";
                    self.report.error(node.pos_of("score"), message);
                }
                if compiled.mitigation.strength() < before.mitigation.strength() {
                    let message = "a step does no less than the one before it: alert, rate-limit, \
                                   challenge, block, drop-source";
                    self.report.error(node.pos_of("action"), message);
                }
            }
            steps.push(compiled);
        }
        Behaviour {
            mode: source.mode.unwrap_or(Mode::Enforce),
            services: source.services.map(|named| self.service_set(&named, node, services)),
            verified: self.each(source.verified, node, "verified", Cidr::parse),
            ladder: Ladder(steps),
            redirect,
            targets: Arc::default(),
            callers: Arc::new(Callers::new(source.callers.unwrap_or(behaviour::CALLERS))),
        }
    }

    fn step(&mut self, source: source::Step, node: &Node) -> Option<Step> {
        let (score, action) = (source.score? as f32 / 100.0, source.action?);
        let lasts = source.lasts.as_deref().map(|text| (text, node.pos_of("for")));
        let given = lasts.and_then(|(text, pos)| self.duration(text, pos, MAX_LASTS));
        let needs = |key: &str, why: &str| format!("`{key}` needs {why}");
        if source.limit.is_some() && action != StepAction::RateLimit {
            let message = "only `rate-limit` has a `limit`";
            self.report.error(node.pos_of("limit"), message);
        }
        let mitigation = match action {
            StepAction::Alert => Mitigation::Alert,
            StepAction::Challenge => Mitigation::Challenge,
            StepAction::Block | StepAction::DropSource if lasts.is_none() => {
                let name = if action == StepAction::Block { "block" } else { "drop-source" };
                self.report.error(node.pos_of("action"), needs(name, "`for`: for how long"));
                return None;
            }
            StepAction::Block => Mitigation::Block,
            StepAction::DropSource => Mitigation::DropSource,
            StepAction::RateLimit => self.rate(source.limit, node)?,
        };
        Some(Step { score, mitigation, lasts: given.unwrap_or(LASTS) })
    }

    fn rate(&mut self, limit: Option<source::Limit>, node: &Node) -> Option<Mitigation> {
        let Some(limit) = limit else {
            let message = "`rate-limit` needs `limit`: how much is allowed";
            self.report.error(node.pos_of("action"), message);
            return None;
        };
        let at = node.get("limit").unwrap_or(node);
        let Some(burst) = limit.count.filter(|_| !at.has("distinct") && !at.has("by")) else {
            let message = "the limit of a step is `count` and `per`: requests of a caller";
            self.report.error(at.pos, message);
            return None;
        };
        let per = self.duration(&limit.per?, at.pos_of("per"), MAX_PER)?;
        Some(Mitigation::RateLimit { burst, every: (per / u64::from(burst.max(1))).max(1) })
    }

    fn redirect(&mut self, step: &source::Step, node: &Node) -> Option<Redirect> {
        let location = step.redirect.as_deref()?;
        let pos = node.pos_of("redirect");
        if step.action != Some(StepAction::Challenge) {
            self.report.error(pos, "only `challenge` has a `redirect`");
        }
        let (host, path) = match location.split_once("://") {
            Some(("http" | "https", rest)) => {
                let at = rest.find('/').unwrap_or(rest.len());
                let (host, path) = rest.split_at(at);
                (Some(host.into()), if path.is_empty() { "/" } else { path })
            }
            _ => (None, location),
        };
        // It becomes a header field (RFC 9110 §10.2.2).
        if !path.starts_with('/') || location.bytes().any(|b| !b.is_ascii_graphic()) {
            let message =
                format!("`{location}` is no place to go: write `/path` or `https://host/path`");
            self.report.error(pos, message);
            return None;
        }
        let path = path.split(['?', '#']).next().unwrap_or_default();
        Some(Redirect { location: location.into(), host, path: path.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::super::Direction;
    use super::*;

    const POLICY: &str = "version: 1
mode: enforce
services:
  - {name: shop, ports: [80]}
behaviour:
  services: [shop]
  verified: [192.0.2.0/24]
  callers: 64
  ladder:
    - {score: 50, action: alert}
    - {score: 60, action: rate-limit, limit: {count: 5, per: 10s}}
    - {score: 70, action: challenge, redirect: /wait?x=1}
    - {score: 80, action: drop-source, for: 1h}
";

    fn policy(source: &str) -> Policy {
        let policy = Policy::compile(source).unwrap_or_else(|errors| panic!("{errors:#?}")).0;
        policy.prepare();
        policy
    }

    fn message(src: [u8; 4], port: u16, path: &'static str) -> Message<'static> {
        Message {
            host: Some(b"shop"),
            method: b"GET",
            path: path.as_bytes(),
            ..Message::new(Direction::Request, src.into(), [10, 0, 0, 2].into(), port)
        }
    }

    fn seen(time: f64, target: &str, status: u16) -> Seen<'_> {
        let (method, host, target) = (&b"GET"[..], &b"shop"[..], target.as_bytes());
        Seen {
            time,
            method,
            host,
            target,
            endpoint: None,
            referer: None,
            status,
            bytes: 500,
            duration: None,
        }
    }

    /// Goes through ids, ten a second; what refused each request, and the levels it rose to.
    fn enumerate(
        policy: &Policy,
        caller: Caller,
        requests: u64,
    ) -> (Vec<Option<Refusal>>, Vec<Rise>) {
        let (mut refusals, mut rises) = (Vec::new(), Vec::new());
        for n in 0..requests {
            let now = 1000 + n * 100;
            let refusal = refusal(policy, caller, "/", now);
            let target = format!("/api/orders/{n}");
            let seen = seen(now as f64 / 1000.0, &target, if refusal.is_some() { 0 } else { 200 });
            let observed = match &refusal {
                Some(refusal) => policy.observe_refused(refusal, &seen, now),
                None => policy.observe(caller, &seen, now),
            };
            rises.extend(observed.rise);
            refusals.push(refusal);
        }
        (refusals, rises)
    }

    fn refusal(policy: &Policy, caller: Caller, path: &'static str, now: u64) -> Option<Refusal> {
        policy.refusal(caller, &message([10, 0, 0, 1], 80, path), now).0
    }

    #[test]
    fn an_enumerator_climbs_to_the_top_and_says_why() {
        let policy = policy(POLICY);
        let caller = Caller { identity: 7, source: 8 };
        let (refusals, rises) = enumerate(&policy, caller, 400);
        let steps: Vec<_> = rises.iter().map(|r| (r.level, r.mitigation.name())).collect();
        let all = [(1, "alert"), (2, "rate-limit"), (3, "challenge"), (4, "drop-source")];
        assert_eq!(steps, all);
        assert!(rises.iter().all(|r| r.enforced && r.verdict.score >= 0.5 && r.requests >= 10));
        assert!(rises[0].verdict.reasons[0].is_some());
        let last = refusals.last().unwrap().unwrap();
        assert!(last.mitigation == Mitigation::DropSource && last.rest > 3_500_000, "{last:?}");
        // Nobody else, and not by its address.
        let other = Caller { identity: 9, source: 8 };
        assert_eq!(refusal(&policy, other, "/", 50_000), None);
    }

    #[test]
    fn under_monitor_it_climbs_too_and_only_tells() {
        let source = POLICY.replace("behaviour:", "behaviour:\n  mode: monitor");
        let policy = policy(&source);
        let (_, rises) = enumerate(&policy, Caller { identity: 7, source: 7 }, 400);
        assert!(rises.len() == 4 && rises.iter().all(|r| !r.enforced));
        assert!(policy.ladder().iter().all(|step| !step.acts));
    }

    #[test]
    fn a_token_that_is_refused_counts_for_the_address() {
        let policy = policy(
            "version: 1\nmode: enforce\nbehaviour: {ladder: [{score: 50, action: block, for: 1h}]}",
        );
        for n in 0..200 {
            // A new token for each password.
            let caller = Caller { identity: 1000 + n, source: 8 };
            let now = 1000 + n * 1000;
            let login = Seen { method: b"POST", ..seen(now as f64 / 1000.0, "/login", 401) };
            policy.observe(caller, &login, now);
        }
        let let_in = Caller { identity: 6, source: 8 };
        for n in 0..12 {
            // As somebody who reads.
            let at = 3.0 * f64::from(n * n);
            policy.observe(let_in, &seen(at, "/api/me", 200), 180_000);
        }
        for (identity, source, refused) in [(5, 8, true), (5, 9, false), (6, 8, false)] {
            let caller = Caller { identity, source };
            let found = refusal(&policy, caller, "/", 200_001);
            assert_eq!(found.is_some(), refused, "{identity} from {source}");
        }
    }

    #[test]
    fn who_fails_where_many_fail_is_judged_strictly_and_who_mistypes_is_not_refused() {
        let policy = policy(POLICY);
        // Where each address of a spray stands after its tries, one each other second.
        let try_all = |address: u64, statuses: &[u16]| {
            let caller = Caller { identity: address, source: address };
            let (mut level, mut refused) = (0, 0);
            for (n, status) in statuses.iter().enumerate() {
                let now = 1_000_000 + address * 20_000 + n as u64 * 2_000;
                let refusal = refusal(&policy, caller, "/login", now);
                let answer = if refusal.is_some() { 0 } else { *status };
                let login = Seen { method: b"POST", ..seen(now as f64 / 1e3, "/login", answer) };
                let observed = match &refusal {
                    Some(refusal) => policy.observe_refused(refusal, &login, now),
                    None => policy.observe(caller, &login, now),
                };
                refused += u32::from(refusal.is_some());
                level = observed.rise.map_or(level, |rise| rise.level);
            }
            (level, refused)
        };
        let spray: Vec<_> = (1..30).map(|address| try_all(address, &[401; 12])).collect();
        assert!(spray[..8].iter().all(|(level, _)| *level < 3), "{spray:?}");
        assert!(spray[15..].iter().all(|(level, _)| *level == 4), "{spray:?}");
        for (statuses, most) in [(&[401, 401, 200][..], 0), (&[200, 401, 401, 401, 401], 1)] {
            let (level, refused) = try_all(30, statuses);
            assert!(level <= most && refused == 0, "{statuses:?}: {level}, {refused}");
        }
    }

    #[test]
    fn who_is_named_to_be_behind_an_attack_is_judged_strictly() {
        let (policy, caller) = (policy(POLICY), Caller { identity: 7, source: 8 });
        let named = policy.with_suspects(HashSet::from([[10, 0, 0, 1].into()]));
        let level_of = |policy: &Policy, source: [u8; 4], caller: Caller| {
            let mut level = 0;
            for n in 0..30 {
                let (target, now) = (format!("/api/orders/{n}"), 1000 + n * 300);
                policy.suspect(caller, source.into(), now);
                let rise = policy.observe(caller, &seen(now as f64 / 1e3, &target, 200), now).rise;
                level = rise.map_or(level, |rise| rise.level);
            }
            level
        };
        assert!(level_of(&named, [10, 0, 0, 2], caller) <= 1);
        assert_eq!(level_of(&named, [10, 0, 0, 1], Caller { identity: 9, source: 9 }), 4);
    }

    #[test]
    fn whose_callers_are_watched() {
        let policy = policy(POLICY);
        for (src, port, watched) in
            [([10, 0, 0, 1], 80, true), ([192, 0, 2, 9], 80, false), ([10, 0, 0, 1], 81, false)]
        {
            assert_eq!(policy.watches(&message(src, port, "/")), watched, "{src:?} {port}");
        }
        assert!(
            policy.flow_relevant([10, 0, 0, 2].into(), 80, Default::default()),
            "also without a rule"
        );
        assert!(!policy.flow_relevant([10, 0, 0, 2].into(), 81, Default::default()));
        assert_eq!(policy.challenge_location(), Some("/wait?x=1"));
    }

    #[test]
    fn a_new_revision_goes_on_with_the_callers_and_the_model() {
        let before = policy(POLICY).with_model(Arc::new(Model::generic()));
        enumerate(&before, Caller { identity: 7, source: 7 }, 400);
        let mut after = Policy::compile(&POLICY.replace("score: 50", "score: 51")).unwrap().0;
        after.inherit(&before);
        let caller = Caller { identity: 7, source: 7 };
        assert!(refusal(&after, caller, "/", 41_000).is_some());
        assert!(Arc::ptr_eq(after.model(), before.model()));
    }

    #[test]
    fn the_place_that_a_challenge_leads_to_is_no_challenge() {
        let source = POLICY.replace("    - {score: 80, action: drop-source, for: 1h}\n", "");
        let policy = policy(&source);
        let caller = Caller { identity: 7, source: 7 };
        enumerate(&policy, caller, 400);
        let found = |path| refusal(&policy, caller, path, 41_000).map(|r| r.mitigation);
        assert_eq!((found("/x"), found("/wait")), (Some(Mitigation::Challenge), None));
    }
}
