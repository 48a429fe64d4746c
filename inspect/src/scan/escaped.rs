//! Values that are written with escapes, seen as an application sees them: `\u0034`, `%34`, `&#52;`, a form's `+`.
//!
//! ```text
//!   content ──…──\u0034──…──────────────────────────────────────────────
//!                  ▲ an escape that could be a part of a value
//!         ├────── island: from the longest match before it ────┤ to the longest match behind the last one
//!                  decoded, scanned by a state of its own; what has an escape in it is mapped back
//! ```
//!
//! Content without such an escape is searched for their three first characters and nothing more. Escapes in escapes
//! (JSON in a JSON string, `%2534`) are undone together.

use std::cell::Cell;

use memchr::{memchr3, memchr3_iter};

use super::catalog::{MAX_MATCH, MaskStyle};
use super::found::Found;
use super::mask::mask_range;
use super::view::LEFT_CONTEXT;
use super::{Ends, MAX_HOLD, ScanState, Scanner};
use crate::detector::DetectorSet;

/// Content in front of an escape that an island begins with: the longest match, and what an evaluation may look at.
const BEFORE: usize = MAX_MATCH + LEFT_CONTEXT;
/// Backslashes in front of a `u`: JSON in JSON in JSON. More are text.
const MAX_BACKSLASHES: usize = 7;
/// `25` between `%` and the digits. More are text.
const MAX_PERCENTS: usize = 3;
/// The longest entity: `&#000000052;`. Longer ones are text.
const MAX_ENTITY: usize = 12;
/// Of a match that goes on behind its commit point: what is decisive for how it is read.
const BEGINNING: u64 = 16;
/// Letters and digits in front of an escaped slash that make it one of a token.
const WORD: usize = 8;
/// Spare states that a thread keeps.
const MAX_SPARE: usize = 16;

thread_local! {
    // Boxes go back and forth between it and the messages.
    #[expect(clippy::vec_box)]
    static SPARE: Cell<Vec<Box<Escapes>>> = const { Cell::new(Vec::new()) };
}

/// How an escaped character is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// Its last two bytes are its hexadecimal value.
    Hex,
    /// `&#x34;`
    HexEntity,
    /// `&#52;`
    DecimalEntity,
    /// What can't be another character in the same length.
    Fixed,
}

/// One escaped character.
#[derive(Clone, Copy, Debug)]
struct Escape {
    byte: u8,
    len: usize,
    form: Form,
    /// It could be a part of a value that matters, and is no usual way to write what frames values.
    opens: bool,
}

/// What stands at a place.
enum Token {
    Escape(Escape),
    /// So many bytes that stand for themselves.
    Text(usize),
    /// The next bytes will tell.
    Unknown,
}

/// An escape of the island, by its place in the decoded text and on the wire.
#[derive(Clone, Copy, Debug)]
struct Mark {
    decoded: u64,
    at: u64,
    len: usize,
    opens: bool,
}

/// The escapes of one message's content.
#[derive(Debug, Default)]
pub(super) struct Escapes {
    /// It is a form: `+` is a space, and everything is decoded.
    form: bool,
    /// The last bytes of content that were seen, and those of the island that may still be in a match.
    raw: Vec<u8>,
    /// Bytes of content so far.
    seen: u64,
    island: Option<Island>,
}

/// Decoded content.
#[derive(Debug, Default)]
struct Island {
    /// Where in the content it begins.
    start: u64,
    /// Up to here the content is decoded; an unfinished escape follows.
    read: u64,
    /// Behind the last escape that opens an island.
    last_opening: u64,
    /// What begins before lacks its context.
    valid_from: u64,
    state: ScanState,
    marks: Vec<Mark>,
    /// Matches that go on and have escapes in them.
    following: DetectorSet,
}

impl Escapes {
    /// For a message, which is a form or not.
    pub fn begin(form: bool) -> Box<Escapes> {
        let mut spare = SPARE.take();
        let mut escapes = spare.pop().unwrap_or_default();
        SPARE.set(spare);
        (escapes.form, escapes.seen) = (form, 0);
        escapes.raw.clear();
        escapes.island = None;
        escapes
    }

    /// The message is over.
    pub fn end(self: Box<Escapes>) {
        let mut spare = SPARE.take();
        if spare.len() < MAX_SPARE {
            spare.push(self);
        }
        SPARE.set(spare);
    }

    /// Scans the next piece. Returns how many bytes at the end of the content are to be held.
    pub fn scan(
        &mut self,
        scanner: &Scanner,
        piece: &[u8],
        last: bool,
        hold: &DetectorSet,
        found: &mut Vec<Found>,
    ) -> usize {
        self.trim();
        let from = self.raw.len();
        self.raw.extend_from_slice(piece);
        self.seen += piece.len() as u64;
        if self.island.is_none() {
            let opening = if self.form { Some(0) } else { opening(&self.raw, from) };
            let Some(at) = opening else { return 0 };
            let base = self.seen - self.raw.len() as u64;
            let start = at.saturating_sub(BEFORE);
            let context = if base + start as u64 > 0 { LEFT_CONTEXT as u64 } else { 0 };
            let start = base + start as u64;
            self.island = Some(Island {
                start,
                read: start,
                valid_from: start + context,
                ..Island::default()
            });
        }
        let Some(mut island) = self.island.take() else { return 0 };
        let mut text = Vec::new();
        island.decode(self, last, &mut text);
        let mut own = Vec::new();
        let held = scanner.scan(&mut island.state, &text, last, hold, &mut own);
        found.extend(own.iter().filter_map(|f| island.mapped(scanner, f)));
        let decided = island.wire(island.state.seen() - held as u64);
        let held = match held {
            0 if hold.is_empty() || last => 0,
            0 => self.seen - island.read,
            _ => self.seen - decided,
        };
        self.island = Some(island);
        (held as usize).min(MAX_HOLD)
    }

    /// As [`Scanner::decide`].
    pub fn decide(&mut self, scanner: &Scanner, found: &mut Vec<Found>) {
        let Some(island) = &mut self.island else { return };
        let (state, mut own) = (&mut island.state, Vec::new());
        state.copied.clear();
        state.copies.clear();
        scanner.step(state, &[], Ends::Perhaps, &DetectorSet::EMPTY, &scanner.active, &mut own);
        found.extend(own.iter().filter_map(|f| island.mapped(scanner, f)));
    }

    /// Leaves the island behind its last match, and forgets content that can be in no match any more.
    fn trim(&mut self) {
        let mut keep = self.seen.saturating_sub(BEFORE as u64);
        if let Some(island) = &mut self.island {
            let settled = island.wire(island.state.settled);
            let over = island.last_opening + MAX_MATCH as u64;
            if settled > over && island.state.open.is_empty() && !self.form {
                self.island = None;
            } else {
                keep = keep.min(settled);
                let settled = island.state.settled;
                // The last mark before it tells where the text behind it lies.
                let known = island.marks.partition_point(|m| m.decoded < settled);
                island.marks.drain(..known.saturating_sub(1));
            }
        }
        let base = self.seen - self.raw.len() as u64;
        self.raw.drain(..keep.saturating_sub(base) as usize);
    }

    /// What a match is as the application sees it.
    pub fn matched(&self, found: &Found) -> &[u8] {
        let Some(island) = &self.island else { return &[] };
        let is_it = |start: u64| island.wire(start) == found.start;
        let state = &island.state;
        let copy = state.copied.iter().find(|c| c.0 == found.detector && is_it(c.1));
        copy.and_then(|(_, _, from, to)| state.copies.get(*from..*to)).unwrap_or_default()
    }

    /// What the bytes of a match become when it is masked: as many, and what they are written in stays valid.
    pub fn masked(&self, found: &Found, style: MaskStyle) -> Vec<u8> {
        let base = self.seen - self.raw.len() as u64;
        let place = |at: u64| at.saturating_sub(base) as usize;
        let mut wire =
            self.raw.get(place(found.start)..place(found.end)).unwrap_or_default().to_vec();
        let (mut text, mut places, mut at) = (Vec::new(), Vec::new(), 0);
        while at < wire.len() {
            let (byte, len, form) = match token(wire.get(at..).unwrap_or_default(), true, self.form)
            {
                Token::Escape(e) => (e.byte, e.len, Some(e.form)),
                _ => (wire.get(at).copied().unwrap_or_default(), 1, None),
            };
            text.push(byte);
            places.push((at, len, form));
            at += len;
        }
        let before = text.clone();
        mask_range(style, found.context, &mut text);
        for ((byte, old), (at, len, form)) in text.into_iter().zip(before).zip(places) {
            if let Some(to) = wire.get_mut(at..at + len)
                && byte != old
            {
                write(byte, form, to);
            }
        }
        wire
    }
}

impl Island {
    /// Decodes what follows in the content.
    fn decode(&mut self, escapes: &Escapes, last: bool, text: &mut Vec<u8>) {
        let base = escapes.seen - escapes.raw.len() as u64;
        let mut at = (self.read - base) as usize;
        while let Some(rest) = escapes.raw.get(at..).filter(|rest| !rest.is_empty()) {
            match token(rest, last, escapes.form) {
                Token::Text(n) => {
                    text.extend_from_slice(rest.get(..n).unwrap_or(rest));
                    at += n;
                }
                Token::Escape(e) => {
                    let opens = opens(&escapes.raw, at, e);
                    let (decoded, wire) = (self.state.seen() + text.len() as u64, base + at as u64);
                    self.marks.push(Mark { decoded, at: wire, len: e.len, opens });
                    text.push(e.byte);
                    at += e.len;
                    if opens {
                        self.last_opening = base + at as u64;
                    }
                }
                Token::Unknown => break,
            }
        }
        self.read = base + at as u64;
    }

    /// Where in the content a byte of the decoded text lies.
    fn wire(&self, decoded: u64) -> u64 {
        let known = self.marks.partition_point(|m| m.decoded < decoded);
        match known.checked_sub(1).and_then(|i| self.marks.get(i)) {
            Some(mark) => mark.at + mark.len as u64 + (decoded - mark.decoded - 1),
            None => self.start + decoded,
        }
    }

    /// A match as a finding in the content, if it has an escape in it that opens an island.
    fn mapped(&mut self, scanner: &Scanner, found: &Found) -> Option<Found> {
        let (start, end) = (self.wire(found.start), self.wire(found.end));
        // A match that goes on is the undecoded content's unless an escape is in its beginning.
        let stop =
            found.start + if scanner.streams(found.detector) { BEGINNING } else { u64::MAX / 2 };
        let first = self.marks.partition_point(|m| m.decoded < found.start);
        let mut within =
            self.marks.iter().skip(first).take_while(|m| m.decoded < found.end.min(stop));
        let escaped = within.any(|m| m.opens);
        let ours = if found.continued { self.following.contains(found.detector) } else { escaped };
        if !ours || start < self.valid_from {
            return None;
        }
        if found.open {
            self.following.insert(found.detector);
        } else {
            self.following.remove(found.detector);
        }
        Some(Found { start, end, escaped: true, ..*found })
    }
}

/// The first place from `from` on at which an escape opens an island, or may do so with the next bytes.
fn opening(raw: &[u8], from: usize) -> Option<usize> {
    let mut done = from;
    memchr3_iter(b'\\', b'%', b'&', raw.get(from..)?).map(|at| at + from).find(|at| {
        if *at < done {
            return false;
        }
        match token(raw.get(*at..).unwrap_or_default(), false, false) {
            Token::Unknown => true,
            Token::Escape(e) => {
                done = at + e.len;
                opens(raw, *at, e)
            }
            Token::Text(n) => {
                done = at + n;
                false
            }
        }
    })
}

/// Whether an escape at `at` could be a part of a value that matters.
fn opens(raw: &[u8], at: usize, escape: Escape) -> bool {
    // Many writers escape all slashes: those in a token have nothing but letters and digits before them.
    let token =
        || raw.get(at.checked_sub(WORD)?..at).map(|w| w.iter().all(u8::is_ascii_alphanumeric));
    let slash = escape.byte == b'/' && escape.form == Form::Fixed;
    escape.opens || slash && token() == Some(true)
}

/// What `bytes` begins with; not empty. `last`: nothing follows them.
fn token(bytes: &[u8], last: bool, form: bool) -> Token {
    let special = |b: &u8| matches!(b, b'\\' | b'%' | b'&') || form && *b == b'+';
    let first = bytes.first().copied().unwrap_or_default();
    if !special(&first) {
        let next = match form {
            true => bytes.iter().position(special),
            false => memchr3(b'\\', b'%', b'&', bytes),
        };
        return Token::Text(next.unwrap_or(bytes.len()));
    }
    let escape = match first {
        b'+' => Ok(Some(Escape { byte: b' ', len: 1, form: Form::Fixed, opens: true })),
        b'\\' => backslash(bytes),
        b'%' => percent(bytes, form),
        // In a form it begins the next field.
        _ if form => Ok(None),
        _ => entity(bytes),
    };
    match escape {
        Ok(Some(escape)) => Token::Escape(escape),
        // What a backslash escapes must not be taken for the beginning of something.
        Ok(None) if first == b'\\' => {
            Token::Text(bytes.iter().take_while(|b| **b == b'\\').count())
        }
        Ok(None) => Token::Text(1),
        Err(More) if last => Token::Text(1),
        Err(More) => Token::Unknown,
    }
}

/// Too little is there to tell.
struct More;

fn hex(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |n, b| Some(n << 4 | char::from(*b).to_digit(16)?))
}

/// A printable character.
fn printable(value: Option<u32>) -> Option<u8> {
    value.and_then(|v| u8::try_from(v).ok()).filter(|b| (b' '..=b'~').contains(b))
}

/// `\u0034` with one backslash or more, `\/`.
fn backslash(bytes: &[u8]) -> Result<Option<Escape>, More> {
    let n = bytes.iter().take(MAX_BACKSLASHES + 1).take_while(|b| **b == b'\\').count();
    if n > MAX_BACKSLASHES {
        return Ok(None);
    }
    match bytes.get(n) {
        None => Err(More),
        Some(b'/') => Ok(Some(Escape { byte: b'/', len: n + 1, form: Form::Fixed, opens: false })),
        Some(b'u') => {
            let digits = bytes.get(n + 1..(n + 5).min(bytes.len())).unwrap_or_default();
            let zeros = b"00".iter().zip(digits).all(|(zero, digit)| zero == digit);
            let rest = digits.get(2..).unwrap_or_default();
            if !zeros || !rest.iter().all(u8::is_ascii_hexdigit) {
                return Ok(None);
            }
            if digits.len() < 4 {
                return Err(More);
            }
            let escape = |byte| {
                // Some writers escape these everywhere.
                let opens = !b"\"&'<>/=`".contains(&byte);
                Escape { byte, len: n + 5, form: Form::Hex, opens }
            };
            Ok(printable(hex(digits)).map(escape))
        }
        Some(_) => Ok(None),
    }
}

/// `%34`, `%2534`.
fn percent(bytes: &[u8], form: bool) -> Result<Option<Escape>, More> {
    let mut at = 1;
    while bytes.get(at..at + 2) == Some(b"25") && at < 1 + 2 * MAX_PERCENTS {
        // Only if digits follow is it an escape of an escape.
        match bytes.get(at + 2..at + 4) {
            Some(digits) if hex(digits).is_some() => at += 2,
            Some(_) => break,
            None if bytes.get(at + 2).is_none_or(u8::is_ascii_hexdigit) => return Err(More),
            None => break,
        }
    }
    let Some(digits) = bytes.get(at..at + 2) else {
        let more = bytes.get(at).is_none_or(u8::is_ascii_hexdigit);
        return if more { Err(More) } else { Ok(None) };
    };
    let escape = |byte: u8| {
        // In text that is no form URLs stand, with the usual escapes.
        let opens = form || byte.is_ascii_alphanumeric() || byte == b'@';
        Escape { byte, len: at + 2, form: Form::Hex, opens }
    };
    Ok(printable(hex(digits)).map(escape))
}

/// `&#52;`, `&#x34;`, `&commat;`.
fn entity(bytes: &[u8]) -> Result<Option<Escape>, More> {
    const NAMED: [(&[u8], u8); 8] = [
        (b"&amp;", b'&'),
        (b"&commat;", b'@'),
        (b"&period;", b'.'),
        (b"&nbsp;", b' '),
        (b"&quot;", b'"'),
        (b"&apos;", b'\''),
        (b"&lt;", b'<'),
        (b"&gt;", b'>'),
    ];
    let Some(second) = bytes.get(1) else { return Err(More) };
    let end = bytes.iter().take(MAX_ENTITY).position(|b| *b == b';');
    let Some(end) = end else {
        let text = |b: &u8| b.is_ascii_alphanumeric() || *b == b'#';
        let whole = bytes.len() >= MAX_ENTITY || !bytes.iter().skip(1).all(text);
        let begins = *second == b'#' || NAMED.iter().any(|(name, _)| name.starts_with(bytes));
        return if whole || !begins { Ok(None) } else { Err(More) };
    };
    let text = bytes.get(..=end).unwrap_or_default();
    if let Some((_, byte)) = NAMED.iter().find(|(name, _)| *name == text) {
        let opens = matches!(byte, b'@' | b'.');
        return Ok(Some(Escape { byte: *byte, len: end + 1, form: Form::Fixed, opens }));
    }
    let Some(number) = text.strip_prefix(b"&#").and_then(|t| t.strip_suffix(b";")) else {
        return Ok(None);
    };
    let (value, form) = match number.strip_prefix(b"x").or(number.strip_prefix(b"X")) {
        Some(digits) if !digits.is_empty() => (hex(digits), Form::HexEntity),
        _ => (std::str::from_utf8(number).ok().and_then(|n| n.parse().ok()), Form::DecimalEntity),
    };
    let opens = |byte: &u8| !b"\"&'<>".contains(byte);
    let escape = |byte| Escape { byte, len: end + 1, form, opens: opens(&byte) };
    Ok(printable(value).map(escape))
}

/// Writes another character in the form of the one that is there.
fn write(byte: u8, form: Option<Form>, to: &mut [u8]) {
    let number = match form {
        None => return to.fill(byte),
        Some(Form::Fixed) => return to.fill(b'*'),
        Some(Form::Hex) => format!("{byte:02x}"),
        Some(Form::HexEntity) => format!("{byte:02x};"),
        Some(Form::DecimalEntity) => format!("{byte:0width$};", width = to.len().saturating_sub(3)),
    };
    let at = to.len().saturating_sub(number.len());
    to.iter_mut().skip(at).zip(number.bytes()).for_each(|(to, b)| *to = b);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Catalog, Detector};
    use super::*;

    fn scanner() -> (Catalog, Scanner, DetectorSet) {
        let catalog = Catalog::builtin();
        let mut active = DetectorSet::EMPTY;
        for name in ["payment-card", "us-ssn", "email", "aws-access-key", "private-key"] {
            catalog.by_name(name).iter().for_each(|d| active.insert(d.id));
        }
        let scanner = Scanner::new(&catalog, &active);
        (catalog, scanner, active)
    }

    /// What is found in a text that comes in pieces, and the text with it masked. What is found has not left before.
    fn masked(text: &[u8], form: bool, cut: usize) -> (Vec<(String, String)>, Vec<u8>) {
        let (catalog, scanner, active) = scanner();
        let mut state = ScanState::default();
        state.set_escapes(form);
        let (mut out, mut all, mut at, mut released) = (text.to_vec(), Vec::new(), 0, 0);
        let mut found = Vec::new();
        for piece in text.chunks(cut) {
            at += piece.len();
            let last = at == text.len();
            found.clear();
            let held = scanner.scan(&mut state, piece, last, &active, &mut found);
            for f in &found {
                let detector: &Detector = catalog.get(f.detector).unwrap();
                let range = f.start as usize..f.end as usize;
                assert!(f.continued || range.start >= released, "{f:?} left at {released}");
                match state.masked(f, detector.mask_style) {
                    Some(new) => out[range].copy_from_slice(&new),
                    None => mask_range(detector.mask_style, f.context, &mut out[range]),
                }
                if !f.continued {
                    let matched = String::from_utf8_lossy(state.matched(f)).into_owned();
                    all.push((detector.name.clone(), matched));
                }
            }
            released = at - held;
        }
        (all, out)
    }

    fn check(form: bool, text: &str, value: &str, wanted: &str) {
        for cut in 1..=text.len() {
            let (found, out) = masked(text.as_bytes(), form, cut);
            let values: Vec<&str> = found.iter().map(|(_, v)| v.as_str()).collect();
            assert_eq!(values, [value], "{text} in pieces of {cut}");
            assert_eq!(String::from_utf8_lossy(&out), wanted, "in pieces of {cut}");
        }
    }

    #[test]
    fn each_form_is_found_and_masked_in_place() {
        let card = "4111111111111111";
        let rest = "111111111111";
        let stars = "*".repeat(12);
        for (text, wanted) in [
            (r#"{"n":"\u00341\u0031\u0031REST"}"#, r#"{"n":"\u002a*\u002a\u002aSTARS"}"#),
            (
                r#"{"p":"{\"n\":\"\\u003411\\u0031REST\"}"}"#,
                r#"{"p":"{\"n\":\"\\u002a**\\u002aSTARS\"}"}"#,
            ),
            ("<n>&#52;&#x31;1&#00049;REST</n>", "<n>&#42;&#x2a;*&#00042;STARS</n>"),
            ("a?n=%34%311%2531REST", "a?n=%2a%2a*%252aSTARS"),
        ] {
            check(false, &text.replace("REST", rest), card, &wanted.replace("STARS", &stars));
        }
        check(
            true,
            "a=1&n=4111+1111%201111+1111&b=2",
            "4111 1111 1111 1111",
            "a=1&n=****+****%20****+****&b=2",
        );
        check(
            true,
            "mail=joe%40example.com&b=%C3%A9",
            "joe@example.com",
            "mail=***%40*******.***&b=%C3%A9",
        );
        check(
            false,
            r#"{"m":"joe\u0040example.com"}"#,
            "joe@example.com",
            r#"{"m":"***\u0040*******.***"}"#,
        );
        check(
            false,
            "<m>joe&commat;example.com</m>",
            "joe@example.com",
            "<m>***&commat;*******.***</m>",
        );
    }

    #[test]
    fn what_is_plain_is_found_once_and_what_is_half_an_escape_is_text() {
        for text in ["\\u00e9 4111111111111111 \\u0041", "100% 4111111111111111 &amp; \\"] {
            for cut in [1, 3, 100] {
                let (found, _) = masked(text.as_bytes(), false, cut);
                assert_eq!(found.len(), 1, "{text} in pieces of {cut}");
            }
        }
        let (found, _) = masked(b"{\"n\":\"\\u00341111111111111112\"}", false, 100);
        assert!(found.is_empty(), "no check digit");
    }

    proptest! {
        #[test]
        fn values_in_any_form_and_any_cut(
            forms in prop::collection::vec(0usize..5, 16), before in "[a-z %&\\\\;]{0,1400}", cut in 1usize..2000,
            behind in "[a-z ]{0,40}",
        ) {
            let card = "4111111111111111";
            let mut text = format!("{before}\"");
            let start = text.len();
            for (b, form) in card.bytes().zip(&forms) {
                text += &match form {
                    0 => char::from(b).to_string(),
                    1 => format!("\\u{b:04x}"),
                    2 => format!("%{b:02X}"),
                    3 => format!("&#{b};"),
                    _ => format!("&#x{b:X};"),
                };
            }
            let end = text.len();
            text += &format!("\"{behind}");
            let (found, out) = masked(text.as_bytes(), false, cut);
            let cards: Vec<_> = found.iter().filter(|(name, _)| name == "payment-card").collect();
            prop_assert_eq!(cards.len(), 1, "{:?} {}", found, text);
            prop_assert_eq!(&cards[0].1, card);
            prop_assert_eq!(&out[..start], &text.as_bytes()[..start]);
            prop_assert_eq!(&out[end..], &text.as_bytes()[end..]);
            let (again, _) = masked(&out, false, cut);
            prop_assert!(again.is_empty(), "{}", String::from_utf8_lossy(&out));
        }
    }
}
