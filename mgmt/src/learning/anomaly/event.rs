//! One alarm for what goes on, however many windows see it.
//!
//! ```text
//!   finding ─► suspected ─ sure, or found again ─► going on ─ nothing found for half an hour ─► ended
//!                                                   start        updates: worse, or each hour        end
//! ```

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::baseline::WINDOWS;
use super::explain::{Report, State};
use super::judge::Finding;
use super::kind::{Group, Kind};

/// Nothing was found for so long: it has ended.
const QUIET: u64 = 1_800;
/// An event that goes on is told of each hour.
const REMIND: u64 = 3_600;
/// After so long even an attack is usual: a day. Else what was mistaken for one would never be learnt.
const ACCEPT: u64 = 86_400;

/// What goes on, by service and group of kinds.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Events {
    tracks: BTreeMap<String, BTreeMap<Group, Track>>,
    number: u64,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Track {
    /// The last event; also after it has ended, since longer windows still see it.
    last: Option<Event>,
    /// End of the last window in which something was found, and its length.
    found: u64,
    seconds: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Event {
    report: Report,
    goes_on: bool,
    told: u64,
}

impl Events {
    /// Takes what a window that ends then means.
    pub(super) fn found(
        &mut self,
        service: &str,
        end: u64,
        seconds: u64,
        findings: Vec<Finding>,
    ) -> Vec<Report> {
        let mut reports = Vec::new();
        for finding in findings {
            let report = Report::new(service, end, seconds, &finding);
            let is_new = self.going_on(service, finding.kind.group()).is_none();
            let stands_alone = finding.kind == Kind::NewEdge;
            if is_new && !stands_alone && self.goes_along(service, &report) {
                continue;
            }
            if !self.tracks.contains_key(service) {
                self.tracks.insert(service.to_owned(), BTreeMap::new());
            }
            let tracks = self.tracks.get_mut(service);
            let track = tracks.map(|tracks| tracks.entry(finding.kind.group()).or_default());
            reports.extend(track.and_then(|t| t.found(end, seconds, report, &mut self.number)));
        }
        reports
    }

    fn tracks(&self, service: &str) -> impl Iterator<Item = (&Group, &Track)> {
        self.tracks.get(service).into_iter().flatten()
    }

    fn going_on(&self, service: &str, group: Group) -> Option<&Report> {
        self.tracks.get(service)?.get(&group)?.going_on()
    }

    /// Many requests, errors and bytes go along with an attack that is known by what it does: they are no event of their own.
    fn goes_along(&self, service: &str, report: &Report) -> bool {
        let group = report.kind.group();
        if !report.kind.is_attack() && self.is_attacked(service) {
            return true;
        }
        matches!(group, Group::Volume | Group::Data | Group::Errors)
            && self.tracks(service).any(|(other, track)| {
                let seen = track.found + QUIET > report.window.start;
                let last = track.last.as_ref().filter(|_| seen && *other != group);
                last.is_some_and(|event| {
                    event.report.kind.is_attack() && report.shares(&event.report)
                })
            })
    }

    /// An attack goes on there that is not usual yet.
    pub(super) fn is_attacked(&self, service: &str) -> bool {
        self.tracks(service).any(|(_, track)| {
            track.going_on().is_some_and(|report| {
                report.kind.is_attack() && track.found < report.window.start + ACCEPT
            })
        })
    }

    /// Ends what was not found for long.
    pub(super) fn expire(&mut self, now: u64) -> Vec<Report> {
        let tracks = self.tracks.values_mut().flat_map(BTreeMap::values_mut);
        let over = tracks.filter(|t| t.found + QUIET.max(t.seconds) <= now);
        over.filter_map(Track::end).collect()
    }

    /// Takes what goes on elsewhere, where nothing of the same group does here.
    pub(super) fn merge(&mut self, other: Events) {
        self.number = self.number.max(other.number);
        for (service, tracks) in other.tracks {
            let mine = self.tracks.entry(service).or_default();
            for (group, track) in tracks {
                let going_on = mine.get(&group).is_some_and(|t| t.going_on().is_some());
                if !going_on {
                    mine.insert(group, track);
                }
            }
        }
    }

    /// Ends all.
    pub(super) fn finish(&mut self) -> Vec<Report> {
        let tracks = self.tracks.values_mut().flat_map(BTreeMap::values_mut);
        tracks.filter_map(Track::end).collect()
    }
}

impl Track {
    fn going_on(&self) -> Option<&Report> {
        self.last.as_ref().filter(|event| event.goes_on).map(|event| &event.report)
    }

    fn end(&mut self) -> Option<Report> {
        let event = self.last.as_mut().filter(|event| event.goes_on)?;
        event.goes_on = false;
        Some(Report { state: State::End, ..event.report.clone() })
    }

    fn found(
        &mut self,
        end: u64,
        seconds: u64,
        report: Report,
        number: &mut u64,
    ) -> Option<Report> {
        let is_longer = seconds > WINDOWS[0];
        if let Some(event) = self.last.as_mut().filter(|event| event.goes_on) {
            // A longer window that saw the same says nothing new, and must not keep it going.
            if seconds > self.seconds && report.kind <= event.report.kind {
                return None;
            }
            (self.found, self.seconds) = (end, seconds);
            let worse = event.report.grow(report);
            let tell = worse || end >= event.told + REMIND;
            return tell.then(|| {
                event.told = end;
                Report { state: State::Update, ..event.report.clone() }
            });
        }
        let before = self.found;
        // What has ended is still in the longer windows.
        if is_longer && self.last.is_some() && before > end - seconds {
            return None;
        }
        (self.found, self.seconds) = (end, seconds);
        let again = before + 2 * seconds >= end && before > 0;
        let sure = report.is_beyond_doubt() || report.kind == Kind::NewEdge;
        if !again && !sure && !is_longer {
            return None;
        }
        *number += 1;
        let report = Report { id: *number, ..report };
        self.last = Some(Event { report: report.clone(), goes_on: true, told: end });
        Some(report)
    }
}
