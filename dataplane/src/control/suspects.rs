//! Addresses behind an attack that the management process has told from the traffic as a whole: judged more strictly for a time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use weir_proto::Suspects;

use super::client::Client;

/// Most addresses at a time; of more, those after them are left out.
const MOST: usize = 1_000;
/// Longest time: whoever asks for more asks again.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

impl Client {
    /// Takes over who is a suspect, in place of those before.
    pub(super) fn suspect(&mut self, named: &Suspects) {
        let now = Instant::now();
        let until = |seconds| now + Duration::from_secs(seconds).min(LONGEST);
        let one = |s: &weir_proto::Suspect| Some((weir_proto::address(&s.ip)?, until(s.seconds)));
        self.suspects = named.sources.iter().take(MOST).filter_map(one).collect();
        tracing::info!("{} addresses are judged more strictly", self.suspects.len());
        self.put_suspects();
    }

    /// Forgets those whose time is over.
    pub(super) fn end_suspicions(&mut self) {
        let (now, before) = (Instant::now(), self.suspects.len());
        self.suspects.retain(|(_, until)| *until > now);
        if self.suspects.len() < before {
            self.put_suspects();
        }
    }

    fn put_suspects(&self) {
        let addresses = self.suspects.iter().map(|(ip, _)| *ip).collect();
        let policy = self.shared.policy.load().with_suspects(addresses);
        self.shared.policy.store(Arc::new(policy));
    }
}
