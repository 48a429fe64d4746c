//! Training: logistic regression by stochastic gradient descent (AdaGrad), deterministic by its seed;
//! the weights are averaged over the last rounds.
//!
//! A label belongs to a request, the model scores values. A harmless request has only harmless values, so all of them
//! are examples. Of an attack nobody says which value it is in: the one that the model finds worst is its example,
//! among those that no harmless request has.

use weir_inspect::attack_model::{BUCKETS, Model, SIGNATURE_WORTH, SURE, share};

use super::data::{Data, Sample, Seen};
use crate::random::Random;

/// How a model is trained. The values were chosen on the sources that are left out, see `inspect/models/attack.md`.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Rounds over all examples.
    pub rounds: usize,
    /// AdaGrad's step.
    pub rate: f32,
    /// What a weight loses for its size with each of its examples (L2).
    pub decay: f32,
    /// What a harmless example counts, an attack counting 1.
    pub harmless: f32,
    /// For the order of the examples.
    pub seed: u64,
}

impl Default for Plan {
    fn default() -> Plan {
        Plan { rounds: 6, rate: 0.1, decay: 3e-4, harmless: 3.0, seed: 1 }
    }
}

/// AdaGrad's divisor before anything is learnt.
const FIRST: f32 = 1e-3;
/// Of the weights after so many of the last rounds the mean is taken (Polyak and Juditsky, 1992): those after a single one depend on its order.
const MEAN: usize = 3;
/// The bias at first (one value in eight an attack), and what it learns, a weight learning 1.
const BIAS: (f32, f32) = (-2.0, 0.01);
/// The sum of a request with no value that is worth a look.
pub const NOTHING: f32 = -30.0;
/// The sum of a value in which a sure signature fires, whatever the model says of it: above any threshold.
const CERTAIN: f32 = 30.0;

/// Weights while they are learnt.
#[derive(Clone, Debug)]
pub struct Weights {
    bias: f32,
    weights: Vec<f32>,
    squares: Vec<f32>,
}

impl Weights {
    /// What the model says of a value, before the logistic function.
    pub fn sum(&self, seen: &Seen) -> f32 {
        let weight = |b: &u16| self.weights.get(usize::from(*b)).copied().unwrap_or(0.0);
        self.bias + seen.runs.iter().map(weight).sum::<f32>() * share(seen.runs.len())
    }

    /// What model and signatures say together; where no signature fires, `margin` is taken off.
    pub fn joined(&self, seen: &Seen, margin: f32) -> f32 {
        let confidence = seen.confidence();
        if confidence == 0.0 {
            return self.sum(seen) - margin;
        }
        let joined = self.sum(seen) + SIGNATURE_WORTH * confidence;
        if confidence >= SURE { joined.max(CERTAIN) } else { joined }
    }

    fn learn(&mut self, seen: &Seen, attack: bool, importance: f32, plan: &Plan) {
        let wanted = if attack { 1.0 } else { 0.0 };
        let given = 1.0 / (1.0 + (-self.sum(seen)).exp());
        let error = (given - wanted) * importance;
        self.bias -= BIAS.1 * plan.rate * error;
        let share = share(seen.runs.len());
        for bucket in &seen.runs {
            let at = usize::from(*bucket);
            let slots = (self.weights.get_mut(at), self.squares.get_mut(at));
            let (Some(weight), Some(square)) = slots else { continue };
            let slope = error * share + plan.decay * *weight;
            *square += slope * slope;
            *weight -= plan.rate * slope / (square.sqrt() + FIRST);
        }
    }

    /// The model with 8-bit weights, moved so that a sum of `threshold` becomes a score of one half, and one of `threshold` and
    /// `margin` where no signature fires.
    pub fn model(&self, threshold: f32, margin: f32) -> Model {
        let largest = self.weights.iter().fold(0.0f32, |m, w| m.max(w.abs()));
        let scale = (largest / 127.0).max(f32::MIN_POSITIVE);
        let weights = self.weights.iter().map(|w| (w / scale).round() as i8).collect();
        Model { scale, bias: self.bias - threshold, margin, weights }
    }
}

/// Trains on the samples that `wanted` lets through.
pub fn train(data: &Data, wanted: &dyn Fn(&Sample) -> bool, plan: &Plan) -> Weights {
    let (weights, squares) = (vec![0.0; BUCKETS], vec![0.0; BUCKETS]);
    let mut weights = Weights { bias: BIAS.0, weights, squares };
    let (attacks, harmless) = examples(data, wanted);
    let mut order: Vec<usize> = (0..attacks.len() + harmless.len()).collect();
    let mut random = Random::new(plan.seed);
    let mut sum = vec![0.0; BUCKETS];
    for round in 0..plan.rounds {
        for at in (1..order.len()).rev() {
            order.swap(at, random.below(at + 1));
        }
        for at in &order {
            if let Some(seen) = at.checked_sub(attacks.len()).and_then(|at| harmless.get(at)) {
                weights.learn(seen, false, plan.harmless, plan);
            } else if let Some(values) = attacks.get(*at) {
                let worse = |a: &&&Seen, b: &&&Seen| weights.sum(a).total_cmp(&weights.sum(b));
                if let Some(worst) = values.iter().max_by(worse).copied() {
                    weights.learn(worst, true, 1.0, plan);
                }
            }
        }
        if round + MEAN >= plan.rounds {
            sum.iter_mut().zip(&weights.weights).for_each(|(sum, weight)| *sum += weight);
        }
    }
    weights.weights = sum.into_iter().map(|sum| sum / MEAN as f32).collect();
    weights
}

/// The values of each attack that may be what makes it one, and all values of harmless requests.
fn examples<'a>(
    data: &'a Data,
    wanted: &dyn Fn(&Sample) -> bool,
) -> (Vec<Vec<&'a Seen>>, Vec<&'a Seen>) {
    let mut harmless = vec![false; data.seen.len()];
    let samples = || data.samples.iter().filter(|s| wanted(s) && !s.repeated);
    for value in samples().filter(|s| !s.attack).flat_map(|s| &s.values) {
        if let Some(is) = harmless.get_mut(*value as usize) {
            *is = true;
        }
    }
    let is_harmless = |value: &u32| harmless.get(*value as usize).copied().unwrap_or(false);
    let attacks = samples().filter(|s| s.attack).map(|s| {
        let values = s.values.iter().filter(|v| !is_harmless(v));
        values.filter_map(|v| data.seen.get(*v as usize)).collect::<Vec<_>>()
    });
    let attacks = attacks.filter(|values| !values.is_empty()).collect();
    let harmless = data.seen.iter().zip(&harmless).filter(|(_, is)| **is);
    (attacks, harmless.map(|(seen, _)| seen).collect())
}
