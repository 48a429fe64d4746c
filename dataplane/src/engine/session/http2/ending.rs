//! Ending one response of an HTTP/2 connection in the middle, without another byte on the wire (design rule 3).
//!
//! ```text
//!   Open ──match──► Blanking ──DATA frame of ≥ 13 bytes whose header has not left──► Ended
//!    │  every byte of its DATA is        it becomes a frame of an unknown type, and     later frames too;
//!    │  overwritten                      its last 13 bytes a RST_STREAM                 HEADERS stay, for HPACK
//! ```
//!
//! If the stream ends before such a frame comes (its last one is shorter, or its header had left), the rule says whether
//! that is all (`too-late: blank`) or the connection is reset.
//!
//! So the client never reads an overwritten byte unless the frame with the match in it had begun to leave. The
//! client's next WINDOW_UPDATE of the stream, 13 bytes too, becomes the RST_STREAM to the server. The connection credit
//! that the client does not count any more is given back to the server in the client's next WINDOW_UPDATE of the
//! connection.

use weir_reassembly::http2::FrameHeader;
use weir_reassembly::http2::frame::{HEADER_LEN, code, flag, kind, rst_stream};

use super::stream::Stream;
use crate::engine::session::Feed;
use crate::engine::session::edits::Edit;

/// Length of a RST_STREAM and of a WINDOW_UPDATE frame (RFC 9113 §6.4, §6.9).
const FRAME_13: u32 = 13;
/// Largest increment of a window (RFC 9113 §6.9).
const MAX_INCREMENT: u32 = (1 << 31) - 1;
/// Streams ended towards the client whose server side still waits for its RST_STREAM. Beyond: the server goes on
/// sending them, overwritten.
const MAX_TO_RESET: usize = 1024;

/// How far the ending of a stream's response is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ending {
    /// Not ended.
    #[default]
    Open,
    /// Overwritten; the frame that can end it has not come.
    Blanking,
    /// The client has its RST_STREAM.
    Ended,
}

/// What one connection owes its ends for the streams that were ended.
#[derive(Debug, Default)]
pub struct Endings {
    /// Streams to reset towards the server.
    to_reset: Vec<u32>,
    /// Connection credit that the client does not know it has used.
    lost_credit: u64,
}

impl Endings {
    /// A response is to end. If the header of its last DATA frame has not left, that frame ends it.
    pub fn begin(&mut self, feed: &mut Feed<'_>, stream: &mut Stream, later: &mut Vec<Edit>) {
        if stream.ending != Ending::Open {
            return;
        }
        stream.ending = Ending::Blanking;
        if let Some(frame) = stream.data_frame {
            self.try_to_end(feed, stream, frame, later);
        }
    }

    /// A DATA frame of the server begins.
    pub fn frame(
        &mut self,
        feed: &mut Feed<'_>,
        stream: &mut Stream,
        frame: FrameHeader,
        later: &mut Vec<Edit>,
    ) {
        match stream.ending {
            Ending::Open => {}
            Ending::Blanking => self.try_to_end(feed, stream, frame, later),
            Ending::Ended if frame.at >= feed.sent => self.disarm(feed, frame, frame.length),
            Ending::Ended => {}
        }
    }

    /// Makes a DATA frame, of which `length` bytes stay, one that its receiver ignores (RFC 9113 §5.5).
    fn disarm(&mut self, feed: &mut Feed<'_>, frame: FrameHeader, length: u32) {
        self.lost_credit += u64::from(frame.length);
        let unknown = FrameHeader { kind: kind::UNASSIGNED, flags: 0, length, ..frame };
        feed.cx.edits.push(Edit::bytes(frame.at, &unknown.to_bytes()));
    }

    fn try_to_end(
        &mut self,
        feed: &mut Feed<'_>,
        stream: &mut Stream,
        frame: FrameHeader,
        later: &mut Vec<Edit>,
    ) {
        if frame.length < FRAME_13 || frame.at < feed.sent || feed.cx.settings.passive {
            return;
        }
        self.disarm(feed, frame, frame.length - FRAME_13);
        // Not REFUSED_STREAM, which invites a retry (RFC 9113 §8.7). gRPC clients map INADEQUATE_SECURITY to
        // PERMISSION_DENIED (gRPC over HTTP/2, "Errors").
        let grpc = stream.transaction.request.grpc;
        let code = if grpc { code::INADEQUATE_SECURITY } else { code::CANCEL };
        let reset_at = frame.end() - u64::from(FRAME_13);
        later.push(Edit::fill(frame.payload(), reset_at - frame.payload(), 0));
        later.push(Edit::bytes(reset_at, &rst_stream(frame.stream, code)));
        if self.to_reset.len() < MAX_TO_RESET && !frame.has(flag::END_STREAM) {
            self.to_reset.push(frame.stream);
        }
        stream.ending = Ending::Ended;
    }

    /// The client grants credit: the place to reset a stream towards the server, or to give lost credit back.
    pub fn window_update(
        &mut self,
        feed: &mut Feed<'_>,
        frame: FrameHeader,
        stream: u32,
        increment: u32,
    ) {
        if frame.at < feed.sent || feed.cx.settings.passive {
            return;
        }
        if let Some(place) = self.to_reset.iter().position(|s| *s == stream) {
            self.to_reset.swap_remove(place);
            feed.cx.edits.push(Edit::bytes(frame.at, &rst_stream(stream, code::CANCEL)));
        } else if stream == 0 && self.lost_credit > 0 {
            let room = u64::from(MAX_INCREMENT - increment.min(MAX_INCREMENT));
            let given = self.lost_credit.min(room);
            self.lost_credit -= given;
            feed.cx.counters.http2_credit_restored += given;
            let sum = increment + given as u32;
            feed.cx.edits.push(Edit::bytes(frame.at + HEADER_LEN as u64, &sum.to_be_bytes()));
        }
    }
}
