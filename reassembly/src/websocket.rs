//! WebSocket (RFC 6455) as a stream: the frames of one direction, which may be cut anywhere, also by framing below them
//! (HTTP/2, RFC 8441).
//!
//! Payload is handed through as it came: [`Mask::apply`] takes the masking key off.

/// Longest payload of a control frame (RFC 6455 §5.5).
const MAX_CONTROL: u64 = 125;
/// Two bytes, eight of length, four of masking key (RFC 6455 §5.2).
const MAX_HEADER: usize = 14;

/// What a frame is (RFC 6455 §11.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opcode {
    /// Goes on with the message.
    Continuation,
    /// Begins a message of text.
    Text,
    /// Begins a message of binary data.
    Binary,
    /// Ends the connection.
    Close,
    /// Asks for a [`Opcode::Pong`].
    Ping,
    /// Answers a [`Opcode::Ping`].
    Pong,
}

impl Opcode {
    fn of(code: u8) -> Option<Opcode> {
        Some(match code {
            0 => Opcode::Continuation,
            1 => Opcode::Text,
            2 => Opcode::Binary,
            8 => Opcode::Close,
            9 => Opcode::Ping,
            10 => Opcode::Pong,
            _ => return None,
        })
    }

    /// Whether it may stand between the frames of a message.
    pub fn is_control(self) -> bool {
        matches!(self, Opcode::Close | Opcode::Ping | Opcode::Pong)
    }

    /// The name in events; Suricata's.
    pub fn name(self) -> &'static str {
        match self {
            Opcode::Continuation => "continuation",
            Opcode::Text => "text",
            Opcode::Binary => "binary",
            Opcode::Close => "connection_close",
            Opcode::Ping => "ping",
            Opcode::Pong => "pong",
        }
    }
}

/// A masking key, and where the payload begins that it masks (RFC 6455 §5.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mask {
    /// The key.
    pub key: [u8; 4],
    /// Stream offset of the payload's first byte, had it all come in one stretch with the bytes at hand: framing below
    /// (HTTP/2) may lie between.
    pub origin: u64,
}

impl Mask {
    /// Takes the key off bytes that begin at stream offset `at`, or puts it on.
    pub fn apply(&self, at: u64, bytes: &mut [u8]) {
        let phase = (at.wrapping_sub(self.origin) % 4) as usize;
        let key = self.key.iter().cycle().skip(phase);
        bytes.iter_mut().zip(key).for_each(|(b, k)| *b ^= k);
    }
}

/// The header of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Stream offset of its first byte.
    pub at: u64,
    /// It is the last frame of its message.
    pub fin: bool,
    /// The first reserved bit: of a message's first frame, it is compressed (RFC 7692 §6).
    pub compressed: bool,
    /// What it is.
    pub opcode: Opcode,
    /// The masking key: clients mask what they send.
    pub key: Option<[u8; 4]>,
    /// Bytes of payload.
    pub len: u64,
}

/// A part of a frame.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A header is complete.
    Frame(Frame),
    /// Payload, as it came.
    Payload {
        /// Stream offset of `bytes[0]`.
        at: u64,
        /// A part of the input.
        bytes: &'a [u8],
        /// What they are masked with.
        mask: Option<Mask>,
    },
    /// A frame is complete.
    End {
        /// Stream offset just behind it.
        at: u64,
    },
    /// The stream can't be followed any more; every later call gives the same error and uses up nothing.
    Error(Error),
}

/// Why frames can't be followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// RFC 6455 §5.2 gives it no meaning.
    #[error("WebSocket opcode {0} is reserved")]
    Opcode(u8),
    /// A control frame is fragmented or longer than 125 bytes (RFC 6455 §5.5).
    #[error("a WebSocket control frame is fragmented or too long")]
    Control,
    /// A message begins in another, or one goes on that has not begun (RFC 6455 §5.4).
    #[error("WebSocket fragments are out of order")]
    Fragments,
    /// The length's highest bit is set (RFC 6455 §5.2).
    #[error("a WebSocket frame's length is out of range")]
    Length,
}

/// What one call to [`Frames::poll`] did.
#[derive(Debug, PartialEq, Eq)]
pub struct Step<'a> {
    /// How many bytes of the input were used up.
    pub consumed: usize,
    /// What was found. `None`: all input is used up and more is needed.
    pub event: Option<Event<'a>>,
}

/// ```text
///   ┌──────────────────────┐
///   └─► Header ─► Payload ─┘      any ──what has no meaning──► Failed
/// ```
#[derive(Clone, Copy, Debug)]
enum State {
    /// So many bytes of the header have come; the first one lay at `at`.
    Header {
        bytes: [u8; MAX_HEADER],
        len: usize,
        at: u64,
    },
    /// So much of the frame's payload has come.
    Payload {
        frame: Frame,
        done: u64,
    },
    Failed(Error),
}

const START: State = State::Header { bytes: [0; MAX_HEADER], len: 0, at: 0 };

/// Finds the frames in one direction of a connection.
#[derive(Clone, Debug)]
pub struct Frames {
    state: State,
    /// A message has begun and is not complete.
    in_message: bool,
}

impl Default for Frames {
    fn default() -> Frames {
        Frames { state: START, in_message: false }
    }
}

impl Frames {
    /// Reads on. `input` is what is not used up yet, the first byte with stream offset `at`. Call it until it gives no
    /// event.
    pub fn poll<'a>(&mut self, at: u64, input: &'a [u8]) -> Step<'a> {
        match self.state {
            State::Header { .. } => self.header(at, input),
            State::Payload { frame, done } if done == frame.len => {
                self.state = START;
                Step { consumed: 0, event: Some(Event::End { at }) }
            }
            State::Payload { frame, done } => {
                let left = usize::try_from(frame.len - done).unwrap_or(usize::MAX);
                let bytes = input.get(..left.min(input.len())).unwrap_or_default();
                if bytes.is_empty() {
                    return Step { consumed: 0, event: None };
                }
                self.state = State::Payload { frame, done: done + bytes.len() as u64 };
                let mask = frame.key.map(|key| Mask { key, origin: at.wrapping_sub(done) });
                Step { consumed: bytes.len(), event: Some(Event::Payload { at, bytes, mask }) }
            }
            State::Failed(error) => Step { consumed: 0, event: Some(Event::Error(error)) },
        }
    }

    fn header<'a>(&mut self, at: u64, input: &'a [u8]) -> Step<'a> {
        let State::Header { mut bytes, mut len, at: mut first } = self.state else {
            return Step { consumed: 0, event: None };
        };
        if len == 0 {
            first = at;
        }
        let mut consumed = 0;
        while len < header_length(&bytes, len) {
            let (Some(b), Some(slot)) = (input.get(consumed), bytes.get_mut(len)) else {
                self.state = State::Header { bytes, len, at: first };
                return Step { consumed, event: None };
            };
            *slot = *b;
            (consumed, len) = (consumed + 1, len + 1);
        }
        let event = match self.frame(&bytes, len, first) {
            Ok(frame) => {
                self.state = State::Payload { frame, done: 0 };
                Event::Frame(frame)
            }
            Err(error) => {
                self.state = State::Failed(error);
                Event::Error(error)
            }
        };
        Step { consumed, event: Some(event) }
    }

    fn frame(&mut self, bytes: &[u8; MAX_HEADER], header: usize, at: u64) -> Result<Frame, Error> {
        let [flags, second, rest @ ..] = bytes;
        let opcode = Opcode::of(flags & 0x0f).ok_or(Error::Opcode(flags & 0x0f))?;
        let number = |n: usize| rest.iter().take(n).fold(0, |sum, b| sum << 8 | u64::from(*b));
        let len = match second & 0x7f {
            126 => number(2),
            127 => number(8),
            short => u64::from(short),
        };
        if len >> 63 != 0 {
            return Err(Error::Length);
        }
        let fin = flags & 0x80 != 0;
        if opcode.is_control() {
            if !fin || len > MAX_CONTROL {
                return Err(Error::Control);
            }
        } else if (opcode == Opcode::Continuation) != self.in_message {
            return Err(Error::Fragments);
        } else {
            self.in_message = !fin;
        }
        let key = header.checked_sub(4).and_then(|from| bytes.get(from..header)?.try_into().ok());
        let key = key.filter(|_| second & 0x80 != 0);
        Ok(Frame { at, fin, compressed: flags & 0x40 != 0, opcode, key, len })
    }
}

/// How long a header is, as far as its first `len` bytes tell.
fn header_length(bytes: &[u8; MAX_HEADER], len: usize) -> usize {
    let second = bytes[1];
    if len < 2 {
        return 2;
    }
    let length = match second & 0x7f {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    2 + length + if second & 0x80 != 0 { 4 } else { 0 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What a stream holds, payloads put together, in pieces.
    fn read(stream: &[u8], cut: usize) -> Vec<String> {
        let (mut frames, mut at, mut out) = (Frames::default(), 0u64, Vec::new());
        let mut payload = Vec::new();
        for piece in stream.chunks(cut) {
            let mut rest = piece;
            loop {
                let step = frames.poll(at, rest);
                at += step.consumed as u64;
                rest = &rest[step.consumed..];
                match step.event {
                    None => break,
                    Some(Event::Frame(frame)) => {
                        out.push(format!(
                            "{}{}",
                            frame.opcode.name(),
                            if frame.fin { "" } else { "…" }
                        ));
                    }
                    Some(Event::Payload { at, bytes, mask }) => {
                        let mut plain = bytes.to_vec();
                        mask.iter().for_each(|m| m.apply(at, &mut plain));
                        payload.extend(plain);
                    }
                    Some(Event::End { at: end }) => {
                        assert_eq!(end, at);
                        out.push(
                            String::from_utf8_lossy(&std::mem::take(&mut payload)).into_owned(),
                        );
                    }
                    Some(Event::Error(error)) => {
                        out.push(error.to_string());
                        return out;
                    }
                }
            }
        }
        out
    }

    #[test]
    fn the_examples_of_the_rfc() {
        // RFC 6455 §5.7.
        for (stream, wanted) in [
            (&b"\x81\x05Hello"[..], &["text", "Hello"][..]),
            (b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", &["text", "Hello"]),
            (b"\x01\x03Hel\x80\x02lo", &["text…", "Hel", "continuation", "lo"]),
            (b"\x01\x03Hel\x89\x00\x80\x02lo", &["text…", "Hel", "ping", "", "continuation", "lo"]),
            (b"\x82\x7e\x00\x02ab\x88\x00", &["binary", "ab", "connection_close", ""]),
            (b"\x82\x7f\0\0\0\0\0\0\0\x02ab", &["binary", "ab"]),
            (b"\x82\x7f\x80\0\0\0\0\0\0\x02ab", &["a WebSocket frame's length is out of range"]),
            (b"\x80\x00", &["WebSocket fragments are out of order"]),
            (b"\x01\x00\x01\x00", &["text…", "", "WebSocket fragments are out of order"]),
            (b"\x09\x00", &["a WebSocket control frame is fragmented or too long"]),
            (b"\x83\x00", &["WebSocket opcode 3 is reserved"]),
        ] {
            for cut in [1, 2, 3, 100] {
                assert_eq!(read(stream, cut), wanted, "{stream:?} in pieces of {cut}");
            }
        }
    }

    proptest! {
        #[test]
        fn a_mask_put_on_and_taken_off_in_pieces(key: [u8; 4], bytes in prop::collection::vec(any::<u8>(), 0..40), cut in 1usize..9) {
            let mask = Mask { key, origin: 1001 };
            let mut masked = bytes.clone();
            mask.apply(1001, &mut masked);
            for (i, piece) in masked.chunks_mut(cut).enumerate() {
                mask.apply(1001 + (i * cut) as u64, piece);
            }
            prop_assert_eq!(masked, bytes);
        }
    }
}
