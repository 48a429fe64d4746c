//! A learned model of attacks: a linear one over runs of tokens of a value, joined with the signatures.
//!
//! ```text
//!   value ─► normalised ─► tokens ─► windows ─► runs, hashed ─► sum of weights ─(+)─► score
//!                      └─► signatures ─► the surest one's confidence × its worth ─┘
//! ```
//!
//! Signatures know what an attack says; the model knows how it is built, also where no signature fits, and how texts
//! are built that only look like one. A signature enters by its confidence, not by a weight of its own: so a new one
//! counts without training, and none is trusted less for having been rare in some corpus. What the model says for an attack
//! never comes to more than a sure signature does ([`crate::evidence`]). `models/attack.md` tells how it was made and what it reaches.

mod grams;
mod tokens;
mod words;

use std::cell::RefCell;
use std::sync::OnceLock;

pub use grams::BUCKETS;
use grams::Gram;
use tokens::Token;
pub use words::all as lexicon;

use crate::evidence;

/// First bytes of a model file: its name and version.
const MAGIC: &[u8; 8] = b"weir-am2";
/// Bytes before the weights: magic, scale, bias, margin.
const HEADER: usize = 20;
/// What a sure signature adds to the sum before the logistic function. Chosen on the sources that are left out of
/// training (`bench-attacks`): with less, signatures are lost; with more, their false alarms come back.
pub const SIGNATURE_WORTH: f32 = 10.0;
/// From this confidence on a signature decides by itself: nothing harmless is built so, whatever stands around it. Such
/// signatures fire on none of the harmless requests at hand.
pub const SURE: f32 = 0.95;
/// Features of an ordinary value; weights of a longer one count less. Chosen likewise.
const ORDINARY: f32 = 30.0;

/// The weights.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// What a weight of 1 is worth.
    pub scale: f32,
    /// The score of nothing at all, before the logistic function.
    pub bias: f32,
    /// What is taken off where no signature fires. How strict a model is on sites that it has not seen differs from site to
    /// site, and there nothing else speaks for an attack.
    pub margin: f32,
    /// A weight a bucket.
    pub weights: Vec<i8>,
}

thread_local! {
    /// Which buckets a window has touched, as bits and as a list. One a thread, empty between calls.
    static TOUCHED: RefCell<(Vec<u64>, Vec<u16>)> = const { RefCell::new((Vec::new(), Vec::new())) };
}

impl Model {
    /// The model that is shipped.
    pub fn shipped() -> Option<&'static Model> {
        static SHIPPED: OnceLock<Option<Model>> = OnceLock::new();
        let read = || Model::read(include_bytes!("../../models/attack.bin"));
        SHIPPED.get_or_init(read).as_ref()
    }

    /// Reads a model file.
    pub fn read(file: &[u8]) -> Option<Model> {
        let number = |at: usize| Some(f32::from_le_bytes(*file.get(at..)?.first_chunk()?));
        let weights = file.get(HEADER..).filter(|w| w.len() == BUCKETS)?;
        let (scale, bias, margin) = (number(8)?, number(12)?, number(16)?);
        file.starts_with(MAGIC).then_some(())?;
        Some(Model { scale, bias, margin, weights: weights.iter().map(|w| *w as i8).collect() })
    }

    /// Writes a model file.
    pub fn written(&self) -> Vec<u8> {
        let mut file = MAGIC.to_vec();
        file.extend(self.scale.to_le_bytes());
        file.extend(self.bias.to_le_bytes());
        file.extend(self.margin.to_le_bytes());
        file.extend(self.weights.iter().map(|w| *w as u8));
        file
    }

    /// The score of a normalised text, 0 to 1; `confidence` is that of the surest signature that fired in it.
    pub fn score(&self, text: &[u8], confidence: f32) -> f32 {
        let mut worst = f32::MIN;
        observe(text, |features| worst = worst.max(self.sum(features)));
        if confidence == 0.0 {
            worst -= self.margin;
        }
        // What speaks against an attack counts as it is: it is what overrules a signature.
        let said = if worst > 0.0 { evidence::learnt(worst) } else { worst };
        let score = evidence::score(said + SIGNATURE_WORTH * confidence);
        if confidence >= SURE { score.max(confidence) } else { score }
    }

    /// What the features of a window come to, before the logistic function.
    fn sum(&self, features: &[u16]) -> f32 {
        let weight = |b: &u16| self.weights.get(usize::from(*b)).map_or(0, |w| i32::from(*w));
        let sum: i32 = features.iter().map(weight).sum();
        self.bias + self.scale * sum as f32 * share(features.len())
    }

    /// The runs of tokens that speak the most for an attack, as people can read them: words that are not in the
    /// lexicon, numbers and ids are not told.
    pub fn reasons(&self, text: &[u8], most: usize) -> Vec<String> {
        let mut worst = (f32::MIN, Vec::new());
        grams::windows(text, |window| {
            let (mut all, mut touched) = (Vec::new(), Vec::new());
            grams::each(window, |gram| {
                let weight = self.weights.get(usize::from(gram.bucket)).copied().unwrap_or(0);
                if weight > 0 && !touched.contains(&gram.bucket) {
                    touched.push(gram.bucket);
                    all.push((weight, gram, written(window, &gram, text)));
                }
            });
            let sum = all.iter().map(|(weight, ..)| f32::from(*weight)).sum::<f32>();
            if sum > worst.0 {
                worst = (sum, all);
            }
        });
        let mut runs = worst.1;
        runs.sort_by_key(|(weight, gram, _)| (-i32::from(*weight), gram.last));
        let mut told: Vec<String> = Vec::new();
        for (_, _, run) in runs {
            if told.len() < most && !told.contains(&run) {
                told.push(run);
            }
        }
        told
    }
}

/// What a weight counts in a window of so many features: in a long one many small ones would add up.
pub fn share(features: usize) -> f32 {
    (ORDINARY / (features as f32).max(ORDINARY)).sqrt()
}

/// Calls `each` with the features of every window of a normalised text, each feature once.
pub fn observe(text: &[u8], mut each: impl FnMut(&[u16])) {
    TOUCHED.with_borrow_mut(|(touched, features)| {
        touched.resize(BUCKETS / 64, 0);
        grams::windows(text, |window| {
            features.clear();
            grams::each(window, |Gram { bucket, .. }| {
                let bit = 1 << (bucket % 64);
                if let Some(word) = touched.get_mut(usize::from(bucket / 64))
                    && *word & bit == 0
                {
                    *word |= bit;
                    features.push(bucket);
                }
            });
            for bucket in &*features {
                if let Some(word) = touched.get_mut(usize::from(bucket / 64)) {
                    *word = 0;
                }
            }
            each(features);
        });
    });
}

fn written(window: &[Token], gram: &Gram, text: &[u8]) -> String {
    let from = (gram.last + 1).saturating_sub(gram.length);
    let run = window.get(from..=gram.last).unwrap_or_default();
    let run: Vec<String> = run.iter().map(|token| tokens::written(token, text)).collect();
    run.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_what_was_written() {
        let mut weights = vec![0; BUCKETS];
        weights[5] = -3;
        let model = Model { scale: 0.25, bias: -4.5, margin: 1.5, weights };
        assert_eq!(Model::read(&model.written()), Some(model.clone()));
        assert_eq!(Model::read(&model.written()[..BUCKETS]), None);
        assert_eq!(Model::read(&[b'x'; BUCKETS + HEADER]), None);
        assert!((model.sum(&[5]) - -5.25).abs() < 1e-6);
    }

    #[test]
    fn every_part_of_a_long_value_is_weighed() {
        let attack = "' or 1 = 1 union select";
        let mut wanted = Vec::new();
        grams::windows(attack.as_bytes(), |w| {
            // Without the edges, which stand elsewhere in the long one.
            grams::each(&w[1..w.len() - 1], |g| wanted.push(g.bucket));
        });
        for before in [0, 10, 90, 100, 500] {
            let text = format!("{}{attack}", "word ".repeat(before));
            let mut whole = false;
            observe(text.as_bytes(), |features| {
                whole |= wanted.iter().all(|b| features.contains(b));
            });
            assert!(whole, "behind {before} words");
        }
    }
}
