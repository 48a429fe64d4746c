//! Judging: models that have not seen a source are asked about it.

use std::collections::BTreeMap;

use super::data::{Data, Sample, Seen};
use super::train::{NOTHING, Plan, Weights, train};

/// The sources that are left out together.
const LEFT_OUT: &[&[&str]] = &[
    &["crs"],
    &["csic"],
    &["legit6", "sqli_train"],
    &["libinjection_fp"],
    &["datadog", "bodies"],
    &["prose"],
    &["access-log"],
    &["templates"],
];
/// The harmless requests on which thresholds are taken: those of browsers, of many sites and of one.
const MEASURED: &[&str] = &["legit6", "csic"];
/// All sources of harmless traffic, on which what the model says where no signature fires is measured. The worst counts, since
/// the next site is another one. Texts that were collected for looking like attacks are not among them.
const TRAFFIC: &[&str] =
    &["legit6", "csic", "datadog", "bodies", "access-log", "templates", "prose", "filler"];

/// What is taken off at the least where no signature fires: the next site is none of these. With nothing taken off, three of the harmless texts of
/// `inspect/tests/scan/harmless.txt` were blocked.
const LEAST_MARGIN: f32 = 1.25;

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Signatures alone, at the confidences that they have.
    Signatures,
    /// The model alone.
    Model,
    /// Both.
    Both,
    /// The model, where no signature fires.
    Alone,
}

impl Way {
    /// All of them, with their names.
    pub const ALL: [(&str, Way); 3] =
        [("signatures", Way::Signatures), ("model", Way::Model), ("both", Way::Both)];
}

/// Models that have not seen a source, by source.
#[derive(Debug)]
pub struct Models {
    left_out: Vec<(&'static [&'static str], Weights)>,
    /// The one that has seen all.
    pub whole: Weights,
}

impl Models {
    /// Trains them.
    pub fn train(data: &Data, plan: &Plan) -> Models {
        let without = |left: &[&str]| train(data, &|s| is_known(s) && !left.contains(&s.set), plan);
        let left_out = LEFT_OUT.iter().map(|left| (*left, without(left))).collect();
        Models { left_out, whole: train(data, &is_known, plan) }
    }

    /// The one that has not seen the source of a sample.
    pub fn of(&self, sample: &Sample) -> &Weights {
        let own = self.left_out.iter().find(|(sets, _)| sets.contains(&sample.set));
        own.map_or(&self.whole, |(_, model)| model)
    }

    /// What is said of each sample by the model that has not seen its source, before the logistic function, with what is taken
    /// off where no signature fires. Generated samples were seen.
    pub fn judge(&self, data: &Data, way: Way, margin: f32) -> Judged {
        let sums = data.samples.iter().map(|sample| {
            let model = self.of(sample);
            let say = |seen: &Seen| match way {
                Way::Signatures => seen.confidence(),
                Way::Model => model.sum(seen),
                Way::Both => model.joined(seen, margin),
                Way::Alone if seen.confidence() > 0.0 => NOTHING,
                Way::Alone => model.sum(seen),
            };
            let seen = sample.values.iter().filter_map(|v| data.seen.get(*v as usize));
            seen.map(say).fold(NOTHING, f32::max)
        });
        Judged { sums: sums.collect() }
    }
}

impl Models {
    /// The threshold of signatures and model together at which no more than `share` of harmless requests is blocked, and what is
    /// taken off where no signature fires so that this holds for the model there, too.
    pub fn thresholds(&self, data: &Data, share: f64) -> (f32, f32) {
        let threshold = self.judge(data, Way::Both, 0.0).threshold(data, share);
        let alone = self.judge(data, Way::Alone, 0.0).threshold_on(TRAFFIC, data, share);
        (threshold, (alone - threshold).max(LEAST_MARGIN))
    }
}

/// Whether a model may learn from it: of the odd requests of one shop nobody says which are attacks, and what breaks a
/// protocol or fixes a session is not in a value.
fn is_known(sample: &Sample) -> bool {
    !matches!(sample.class.as_str(), "csic-anomalous" | "protocol" | "session-fixation")
}

/// What was said of all samples, in their order.
#[derive(Debug)]
pub struct Judged {
    sums: Vec<f32>,
}

/// How many requests of a kind there are, repeated ones once, and how many are blocked.
#[derive(Clone, Copy, Debug, Default)]
pub struct Count {
    /// Requests.
    pub of: usize,
    /// Of them blocked.
    pub blocked: usize,
}

impl Count {
    /// As a share.
    pub fn share(self) -> f64 {
        self.blocked as f64 / self.of.max(1) as f64
    }
}

impl Judged {
    /// What was said of each sample.
    pub fn sums(&self) -> impl Iterator<Item = f32> {
        self.sums.iter().copied()
    }

    /// The least threshold at which of no measured source more than `share` of the harmless requests is blocked.
    pub fn threshold(&self, data: &Data, share: f64) -> f32 {
        self.threshold_on(MEASURED, data, share)
    }

    fn threshold_on(&self, sets: &[&str], data: &Data, share: f64) -> f32 {
        let of_set = |set: &str| {
            let harmless = data.samples.iter().zip(&self.sums);
            let harmless = harmless.filter(|(s, _)| !s.attack && !s.repeated && s.set == set);
            let mut sums: Vec<f32> = harmless.map(|(_, sum)| *sum).collect();
            sums.sort_by(f32::total_cmp);
            let allowed = (sums.len() as f64 * share) as usize;
            sums.get(sums.len().saturating_sub(allowed + 1)).map_or(NOTHING, |sum| sum + 1e-4)
        };
        sets.iter().map(|set| of_set(set)).fold(NOTHING, f32::max)
    }

    /// By source and class: how many are blocked from a threshold on. Tests of CRS' default rules count a second time, as
    /// `crs-default`.
    pub fn counts(&self, data: &Data, threshold: f32) -> BTreeMap<String, Count> {
        let mut counts = BTreeMap::<String, Count>::new();
        for (sample, sum) in data.samples.iter().zip(&self.sums).filter(|(s, _)| !s.repeated) {
            let default = sample.default.then(|| format!("crs-default.{}", sample.class));
            for row in [Some(sample.row()), default].into_iter().flatten() {
                let count = counts.entry(row).or_default();
                count.of += 1;
                count.blocked += usize::from(*sum >= threshold);
            }
        }
        counts
    }
}
