//! Learns how callers of a site behave. Whoever behaves like an attacker is left out, an endpoint counts when several of the others
//! asked for it, a caller counts for a few requests of a kind at most, and what is usual is told by medians: so an attacker
//! who sends much, or for long, teaches little.

use std::collections::{BTreeMap, HashMap, HashSet};

use weir_inspect::behaviour::{
    Identity, MEASURES, Measure, Measures, Model, Norm, SiteModel, Template, judge, measure_name,
    template,
};
use weir_inspect::endpoints::Endpoints;
use weir_inspect::request::Request;

use super::detect::{ALARM, Detector};
use super::{actor, seen};

/// Callers who must have asked for an endpoint for it to be believed.
const BELIEVED_FROM: u32 = 3;
/// A caller counts so often for a step.
const STEP_COUNTS: u32 = 5;
/// Most endpoints of a caller's that are kept in their order, and most different endpoints: what comes beyond is not learnt.
const MOST_CALLS: usize = 2_000;
const MOST_TEMPLATES: usize = 50_000;
/// Believed endpoints that a model holds; those with the most requests stay.
const MOST_BELIEVED: usize = 5_000;
/// A caller with no more requests says nothing of what is usual.
const FEW_REQUESTS: f32 = 5.0;
/// Makes the median absolute deviation a standard deviation, were the distribution normal.
const MAD_TO_DEVIATION: f32 = 1.4826;

struct Student {
    identity: Identity,
    worst: f32,
    /// The highest of each measure: what the judge sees of a caller in its worst moment.
    peak: Measures,
    /// Places of templates, in order.
    calls: Vec<u32>,
}

/// Takes requests in, and makes a model of them.
#[derive(Default)]
pub struct Learner {
    model: Model,
    callers: HashMap<String, Student>,
    templates: HashMap<(String, String, String), u32>,
    now: f64,
}

impl Learner {
    /// Takes a request into account.
    pub fn observe(&mut self, request: &Request) {
        let seen = seen(request, self.now);
        self.now = seen.time;
        let name = actor(request);
        if self.callers.len() >= Detector::MOST && !self.callers.contains_key(&name) {
            return;
        }
        let student = self.callers.entry(name).or_insert_with(Student::new);
        student.identity.observe(&seen, &self.model);
        student.worst = student.worst.max(judge(&mut student.identity, &self.model).score);
        let measures = student.identity.measures();
        for (peak, value) in student.peak.0.iter_mut().zip(measures.0) {
            // What can't be said yet (NaN) gives way to the first value.
            *peak = peak.max(value);
        }
        let host = request.host.clone().unwrap_or_default();
        let path = request.endpoint.clone().unwrap_or_else(|| template(&request.url));
        let key = (request.method.clone(), host, path);
        let next = self.templates.len();
        let place = match self.templates.get(&key) {
            Some(place) => *place,
            None if next >= MOST_TEMPLATES => return,
            None => *self.templates.entry(key).or_insert(next as u32),
        };
        if student.calls.len() < MOST_CALLS {
            student.calls.push(place);
        }
    }

    /// The model, and sentences about what should be known of it.
    pub fn finish(&self) -> (SiteModel, Vec<String>) {
        let mut site = SiteModel::new();
        let mut notes = Vec::new();
        let good: Vec<&Student> = self.callers.values().filter(|s| s.worst < ALARM).collect();
        site.callers = self.callers.len() as u64;
        site.quarantined_callers = site.callers - good.len() as u64;
        let places = self.believed(&good, &mut site);
        site.steps = steps(&good, &places);
        site.norms = norms(&good);
        if let Some(norm) = surprise(&good, &places, &site) {
            site.norms.insert(measure_name(Measure::Surprise), norm);
        }
        if site.templates.is_empty() {
            notes.push(format!(
                "no endpoint was asked for by {BELIEVED_FROM} callers: sequences are not learnt"
            ));
        }
        (site, notes)
    }

    /// Puts the endpoints that are believed into the model; where each of all is in it.
    fn believed(&self, good: &[&Student], site: &mut SiteModel) -> Vec<Option<u32>> {
        let mut counts = vec![(0u32, 0u32); self.templates.len()];
        for student in good {
            let mut asked = HashSet::new();
            for place in &student.calls {
                if let Some((requests, callers)) = counts.get_mut(*place as usize) {
                    *requests += 1;
                    *callers += u32::from(asked.insert(*place));
                }
            }
        }
        let mut found: Vec<_> = self.templates.iter().collect();
        // By requests, then by name: the same input makes the same model.
        found.sort_by_key(|(key, place)| {
            let requests = counts.get(**place as usize).map_or(0, |c| c.0);
            (std::cmp::Reverse(requests), *key)
        });
        let mut places = vec![None; counts.len()];
        for (key, place) in found {
            let (requests, callers) = counts.get(*place as usize).copied().unwrap_or_default();
            if callers < BELIEVED_FROM || site.templates.len() >= MOST_BELIEVED {
                site.quarantined_templates += 1;
                continue;
            }
            if let Some(slot) = places.get_mut(*place as usize) {
                *slot = Some(site.templates.len() as u32);
            }
            let (method, host, path) = key.clone();
            site.templates.push(Template { method, host, path, count: requests });
        }
        places
    }
}

/// How surprising a model without norms finds the callers that it was learnt from.
fn surprise(good: &[&Student], places: &[Option<u32>], site: &SiteModel) -> Option<Norm> {
    let model = Model::new(site).ok()?;
    let unknown = Endpoints::default();
    let hashes: Vec<u64> = site.templates.iter().map(|t| t.hash(&unknown)).collect();
    let hash = |place: u32| hashes.get(place as usize).copied().unwrap_or(0);
    let of = |student: &&Student| {
        let surprises = student.steps(places).filter_map(|(a, b)| model.surprise(hash(a), hash(b)));
        let (count, sum) = surprises.fold((0.0, 0.0), |(n, sum), nats| (n + 1.0, sum + nats));
        (count >= FEW_REQUESTS).then_some(sum / count)
    };
    let values: Vec<f32> = good.iter().filter_map(of).collect();
    (!values.is_empty()).then(|| norm(values))
}

impl Student {
    fn new() -> Student {
        let identity = Identity::default();
        Student { identity, worst: 0.0, peak: Measures([f32::NAN; MEASURES]), calls: Vec::new() }
    }

    /// Its steps between believed endpoints.
    fn steps(&self, places: &[Option<u32>]) -> impl Iterator<Item = (u32, u32)> {
        let place = |p: &u32| places.get(*p as usize).copied().flatten();
        let pairs = self.calls.iter().zip(self.calls.iter().skip(1));
        pairs.filter_map(move |(a, b)| Some((place(a)?, place(b)?)))
    }
}

fn steps(good: &[&Student], places: &[Option<u32>]) -> Vec<(u32, u32, u32)> {
    let mut all: BTreeMap<(u32, u32), u32> = BTreeMap::new();
    for student in good {
        let mut own: HashMap<(u32, u32), u32> = HashMap::new();
        for step in student.steps(places) {
            *own.entry(step).or_default() += 1;
        }
        for (step, count) in own {
            *all.entry(step).or_default() += count.min(STEP_COUNTS);
        }
    }
    all.into_iter().map(|((from, to), count)| (from, to, count)).collect()
}

/// Median and spread of each measure over those who sent enough.
fn norms(good: &[&Student]) -> BTreeMap<String, Norm> {
    let enough: Vec<_> = good.iter().filter(|s| s.identity.requests() > FEW_REQUESTS).collect();
    let mut norms = BTreeMap::new();
    if enough.is_empty() {
        return norms;
    }
    for measure in Measure::ALL.into_iter().filter(|m| *m != Measure::Surprise) {
        let values = enough.iter().map(|student| student.peak.get(measure));
        let values: Vec<f32> = values.filter(|value| !value.is_nan()).collect();
        if !values.is_empty() {
            norms.insert(measure_name(measure), norm(values));
        }
    }
    norms
}

fn norm(values: Vec<f32>) -> Norm {
    let middle = median(values.clone());
    let apart = values.into_iter().map(|value| (value - middle).abs()).collect();
    Norm { median: middle, spread: MAD_TO_DEVIATION * median(apart) }
}

fn median(mut values: Vec<f32>) -> f32 {
    values.sort_by(f32::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}
