//! What is counted and known of a service and its endpoints.

mod merge;

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use super::baseline::{Deviation, Level, Mean, Season, Share, Total, WINDOWS};
use super::observation::{Observation, Outcome};
use super::record::{Caller, Callers, Record, Sums};
use super::sketch::{Bloom, Merge, Top, hash};

/// Most endpoints of a service that are told apart; the rest counts as [`OTHER`].
pub const MAX_ENDPOINTS: usize = 128;
/// What is beyond a cap, and what is not there.
pub const OTHER: &str = "(other)";
/// An endpoint that nobody asked for in so many seconds is forgotten: two weeks.
const FORGET_AFTER: u64 = 14 * 86_400;
/// Habits kept per window and measure; the smallest are forgotten.
const MAX_HABITS: usize = 128;
/// A habit is half forgotten after two weeks: a weekly job is known.
const HABIT_DECAY: f32 = 0.95;
const DAY: u64 = 86_400;
/// Newcomers are known after an hour.
const NEWCOMER: u64 = 3_600;
/// Known callers are remembered for one to two weeks.
const GENERATION: u64 = 7 * 86_400;

/// Something of requests that is summed up.
pub type Amount = fn(&Sums) -> u64;

/// What is usual for an endpoint, or for a whole service.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Baseline {
    /// Requests per bucket.
    pub requests: Season,
    /// Shares of the requests: failed authentications, what is not there, errors of the server, callers not known.
    pub auth: Share,
    #[allow(missing_docs)]
    pub missing: Share,
    #[allow(missing_docs)]
    pub server: Share,
    #[allow(missing_docs)]
    pub new: Share,
    /// Requests with sensitive data in them or in their answers.
    pub sensitive: Share,
    /// Over how many endpoints requests spread: the perplexity, 2 to the power of their entropy in bits.
    pub spread: Level,
    /// Bytes of an answer.
    pub bytes: Level,
    /// Microseconds of an answer.
    pub micros: Level,
    /// All bytes, and all time.
    pub all_bytes: Total,
    #[allow(missing_docs)]
    pub all_micros: Total,
    /// Requests of a caller.
    pub intensity: Level,
}

/// A window under way or just complete.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Window {
    /// What was counted.
    pub record: Record,
    /// Requests that were expected.
    pub expected: f64,
}

/// An endpoint, or a whole service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Scope {
    /// One of each length.
    pub windows: [Window; WINDOWS.len()],
    /// What is usual.
    pub usual: Baseline,
    asked: u64,
}

impl Scope {
    fn new(bits: u32) -> Scope {
        let window = || Window { record: Record::new(bits), expected: 0.0 };
        Scope {
            windows: [window(), window(), window(), window()],
            usual: Baseline::default(),
            asked: 0,
        }
    }

    /// A bucket is complete: it is added to the longer windows.
    fn close_bucket(&mut self, start: u64) {
        let [bucket, longer @ ..] = &mut self.windows;
        bucket.expected = self.usual.requests.expected(start);
        if bucket.record.all.requests > 0 {
            self.asked = start;
        }
        for window in longer {
            window.record.merge(&bucket.record);
            window.expected += bucket.expected;
        }
    }

    /// A window of this length is judged: learns from it and begins another one.
    fn turn(&mut self, length: usize, start: u64, learn: bool, bits: u32) {
        let Some(window) = self.windows.get_mut(length) else { return };
        let fresh = Window { record: Record::new(bits), expected: 0.0 };
        let Window { record, expected } = std::mem::replace(window, fresh);
        if learn {
            self.usual.learn(length, start, &record, expected);
        }
    }
}

impl Baseline {
    fn learn(&mut self, length: usize, start: u64, record: &Record, expected: f64) {
        let Record { all, new, sources } = record;
        let requests = all.requests as f64;
        self.requests.learn_spread(length, expected, requests);
        let shares = [
            (&mut self.auth, all.auth_failures),
            (&mut self.missing, all.missing),
            (&mut self.server, all.server_errors),
            (&mut self.new, new.requests),
            (&mut self.sensitive, all.sensitive),
        ];
        for (share, counted) in shares {
            share.learn_spread(length, counted as f64, requests);
            if length == 0 {
                share.learn(counted as f64, requests);
            }
        }
        if self.requests.is_ready() {
            if let Some(usual) = self.bytes.usual(length) {
                self.all_bytes.learn_spread(length, expected, usual.max(1.0), all.bytes as f64);
            }
            if let Some(usual) = self.micros.usual(length) {
                self.all_micros.learn_spread(length, expected, usual.max(1.0), all.micros as f64);
            }
        }
        if all.requests > 0 {
            self.bytes.learn(length, all.bytes as f64 / requests);
            if sources.count() >= 1.0 {
                self.intensity.learn(length, requests / sources.count());
            }
        }
        if all.timed > 0 {
            self.micros.learn(length, all.micros as f64 / all.timed as f64);
        }
        if length == 0 {
            self.requests.learn(start, requests);
        }
    }

    /// Bytes of a window against those of the requests that were expected.
    pub fn bytes_deviation(&self, length: usize, window: &Window) -> Option<Deviation> {
        let usual = self.bytes.usual(length).filter(|_| self.requests.is_ready())?.max(1.0);
        let seen = window.record.all.bytes as f64;
        Some(self.all_bytes.deviation(length, window.expected, usual, seen))
    }

    /// The server's time of a window against that of the requests that were expected.
    pub fn micros_deviation(&self, length: usize, window: &Window) -> Option<Deviation> {
        let usual = self.micros.usual(length).filter(|_| self.requests.is_ready())?.max(1.0);
        let seen = window.record.all.micros as f64;
        Some(self.all_micros.deviation(length, window.expected, usual, seen))
    }

    /// Requests of a window against those that were expected.
    pub fn requests_deviation(&self, length: usize, window: &Window) -> Option<Deviation> {
        let seen = window.record.all.requests as f64;
        self.requests.is_ready().then(|| self.requests.deviation(length, window.expected, seen))
    }

    /// Requests with sensitive data against those that are usual for as many.
    pub fn sensitive_deviation(&self, length: usize, window: &Window) -> Option<Deviation> {
        let Sums { requests, sensitive, .. } = window.record.all;
        let ready = self.sensitive.is_ready();
        ready.then(|| self.sensitive.deviation(length, sensitive as f64, requests as f64))
    }

    /// Failed authentications of a window against those that are usual for as many requests.
    pub fn auth_deviation(&self, length: usize, window: &Window) -> Option<Deviation> {
        let Sums { requests, auth_failures, .. } = window.record.all;
        self.auth
            .is_ready()
            .then(|| self.auth.deviation(length, auth_failures as f64, requests as f64))
    }
}

/// The most that callers used to have in a window, so that a batch job is not taken for an attack each night. It counts from the
/// next day on: nobody gets used to an attack while it goes on.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Habits {
    before: HashMap<u64, f32>,
    today: HashMap<u64, f32>,
}

impl Habits {
    /// The most that this caller used to have.
    pub fn of(&self, caller: u64) -> f64 {
        f64::from(self.before.get(&caller).copied().unwrap_or(0.0))
    }

    fn learn(&mut self, callers: &Top<Caller>, amount: Amount) {
        for (caller, entry) in callers.iter() {
            keep_most(&mut self.today, caller, amount(&entry.stats.sums) as f32);
        }
        shorten(&mut self.today);
    }

    /// A day is over.
    fn settle(&mut self) {
        self.before.values_mut().for_each(|most| *most *= HABIT_DECAY);
        for (caller, most) in std::mem::take(&mut self.today) {
            keep_most(&mut self.before, caller, most);
        }
        shorten(&mut self.before);
    }
}

fn keep_most(habits: &mut HashMap<u64, f32>, caller: u64, amount: f32) {
    let most = habits.entry(caller).or_default();
    *most = most.max(amount);
}

fn shorten(habits: &mut HashMap<u64, f32>) {
    while habits.len() > MAX_HABITS {
        let smallest = habits.iter().min_by(|a, b| a.1.total_cmp(b.1)).map(|(caller, _)| *caller);
        smallest.map(|caller| habits.remove(&caller));
    }
}

/// How much of the server's time the heaviest caller of a window takes beyond its habit, in microseconds: what one caller can take
/// without being seen among many.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Heaviest {
    habits: Habits,
    most: Mean,
}

impl Heaviest {
    /// What a caller takes beyond its habit, against what the heaviest usually does, if that is known.
    pub fn deviation(&self, hash: u64, caller: &Caller) -> Option<Deviation> {
        self.most.deviation(self.beyond(hash, caller))
    }

    fn beyond(&self, hash: u64, caller: &Caller) -> f64 {
        caller.sums.micros as f64 - self.habits.of(hash)
    }

    fn learn(&mut self, callers: &Top<Caller>) {
        let beyond = callers.iter().map(|(hash, entry)| self.beyond(hash, &entry.stats));
        let most = beyond.fold(0.0, f64::max);
        if most > 0.0 {
            self.most.learn(most);
        }
        self.habits.learn(callers, |sums| sums.micros);
    }
}

/// Something that callers may have the most of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum By {
    Requests,
    AuthFailures,
    Missing,
    Bytes,
    Micros,
    Sensitive,
}

impl By {
    /// What of the sums it is.
    pub fn amount(self) -> Amount {
        match self {
            By::Requests => |s| s.requests,
            By::AuthFailures => |s| s.auth_failures,
            By::Missing => |s| s.missing,
            By::Bytes => |s| s.bytes,
            By::Micros => |s| s.micros,
            By::Sensitive => |s| s.sensitive,
        }
    }
}

/// The callers of a window and their habits.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct CallersWindow {
    /// What was counted.
    pub callers: Callers,
    habits: [Habits; 6],
    /// What the heaviest caller usually has.
    most: [Mean; 6],
    /// The server's time that single callers take.
    pub costs: Heaviest,
}

impl CallersWindow {
    /// The heaviest callers by something, and what is usual for them.
    pub fn by(&self, by: By) -> (&Top<Caller>, &Habits, &Mean) {
        let Callers { busy, failing, drawing, costly, .. } = &self.callers;
        let [requests, auth, missing, bytes, micros, sensitive] = &self.habits;
        let most = &self.most;
        match by {
            By::Requests => (busy, requests, &most[0]),
            By::AuthFailures => (failing, auth, &most[1]),
            By::Missing => (failing, missing, &most[2]),
            By::Bytes => (drawing, bytes, &most[3]),
            By::Micros => (costly, micros, &most[4]),
            // Who is given much of it asks for much.
            By::Sensitive => (busy, sensitive, &most[5]),
        }
    }

    fn turn(&mut self, learn: bool) {
        let callers = std::mem::take(&mut self.callers);
        if learn {
            let Callers { busy, failing, drawing, costly, .. } = &callers;
            let tables = [
                (busy, By::Requests),
                (failing, By::AuthFailures),
                (failing, By::Missing),
                (drawing, By::Bytes),
                (costly, By::Micros),
                (busy, By::Sensitive),
            ];
            let known = self.habits.iter_mut().zip(&mut self.most);
            for ((habits, most), (table, by)) in known.zip(tables) {
                let amounts = table.iter().map(|(_, e)| by.amount()(&e.stats.sums));
                most.learn(amounts.max().unwrap_or(0).max(1) as f64);
                habits.learn(table, by.amount());
            }
            self.costs.learn(costly);
        }
    }
}

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
            for window in &mut self.callers {
                let single = [&mut window.costs.habits];
                window.habits.iter_mut().chain(single).for_each(Habits::settle);
            }
            self.endpoints.retain(|_, e| e.asked + FORGET_AFTER > start);
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
