//! HTTP/2 (RFC 9113) as seen by a device between the two ends: one [`Http2`] reads one direction.
//!
//! ```text
//! stream of octets ──► frames (frame) ──► header blocks (block) ──► fields (hpack)
//!                        │                        ▲
//!                        └─► DATA, as it is       └── edits that keep every length (edit)
//! ```
//!
//! Nothing is answered and nothing is sent: what an end would have to answer to a stream error is left to that end,
//! and only what makes the rest of the connection unreadable is an [`Error`].

mod block;
mod connection;
mod edit;
pub mod frame;
pub mod hpack;

pub use block::HeaderBlock;
pub use connection::{Http2, MAX_BLOCK_FRAMES, MAX_HEADER_BLOCK};
pub use edit::{CODING_FIELDS, EXTENSION_FIELDS, NotEditable, RANGE_FIELDS, ValuePlace};
pub use frame::{FrameHeader, PREFACE, Settings};

use hpack::HpackError;

/// Which end sends the direction that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It sends the preface and requests.
    Client,
    /// It sends responses and push promises.
    Server,
}

/// What one [`Http2::poll`] came to.
#[derive(Debug)]
pub struct Step<'a> {
    /// Octets of the input that were read; the next poll begins after them.
    pub consumed: usize,
    /// What they completed.
    pub event: Option<Event<'a>>,
}

/// Something complete in the stream. Offsets are of the stream of octets that [`Http2::poll`] is given.
#[derive(Debug)]
pub enum Event<'a> {
    /// The client's connection preface, which began at `at`.
    Preface {
        /// Offset of its first octet.
        at: u64,
    },
    /// The header of each frame, before anything of its payload is read: an octet of it that has not left can
    /// still be changed.
    FrameHeader(FrameHeader),
    /// A whole header block. Trailers too; informational responses too.
    Headers(HeaderBlock<'a>),
    /// Content of a DATA frame, never padding, as it arrives.
    Data {
        /// Its stream.
        stream: u32,
        /// Offset of its first octet.
        at: u64,
        /// The content, not copied.
        bytes: &'a [u8],
    },
    /// The end of a DATA frame, padding included; also of one without content.
    DataEnd {
        /// Its stream.
        stream: u32,
        /// Offset just past the frame.
        at: u64,
        /// Whether nothing follows on the stream.
        end_stream: bool,
    },
    /// A whole SETTINGS frame.
    Settings(Settings),
    /// RST_STREAM.
    ResetStream {
        /// The stream that it ends.
        stream: u32,
        /// Why ([`frame::code`]).
        code: u32,
    },
    /// WINDOW_UPDATE.
    WindowUpdate {
        /// The stream, 0 for the connection.
        stream: u32,
        /// Octets that may be sent in addition. 0 is an error of the stream.
        increment: u32,
    },
    /// GOAWAY.
    GoAway {
        /// The last stream that the sender may have acted on.
        last_stream: u32,
        /// Why ([`frame::code`]).
        code: u32,
    },
    /// The rest of the connection cannot be read. Given again by each further poll.
    Error(Error),
}

/// An error of the whole connection (RFC 9113 §5.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The client did not begin with the connection preface (§3.4).
    #[error("no HTTP/2 connection preface")]
    Preface,
    /// The first frame of an end was not SETTINGS (§3.4).
    #[error("the first frame is not SETTINGS")]
    SettingsFirst,
    /// A frame of the connection on a stream, or the other way round (§6).
    #[error("a frame of type {0} on a stream that it cannot be on")]
    Stream(u8),
    /// A length that the type does not allow (§4.2, §6).
    #[error("a frame of type {0} has an impossible length")]
    FrameSize(u8),
    /// More padding than payload (§6.1).
    #[error("a frame has more padding than payload")]
    Padding,
    /// A header block interrupted by another frame, or CONTINUATION without one (§6.10).
    #[error("CONTINUATION is missing or out of place")]
    Continuation,
    /// A setting out of its range (§6.5.2).
    #[error("setting {id} may not be {value}")]
    Setting {
        /// Its identifier.
        id: u16,
        /// Its value.
        value: u32,
    },
    /// WINDOW_UPDATE of the connection by nothing (§6.9).
    #[error("a window update of 0 octets")]
    WindowUpdate,
    /// PUSH_PROMISE from a client (§8.4).
    #[error("a push promise from a client")]
    Push,
    /// More than [`MAX_HEADER_BLOCK`] octets or [`MAX_BLOCK_FRAMES`] frames.
    #[error("a header block of more than {MAX_HEADER_BLOCK} octets or {MAX_BLOCK_FRAMES} frames")]
    HeaderBlockTooLarge,
    /// The header block cannot be decoded (§4.3).
    #[error(transparent)]
    Compression(#[from] HpackError),
}
