//! What is counted and known of a service and its endpoints.

mod callers;
mod scope;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::baseline::WINDOWS;
use super::observation::{Observation, Outcome};
use super::sketch::{Bloom, Merge, hash};
pub use callers::{By, CallersWindow};
pub use scope::{Baseline, Scope, Window};

/// Most endpoints of a service that are told apart; the rest counts as [`OTHER`].
pub const MAX_ENDPOINTS: usize = 128;
/// What is beyond a cap, and what is not there.
pub const OTHER: &str = "(other)";
const DAY: u64 = 86_400;
/// Newcomers are known after an hour.
const NEWCOMER: u64 = 3_600;
/// Known callers are remembered for one to two weeks.
const GENERATION: u64 = 7 * 86_400;

/// Who was here before: two generations of a week each, and the newcomers of this hour.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Known {
    before: Bloom,
    grown: Bloom,
    newcomers: Bloom,
    since: u64,
}

/// A service: itself, its endpoints and its callers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Service {
    /// All of it.
    pub whole: Scope,
    /// By method and template.
    pub endpoints: BTreeMap<String, Scope>,
    /// By window.
    pub callers: [CallersWindow; WINDOWS.len()],
    known: Known,
    /// Services that have asked, and when first, in seconds since the Unix epoch.
    edges: BTreeMap<String, u64>,
    /// Of those, who asked for the first time in the bucket under way.
    newly: Vec<String>,
}

/// Services that are known to ask; of further ones it is not told that they are new.
const MAX_EDGES: usize = 256;
/// With fewer requests, how they spread says nothing.
const SPREAD_REQUESTS: u64 = 50;

/// Registers for the callers of a service (2^10), and of an endpoint (2^7).
const SERVICE_BITS: u32 = 10;
const ENDPOINT_BITS: u32 = 7;

impl Service {
    pub(super) fn new() -> Service {
        Service {
            whole: Scope::new(SERVICE_BITS),
            endpoints: BTreeMap::new(),
            callers: Default::default(),
            known: Known::default(),
            edges: BTreeMap::new(),
            newly: Vec::new(),
        }
    }

    /// Whoever asks and is answered for the first time, once it is known who asks.
    fn edge(&mut self, o: &Observation) {
        let Some(caller) = o.caller.as_ref().filter(|_| o.outcome == Outcome::Ok) else { return };
        if self.edges.len() < MAX_EDGES && !self.edges.contains_key(caller) {
            self.edges.insert(caller.clone(), o.ts as u64);
            if self.whole.usual.requests.is_ready() {
                self.newly.push(caller.clone());
            }
        }
    }

    /// Who asked for the first time since the bucket began.
    pub fn newly(&self) -> &[String] {
        &self.newly
    }

    /// Over how many endpoints the requests of a window spread, if there are enough to tell.
    pub fn spread(&self, length: usize) -> Option<f64> {
        let counts = || {
            let windows = self.endpoints.values().filter_map(|scope| scope.windows.get(length));
            windows.map(|w| w.record.all.requests).filter(|n| *n > 0)
        };
        let all: u64 = counts().sum();
        let share = |n: u64| n as f64 / all as f64;
        let entropy = || counts().map(|n| -share(n) * share(n).log2()).sum::<f64>();
        (all >= SPREAD_REQUESTS).then(|| entropy().exp2())
    }

    /// Counts a request.
    pub(super) fn add(&mut self, o: &Observation) {
        self.edge(o);
        let source = hash(o.source.as_bytes());
        let Known { before, grown, newcomers, .. } = &mut self.known;
        let in_this = o.source.is_empty() || grown.contains(source);
        let new = !in_this && !before.contains(source);
        if !in_this && o.outcome == Outcome::Ok {
            newcomers.insert(source);
        }
        let [callers, ..] = &mut self.callers;
        callers.callers.add(o, source, new);
        let [bucket, ..] = &mut self.whole.windows;
        bucket.record.add(o, source, new);
        if let Some(endpoint) = self.endpoint(o) {
            let [bucket, ..] = &mut endpoint.windows;
            bucket.record.add(o, source, new);
        }
    }

    /// Only what the service answers is an endpoint: a scanner makes none.
    fn endpoint(&mut self, o: &Observation) -> Option<&mut Scope> {
        let known = self.endpoints.contains_key(&o.endpoint);
        let answered = matches!(o.outcome, Outcome::Ok | Outcome::LoggedIn);
        let exists = known || answered && self.endpoints.len() < MAX_ENDPOINTS;
        let name = if exists { &o.endpoint } else { OTHER };
        if !self.endpoints.contains_key(name) {
            self.endpoints.insert(name.to_owned(), Scope::new(ENDPOINT_BITS));
        }
        self.endpoints.get_mut(name)
    }

    fn scopes(&mut self) -> impl Iterator<Item = (&mut Scope, u32)> {
        let endpoints = self.endpoints.values_mut().map(|e| (e, ENDPOINT_BITS));
        std::iter::once((&mut self.whole, SERVICE_BITS)).chain(endpoints)
    }

    /// A bucket is complete: it is added to the longer windows.
    pub(super) fn close_bucket(&mut self, start: u64) {
        self.scopes().for_each(|(scope, _)| scope.close_bucket(start));
        let [bucket, longer @ ..] = &mut self.callers;
        longer.iter_mut().for_each(|w| w.callers.merge(&bucket.callers));
    }

    /// A window of this length is judged: learns from it and begins another one.
    pub(super) fn turn(&mut self, length: usize, start: u64, learn: bool) {
        if length == 0 {
            self.newly.clear();
        }
        if let Some(spread) = self.spread(length).filter(|_| learn) {
            self.whole.usual.spread.learn(length, spread);
        }
        self.scopes().for_each(|(scope, bits)| scope.turn(length, start, learn, bits));
        self.callers.get_mut(length).into_iter().for_each(|w| w.turn(learn));
        if length == 0 && (start + WINDOWS[0]).is_multiple_of(NEWCOMER) {
            self.greet(start + WINDOWS[0], learn);
        }
        if length == 0 && (start + WINDOWS[0]).is_multiple_of(DAY) {
            self.callers.iter_mut().for_each(CallersWindow::settle);
            self.endpoints.retain(|_, endpoint| !endpoint.is_forgotten(start));
        }
    }

    /// The hour's newcomers are known from now on, unless there was an attack.
    fn greet(&mut self, now: u64, learn: bool) {
        let Known { before, grown, newcomers, since } = &mut self.known;
        let newcomers = std::mem::take(newcomers);
        if learn {
            grown.merge(&newcomers);
        }
        if now >= *since + GENERATION {
            *before = std::mem::take(grown);
            *since = now;
        }
    }

    /// Whether a caller was here before.
    #[cfg(test)]
    pub(super) fn knows(&self, source: &str) -> bool {
        let source = hash(source.as_bytes());
        self.known.before.contains(source) || self.known.grown.contains(source)
    }

    /// Whether it can be told who is new.
    pub fn tells_newcomers(&self) -> bool {
        self.whole.usual.new.is_ready()
            && !self.known.before.is_full()
            && !self.known.grown.is_full()
    }
}

impl Merge for Known {
    fn merge(&mut self, other: &Known) {
        self.before.merge(&other.before);
        self.grown.merge(&other.grown);
        self.newcomers.merge(&other.newcomers);
        self.since = self.since.max(other.since);
    }
}

impl Merge for Service {
    fn merge(&mut self, other: &Service) {
        self.whole.merge(&other.whole);
        for (name, theirs) in &other.endpoints {
            let room = self.endpoints.len() < MAX_ENDPOINTS || self.endpoints.contains_key(name);
            let name = if room { name.as_str() } else { OTHER };
            let mine = self.endpoints.entry(name.to_owned());
            mine.or_insert_with(|| Scope::new(ENDPOINT_BITS)).merge(theirs);
        }
        self.callers.iter_mut().zip(&other.callers).for_each(|(mine, theirs)| mine.merge(theirs));
        self.known.merge(&other.known);
        for (caller, since) in &other.edges {
            if self.edges.len() < MAX_EDGES || self.edges.contains_key(caller) {
                let first = self.edges.entry(caller.clone()).or_insert(*since);
                *first = (*first).min(*since);
            }
        }
    }
}
