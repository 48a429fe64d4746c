//! One gRPC call as events tell it: how many messages went each way, and the status that ended it.

use weir_reassembly::grpc::{Deframer, Event, Status};

use super::Dir;

/// Messages are counted, not gathered, so their length needs no limit of Weir's own.
const ANY_LENGTH: u32 = u32::MAX;

/// A call on its stream.
#[derive(Debug)]
pub struct Call {
    requests: Deframer,
    responses: Deframer,
    /// Messages of the client, of the server.
    pub messages: (u64, u64),
    /// `grpc-status`, once the server has said it.
    pub status: Option<u32>,
}

impl Default for Call {
    fn default() -> Call {
        let deframer = || Deframer::new(ANY_LENGTH);
        Call { requests: deframer(), responses: deframer(), messages: (0, 0), status: None }
    }
}

impl Call {
    /// Counts the messages that end in the next bytes of content.
    pub fn content(&mut self, dir: Dir, at: u64, bytes: &[u8]) {
        let (deframer, count) = match dir {
            Dir::ToServer => (&mut self.requests, &mut self.messages.0),
            Dir::ToClient => (&mut self.responses, &mut self.messages.1),
        };
        let (mut at, mut rest) = (at, bytes);
        loop {
            let step = deframer.poll(at, rest);
            at += step.consumed as u64;
            rest = rest.get(step.consumed..).unwrap_or_default();
            match step.event {
                Some(Event::MessageEnd) => *count += 1,
                Some(Event::Error(_)) | None => return,
                Some(_) => {}
            }
        }
    }

    /// Takes the status from trailers, or from the only header block of a response (gRPC "Trailers-Only").
    pub fn fields<'a>(&mut self, fields: impl IntoIterator<Item = (&'a [u8], &'a [u8])>) {
        self.status = Status::from_fields(fields).map(|s| s.code).or(self.status);
    }
}
