//! What was learnt, told to the data plane: the endpoints, and who is behind an attack. This is looked at each second, so what finds
//! no room is told the next time.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use weir_proto::{
    ApplyEndpoints, ModelResult, Suspect, Suspects, ToDataPlane, octets, to_data_plane::Message,
};

use super::super::learning::{Learning, Named};
use super::super::store::Revision;
use super::{Hub, Link, lock};

/// What was told last over a connection.
#[derive(Debug, Default)]
pub(super) struct Told {
    endpoints: Option<u64>,
    suspects: Option<Named>,
}

impl Hub {
    /// Tells the data plane what it does not know.
    pub(super) fn tell_learnt(&self, link: &mut Link) {
        let Some(learning) = &self.learning else { return };
        link.tell_endpoints(learning);
        link.tell_suspects(learning);
    }

    /// The data plane has answered to a list.
    pub(in crate::daemon) fn endpoints_answered(&self, result: ModelResult) {
        if result.ok {
            lock(&self.link).hello.endpoints_revision = result.revision;
        } else {
            tracing::warn!("the data plane refused the list of endpoints: {}", result.error);
        }
    }
}

impl Link {
    /// Unless the data plane knows the list, has refused it, or has yet to answer.
    fn tell_endpoints(&mut self, learning: &Learning) {
        let list = learning.endpoints();
        let Some(list) = list.filter(|list| list.number != self.hello.endpoints_revision) else {
            return;
        };
        if self.told.endpoints != Some(list.number) && self.tell(endpoints(&list)) {
            self.told.endpoints = Some(list.number);
        }
    }

    fn tell_suspects(&mut self, learning: &Learning) {
        let named = learning.suspects();
        let known = match &self.told.suspects {
            Some(told) => Arc::ptr_eq(told, &named),
            None => named.is_empty(),
        };
        if !known && self.tell(suspects(&named)) {
            self.told.suspects = Some(named);
        }
    }

    fn tell(&self, message: Message) -> bool {
        let message = ToDataPlane { message: Some(message) };
        self.sender.as_ref().is_some_and(|sender| sender.try_send(message).is_ok())
    }
}

fn endpoints(list: &Arc<Revision>) -> Message {
    let (revision, endpoints) = (list.number, list.source.clone());
    Message::ApplyEndpoints(ApplyEndpoints { revision, endpoints })
}

fn suspects(named: &Named) -> Message {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let left = named.iter().filter(|(_, until)| **until > now);
    let one = |(ip, until): (&std::net::IpAddr, &u64)| Suspect {
        ip: octets(*ip),
        seconds: until.saturating_sub(now),
    };
    Message::Suspects(Suspects { sources: left.map(one).collect() })
}
