//! The model of how callers behave: it is taken over, kept for the next start, and judged with from the next packet on.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use weir_inspect::behaviour::Model;
use weir_proto::{ApplyModel, ModelResult};

use super::client::Client;
use super::{Kept, Shared};

/// The model that was kept, with its revision; what is usual anywhere is good enough to begin with.
pub fn initial_model(state_dir: &Path) -> (Arc<Model>, u64) {
    Kept::initial(state_dir, Kept::MODEL, Model::parse)
}

impl Shared {
    /// With this model in force.
    pub fn with_model(self, (model, revision): (Arc<Model>, u64)) -> Shared {
        self.put_model(model, revision);
        self
    }

    fn put_model(&self, model: Arc<Model>, revision: u64) {
        self.policy.store(Arc::new(self.policy.load().with_model(model)));
        self.model_revision.store(revision, Ordering::Relaxed);
    }
}

impl Client {
    /// Takes a model over while packets go on under the old one, which stays if the new one is refused.
    pub(super) fn apply_model(&self, ApplyModel { revision, model }: ApplyModel) -> ModelResult {
        let read = match Model::parse(model.as_bytes()) {
            Ok(read) => read,
            Err(error) => {
                tracing::warn!(%error, "behaviour model {revision} refused; the old one stays");
                return ModelResult { revision, ok: false, error: error.to_string() };
            }
        };
        self.shared.put_model(Arc::new(read), revision);
        let kept = Kept { revision, source: model };
        if let Err(error) = kept.store(&self.settings.state_dir, Kept::MODEL) {
            tracing::error!(%error, "behaviour model {revision} is not kept for the next start");
        }
        tracing::info!("behaviour model {revision} in force");
        ModelResult { revision, ok: true, error: String::new() }
    }
}
