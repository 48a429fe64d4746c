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
//! cost it a factor of five. Here a search with vector instructions ([`simd`]) finds *candidates*, and what confirms
//! them are small functions over a contiguous window. Each is a pure function of the bytes around its place and
//! answers *yes*, *no*, or *more*: so the same findings come out however the message is cut, and "more" is exactly what
//! must be held.
//!
//! - A place for which the answer is "more" is asked again with the next piece; everything before it is settled.
//! - No answer depends on more than [`view::LEFT_CONTEXT`] bytes to the left and [`catalog::MAX_MATCH`] to the right,
//!   which bounds what is retained.
//! - While one detector waits for more, its later places wait too, so that of overlapping matches the first wins
//!   regardless of the cuts.

mod attack;
mod beside;
mod buckets;
mod builtin;
mod card;
mod card_context;
mod catalog;
mod census;
mod conditions;
mod email;
mod escaped;
mod found;
mod guess;
mod iban;
mod ipv4;
mod likely;
mod literal;
mod literals;
#[cfg(target_arch = "x86_64")]
mod literals_x86;
mod mask;
mod messagepack;
mod pack;
mod pass;
mod phone;
mod prefixes;
mod retained;
mod run;
mod simd;
#[cfg(target_arch = "x86_64")]
mod simd_x86;
mod slots;
mod ssn;
mod state;
mod stream;
mod together;
mod view;
mod wire;
mod words;

use std::collections::BTreeSet;
use std::sync::Arc;

pub use attack::{ATTACK_FROM, MODEL, Signature, decode_url, judged, surest};
pub use catalog::{
    Catalog, CustomDetector, CustomKind, Detector, DetectorError, Kind, MAX_APART, MAX_MATCH,
    MAX_NEAR, MaskStyle,
};
pub use conditions::Conditions;
pub use escaped::Writing;
pub use found::Found;
pub use mask::{Token, hide, mask, mask_range, sample};
pub use retained::Kept;
pub use state::ScanState;
pub use view::Context;

use crate::detector::{DetectorId, DetectorSet};
use crate::values::{self, Text};
use attack::Attacks;
use beside::Beside;
use buckets::Beginning;
use catalog::{Check, Find};
use literal::{Begins, Matcher};
use literals::Literals;
use prefixes::Prefixes;
use simd::{ByteSet, PADDING, Search, Tables};
use together::Together;
use view::View;
use words::Words;

/// Most bytes that [`Scanner::scan`] asks to hold; a longer candidate is found all the same when it completes.
pub const MAX_HOLD: usize = 512;
/// So many words, told by three bytes, the eight buckets of the search for points still tell from ordinary text.
const FEW_WORDS: usize = 40;
/// So many patterns with keys the search for points may tell from ordinary text…
const FEW_KEYS: usize = 24;
/// …as long as they add no more than this share of all places to what it lets pass: looking all places up by keys costs as much as
/// putting one in a hundred to the patterns (measured with the packs `leakage` and `llm`, and a policy's own patterns).
const FEW_POINTS: f32 = 0.01;
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
    /// Puts the active detectors together.
    pub fn new(catalog: &Catalog, active: &DetectorSet) -> Scanner {
        let mut scanner = Scanner {
            wanted: *active,
            active: *active,
            search: simd::best(),
            tables: Tables::new(&[]),
            patterns: Vec::new(),
            besides: Vec::new(),
            togethers: Vec::new(),
            prefixes: Prefixes::new(Vec::new()),
            by_first: vec![Vec::new(); 256],
            few_words: false,
            literals: None,
            slow: Vec::new(),
            card: None,
            ssn: None,
            phone: None,
            iban: None,
            email: None,
            ipv4: None,
            attacks: Attacks::default(),
        };
        for detector in catalog.iter().filter(|d| active.contains(d.id)) {
            if let Find::Together(together) = &detector.find {
                scanner.togethers.push((detector.id, Arc::clone(together)));
            }
        }
        scanner.active = scanner.with_members(active);
        for detector in catalog.iter().filter(|d| scanner.active.contains(d.id)) {
            match &detector.find {
                Find::Together(_) => {}
                Find::Card => scanner.card = Some(detector.id),
                Find::Ssn => scanner.ssn = Some(detector.id),
                Find::Phone => scanner.phone = Some(detector.id),
                Find::Iban => scanner.iban = Some(detector.id),
                Find::Email => scanner.email = Some(detector.id),
                Find::Ipv4 => scanner.ipv4 = Some(detector.id),
                Find::Attack => scanner.attacks.add(detector.id, &detector.name),
                // Those of a policy were compiled when it was read, and a test says that those of the packs can be.
                Find::Pattern(pattern) => {
                    let matcher = pattern.matcher().ok().map(|m| (detector.id, Arc::clone(m)));
                    scanner.patterns.extend(matcher);
                }
                Find::Beside(beside) => scanner.besides.push((detector.id, Arc::clone(beside))),
            }
        }
        let words = scanner.sort_patterns();
        let beginnings = scanner.beginnings(|matcher| !scanner.has_key(matcher));
        scanner.tables = Tables::new(&buckets::distribute(beginnings));
        scanner.tables.words = words;
        scanner
    }

    /// The first three bytes of all words with which patterns begin.
    fn first_three(&self) -> BTreeSet<[u8; literal::FINGERPRINT]> {
        let words = self.patterns.iter().filter_map(|(_, matcher)| match &matcher.begins {
            Begins::Words(words) => Some(words),
            _ => None,
        });
        words.flatten().filter_map(|word| word.first_chunk().copied()).collect()
    }

    /// Notes by what each pattern and each value beside a word is found; returns the words.
    fn sort_patterns(&mut self) -> Words {
        let (mut beginnings, mut prefixes) = (Vec::new(), Vec::new());
        self.few_words = self.besides.is_empty() && self.first_three().len() <= FEW_WORDS;
        self.literals = self.keys();
        for (i, (_, matcher)) in (0..).zip(&self.patterns) {
            if self.has_key(matcher) {
                continue;
            }
            match &matcher.begins {
                Begins::Words(words) if !self.few_words => {
                    beginnings.extend(words.iter().map(|w| (w.clone(), i)));
                }
                Begins::Literals(all) if all.iter().all(|p| p.len() == literal::FINGERPRINT) => {
                    let whole = all.iter().filter_map(|p| p.first_chunk().copied());
                    prefixes.extend(whole.map(|prefix| (prefix, i)));
                }
                Begins::Words(_) | Begins::Literals(_) | Begins::Classes(_) => {
                    let lists = self.by_first.iter_mut().zip(matcher.first);
                    lists.filter(|(_, possible)| *possible).for_each(|(list, _)| list.push(i));
                }
                Begins::Anywhere => self.slow.push(i),
            }
        }
        for (i, (_, beside)) in (self.patterns.len() as u16..).zip(&self.besides) {
            beginnings.extend(beside.beginnings().into_iter().map(|b| (b, i)));
        }
        self.prefixes = Prefixes::new(prefixes);
        Words::new(beginnings.into_iter())
    }

    /// The keys of patterns, where it is better to look for those than for how the patterns begin.
    fn keys(&self) -> Option<Box<Literals>> {
        let keyed = (0..).zip(&self.patterns);
        let keyed = keyed.filter_map(|(i, (_, m))| Some((i, m.key.as_ref()?, &m.first)));
        let points = |by_key| {
            buckets::passing(self.beginnings(|matcher| !(by_key && matcher.key.is_some())))
        };
        let many = match keyed.clone().count() {
            0 => false,
            count => count > FEW_KEYS || points(false) - points(true) > FEW_POINTS,
        };
        many.then(|| Box::new(Literals::new(keyed)))
    }

    /// Whether a pattern is found by its key, and not by how it begins.
    fn has_key(&self, matcher: &Matcher) -> bool {
        self.literals.is_some() && matcher.key.is_some()
    }

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

    /// The first three bytes of everything that is looked for, but digit runs; of patterns only of those `told` so.
    fn beginnings(&self, told: impl Fn(&Matcher) -> bool) -> Vec<Beginning> {
        fn set(test: impl Fn(u8) -> bool) -> ByteSet {
            let mut set = [false; 256];
            (0..=u8::MAX).zip(set.iter_mut()).for_each(|(b, member)| *member = test(b));
            set
        }
        let is = |want: u8| set(move |b| b == want);
        let letter = |want: u8| set(move |b| b.eq_ignore_ascii_case(&want));
        let (any, digit) = (set(|_| true), set(|b| b.is_ascii_digit()));
        let upper = set(|b| b.is_ascii_uppercase());
        let mut all = Vec::new();
        if self.email.is_some() {
            all.push([is(b'@'), any, any]);
        }
        if self.phone.is_some() {
            let inside = set(|b| b"0123456789 -.()".contains(&b));
            all.push([set(|b| b == b'(' || b == b'+'), digit, inside]);
        }
        if self.iban.is_some() {
            all.push([upper, upper, digit]);
        }
        if self.ssn.is_some() {
            all.push([letter(b's'), letter(b's'), letter(b'n')]);
            all.push([letter(b's'), letter(b'o'), letter(b'c')]);
        }
        if self.few_words {
            all.extend(self.first_three().into_iter().map(|three| three.map(is)));
        }
        let patterns = || self.patterns.iter().filter(|(_, matcher)| told(matcher));
        let classes = patterns().filter_map(|(_, matcher)| match &matcher.begins {
            Begins::Classes(classes) => Some(**classes),
            _ => None,
        });
        all.extend(classes);
        let literals = patterns().filter_map(|(_, matcher)| match &matcher.begins {
            Begins::Literals(prefixes) => Some(prefixes),
            _ => None,
        });
        for prefix in literals.flatten() {
            let byte = |i: usize| prefix.get(i).map_or(any, |b| is(*b));
            all.push([byte(0), byte(1), byte(2)]);
        }
        all
    }
}
