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
use super::rule::{Service, bare_host};
use super::{Caller, Message, Mode, Policy};
use crate::behaviour::{
    self, Busy, Callers, Known, Ladder, Mitigation, Model, PATIENCE, Ruling, Seen, Step, Targets,
    Try, Verdict,
};

/// The rule that events name for what the ladder does.
pub const BEHAVIOUR_RULE: &str = "behaviour";
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
    pub(super) mode: Mode,
    /// None: of all services.
    pub(super) services: Option<Bits>,
    /// Whose addresses are never judged.
    pub(super) verified: Vec<Cidr>,
    pub(super) ladder: Ladder,
    /// Where a challenge sends callers; none: it answers 429.
    pub(super) redirect: Option<Redirect>,
    pub(super) callers: Arc<Callers>,
    /// Where they log in.
    pub(super) targets: Arc<Targets>,
}

/// Where a challenge sends callers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Redirect {
    pub(super) location: Box<str>,
    /// Its host (none: the one that was asked) and its path, which are never refused.
    pub(super) host: Option<Box<str>>,
    pub(super) path: Box<str>,
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

#[cfg(test)]
mod tests;
