//! The streams of a connection: what their frames carry, what of them may not leave yet, and how they end.

use hashbrown::HashMap;
use weir_inspect::policy::{Cause, TooLate};
use weir_reassembly::http2::frame::kind;
use weir_reassembly::http2::{Event, FrameHeader, PREFACE, ValuePlace};

use super::Next;
use super::ending::{Ending, Endings};
use super::stream::Stream;
use crate::engine::session::content::{PieceOutcome, Reading};
use crate::engine::session::edits::Edit;
use crate::engine::session::head::FieldMask;
use crate::engine::session::transaction::SPARE;
use crate::engine::session::{Dir, Feed, report};

/// Where one direction's reading stands.
#[derive(Default)]
pub(super) struct Lane {
    /// The frame that is being read.
    frame: Option<FrameHeader>,
    /// Stream offset at which the next frame begins.
    frame_end: u64,
    /// The header block that is being read began here.
    pub(super) block_at: Option<u64>,
    /// Tails that may not leave: their streams, and where they begin.
    holds: Vec<(u32, u64)>,
    /// Edits of bytes that are still to come.
    pub(super) later: Vec<Edit>,
}

/// What is known of its streams, besides the decoders.
#[derive(Default)]
pub struct Streams {
    pub(super) open: HashMap<u32, Box<Stream>>,
    pub(super) spare: Vec<Box<Stream>>,
    pub(super) lanes: [Lane; 2],
    pub(super) endings: Endings,
    pub(super) masks: Vec<FieldMask>,
    /// Values changed after their block was read, for the decoder.
    pub(super) changed: Vec<(ValuePlace, Vec<u8>)>,
}

impl Streams {
    pub(super) fn lane(&mut self, dir: Dir) -> &mut Lane {
        let [to_server, to_client] = &mut self.lanes;
        match dir {
            Dir::ToServer => to_server,
            Dir::ToClient => to_client,
        }
    }

    pub(super) fn begin_feed(&mut self, feed: &mut Feed<'_>) {
        let at = feed.at;
        let lane = self.lane(feed.dir);
        if lane.frame.is_none() && lane.frame_end < at {
            lane.frame_end = at;
        }
    }

    /// Schedules what earlier frames asked of these bytes; gives the offset up to which they may leave.
    pub(super) fn end_feed(&mut self, feed: &mut Feed<'_>, end: u64) -> u64 {
        let lane = self.lane(feed.dir);
        for edit in &lane.later {
            if edit.at < end {
                feed.cx.edits.push(edit.clone());
            }
        }
        lane.later.retain(|edit| edit.end() > end);
        // At its bound a tail was released; it holds back nothing more.
        lane.holds.retain(|(_, at)| *at >= feed.sent);
        let header = if end > lane.frame_end { lane.frame_end } else { end };
        let tail = lane.holds.iter().map(|(_, at)| *at).min().unwrap_or(end);
        header.min(tail).min(lane.block_at.unwrap_or(end))
    }

    pub(super) fn event(&mut self, feed: &mut Feed<'_>, event: Event<'_>) -> Next {
        match event {
            Event::Preface { at } => self.lane(feed.dir).frame_end = at + PREFACE.len() as u64,
            Event::FrameHeader(frame) => self.frame(feed, frame),
            Event::Data { stream, at, bytes } => return self.data(feed, stream, at, bytes, false),
            Event::DataEnd { stream, at, end_stream: true } => {
                let next = self.data(feed, stream, at, &[], true);
                return next.and(self.end_stream(feed, stream));
            }
            Event::ResetStream { stream, .. } => self.close(feed, stream),
            Event::WindowUpdate { stream, increment } => {
                if let (Dir::ToServer, Some(frame)) = (feed.dir, self.lane(feed.dir).frame) {
                    self.endings.window_update(feed, frame, stream, increment);
                }
            }
            Event::Error(error) => {
                report::parser_error(feed, &error.to_string());
                return Next::Exception(Cause::ParserError);
            }
            _ => {}
        }
        Next::Go
    }

    /// A frame begins: what is left of an ended stream is disarmed.
    fn frame(&mut self, feed: &mut Feed<'_>, frame: FrameHeader) {
        let lane = self.lane(feed.dir);
        lane.frame = Some(frame);
        lane.frame_end = frame.end();
        if matches!(frame.kind, kind::HEADERS | kind::PUSH_PROMISE) {
            lane.block_at = Some(frame.at);
        }
        if feed.dir == Dir::ToClient
            && frame.kind == kind::DATA
            && let Some(stream) = self.open.get_mut(&frame.stream)
        {
            stream.data_frame = Some(frame);
            let [_, lane] = &mut self.lanes;
            self.endings.frame(feed, stream, frame, &mut lane.later);
        }
    }

    /// Content of a stream. `last`: the message ends here.
    pub(super) fn data(
        &mut self,
        feed: &mut Feed<'_>,
        id: u32,
        at: u64,
        bytes: &[u8],
        last: bool,
    ) -> Next {
        let Some(stream) = self.open.get_mut(&id) else { return Next::Go };
        let t = &mut stream.transaction;
        if t.request.grpc {
            t.request.call.content(feed.dir, at, bytes);
        }
        let PieceOutcome { hold_from, blocked } = stream.read(feed, at, bytes, last);
        let t = &mut stream.transaction;
        self.changed.extend(t.change_etag(feed));
        let [to_server, to_client] = &mut self.lanes;
        let lane = if feed.dir == Dir::ToServer { to_server } else { to_client };
        lane.holds.retain(|(stream, _)| *stream != id);
        if let Some(from) = hold_from {
            // What a hold's bound has let go can't be held again; what is new can.
            lane.holds.push((id, from.max(feed.sent)));
        }
        if !blocked {
            return Next::Go;
        }
        if feed.dir == Dir::ToClient && !bytes.is_empty() {
            t.download.blank(feed, at, bytes.len() as u64);
        }
        self.blocked(feed, id)
    }

    /// An enforced rule ends a stream in the middle.
    fn blocked(&mut self, feed: &mut Feed<'_>, id: u32) -> Next {
        if feed.dir == Dir::ToServer {
            // A part of the request has left: only the connection can be ended now.
            return Next::Reset;
        }
        let Some(stream) = self.open.get_mut(&id) else { return Next::Go };
        feed.cx.counters.blocked += 1;
        stream.transaction.download.reading = Reading::Blank;
        let [_, lane] = &mut self.lanes;
        self.endings.begin(feed, stream, &mut lane.later);
        Next::Go
    }

    /// The tails of all streams can be held no longer.
    pub(super) fn expire(&mut self, feed: &mut Feed<'_>) -> Next {
        for (id, _) in std::mem::take(&mut self.lane(feed.dir).holds) {
            let Some(stream) = self.open.get_mut(&id) else { continue };
            let stops = stream.decide(feed);
            self.changed.extend(stream.transaction.change_etag(feed));
            if stops && let stopped @ Next::Reset = self.blocked(feed, id) {
                return stopped;
            }
        }
        Next::Go
    }

    pub(super) fn end_stream(&mut self, feed: &mut Feed<'_>, id: u32) -> Next {
        let dir = feed.dir;
        self.lane(dir).holds.retain(|(stream, _)| *stream != id);
        let Some(stream) = self.open.get_mut(&id) else { return Next::Go };
        // No frame came that could have ended it.
        let too_late = dir == Dir::ToClient && stream.ending == Ending::Blanking;
        let resets = too_late && stream.transaction.too_late() == TooLate::Reset;
        match dir {
            Dir::ToServer => {
                stream.ended.0 = true;
                stream.transaction.request.asked = feed.now;
            }
            Dir::ToClient => stream.ended.1 = true,
        }
        if stream.ended == (true, true) {
            self.close(feed, id);
        }
        if resets { Next::Reset } else { Next::Go }
    }

    /// Nothing more will be said on a stream.
    fn close(&mut self, feed: &mut Feed<'_>, id: u32) {
        for lane in &mut self.lanes {
            lane.holds.retain(|(stream, _)| *stream != id);
        }
        let Some(mut stream) = self.open.remove(&id) else { return };
        stream.tell(feed);
        if self.spare.len() < SPARE {
            self.spare.push(stream);
        }
    }
}
