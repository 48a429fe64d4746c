//! Multipart bodies (RFC 2046 §5.1, RFC 7578): which part the next byte belongs to.

use super::Name;
use super::media::parameter;
use super::nested::Nested;

/// Bytes of a part's header line that are read. Longer: a name behind them is not seen.
const MAX_LINE: usize = 512;

/// ```text
///   Preamble ──delimiter──► Delimiter ──end of its line──► Headers ──empty line──► Body ──delimiter──► Delimiter
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Preamble,
    Delimiter,
    Headers,
    Body,
}

/// Follows a multipart body.
#[derive(Clone, Debug, Default)]
pub(super) struct Multipart {
    /// Two dashes and the boundary.
    delimiter: Vec<u8>,
    state: State,
    /// How much of the delimiter the line is so far; none: it is another line.
    matched: Option<usize>,
    line: Vec<u8>,
    name: Name,
    value: Nested,
}

impl Multipart {
    pub fn new(boundary: &[u8]) -> Multipart {
        let delimiter = [b"--", boundary].concat();
        Multipart { delimiter, matched: Some(0), ..Multipart::default() }
    }

    pub fn feed(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|b| self.byte(*b));
    }

    fn byte(&mut self, b: u8) {
        match self.state {
            State::Delimiter if b == b'\n' => {
                self.state = State::Headers;
                self.name.clear();
                self.line.clear();
            }
            State::Delimiter => {}
            State::Headers if b == b'\n' => self.header(),
            State::Headers if self.line.len() < MAX_LINE => self.line.push(b),
            State::Headers => {}
            State::Preamble | State::Body => self.content(b),
        }
    }

    fn content(&mut self, b: u8) {
        if self.state == State::Body {
            self.value.feed(&[b]);
        }
        if b == b'\n' {
            self.matched = Some(0);
            return;
        }
        let wanted = self.matched.and_then(|n| self.delimiter.get(n));
        self.matched = self.matched.filter(|_| wanted == Some(&b)).map(|n| n + 1);
        if self.matched == Some(self.delimiter.len()) {
            self.state = State::Delimiter;
        }
    }

    fn header(&mut self) {
        const FIELD: &[u8] = b"content-disposition:";
        if self.line.trim_ascii().is_empty() {
            self.state = State::Body;
            self.matched = Some(0);
            self.value.begin();
        } else if self.line.get(..FIELD.len()).is_some_and(|f| f.eq_ignore_ascii_case(FIELD))
            && let Some(name) = parameter(&self.line, b"name")
        {
            self.name.clear();
            self.name.extend(&name);
        }
        self.line.clear();
    }

    pub fn write(&self, out: &mut String) {
        match self.state {
            State::Body => {
                self.name.write(out);
                self.value.write(out);
            }
            State::Headers => self.name.write(out),
            State::Preamble | State::Delimiter => {}
        }
    }
}
