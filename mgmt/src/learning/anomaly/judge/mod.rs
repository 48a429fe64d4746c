//! Tells what a window's departures from what is usual mean.
//!
//! One measure alone is no attack: many requests are a flash crowd, many failures a deploy. An attack is a combination:
//!
//! | kind | what departs | and |
//! |---|---|---|
//! | brute force | failed logins, on few endpoints | few callers have them, more than they used to |
//! | distributed brute force | the same | mostly callers not known, or far more callers than requests tell |
//! | account takeover | one of these | successes after failures |
//! | scanning | what is not there, or refused where nobody logs in | many different templates, or many paths of few callers |
//! | HTTP DoS | requests | few callers not known; or not known and each asks more than callers do |
//! | compute-heavy | the server's time, on few costly endpoints asked more than usual | the same |
//! | data-heavy, data leak | bytes, of many or few endpoints | the same |
//! | compute-heavy | the server's time that one caller takes | more than the heaviest usually does; it was not known, and asks for what is dear |
//! | data leak | requests, of few callers | each for another object, and not so fast that it is meant to hurt |
//! | sensitive data | requests with sensitive data in them or in their answers, of an endpoint | |
//! | new edge | a service asks that never did | |
//! | load, errors | requests, failures | none of it |

mod culprits;
mod volume;

pub use culprits::{Culprit, Culprits};

use super::baseline::{Deviation, WINDOWS};
use super::kind::Kind;
use super::observation::is_credentials;
use super::record::{Caller, Record, Sums};
use super::service::{Baseline, By, CallersWindow, Scope, Service, Window};
use super::sketch::Entry;

/// From so many standard deviations on it is no chance: the service, its endpoints and their measures are looked at thousands of
/// times a day.
const SURE: f64 = 5.0;
/// Fewer beyond what is usual are not worth an alarm.
const LEAST_FAILURES: f64 = 20.0;
/// Most callers and endpoints that are named.
const NAMED: usize = 10;
/// Where the server fails: bots would have nearly all of what is beyond the usual.
const NEARLY_ALL: f64 = 0.9;
/// A caller asks so many times as much as callers do.
const INTENSE: f64 = 2.5;
/// Different templates that nobody asks for by accident.
const MANY_TEMPLATES: f64 = 12.0;
/// Accounts that nobody has who forgot a password.
const MANY_ACCOUNTS: f64 = 4.0;
/// Different paths of one caller that are not there.
const MANY_PATHS: f64 = 20.0;
/// What never happened before is as sure as what departs by so many standard deviations.
const NEVER: f64 = 8.0;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Measure {
    Requests,
    AuthFailures,
    NotFound,
    ServerErrors,
    Bytes,
    /// Seconds that the server took.
    ServerTime,
    /// Requests with sensitive data in them or in their answers.
    SensitiveData,
    /// Services that ask for the first time.
    NewEdges,
}

/// What a window's departures mean.
#[derive(Clone, Debug)]
pub struct Finding {
    /// What it is.
    pub kind: Kind,
    /// What departs most tellingly.
    pub measure: Measure,
    /// How far.
    pub deviation: Deviation,
    /// The endpoints where; empty for all of the service.
    pub endpoints: Vec<String>,
    /// Who.
    pub culprits: Culprits,
    /// Different callers of the service, and how many are usual for as many requests as are usual.
    pub sources: f64,
    #[allow(missing_docs)]
    pub usual_sources: Option<f64>,
    /// Different accounts that somebody failed to get into.
    pub accounts: f64,
    /// Accounts that callers got into after failures.
    pub taken: f64,
    /// Different templates of what is not there.
    pub templates: f64,
    /// Over how many endpoints requests spread, and over how many they usually do.
    pub spread: Option<(f64, Option<f64>)>,
    /// Who asks for the first time.
    pub newly: Vec<String>,
}

/// A service's window.
pub struct Scene<'a> {
    service: &'a Service,
    length: usize,
    window: &'a Window,
    record: &'a Record,
}

/// How a window departs from a baseline in something.
type Of = fn(&Baseline, usize, &Window) -> Option<Deviation>;

/// An endpoint that departs.
struct Target<'a> {
    name: &'a str,
    scope: &'a Scope,
    deviation: Deviation,
}

impl<'a> Scene<'a> {
    /// The window of this length.
    pub fn new(service: &'a Service, length: usize) -> Option<Scene<'a>> {
        let window = service.whole.windows.get(length)?;
        Some(Scene { service, length, window, record: &window.record })
    }

    /// What it means, attacks first.
    pub fn judge(&self) -> Vec<Finding> {
        let (scanning, refused) = (self.scanning(), self.refused());
        // What a scanner is refused belongs to it.
        let same = |f: &Finding| f.kind == Kind::Scanning && scanning.is_some();
        let refused = refused.filter(|f| !same(f));
        let volume = self.volume();
        // Who is seen by the sum of all need not be looked for alone.
        let attacked = volume.as_ref().is_some_and(|found| found.kind.is_attack());
        let exhausting = if attacked { None } else { self.exhausting() };
        let attacks = [refused, scanning, volume, self.sensitive(), exhausting];
        let mut found: Vec<Finding> = attacks.into_iter().flatten().collect();
        if !found.iter().any(|f| f.kind.is_attack()) {
            found.extend(self.errors());
        }
        found.extend(self.new_edges());
        found.sort_by_key(|f| !f.kind.is_attack());
        found
    }

    /// Requests that are refused for their credentials, or for want of them.
    fn refused(&self) -> Option<Finding> {
        let usual = &self.usual().auth;
        let all = &self.record.all;
        let targets = self.targets(Baseline::auth_deviation);
        let targets = strong(targets, 1.0, LEAST_FAILURES);
        let whole = usual.deviation(self.length, all.auth_failures as f64, all.requests as f64);
        let excess: f64 = targets.iter().map(|t| t.deviation.excess()).sum();
        let on_few =
            targets.first().map_or(0.0, |t| t.deviation.excess()) >= 0.6 * all.auth_failures as f64;
        let first = targets.first()?;
        let culprits = self.culprits(By::AuthFailures, excess);
        let callers = &self.callers().callers;
        let accounts = callers.failed_accounts.count();
        let is_suspect =
            |e: &Entry<Caller>| e.stats.new || culprits.callers.iter().any(|c| *c.name == *e.name);
        let suspects = callers.failing.iter().filter(|(_, e)| is_suspect(e));
        let taken: f64 = suspects.map(|(_, e)| e.stats.taken.count()).sum();
        let record = self.record_of(first.scope)?;
        // Where it can't be told who is new, the number of callers has to do.
        let more_callers = !self.service.tells_newcomers()
            && record.sources.count() > 2.0 * self.usual_sources(first.scope)?.max(3.0)
            && first.deviation.seen > 3.0 * first.deviation.mid;
        // One program with an old password has one account, and is known.
        let many_accounts =
            culprits.callers.iter().any(|c| c.caller.accounts.count() >= MANY_ACCOUNTS);
        let few = culprits.few() && (many_accounts || culprits.few_are_new());
        let kind = match () {
            // Nobody guesses passwords where they are not asked for.
            () if !is_credentials(first.name) && (few || culprits.newer) => Kind::Scanning,
            () if (few || culprits.newer || more_callers) && taken >= 1.5 => Kind::AccountTakeover,
            () if few => Kind::BruteForce,
            () if on_few && (culprits.newer || more_callers) => Kind::DistributedBruteForce,
            () => return None,
        };
        let deviation = if first.deviation.z > whole.z { first.deviation } else { whole };
        let endpoints = names(&targets);
        Some(Finding {
            accounts,
            taken,
            ..self.finding(kind, Measure::AuthFailures, deviation, endpoints, culprits)
        })
    }

    fn scanning(&self) -> Option<Finding> {
        let usual = &self.usual().missing;
        let all = &self.record.all;
        let deviation = usual.deviation(self.length, all.missing as f64, all.requests as f64);
        if !usual.is_ready() || deviation.z < SURE || deviation.excess() < LEAST_FAILURES {
            return None;
        }
        let templates = self.callers().callers.missing_templates.count();
        let culprits = self.culprits(By::Missing, deviation.excess());
        let looks_around = |c: &Culprit| {
            let sums = &c.caller.sums;
            c.caller.paths.count() >= MANY_PATHS && sums.missing * 2 > sums.requests
        };
        let few = culprits.few() && culprits.callers.iter().any(looks_around);
        let many = templates >= MANY_TEMPLATES && culprits.newer;
        if !few && !many {
            return None;
        }
        let finding =
            self.finding(Kind::Scanning, Measure::NotFound, deviation, Vec::new(), culprits);
        Some(Finding { templates, ..finding })
    }

    /// More sensitive data than usual, of endpoints for as many requests: that more people ask for their own is no leak.
    fn sensitive(&self) -> Option<Finding> {
        let targets = self.targets(Baseline::sensitive_deviation);
        let targets = strong(targets, 1.0, LEAST_FAILURES);
        let deviation = targets.first()?.deviation;
        let culprits = self.culprits(By::Sensitive, deviation.excess());
        Some(self.finding(
            Kind::SensitiveData,
            Measure::SensitiveData,
            deviation,
            names(&targets),
            culprits,
        ))
    }

    /// Services that ask for the first time.
    fn new_edges(&self) -> Option<Finding> {
        let newly = self.service.newly();
        if self.length > 0 || newly.is_empty() {
            return None;
        }
        let seen = newly.len() as f64;
        let never = Deviation { low: 0.0, mid: 0.0, high: 0.0, seen, z: NEVER };
        let culprits = Culprits::default();
        let finding = self.finding(Kind::NewEdge, Measure::NewEdges, never, Vec::new(), culprits);
        Some(Finding { newly: newly.to_vec(), ..finding })
    }

    /// Failures that no attack explains.
    fn errors(&self) -> Option<Finding> {
        let Sums { requests, server_errors, missing, auth_failures, .. } = self.record.all;
        let usual = self.usual();
        let measures = [
            (Measure::ServerErrors, &usual.server, server_errors),
            (Measure::NotFound, &usual.missing, missing),
            (Measure::AuthFailures, &usual.auth, auth_failures),
        ];
        let departing = measures.into_iter().filter(|(_, share, _)| share.is_ready()).map(
            |(measure, share, n)| {
                (measure, share.deviation(self.length, n as f64, requests as f64))
            },
        );
        let strongest = departing.max_by(|a, b| a.1.z.total_cmp(&b.1.z));
        let (measure, deviation) = strongest?;
        let strong =
            deviation.z >= SURE && deviation.excess() >= LEAST_FAILURES.max(0.05 * requests as f64);
        let culprits = || self.culprits(By::Requests, deviation.excess());
        strong.then(|| self.finding(Kind::Errors, measure, deviation, Vec::new(), culprits()))
    }

    /// Who has more than is usual looks like an attack: few that were not known, or callers not known that each have more
    /// than callers do. A crowd has neither.
    fn is_attack(&self, culprits: &Culprits, seen: f64, usual: f64) -> bool {
        let sources = self.record.sources.count().max(1.0);
        let usual_sources = self.usual_sources(&self.service.whole).unwrap_or(sources).max(1.0);
        let intense = seen / sources >= INTENSE * usual / usual_sources;
        let few = culprits.few() && culprits.few_are_new() && !culprits.try_again();
        // Where the server fails everybody asks again, also who is new.
        let fails = 3 * self.record.all.server_errors > self.record.all.requests;
        few || culprits.newer && intense && (!fails || culprits.new >= NEARLY_ALL)
    }

    /// Requests of the busiest callers that are no more than they used to send at their busiest, as a batch job does each night.
    fn habitual(&self) -> f64 {
        let (top, habits, _) = self.callers().by(By::Requests);
        top.iter().map(|(hash, e)| habits.of(hash).min(e.stats.sums.requests as f64)).sum()
    }

    fn usual(&self) -> &'a Baseline {
        &self.service.whole.usual
    }

    /// Endpoints with how they depart, those that do most first.
    fn targets(&self, of: Of) -> Vec<Target<'a>> {
        let one = |(name, scope): (&'a String, &'a Scope)| {
            let deviation = of(&scope.usual, self.length, scope.windows.get(self.length)?)?;
            Some(Target { name, scope, deviation })
        };
        let mut all: Vec<Target> = self.service.endpoints.iter().filter_map(one).collect();
        all.sort_by(|a, b| b.deviation.excess().total_cmp(&a.deviation.excess()));
        all
    }

    fn record_of(&self, scope: &'a Scope) -> Option<&'a Record> {
        scope.windows.get(self.length).map(|w| &w.record)
    }

    fn callers(&self) -> &'a CallersWindow {
        let [bucket, ..] = &self.service.callers;
        self.service.callers.get(self.length).unwrap_or(bucket)
    }

    /// Callers that are usual for the usual number of requests.
    fn usual_sources(&self, scope: &Scope) -> Option<f64> {
        let intensity = scope.usual.intensity.usual(self.length)?;
        Some(scope.windows.get(self.length)?.expected / intensity.max(1.0))
    }

    fn finding(
        &self,
        kind: Kind,
        measure: Measure,
        deviation: Deviation,
        endpoints: Vec<String>,
        culprits: Culprits,
    ) -> Finding {
        Finding {
            kind,
            measure,
            deviation,
            endpoints,
            culprits,
            sources: self.record.sources.count(),
            usual_sources: self.usual_sources(&self.service.whole),
            accounts: 0.0,
            taken: 0.0,
            templates: 0.0,
            spread: self.service.spread(self.length).map(|now| {
                let usual = self.usual().spread.usual(self.length);
                (now, usual)
            }),
            newly: Vec::new(),
        }
    }

    /// Seconds of the window.
    pub fn seconds(&self) -> u64 {
        WINDOWS.get(self.length).copied().unwrap_or(WINDOWS[0])
    }
}

/// Those that depart surely, to a multiple of what is usual, and by so much.
fn strong(mut targets: Vec<Target<'_>>, times: f64, least: f64) -> Vec<Target<'_>> {
    targets.retain(|Target { deviation: d, .. }| {
        d.z >= SURE && d.excess() >= least && d.excess() >= times * d.mid
    });
    targets
}

fn names(targets: &[Target<'_>]) -> Vec<String> {
    targets.iter().take(NAMED).map(|t| t.name.to_owned()).collect()
}
