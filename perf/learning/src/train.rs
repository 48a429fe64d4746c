//! Training of a [`Network`]: stochastic gradient descent on the logistic loss, with AdaGrad's steps.

use weir_mgmt::learning::endpoints::network::{Input, Network, Shape, probability};
use weir_perf::random::Random;

/// An input, and whether it is a value.
#[derive(Clone, Debug)]
pub struct Example {
    /// What the network sees.
    pub input: Input,
    /// What it should say.
    pub is_value: bool,
    /// How much it counts.
    pub weight: f32,
}

/// How a network is trained.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Rounds over all examples.
    pub rounds: usize,
    /// AdaGrad's step.
    pub rate: f32,
    /// The share of n-grams that are left out of an example at random, so that no word is learnt by heart.
    pub drop: f64,
    /// For weights and order.
    pub seed: u64,
}

/// Weights and the sums of their squared gradients.
struct Learning {
    network: Network,
    squares: [Vec<f32>; 4],
    rate: f32,
}

/// AdaGrad's divisor before anything is learnt.
const FIRST: f32 = 1e-3;

/// Trains on examples, in an order of the seed's.
pub fn train(shape: Shape, examples: &[&[Example]], plan: &Plan) -> Network {
    let examples: Vec<&Example> = examples.iter().copied().flatten().collect();
    let mut random = Random::new(plan.seed);
    let mut learning = Learning::new(shape, plan, &mut random);
    let mut order: Vec<usize> = (0..examples.len()).collect();
    for round in 0..plan.rounds {
        learning.rate = plan.rate * (1.0 - round as f32 / plan.rounds as f32);
        for at in (1..order.len()).rev() {
            order.swap(at, random.below(at + 1));
        }
        for example in order.iter().filter_map(|at| examples.get(*at).copied()) {
            let mut input = example.input.clone();
            for bag in &mut input.bags {
                bag.retain(|_| !random.chance(plan.drop));
            }
            learning.learn(&input, example);
        }
    }
    learning.network
}

impl Learning {
    fn new(shape: Shape, plan: &Plan, random: &mut Random) -> Learning {
        let mut small = |count: usize, size: f64| -> Vec<f32> {
            (0..count).map(|_| ((random.unit() * 2.0 - 1.0) * size) as f32).collect()
        };
        let spread = (2.0 / shape.inputs() as f64).sqrt();
        let network = Network {
            shape,
            embedding: small(shape.buckets * shape.dim, 0.1),
            weights: small(shape.hidden * shape.inputs(), spread),
            biases: vec![0.0; shape.hidden],
            output: small(shape.hidden + 1, 0.3),
        };
        let squares = [&network.embedding, &network.weights, &network.biases, &network.output]
            .map(|tensor| vec![0.0; tensor.len()]);
        Learning { network, squares, rate: plan.rate }
    }

    fn learn(&mut self, input: &Input, example: &Example) {
        let (mut joined, mut hidden) = (Vec::new(), Vec::new());
        self.network.joined(input, &mut joined);
        self.network.hidden(&joined, &mut hidden);
        let wanted = f32::from(u8::from(example.is_value));
        let error = (probability(self.network.sum(&hidden)) - wanted) * example.weight;
        let Shape { dim, buckets, bags, .. } = self.network.shape;
        let rate = self.rate;
        let [embedding, weights, biases, output] = &mut self.squares;
        let mut back = vec![0.0f32; joined.len()];
        for (unit, active) in hidden.iter().enumerate() {
            let Some(out) = self.network.output.get(unit).copied() else { continue };
            step(&mut self.network.output, output, unit, error * active, rate);
            if *active <= 0.0 {
                continue;
            }
            let slope = error * out;
            step(&mut self.network.biases, biases, unit, slope, rate);
            let start = unit * joined.len();
            for (at, value) in joined.iter().enumerate() {
                if let (Some(back), Some(weight)) =
                    (back.get_mut(at), self.network.weights.get(start + at))
                {
                    *back += slope * weight;
                }
                step(&mut self.network.weights, weights, start + at, slope * value, rate);
            }
        }
        step(&mut self.network.output, output, hidden.len(), error, rate);
        for (number, bag) in input.bags.iter().take(bags).enumerate() {
            let scale = 1.0 / (bag.len().max(1) as f32).sqrt();
            for bucket in bag {
                let row = *bucket as usize % buckets * dim;
                for at in 0..dim {
                    let slope = back.get(number * dim + at).copied().unwrap_or(0.0) * scale;
                    step(&mut self.network.embedding, embedding, row + at, slope, rate);
                }
            }
        }
    }
}

fn step(weights: &mut [f32], squares: &mut [f32], at: usize, slope: f32, rate: f32) {
    if let (Some(weight), Some(square)) = (weights.get_mut(at), squares.get_mut(at)) {
        *square += slope * slope;
        *weight -= rate * slope / (square.sqrt() + FIRST);
    }
}
