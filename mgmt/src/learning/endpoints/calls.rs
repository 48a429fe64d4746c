//! What is known of the calls of an endpoint: how many, of whom, with what, answered how. Of bounded size, and mergeable.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use weir_inspect::linear_counting;
use weir_inspect::request::Request;
use weir_inspect::shape::Schema;

use super::characters;
use super::values::Values;

/// Different status codes; more do not exist in practice, and further ones are not counted.
const STATUSES: usize = 24;
/// Names of query parameters; further ones are not described.
const PARAMETERS: usize = 32;
/// Categories of sensitive data; there are not as many.
const CATEGORIES: usize = 16;
/// Longest body that is parsed for its schema, in bytes: others are like it.
const BODY: usize = 64 << 10;
/// Bodies that are parsed of an endpoint, for each path; their shapes repeat.
const BODIES: u64 = 32;

/// The kind of credential that a request carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Credential {
    /// `Authorization: Bearer`.
    Bearer,
    /// `Authorization: Basic`.
    Basic,
    /// Another scheme in `Authorization`.
    Other,
    /// A header that is named like a key (`x-api-key`).
    ApiKey,
    /// `Cookie`.
    Cookie,
}

impl Credential {
    /// What a request carries first, in this order.
    pub fn of(request: &Request) -> Option<Credential> {
        if let Some(value) = request.header("authorization") {
            let scheme = value.split(' ').next().unwrap_or_default();
            return Some(match () {
                () if scheme.eq_ignore_ascii_case("bearer") => Credential::Bearer,
                () if scheme.eq_ignore_ascii_case("basic") => Credential::Basic,
                () => Credential::Other,
            });
        }
        let key = |name: &str| {
            let name = name.to_ascii_lowercase();
            ["api-key", "apikey", "access-token", "auth-token", "application-key"]
                .iter()
                .any(|k| name.ends_with(k))
        };
        if request.headers.iter().any(|(name, _)| key(name)) {
            return Some(Credential::ApiKey);
        }
        request.header("cookie").map(|_| Credential::Cookie)
    }

    /// Its name in the output.
    pub fn name(self) -> &'static str {
        match self {
            Credential::Bearer => "bearer",
            Credential::Basic => "basic",
            Credential::Other => "authorization",
            Credential::ApiKey => "api-key",
            Credential::Cookie => "cookie",
        }
    }
}

/// What is known of calls.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Calls {
    /// Calls that were answered as calls of an endpoint are.
    pub count: u64,
    /// Calls by status, also those that were refused.
    pub statuses: BTreeMap<u16, u64>,
    /// Answered calls by credential; without one under None.
    pub credentials: BTreeMap<Option<Credential>, u64>,
    /// Query parameters by name, and in how many calls each was.
    pub query: BTreeMap<Box<str>, (u64, Values)>,
    /// Bodies of requests, if they are JSON.
    pub body: Option<Schema>,
    /// Answered calls that had a body.
    pub bodies: u64,
    /// Bodies of responses of 2xx, if they are JSON.
    pub response: Option<Schema>,
    /// Answered calls in which sensitive data was found, by category: in the request, and in the answer.
    pub sent: BTreeMap<Box<str>, u64>,
    #[allow(missing_docs)]
    pub received: BTreeMap<Box<str>, u64>,
    /// A bit for each caller's hash (linear counting): counts to some thousands.
    callers: [u64; 16],
    parsed: u64,
}

impl Calls {
    /// An answered call.
    pub fn add(&mut self, request: &Request) {
        self.count += 1;
        self.add_status(request.response.as_ref().map(|r| r.status));
        *self.credentials.entry(Credential::of(request)).or_default() += 1;
        if let Some(caller) = caller(request) {
            let bit = characters::hash(2, caller.as_bytes());
            if let Some(word) = self.callers.get_mut(bit as usize / 64 % 16) {
                *word |= 1 << (bit % 64);
            }
        }
        let query = request.url.split_once('?').map_or("", |(_, query)| query);
        for pair in query.split('#').next().unwrap_or_default().split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            if name.is_empty() || !self.query.contains_key(name) && self.query.len() >= PARAMETERS {
                continue;
            }
            let (count, values) = self.query.entry(name.into()).or_default();
            *count += 1;
            values.add(&super::paths::decoded(value));
        }
        for (found, categories) in
            [(&request.sent, &mut self.sent), (&request.received, &mut self.received)]
        {
            for category in found.iter().take(CATEGORIES) {
                if categories.len() < CATEGORIES || categories.contains_key(category.as_str()) {
                    *categories.entry(category.as_str().into()).or_default() += 1;
                }
            }
        }
        self.add_bodies(request);
    }

    fn add_bodies(&mut self, request: &Request) {
        self.bodies += u64::from(request.length > 0);
        let answer = request.response.as_ref().filter(|r| (200..300).contains(&r.status));
        let shapes = [&request.shape, answer.map_or(&None, |r| &r.shape)];
        let bodies = [&*request.body, answer.map_or(&[][..], |r| &r.body)];
        let parses = bodies.iter().any(|body| !body.is_empty()) && self.parsed < BODIES;
        self.parsed += u64::from(parses);
        for ((shape, body), known) in
            shapes.into_iter().zip(bodies).zip([&mut self.body, &mut self.response])
        {
            let parses = parses && shape.is_none() && body.len() <= BODY;
            let read = if parses { Schema::read(body) } else { None };
            if let Some(shape) = shape.as_ref().or(read.as_ref()) {
                known.get_or_insert_default().merge(shape);
            }
        }
    }

    /// A status; also that of a call which tells nothing else.
    pub fn add_status(&mut self, status: Option<u16>) {
        let Some(status) = status else { return };
        if self.statuses.len() < STATUSES || self.statuses.contains_key(&status) {
            *self.statuses.entry(status).or_default() += 1;
        }
    }

    /// About how many different callers.
    pub fn callers(&self) -> u32 {
        linear_counting::distinct(&self.callers)
    }

    /// What others have seen.
    pub fn merge(&mut self, other: &Calls) {
        self.count += other.count;
        self.bodies += other.bodies;
        self.parsed += other.parsed;
        for (status, count) in &other.statuses {
            if self.statuses.len() < STATUSES || self.statuses.contains_key(status) {
                *self.statuses.entry(*status).or_default() += count;
            }
        }
        for (credential, count) in &other.credentials {
            *self.credentials.entry(*credential).or_default() += count;
        }
        for (mine, theirs) in [(&mut self.sent, &other.sent), (&mut self.received, &other.received)]
        {
            theirs.iter().for_each(|(name, n)| *mine.entry(name.clone()).or_default() += n);
        }
        for (name, (count, values)) in &other.query {
            if self.query.len() < PARAMETERS || self.query.contains_key(name) {
                let known = self.query.entry(name.clone()).or_default();
                known.0 += count;
                known.1.merge(values);
            }
        }
        for (mine, theirs) in [(&mut self.body, &other.body), (&mut self.response, &other.response)]
        {
            if let Some(theirs) = theirs {
                mine.get_or_insert_default().merge(theirs);
            }
        }
        self.callers.iter_mut().zip(other.callers).for_each(|(a, b)| *a |= b);
    }
}

/// Who calls: the user if the recording says so, else the credential, else the address.
fn caller(request: &Request) -> Option<&str> {
    let address = || {
        let src = request.src.as_deref()?;
        Some(src.rsplit_once(':').map_or(src, |(ip, _)| ip))
    };
    request.user.as_deref().or_else(|| request.header("authorization")).or_else(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(line: &str) -> Request {
        Request::parse(line.as_bytes()).unwrap()
    }

    #[test]
    fn calls_are_described() {
        let mut calls = Calls::default();
        calls.add(&request(
            r#"{"method":"POST","url":"/a?page=2&q=x%20y#f","src":"10.0.0.1:99","body":"{\"n\":1}","status":201,"response_body":"[]"}"#,
        ));
        let mut others = Calls::default();
        others.add(&request(
            r#"{"method":"POST","url":"/a?page=3","headers":{"Authorization":"bearer t"},"status":200}"#,
        ));
        others.add_status(Some(404));
        calls.merge(&others);
        assert_eq!((calls.count, calls.callers()), (2, 2));
        assert_eq!(calls.statuses.keys().copied().collect::<Vec<_>>(), [200, 201, 404]);
        assert_eq!(calls.credentials.len(), 2);
        assert_eq!(calls.query["page"].0, 2);
        assert_eq!(&*calls.query["q"].1.samples()[0], "x y");
        assert!(calls.body.is_some() && calls.response.is_some());
    }

    #[test]
    fn kinds_of_credentials() {
        for (headers, kind) in [
            (r#"{"Authorization":"Basic eA=="}"#, Some(Credential::Basic)),
            (r#"{"authorization":"AWS4-HMAC x"}"#, Some(Credential::Other)),
            (r#"{"DD-API-KEY":"x","cookie":"a=b"}"#, Some(Credential::ApiKey)),
            (r#"{"cookie":"a=b"}"#, Some(Credential::Cookie)),
            ("{}", None),
        ] {
            let line = format!(r#"{{"method":"GET","url":"/","headers":{headers}}}"#);
            assert_eq!(Credential::of(&request(&line)), kind, "{headers}");
        }
    }
}
