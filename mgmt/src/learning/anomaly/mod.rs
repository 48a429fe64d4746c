//! Anomalies: what departs from what is usual for a service and its endpoints, and what that means.
//!
//! ```text
//!   request ─► observation ─► service: records and callers of 5 min ──► 30 min, 4 h, 24 h   (sketches add up)
//!                                               │ each window, when it is complete
//!                                baseline ──► judge ──► event: start, update, end ──► report
//!                                    ▲────────────┘ learns what was no attack
//! ```
//!
//! It learns from the stream itself, in fixed memory, and says nothing of what it does not know yet: a rate is known after a day,
//! a share after two hours.

pub mod baseline;
mod event;
mod explain;
mod judge;
mod kind;
mod model;
mod observation;
mod record;
mod service;
mod sketch;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use baseline::WINDOWS;
use event::Events;
use judge::Scene;
use service::{OTHER, Service};
use sketch::Merge;

pub use explain::{NAMED_SOURCES, Report, State};
pub use kind::{Kind, Severity};
pub use model::{load, save};
pub use observation::Observation;

/// Most services that are told apart; the rest counts as `(other)`.
pub const MAX_SERVICES: usize = 64;
/// What is further ahead of the clock is believed after so many requests in a row that are: one wrong clock moves nothing.
const BELIEVED: u32 = 5;
/// A longer pause of all services is one of the recording: nothing is learnt from it.
const PAUSE: u64 = 3_600;

/// Counts requests in the order of time, and tells of anomalies.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Engine {
    services: BTreeMap<String, Service>,
    events: Events,
    /// Beginning of the bucket under way.
    start: Option<u64>,
    /// Requests that were older than the bucket under way, and counted in it.
    #[serde(skip)]
    pub late: u64,
    /// Requests that were more than an hour ahead of the bucket under way, and counted in it, since what came after them was not.
    #[serde(skip)]
    pub ahead: u64,
    /// So many in a row were.
    #[serde(skip)]
    row: u32,
}

impl Engine {
    /// Counts a request, after what time has completed: gives the events that began, changed or ended.
    pub fn observe(&mut self, o: &Observation) -> Vec<Report> {
        let reports = if self.is_ahead(o.ts) { Vec::new() } else { self.advance(o.ts) };
        let known = self.services.contains_key(&o.service);
        let name = if known || self.services.len() < MAX_SERVICES { &o.service } else { OTHER };
        if !self.services.contains_key(name) {
            self.services.insert(name.to_owned(), Service::new());
        }
        self.services.get_mut(name).into_iter().for_each(|service| service.add(o));
        reports
    }

    /// Adds what another node knows, which saw other requests to the same services. What either has not judged yet is judged first,
    /// up to the same time: what that would tell is told by neither.
    pub fn merge(&mut self, mut other: Engine) {
        if let (Some(mine), Some(theirs)) = (self.start, other.start) {
            let now = mine.max(theirs) as f64;
            self.advance(now);
            other.advance(now);
        }
        self.start = self.start.max(other.start);
        for (name, theirs) in other.services {
            let room = self.services.len() < MAX_SERVICES || self.services.contains_key(&name);
            let name = if room { name } else { OTHER.to_owned() };
            self.services.entry(name).or_insert_with(Service::new).merge(&theirs);
        }
        self.events.merge(other.events);
    }

    /// A time so far ahead that it is rather wrong. A recording that pauses goes on there, and so is believed soon.
    fn is_ahead(&mut self, ts: f64) -> bool {
        let far = self.start.is_some_and(|start| ts as u64 > start + WINDOWS[0] + PAUSE);
        self.row = if far { self.row + 1 } else { 0 };
        if self.row >= BELIEVED {
            self.ahead = self.ahead.saturating_sub(u64::from(self.row - 1));
            self.row = 0;
            return false;
        }
        self.ahead += u64::from(far);
        far
    }

    /// Whether a bucket is under way, which time may complete.
    pub fn is_under_way(&self) -> bool {
        self.start.is_some()
    }

    /// It is `now`, in seconds since the Unix epoch: judges the windows that are complete.
    pub fn advance(&mut self, now: f64) -> Vec<Report> {
        let bucket = now as u64 / WINDOWS[0] * WINDOWS[0];
        let start = *self.start.get_or_insert(bucket);
        let mut reports = Vec::new();
        if bucket < start {
            self.late += 1;
        } else if bucket > start + PAUSE {
            reports.extend(self.close(start));
            self.start = Some(bucket);
        } else {
            for complete in (start..bucket).step_by(WINDOWS[0] as usize) {
                reports.extend(self.close(complete));
            }
            self.start = Some(bucket);
        }
        reports
    }

    /// There is nothing more to come: ends what is going on. What is known stays.
    pub fn finish(&mut self) -> Vec<Report> {
        let Some(start) = self.start.take() else { return Vec::new() };
        let mut reports = self.close(start);
        reports.extend(self.events.finish());
        reports
    }

    /// The bucket is complete, and with it perhaps longer windows.
    fn close(&mut self, start: u64) -> Vec<Report> {
        let end = start + WINDOWS[0];
        let mut reports = Vec::new();
        for (name, service) in &mut self.services {
            service.close_bucket(start);
            let complete =
                WINDOWS.iter().enumerate().filter(|(_, length)| end.is_multiple_of(**length));
            for (length, _) in complete {
                let Some(scene) = Scene::new(service, length) else { continue };
                reports.extend(self.events.found(name, end, scene.seconds(), scene.judge()));
                let learn = !self.events.is_attacked(name);
                service.turn(length, start, learn);
            }
        }
        reports.extend(self.events.expire(end));
        reports
    }
}

#[cfg(test)]
mod tests;
