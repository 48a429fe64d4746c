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

use super::baseline::{Deviation, WINDOWS};
use super::kind::Kind;
use super::observation::is_credentials;
use super::record::{Caller, Record, Sums};
use super::service::{Baseline, By, CallersWindow, OTHER, Scope, Service, Window};
use super::sketch::Entry;

/// From so many standard deviations on it is no chance: the service, its endpoints and their measures are looked at thousands of
/// times a day.
const SURE: f64 = 5.0;
/// Fewer beyond what is usual are not worth an alarm.
const LEAST_FAILURES: f64 = 20.0;
const LEAST_REQUESTS: f64 = 100.0;
/// Of time and bytes, in requests' worth of them.
const LEAST_WORTH: f64 = 50.0;
/// Callers that are named: one of so many, at least two, at most ten.
const EACH: f64 = 8.0;
const NAMED: usize = 10;
/// Few callers: those that are named have this share of what is beyond the usual.
const FEW: f64 = 0.5;
/// The share of callers that are not known is this much above the usual…
const NEWER: f64 = 0.3;
/// …and at least this.
const MOSTLY_NEW: f64 = 0.5;
/// Where the server fails: bots would have nearly all of what is beyond the usual.
const NEARLY_ALL: f64 = 0.9;
/// A caller asks so many times as much as callers do.
const INTENSE: f64 = 2.5;
/// Different templates that nobody asks for by accident.
const MANY_TEMPLATES: f64 = 12.0;
/// Accounts that nobody has who forgot a password.
const MANY_ACCOUNTS: f64 = 4.0;
/// Objects that nobody looks at one by one in a window.
const MANY_OBJECTS: f64 = 40.0;
/// Different paths of one caller that are not there.
const MANY_PATHS: f64 = 20.0;
/// What is beyond the usual of an endpoint matters from this share of what the whole service usually has.
const MATTERS: f64 = 0.2;
/// Bytes and time are beyond the usual so many times as much as requests are.
const HEAVIER: f64 = 2.0;
/// Requests are a peak from so many times the usual on.
const PEAK: f64 = 2.0;
/// Requests are so many times the usual: it is they, whatever they cost.
const FLOOD: f64 = 4.0;
/// An endpoint has part in what is beyond the usual.
const PART: f64 = 0.05;
/// A caller's requests cost so many times as much as others do.
const DEAR: f64 = 2.0;
/// What never happened before is as sure as what departs by so many standard deviations.
const NEVER: f64 = 8.0;
/// From so many endpoints on, what is drawn is not one thing.
const MANY_ENDPOINTS: usize = 4;

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

/// A caller with more than it used to have.
#[derive(Clone, Debug)]
pub struct Culprit {
    /// Its address.
    pub name: String,
    /// What it has beyond its habit.
    pub beyond: f64,
    /// All that is known of it.
    pub caller: Caller,
}

/// Who is behind what is beyond the usual.
#[derive(Clone, Debug, Default)]
pub struct Culprits {
    /// Those with the most, few of all.
    pub callers: Vec<Culprit>,
    /// Their share of what is beyond the usual.
    pub share: f64,
    /// The first of them has more than the heaviest caller usually has.
    pub heavier: bool,
    /// The share that callers have who were not known before, of what is beyond the usual.
    pub new: f64,
    /// That is more than usual.
    pub newer: bool,
    /// From this share on it is.
    pub many_new: f64,
}

impl Culprits {
    fn few(&self) -> bool {
        self.share >= FEW && self.heavier
    }

    /// So much of what the few ask for fails in the server that they ask again.
    fn try_again(&self) -> bool {
        let sum =
            |of: fn(&Sums) -> u64| self.callers.iter().map(|c| of(&c.caller.sums)).sum::<u64>();
        3 * sum(|s| s.server_errors) > sum(|s| s.requests)
    }

    /// What the few have comes from callers that were not known, more than is usual.
    fn few_are_new(&self) -> bool {
        let beyond = |new_only: bool| -> f64 {
            let these = self.callers.iter().filter(|c| c.caller.new || !new_only);
            these.map(|c| c.beyond).sum()
        };
        beyond(true) > beyond(false) * self.many_new
    }
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

    /// Too much of something: of what the service suffers most. Requests bring bytes and time along, so these have to be
    /// [`HEAVIER`] than the requests are many.
    fn volume(&self) -> Option<Finding> {
        let rate = self.usual().requests_deviation(self.length, self.window)?;
        if rate.z >= SURE && self.usual().requests.had_often(self.length, rate.mid, rate.seen) {
            return None;
        }
        let many = rate.excess() / rate.mid.max(1.0);
        let heavy = [
            self.heavy(By::Micros, Baseline::micros_deviation),
            self.heavy(By::Bytes, Baseline::bytes_deviation),
        ];
        let times = if rate.z >= SURE { rate.seen / rate.mid.max(1.0) } else { 1.0 };
        let heavier = |(impact, _): &(f64, Finding)| {
            times < FLOOD && (*impact >= HEAVIER * many || times < PEAK)
        };
        let heavy = heavy.into_iter().flatten().filter(heavier);
        let heaviest = heavy.max_by(|a, b| a.0.total_cmp(&b.0));
        heaviest.map(|(_, finding)| finding).or_else(|| self.many(rate))
    }

    /// Many requests.
    fn many(&self, rate: Deviation) -> Option<Finding> {
        let is_peak =
            rate.z >= SURE && rate.seen >= PEAK * rate.mid && rate.excess() >= LEAST_REQUESTS;
        let targets = strong(self.targets(Baseline::requests_deviation), 2.0, LEAST_REQUESTS);
        let rate = if is_peak { rate } else { targets.first()?.deviation };
        let culprits = self.culprits(By::Requests, rate.excess());
        let takes = culprits.callers.iter().any(|c| self.takes_one_by_one(&c.caller));
        let kind = match self.is_attack(&culprits, rate.seen, rate.mid) {
            true if culprits.few() && takes => Kind::DataLeak,
            true if rate.seen >= INTENSE * rate.mid => Kind::HttpDos,
            _ if self.habitual() >= FEW * rate.excess() => return None,
            _ => Kind::Load,
        };
        Some(self.finding(kind, Measure::Requests, rate, names(&targets), culprits))
    }

    /// It asks for many objects, each once or twice, and not so fast that it is meant to hurt.
    fn takes_one_by_one(&self, caller: &Caller) -> bool {
        let (requests, paths) = (caller.sums.requests as f64, caller.paths.count());
        requests < self.seconds() as f64 && paths >= MANY_OBJECTS && 2.0 * paths >= requests
    }

    /// Requests that cost much time or bytes, and how much they are beyond what the whole service usually has.
    fn heavy(&self, by: By, of: Of) -> Option<(f64, Finding)> {
        let whole = of(self.usual(), self.length, self.window)?;
        let worth = match by {
            By::Bytes => self.usual().bytes.usual(self.length)?,
            _ => self.usual().micros.usual(self.length)?,
        };
        let least = (MATTERS * whole.mid).max(LEAST_WORTH * worth);
        let mut targets = strong(self.targets(of), 1.0, least);
        targets.retain(|t| t.name != OTHER && (by == By::Bytes || self.is_asked_for_its_cost(t)));
        let excess: f64 = targets.iter().map(|t| t.deviation.excess()).sum();
        let culprits = self.culprits(by, excess);
        let mut deviation = targets.first()?.deviation;
        if !self.is_attack(&culprits, whole.seen, whole.mid) {
            return None;
        }
        let many =
            self.targets(of).iter().filter(|t| t.deviation.excess() >= PART * excess).count();
        let many = many >= MANY_ENDPOINTS;
        let (kind, measure) = match by {
            By::Bytes if many => (Kind::DataHeavy, Measure::Bytes),
            By::Bytes => (Kind::DataLeak, Measure::Bytes),
            _ if many => return None,
            _ => (Kind::ComputeHeavy, Measure::ServerTime),
        };
        if measure == Measure::ServerTime {
            let Deviation { low, mid, high, seen, .. } = &mut deviation;
            [low, mid, high, seen].into_iter().for_each(|micros| *micros /= 1e6);
        }
        let finding = self.finding(kind, measure, deviation, names(&targets), culprits);
        Some((excess / whole.mid.max(1.0), finding))
    }

    /// It costs more than others, and is asked more than usual: not slower for everybody.
    fn is_asked_for_its_cost(&self, target: &Target<'_>) -> bool {
        let usual = &target.scope.usual;
        let costs = |usual: &Baseline| usual.micros.usual(self.length);
        let window = target.scope.windows.get(self.length);
        let rate = window.and_then(|w| usual.requests_deviation(self.length, w));
        rate.is_some_and(|rate| rate.z >= SURE)
            && costs(usual).zip(costs(self.usual())).is_some_and(|(this, all)| this >= 2.0 * all)
    }

    /// Callers not known that each take surely more of the server's time than the heaviest usually does beyond its habit, so slowly
    /// that the sum of all time does not show it.
    fn exhausting(&self) -> Option<Finding> {
        let window = self.callers();
        let usual = self.usual().micros.usual(self.length)?;
        let dear = |caller: &Caller| {
            let Sums { requests, micros, server_errors, .. } = caller.sums;
            let each = micros as f64 / requests.max(1) as f64;
            caller.new && each >= DEAR * usual && 3 * server_errors < requests
        };
        let one = |(hash, entry): (u64, &Entry<Caller>)| {
            let deviation = window.costs.deviation(hash, &entry.stats)?;
            let sure = deviation.z >= SURE && deviation.seen >= INTENSE * deviation.mid;
            let name = entry.name.to_string();
            let culprit = Culprit { name, beyond: deviation.seen, caller: entry.stats };
            (sure && dear(&entry.stats)).then_some((deviation, culprit))
        };
        let mut found: Vec<_> = window.callers.costly.iter().filter_map(one).collect();
        found.sort_by(|(_, a), (_, b)| {
            b.beyond.total_cmp(&a.beyond).then_with(|| a.name.cmp(&b.name))
        });
        found.truncate(NAMED);
        let mut deviation = found.first()?.0;
        let whole = self.usual().micros_deviation(self.length, self.window)?;
        if deviation.seen < MATTERS * whole.mid {
            return None;
        }
        let Deviation { low, mid, high, seen, .. } = &mut deviation;
        [low, mid, high, seen].into_iter().for_each(|micros| *micros /= 1e6);
        let callers = found.into_iter().map(|(_, culprit)| culprit).collect();
        let culprits =
            Culprits { callers, share: 1.0, heavier: true, new: 1.0, ..Culprits::default() };
        let (kind, measure) = (Kind::ComputeHeavy, Measure::ServerTime);
        Some(self.finding(kind, measure, deviation, Vec::new(), culprits))
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

    fn culprits(&self, by: By, excess: f64) -> Culprits {
        let (top, habits, most) = self.callers().by(by);
        let amount = by.amount();
        let beyond = |hash, caller: &Caller| amount(&caller.sums) as f64 - habits.of(hash);
        let mut callers: Vec<Culprit> = top
            .iter()
            .map(|(hash, e)| Culprit {
                name: e.name.to_string(),
                beyond: beyond(hash, &e.stats),
                caller: e.stats,
            })
            .filter(|c| c.beyond > 0.0)
            .collect();
        callers.sort_by(|a, b| b.beyond.total_cmp(&a.beyond).then_with(|| a.name.cmp(&b.name)));
        let few = (self.record.sources.count() / EACH).clamp(2.0, NAMED as f64) as usize;
        callers.truncate(few);
        let share = callers.iter().map(|c| c.beyond).sum::<f64>() / excess.max(1.0);
        let (all, new) = (amount(&self.record.all) as f64, amount(&self.record.new) as f64);
        let usual_new = self.usual().new.usual();
        let new = (new - usual_new * (all - excess).max(0.0)) / excess.max(1.0);
        let new = new.clamp(0.0, 1.0);
        let many_new = (usual_new + NEWER).clamp(MOSTLY_NEW, 0.95);
        let newer = self.service.tells_newcomers() && new >= many_new;
        let first = callers.first().map_or(0.0, |c| c.beyond);
        let heavier = most.high().is_none_or(|high| first > high);
        Culprits { callers, share: share.min(1.0), heavier, new, newer, many_new }
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
