//! gRPC over HTTP/2 ([protocol]): messages in the content of a stream, the method in its path, the status in its trailers.
//!
//! [protocol]: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md

use std::borrow::Cow;

use percent_encoding::percent_decode;

/// Length of what precedes each message: a flag and the length, big-endian.
pub const PREFIX: usize = 5;

/// What one call to [`Deframer::poll`] did.
#[derive(Debug, PartialEq, Eq)]
pub struct Step<'a> {
    /// How many bytes of the input were used up.
    pub consumed: usize,
    /// What was found. `None`: all input is used up and more is needed.
    pub event: Option<Event<'a>>,
}

/// A piece of a message.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// The prefix of a message is complete.
    MessageStart {
        /// Compressed as `grpc-encoding` says.
        compressed: bool,
        /// Length of the message.
        len: u32,
        /// Offset of the prefix's first byte.
        at: u64,
    },
    /// A part of the message, as it came.
    Bytes {
        /// Offset of `bytes[0]`.
        at: u64,
        /// A part of the input.
        bytes: &'a [u8],
    },
    /// The message is complete.
    MessageEnd,
    /// The stream can't be followed any more; every later call gives the same error and uses up nothing.
    Error(Error),
}

/// Why a sequence of messages can't be followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Error {
    /// The flag is neither 0 nor 1.
    #[error("gRPC message flag {0} is neither 0 nor 1")]
    Flag(u8),
    /// The message is longer than the limit.
    #[error("gRPC message of {0} bytes is over the limit")]
    TooLarge(u32),
    /// The stream ended in the middle of a message.
    #[error("gRPC stream ended in the middle of a message")]
    Truncated,
}

/// ```text
///   ┌────────────────────────────────┐
///   └─► Prefix ─► Message ─► End ────┘
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// So many bytes of the prefix have come; the first one lay at `at`.
    Prefix {
        bytes: [u8; PREFIX],
        len: usize,
        at: u64,
    },
    /// So much of the message is left.
    Message(u32),
    End,
    Failed(Error),
}

const START: State = State::Prefix { bytes: [0; PREFIX], len: 0, at: 0 };

/// Finds the messages in the content of one direction of a stream, which may be cut anywhere.
#[derive(Clone, Debug)]
pub struct Deframer {
    state: State,
    max_message: u32,
}

impl Deframer {
    /// A longer message than `max_message` is [`Error::TooLarge`]. Messages are not gathered, so the limit costs no
    /// memory; gRPC libraries refuse above 4 MB by default.
    pub fn new(max_message: u32) -> Deframer {
        Deframer { state: START, max_message }
    }

    /// Reads on. `input` is content that is not used up yet, the first byte with offset `at`. Offsets are only handed
    /// through; the pieces of a stream need not lie side by side. Call it until it gives no event.
    pub fn poll<'a>(&mut self, at: u64, input: &'a [u8]) -> Step<'a> {
        match self.state {
            State::Prefix { mut bytes, mut len, at: mut first } => {
                if len == 0 {
                    first = at;
                }
                let mut consumed = 0;
                for (&byte, slot) in input.iter().zip(bytes.iter_mut().skip(len)) {
                    *slot = byte;
                    consumed += 1;
                }
                len += consumed;
                if len < PREFIX {
                    self.state = State::Prefix { bytes, len, at: first };
                    return Step { consumed, event: None };
                }
                let event = match self.message(bytes) {
                    Ok((compressed, len)) => {
                        self.state = if len == 0 { State::End } else { State::Message(len) };
                        Event::MessageStart { compressed, len, at: first }
                    }
                    Err(error) => {
                        self.state = State::Failed(error);
                        Event::Error(error)
                    }
                };
                Step { consumed, event: Some(event) }
            }
            State::End => {
                self.state = START;
                Step { consumed: 0, event: Some(Event::MessageEnd) }
            }
            State::Message(left) => {
                let take = usize::try_from(left).unwrap_or(usize::MAX).min(input.len());
                let bytes = input.get(..take).unwrap_or_default();
                if bytes.is_empty() {
                    return Step { consumed: 0, event: None };
                }
                self.state = match left - take as u32 {
                    0 => State::End,
                    left => State::Message(left),
                };
                Step { consumed: take, event: Some(Event::Bytes { at, bytes }) }
            }
            State::Failed(error) => Step { consumed: 0, event: Some(Event::Error(error)) },
        }
    }

    fn message(&self, prefix: [u8; PREFIX]) -> Result<(bool, u32), Error> {
        let [flag, len @ ..] = prefix;
        let len = u32::from_be_bytes(len);
        match flag {
            0 | 1 if len > self.max_message => Err(Error::TooLarge(len)),
            0 | 1 => Ok((flag == 1, len)),
            flag => Err(Error::Flag(flag)),
        }
    }

    /// The stream has ended. An error if that is in the middle of a message.
    pub fn finish(&self) -> Result<(), Error> {
        match self.state {
            State::Prefix { len: 0, .. } | State::End => Ok(()),
            State::Failed(error) => Err(error),
            State::Prefix { .. } | State::Message(_) => Err(Error::Truncated),
        }
    }
}

/// `/package.Service/Method` → `("package.Service", "Method")`.
pub fn path_to_service_method(path: &[u8]) -> Option<(&str, &str)> {
    let path = std::str::from_utf8(path).ok()?.strip_prefix('/')?;
    // A service's name is opaque and may itself hold slashes.
    path.rsplit_once('/').filter(|(service, method)| !service.is_empty() && !method.is_empty())
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status<'a> {
    /// `grpc-status`.
    pub code: u32,
    /// `grpc-message`, percent-decoded.
    pub message: Cow<'a, [u8]>,
}

impl<'a> Status<'a> {
    /// Reads the status from trailers, or from the headers of a response that has nothing else. `None` if there is no
    /// `grpc-status` or it is no number.
    pub fn from_fields<I>(fields: I) -> Option<Status<'a>>
    where
        I: IntoIterator<Item = (&'a [u8], &'a [u8])>,
    {
        let (mut code, mut message) = (None, Cow::Borrowed(&b""[..]));
        for (name, value) in fields {
            match name {
                b"grpc-status" => code = std::str::from_utf8(value).ok()?.parse().ok(),
                // Invalid escapes stay as they are, as the protocol asks.
                b"grpc-message" => message = percent_decode(value).into(),
                _ => {}
            }
        }
        code.map(|code| Status { code, message })
    }

    /// The name of the code in gRPC's list, `UNKNOWN` for any other (as clients take it).
    pub fn name(&self) -> &'static str {
        const NAMES: [&str; 17] = [
            "OK",
            "CANCELLED",
            "UNKNOWN",
            "INVALID_ARGUMENT",
            "DEADLINE_EXCEEDED",
            "NOT_FOUND",
            "ALREADY_EXISTS",
            "PERMISSION_DENIED",
            "RESOURCE_EXHAUSTED",
            "FAILED_PRECONDITION",
            "ABORTED",
            "OUT_OF_RANGE",
            "UNIMPLEMENTED",
            "INTERNAL",
            "UNAVAILABLE",
            "DATA_LOSS",
            "UNAUTHENTICATED",
        ];
        NAMES.get(self.code as usize).copied().unwrap_or("UNKNOWN")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Offset, flag and content.
    type Message = (u64, bool, Vec<u8>);

    /// The messages, and how it ended.
    fn feed(pieces: &[(u64, &[u8])]) -> (Vec<Message>, Result<(), Error>) {
        let mut deframer = Deframer::new(1 << 20);
        let (mut messages, mut open) = (Vec::new(), None);
        for &(mut at, mut input) in pieces {
            loop {
                let step = deframer.poll(at, input);
                if let Some(Event::Bytes { at: bytes_at, bytes }) = step.event {
                    assert_eq!((bytes_at, bytes), (at, &input[..step.consumed]));
                }
                at += step.consumed as u64;
                input = &input[step.consumed..];
                match step.event {
                    None => break,
                    Some(Event::MessageStart { compressed, len, at }) => {
                        open = Some((at, compressed, Vec::new(), len));
                    }
                    Some(Event::Bytes { bytes, .. }) => {
                        open.as_mut().unwrap().2.extend_from_slice(bytes);
                    }
                    Some(Event::MessageEnd) => {
                        let (at, compressed, bytes, len) = open.take().unwrap();
                        assert_eq!(bytes.len(), len as usize);
                        messages.push((at, compressed, bytes));
                    }
                    Some(Event::Error(error)) => return (messages, Err(error)),
                }
            }
            assert!(input.is_empty());
        }
        (messages, deframer.finish())
    }

    #[test]
    fn messages_of_any_length() {
        let stream = b"\0\0\0\0\x03abc\x01\0\0\0\0\0\0\0\0\x01z";
        let messages =
            vec![(7, false, b"abc".to_vec()), (15, true, vec![]), (20, false, b"z".to_vec())];
        assert_eq!(feed(&[(7, stream)]), (messages, Ok(())));
        assert_eq!(feed(&[]), (vec![], Ok(())));
    }

    #[test]
    fn pieces_need_not_lie_side_by_side() {
        let pieces: [(u64, &[u8]); 3] = [(100, b"\0\0"), (200, b"\0\0\x02a"), (300, b"b")];
        assert_eq!(feed(&pieces), (vec![(100, false, b"ab".to_vec())], Ok(())));
    }

    #[test]
    fn errors() {
        assert_eq!(feed(&[(0, b"\x02\0\0\0\0")]).1, Err(Error::Flag(2)));
        assert_eq!(feed(&[(0, b"\0\0\x20\0\0")]).1, Err(Error::TooLarge(0x20_0000)));
        assert_eq!(feed(&[(0, b"\0\0\0\0\x02a")]).1, Err(Error::Truncated));
        assert_eq!(feed(&[(0, b"\0\0")]).1, Err(Error::Truncated));
        let mut deframer = Deframer::new(9);
        for _ in 0..2 {
            let step = deframer.poll(0, b"\x07....");
            assert_eq!(step.event, Some(Event::Error(Error::Flag(7))));
        }
    }

    #[test]
    fn paths() {
        assert_eq!(path_to_service_method(b"/shop.v1.Orders/Get"), Some(("shop.v1.Orders", "Get")));
        assert_eq!(path_to_service_method(b"/a/b/C"), Some(("a/b", "C")));
        for path in [&b"/"[..], b"", b"//", b"/a", b"a/b", b"/a/", b"/\xff/b"] {
            assert_eq!(path_to_service_method(path), None);
        }
    }

    #[test]
    fn status() {
        let fields = |code, message| -> [(&'static [u8], &'static [u8]); 3] {
            [(b"x", b"y"), (b"grpc-status", code), (b"grpc-message", message)]
        };
        let status = Status::from_fields(fields(b"7", b"not%20you%2")).unwrap();
        assert_eq!(
            (status.code, status.name(), &*status.message),
            (7, "PERMISSION_DENIED", &b"not you%2"[..])
        );
        assert_eq!(Status::from_fields(fields(b"99", b"")).unwrap().name(), "UNKNOWN");
        assert_eq!(Status::from_fields(fields(b"x", b"")), None);
        assert_eq!(Status::from_fields([]), None);
    }

    proptest! {
        /// However a stream is cut, its messages are the same.
        #[test]
        fn any_cut(
            messages in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 0..40)), 0..6),
            sizes in prop::collection::vec(1usize..20, 1..60),
        ) {
            let (mut stream, mut expected) = (Vec::new(), Vec::new());
            for (compressed, bytes) in messages {
                expected.push((stream.len() as u64, compressed, bytes.clone()));
                stream.push(u8::from(compressed));
                stream.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
                stream.extend_from_slice(&bytes);
            }
            let (mut pieces, mut at) = (Vec::new(), 0);
            for size in sizes.iter().cycle() {
                let end = (at + size).min(stream.len());
                pieces.push((at as u64, &stream[at..end]));
                at = end;
                if at == stream.len() {
                    break;
                }
            }
            prop_assert_eq!(feed(&pieces), (expected, Ok(())));
        }
    }
}
