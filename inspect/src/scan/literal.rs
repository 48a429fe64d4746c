//! Patterns: anchored regular expressions, run as a DFA where their first bytes were found.
//!
//! Running the DFA by hand tells what no regex API tells: whether the input that is there so far can still become a
//! match. As long as the DFA is neither dead nor finished at the end of the window, the tail must be held.

use regex_automata::dfa::{Automaton, StartKind, dense};
use regex_automata::util::{start, syntax};
use regex_automata::{Anchored, MatchKind, nfa::thompson};
use regex_syntax::hir::literal::Extractor;

use super::catalog::Check;
use super::found::Outcome;
use super::view::{At, View};
use super::{stream, wire};

/// Largest DFA of one pattern, in bytes; more is refused as a policy error.
const DFA_BYTES: usize = 4 << 20;
/// Deepest nesting of groups in a pattern.
const MAX_NEST: u32 = 64;
/// A pattern with more prefixes than this is tried at each byte that it can begin with.
const MAX_PREFIXES: usize = 24;
/// Bytes of a prefix that the vectorised search compares.
pub(super) const FINGERPRINT: usize = 3;

/// The first bytes of a match: up to [`FINGERPRINT`] of them.
pub(super) type Prefix = Vec<u8>;

/// What a pattern is made of.
pub(super) struct Pattern<'a> {
    /// The regular expression.
    pub regex: &'a str,
    /// Whether ASCII case is ignored.
    pub case_insensitive: bool,
    /// What a match must satisfy beyond it.
    pub check: Check,
    /// Whether a match must not be part of a longer word.
    pub word: bool,
    /// Longest match in bytes.
    pub max_len: usize,
}

/// A compiled pattern.
#[derive(Debug)]
pub(crate) struct Matcher {
    /// What every match begins with; empty if it begins with no literal.
    pub(super) prefixes: Vec<Prefix>,
    /// The bytes that a match can begin with.
    pub(super) first: [bool; 256],
    /// What a match must satisfy beyond the pattern.
    pub(super) check: Check,
    dfa: dense::DFA<Vec<u32>>,
    min_len: usize,
    max_len: usize,
    word: bool,
}

impl Matcher {
    /// Compiles a pattern. The error says what is wrong with it.
    pub(super) fn new(pattern: &Pattern) -> Result<Matcher, String> {
        // Patterns are about bytes: no Unicode classes, which would also make the DFA large.
        let syntax = syntax::Config::new()
            .unicode(false)
            .utf8(false)
            .case_insensitive(pattern.case_insensitive)
            .nest_limit(MAX_NEST);
        let hir = syntax::parse_with(pattern.regex, &syntax)
            .map_err(|e| format!("not a regular expression: {e}"))?;
        let min_len = hir.properties().minimum_len().unwrap_or(0);
        if min_len == 0 {
            return Err("it matches the empty text, or nothing".to_owned());
        }
        let config = dense::Config::new()
            .start_kind(StartKind::Anchored)
            .match_kind(MatchKind::LeftmostFirst)
            .dfa_size_limit(Some(DFA_BYTES))
            .determinize_size_limit(Some(2 * DFA_BYTES));
        let dfa = dense::Builder::new()
            .configure(config)
            .syntax(syntax)
            .thompson(thompson::Config::new().utf8(false).nfa_size_limit(Some(DFA_BYTES)))
            .build(pattern.regex)
            .map_err(|e| format!("the pattern becomes too large: {e}"))?;
        Ok(Matcher {
            prefixes: prefixes(&hir),
            first: first_bytes(&dfa),
            check: pattern.check,
            dfa,
            min_len,
            max_len: pattern.max_len,
            word: pattern.word,
        })
    }

    /// Whether it has no prefix that the vectorised search could look for.
    pub(super) fn is_slow(&self) -> bool {
        self.prefixes.is_empty()
    }

    /// Whether a match begins at `at`.
    pub(super) fn evaluate(&self, view: &View, at: usize) -> Outcome {
        let possible = view.bytes.get(at).and_then(|b| self.first.get(usize::from(*b)));
        if possible != Some(&true) || (self.word && !view.binary && view.word_before(at)) {
            return Outcome::No;
        }
        // A part of a longer base64url text; it also keeps `-eyJ-eyJ…` from being read again and again.
        if self.check == Check::Jwt && view.before(at, 1) == Some(b'-') {
            return Outcome::No;
        }
        match self.run(view, at) {
            Walk::Dead => Outcome::No,
            Walk::Open => Outcome::More { start: at },
            Walk::Matched(end) => self.confirm(view, at, end),
        }
    }

    fn run(&self, view: &View, at: usize) -> Walk {
        let start = start::Config::new().anchored(Anchored::Yes).look_behind(view.before(at, 1));
        let Ok(mut state) = self.dfa.start_state(&start) else { return Walk::Dead };
        let mut matched = None;
        // A match state is entered one byte after the match's end, hence one byte more than the longest match.
        for (i, byte) in view.bytes.iter().enumerate().skip(at).take(self.max_len + 1) {
            state = self.dfa.next_state(state, *byte);
            if self.dfa.is_special_state(state) {
                if self.dfa.is_match_state(state) {
                    matched = Some(i);
                } else if self.dfa.is_dead_state(state) || self.dfa.is_quit_state(state) {
                    return matched.map_or(Walk::Dead, Walk::Matched);
                }
            }
        }
        if view.bytes.len() > at + self.max_len {
            return matched.map_or(Walk::Dead, Walk::Matched);
        }
        if !view.last {
            return Walk::Open;
        }
        if self.dfa.is_match_state(self.dfa.next_eoi_state(state)) {
            matched = Some(view.bytes.len());
        }
        matched.map_or(Walk::Dead, Walk::Matched)
    }

    fn confirm(&self, view: &View, start: usize, end: usize) -> Outcome {
        let Some(text) = view.bytes.get(start..end) else { return Outcome::No };
        match self.check {
            Check::Jwt if stream::jwt_header(text) => return Outcome::Commit { start, end },
            Check::Jwt => return Outcome::No,
            Check::Pem => return Outcome::Commit { start, end },
            Check::Varied(n) if distinct(text) < u32::from(n) || text.ends_with(b"EXAMPLE") => {
                return Outcome::No;
            }
            Check::None | Check::Varied(_) | Check::Tail(_) => {}
        }
        let (start, end) = match view.binary {
            true => wire::text_bounds(view, start, start + self.min_len, end),
            false => (start, end),
        };
        if self.word && !view.binary {
            match view.at(end) {
                At::Unknown => return Outcome::More { start },
                At::Byte(b) if b.is_ascii_alphanumeric() || b == b'_' => return Outcome::No,
                _ => {}
            }
        }
        let start = match self.check {
            Check::Tail(n) => end.saturating_sub(usize::from(n)).max(start),
            _ => start,
        };
        Outcome::Match { start, end, confidence: 0.95 }
    }
}

enum Walk {
    Dead,
    Open,
    Matched(usize),
}

/// How many different bytes a text has: placeholders such as `ghp_xxxxxxxx` have few.
fn distinct(text: &[u8]) -> u32 {
    let mut seen = [0u64; 4];
    for b in text {
        if let Some(word) = seen.get_mut(usize::from(*b) / 64) {
            *word |= 1 << (b % 64);
        }
    }
    seen.iter().map(|w| w.count_ones()).sum()
}

/// The first [`FINGERPRINT`] bytes of all matches, if each has at least two that are certain and they are few.
fn prefixes(hir: &regex_syntax::hir::Hir) -> Vec<Prefix> {
    let mut seq = Extractor::new().limit_total(512).extract(hir);
    seq.keep_first_bytes(FINGERPRINT);
    seq.sort();
    seq.dedup();
    let Some(literals) = seq.literals() else { return Vec::new() };
    let found: Vec<Prefix> = literals.iter().map(|l| l.as_bytes().to_vec()).collect();
    if found.len() > MAX_PREFIXES || found.iter().any(|p| p.len() < 2) { Vec::new() } else { found }
}

fn first_bytes(dfa: &dense::DFA<Vec<u32>>) -> [bool; 256] {
    let mut first = [false; 256];
    // What stands left can matter (`\b`), so a byte is possible if it is after any kind of left neighbour.
    for left in [None, Some(b' '), Some(b'a'), Some(b'\n'), Some(b'\r'), Some(0xff)] {
        let config = start::Config::new().anchored(Anchored::Yes).look_behind(left);
        let Ok(state) = dfa.start_state(&config) else { continue };
        for (b, possible) in (0..=u8::MAX).zip(first.iter_mut()) {
            *possible |= !dfa.is_dead_state(dfa.next_state(state, b));
        }
    }
    first
}
