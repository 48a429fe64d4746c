//! What is counted of an endpoint, or of a whole service, and what is usual for it.

use serde::{Deserialize, Serialize};

use super::super::baseline::{Deviation, Level, Season, Share, Total, WINDOWS};
use super::super::record::Record;
use super::super::sketch::Merge;

/// An endpoint that nobody asked for in so many seconds is forgotten: two weeks.
const FORGET_AFTER: u64 = 14 * 86_400;

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
    /// Of which callers are counted in 2^`bits` registers.
    pub(super) fn new(bits: u32) -> Scope {
        let window = || Window { record: Record::new(bits), expected: 0.0 };
        Scope {
            windows: [window(), window(), window(), window()],
            usual: Baseline::default(),
            asked: 0,
        }
    }

    /// A bucket is complete: it is added to the longer windows.
    pub(super) fn close_bucket(&mut self, start: u64) {
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

    /// Whether nobody asked for it for so long that it may be forgotten.
    pub(super) fn is_forgotten(&self, now: u64) -> bool {
        self.asked + FORGET_AFTER <= now
    }

    /// A window of this length is judged: learns from it and begins another one.
    pub(super) fn turn(&mut self, length: usize, start: u64, learn: bool, bits: u32) {
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
        self.total_deviation(&self.all_bytes, &self.bytes, length, window, window.record.all.bytes)
    }

    /// The server's time of a window against that of the requests that were expected.
    pub fn micros_deviation(&self, length: usize, window: &Window) -> Option<Deviation> {
        let micros = window.record.all.micros;
        self.total_deviation(&self.all_micros, &self.micros, length, window, micros)
    }

    /// Requests of a window against those that were expected.
    pub fn requests_deviation(&self, length: usize, window: &Window) -> Option<Deviation> {
        let seen = window.record.all.requests as f64;
        self.requests.is_ready().then(|| self.requests.deviation(length, window.expected, seen))
    }

    /// Requests with sensitive data against those that are usual for as many.
    pub fn sensitive_deviation(&self, length: usize, window: &Window) -> Option<Deviation> {
        share_deviation(&self.sensitive, length, window, window.record.all.sensitive)
    }

    /// Failed authentications of a window against those that are usual for as many requests.
    pub fn auth_deviation(&self, length: usize, window: &Window) -> Option<Deviation> {
        share_deviation(&self.auth, length, window, window.record.all.auth_failures)
    }

    /// What all requests of a window took together, against as much as is usual for each request that was expected.
    fn total_deviation(
        &self,
        total: &Total,
        each: &Level,
        length: usize,
        window: &Window,
        seen: u64,
    ) -> Option<Deviation> {
        let usual = each.usual(length).filter(|_| self.requests.is_ready())?.max(1.0);
        Some(total.deviation(length, window.expected, usual, seen as f64))
    }
}

fn share_deviation(share: &Share, length: usize, window: &Window, seen: u64) -> Option<Deviation> {
    let requests = window.record.all.requests as f64;
    share.is_ready().then(|| share.deviation(length, seen as f64, requests))
}

impl Merge for Window {
    fn merge(&mut self, other: &Window) {
        self.record.merge(&other.record);
        self.expected += other.expected;
    }
}

impl Merge for Baseline {
    fn merge(&mut self, other: &Baseline) {
        self.requests.merge(&other.requests);
        self.auth.merge(&other.auth);
        self.missing.merge(&other.missing);
        self.server.merge(&other.server);
        self.new.merge(&other.new);
        self.sensitive.merge(&other.sensitive);
        self.spread.merge(&other.spread);
        self.bytes.merge(&other.bytes);
        self.micros.merge(&other.micros);
        self.all_bytes.merge(&other.all_bytes);
        self.all_micros.merge(&other.all_micros);
        self.intensity.merge(&other.intensity);
    }
}

impl Merge for Scope {
    fn merge(&mut self, other: &Scope) {
        self.windows.iter_mut().zip(&other.windows).for_each(|(mine, theirs)| mine.merge(theirs));
        self.usual.merge(&other.usual);
        self.asked = self.asked.max(other.asked);
    }
}
