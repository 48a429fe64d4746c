//! HTTP/1.x as a passive observer reads it (RFC 9112): one [`Http1`] a direction of a connection, fed with pieces of its
//! stream, gives messages: head, content, trailers, end.
//!
//! The parser sees content where any usual receiver would see it and flags what is odd ([`Anomalies`]), so that neither
//! side can hide content in framing that only the other side understands. Only what nobody can decide is an [`Error`].
//! No body byte is copied: [`Event::Body`] borrows from the caller's input. Nothing is allocated per message once the
//! buffers have grown to the size of a usual head.

mod anomalies;
mod chunk;
mod fields;
mod framing;
mod head;
mod parser;
mod section;
#[cfg(test)]
mod tests;

pub use anomalies::Anomalies;
pub use fields::{Field, Fields};
pub use parser::Http1;

/// Longest head or trailer section that is read, in bytes; a longer one is [`Error::HeadTooLarge`].
/// nginx and Apache take 32 KB and less, Node.js 16 KB, Envoy 60 KB.
pub const MAX_HEAD: usize = 64 * 1024;
/// Most fields in a section; more is [`Error::TooManyFields`]. Apache and Envoy refuse above 100.
pub const MAX_FIELDS: usize = 256;
/// Longest method; a longer one is [`Error::RequestLine`]. The longest registered one has 17 characters.
pub const MAX_METHOD: usize = 32;
/// Longest chunk-size line with its extensions; a longer one is [`Error::ChunkSize`].
pub const MAX_CHUNK_LINE: usize = 4096;
/// Most requests that may await a response; [`Http1::expect_response`] refuses more.
pub const MAX_PIPELINED: usize = 256;

/// Which direction of the connection a parser reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Client to server.
    Request,
    /// Server to client.
    Response,
}

/// What one call to [`Http1::poll`] did.
#[derive(Debug)]
pub struct Step<'a> {
    /// How many bytes of the input were used up.
    pub consumed: usize,
    /// What was found. `None`: more input is needed. All of it is then used up, but for: a tunnel; in a response up to
    /// 8 bytes that may become a status line, and what follows a line of white space until it is plain whether the head
    /// ends there.
    pub event: Option<Event<'a>>,
}

/// A piece of a message. Offsets are stream offsets.
#[derive(Debug)]
pub enum Event<'a> {
    /// A complete head: of a request, a final response or an interim (1xx) one.
    Head(Head<'a>),
    /// Content, transfer framing removed.
    Body {
        /// Stream offset of `bytes[0]`.
        at: u64,
        /// A part of the caller's input, except for the few bytes that were held to see whether they are a chunk size
        /// ([`Framing::Ambiguous`]).
        bytes: &'a [u8],
    },
    /// The trailer section of a chunked body, if it has any field (RFC 9112 §7.1.2).
    Trailers(Fields<'a>),
    /// The message is complete.
    End {
        /// Just past the message.
        at: u64,
        /// All that was odd about it, head and body.
        anomalies: Anomalies,
    },
    /// From here on the stream is not HTTP/1: after a 101, a 2xx to CONNECT, or [`Http1::switch_protocols`].
    Tunnel {
        /// The first byte of the other protocol.
        at: u64,
    },
    /// The stream can't be followed any more; every later call gives the same error and uses up nothing.
    Error(Error),
}

/// A request or response head. Slices lie in [`Head::bytes`].
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// Stream offset of the first byte.
    pub start: u64,
    /// Just past the blank line that ends the head.
    pub end: u64,
    /// The head as it was sent, `end - start` bytes.
    pub bytes: &'a [u8],
    /// The request line or status line.
    pub line: StartLine<'a>,
    /// The version as sent; 0.9 for a response without a status line.
    pub version: Version,
    /// The field lines in order.
    pub fields: Fields<'a>,
    /// How the body is delimited.
    pub framing: Framing,
    /// May another message follow on this connection (RFC 9112 §9.3)?
    pub keep_alive: bool,
    /// What is odd about the head.
    pub anomalies: Anomalies,
}

impl<'a> Head<'a> {
    /// The method of a request.
    pub fn method(&self) -> Option<&'a [u8]> {
        match self.line {
            StartLine::Request { method, .. } => Some(method),
            StartLine::Status { .. } => None,
        }
    }

    /// The target of a request.
    pub fn target(&self) -> Option<&'a [u8]> {
        match self.line {
            StartLine::Request { target, .. } => Some(target),
            StartLine::Status { .. } => None,
        }
    }

    /// The status code of a response.
    pub fn status(&self) -> Option<u16> {
        match self.line {
            StartLine::Request { .. } => None,
            StartLine::Status { code, .. } => Some(code),
        }
    }

    /// Is this an interim response, after which the final one still comes (RFC 9110 §15.2)?
    pub fn is_interim(&self) -> bool {
        matches!(self.line, StartLine::Status { code: 100 | 102..=199, .. })
    }
}

/// The first line of a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartLine<'a> {
    /// RFC 9112 §3.
    Request {
        /// Any token; not only registered methods.
        method: &'a [u8],
        /// Origin-form, absolute-form, authority-form or `*`, as sent.
        target: &'a [u8],
        /// Stream offset of `target[0]`.
        target_at: u64,
    },
    /// RFC 9112 §4.
    Status {
        /// The status code; 0 if there is none that can be read (receivers take it as 200).
        code: u16,
        /// The reason phrase, perhaps empty.
        reason: &'a [u8],
    },
}

/// The protocol version (RFC 9112 §2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// Digits before the dot.
    pub major: u8,
    /// Digits after the dot.
    pub minor: u8,
}

impl Version {
    pub(crate) const HTTP_09: Version = Version { major: 0, minor: 9 };
    pub(crate) const HTTP_10: Version = Version { major: 1, minor: 0 };
    pub(crate) const HTTP_11: Version = Version { major: 1, minor: 1 };
}

/// How the end of a body is found (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// There is no body.
    None,
    /// `Content-Length`.
    Length(u64),
    /// The last transfer coding is `chunked`.
    Chunked,
    /// All until the server closes the connection.
    UntilClose,
    /// Responses only: some clients take the body as chunked, others do not (`Transfer-Encoding: xchunked`, a fold or
    /// lone CR that hides the field, HTTP/1.0, no status line). It is read as chunks for as long as it has their form, and from the
    /// first line that has not, as plain content until the server closes the connection.
    Ambiguous,
}

/// Why a stream can't be followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Error {
    /// Not a request line: another protocol, HTTP/0.9, or garbage (RFC 9112 §3).
    #[error("not a request line")]
    RequestLine,
    /// The head or the trailer section is longer than [`MAX_HEAD`].
    #[error("head longer than {MAX_HEAD} bytes")]
    HeadTooLarge,
    /// More than [`MAX_FIELDS`] field lines in a section.
    #[error("more than {MAX_FIELDS} fields")]
    TooManyFields,
    /// A request's `Transfer-Encoding` does not end in one `chunked` (RFC 9112 §6.3, rule 4), or is hidden from some
    /// receivers.
    #[error("the length of the request can't be told from its Transfer-Encoding")]
    TransferEncoding,
    /// A request's `Content-Length` is no number, contradicts another (RFC 9112 §6.3, rule 5), or is hidden from some
    /// receivers.
    #[error("the length of the request can't be told from its Content-Length")]
    ContentLength,
    /// A chunk does not begin with its size in hexadecimal, or its line is longer than [`MAX_CHUNK_LINE`].
    #[error("not a chunk size")]
    ChunkSize,
    /// A chunk size of 2^63 or more.
    #[error("chunk size too large")]
    ChunkOverflow,
    /// No line end after the data of a chunk.
    #[error("chunk data without a line end")]
    ChunkEnd,
    /// The connection was closed in the middle of a message.
    #[error("closed in the middle of a message")]
    Truncated,
}
