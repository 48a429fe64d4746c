//! Field lines (RFC 9112 §5): where names and values lie, and what is odd about them.

use memchr::memchr;

use super::{Anomalies, Error, MAX_FIELDS};

/// A range of bytes in a head; heads are shorter than 4 GB ([`super::MAX_HEAD`]).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    pub(super) fn new(start: usize, end: usize) -> Span {
        Span { start: start as u32, end: end as u32 }
    }

    pub(super) fn of(self, buf: &[u8]) -> &[u8] {
        slice(buf, self.start as usize, self.end as usize)
    }

    pub(super) fn start(self) -> usize {
        self.start as usize
    }

    pub(super) fn end(self) -> usize {
        self.end as usize
    }

    pub(super) fn at(self, base: u64) -> u64 {
        base + u64::from(self.start)
    }
}

/// `buf[start..end]`, empty if out of bounds.
pub(super) fn slice(buf: &[u8], start: usize, end: usize) -> &[u8] {
    buf.get(start..end).unwrap_or_default()
}

#[derive(Clone, Copy, Debug)]
pub(super) struct RawField {
    pub(super) name: Span,
    pub(super) value: Span,
}

/// The fields of a head or trailer section, in the order they were sent.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a> {
    pub(super) buf: &'a [u8],
    pub(super) base: u64,
    pub(super) raw: &'a [RawField],
}

/// One field line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// The name as sent.
    pub name: &'a [u8],
    /// The value without white space around it. A folded value still holds its line ends (obs-fold).
    pub value: &'a [u8],
    /// Stream offset of `name[0]`.
    pub name_at: u64,
    /// Stream offset of `value[0]`.
    pub at: u64,
}

impl<'a> Fields<'a> {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.raw.len()
    }

    /// Is there none?
    pub fn is_empty(&self) -> bool {
        self.raw.is_empty()
    }

    /// In the order they were sent.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Field<'a>> + use<'a> {
        let Fields { buf, base, raw } = *self;
        raw.iter().map(move |f| Field {
            name: f.name.of(buf),
            value: f.value.of(buf),
            name_at: f.name.at(base),
            at: f.value.at(base),
        })
    }

    /// The first field of that name, in any case.
    pub fn get(&self, name: &str) -> Option<Field<'a>> {
        self.iter().find(|f| f.name.eq_ignore_ascii_case(name.as_bytes()))
    }
}

/// Characters of a token (RFC 9110 §5.6.2).
#[expect(clippy::indexing_slicing, reason = "evaluated at compile time")]
const TCHAR: [bool; 256] = {
    let mut table = [false; 256];
    let mut b = 0;
    while b < 128 {
        let c = b as u8;
        table[b] = c.is_ascii_alphanumeric()
            || matches!(c, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~');
        b += 1;
    }
    table
};

fn is_tchar(b: u8) -> bool {
    TCHAR.get(usize::from(b)).copied().unwrap_or(false)
}

/// How many bytes at the start of `buf` are token characters.
pub(super) fn token_len(buf: &[u8]) -> usize {
    buf.iter().position(|&b| !is_tchar(b)).unwrap_or(buf.len())
}

pub(super) fn is_ows(b: u8) -> bool {
    matches!(b, b' ' | b'\t')
}

/// Without white space and line ends around it.
pub(super) fn trim(buf: &[u8], mut start: usize, mut end: usize) -> (usize, usize) {
    let space = |at: usize| matches!(buf.get(at), Some(b' ' | b'\t' | b'\r' | b'\n'));
    while start < end && space(start) {
        start += 1;
    }
    while start < end && space(end - 1) {
        end -= 1;
    }
    (start, end)
}

/// A line with the folded lines that continue it.
pub(super) struct Line {
    /// Where its content ends.
    pub(super) end: usize,
    /// Where the next line begins.
    pub(super) next: usize,
    pub(super) anomalies: Anomalies,
}

/// Reads a line from `pos`, with the lines after it that begin with white space (obs-fold, RFC 9112 §5.2).
pub(super) fn logical_line(buf: &[u8], pos: usize) -> Line {
    let mut anomalies = Anomalies::empty();
    let mut from = pos;
    loop {
        let Some(len) = memchr(b'\n', slice(buf, from, buf.len())) else {
            return Line { end: buf.len(), next: buf.len(), anomalies };
        };
        let lf = from + len;
        let end = if lf > pos && buf.get(lf - 1) == Some(&b'\r') {
            lf - 1
        } else {
            anomalies |= Anomalies::BARE_LF;
            lf
        };
        if !buf.get(lf + 1).is_some_and(|&b| is_ows(b)) {
            return Line { end, next: lf + 1, anomalies };
        }
        anomalies |= Anomalies::OBS_FOLD;
        from = lf + 1;
    }
}

/// Reads the field lines in `buf[pos..]`, which ends before the blank line that ends the section.
pub(super) fn parse(
    buf: &[u8],
    mut pos: usize,
    fields: &mut Vec<RawField>,
) -> Result<Anomalies, Error> {
    let mut anomalies = Anomalies::empty();
    while pos < buf.len() {
        let mut line = logical_line(buf, pos);
        anomalies |= line.anomalies;
        let token = pos + token_len(slice(buf, pos, line.end));
        let colon = if token > pos && buf.get(token) == Some(&b':') {
            Some(token)
        } else {
            memchr(b':', slice(buf, pos, line.end)).map(|i| pos + i)
        };
        let Some(colon) = colon else {
            let (start, end) = trim(buf, pos, line.end);
            anomalies |= invalid_chars(slice(buf, pos, line.end));
            if start == end {
                anomalies |= Anomalies::BLANK_LINE;
            } else {
                anomalies |= Anomalies::MALFORMED_FIELD;
                push(fields, Span::new(start, end), Span::new(end, end))?;
            }
            pos = line.next;
            continue;
        };
        if colon != token || colon == pos {
            anomalies |= odd_name(slice(buf, pos, colon));
        }
        let odd = invalid_chars(slice(buf, colon + 1, line.end));
        if odd.contains(Anomalies::BARE_CR)
            && let Some(cr) = field_after_cr(buf, colon + 1, line.end)
        {
            // What follows the lone CR is a field to a receiver that ends lines there.
            line.end = cr;
            line.next = cr + 1;
        }
        anomalies |= odd;
        let (name_start, name_end) = trim(buf, pos, colon);
        let (start, end) = trim(buf, colon + 1, line.end);
        push(fields, Span::new(name_start, name_end), Span::new(start, end))?;
        pos = line.next;
    }
    Ok(anomalies)
}

fn push(fields: &mut Vec<RawField>, name: Span, value: Span) -> Result<(), Error> {
    if fields.len() == MAX_FIELDS {
        return Err(Error::TooManyFields);
    }
    fields.push(RawField { name, value });
    Ok(())
}

/// What is wrong with a name, given that it is not a plain token.
fn odd_name(name: &[u8]) -> Anomalies {
    let (start, end) = trim(name, 0, name.len());
    let mut anomalies = Anomalies::empty();
    if start == end {
        anomalies |= Anomalies::MALFORMED_FIELD;
    }
    if end < name.len() {
        anomalies |= Anomalies::SPACE_BEFORE_COLON;
    }
    if slice(name, start, end).iter().any(|&b| !is_tchar(b)) {
        anomalies |= Anomalies::INVALID_CHAR;
    }
    anomalies | invalid_chars(name)
}

/// Control characters where a value should be; line ends only where a fold is.
pub(super) fn invalid_chars(value: &[u8]) -> Anomalies {
    // Without a branch in the loop, so that it is done sixteen and more bytes at a time.
    let any = value.iter().fold(false, |any, &b| any | ((b < b' ') & (b != b'\t')) | (b == 0x7f));
    if !any {
        return Anomalies::empty();
    }
    let mut anomalies = Anomalies::empty();
    for (i, &b) in value.iter().enumerate() {
        let next = value.get(i + 1).copied();
        match b {
            b'\r' if next == Some(b'\n') => {}
            b'\r' => anomalies |= Anomalies::BARE_CR,
            b'\n' | b'\t' => {}
            0..b' ' | 0x7f => anomalies |= Anomalies::INVALID_CHAR,
            _ => {}
        }
    }
    anomalies
}

/// The first lone CR in `buf[start..end]` after which something has the form of a field.
fn field_after_cr(buf: &[u8], start: usize, end: usize) -> Option<usize> {
    memchr::memchr_iter(b'\r', slice(buf, start, end)).map(|i| start + i).find(|&cr| {
        let rest = slice(buf, cr + 1, end);
        let token = token_len(rest);
        token > 0 && rest.get(token) == Some(&b':')
    })
}
