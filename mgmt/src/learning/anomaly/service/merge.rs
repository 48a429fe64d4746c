//! What two nodes know of a service, together.

use super::super::sketch::Merge;
use super::{
    Baseline, CallersWindow, ENDPOINT_BITS, Habits, Heaviest, Known, MAX_EDGES, MAX_ENDPOINTS,
    OTHER, Scope, Service, Window, shorten,
};

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

impl Merge for Habits {
    fn merge(&mut self, other: &Habits) {
        for (theirs, mine) in [(&other.before, &mut self.before), (&other.today, &mut self.today)] {
            theirs.iter().for_each(|(caller, most)| *mine.entry(*caller).or_default() += most);
            shorten(mine);
        }
    }
}

impl Merge for Heaviest {
    fn merge(&mut self, other: &Heaviest) {
        self.habits.merge(&other.habits);
        self.most.merge(&other.most);
    }
}

impl Merge for CallersWindow {
    fn merge(&mut self, other: &CallersWindow) {
        self.callers.merge(&other.callers);
        self.habits.iter_mut().zip(&other.habits).for_each(|(mine, theirs)| mine.merge(theirs));
        self.most.iter_mut().zip(&other.most).for_each(|(mine, theirs)| mine.merge(theirs));
        self.costs.merge(&other.costs);
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
