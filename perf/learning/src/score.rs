//! How well learnt templates fit the true ones, as `score_endpoints.py` of the shared corpora counts it.

use std::collections::{BTreeMap, BTreeSet};

use weir_inspect::endpoints::Matcher;
use weir_mgmt::learning::endpoints::Endpoint;
use weir_mgmt::learning::endpoints::templates::{Part, components};

use crate::simulate::Sample;

/// The number of the template that a path fits, or the path.
type Guess<'s> = Result<usize, &'s [String]>;

/// Sums over APIs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Score {
    /// Templates that are right.
    pub hit: usize,
    /// Templates that were put out.
    pub found: usize,
    /// Templates that were called.
    pub called: usize,
    /// Requests in a group that holds exactly the requests of their true template.
    pub grouped: usize,
    /// Requests.
    pub requests: usize,
    /// APIs, and the sum of their F1.
    pub apis: (usize, f64),
}

impl Score {
    /// Of what was put out, the share that is right.
    pub fn precision(&self) -> f64 {
        self.hit as f64 / self.found.max(1) as f64
    }

    /// Of what was called, the share that was found.
    pub fn recall(&self) -> f64 {
        self.hit as f64 / self.called.max(1) as f64
    }

    /// The harmonic mean of both.
    pub fn f1(&self) -> f64 {
        let (p, r) = (self.precision(), self.recall());
        2.0 * p * r / (p + r).max(1e-9)
    }

    /// The share of requests that are grouped right.
    pub fn grouping(&self) -> f64 {
        self.grouped as f64 / self.requests.max(1) as f64
    }

    /// The mean of F1 over APIs: one that is large or odd does not decide it.
    pub fn mean_f1(&self) -> f64 {
        self.apis.1 / self.apis.0.max(1) as f64
    }

    /// Adds the score of an API.
    pub fn add_api(&mut self, api: &Score) {
        self.hit += api.hit;
        self.found += api.found;
        self.called += api.called;
        self.grouped += api.grouped;
        self.requests += api.requests;
        self.apis = (self.apis.0 + 1, self.apis.1 + api.f1());
    }

    /// Adds what was learnt of one API.
    pub fn add(&mut self, samples: &[Sample], endpoints: &[Endpoint]) {
        let of = |parts: &[Part]| -> String {
            let part = |part: &Part| match part {
                Part::Name(name) => format!("/{name}"),
                Part::Parameter { ending, .. } => format!("/{{}}{ending}"),
            };
            let text: String = parts.iter().map(part).collect();
            if text.is_empty() { "/".to_owned() } else { text }
        };
        let mut matchers: BTreeMap<&str, Matcher> = BTreeMap::new();
        let mut put_out = BTreeSet::new();
        for (number, endpoint) in endpoints.iter().enumerate() {
            matchers
                .entry(&endpoint.method.name)
                .or_default()
                .add(components(&endpoint.parts), number);
            put_out.insert((endpoint.method.name.to_string(), of(&endpoint.parts)));
        }
        let truth: BTreeSet<(String, String)> =
            samples.iter().map(|s| (s.method.clone(), s.template.clone())).collect();
        let mut groups: BTreeMap<(&str, &str), BTreeSet<usize>> = BTreeMap::new();
        // A request that fits nothing is a group of its own path.
        let mut parts: BTreeMap<(&str, Guess<'_>), BTreeSet<usize>> = BTreeMap::new();
        for (at, sample) in samples.iter().enumerate() {
            let matcher = matchers.get(sample.method.as_str());
            let path = sample.path.iter().map(String::as_bytes);
            let guess = matcher.and_then(|m| m.find(path)).ok_or(sample.path.as_slice());
            groups.entry((&sample.method, &sample.template)).or_default().insert(at);
            parts.entry((&sample.method, guess)).or_default().insert(at);
        }
        let right: BTreeSet<&BTreeSet<usize>> = groups.values().collect();
        let grouped = parts.values().filter(|part| right.contains(part)).map(BTreeSet::len);
        self.grouped += grouped.sum::<usize>();
        self.hit += truth.intersection(&put_out).count();
        self.found += put_out.len();
        self.called += truth.len();
        self.requests += samples.len();
    }
}
