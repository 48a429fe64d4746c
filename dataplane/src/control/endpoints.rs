//! The endpoints that were learnt: taken over, kept for the next start, and known from the next request on.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use weir_inspect::endpoints::Endpoints;
use weir_proto::{ApplyEndpoints, ModelResult};

use super::client::Client;
use super::{Kept, Shared};

/// The list that was kept, with its revision; requests are judged without it, too.
pub fn initial_endpoints(state_dir: &Path) -> (Arc<Endpoints>, u64) {
    Kept::initial(state_dir, Kept::ENDPOINTS, Endpoints::parse)
}

impl Shared {
    /// With these endpoints known.
    pub fn with_endpoints(self, (endpoints, revision): (Arc<Endpoints>, u64)) -> Shared {
        self.put_endpoints(endpoints, revision);
        self
    }

    fn put_endpoints(&self, endpoints: Arc<Endpoints>, revision: u64) {
        self.policy.store(Arc::new(self.policy.load().with_endpoints(endpoints)));
        self.endpoints_revision.store(revision, Ordering::Relaxed);
    }
}

impl Client {
    /// Takes a list over while requests go on under the old one, which stays if the new one is refused.
    pub(super) fn apply_endpoints(
        &self,
        ApplyEndpoints { revision, endpoints }: ApplyEndpoints,
    ) -> ModelResult {
        let read = match Endpoints::parse(endpoints.as_bytes()) {
            Ok(read) => read,
            Err(error) => {
                tracing::warn!(%error, "list of endpoints {revision:x} refused; the old one stays");
                return ModelResult { revision, ok: false, error: error.to_string() };
            }
        };
        tracing::info!("{} endpoints are known (list {revision:x})", read.len());
        self.shared.put_endpoints(Arc::new(read), revision);
        let kept = Kept { revision, source: endpoints };
        if let Err(error) = kept.store(&self.settings.state_dir, Kept::ENDPOINTS) {
            tracing::error!(%error, "list of endpoints {revision:x} is not kept for the next start");
        }
        ModelResult { revision, ok: true, error: String::new() }
    }
}
