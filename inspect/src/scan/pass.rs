//! One pass over a window: candidates in order, each put to its detectors; what they answer is reported or held.

use super::catalog::Check;
use super::catalog::beside::begins_word;
use super::detectors::census::Census;
use super::detectors::{card, email, iban, ipv4, phone, ssn};
use super::escaped::Opening;
use super::found::{Found, Known, Outcome};
use super::search::simd::{Block, Input, MIN_RUN, Told};
use super::search::words;
use super::stream::Open;
use super::view::{Context, View, is_separator};
use super::{Ends, MAX_HOLD, ScanState, Scanner, wire};
use crate::detector::{DetectorId, DetectorSet};

/// How far back from the window's end a digit run is looked at that may go on.
const OPEN_RUN: usize = 48;
/// Digits of a group that are counted; no number has more in one group.
const MAX_GROUP: usize = 24;
/// Bytes at the window's end for which the search for points lacks the following bytes.
const OPEN_POINTS: usize = 2;
/// Most matches of one message that go on at the same time; further ones are reported without what follows.
const MAX_OPEN: usize = 4;

/// What decides whether a kind of number begins at a place.
type Rule = fn(&View, usize) -> Outcome;

/// Whether a value has a form by which a pattern finds it.
enum Claim {
    Free,
    Taken,
    /// The next bytes will tell.
    Unknown,
}

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
        (end.saturating_sub(words::KEY - 1).max(from)..end).for_each(|at| pass.open_word(at));
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

    /// Words come behind the other candidates up to there: what a pattern found earlier in the text is known, and what it found later does not
    /// count for them.
    fn words(&mut self, places: &[u32]) {
        let places = places.iter().map(|at| *at as usize);
        let whole = |at: &usize| at + words::KEY <= self.view.bytes.len();
        places.take_while(whole).for_each(|at| self.word(at));
    }

    /// Puts a place to what begins with the word there.
    fn word(&mut self, at: usize) {
        let scanner = self.scanner;
        for i in scanner.tables.words.at(self.view.bytes.get(at..).unwrap_or(&[])) {
            match usize::from(i).checked_sub(scanner.patterns.len()) {
                None => self.pattern(i, at),
                Some(i) => self.beside(i, at),
            }
        }
    }

    fn beside(&mut self, i: usize, at: usize) {
        let Some((id, beside)) = self.scanner.besides.get(i) else { return };
        if !self.is_ready(*id) {
            return;
        }
        let mut outcome = beside.evaluate(self.view, at);
        if let Outcome::Match { start, .. } = outcome
            && beside.guess.is_some()
        {
            // What has a form of its own is found by that.
            match self.claimed(start, at) {
                Claim::Free => {}
                Claim::Taken => outcome = Outcome::No,
                Claim::Unknown => outcome = Outcome::Later { start: at, hold: start },
            }
        }
        self.place = Some(at).filter(|_| beside.guess.is_none());
        self.offer(Some(*id), |_| outcome);
        self.place = None;
    }

    /// Whether an active detector that knows the form of its values finds one at `at`. Of those that were found from a
    /// place on, only places up to `place` count: what comes behind it may not have been looked at yet.
    fn claimed(&self, at: usize, place: usize) -> Claim {
        let base = self.view.base;
        let (value, place) = (base + at as u64, base + place as u64);
        let holds =
            |k: &Known| k.place.is_some_and(|p| p <= place) && (k.start..k.end).contains(&value);
        let open = |o: &Open| o.start <= place && (o.start..o.at).contains(&value);
        if self.recent.iter().any(holds) || self.open.iter().any(open) {
            return Claim::Taken;
        }
        if self.waits_from <= place {
            return Claim::Unknown;
        }
        let text =
            self.view.bytes.get(at..(at + words::KEY).min(self.view.bytes.len())).unwrap_or(&[]);
        let first = text.first().and_then(|b| self.scanner.by_first.get(usize::from(*b)));
        let by_word = self.scanner.tables.words.at(text);
        let by_prefix = self.scanner.prefixes.at(text);
        let by_key = self.scanner.literals.iter().flat_map(|literals| literals.at(text));
        for i in by_word.chain(by_prefix).chain(by_key).chain(first.into_iter().flatten().copied())
        {
            let Some((id, matcher)) = self.scanner.patterns.get(usize::from(i)) else { continue };
            if self.active.contains(*id) {
                match matcher.evaluate(self.view, at) {
                    Outcome::No => {}
                    Outcome::Match { .. } | Outcome::Commit { .. } => return Claim::Taken,
                    Outcome::More { .. } | Outcome::Later { .. } => return Claim::Unknown,
                }
            }
        }
        Claim::Free
    }

    /// A word at the window's end of which too little is there to look it up.
    fn open_word(&mut self, at: usize) {
        let Some(text) = self.view.bytes.get(at..) else { return };
        let letter = text.first().is_some_and(u8::is_ascii_alphabetic);
        if !letter || !self.view.binary && !begins_word(self.view, at) {
            return;
        }
        let scanner = self.scanner;
        for i in scanner.tables.words.at(text) {
            self.unsettled = self.unsettled.min(at);
            // A value beside the word begins behind it.
            let Some((id, _)) = scanner.patterns.get(usize::from(i)) else { continue };
            if self.hold.contains(*id) {
                self.held = self.held.min(at);
                return;
            }
        }
    }

    /// Puts each group of the run that begins at `at` to the detectors of numbers.
    fn groups(&mut self, at: usize) {
        let mut before = self.view.before(at, 1).unwrap_or(0);
        for (i, b) in self.view.bytes.iter().enumerate().skip(at) {
            if b.is_ascii_digit() {
                self.group(i, before);
            } else if !is_separator(*b) || is_separator(before) {
                return;
            }
            before = *b;
        }
    }

    /// Puts the digit at `at` to the detectors of numbers if a number can begin with it: behind
    /// anything but a digit, behind the digits of an escape (`\u0020`, `%20`), or behind the
    /// framing of a protobuf string.
    fn group(&mut self, at: usize, before: u8) {
        let view = self.view;
        let framed = view.binary && wire::begins_string(view, at);
        if before.is_ascii_digit() && view.escape_before(at) == 0 && !framed {
            return;
        }
        let apply = |rule: Rule| {
            if view.binary { wire::number(view, at, rule) } else { rule(view, at) }
        };
        // The length of the first group rules most detectors out, before they look any further.
        let digits = view.bytes.iter().skip(at).take(MAX_GROUP).take_while(|b| b.is_ascii_digit());
        let length = digits.count();
        let open = !view.last && at + length == view.bytes.len();
        if open || length == 4 || length >= 12 {
            self.card(at);
        }
        if open || length == 3 {
            self.offer(self.scanner.ssn, |_| apply(ssn::evaluate));
        }
        if open || length <= 5 {
            self.offer(self.scanner.phone, |view| phone::grouped(view, at));
        }
        if open || length <= 3 {
            self.offer(self.scanner.ipv4, |_| apply(ipv4::evaluate));
        }
    }

    fn card(&mut self, at: usize) {
        let Some(id) = self.scanner.card.filter(|id| self.is_ready(*id)) else { return };
        let counts = self.ends != Ends::Perhaps;
        let outcome = match self.view.binary {
            true => {
                let outcome = wire::number(self.view, at, card::evaluate);
                let waits = matches!(outcome, Outcome::More { .. } | Outcome::Later { .. });
                match card::tagged_text(self.view, at).filter(|_| !waits) {
                    Some(tag) => {
                        let place = self.view.base + at as u64;
                        self.census.judge_tagged(tag, place, outcome, counts)
                    }
                    None => outcome,
                }
            }
            false => {
                let outcome = card::evaluate(self.view, at);
                self.census.judge(self.view, at, outcome, counts)
            }
        };
        self.offer(Some(id), |_| outcome);
    }

    /// A varint of protobuf that is long enough for a card, by its last byte.
    fn varint(&mut self, last: usize) {
        let Some(id) = self.scanner.card.filter(|id| self.is_ready(*id)) else { return };
        let (tag, outcome) = card::varint(self.view, last);
        let place = self.view.base + last as u64;
        let outcome = match tag {
            Some(tag) => self.census.judge_tagged(tag, place, outcome, self.ends != Ends::Perhaps),
            None => outcome,
        };
        self.offer(Some(id), |_| outcome);
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

    /// Whether a match of the detector that overlaps the place was reported before.
    fn is_known(&self, id: DetectorId, start: u64, end: u64) -> bool {
        let closed = self.recent.iter().any(|k| k.detector == id && k.start < end && start < k.end);
        closed || self.open.iter().any(|o| o.detector == id && o.start < end && start < o.at)
    }

    fn report(&mut self, detector: DetectorId, from: usize, to: usize, confidence: f32) {
        let (start, end) = (self.view.base + from as u64, self.view.base + to as u64);
        if self.is_known(detector, start, end) {
            return;
        }
        let place = self.place.map(|at| self.view.base + at as u64);
        self.recent.push(Known { detector, place, start, end });
        let varint = self.view.binary && self.view.bytes.get(from).is_some_and(|b| *b >= 0x80);
        let context = if varint && Some(detector) == self.scanner.card {
            Context::Varint
        } else {
            self.view.context(from)
        };
        self.found.push(Found {
            detector,
            start,
            end,
            confidence,
            context,
            open: false,
            continued: false,
            escaped: false,
        });
    }

    fn commit(&mut self, detector: DetectorId, check: Check, from: usize, to: usize) {
        let (start, end) = (self.view.base + from as u64, self.view.base + to as u64);
        if self.is_known(detector, start, end) {
            return;
        }
        let text = self.view.bytes.get(from..to).unwrap_or(&[]);
        let mut open = Open::new(detector, check, start, text);
        let step = open.advance(self.view.bytes.get(to..).unwrap_or(&[]), self.ends == Ends::Here);
        let goes_on = !step.closed && self.open.len() < MAX_OPEN;
        self.found.push(Found {
            detector,
            start,
            end: open.at,
            confidence: 0.98,
            context: Context::InString,
            open: goes_on,
            continued: false,
            escaped: false,
        });
        if goes_on {
            self.hold_open(&open);
            self.open.push(open);
        } else {
            self.recent.push(Known { detector, place: Some(start), start, end: open.at });
        }
    }

    /// Follows matches whose commit point lies in earlier pieces.
    fn follow_open(&mut self) {
        let mut open = std::mem::take(self.open);
        open.retain_mut(|match_| {
            let start = match_.at;
            let from = start.saturating_sub(self.view.base) as usize;
            let rest = self.view.bytes.get(from..).unwrap_or(&[]);
            let step = match_.advance(rest, self.ends == Ends::Here);
            if step.taken > 0 {
                self.found.push(Found {
                    detector: match_.detector,
                    start,
                    end: match_.at,
                    confidence: 0.98,
                    context: Context::InString,
                    open: !step.closed,
                    continued: true,
                    escaped: false,
                });
            }
            if step.closed {
                let (start, end) = (match_.start, match_.at);
                let detector = match_.detector;
                self.recent.push(Known { detector, place: Some(start), start, end });
            } else {
                self.hold_open(match_);
            }
            !step.closed
        });
        *self.open = open;
    }

    /// A backslash at the end of an open key waits for what it escapes.
    fn hold_open(&mut self, open: &Open) {
        let at = open.at.saturating_sub(self.view.base) as usize;
        self.unsettled = self.unsettled.min(at);
        if self.hold.contains(open.detector) {
            self.held = self.held.min(at);
        }
    }
}
