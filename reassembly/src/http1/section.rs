//! What has to be whole before it can be read: heads, trailer sections and chunk-size lines.

use memchr::memchr;

use super::fields::{self, Fields, Span, slice};
use super::framing::{Answers, Control};
use super::head::{self, FirstLine, Line, SectionEnd};
use super::parser::{Found, State};
use super::{Anomalies, Error, Framing, Http1, MAX_CHUNK_LINE, MAX_HEAD, Role, Version, chunk};

/// A whole head or trailer section.
struct Section {
    /// Where its blank line begins.
    fields: usize,
    /// Just past its blank line.
    end: usize,
    /// It came in several inputs and was put together in `buf`.
    split: bool,
}

impl Section {
    /// The section, which was found in `buf` or lies in `input`.
    fn bytes<'a>(&self, buf: &'a [u8], input: &'a [u8]) -> &'a [u8] {
        if self.split { buf } else { slice(input, 0, self.end) }
    }
}

impl Http1 {
    /// In [`State::Head`].
    pub(super) fn head(&mut self, at: u64, input: &[u8]) -> (usize, Result<Found, Error>) {
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
                let answers = match code {
                    100 | 102..=199 => Answers::Other,
                    _ => self.expected.pop_front().unwrap_or(Answers::Other),
                };
                tunnel = match code {
                    101 => control.upgrades(),
                    200..=299 => answers == Answers::Connect,
                    _ => false,
                };
                anomalies |= Anomalies::STATUS.when(code == 101 && !tunnel);
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
    pub(super) fn chunk_line(&mut self, input: &[u8]) -> (usize, Result<(), Error>) {
        let lf = memchr(b'\n', input);
        let mut used = lf.map_or(input.len(), |lf| lf + 1);
        let split = !self.buf.is_empty();
        if split {
            // One byte more than a line may have is enough to see that it is too long.
            used = used.min(MAX_CHUNK_LINE + 2 - self.buf.len());
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
        if lf.is_none() {
            if !split {
                self.buf.extend_from_slice(input);
            }
            return (used, Ok(()));
        }
        self.buf.clear();
        self.anomalies |= anomalies;
        self.state = match size {
            None => State::ChunkLine,
            // Trailers would be content to a client that does not know chunks.
            Some(0) if self.ambiguous => State::ChunkCr { last: true },
            Some(0) => State::Trailers,
            Some(size) => State::ChunkData(size),
        };
        (used, Ok(()))
    }

    /// An ambiguous body is not chunked: from here on all is content.
    pub(super) fn not_chunked(&mut self) {
        self.anomalies |= Anomalies::NOT_CHUNKED;
        self.state = State::UntilClose;
    }

    /// In [`State::Trailers`].
    pub(super) fn trailers(&mut self, at: u64, input: &[u8]) -> (usize, Result<Found, Error>) {
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
