//! One stream: a request and its response, or the messages of WebSocket in both directions.

use weir_inspect::policy::{Cause, ExceptionAction, Part};
use weir_reassembly::http2::FrameHeader;

use super::ending::Ending;
use crate::engine::session::content::{PieceOutcome, Reading};
use crate::engine::session::transaction::Transaction;
use crate::engine::session::websocket::Messages;
use crate::engine::session::{Dir, Feed, report};

/// One stream.
#[derive(Default)]
pub struct Stream {
    pub transaction: Transaction,
    pub ending: Ending,
    /// The last DATA frame of the response.
    pub data_frame: Option<FrameHeader>,
    /// What it carries is WebSocket (RFC 8441), in the directions that have begun to speak it.
    pub(super) websocket: [Option<Box<Messages>>; 2],
    /// Requests and responses have one head; later header blocks are trailers.
    pub(super) request_seen: bool,
    /// END_STREAM of the client, of the server.
    pub(super) ended: (bool, bool),
}

impl Stream {
    /// Reads content: frames of WebSocket, or a body. `last`: nothing follows in this direction.
    pub(super) fn read(
        &mut self,
        feed: &mut Feed<'_>,
        at: u64,
        bytes: &[u8],
        last: bool,
    ) -> PieceOutcome {
        let t = &mut self.transaction;
        let content = match feed.dir {
            Dir::ToServer => &mut t.upload,
            Dir::ToClient => &mut t.download,
        };
        let messages = self.websocket.get_mut(feed.dir as usize).and_then(Option::as_mut);
        let Some(messages) = messages.filter(|_| content.reading != Reading::Blank) else {
            return content.piece(feed, &t.request, at, bytes, last);
        };
        match messages.feed(feed, t, at, bytes) {
            Ok(PieceOutcome { blocked: false, .. }) if last => {
                PieceOutcome { hold_from: None, blocked: messages.decide(feed, t) }
            }
            Ok(outcome) => outcome,
            Err(error) => self.no_websocket(feed, error, (at, bytes, last)),
        }
    }

    /// What was announced as WebSocket is none: it is read as a body from here on, if the exception lets it pass.
    fn no_websocket(
        &mut self,
        feed: &mut Feed<'_>,
        error: weir_reassembly::websocket::Error,
        (at, bytes, last): (u64, &[u8], bool),
    ) -> PieceOutcome {
        report::parser_error(feed, &error.to_string());
        if let Some(messages) = self.websocket.get_mut(feed.dir as usize) {
            *messages = None;
        }
        let t = &mut self.transaction;
        let asked = t.upload.selection;
        let (content, rules) = match feed.dir {
            Dir::ToServer => (&mut t.upload, asked),
            Dir::ToClient => (&mut t.download, t.response_rules),
        };
        let reading = if rules.scans(Part::Body) { Reading::Scan } else { Reading::Skip };
        content.begin(rules, reading, true);
        let mut outcome = content.piece(feed, &t.request, at, bytes, last);
        outcome.blocked |= feed.cx.exception(Cause::ParserError) != ExceptionAction::Pass;
        outcome
    }

    /// What waits for more bytes of a direction can wait no longer. True: an enforced rule ends the stream.
    pub(super) fn decide(&mut self, feed: &mut Feed<'_>) -> bool {
        let t = &mut self.transaction;
        if let Some(Some(messages)) = self.websocket.get_mut(feed.dir as usize) {
            return messages.decide(feed, t);
        }
        match feed.dir {
            Dir::ToServer => t.upload.decide(feed, &t.request),
            Dir::ToClient => t.download.decide(feed, &t.request),
        }
    }

    pub(super) fn tell(&mut self, feed: &mut Feed<'_>) {
        let t = &mut self.transaction;
        t.request.request_length = t.upload.length;
        if self.request_seen {
            t.complete(feed);
        }
    }

    pub(super) fn begin(&mut self, feed: &Feed<'_>, id: u32) {
        self.transaction.reset(&feed.cx.policy);
        self.transaction.request.version = "HTTP/2";
        self.transaction.request.stream = id;
        self.ending = Ending::default();
        self.websocket = Default::default();
        self.data_frame = None;
        self.request_seen = false;
        self.ended = (false, false);
    }
}
