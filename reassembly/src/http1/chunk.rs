//! Chunk-size lines (RFC 9112 §7.1).

use super::fields::{is_ows, slice, token_len};
use super::{Anomalies, Error, MAX_CHUNK_LINE};

/// Reads a chunk-size line with its line end, or what there is of one: an error is final either way. The size is `None`
/// for a blank line, which some receivers skip.
///
/// Receivers differ in what they take before and after the size; everything that one of them takes is read, and flagged.
/// Only in an ambiguous body the line has to be nothing but a size.
pub(super) fn parse(line: &[u8], ambiguous: bool) -> Result<(Option<u64>, Anomalies), Error> {
    let whole = line.strip_suffix(b"\n");
    let line = whole.unwrap_or(line);
    if line.len() > MAX_CHUNK_LINE || ambiguous && !is_plausible(line) {
        return Err(Error::ChunkSize);
    }
    let ended = line.strip_suffix(b"\r");
    let bare = Anomalies::BARE_LF.when(whole.is_some() && ended.is_none());
    let (size, anomalies) = parse_line(ended.unwrap_or(line))?;
    Ok((size, anomalies | bare))
}

fn parse_line(line: &[u8]) -> Result<(Option<u64>, Anomalies), Error> {
    let start = line.iter().position(|&b| !is_blank(b)).unwrap_or(line.len());
    let mut anomalies = Anomalies::empty();
    anomalies |= Anomalies::CHUNK_LINE.when(start > 0);
    let line = slice(line, start, line.len());
    if line.is_empty() {
        return Ok((None, Anomalies::CHUNK_LINE));
    }
    let mut size = 0u64;
    let mut digits = 0;
    for &b in line {
        let Some(digit) = char::from(b).to_digit(16) else { break };
        if size >> 59 != 0 {
            return Err(Error::ChunkOverflow);
        }
        size = size << 4 | u64::from(digit);
        digits += 1;
    }
    if digits == 0 {
        return Err(Error::ChunkSize);
    }
    let rest = slice(line, digits, line.len());
    if !rest.is_empty() {
        anomalies |= extensions(rest);
    }
    Ok((Some(size), anomalies))
}

fn is_blank(b: u8) -> bool {
    matches!(b, b' ' | b'\t' | b'\r' | b'\n' | 0x0b | 0x0c)
}

/// `*( BWS ";" BWS chunk-ext-name [ BWS "=" BWS chunk-ext-val ] )` (RFC 9112 §7.1.1).
fn extensions(mut rest: &[u8]) -> Anomalies {
    let odd = if rest.contains(&b'\r') {
        Anomalies::CHUNK_LINE | Anomalies::BARE_CR
    } else {
        Anomalies::CHUNK_LINE
    };
    while !rest.is_empty() {
        let Some(name) = skip_ows(rest).strip_prefix(b";").map(skip_ows) else { return odd };
        let len = token_len(name);
        if len == 0 {
            return odd;
        }
        rest = slice(name, len, name.len());
        if let Some(value) = skip_ows(rest).strip_prefix(b"=").map(skip_ows) {
            let Some(len) = value_len(value) else { return odd };
            rest = slice(value, len, value.len());
        }
    }
    Anomalies::CHUNK_EXTENSION
}

fn skip_ows(buf: &[u8]) -> &[u8] {
    slice(buf, buf.iter().position(|&b| !is_ows(b)).unwrap_or(buf.len()), buf.len())
}

/// The length of the token or quoted-string (RFC 9110 §5.6.4) at the start of `buf`.
fn value_len(buf: &[u8]) -> Option<usize> {
    if buf.first() != Some(&b'"') {
        return Some(token_len(buf)).filter(|&len| len > 0);
    }
    let mut escaped = false;
    for (i, &b) in buf.iter().enumerate().skip(1) {
        match b {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(i + 1),
            b'\t' | b' '..=b'~' | 0x80.. => {}
            _ => return None,
        }
    }
    None
}

/// Most digits of a chunk size in an ambiguous body. What a line holds is not seen as content, and to a client that does
/// not know chunks it is content: a card number must not pass as a size.
const PLAUSIBLE_DIGITS: usize = 8;

fn is_plausible(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    line.len() <= PLAUSIBLE_DIGITS && line.iter().all(u8::is_ascii_hexdigit)
}
