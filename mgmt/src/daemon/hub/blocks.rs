//! Blocked sources: the data plane's XDP program has them, the operator asks here.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::oneshot;
use weir_inspect::policy::parse_cidr;
use weir_proto::block_request::What;
use weir_proto::{
    AddBlock, BlockAnswer, BlockRequest, RemoveBlock, ToDataPlane, to_data_plane::Message,
};

use super::{Hub, lock};

/// How long the data plane may take: it reads some ten thousand map entries at most.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// A source is blocked at most so long: who still wants it then says so again.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(in crate::daemon) enum BlockError {
    /// The request is wrong, or the data plane refuses it.
    #[error("{0}")]
    Refused(String),
    /// There is no data plane to ask.
    #[error("{0}; blocked sources are in its XDP program, so nothing can be asked or changed now")]
    Away(&'static str),
}

/// What the operator asks.
#[derive(Clone, Copy, Debug)]
pub(in crate::daemon) enum Ask<'a> {
    /// What is blocked.
    List,
    /// Block a range for so many seconds.
    Add(&'a str, u64),
    /// End a block of exactly this range.
    Remove(&'a str),
}

impl Hub {
    /// Asks the data plane, one question at a time.
    pub(in crate::daemon) async fn blocks(&self, ask: Ask<'_>) -> Result<BlockAnswer, BlockError> {
        let what = what(ask)?;
        let _turn = self.block_turn.lock().await;
        let (answer, answered) = oneshot::channel();
        let (sender, id) = {
            let mut link = lock(&self.link);
            let sender =
                link.sender.clone().ok_or(BlockError::Away("the data plane is not connected"))?;
            link.block_id += 1;
            link.block_answer = Some((link.block_id, answer));
            (sender, link.block_id)
        };
        let message = Message::BlockRequest(BlockRequest { id, what });
        sender
            .try_send(ToDataPlane { message: Some(message) })
            .map_err(|_| BlockError::Away("the data plane does not read"))?;
        let answer = match tokio::time::timeout(ANSWER_WITHIN, answered).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => {
                return Err(BlockError::Away("the data plane disconnected before it answered"));
            }
            // One of an older version leaves out what it does not know.
            Err(_) => return Err(BlockError::Away("the data plane did not answer in time")),
        };
        if answer.error.is_empty() { Ok(answer) } else { Err(BlockError::Refused(answer.error)) }
    }

    /// The data plane has answered.
    pub(in crate::daemon) fn blocks_answered(&self, answer: BlockAnswer) {
        let mut link = lock(&self.link);
        if link.block_answer.as_ref().is_some_and(|(id, _)| *id == answer.id)
            && let Some((_, waiting)) = link.block_answer.take()
        {
            let _ = waiting.send(answer); // nobody waits any more
        }
    }
}

/// The request in the contract's words; an error says what to write instead.
fn what(ask: Ask<'_>) -> Result<Option<What>, BlockError> {
    let (cidr, seconds) = match ask {
        Ask::List => return Ok(None),
        Ask::Add(cidr, seconds) => (cidr, Some(seconds)),
        Ask::Remove(cidr) => (cidr, None),
    };
    let (ip, length) = parse_cidr(cidr).map_err(BlockError::Refused)?;
    let (ip, length) = (weir_proto::octets(ip), u32::from(length));
    let Some(seconds) = seconds else {
        return Ok(Some(What::Remove(RemoveBlock { ip, length })));
    };
    if length == 0 {
        let why = format!("`{cidr}` is every address: blocking it would cut everyone off");
        return Err(BlockError::Refused(why));
    }
    if seconds == 0 || seconds > LONGEST.as_secs() {
        let why = "a source is blocked for at least a second and at most 365 days".to_owned();
        return Err(BlockError::Refused(why));
    }
    Ok(Some(What::Add(AddBlock { ip, length, seconds })))
}

/// An answer as the API writes it.
pub(in crate::daemon) fn to_json(answer: &BlockAnswer) -> Value {
    let source = |s: &weir_proto::BlockedSource| {
        let ip = weir_proto::address(&s.ip)?;
        let seconds = s.remaining_ms.div_ceil(1000);
        Some(json!({
            "source": format!("{ip}/{}", s.length), "remaining_seconds": seconds,
            "packets": s.packets, "bytes": s.bytes,
        }))
    };
    let sources: Vec<_> = answer.sources.iter().filter_map(source).collect();
    json!({ "total": answer.total, "sources": sources })
}
