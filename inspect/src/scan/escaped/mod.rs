//! Values that are written with escapes, seen as an application sees them: `\u0034`, `%34`, `&#52;`, a form's `+`, quoted-printable
//! in parts, and text in base64.
//!
//! ```text
//!   content ──…──\u0034──…──────────────────────────────────────────────
//!                  ▲ an escape that could be a part of a value
//!         ├────── island: from the longest match before it ────┤ to the longest match behind the last one
//!                  decoded, scanned by a state of its own; what has an escape in it is mapped back
//! ```
//!
//! The search for candidates ([`super::search::simd`]) also tells where one of their three first characters stands and where a run of letters
//! becomes long; content without them costs nothing more. Escapes in escapes (JSON in a JSON string, `%2534`) are undone
//! together.

pub(super) mod base64;
mod token;

use super::catalog::{MAX_MATCH, MaskStyle};
use super::found::Found;
use super::mask::mask_range;
use super::retained::Kept;
use super::view::LEFT_CONTEXT;
use super::{Ends, MAX_HOLD, ScanState, Scanner};
use crate::detector::DetectorSet;
pub use token::Writing;
use token::{Form, Token, opens, token, write};

/// Content in front of an escape that an island begins with: the longest match, and what an evaluation may look at.
const BEFORE: usize = MAX_MATCH + LEFT_CONTEXT;
/// Of a match that goes on behind its commit point: what is decisive for how it is read.
const BEGINNING: u64 = 16;
/// Where the search saw that values with escapes may begin.
#[derive(Clone, Copy, Debug)]
pub(super) struct Opening {
    /// Offset of a block in the content.
    pub at: u64,
    /// Its bytes that may begin an escape.
    pub escapes: u64,
    /// Those with which a run of letters becomes long.
    pub letters: u64,
}

/// An escape of the island, by its place in the decoded text and on the wire.
#[derive(Clone, Copy, Debug)]
struct Mark {
    decoded: u64,
    /// What it is written in begins here. Of base64 that is the group of letters.
    at: u64,
    len: usize,
    /// So many bytes behind it stand for nothing: the end of a line.
    gap: usize,
    form: Form,
    opens: bool,
}

/// The escapes of one message's content.
#[derive(Debug, Default)]
pub(super) struct Escapes {
    writing: Writing,
    /// What the search saw in the last piece.
    openings: Vec<Opening>,
    island: Option<Box<Island>>,
}

/// Decoded content.
#[derive(Debug, Default)]
struct Island {
    /// Where in the content it begins.
    start: u64,
    /// Up to here the content is decoded; an unfinished escape follows.
    read: u64,
    /// It is in a run of base64.
    in_base64: bool,
    /// Behind the last escape that opens an island.
    last_opening: u64,
    /// What begins before lacks its context.
    valid_from: u64,
    state: ScanState,
    marks: Vec<Mark>,
    /// The decoded text that may still be in a match, and the offset of its first byte.
    text: Vec<u8>,
    text_at: u64,
    /// What the last call found: the finding, and its place in the decoded text.
    reported: Vec<(Found, u64, u64)>,
    /// Matches that go on and have escapes in them.
    following: DetectorSet,
}

impl Escapes {
    /// For a message.
    pub fn new(writing: Writing) -> Escapes {
        Escapes { writing, ..Escapes::default() }
    }

    /// Everything is decoded.
    fn is_form(&self) -> bool {
        self.writing == Writing::Form
    }

    /// Where the search tells what it sees; none if nobody asks.
    pub fn openings(&mut self) -> Option<&mut Vec<Opening>> {
        self.openings.clear();
        let asks = self.island.is_none() && !self.is_form();
        asks.then_some(&mut self.openings)
    }

    /// Scans the content from `from` on, after the search. Returns how many bytes at its end are to be held.
    pub fn scan(
        &mut self,
        scanner: &Scanner,
        (kept, from, last): (Kept, u64, bool),
        hold: &DetectorSet,
        found: &mut Vec<Found>,
    ) -> usize {
        if self.island.is_none() {
            let first = if self.is_form() { Some(0) } else { self.opening(kept, from, last) };
            let Some(at) = first else { return 0 };
            let start = at.saturating_sub(BEFORE as u64).max(kept.base);
            let context = if start > 0 { LEFT_CONTEXT as u64 } else { 0 };
            let valid_from = start + context;
            let island = Island { start, read: start, valid_from, ..Island::default() };
            self.island = Some(Box::new(island));
        }
        let Some(mut island) = self.island.take() else { return 0 };
        let known = island.text.len();
        island.decode(self.writing, kept, last);
        let mut own = Vec::new();
        let text = island.text.get(known..).unwrap_or_default();
        island.state.begin_piece();
        let held = scanner.scan_each(&mut island.state, text, last, hold, &mut own);
        island.report(scanner, &own, found);
        let decided = island.wire_start(island.state.seen() - held as u64);
        let held = match held {
            0 if hold.is_empty() || last => 0,
            0 => kept.end() - island.read,
            _ => kept.end() - decided,
        };
        self.island = Some(island);
        (held as usize).min(MAX_HOLD)
    }

    /// The first place at which an escape opens an island, or may do so with the next bytes; what lies before `from` was
    /// looked at.
    fn opening(&self, kept: Kept, from: u64, last: bool) -> Option<u64> {
        let (raw, ends) = (kept.bytes, (kept.base == 0, last));
        let mut done = (from - kept.base) as usize;
        let places = |of: fn(&Opening) -> u64| {
            let in_block = move |o: &Opening| {
                let (at, mut bits) = (o.at, of(o));
                std::iter::from_fn(move || {
                    let place = (bits != 0).then(|| at + u64::from(bits.trailing_zeros()));
                    bits &= bits.wrapping_sub(1);
                    place
                })
            };
            let all = self.openings.iter().flat_map(in_block);
            all.filter(move |at| *at >= from).map(|at| (at - kept.base) as usize)
        };
        let escape = places(|o| o.escapes).find(|at| {
            if *at < done {
                return false;
            }
            match token(raw.get(*at..).unwrap_or_default(), last, self.writing) {
                Token::Unknown => true,
                Token::Escape(e) => {
                    done = at + e.len;
                    opens(raw, *at, e)
                }
                Token::Text(n) | Token::Nothing(n) => {
                    done = at + n;
                    false
                }
            }
        });
        let quoted = self.quoted(raw, (from - kept.base) as usize, last);
        let escape = escape.into_iter().chain(quoted).min();
        let to = escape.unwrap_or(raw.len());
        let run = base64::find(raw, 0, to, ends, places(|o| o.letters));
        // Of a few letters at the end nothing is known yet; the next piece comes back to them.
        let run = run.filter(|run| run.certain || raw.len() - run.at >= 4).map(|run| run.at);
        run.or(escape).map(|at| kept.base + at as u64)
    }

    /// The first place from `from` on at which quoted-printable opens an island, or may do so.
    fn quoted(&self, raw: &[u8], from: usize, last: bool) -> Option<usize> {
        let new = raw.get(from..).filter(|_| self.writing == Writing::Mail)?;
        let opens = |at: &usize| match token(raw.get(*at..).unwrap_or_default(), last, self.writing)
        {
            Token::Unknown | Token::Nothing(_) => true,
            Token::Escape(escape) => escape.opens,
            Token::Text(_) => false,
        };
        memchr::memchr_iter(b'=', new).map(|at| from + at).find(opens)
    }

    /// As [`Scanner::decide`].
    pub fn decide(&mut self, scanner: &Scanner, found: &mut Vec<Found>) {
        let Some(island) = &mut self.island else { return };
        let (state, mut own) = (&mut island.state, Vec::new());
        state.begin_piece();
        scanner.step(state, &[], Ends::Perhaps, &DetectorSet::EMPTY, &scanner.active, &mut own);
        island.report(scanner, &own, found);
    }

    /// Before the next piece: leaves the island behind its last match, and gives from where on content may still be in a
    /// match. `seen`: bytes of content so far.
    pub fn begin_piece(&mut self, seen: u64) -> u64 {
        let needed = seen.saturating_sub(BEFORE as u64);
        let form = self.is_form();
        let Some(island) = &mut self.island else { return needed };
        island.reported.clear();
        let settled = island.wire_start(island.state.settled);
        let over = island.last_opening + MAX_MATCH as u64;
        if settled > over && island.state.open.is_empty() && !form {
            self.island = None;
            return needed;
        }
        // What begins before what is settled and goes on behind it: the local part of an address.
        let kept = island.state.settled.saturating_sub(LEFT_CONTEXT as u64);
        let needed = needed.min(island.wire_start(kept));
        // The last mark before it tells where the text behind it lies.
        let known = island.marks.partition_point(|m| m.decoded < kept);
        island.marks.drain(..known.saturating_sub(1));
        island.text.drain(..kept.saturating_sub(island.text_at) as usize);
        island.text_at = kept.max(island.text_at);
        needed
    }

    /// Bytes of memory that decoded content takes.
    pub fn memory(&self) -> usize {
        self.island.as_ref().map_or(0, |island| island.text.capacity() + island.state.memory())
    }

    /// What a match is as the application sees it.
    pub fn matched(&self, found: &Found) -> &[u8] {
        let Some(island) = &self.island else { return &[] };
        let Some((_, start, end)) = island.reported.iter().find(|(f, ..)| f == found) else {
            return &[];
        };
        island.decoded(*start, (*end).min(start + MAX_MATCH as u64))
    }

    /// What the bytes of a match become when it is masked: as many, and what they are written in stays valid.
    pub fn masked(&self, kept: Kept, found: &Found, style: MaskStyle) -> Vec<u8> {
        let mut wire = kept.get(found.start, found.end).to_vec();
        let Some(island) = &self.island else { return wire };
        let Some((_, start, end)) = island.reported.iter().find(|(f, ..)| f == found) else {
            return wire;
        };
        let text = island.decoded(*start, *end);
        let mut new = text.to_vec();
        mask_range(style, found.context, &mut new);
        for (decoded, (new, _)) in
            (*start..).zip(new.iter().zip(text)).filter(|(_, (new, old))| new != old)
        {
            let mark = island.marks.binary_search_by_key(&decoded, |m| m.decoded);
            let mark = mark.ok().and_then(|i| island.marks.get(i));
            let (at, len) = mark.map_or((island.wire(decoded), 1), |m| (m.at, m.len));
            let at = at.saturating_sub(found.start) as usize;
            let Some(to) = wire.get_mut(at..at + len) else { continue };
            match mark {
                Some(mark) => write(*new, mark.form, to),
                None => to.fill(*new),
            }
        }
        wire
    }
}

impl Island {
    /// Decodes what follows in the content.
    fn decode(&mut self, writing: Writing, kept: Kept, last: bool) {
        let Kept { base, bytes: raw } = kept;
        let mut at = (self.read - base) as usize;
        while at < raw.len() {
            let taken = match self.in_base64 {
                true => self.base64(raw, at, (base, last)),
                false => self.token(writing, raw, at, (base, last)),
            };
            let Some(taken) = taken else { break };
            at += taken;
        }
        self.read = base + at as u64;
    }

    /// Takes text, or an escape; gives how many bytes. None: the next bytes will tell.
    fn token(
        &mut self,
        writing: Writing,
        raw: &[u8],
        at: usize,
        (base, last): (u64, bool),
    ) -> Option<usize> {
        match token(raw.get(at..)?, last, writing) {
            Token::Text(n) => {
                let long = base64::long_runs(raw, at, at + n);
                let run = base64::find(raw, at, at + n, (base == 0, last), long);
                let n = run.map_or(n, |run| run.at - at);
                self.text.extend_from_slice(raw.get(at..at + n)?);
                self.in_base64 = run.is_some_and(|run| run.certain);
                if n > 0 || self.in_base64 { Some(n) } else { None }
            }
            Token::Escape(e) => {
                let opens = opens(raw, at, e);
                self.mark(e.byte, base + at as u64, (e.len, e.form), opens);
                Some(e.len)
            }
            Token::Nothing(n) => {
                self.skip(base + at as u64, n);
                Some(n)
            }
            Token::Unknown => None,
        }
    }

    /// Passes over `n` bytes that stand for nothing, the first one at `at`: they belong to the character before them.
    fn skip(&mut self, at: u64, n: usize) {
        let decoded = self.text_at + self.text.len() as u64;
        let Some(before) = decoded.checked_sub(1) else {
            self.start += n as u64;
            return;
        };
        if self.marks.last().is_none_or(|mark| mark.decoded != before) {
            let at = at.saturating_sub(1);
            let form = Form::Plain;
            self.marks.push(Mark { decoded: before, at, len: 1, gap: 0, form, opens: true });
        }
        self.marks.last_mut().iter_mut().for_each(|mark| mark.gap += n);
        self.last_opening = at + n as u64;
    }

    /// Takes four letters of base64, or fewer at its end; likewise.
    fn base64(&mut self, raw: &[u8], at: usize, (base, last): (u64, bool)) -> Option<usize> {
        let rest = raw.get(at..)?;
        let n = rest.iter().take(4).take_while(|b| base64::value(**b).is_some()).count();
        if n == rest.len() && n < 4 && !last {
            return None;
        }
        // Between two lines.
        let ends = rest.iter().take(2).take_while(|b| matches!(b, b'\r' | b'\n')).count();
        match rest.get(ends) {
            None if !last => return None,
            Some(b) if n == 0 && ends > 0 && base64::value(*b).is_some() => {
                // It belongs to the last group.
                self.marks.last_mut().iter_mut().for_each(|mark| mark.gap += ends);
                return Some(ends);
            }
            _ => {}
        }
        self.in_base64 = n == 4;
        if n < 2 {
            return Some(0);
        }
        let (bytes, count) = base64::decode(rest.get(..n)?);
        for (phase, byte) in (0..).zip(bytes).take(count) {
            self.mark(byte, base + at as u64, (n, Form::Base64(phase)), true);
        }
        Some(n)
    }

    fn mark(&mut self, byte: u8, at: u64, (len, form): (usize, Form), opens: bool) {
        let decoded = self.text_at + self.text.len() as u64;
        self.marks.push(Mark { decoded, at, len, gap: 0, form, opens });
        self.text.push(byte);
        if opens {
            self.last_opening = at + len as u64;
        }
    }

    /// Decoded text by its offsets.
    fn decoded(&self, start: u64, end: u64) -> &[u8] {
        let place = |at: u64| at.saturating_sub(self.text_at) as usize;
        self.text.get(place(start)..place(end)).unwrap_or_default()
    }

    /// Where in the content the next byte behind decoded text lies; of a byte in base64, its group's end.
    fn wire(&self, decoded: u64) -> u64 {
        let known = self.marks.partition_point(|m| m.decoded < decoded);
        match known.checked_sub(1).and_then(|i| self.marks.get(i)) {
            Some(mark) => mark.at + (mark.len + mark.gap) as u64 + (decoded - mark.decoded - 1),
            None => self.start + decoded,
        }
    }

    /// Where in the content what says a decoded byte begins.
    fn wire_start(&self, decoded: u64) -> u64 {
        let mark = self.marks.binary_search_by_key(&decoded, |m| m.decoded);
        mark.ok().and_then(|i| self.marks.get(i)).map_or_else(|| self.wire(decoded), |mark| mark.at)
    }

    /// Tells what was found in the decoded text, by its place in the content.
    fn report(&mut self, scanner: &Scanner, own: &[Found], found: &mut Vec<Found>) {
        for f in own {
            if let Some(mapped) = self.mapped(scanner, f) {
                self.reported.push((mapped, f.start, f.end));
                found.push(mapped);
            }
        }
    }

    /// A match as a finding in the content, if it has an escape in it that opens an island.
    fn mapped(&mut self, scanner: &Scanner, found: &Found) -> Option<Found> {
        let (start, end) = (self.wire_start(found.start), self.wire(found.end));
        // A match that goes on is the undecoded content's unless an escape is in its beginning.
        let stop =
            found.start + if scanner.streams(found.detector) { BEGINNING } else { u64::MAX / 2 };
        let first = self.marks.partition_point(|m| m.decoded < found.start);
        let mut within =
            self.marks.iter().skip(first).take_while(|m| m.decoded < found.end.min(stop));
        // Behind the last character of a match nothing is left out.
        let escaped =
            within.any(|m| m.opens && (m.form != Form::Plain || m.decoded + 1 < found.end));
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

#[cfg(test)]
mod tests;
