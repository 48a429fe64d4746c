//! Where a head ends, and its first line (RFC 9112 §3, §4).

use memchr::memchr;

use super::fields::{Span, is_ows, logical_line, slice, token_len, trim};
use super::{Anomalies, Error, MAX_METHOD, Role, Version};

/// The first line, in offsets into the head.
#[derive(Clone, Copy, Debug)]
pub(super) enum Line {
    Request { method: Span, target: Span },
    Status { code: u16, reason: Span },
}

pub(super) struct FirstLine {
    pub(super) line: Line,
    pub(super) version: Version,
    pub(super) anomalies: Anomalies,
    /// Where the field lines begin.
    pub(super) next: usize,
}

/// What is known about the end of a section.
pub(super) enum SectionEnd {
    Found {
        /// Where the blank line begins: the field lines end here.
        fields: usize,
        /// Just past the blank line.
        end: usize,
    },
    /// It has not come yet.
    Later {
        /// The bytes before this offset belong to the section in any case.
        sure: usize,
    },
}

/// Looks for the blank line that ends the section at the start of `buf`.
///
/// Looks at the lines from `*scanned` on, which it moves to the first line that it has to look at again with more bytes.
/// A line of white space only is a fold to some clients and the end of the head to others: in a response it ends the
/// section unless what follows can still belong to it.
pub(super) fn section_end(buf: &[u8], scanned: &mut usize, role: Role) -> SectionEnd {
    loop {
        let line = *scanned;
        let Some(len) = memchr(b'\n', slice(buf, line, buf.len())) else {
            return SectionEnd::Later { sure: buf.len() };
        };
        let next = line + len + 1;
        let content = slice(buf, line, line + len);
        let content = content.strip_suffix(b"\r").unwrap_or(content);
        if content.is_empty() {
            return SectionEnd::Found { fields: line, end: next };
        }
        if role == Role::Response && content.iter().all(|&b| is_blank(b)) {
            let rest = slice(buf, next, buf.len());
            let token = token_len(rest);
            match rest.get(token) {
                None => return SectionEnd::Later { sure: next },
                Some(b':') if token > 0 => {}
                Some(b' ' | b'\t' | b'\r' | b'\n') if token == 0 => {}
                Some(_) => return SectionEnd::Found { fields: next, end: next },
            }
        }
        *scanned = next;
    }
}

/// White space that some receivers take for nothing at all.
pub(super) fn is_blank(b: u8) -> bool {
    matches!(b, b' ' | b'\t' | b'\r' | 0x0b | 0x0c)
}

/// Can `buf` be the beginning of a request line? Says so before a line end is seen, so that another protocol is not
/// waited for.
pub(super) fn check_method(buf: &[u8]) -> Result<(), Error> {
    let len = token_len(slice(buf, 0, buf.len().min(MAX_METHOD + 1)));
    match buf.get(len) {
        None if len <= MAX_METHOD => Ok(()),
        Some(&b) if len > 0 && len <= MAX_METHOD && is_ows(b) => Ok(()),
        _ => Err(Error::RequestLine),
    }
}

/// Bytes before `HTTP/` that are passed over, as Chromium does.
const MAX_SLOP: usize = 4;

/// Does a status line begin in the first bytes of `buf`? `None`: too few bytes to say.
pub(super) fn has_status_line(buf: &[u8]) -> Option<bool> {
    let is_at = |i: usize| slice(buf, i, i + 5).eq_ignore_ascii_case(b"HTTP/");
    if is_at(0) {
        return Some(true);
    }
    if buf.len() < MAX_SLOP + 5 {
        return None;
    }
    Some((1..=MAX_SLOP).any(|i| is_at(i) && !slice(buf, 0, i).contains(&b'\n')))
}

/// `method SP request-target SP HTTP-version` (RFC 9112 §3).
pub(super) fn request_line(buf: &[u8]) -> Result<FirstLine, Error> {
    check_method(buf)?;
    let whole = logical_line(buf, 0);
    let mut anomalies = whole.anomalies;
    if anomalies.contains(Anomalies::OBS_FOLD) {
        return Err(Error::RequestLine);
    }
    let method = token_len(buf);
    let (start, end) = trim(buf, method, whole.end);
    let line = slice(buf, 0, end);
    let version_at = end - line.iter().rev().position(|&b| is_ows(b)).ok_or(Error::RequestLine)?;
    let (target_start, target_end) = trim(buf, start, version_at);
    if target_start == target_end {
        return Err(Error::RequestLine);
    }
    let target = slice(buf, target_start, target_end);
    let single = start == method + 1 && target_end + 1 == version_at && end == whole.end;
    if !single || buf.get(method) != Some(&b' ') || buf.get(target_end) != Some(&b' ') {
        anomalies |= Anomalies::START_LINE;
    }
    if target.iter().any(|&b| !(b'!'..=b'~').contains(&b)) {
        anomalies |= Anomalies::TARGET_CHAR;
        anomalies |= Anomalies::START_LINE.when(target.iter().any(|&b| is_ows(b)));
        anomalies |= Anomalies::BARE_CR.when(target.contains(&b'\r'));
    }
    let (version, odd, len) = version(slice(buf, version_at, end)).ok_or(Error::RequestLine)?;
    if len != end - version_at {
        return Err(Error::RequestLine);
    }
    anomalies |= odd;
    let line =
        Line::Request { method: Span::new(0, method), target: Span::new(target_start, target_end) };
    Ok(FirstLine { line, version, anomalies, next: whole.next })
}

/// `HTTP-version SP status-code SP [ reason-phrase ]` (RFC 9112 §4), and what browsers take for it.
pub(super) fn status_line(buf: &[u8]) -> FirstLine {
    let whole = logical_line(buf, 0);
    let mut anomalies = whole.anomalies;
    let line = slice(buf, 0, whole.end);
    let at = (0..=MAX_SLOP)
        .find(|&i| slice(line, i, i + 5).eq_ignore_ascii_case(b"HTTP/"))
        .unwrap_or_default();
    if at > 0 {
        anomalies |= Anomalies::START_LINE;
    }
    let (version, odd, len) =
        version(slice(line, at, line.len())).unwrap_or((Version::HTTP_10, Anomalies::VERSION, 5));
    anomalies |= odd;
    let rest = (at + len).min(line.len());
    let digit = |&b: &u8| b.is_ascii_digit();
    let skipped = slice(line, rest, line.len()).iter().position(|b| !is_gap(*b));
    let code_at = rest + skipped.unwrap_or(line.len() - rest);
    let tail = slice(line, code_at, line.len());
    let digits = tail.iter().position(|b| !digit(b)).unwrap_or(tail.len());
    let code = tail.iter().take(digits.min(3)).fold(0, |n, b| n * 10 + u16::from(b - b'0'));
    let reason_at = code_at + digits;
    let clean = digits == 3 && code >= 100 && matches!(line.get(reason_at), None | Some(b' '));
    anomalies |= Anomalies::STATUS.when(!clean);
    if slice(line, rest, code_at) != b" " {
        anomalies |= Anomalies::START_LINE;
    }
    let reason_at = reason_at + usize::from(line.get(reason_at) == Some(&b' '));
    let reason = slice(line, reason_at, line.len());
    anomalies |= super::fields::invalid_chars(reason);
    let reason = Span::new(reason_at, line.len());
    FirstLine { line: Line::Status { code, reason }, version, anomalies, next: whole.next }
}

/// What browsers pass over between the version and the status code.
fn is_gap(b: u8) -> bool {
    is_blank(b) || matches!(b, 0 | b'\n')
}

/// `HTTP-name "/" DIGIT "." DIGIT` (RFC 9112 §2.3), in any case and with more digits; and how long it is.
fn version(buf: &[u8]) -> Option<(Version, Anomalies, usize)> {
    let name = slice(buf, 0, 5);
    if !name.eq_ignore_ascii_case(b"HTTP/") {
        return None;
    }
    let (major, major_len) = number(slice(buf, 5, buf.len()))?;
    let dot = 5 + major_len;
    if buf.get(dot) != Some(&b'.') {
        return None;
    }
    let (minor, minor_len) = number(slice(buf, dot + 1, buf.len()))?;
    let version = Version { major, minor };
    let exact = name == b"HTTP/" && major_len == 1 && minor_len == 1;
    let known = version == Version::HTTP_10 || version == Version::HTTP_11;
    let mut anomalies = Anomalies::empty();
    anomalies |= Anomalies::VERSION.when(!exact || !known);
    Some((version, anomalies, dot + 1 + minor_len))
}

/// A run of digits and its length.
fn number(buf: &[u8]) -> Option<(u8, usize)> {
    let len = buf.iter().position(|b| !b.is_ascii_digit()).unwrap_or(buf.len());
    let number =
        buf.iter().take(len).fold(0u8, |n, b| n.saturating_mul(10).saturating_add(b - b'0'));
    (len > 0).then_some((number, len))
}
