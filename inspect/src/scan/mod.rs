//! The scanner: bytes of a message in, findings with their exact place out.
//!
//! ```text
//!   piece ─► window (retained tail + piece) ─► simd: where could something be? ─► detector: is it? ─► Found
//!                        ▲                                                            │
//!                        └──────────── what the next bytes must decide ◄──────────────┘ ─► hold
//! ```
//!
//! **Why not Hyperscan.** A leak must not pass in pieces, so at every cut between two pieces the scanner has to say
//! which suffix could still become a match, and where a match began. Hyperscan's streaming mode tells neither (its
//! start-of-match costs a third of its speed and refuses long patterns), and patterns that begin with a digit class
//! cost it a factor of five. Here a search with vector instructions ([`search`]) finds *candidates*, and what confirms
//! them are small functions over a contiguous window. Each is a pure function of the bytes around its place and
//! answers *yes*, *no*, or *more*: so the same findings come out however the message is cut, and "more" is exactly what
//! must be held.
//!
//! - A place for which the answer is "more" is asked again with the next piece; everything before it is settled.
//! - No answer depends on more than [`view::LEFT_CONTEXT`] bytes to the left and [`catalog::MAX_MATCH`] to the right,
//!   which bounds what is retained.
//! - While one detector waits for more, its later places wait too, so that of overlapping matches the first wins
//!   regardless of the cuts.
//!
//! | folder or file | what is in it |
//! |---|---|
//! | `catalog` | which detectors exist, and those that are said by patterns, names and conditions |
//! | `build` | by what each of them is found |
//! | `search` | where could something be |
//! | `detectors` | those with code of their own: cards, telephone numbers, … |
//! | `pass` | one window: the search, what it puts to detectors, what they answer; `stream` follows long matches |
//! | `state`, `retained`, `view` | what is kept between pieces, and what detectors see of it |
//! | `escaped` | what is written with escapes or in base64 |
//! | `attack` | attacks, by signatures and the model |
//! | `mask` | how what was found is overwritten and shown |

mod attack;
mod build;
mod catalog;
mod detectors;
mod escaped;
mod found;
mod mask;
mod messagepack;
mod pass;
mod retained;
mod search;
mod state;
mod stream;
mod view;
mod wire;

use std::sync::Arc;

pub use attack::{ATTACK_FROM, MODEL, Signature, decode_url, judged, surest};
pub use catalog::{
    Catalog, Conditions, CustomDetector, CustomKind, Detector, DetectorError, Kind, MAX_APART,
    MAX_MATCH, MAX_NEAR, MaskStyle,
};
pub use escaped::Writing;
pub use found::Found;
pub use mask::{Token, hide, mask, mask_range, sample};
pub use retained::Kept;
pub use state::ScanState;
pub use view::Context;

use crate::detector::{DetectorId, DetectorSet};
use crate::values::{self, Text};
use attack::Attacks;
use catalog::Check;
use catalog::beside::Beside;
use catalog::pattern::Matcher;
use catalog::together::Together;
use search::literals::Literals;
use search::prefixes::Prefixes;
use search::simd::{PADDING, Search, Tables};
use view::View;

/// Most bytes that [`Scanner::scan`] asks to hold; a longer candidate is found all the same when it completes.
pub const MAX_HOLD: usize = 512;
/// Bytes of a piece that are scanned at once: bounds what attacks are looked for in; larger pieces are scanned in several
/// steps.
const STEP: usize = 8 << 10;

/// Whether a value is, from its first byte to its last, what the built-in detector of that name finds.
pub(crate) fn is_whole(detector: &str, value: &[u8]) -> bool {
    let catalog = Catalog::builtin();
    let mut active = DetectorSet::EMPTY;
    catalog.by_name(detector).iter().for_each(|d| active.insert(d.id));
    let mut found = Vec::new();
    Scanner::new(&catalog, &active).scan_whole(value, &active, &mut found);
    found.iter().any(|f| f.start == 0 && f.end == value.len() as u64)
}

/// The active detectors, put together for one pass. Immutable; workers share it.
#[derive(Debug)]
pub struct Scanner {
    /// What it was made for, and what has to be found for that.
    wanted: DetectorSet,
    active: DetectorSet,
    search: Search,
    /// Of the words in it, each has an index of `patterns`, or behind them of `besides`.
    tables: Tables,
    patterns: Vec<(DetectorId, Arc<Matcher>)>,
    besides: Vec<(DetectorId, Arc<Beside>)>,
    togethers: Vec<(DetectorId, Arc<Together>)>,
    /// Which of `patterns` begin with literals of three bytes.
    prefixes: Prefixes,
    /// By first byte: which of `patterns` can begin with it, without those of `prefixes`, `words` and `slow`.
    by_first: Vec<Vec<u16>>,
    /// What begins with a word is so little that the search for points finds it, and there are no words in `tables`.
    few_words: bool,
    /// Those of `patterns` that have keys, where there are many of them.
    literals: Option<Box<Literals>>,
    /// Which of `patterns` have no prefix, so that they are tried at every byte.
    slow: Vec<u16>,
    card: Option<DetectorId>,
    ssn: Option<DetectorId>,
    phone: Option<DetectorId>,
    iban: Option<DetectorId>,
    email: Option<DetectorId>,
    ipv4: Option<DetectorId>,
    attacks: Attacks,
}

/// Whether the content ends with a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ends {
    Later,
    /// Places that wait for more are decided as if it did; matches that go on still go on.
    Perhaps,
    Here,
}

impl Scanner {
    /// Whether the matches of a detector go on behind a commit point.
    fn streams(&self, id: DetectorId) -> bool {
        let streams = |m: &Matcher| matches!(m.check, Check::Pem | Check::Jwt);
        self.patterns.iter().any(|(detector, matcher)| *detector == id && streams(matcher))
    }

    /// Whether the search can find anything but escapes: a policy's own patterns may all have keys.
    fn has_candidates(&self) -> bool {
        let numbers = [self.card, self.ssn, self.phone, self.ipv4];
        self.tables.points || !self.tables.words.is_empty() || numbers.iter().any(Option::is_some)
    }

    /// Those of its detectors that look for attacks.
    pub fn attacks(&self) -> &DetectorSet {
        &self.attacks.set
    }

    /// The detectors it was made for.
    pub fn wanted(&self) -> &DetectorSet {
        &self.wanted
    }

    /// Scans the next piece of a message's content and pushes what it found, with offsets in the message. `last`: the
    /// message ends with this piece, which may be empty.
    ///
    /// Returns how many bytes at the end of the content so far could still become, or be part of, a match of a
    /// detector in `hold`: at most [`MAX_HOLD`], and 0 after the last piece.
    pub fn scan(
        &self,
        state: &mut ScanState,
        piece: &[u8],
        last: bool,
        hold: &DetectorSet,
        found: &mut Vec<Found>,
    ) -> usize {
        if self.togethers.is_empty() {
            return self.scan_any(state, piece, last, hold, found);
        }
        let known = found.len();
        let held = self.scan_any(state, piece, last, &self.with_members(hold), found);
        self.combine(state, known, &self.wanted, found);
        held
    }

    fn scan_any(
        &self,
        state: &mut ScanState,
        piece: &[u8],
        last: bool,
        hold: &DetectorSet,
        found: &mut Vec<Found>,
    ) -> usize {
        state.begin_piece();
        let Some(mut content) = state.messagepack.take() else {
            return self.scan_each(state, piece, last, hold, found);
        };
        let known = found.len();
        let mut held = self.scan_each(state, content.read(piece), last, hold, found);
        for f in found.iter_mut().skip(known).filter(|f| !f.escaped) {
            let whole = *f;
            content.trim(f);
            if whole != *f {
                let cut = (f.start - whole.start) as usize..(f.end - whole.start) as usize;
                let copy = state.matched(&whole).get(cut).unwrap_or(&[]).to_vec();
                state.copy_of(f, &copy);
            }
        }
        if let Some(card) = self.card {
            content.cards(card, |card, digits| {
                found.push(card);
                state.copy_of(&card, digits);
            });
            if hold.contains(card) && !last {
                held = held.max(content.open());
            }
        }
        state.messagepack = Some(content);
        held
    }

    fn scan_each(
        &self,
        state: &mut ScanState,
        piece: &[u8],
        last: bool,
        hold: &DetectorSet,
        found: &mut Vec<Found>,
    ) -> usize {
        let mut rest = piece;
        loop {
            let (step, after) = rest.split_at_checked(STEP).unwrap_or((rest, &[]));
            let done = after.is_empty();
            let ends = if last && done { Ends::Here } else { Ends::Later };
            let from = state.seen;
            let mut held = self.step(state, step, ends, hold, &self.active, found);
            if let Some(escapes) = &mut state.escapes {
                let new = (state.content.kept(), from, last && done);
                held = held.max(escapes.scan(self, new, hold, found));
            }
            if done {
                return held;
            }
            rest = after;
        }
    }

    /// Decides what waits for more as if the content ended here, because it can be held no longer: a match that only
    /// lacks a look at what follows it must not leave whole. The content goes on as if this had not been called,
    /// except that what was found is not found again.
    pub fn decide(&self, state: &mut ScanState, found: &mut Vec<Found>) {
        state.begin_piece();
        let known = found.len();
        self.step(state, &[], Ends::Perhaps, &DetectorSet::EMPTY, &self.active, found);
        if let Some(escapes) = &mut state.escapes {
            escapes.decide(self, found);
        }
        if !self.togethers.is_empty() {
            self.combine(state, known, &self.wanted, found);
        }
    }

    /// Scans a request target for leaks and attacks: `decoded` (see [`decode_url`]) for leaks, `target` as it was sent
    /// for attacks, since its parameters are told apart before they are decoded. Offsets are those in `decoded`.
    pub fn scan_url(
        &self,
        target: &[u8],
        decoded: &[u8],
        active: &DetectorSet,
        found: &mut Vec<Found>,
    ) {
        let active = self.wanted.intersection(active);
        let known = found.len();
        self.attacks.find(Text::Url, target, (0, true), &active, found);
        found.iter_mut().skip(known).for_each(|f| f.end = decoded.len() as u64);
        self.scan_leaks(decoded, &active, found);
    }

    /// Scans a small whole for leaks and attacks, such as a header's value. An attack is reported for the whole of it.
    pub fn scan_whole(&self, bytes: &[u8], active: &DetectorSet, found: &mut Vec<Found>) {
        let active = self.wanted.intersection(active);
        self.attacks.find(Text::Field, bytes, (0, true), &active, found);
        self.scan_leaks(bytes, &active, found);
    }

    fn scan_leaks(&self, bytes: &[u8], wanted: &DetectorSet, found: &mut Vec<Found>) {
        let (mut state, known) = (ScanState::default(), found.len());
        let active = self.with_members(wanted);
        let mut rest = bytes;
        loop {
            let (step, after) = rest.split_at_checked(STEP).unwrap_or((rest, &[]));
            let ends = if after.is_empty() { Ends::Here } else { Ends::Later };
            state.begin_piece();
            self.step(&mut state, step, ends, &DetectorSet::EMPTY, &active, found);
            if after.is_empty() {
                break;
            }
            rest = after;
        }
        if !self.togethers.is_empty() {
            self.combine(&mut state, known, wanted, found);
        }
    }

    fn step(
        &self,
        state: &mut ScanState,
        piece: &[u8],
        ends: Ends,
        hold: &DetectorSet,
        active: &DetectorSet,
        found: &mut Vec<Found>,
    ) -> usize {
        let mut content = std::mem::take(&mut state.content);
        content.push(piece);
        state.seen += piece.len() as u64;
        let base = state.window;
        let window = content.padded_from(base);
        let end = window.len().saturating_sub(PADDING);
        let last = ends != Ends::Later;
        let view = View::new(window.get(..end).unwrap_or(&[]), base, last, state.binary);
        let known = found.len();
        if !state.attacks.is_empty() {
            if base == 0 {
                state.json = values::is_json(view.bytes);
            }
            let kind = if base > 0 && state.json { Text::JsonPiece } else { Text::Body };
            let place = (base, base == 0 && last);
            self.attacks.find(kind, view.bytes, place, &state.attacks, found);
            found.iter().skip(known).for_each(|f| state.attacks.remove(f.detector));
        }
        let settled = state.settled;
        let held = pass::run(self, state, &view, window, ends, (active, hold), found);
        state.copy(found.get(known..).unwrap_or(&[]), &view);
        if ends == Ends::Perhaps {
            // What was decided *no* may become a match yet.
            state.settled = settled;
        }
        if ends != Ends::Here {
            let context = view::LEFT_CONTEXT + if state.binary { wire::MAX_BACK } else { 0 };
            state.window = base.max(state.settled.saturating_sub(context as u64));
            state.recent.retain(|known| known.end > state.window);
        }
        state.content = content;
        held
    }
}
