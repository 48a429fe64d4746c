//! Undoing what hides an attack from a search: encodings, case, comments, white space.

use memchr::{memchr2, memmem};

/// How often a text is percent-decoded: attackers encode twice, and nothing sensible decodes more.
const DECODE_PASSES: usize = 2;
/// Longest rest of a template's tag behind its first word.
const MAX_TAG: usize = 64;
/// Most bytes of a text that are looked at for attacks; what is beyond is not.
pub(super) const MAX_TEXT: usize = 64 << 10;

/// Named HTML entities that matter in attacks: those of ASCII's marks.
const ENTITIES: &[(&[u8], u8)] = &[
    (b"lbrace;", b'{'),
    (b"lcub;", b'{'),
    (b"rbrace;", b'}'),
    (b"rcub;", b'}'),
    (b"lbrack;", b'['),
    (b"lsqb;", b'['),
    (b"rbrack;", b']'),
    (b"rsqb;", b']'),
    (b"dollar;", b'$'),
    (b"equals;", b'='),
    (b"semi;", b';'),
    (b"comma;", b','),
    (b"period;", b'.'),
    (b"num;", b'#'),
    (b"percnt;", b'%'),
    (b"bsol;", b'\\'),
    (b"grave;", b'`'),
    (b"vert;", b'|'),
    (b"verbar;", b'|'),
    (b"excl;", b'!'),
    (b"quest;", b'?'),
    (b"commat;", b'@'),
    (b"ast;", b'*'),
    (b"plus;", b'+'),
    (b"lt;", b'<'),
    (b"gt;", b'>'),
    (b"quot;", b'"'),
    (b"apos;", b'\''),
    (b"amp;", b'&'),
    (b"colon;", b':'),
    (b"lpar;", b'('),
    (b"rpar;", b')'),
    (b"sol;", b'/'),
    (b"tab;", b' '),
    (b"newline;", b' '),
];

/// Decodes a request target (path and query): percent-encoding, also twice, and `+` as a space
/// behind the `?`. `out` is overwritten and never longer than `target`.
pub fn decode_url(target: &[u8], out: &mut Vec<u8>) {
    out.clear();
    out.extend_from_slice(target);
    let has = classes(target);
    if has & PLUS != 0 {
        let query = out.iter_mut().skip_while(|b| **b != b'?');
        query.filter(|b| **b == b'+').for_each(|b| *b = b' ');
    }
    for _ in 0..DECODE_PASSES {
        if has & ENCODED == 0 || !rewrite(out, [b'%'; 2], percent) {
            return;
        }
    }
}

/// Brings a text into the form that the rules are written for: decoded (percent-encoding, entities,
/// escapes of JavaScript and JSON), small letters, comments and runs of white space as one space, no
/// null bytes. `out` is overwritten and at most [`MAX_TEXT`] long. True: a comment that was taken out may have been none, since it held
/// what separates values.
pub(super) fn normalise(text: &[u8], out: &mut Vec<u8>) -> bool {
    let has = copied(text, out);
    // A form's body: spaces are written as `+`.
    if has & PLUS != 0 && has & SPACE == 0 {
        out.iter_mut().filter(|b| **b == b'+').for_each(|b| *b = b' ');
    }
    undo(has, out)
}

/// The same for a text in which `+` no longer stands for a space (see [`decode_url`]).
pub(super) fn normalise_decoded(text: &[u8], out: &mut Vec<u8>) -> bool {
    let has = copied(text, out);
    undo(has, out)
}

/// Copies what is looked at of a text; returns what it holds.
fn copied(text: &[u8], out: &mut Vec<u8>) -> u8 {
    let text = text.get(..MAX_TEXT).unwrap_or(text);
    out.clear();
    out.extend_from_slice(text);
    classes(text)
}

fn undo(has: u8, out: &mut Vec<u8>) -> bool {
    let mut hid = false;
    if has & ENCODED != 0 {
        for _ in 0..DECODE_PASSES {
            let changed = rewrite(out, [b'%'; 2], percent)
                | rewrite(out, [b'&'; 2], entity)
                | rewrite(out, [b'\\'; 2], escape);
            if !changed {
                break;
            }
        }
    }
    if has & STAR != 0 || has & ENCODED != 0 && out.contains(&b'*') {
        hid = spans_values(out);
        rewrite(out, [b'/', b'*'], comment);
    }
    out.make_ascii_lowercase();
    if has & (ENCODED | STAR | PLUS | ODD) != 0 {
        squeeze(out);
    }
    hid
}

/// Whether what looks like a comment begins in one value and ends in another: of `a=/*&b=1&c=*/` the application sees three.
fn spans_values(text: &[u8]) -> bool {
    let begin = memmem::find(text, b"/*").and_then(|at| text.get(at + 2..)).unwrap_or_default();
    let inside = memmem::rfind(begin, b"*/").and_then(|at| begin.get(..at)).unwrap_or_default();
    memchr2(b'&', b';', inside).is_some()
}

/// What a text holds, so that what need not be undone costs nothing: most texts hold none of it.
const ENCODED: u8 = 1;
const STAR: u8 = 2;
const PLUS: u8 = 4;
const SPACE: u8 = 8;

/// White space other than a space, null bytes, or two spaces in a row.
const ODD: u8 = 16;

fn classes(text: &[u8]) -> u8 {
    // Comparisons and no table: so the compiler makes vector instructions of it.
    let flag = |is: bool, class: u8| u8::from(is) * class;
    let has = text.iter().fold(0, |has, b| {
        has | flag((*b == b'%') | (*b == b'&') | (*b == b'\\'), ENCODED)
            | flag(*b == b'*', STAR)
            | flag(*b == b'+', PLUS)
            | flag(*b == b' ', SPACE)
            | flag((*b < b' ') | (*b == 0xa0), ODD)
    });
    let next = text.get(1..).unwrap_or(&[]);
    let doubled =
        text.iter().zip(next).fold(0, |n, (a, b)| n | flag((*a == b' ') & (*b == b' '), ODD));
    has | doubled
}

/// Replaces what `rule` finds at a place that begins with one of `marks` (the byte instead, and how many bytes it replaces) in
/// place; returns whether there was any. A rule never makes the text longer.
fn rewrite(text: &mut Vec<u8>, marks: [u8; 2], rule: fn(&[u8]) -> Option<(u8, usize)>) -> bool {
    // What is before `from` has been looked at, and lies before `to`.
    let (mut from, mut to) = (0, 0);
    while let Some(rest) = text.get(from..).filter(|r| !r.is_empty()) {
        let [a, b] = marks;
        let plain = memchr::memchr2(a, b, rest).unwrap_or(rest.len());
        let marked = rest.get(plain..).unwrap_or_default();
        let found = marked.first().map(|mark| rule(marked).unwrap_or((*mark, 1)));
        if from != to {
            text.copy_within(from..from + plain, to);
        }
        (from, to) = (from + plain, to + plain);
        if let Some((byte, size)) = found {
            if let Some(slot) = text.get_mut(to) {
                *slot = byte;
            }
            (from, to) = (from + size.max(1), to + 1);
        }
    }
    text.truncate(to);
    from != to
}

/// `%XX`, and `%uXXXX` as IIS takes it.
fn percent(text: &[u8]) -> Option<(u8, usize)> {
    match text {
        [b'%', b'u' | b'U', a, b, c, d, ..] => Some((narrow(hex(&[*a, *b, *c, *d])?), 6)),
        [b'%', a, b, ..] if !is_tag(text) => Some((hex(&[*a, *b])? as u8, 3)),
        _ => None,
    }
}

/// Whether a percent sign begins the word of a template's tag, which ends soon: of `{%debug%}`, `%de` is no byte. Such a byte would be
/// beyond ASCII, so that nothing is hidden by this.
fn is_tag(text: &[u8]) -> bool {
    let word = text.get(1..).unwrap_or_default();
    let letters = word.iter().take_while(|b| b.is_ascii_lowercase()).count();
    let behind = word.get(letters..).unwrap_or_default();
    let ends = || behind.windows(2).take(MAX_TAG).any(|w| w == b"%}");
    letters >= 4 && behind.first().is_some_and(|b| b" -%".contains(b)) && ends()
}

/// `&lt;`, `&#60;`, `&#x3c;`.
fn entity(text: &[u8]) -> Option<(u8, usize)> {
    let rest = text.strip_prefix(b"&")?;
    if let Some(digits) = rest.strip_prefix(b"#") {
        let (radix, prefix) =
            if matches!(digits.first(), Some(b'x' | b'X')) { (16, 1) } else { (10, 0) };
        let digits = digits.get(prefix..)?;
        // Browsers pass over any number of zeros in front; the last one may be the number.
        let zeros = digits.iter().take_while(|b| **b == b'0').count();
        let ends = !digits.get(zeros).is_some_and(|b| char::from(*b).is_digit(radix));
        let zeros = zeros.saturating_sub(usize::from(ends));
        let prefix = prefix + zeros;
        let digits = digits.get(zeros..)?;
        let count = digits.iter().take(7).take_while(|b| char::from(**b).is_digit(radix)).count();
        let code = digits
            .get(..count)?
            .iter()
            .try_fold(0u32, |n, b| Some(n * radix + char::from(*b).to_digit(radix)?))?;
        let semicolon = usize::from(digits.get(count) == Some(&b';'));
        return (count > 0).then(|| (narrow(code), 2 + prefix + count + semicolon));
    }
    let named = ENTITIES
        .iter()
        .find(|(name, _)| rest.get(..name.len()).is_some_and(|r| r.eq_ignore_ascii_case(name)));
    named.map(|(name, byte)| (*byte, name.len() + 1))
}

/// `\u003c`, `\x3c`, and JSON's `\n`, `\/`, `\"`.
fn escape(text: &[u8]) -> Option<(u8, usize)> {
    match text {
        [b'\\', b'u' | b'U', a, b, c, d, ..] => Some((narrow(hex(&[*a, *b, *c, *d])?), 6)),
        [b'\\', b'x' | b'X', a, b, ..] => Some((hex(&[*a, *b])? as u8, 4)),
        [b'\\', b'n' | b'r' | b't', ..] => Some((b' ', 2)),
        [b'\\', c @ (b'/' | b'"' | b'\''), ..] => Some((*c, 2)),
        _ => None,
    }
}

/// `/* … */`, which SQL takes as white space. Of MySQL's `/*!50000union*/` only the frame goes.
fn comment(text: &[u8]) -> Option<(u8, usize)> {
    if let Some(rest) = text.strip_prefix(b"/*!") {
        let digits = rest.iter().take(6).take_while(|b| b.is_ascii_digit()).count();
        return Some((b' ', 3 + digits));
    }
    if text.starts_with(b"*/") {
        return Some((b' ', 2));
    }
    let inside = text.strip_prefix(b"/*")?;
    let end = inside.windows(2).take(MAX_COMMENT).position(|w| w == b"*/")?;
    Some((b' ', end + 4))
}

/// Longest comment that is taken out; bounds the search for its end.
const MAX_COMMENT: usize = 256;

/// White space of any kind and length becomes one space; null bytes go.
fn squeeze(text: &mut Vec<u8>) {
    text.retain(|b| *b != 0);
    for b in text.iter_mut().filter(|b| matches!(**b, b'\t'..=b'\r' | 0xa0)) {
        *b = b' ';
    }
    text.dedup_by(|b, a| *a == b' ' && *b == b' ');
}

fn hex(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |n, b| Some(n << 4 | char::from(*b).to_digit(16)?))
}

/// A code point as a byte: ASCII as it is, its full-width twin as that, what looks like a slash as one (so servers map them), anything
/// else as a byte that no rule names.
fn narrow(code: u32) -> u8 {
    match code {
        0..=0x7f => code as u8,
        0x2044 | 0x2215 | 0x29f8 => b'/',
        0x2216 | 0x29f5 => b'\\',
        0xff01..=0xff5e => (code - 0xff01 + 0x21) as u8,
        _ => 0xff,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normal(text: &str) -> String {
        let mut out = Vec::new();
        normalise(text.as_bytes(), &mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn encodings_are_undone() {
        for (text, plain) in [
            ("%3Cscript%3E", "<script>"),
            ("%253Cscript%253E", "<script>"),
            ("%u003cScript%uff1e", "<script>"),
            ("&lt;script&#62;&#x3c;", "<script><"),
            ("\\u003cscript\\x3e", "<script>"),
            ("UN/**/ION/*x*/SELECT", "un ion select"),
            ("/*!50000UNION*/ SELECT", " union select"),
            ("a\t\n  b\0c", "a bc"),
            ("100%", "100%"),
            ("&#;", "&#;"),
            ("&#x0;&#000000000060;a&#0000", "<a"),
            ("$&lbrace;a&RCUB;", "${a}"),
            ("..%u2215..%u2216", "../..\\"),
            ("%4", "%4"),
            ("{%debug%}", "{%debug%}"),
            ("{%25debug%25}", "{%debug%}"),
            ("%61bcd%}", "abcd%}"),
            ("%dead end", "\u{fffd}ad end"),
            ("%dea%}", "\u{fffd}a%}"),
        ] {
            assert_eq!(normal(text), plain, "{text}");
        }
    }

    #[test]
    fn urls_are_decoded() {
        let mut out = Vec::new();
        decode_url(b"/a+b%20c?q=1+2%2527", &mut out);
        assert_eq!(out, b"/a+b c?q=1 2'");
    }
}
