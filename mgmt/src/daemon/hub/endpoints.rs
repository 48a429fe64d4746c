//! The endpoints that were learnt, told to the data plane: when it comes and knows others, and when others were learnt.

use std::sync::Arc;

use weir_proto::{ApplyEndpoints, ModelResult, ToDataPlane, to_data_plane::Message};

use super::super::store::Revision;
use super::{Hub, Link, lock};

impl Hub {
    /// Sends the list of endpoints unless the data plane knows it, has refused it, or has yet to answer. What finds no room is sent the
    /// next time: this is called each second.
    pub(super) fn tell_endpoints(&self, link: &mut Link) {
        let list = self.learning.as_ref().and_then(|learning| learning.endpoints());
        let Some(list) = list.filter(|list| list.number != link.hello.endpoints_revision) else {
            return;
        };
        if link.endpoints_told == Some(list.number) {
            return;
        }
        if let Some(sender) = &link.sender
            && sender.try_send(message(&list)).is_ok()
        {
            link.endpoints_told = Some(list.number);
        }
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

fn message(list: &Arc<Revision>) -> ToDataPlane {
    let list = ApplyEndpoints { revision: list.number, endpoints: list.source.clone() };
    ToDataPlane { message: Some(Message::ApplyEndpoints(list)) }
}
