//! How callers behave, learnt in periods: a model of each is kept when it is over.

use std::collections::HashSet;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use weir_inspect::request::Request;

use super::super::store::write;
use crate::learning::behaviour::{Learner, actor};

/// Callers that a period learns from; of further ones it learns nothing. About 10 kB each at most.
const CALLERS: usize = 10_000;

/// The period under way, and where the model of the last one is.
pub(super) struct Callers {
    learner: Learner,
    known: HashSet<String>,
    began: Instant,
    period: Duration,
    file: PathBuf,
}

impl Callers {
    /// Begins a period.
    pub(super) fn new(file: PathBuf, period: Duration) -> Callers {
        let (learner, known) = (Learner::default(), HashSet::new());
        Callers { learner, known, began: Instant::now(), period, file }
    }

    /// A request. One that stands for others says nothing of what its caller did before it.
    pub(super) fn add(&mut self, request: &Request) {
        if request.weight > 1 {
            return;
        }
        let name = actor(request);
        if self.known.contains(&name) || self.known.len() < CALLERS {
            self.known.insert(name);
            self.learner.observe(request);
        }
    }

    /// Keeps the model if the period is over, and begins another one.
    pub(super) fn tick(&mut self) {
        if self.began.elapsed() < self.period {
            return;
        }
        let (model, _) = self.learner.finish();
        let kept = serde_json::to_vec(&model)
            .map_err(io::Error::from)
            .and_then(|text| write(&self.file, &[&text]));
        if let Err(e) = kept {
            tracing::error!("the model of callers can't be kept in {}: {e}", self.file.display());
        }
        *self = Callers::new(std::mem::take(&mut self.file), self.period);
    }

    /// The model of the last period, or of the first one so far; the error is a sentence.
    pub(super) fn model(&self) -> Result<serde_json::Value, String> {
        match std::fs::read(&self.file) {
            Ok(text) => {
                serde_json::from_slice(&text).map_err(|e| format!("{}: {e}", self.file.display()))
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                serde_json::to_value(self.learner.finish().0).map_err(|e| e.to_string())
            }
            Err(e) => Err(format!("can't read {}: {e}", self.file.display())),
        }
    }
}
