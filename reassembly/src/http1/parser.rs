//! The state machine: bytes of one direction in, events out.

use std::collections::VecDeque;

use memchr::memchr;

use super::fields::{self, Fields, RawField, Span, slice};
use super::framing::{Answers, Control};
use super::head::{self, FirstLine, Line, SectionEnd};
use super::{
    Anomalies, Error, Event, Framing, Head, MAX_HEAD, MAX_PIPELINED, Role, StartLine, Step,
    Version, chunk,
};

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
enum State {
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
enum Found {
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

/// A whole head or trailer section.
struct Section {
    /// Where its blank line begins.
    fields: usize,
    /// Just past its blank line.
    end: usize,
    /// It came in several inputs and was put together in `buf`.
    split: bool,
}

/// A parser for one direction of one connection.
#[derive(Debug)]
pub struct Http1 {
    role: Role,
    state: State,
    /// The beginning of a head, trailer section or chunk-size line whose end has not come yet.
    buf: Vec<u8>,
    /// `buf` was lent with the last event and is cleared in the next call.
    lent: bool,
    /// `buf` up to here has no end of a section.
    scanned: usize,
    /// The fields of the last section.
    fields: Vec<RawField>,
    /// The requests whose final response has not come yet.
    expected: VecDeque<Answers>,
    /// The body is [`Framing::Ambiguous`].
    ambiguous: bool,
    /// Of the current message.
    anomalies: Anomalies,
    /// The last message said that none follows.
    closed: bool,
    switch: bool,
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

    /// In [`State::Head`].
    fn head(&mut self, at: u64, input: &[u8]) -> (usize, Result<Found, Error>) {
        // Empty lines before a message are passed over (RFC 9112 §2.2); clients pass over other white space, too.
        let mut pos = 0;
        while self.buf.is_empty() {
            match input.get(pos) {
                Some(b'\r' | b'\n') => {}
                Some(&b) if self.role == Role::Response && head::is_blank(b) => {
                    self.anomalies |= Anomalies::START_LINE;
                }
                _ => break,
            }
            pos += 1;
        }
        let start = at + pos as u64 - self.buf.len() as u64;
        let rest = slice(input, pos, input.len());
        if self.role == Role::Response && self.buf.is_empty() {
            match head::has_status_line(rest) {
                None => return (pos, Ok(Found::More)),
                Some(true) => {}
                Some(false) => return (pos, Ok(self.no_status_line(start))),
            }
        }
        let (used, section) = self.section(rest);
        let found = match section {
            Ok(Some(section)) => self.whole_head(start, rest, section),
            more => {
                let begin = if self.buf.is_empty() { rest } else { &self.buf };
                match (self.role, head::check_method(begin), more) {
                    (Role::Request, Err(error), _) | (_, _, Err(error)) => Err(error),
                    _ => Ok(Found::More),
                }
            }
        };
        (pos + used, found)
    }

    /// A response that has no head: HTTP/0.9, or the body of one that should have none (204). All of it is content.
    fn no_status_line(&mut self, start: u64) -> Found {
        self.expected.pop_front();
        self.fields.clear();
        self.state = State::ChunkLine;
        self.ambiguous = true;
        self.anomalies |= Anomalies::NO_STATUS_LINE | Anomalies::AFTER_CLOSE.when(self.closed);
        self.closed = true;
        let first = FirstLine {
            line: Line::Status { code: 0, reason: Span::default() },
            version: Version::HTTP_09,
            anomalies: self.anomalies,
            next: 0,
        };
        Found::Head { start, end: start, first, framing: Framing::Ambiguous, keep_alive: false }
    }

    /// Looks for the end of the head or trailer section that `buf` and `input` begin with, and keeps in `buf` what
    /// belongs to an unfinished one. Gives how much of `input` is used up.
    fn section(&mut self, input: &[u8]) -> (usize, Result<Option<Section>, Error>) {
        let held = self.buf.len();
        let window = slice(input, 0, input.len().min(MAX_HEAD - held));
        let end = if held == 0 {
            head::section_end(window, &mut self.scanned, self.role)
        } else {
            self.buf.extend_from_slice(window);
            head::section_end(&self.buf, &mut self.scanned, self.role)
        };
        match end {
            SectionEnd::Found { fields, end } => {
                self.scanned = 0;
                self.buf.truncate(end);
                (end - held, Ok(Some(Section { fields, end, split: held > 0 })))
            }
            SectionEnd::Later { .. } if window.len() < input.len() => {
                (window.len(), Err(Error::HeadTooLarge))
            }
            SectionEnd::Later { sure } => {
                if held == 0 {
                    self.buf.extend_from_slice(window);
                }
                self.buf.truncate(sure);
                (sure - held, Ok(None))
            }
        }
    }

    fn whole_head(&mut self, start: u64, input: &[u8], section: Section) -> Result<Found, Error> {
        let bytes = section.bytes(&self.buf, input);
        let lines = slice(bytes, 0, section.fields);
        let first = match self.role {
            Role::Request => head::request_line(lines)?,
            Role::Response => head::status_line(lines),
        };
        self.fields.clear();
        let mut anomalies =
            self.anomalies | first.anomalies | Anomalies::AFTER_CLOSE.when(self.closed);
        anomalies |= fields::parse(lines, first.next, &mut self.fields)?;
        let control = Control::read(&Fields { buf: bytes, base: start, raw: &self.fields });
        let (version, mut tunnel) = (first.version, false);
        let framing = match first.line {
            Line::Request { .. } => control.of_request(bytes, version, &mut anomalies)?,
            Line::Status { code, .. } => {
                let interim = matches!(code, 100..=199) && !(code == 101 && control.upgrades());
                let answers = match interim {
                    true => Answers::Other,
                    false => self.expected.pop_front().unwrap_or(Answers::Other),
                };
                tunnel = code == 101 && !interim
                    || answers == Answers::Connect && matches!(code, 200..=299);
                control.of_response(bytes, version, code, answers, &mut anomalies)
            }
        };
        self.lent = section.split;
        self.anomalies = anomalies;
        self.ambiguous = framing == Framing::Ambiguous;
        self.state = match framing {
            _ if tunnel => State::Tunnel { announced: false },
            Framing::None => State::End,
            Framing::Length(length) => State::Data(length),
            Framing::Chunked | Framing::Ambiguous => State::ChunkLine,
            Framing::UntilClose => State::UntilClose,
        };
        let framing = if tunnel { Framing::None } else { framing };
        let keep_alive = framing != Framing::UntilClose && control.persists(version);
        self.closed |= !keep_alive;
        let end = start + bytes.len() as u64;
        Ok(Found::Head { start, end, first, framing, keep_alive })
    }

    /// In [`State::ChunkLine`]. An unfinished line is kept in `buf`.
    fn chunk_line(&mut self, input: &[u8]) -> (usize, Result<(), Error>) {
        let lf = memchr(b'\n', input);
        let used = lf.map_or(input.len(), |lf| lf + 1);
        let split = !self.buf.is_empty() || lf.is_none();
        if split {
            self.buf.extend_from_slice(slice(input, 0, used));
        }
        let line = if split { &self.buf } else { slice(input, 0, used) };
        let (size, anomalies) = match chunk::parse(line, self.ambiguous) {
            Ok(parsed) => parsed,
            Err(_) if self.ambiguous => {
                // What is held of the line is content, too.
                self.not_chunked();
                return (if split { used } else { 0 }, Ok(()));
            }
            Err(error) => return (used, Err(error)),
        };
        if lf.is_some() {
            self.buf.clear();
            self.anomalies |= anomalies;
            match size {
                // Trailers would be content to a client that does not know chunks.
                Some(0) if self.ambiguous => self.state = State::ChunkCr { last: true },
                Some(0) => self.state = State::Trailers,
                Some(size) => self.state = State::ChunkData(size),
                None => {}
            }
        }
        (used, Ok(()))
    }

    fn not_chunked(&mut self) {
        self.anomalies |= Anomalies::NOT_CHUNKED;
        self.state = State::UntilClose;
    }

    /// In [`State::Trailers`].
    fn trailers(&mut self, at: u64, input: &[u8]) -> (usize, Result<Found, Error>) {
        let start = at - self.buf.len() as u64;
        let (used, section) = self.section(input);
        let found = match section {
            Ok(Some(section)) => self.whole_trailers(start, input, section),
            Ok(None) => Ok(Found::More),
            Err(error) => Err(error),
        };
        (used, found)
    }

    fn whole_trailers(
        &mut self,
        start: u64,
        input: &[u8],
        section: Section,
    ) -> Result<Found, Error> {
        let bytes = section.bytes(&self.buf, input);
        let lines = slice(bytes, 0, section.fields);
        self.fields.clear();
        self.anomalies |= fields::parse(lines, 0, &mut self.fields)?;
        self.anomalies |= Anomalies::BARE_LF.when(!bytes.ends_with(b"\r\n"));
        let end = start + bytes.len() as u64;
        if self.fields.is_empty() {
            self.state = State::Head;
            self.buf.clear();
            return Ok(Found::End);
        }
        self.lent = section.split;
        self.state = State::End;
        Ok(Found::Trailers { start, end })
    }
}

impl Section {
    /// The section, which was found in `buf` or lies in `input`.
    fn bytes<'a>(&self, buf: &'a [u8], input: &'a [u8]) -> &'a [u8] {
        if self.split { buf } else { slice(input, 0, self.end) }
    }
}
