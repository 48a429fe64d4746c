//! Recorded requests through the scorer: a verdict for each caller.

use std::collections::HashMap;

use weir_inspect::attack_model;
use weir_inspect::behaviour::{Identity, Kind, Model, Verdict, judge};
use weir_inspect::evidence;
use weir_inspect::request::Request;
use weir_inspect::score::score_with;

use super::{actor, seen};

/// From a score of one half on it is an alarm.
pub(super) const ALARM: f32 = 0.5;

/// What is known of a caller.
pub struct Caller {
    /// The scorer's memory.
    pub identity: Identity,
    /// The worst so far: what the data plane would have acted on.
    pub verdict: Verdict,
    /// The score of the request that looks the most like an attack, if they are judged.
    pub attack: Option<f32>,
    /// Its latest address.
    pub address: Option<String>,
    /// Requests.
    pub requests: u64,
    /// Time of its first request, and of the one with which its score first reached one half.
    pub first: f64,
    /// See `first`.
    pub alarm: Option<f64>,
}

/// Judges callers as their requests come.
pub struct Detector {
    model: Model,
    places: HashMap<String, usize>,
    callers: Vec<(String, Caller)>,
    now: f64,
    overlooked: u64,
    attacks: Option<Attacks>,
}

/// How the requests themselves are judged: by signatures, and a model where there is one.
pub struct Attacks(pub Option<attack_model::Model>);

impl Detector {
    /// Most callers that are told apart, in about 300 MB; requests of further ones are counted.
    pub const MOST: usize = 1 << 18;

    /// Nobody seen yet.
    pub fn new(model: Model) -> Detector {
        let (places, callers) = (HashMap::new(), Vec::new());
        Detector { model, places, callers, now: 0.0, overlooked: 0, attacks: None }
    }

    /// Judges the requests themselves too.
    pub fn with(self, attacks: Attacks) -> Detector {
        Detector { attacks: Some(attacks), ..self }
    }

    /// Takes a request into account.
    pub fn observe(&mut self, request: &Request) {
        let name = actor(request);
        let seen = seen(request, self.now);
        self.now = seen.time;
        let place = match self.places.get(&name) {
            Some(place) => *place,
            None if self.callers.len() >= Detector::MOST => {
                self.overlooked += 1;
                return;
            }
            None => {
                let place = self.callers.len();
                self.places.insert(name.clone(), place);
                self.callers.push((name, Caller::new(seen.time)));
                place
            }
        };
        let Some((_, caller)) = self.callers.get_mut(place) else { return };
        caller.identity.observe(&seen, &self.model);
        if let Some(Attacks(model)) = &self.attacks {
            let score = score_with(model.as_ref(), request).score;
            caller.attack = Some(caller.attack.unwrap_or(0.0).max(score));
        }
        caller.requests += 1;
        caller.address = super::actor::address(request);
        caller.judge(seen.time, &self.model);
    }

    /// No more requests: pages that are still open are closed.
    pub fn finish(&mut self) {
        for (_, caller) in &mut self.callers {
            caller.identity.close_page();
            caller.judge(self.now, &self.model);
        }
    }

    /// Callers in the order of their first requests.
    pub fn callers(&self) -> impl Iterator<Item = (&str, &Caller)> {
        self.callers.iter().map(|(name, caller)| (name.as_str(), caller))
    }

    /// Requests of callers beyond [`Detector::MOST`].
    pub fn overlooked(&self) -> u64 {
        self.overlooked
    }
}

impl Caller {
    fn new(first: f64) -> Caller {
        let identity = Identity::default();
        Caller {
            identity,
            verdict: Verdict::nothing(),
            attack: None,
            address: None,
            requests: 0,
            first,
            alarm: None,
        }
    }

    /// How much it looks like an attacker: by what it does, and by what is in its requests if they are judged.
    pub fn score(&self) -> f32 {
        let behaviour = self.verdict.score;
        self.attack.map_or(behaviour, |attack| evidence::caller(attack, behaviour))
    }

    fn judge(&mut self, now: f64, model: &Model) {
        let verdict = judge(&mut self.identity, model);
        if verdict.score >= ALARM && self.alarm.is_none() {
            self.alarm = Some(now);
        }
        if verdict.score >= self.verdict.score || verdict.kind == Kind::MultiVector {
            self.verdict = verdict;
        }
    }
}
