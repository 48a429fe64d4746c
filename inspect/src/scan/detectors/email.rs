//! E-mail addresses, from their `@` outwards (RFC 5321 §4.1.2, without quoted local parts and address literals).

use crate::scan::found::Outcome;
use crate::scan::view::{At, View};

/// Longest local part (RFC 5321 §4.5.3.1.1).
pub(in crate::scan) const MAX_LOCAL: usize = 64;
/// Longest domain.
const MAX_DOMAIN: usize = 189;
/// Ends of file names that look like domains: `icon@2x.png`.
const FILES: &[&str] =
    &["png", "jpg", "jpeg", "gif", "svg", "webp", "css", "js", "mjs", "html", "json", "map", "ico"];

/// Whether `b` may stand in a local part. RFC 5321 allows more; what is left out would swallow delimiters of the
/// formats around it.
pub(in crate::scan) fn is_local(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'+' | b'-')
}

/// Whether an address stands around the `@` at `at`.
pub(in crate::scan) fn evaluate(view: &View, at: usize) -> Outcome {
    let Some(mut start) = local_start(view, at) else { return Outcome::No };
    if view.before(at, 1) == Some(b'.') {
        return Outcome::No;
    }
    let mut stop = at + 1;
    loop {
        match view.at(stop) {
            At::Unknown => return Outcome::More { start },
            At::Byte(b) if is_domain(b) && stop - at <= MAX_DOMAIN => stop += 1,
            _ => break,
        }
    }
    if view.binary {
        (start, stop) = crate::scan::wire::text_bounds(view, start, at + 4, stop);
    }
    let Some(end) = domain_end(view, at + 1, stop) else { return Outcome::No };
    let part_of_more = !view.binary && matches!(view.at(end), At::Byte(b'_' | b'@' | b'('));
    if part_of_more || in_url_authority(view, start) {
        Outcome::No
    } else {
        Outcome::Match { start, end, confidence: 0.9 }
    }
}

fn is_domain(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'-' || b == b'.'
}

/// Where the domain ends that begins at `from`: labels of letters, digits and inner hyphens, at
/// least two, the last a top-level domain. A dot that ends a sentence is not part of it.
fn domain_end(view: &View, from: usize, stop: usize) -> Option<usize> {
    let text = view.bytes.get(from..stop)?;
    let mut end = from;
    let mut last: &[u8] = &[];
    let mut labels = 0;
    for label in text.split(|b| *b == b'.') {
        let hyphens = label.starts_with(b"-") || label.ends_with(b"-");
        if label.is_empty() || label.len() > 63 || hyphens {
            break;
        }
        end += label.len() + usize::from(labels > 0);
        labels += 1;
        last = label;
    }
    (labels > 1 && is_top_level(last)).then_some(end)
}

/// Where an address could begin whose local part would go on at the window's end.
pub(in crate::scan) fn open_local(view: &View) -> Option<usize> {
    local_start(view, view.bytes.len())
}

fn local_start(view: &View, at: usize) -> Option<usize> {
    let left = view.left(at, MAX_LOCAL + 1);
    let run = left.iter().rev().take_while(|b| is_local(**b)).count();
    if run > MAX_LOCAL {
        return None;
    }
    let mut start = at - run;
    // `\nbob@` begins with the escape's letter, `\u003cbob@` with its digits, `%20bob@` too.
    if view.before(start, 1) == Some(b'\\') {
        start += if view.bytes.get(start) == Some(&b'u') { 5 } else { 1 };
    } else if view.before(start, 1) == Some(b'%') {
        start += 2;
    }
    while start < at && !view.bytes.get(start).is_some_and(u8::is_ascii_alphanumeric) {
        start += 1;
    }
    (start < at).then_some(start)
}

fn is_top_level(label: &[u8]) -> bool {
    let letters = label.len() >= 2 && label.iter().all(u8::is_ascii_alphabetic);
    (letters || label.starts_with(b"xn--"))
        && !FILES.iter().any(|f| label.eq_ignore_ascii_case(f.as_bytes()))
}

/// `scheme://user:secret@host` is no address.
fn in_url_authority(view: &View, start: usize) -> bool {
    let left = view.left(start, 64);
    let word = left
        .iter()
        .rposition(|b| b.is_ascii_whitespace() || matches!(b, b'"' | b'\'' | b'<' | b'?'))
        .map_or(0, |p| p + 1);
    let word = left.get(word..).unwrap_or(&[]);
    word.windows(3)
        .rposition(|w| w == b"://")
        .is_some_and(|p| !word.get(p + 3..).unwrap_or(&[]).contains(&b'/'))
}
