//! Too much of something: requests, bytes, the server's time.

use super::culprits::FEW;
use super::{
    Culprit, Culprits, Finding, INTENSE, Measure, NAMED, Of, SURE, Scene, Target, names, strong,
};
use crate::learning::anomaly::baseline::Deviation;
use crate::learning::anomaly::kind::Kind;
use crate::learning::anomaly::record::{Caller, Sums};
use crate::learning::anomaly::service::{Baseline, By, OTHER};
use crate::learning::anomaly::sketch::Entry;

/// Fewer beyond what is usual are not worth an alarm.
const LEAST_REQUESTS: f64 = 100.0;
/// Of time and bytes, in requests' worth of them.
const LEAST_WORTH: f64 = 50.0;
/// Objects that nobody looks at one by one in a window.
const MANY_OBJECTS: f64 = 40.0;
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
/// From so many endpoints on, what is drawn is not one thing.
const MANY_ENDPOINTS: usize = 4;

impl Scene<'_> {
    /// Too much of something: of what the service suffers most. Requests bring bytes and time along, so these have to be
    /// [`HEAVIER`] than the requests are many.
    pub(super) fn volume(&self) -> Option<Finding> {
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
    pub(super) fn exhausting(&self) -> Option<Finding> {
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
}
