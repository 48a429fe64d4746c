//! What is said of an event: in numbers, and in a sentence for people.

use serde::{Deserialize, Serialize};

use super::judge::{Culprits, Finding, Measure};
use super::kind::{Kind, Severity};

/// Where in its life an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum State {
    Start,
    Update,
    End,
}

/// When, in seconds since the Unix epoch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Span {
    pub start: u64,
    pub end: u64,
    /// Length of the window that showed it most clearly.
    pub seconds: u64,
}

/// What was expected, with a band of three standard deviations.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Expected {
    pub low: f64,
    pub mid: f64,
    pub high: f64,
}

/// Who is behind it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sources {
    /// Different callers of the service in the window.
    pub count: u64,
    /// How many are usual, if that is known.
    pub usual: Option<u64>,
    /// Share of what is beyond the usual that callers have who were not known before.
    pub new_share: f64,
    /// Share of what is beyond the usual that the named ones have.
    pub top_share: f64,
    /// Those with the most.
    pub top: Vec<Source>,
}

/// A caller.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Source {
    /// Its address.
    pub source: String,
    /// It was not known before.
    pub new: bool,
    /// Requests in the window.
    pub requests: u64,
    /// What of the measure it has beyond its habit.
    pub beyond: f64,
    /// Different endpoints.
    pub endpoints: u64,
    /// Different accounts.
    pub accounts: u64,
}

/// Whom a recommendation is for, where few are behind it.
pub const NAMED_SOURCES: &str = "named sources";

/// A stricter behaviour threshold for just these.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recommendation {
    /// Whom it is for: `named sources` or `new sources`.
    pub sources: String,
    /// What to count of each.
    pub measure: Measure,
    /// Most of it…
    pub most: u64,
    /// …in so many seconds.
    pub seconds: u64,
    /// On these endpoints; empty for all.
    pub endpoints: Vec<String>,
}

/// Over how many endpoints requests spread, as if evenly.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// In the window.
    pub seen: f64,
    /// Usually, if that is known.
    pub usual: Option<f64>,
}

/// An anomaly.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Number of the event.
    pub id: u64,
    /// Where in its life it is.
    pub state: State,
    /// What it is.
    pub kind: Kind,
    /// How bad.
    pub severity: Severity,
    /// How sure, from 0 to 1.
    pub score: f64,
    /// The host.
    pub service: String,
    /// The endpoint that departs most; none where it is all of the service.
    pub endpoint: Option<String>,
    /// All of them.
    pub endpoints: Vec<String>,
    /// When.
    pub window: Span,
    /// End of the window that began the event.
    pub detected: u64,
    /// What departs.
    pub measure: Measure,
    /// What was expected of it.
    pub expected: Expected,
    /// What was seen.
    pub seen: f64,
    /// In plain words.
    pub means: String,
    /// Who.
    pub sources: Sources,
    /// Over how many endpoints requests spread (2 to the power of their entropy in bits), and over how many they usually do.
    pub spread: Option<Spread>,
    /// What to do about just these, if it is an attack.
    pub recommend: Option<Recommendation>,
}

/// Most callers that an event names.
const TOP: usize = 20;
/// The score is one half at so many standard deviations.
const HALF: f64 = 5.0;
/// From this score on (eight standard deviations) an attack need not be found twice.
const BEYOND_DOUBT: f64 = 0.615;

impl Report {
    /// What a window that ends then shows.
    pub(super) fn new(service: &str, end: u64, seconds: u64, finding: &Finding) -> Report {
        let d = &finding.deviation;
        let count = |n: f64| n.round() as u64;
        Report {
            id: 0,
            state: State::Start,
            kind: finding.kind,
            severity: finding.kind.severity(),
            score: rounded(d.z / (d.z + HALF)),
            service: service.to_owned(),
            endpoint: finding.endpoints.first().cloned(),
            endpoints: finding.endpoints.clone(),
            window: Span { start: end - seconds, end, seconds },
            detected: end,
            measure: finding.measure,
            expected: Expected { low: rounded(d.low), mid: rounded(d.mid), high: rounded(d.high) },
            seen: rounded(d.seen),
            means: means(service, finding),
            sources: Sources {
                count: count(finding.sources),
                usual: finding.usual_sources.map(count),
                new_share: rounded(finding.culprits.new),
                top_share: rounded(finding.culprits.share),
                top: sources(&finding.culprits),
            },
            spread: finding
                .spread
                .map(|(seen, usual)| Spread { seen: rounded(seen), usual: usual.map(rounded) }),
            recommend: recommend(finding, seconds),
        }
    }

    /// An attack that need not be found twice.
    pub(super) fn is_beyond_doubt(&self) -> bool {
        self.kind.is_attack() && self.score >= BEYOND_DOUBT
    }

    /// Both are about the same endpoint or the same callers.
    pub(super) fn shares(&self, other: &Report) -> bool {
        let named = |s: &Source| other.sources.top.iter().any(|o| o.source == s.source);
        self.endpoints.iter().any(|e| other.endpoints.contains(e))
            || self.sources.top.iter().any(named)
    }

    /// Takes what a later window shows; whether it is worse in kind.
    pub(super) fn grow(&mut self, later: Report) -> bool {
        let (worse, clearer) = (later.kind > self.kind, later.score > self.score);
        let start = self.window.start.min(later.window.start);
        let end = self.window.end.max(later.window.end);
        for endpoint in &later.endpoints {
            if !self.endpoints.contains(endpoint)
                && self.endpoints.len() < later.endpoints.len().max(10)
            {
                self.endpoints.push(endpoint.clone());
            }
        }
        let other = match worse || clearer && later.kind == self.kind {
            true => {
                let endpoints = std::mem::take(&mut self.endpoints);
                let later = Report { id: self.id, detected: self.detected, endpoints, ..later };
                std::mem::replace(self, later).sources.top
            }
            false if later.kind == self.kind => later.sources.top,
            false => Vec::new(),
        };
        // Who joins in belongs to it as well.
        for source in other {
            let named = &mut self.sources.top;
            if named.len() < TOP && !named.iter().any(|s| s.source == source.source) {
                named.push(source);
            }
        }
        self.window.start = start;
        self.window.end = end;
        worse
    }
}

/// Three decimals are enough to read.
fn rounded(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}

fn sources(culprits: &Culprits) -> Vec<Source> {
    let one = |c: &super::judge::Culprit| Source {
        source: c.name.clone(),
        new: c.caller.new,
        requests: c.caller.sums.requests,
        beyond: rounded(c.beyond),
        endpoints: c.caller.endpoints.count().round() as u64,
        accounts: c.caller.accounts.count().round() as u64,
    };
    culprits.callers.iter().map(one).collect()
}

/// What a usual caller has, thrice; at least three.
fn recommend(finding: &Finding, seconds: u64) -> Option<Recommendation> {
    if !finding.kind.is_attack() {
        return None;
    }
    let callers = finding.usual_sources.unwrap_or(finding.sources).max(1.0);
    let few = finding.culprits.share >= 0.5;
    Some(Recommendation {
        sources: if few { NAMED_SOURCES } else { "new sources" }.to_owned(),
        measure: finding.measure,
        most: (3.0 * finding.deviation.mid / callers).ceil().max(3.0) as u64,
        seconds,
        endpoints: finding.endpoints.clone(),
    })
}

fn means(service: &str, f: &Finding) -> String {
    let d = &f.deviation;
    let place = match f.endpoints.as_slice() {
        [] => service.to_owned(),
        [one] => format!("{one} of {service}"),
        [one, rest @ ..] => format!("{one} and {} more of {service}", rest.len()),
    };
    let who = who(f);
    let (seen, mid) = (amount(d.seen), amount(d.mid));
    match f.kind {
        Kind::NewEdge => {
            format!("Asked for the first time: {} calls {service}.", f.newly.join(", "))
        }
        Kind::SensitiveData => format!(
            "More sensitive data than usual on {place}: in {seen} requests or their answers, where {mid} are usual for as many; \
             {who}."
        ),
        Kind::Load => format!(
            "More requests than usual on {place}: {seen}, where {mid} are usual. No sign of an attack: {who}."
        ),
        Kind::Errors => format!(
            "{} on {place}: {seen}, where {mid} are usual for as many requests. No sign of an attack: \
             this looks like a fault or a deployment.",
            capital(measure(f.measure))
        ),
        Kind::ComputeHeavy => format!(
            "Attack on few endpoints that cost much: {place} took {seen} seconds of the server's time, where {mid} are \
             usual; {who}."
        ),
        Kind::HttpDos => format!(
            "HTTP denial of service on {place}: {seen} requests, where {mid} are usual; {who}."
        ),
        Kind::DataHeavy => format!(
            "Attack on many endpoints that send much: {place} sent {seen} bytes, where {mid} are usual; {who}."
        ),
        Kind::DataLeak if f.measure == Measure::Requests => format!(
            "Data leak: objects of {place} are taken one by one: {seen} requests, where {mid} are usual; {who}."
        ),
        Kind::DataLeak => {
            format!("Data leak: {place} sent {seen} bytes, where {mid} are usual; {who}.")
        }
        Kind::Scanning if f.measure == Measure::AuthFailures => format!(
            "Scanning of {place}: {seen} requests that were refused for want of rights, where {mid} are usual; {who}."
        ),
        Kind::Scanning => format!(
            "Scanning of {place}: {seen} requests for what is not there, of {} different forms, where {mid} are usual; \
             {who}.",
            amount(f.templates.round())
        ),
        Kind::BruteForce => format!(
            "Brute force on {place}: {seen} failed logins{}, where {mid} are usual; {who}.",
            accounts(f)
        ),
        Kind::DistributedBruteForce => format!(
            "Distributed brute force on {place}: {seen} failed logins{}, where {mid} are usual; {who}.",
            accounts(f)
        ),
        Kind::AccountTakeover => format!(
            "Account takeover on {place}: {seen} failed logins{}, where {mid} are usual, and callers got into {} of \
             them after they had failed; {who}.",
            accounts(f),
            amount(f.taken.round())
        ),
    }
}

fn who(f: &Finding) -> String {
    let Culprits { callers, share, new, .. } = &f.culprits;
    let percent = |share: f64| format!("{:.0} %", share * 100.0);
    match callers.as_slice() {
        [one, ..]
            if one.beyond >= 0.5 * callers.iter().map(|c| c.beyond).sum::<f64>()
                && *share >= 0.5 =>
        {
            format!("most of it comes from {}", one.name)
        }
        [_, _, ..] if *share >= 0.5 => {
            format!("{} of it comes from {} callers", percent(*share), callers.len())
        }
        _ => format!(
            "it comes from many of {} callers, and {} from callers that were not known",
            amount(f.sources.round()),
            percent(*new)
        ),
    }
}

fn accounts(f: &Finding) -> String {
    if f.accounts < 1.5 {
        String::new()
    } else {
        format!(" for {} accounts", amount(f.accounts.round()))
    }
}

fn measure(measure: Measure) -> &'static str {
    match measure {
        Measure::Requests => "requests",
        Measure::AuthFailures => "failed authentications",
        Measure::NotFound => "requests for what is not there",
        Measure::ServerErrors => "errors of the server",
        Measure::Bytes => "bytes",
        Measure::SensitiveData => "requests with sensitive data",
        Measure::NewEdges => "services that ask for the first time",
        Measure::ServerTime => "time of the server",
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// A number as people read it.
fn amount(value: f64) -> String {
    match value {
        v if v >= 1e9 => format!("{:.1} G", v / 1e9),
        v if v >= 1e6 => format!("{:.1} M", v / 1e6),
        v if v >= 10.0 => format!("{v:.0}"),
        v if v.fract() == 0.0 => format!("{v}"),
        v => format!("{v:.1}"),
    }
}
