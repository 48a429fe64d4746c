//! One pass over a window: candidates in order, each put to its detectors; what they answer is reported or held.
//!
//! `words` puts words and values beside them, `numbers` puts digits to detectors; `report` notes what was found, and follows what goes on.

mod numbers;
mod report;
mod words;

use super::{Ends, MAX_HOLD, ScanState, Scanner};
use crate::detector::{DetectorId, DetectorSet};
use crate::scan::catalog::Check;
use crate::scan::detectors::census::Census;
use crate::scan::detectors::{card, email, iban, phone, ssn};
use crate::scan::escaped::Opening;
use crate::scan::found::{Found, Known, Outcome};
use crate::scan::search::simd::{Block, Input, MIN_RUN, Told};
use crate::scan::stream::Open;
use crate::scan::view::{View, is_separator};

/// How far back from the window's end a digit run is looked at that may go on.
const OPEN_RUN: usize = 48;
/// Bytes at the window's end for which the search for points lacks the following bytes.
const OPEN_POINTS: usize = 2;
struct Pass<'a> {
    scanner: &'a Scanner,
    view: &'a View<'a>,
    ends: Ends,
    active: &'a DetectorSet,
    hold: &'a DetectorSet,
    recent: &'a mut Vec<Known>,
    open: &'a mut Vec<Open>,
    census: &'a mut Census,
    /// Where values with escapes may begin; none if they are not looked for.
    openings: Option<&'a mut Vec<Opening>>,
    found: &'a mut Vec<Found>,
    /// Detectors that wait for more: their later places wait too.
    waiting: DetectorSet,
    /// First place in the message for which a detector waits that knows the form of its values.
    waits_from: u64,
    /// The place that is put to a pattern or a value beside a word.
    place: Option<usize>,
    /// First place in the window that is not settled.
    unsettled: usize,
    /// First place in the window that must be held.
    held: usize,
}

/// Scans the window; `padded` is the window with its padding. Returns how many bytes at its end are to be held.
pub(super) fn run(
    scanner: &Scanner,
    state: &mut ScanState,
    view: &View,
    padded: &[u8],
    ends: Ends,
    (active, hold): (&DetectorSet, &DetectorSet),
    found: &mut Vec<Found>,
) -> usize {
    let end = view.bytes.len();
    let from = (state.settled.saturating_sub(view.base) as usize).min(end);
    let openings = state.escapes.as_mut().and_then(|e| e.openings());
    let escapes = openings.is_some();
    let mut pass = Pass {
        scanner,
        view,
        ends,
        active,
        hold,
        recent: &mut state.recent,
        open: &mut state.open,
        census: &mut state.census,
        openings,
        found,
        waiting: DetectorSet::EMPTY,
        waits_from: u64::MAX,
        place: None,
        unsettled: end,
        held: end,
    };
    pass.follow_open();
    pass.literals(padded, from);
    let input = Input { padded, from, to: end, binary: view.binary, escapes };
    if escapes || scanner.has_candidates() {
        (scanner.search)(&scanner.tables, &input, &mut |told| match told {
            Told::Block(block) => pass.block(block),
            Told::Words(places) => pass.words(places),
        });
    }
    for at in end.saturating_sub(OPEN_POINTS).max(from)..end {
        if scanner.tables.may_begin(view.bytes.get(at..).unwrap_or(&[])) {
            pass.point(at);
        }
    }
    if !view.last && !scanner.tables.words.is_empty() {
        pass.open_words(from);
    }
    if !scanner.slow.is_empty() {
        (from..end).for_each(|at| pass.slow_patterns(at));
    }
    if !view.last {
        pass.open_end();
    }
    let (unsettled, held) = (pass.unsettled, pass.held);
    state.settled = view.base + unsettled as u64;
    if view.last { 0 } else { (end - held).min(MAX_HOLD) }
}

impl Pass<'_> {
    /// Candidates in order of their places, so that of two matches of a detector the first wins. (A
    /// run's bit lies ten digits behind its beginning; no point that matters lies between.)
    fn block(&mut self, block: Block) {
        if block.escapes | block.letters != 0
            && let Some(openings) = &mut self.openings
        {
            let at = self.view.base + block.at as u64;
            openings.push(Opening { at, escapes: block.escapes, letters: block.letters });
        }
        let mut bits = block.points | block.runs | block.varints;
        while bits != 0 {
            let bit = bits & bits.wrapping_neg();
            bits ^= bit;
            let at = block.at + bit.trailing_zeros() as usize;
            if block.runs & bit != 0 {
                self.groups(at + 1 - MIN_RUN);
            }
            if block.points & bit != 0 && at + OPEN_POINTS < self.view.bytes.len() {
                self.point(at);
            }
            if block.varints & bit != 0 {
                self.varint(at);
            }
        }
    }

    fn point(&mut self, at: usize) {
        let Some(byte) = self.view.bytes.get(at) else { return };
        match byte {
            b'@' => self.offer(self.scanner.email, |view| email::evaluate(view, at)),
            b'(' => self.offer(self.scanner.phone, |view| phone::parenthesised(view, at)),
            b'+' => self.offer(self.scanner.phone, |view| phone::international(view, at)),
            b'A'..=b'Z' => self.offer(self.scanner.iban, |view| iban::evaluate(view, at)),
            _ => {}
        }
        if matches!(byte, b's' | b'S') {
            self.offer(self.scanner.ssn, |view| ssn::behind_name(view, at));
        }
        let text = self.view.bytes.get(at..).unwrap_or(&[]);
        for i in self.scanner.prefixes.at(text) {
            self.pattern(i, at);
        }
        for i in self.scanner.by_first.get(usize::from(*byte)).into_iter().flatten() {
            let matcher = self.scanner.patterns.get(usize::from(*i));
            if matcher.is_some_and(|(_, matcher)| matcher.may_begin(text)) {
                self.pattern(*i, at);
            }
        }
    }

    /// Puts the places of keys to their patterns.
    fn literals(&mut self, padded: &[u8], from: usize) {
        let Some(literals) = &self.scanner.literals else { return };
        let view = self.view;
        literals.search(padded, from, view.bytes.len(), &mut |i, at| self.pattern(i, at));
        if view.last {
            return;
        }
        let end = view.bytes.len();
        (end.saturating_sub(literals.open()).max(from)..end).for_each(|at| self.open_key(at));
    }

    /// What may begin at the window's end, and of whose key too little is there to look it up.
    fn open_key(&mut self, at: usize) {
        let scanner = self.scanner;
        let Some(literals) = &scanner.literals else { return };
        for i in literals.begun(self.view.bytes.get(at..).unwrap_or(&[])) {
            let Some((id, _)) = scanner.patterns.get(usize::from(i)) else { continue };
            if self.active.contains(*id) {
                self.unsettled = self.unsettled.min(at);
                if self.hold.contains(*id) {
                    self.held = self.held.min(at);
                    return;
                }
            }
        }
    }

    fn slow_patterns(&mut self, at: usize) {
        for i in &self.scanner.slow {
            self.pattern(*i, at);
        }
    }

    fn pattern(&mut self, i: u16, at: usize) {
        if let Some((id, matcher)) = self.scanner.patterns.get(usize::from(i)) {
            self.place = Some(at);
            self.offer_pattern(Some(*id), matcher.check, |view| matcher.evaluate(view, at));
            self.place = None;
        }
    }

    /// What at the window's end is not yet a candidate and could become one.
    fn open_end(&mut self) {
        let bytes = self.view.bytes;
        if self.view.binary
            && let Some(card) = self.scanner.card
        {
            let tail = bytes.iter().rev().take(card::MAX_VARINT + 1);
            let begun = tail.take_while(|b| **b >= 0x80).count();
            if (1..=card::MAX_VARINT).contains(&begun) && self.is_ready(card) {
                let start = bytes.len() - begun;
                self.wait(card, start, start);
            }
        }
        let tail = bytes.iter().rev().take(OPEN_RUN);
        let run = tail.take_while(|b| b.is_ascii_digit() || is_separator(**b)).count();
        let start = bytes.len() - run;
        let mut before = self.view.before(start, 1).unwrap_or(0);
        for (at, b) in bytes.iter().enumerate().skip(start) {
            if b.is_ascii_digit() {
                self.group(at, before);
            }
            before = *b;
        }
        if self.scanner.email.is_some_and(|id| self.hold.contains(id))
            && let Some(start) = email::open_local(self.view)
        {
            self.held = self.held.min(start);
        }
    }

    /// Puts a place to a detector if it is ready for it.
    fn offer(&mut self, id: Option<DetectorId>, rule: impl FnOnce(&View) -> Outcome) {
        self.offer_pattern(id, Check::None, rule);
    }

    fn offer_pattern(
        &mut self,
        id: Option<DetectorId>,
        check: Check,
        rule: impl FnOnce(&View) -> Outcome,
    ) {
        let Some(id) = id.filter(|id| self.is_ready(*id)) else { return };
        match rule(self.view) {
            Outcome::No => {}
            Outcome::Match { start, end, confidence } => self.report(id, start, end, confidence),
            Outcome::Commit { start, end } => self.commit(id, check, start, end),
            Outcome::More { start } => self.wait(id, start, start),
            Outcome::Later { start, hold } => self.wait(id, start, hold),
        }
    }

    /// Whether a detector is active and does not wait.
    fn is_ready(&self, id: DetectorId) -> bool {
        self.active.contains(id) && !self.waiting.contains(id)
    }

    fn wait(&mut self, id: DetectorId, start: usize, hold: usize) {
        self.waiting.insert(id);
        let place = self.place.map_or(u64::MAX, |at| self.view.base + at as u64);
        self.waits_from = self.waits_from.min(place);
        self.unsettled = self.unsettled.min(start);
        if self.hold.contains(id) {
            self.held = self.held.min(hold);
        }
    }
}
