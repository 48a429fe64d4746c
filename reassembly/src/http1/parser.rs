//! The state machine: bytes of one direction in, events out.

use std::collections::VecDeque;

use super::fields::{Fields, RawField, slice};
use super::framing::Answers;
use super::head::{FirstLine, Line};
use super::{Anomalies, Error, Event, Framing, Head, MAX_PIPELINED, Role, StartLine, Step};

/// Capacity that the buffer for split heads keeps between messages.
const KEPT_BUFFER: usize = 4096;

/// ```text
///   ┌─► Head ─┬─ Framing::None ─────────────────────────────────────────┐
///   │         ├─ Length ─────► Data ────────────────────────────────────┤
///   │         ├─ Chunked ────► ChunkLine ─ size 0 ─► Trailers ──────────┼─► End ─┐
///   │         │  Ambiguous       │  ▲  │                                │        │
///   │         │                  ▼  │  └─ not a chunk, Ambiguous ─┐     │        │
///   │         │           ChunkData ─► ChunkCr ─► ChunkLf         ▼     │        │
///   │         ├─ UntilClose ───────────────────────────────► UntilClose ┘        │
///   │         └─ 101, CONNECT ► Tunnel                        (finish)           │
///   └────────────────────────────────────────────────────────────────────────────┘
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// In a head or before one.
    Head,
    /// So much of a body with `Content-Length` is left.
    Data(u64),
    UntilClose,
    ChunkLine,
    /// So much of a chunk is left.
    ChunkData(u64),
    /// At the line end after a chunk, or after the last one of an ambiguous body.
    ChunkCr {
        last: bool,
    },
    /// After the CR of that line end.
    ChunkLf {
        last: bool,
    },
    Trailers,
    /// The message is complete; it remains to say so.
    End,
    Tunnel {
        announced: bool,
    },
    Failed(Error),
}

/// What [`Http1::advance`] found: an event without its borrows.
pub(super) enum Found {
    More,
    Head {
        start: u64,
        end: u64,
        first: FirstLine,
        framing: Framing,
        keep_alive: bool,
    },
    Body {
        start: usize,
        end: usize,
    },
    /// The bytes in `buf`, that were held to see what they are.
    Held,
    Trailers {
        start: u64,
        end: u64,
    },
    End,
    Tunnel,
    Error(Error),
}

/// A parser for one direction of one connection.
#[derive(Debug)]
pub struct Http1 {
    pub(super) role: Role,
    pub(super) state: State,
    /// The beginning of a head, trailer section or chunk-size line whose end has not come yet.
    pub(super) buf: Vec<u8>,
    /// `buf` was lent with the last event and is cleared in the next call.
    pub(super) lent: bool,
    /// `buf` up to here has no end of a section.
    pub(super) scanned: usize,
    /// The fields of the last section.
    pub(super) fields: Vec<RawField>,
    /// The requests whose final response has not come yet.
    pub(super) expected: VecDeque<Answers>,
    /// The body is [`Framing::Ambiguous`].
    pub(super) ambiguous: bool,
    /// Of the current message.
    pub(super) anomalies: Anomalies,
    /// The last message said that none follows.
    pub(super) closed: bool,
    /// To become a tunnel once the current message is over.
    pub(super) switch: bool,
}

impl Http1 {
    /// A parser that stands before the first message.
    pub fn new(role: Role) -> Http1 {
        Http1 {
            role,
            state: State::Head,
            buf: Vec::new(),
            lent: false,
            scanned: 0,
            fields: Vec::new(),
            expected: VecDeque::new(),
            ambiguous: false,
            anomalies: Anomalies::empty(),
            closed: false,
            switch: false,
        }
    }

    /// Tells the response side of a request head, in the order of the requests: a response to HEAD has no body, one to
    /// CONNECT opens a tunnel. False, and not noted, if [`MAX_PIPELINED`] requests await their response already: from
    /// then on the responses can't be told apart.
    #[must_use]
    pub fn expect_response(&mut self, method: &[u8]) -> bool {
        if self.expected.len() == MAX_PIPELINED {
            return false;
        }
        self.expected.push_back(match method {
            b"HEAD" => Answers::Head,
            b"CONNECT" => Answers::Connect,
            _ => Answers::Other,
        });
        true
    }

    /// How many requests still await their final response.
    pub fn responses_expected(&self) -> usize {
        self.expected.len()
    }

    /// Tells the request side that the server has switched protocols (its side gave [`Event::Tunnel`]). The tunnel
    /// begins after the current message, or at once after an error: what a client sends early is not HTTP.
    pub fn switch_protocols(&mut self) {
        self.switch = true;
    }

    /// The bytes used up that no event has covered yet: the beginning of a head, trailer section or chunk-size line.
    pub fn pending(&self) -> &[u8] {
        if self.lent { &[] } else { &self.buf }
    }

    /// What is odd about the message so far.
    pub fn anomalies(&self) -> Anomalies {
        self.anomalies
    }

    /// Reads on. `input` are the bytes of the stream that are not used up yet, the first with stream offset `at`. Call it
    /// until it gives no event, also with empty input: an event may be due without more bytes.
    pub fn poll<'a>(&'a mut self, at: u64, input: &'a [u8]) -> Step<'a> {
        if self.lent {
            self.lent = false;
            self.buf.clear();
            self.buf.shrink_to(KEPT_BUFFER);
        }
        let (consumed, found) = self.advance(at, input);
        let now = at + consumed as u64;
        let event = match found {
            Found::More => None,
            Found::Body { start, end } => {
                Some(Event::Body { at: at + start as u64, bytes: slice(input, start, end) })
            }
            Found::Held => {
                self.lent = true;
                Some(Event::Body { at: now - self.buf.len() as u64, bytes: &self.buf })
            }
            Found::Head { start, end, first, framing, keep_alive } => {
                let bytes = self.section_bytes(at, input, start, end);
                Some(Event::Head(Head {
                    start,
                    end,
                    bytes,
                    line: match first.line {
                        Line::Request { method, target } => StartLine::Request {
                            method: method.of(bytes),
                            target: target.of(bytes),
                            target_at: target.at(start),
                        },
                        Line::Status { code, reason } => {
                            StartLine::Status { code, reason: reason.of(bytes) }
                        }
                    },
                    version: first.version,
                    fields: Fields { buf: bytes, base: start, raw: &self.fields },
                    framing,
                    keep_alive,
                    anomalies: self.anomalies,
                }))
            }
            Found::Trailers { start, end } => {
                let bytes = self.section_bytes(at, input, start, end);
                Some(Event::Trailers(Fields { buf: bytes, base: start, raw: &self.fields }))
            }
            Found::End => {
                Some(Event::End { at: now, anomalies: std::mem::take(&mut self.anomalies) })
            }
            Found::Tunnel => Some(Event::Tunnel { at: now - self.buf.len() as u64 }),
            Found::Error(error) => Some(Event::Error(error)),
        };
        Step { consumed, event }
    }

    /// The stream ends at `at` (FIN, all bytes before it were polled): the end of a body that lasts until then, or an
    /// error if a message is incomplete.
    pub fn finish(&mut self, at: u64) -> Option<Event<'static>> {
        match self.state {
            State::Head if self.pending().is_empty() => None,
            State::Tunnel { .. } => None,
            State::UntilClose | State::End => {
                self.state = State::Head;
                Some(Event::End { at, anomalies: std::mem::take(&mut self.anomalies) })
            }
            State::Failed(error) => Some(Event::Error(error)),
            _ => {
                self.state = State::Failed(Error::Truncated);
                Some(Event::Error(Error::Truncated))
            }
        }
    }

    /// The section from stream offset `start` to `end`, whether it was split or not.
    fn section_bytes<'a>(&'a self, at: u64, input: &'a [u8], start: u64, end: u64) -> &'a [u8] {
        if self.lent {
            &self.buf
        } else {
            slice(input, start.saturating_sub(at) as usize, end.saturating_sub(at) as usize)
        }
    }

    /// Goes on to the next event. Gives how much of `input` is used up.
    fn advance(&mut self, at: u64, input: &[u8]) -> (usize, Found) {
        let mut pos = 0;
        loop {
            let rest = slice(input, pos, input.len());
            match self.state {
                State::Head | State::Failed(_) if self.switch => {
                    self.state = State::Tunnel { announced: false };
                }
                State::Head => {
                    let (used, found) = self.head(at + pos as u64, rest);
                    return (pos + used, found.unwrap_or_else(|error| self.fail(error)));
                }
                State::Data(left) | State::ChunkData(left) if left > 0 => {
                    if rest.is_empty() {
                        return (pos, Found::More);
                    }
                    let take = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
                    let left = left - take as u64;
                    self.state = match self.state {
                        State::Data(_) => State::Data(left),
                        _ => State::ChunkData(left),
                    };
                    return (pos + take, Found::Body { start: pos, end: pos + take });
                }
                State::Data(_) => self.state = State::End,
                State::ChunkData(_) => self.state = State::ChunkCr { last: false },
                State::UntilClose => {
                    if !self.buf.is_empty() {
                        return (pos, Found::Held);
                    }
                    let found = match rest {
                        [] => Found::More,
                        _ => Found::Body { start: pos, end: input.len() },
                    };
                    return (input.len(), found);
                }
                State::ChunkLine => {
                    if rest.is_empty() {
                        return (pos, Found::More);
                    }
                    let (used, result) = self.chunk_line(rest);
                    pos += used;
                    if let Err(error) = result {
                        return (pos, self.fail(error));
                    }
                }
                State::ChunkCr { last } | State::ChunkLf { last } => {
                    let Some(&b) = rest.first() else { return (pos, Found::More) };
                    let after_cr = matches!(self.state, State::ChunkLf { .. });
                    match b {
                        b'\r' if !after_cr => self.state = State::ChunkLf { last },
                        b'\n' => {
                            self.anomalies |= Anomalies::BARE_LF.when(!after_cr);
                            self.state = if last { State::End } else { State::ChunkLine };
                        }
                        _ if self.ambiguous => {
                            self.not_chunked();
                            continue;
                        }
                        _ => return (pos, self.fail(Error::ChunkEnd)),
                    }
                    pos += 1;
                }
                State::Trailers => {
                    let (used, found) = self.trailers(at + pos as u64, rest);
                    return (pos + used, found.unwrap_or_else(|error| self.fail(error)));
                }
                State::End => {
                    self.state = State::Head;
                    return (pos, Found::End);
                }
                State::Tunnel { announced: false } => {
                    self.state = State::Tunnel { announced: true };
                    return (pos, Found::Tunnel);
                }
                State::Tunnel { announced: true } => return (pos, Found::More),
                State::Failed(error) => return (pos, Found::Error(error)),
            }
        }
    }

    fn fail(&mut self, error: Error) -> Found {
        self.state = State::Failed(error);
        Found::Error(error)
    }
}
