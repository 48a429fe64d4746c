//! Patterns: anchored regular expressions, run as a DFA where their first bytes were found.
//!
//! Running the DFA by hand tells what no regex API tells: whether the input that is there so far can still become a
//! match. As long as the DFA is neither dead nor finished at the end of the window, the tail must be held.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use regex_automata::dfa::{Automaton, StartKind, dense};
use regex_automata::util::primitives::StateID;
use regex_automata::util::{start, syntax};
use regex_automata::{Anchored, Input, MatchKind, meta::Regex, nfa::thompson};
use regex_syntax::hir::literal::Extractor;
use regex_syntax::hir::{Capture, Class, Hir, HirKind, Repetition};
use serde::Deserialize;

use super::Check;
use super::beside::begins_word;
use super::conditions::Conditions;
use crate::scan::found::Outcome;
use crate::scan::search::buckets::{self, Beginning};
use crate::scan::search::simd::ByteSet;
use crate::scan::search::{literals, words};
use crate::scan::view::{At, View};
use crate::scan::{stream, wire};
use crate::validate::validate;

/// Largest DFA of one pattern, in bytes; more is refused as a policy error.
const DFA_BYTES: usize = 4 << 20;
/// Deepest nesting of groups in a pattern.
const MAX_NEST: u32 = 64;
/// A pattern with more prefixes than this is tried at each byte that it can begin with.
const MAX_PREFIXES: usize = 24;
/// The same for patterns that begin with a word: two letters in either case, or a character of base64 behind a prefix.
const MAX_WORDS: usize = 1024;
/// The largest class of bytes that is spelled out in a prefix: base64 and a little.
const MAX_CLASS: usize = 80;
/// Largest share of the places in text that the classes may let pass; more is as good as none.
const MAX_SHARE: f32 = 0.02;
/// Most keys of a pattern, and how far behind its beginning one may stand, found with at most so many states at a time.
const MAX_KEYS: usize = 32;
/// Most different keys at one place of a pattern: the fourth byte may be any digit.
const MAX_SPREAD: usize = 10;
const MAX_KEY_OFFSET: usize = 12;
const MAX_KEY_STATES: usize = 64;
/// Bytes of a prefix that the vectorised search compares.
pub(in crate::scan) const FINGERPRINT: usize = 3;

/// So many equal letters in a row are in no value that was made at random.
const MAX_SAME: usize = 8;

/// The first bytes of a match.
pub(in crate::scan) type Prefix = Vec<u8>;

/// What a pattern is made of.
#[derive(Debug)]
pub(in crate::scan) struct Pattern {
    /// The regular expression; a group named `secret` is what is reported of a match.
    pub regex: String,
    /// Whether ASCII case is ignored.
    pub case_insensitive: bool,
    /// What a match must satisfy beyond it.
    pub check: Check,
    /// Of which kind ([`crate::validate`]) a match must be a valid value.
    pub valid: Option<String>,
    /// Where a match may begin and end.
    pub place: Place,
    /// Longest match in bytes.
    pub max_len: usize,
    /// What else must hold of a match.
    pub conditions: Option<Arc<Conditions>>,
}

/// Where a match may begin and end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::scan) enum Place {
    /// Not within a longer word.
    #[default]
    Word,
    /// At the beginning of a part of a name: behind its `_`, or with a capital behind a small letter.
    NamePart,
    Anywhere,
}

/// A pattern that is compiled when it is first looked for: the hundreds of the packs take half a second, and most
/// policies name a few.
#[derive(Debug)]
pub(crate) struct Compiled {
    pattern: Pattern,
    matcher: OnceLock<Result<Arc<Matcher>, String>>,
}

impl Compiled {
    pub(in crate::scan) fn later(pattern: Pattern) -> Compiled {
        Compiled { pattern, matcher: OnceLock::new() }
    }

    /// Whether its matches go on behind a commit point.
    pub(in crate::scan) fn goes_on(&self) -> bool {
        matches!(self.pattern.check, Check::Pem | Check::Jwt)
    }

    /// The error says what is wrong with the pattern.
    pub(in crate::scan) fn matcher(&self) -> Result<&Arc<Matcher>, &str> {
        let compile = || Matcher::new(&self.pattern).map(Arc::new);
        self.matcher.get_or_init(compile).as_ref().map_err(String::as_str)
    }
}

/// Bytes of every match that are certain, in either case: one of `all`, each of [`literals::KEY`] bytes and up to
/// [`literals::MORE`] more.
#[derive(Debug)]
pub(in crate::scan) struct Key {
    pub all: Vec<Vec<u8>>,
    /// What stands in front of them: for each place the bytes that are possible, in either case. Nothing, if they begin the match.
    pub lead: Arc<[ByteSet]>,
}

/// A compiled pattern.
#[derive(Debug)]
pub(crate) struct Matcher {
    /// By what it is found where there are many; of those that may begin anywhere.
    pub(in crate::scan) key: Option<Key>,
    /// What every match begins with; empty if it begins with no literal.
    pub(in crate::scan) begins: Begins,
    /// The bytes that a match can begin with.
    pub(in crate::scan) first: [bool; 256],
    /// What a match must satisfy beyond the pattern.
    pub(in crate::scan) check: Check,
    valid: Option<String>,
    dfa: dense::DFA<Vec<u32>>,
    /// Finds the group `secret` in a match; none if there is no such group.
    secret: Option<Regex>,
    min_len: usize,
    max_len: usize,
    place: Place,
    conditions: Option<Arc<Conditions>>,
}

/// What the search can look for to find the beginnings of matches.
#[derive(Debug)]
pub(in crate::scan) enum Begins {
    /// Words; [`words::KEY`] bytes of them, and up to [`words::MORE`] more if they are certain.
    Words(Vec<Prefix>),
    /// Other literals; up to three bytes.
    Literals(Vec<Prefix>),
    /// Three bytes, each one of a class, that are rare in text: `[A-Z]{2}[0-9]`.
    Classes(Box<Beginning>),
    /// Nothing: a match can begin anywhere.
    Anywhere,
}

impl Matcher {
    /// Compiles a pattern. The error says what is wrong with it.
    pub(in crate::scan) fn new(pattern: &Pattern) -> Result<Matcher, String> {
        // Patterns are about bytes: no Unicode classes, which would also make the DFA large.
        let syntax = syntax::Config::new()
            .unicode(false)
            .utf8(false)
            .case_insensitive(pattern.case_insensitive)
            .nest_limit(MAX_NEST);
        let hir = syntax::parse_with(&pattern.regex, &syntax)
            .map_err(|e| format!("not a regular expression: {e}"))?;
        let min_len = hir.properties().minimum_len().unwrap_or(0);
        if min_len == 0 {
            return Err("it matches the empty text, or nothing".to_owned());
        }
        let config = dense::Config::new()
            .start_kind(StartKind::Anchored)
            .match_kind(MatchKind::LeftmostFirst)
            // It is run by hand, a byte at a time: a state in which a search could skip bytes would only be one more to be told apart.
            .accelerate(false)
            .dfa_size_limit(Some(DFA_BYTES))
            .determinize_size_limit(Some(2 * DFA_BYTES));
        let dfa = dense::Builder::new()
            .configure(config)
            .syntax(syntax)
            .thompson(thompson::Config::new().utf8(false).nfa_size_limit(Some(DFA_BYTES)))
            .build(&pattern.regex)
            .map_err(|e| format!("the pattern becomes too large: {e}"))?;
        let secret = match pattern.regex.contains("(?<secret>") {
            true => Some(secret(&pattern.regex, syntax)?),
            false => None,
        };
        let begins = match begins(&hir, pattern.place) {
            Begins::Anywhere if min_len >= FINGERPRINT => by_classes(&dfa),
            known => known,
        };
        let key = match pattern.place {
            Place::Anywhere => key_behind(&dfa, min_len).or_else(|| key_at_beginning(&hir)),
            _ => None,
        };
        Ok(Matcher {
            key,
            begins,
            first: first_bytes(&dfa),
            check: pattern.check,
            valid: pattern.valid.clone(),
            dfa,
            secret,
            min_len,
            max_len: pattern.max_len,
            place: pattern.place,
            conditions: pattern.conditions.clone(),
        })
    }

    /// Whether it has no prefix that the vectorised search could look for.
    pub(in crate::scan) fn is_slow(&self) -> bool {
        matches!(self.begins, Begins::Anywhere)
    }

    /// Whether a match can begin like this, by the literals that are searched for.
    pub(in crate::scan) fn may_begin(&self, text: &[u8]) -> bool {
        let same = |prefix: &Prefix| prefix.iter().zip(text).all(|(p, b)| p == b);
        match &self.begins {
            Begins::Literals(prefixes) => prefixes.iter().any(same),
            Begins::Classes(classes) => {
                let is_in = |(set, b): (&ByteSet, &u8)| set.get(usize::from(*b)) == Some(&true);
                classes.iter().zip(text).all(is_in)
            }
            Begins::Words(_) | Begins::Anywhere => true,
        }
    }

    /// Whether a match begins at `at`.
    pub(in crate::scan) fn evaluate(&self, view: &View, at: usize) -> Outcome {
        let possible = view.bytes.get(at).and_then(|b| self.first.get(usize::from(*b)));
        let inside = !view.binary
            && match self.place {
                Place::Word => view.word_before(at),
                Place::NamePart => !begins_word(view, at),
                Place::Anywhere => false,
            };
        if possible != Some(&true) || inside {
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
            Check::None | Check::Varied(_) => {}
        }
        let (start, end) = match view.binary {
            true => wire::text_bounds(view, start, start + self.min_len, end),
            false => (start, end),
        };
        if self.place == Place::Word && !view.binary {
            match view.at(end) {
                At::Unknown => return Outcome::More { start },
                At::Byte(b) if b.is_ascii_alphanumeric() || b == b'_' => return Outcome::No,
                _ => {}
            }
        }
        let (at, behind) = (start, end);
        let Some((start, end)) = self.secret_of(view, start, end) else { return Outcome::No };
        let value = view.bytes.get(start..end).unwrap_or(&[]);
        let placeholder = matches!(self.check, Check::Varied(n) if is_placeholder(value, n));
        if placeholder || !self.valid.as_deref().is_none_or(|kind| is_valid(kind, value)) {
            return Outcome::No;
        }
        let holds = self.conditions.as_ref().map(|c| c.hold(view, (at, behind), (start, end)));
        match holds.unwrap_or(Some(true)) {
            Some(true) => Outcome::Match { start, end, confidence: 0.95 },
            Some(false) => Outcome::No,
            None => Outcome::Later { start: at, hold: start },
        }
    }

    /// The part of a match that is reported.
    fn secret_of(&self, view: &View, start: usize, end: usize) -> Option<(usize, usize)> {
        let Some(regex) = &self.secret else { return Some((start, end)) };
        let mut groups = regex.create_captures();
        regex.search_captures(&Input::new(view.bytes.get(start..end)?), &mut groups);
        let group = groups.get_group_by_name("secret")?;
        Some((start + group.start, start + group.end))
    }
}

/// The same pattern again, as an engine that can tell groups. It is asked only about the bytes of a match.
fn secret(regex: &str, syntax: syntax::Config) -> Result<Regex, String> {
    let config = Regex::config().utf8_empty(false).dfa(false).onepass(false);
    let built = Regex::builder().configure(config).syntax(syntax).build(regex);
    built.map_err(|e| format!("the pattern becomes too large: {e}"))
}

/// Whether a value is a valid one of a kind of [`crate::validate`].
pub(in crate::scan) fn is_valid(kind: &str, value: &[u8]) -> bool {
    std::str::from_utf8(value).is_ok_and(|text| validate(kind, text).is_ok())
}

/// Whether a value stands for one: fewer than so many distinct characters, as in `ghp_xxxxxxxx`, what documentation
/// writes instead, cut short (`eyJh…`, with dots), or one letter many times in a row.
pub(in crate::scan) fn is_placeholder(value: &[u8], least: u8) -> bool {
    const WORDS: [&[u8]; 6] =
        [b"example", b"xxxxx", b"placeholder", b"changeme", b"redacted", b"username"];
    let has = |word: &[u8]| value.windows(word.len()).any(|w| w.eq_ignore_ascii_case(word));
    distinct(value) < u32::from(least)
        || WORDS.into_iter().any(has)
        || value.ends_with(b"..")
        || longest_run(value) >= MAX_SAME
}

/// The most equal letters in a row. `A` does not count: it is what zeros are in base64.
fn longest_run(value: &[u8]) -> usize {
    let runs = value.chunk_by(|a, b| a == b && a.is_ascii_alphabetic() && *a != b'A');
    runs.map(<[u8]>::len).max().unwrap_or(0)
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

/// What all matches begin with, if it is certain and not too much.
fn begins(hir: &Hir, place: Place) -> Begins {
    let known = |hir: &Hir, bytes: usize, limit: usize| -> Option<Vec<Prefix>> {
        let mut extractor = Extractor::new();
        extractor.limit_class(MAX_CLASS).limit_total(limit);
        let mut seq = extractor.extract(hir);
        seq.keep_first_bytes(bytes);
        seq.sort();
        seq.dedup();
        Some(seq.literals()?.iter().map(|l| l.as_bytes().to_vec()).collect())
    };
    let is_word =
        |p: &Prefix| p.len() >= words::KEY && p.first().is_some_and(u8::is_ascii_alphabetic);
    match known(&in_one_case(hir), words::KEY + words::MORE, MAX_WORDS) {
        Some(found) if place != Place::Anywhere && found.iter().all(is_word) => {
            return Begins::Words(found);
        }
        _ => {}
    }
    match known(hir, FINGERPRINT, 512) {
        Some(found) if found.len() <= MAX_PREFIXES && found.iter().all(|p| p.len() > 1) => {
            Begins::Literals(found)
        }
        _ => Begins::Anywhere,
    }
}

/// The pattern with letters that may be of either case in small ones: what is looked up without regard to case is spelled out once, and
/// not for each letter twice.
fn in_one_case(hir: &Hir) -> Hir {
    let all = |parts: &[Hir]| parts.iter().map(in_one_case).collect();
    let one = |sub: &Hir| Box::new(in_one_case(sub));
    match hir.kind() {
        HirKind::Class(Class::Bytes(class)) => match class.ranges() {
            [upper, lower]
                if (upper.len(), lower.len()) == (1, 1)
                    && upper.start().is_ascii_uppercase()
                    && upper.start().to_ascii_lowercase() == lower.start() =>
            {
                Hir::literal([lower.start()])
            }
            _ => hir.clone(),
        },
        HirKind::Repetition(r) => Hir::repetition(Repetition { sub: one(&r.sub), ..r.clone() }),
        HirKind::Capture(c) => Hir::capture(Capture { sub: one(&c.sub), ..c.clone() }),
        HirKind::Concat(parts) => Hir::concat(all(parts)),
        HirKind::Alternation(parts) => Hir::alternation(all(parts)),
        HirKind::Empty | HirKind::Literal(_) | HirKind::Class(_) | HirKind::Look(_) => hir.clone(),
    }
}

/// What all matches begin with.
fn key_at_beginning(hir: &Hir) -> Option<Key> {
    let mut extractor = Extractor::new();
    extractor.limit_class(MAX_KEYS).limit_total(4 * MAX_KEYS);
    let mut seq = extractor.extract(&in_one_case(hir));
    seq.keep_first_bytes(literals::KEY + literals::MORE);
    let mut all: Vec<Vec<u8>> =
        seq.literals()?.iter().map(|l| l.as_bytes().to_ascii_lowercase()).collect();
    all.sort();
    all.dedup();
    let whole = all.iter().all(|bytes| bytes.len() >= literals::KEY);
    (whole && (1..=MAX_KEYS).contains(&all.len())).then_some(Key { all, lead: Arc::default() })
}

/// The first bytes that stand in all matches at the same place, each one of few.
fn key_behind(dfa: &dense::DFA<Vec<u32>>, min_len: usize) -> Option<Key> {
    let mut states: BTreeSet<StateID> = start_states(dfa).collect();
    let mut classes: Vec<Vec<u8>> = Vec::new();
    while classes.len() < min_len.min(MAX_KEY_OFFSET + literals::KEY + literals::MORE)
        && states.len() <= MAX_KEY_STATES
    {
        let (mut class, mut next) = (BTreeSet::new(), BTreeSet::new());
        for (state, b) in states.iter().flat_map(|s| (0..=u8::MAX).map(move |b| (*s, b))) {
            let after = dfa.next_state(state, b);
            if !dfa.is_dead_state(after) {
                class.insert(b.to_ascii_lowercase());
                next.insert(after);
            }
        }
        states = next;
        classes.push(class.into_iter().collect());
    }
    let keys = |window: &[Vec<u8>]| window.iter().map(Vec::len).product::<usize>();
    let offset = classes.windows(literals::KEY).position(|window| keys(window) <= MAX_SPREAD)?;
    let mut all = vec![Vec::new()];
    for class in classes.iter().skip(offset).take(literals::KEY + literals::MORE) {
        if all.len() * class.len() > MAX_KEYS {
            break;
        }
        let longer = all.iter().flat_map(|start: &Vec<u8>| {
            class.iter().map(move |b| [start.as_slice(), &[*b]].concat())
        });
        all = longer.collect();
    }
    let lead = classes.iter().take(offset).map(|class| {
        let mut set = [false; 256];
        (0..=u8::MAX)
            .zip(&mut set)
            .for_each(|(b, possible)| *possible = class.contains(&b.to_ascii_lowercase()));
        set
    });
    Some(Key { all, lead: lead.collect() })
}

/// By the classes of the first bytes, if the search for points tells them from text.
fn by_classes(dfa: &dense::DFA<Vec<u32>>) -> Begins {
    let mut states: BTreeSet<StateID> = start_states(dfa).collect();
    let classes = [(); FINGERPRINT].map(|()| {
        let (mut class, mut next) = ([false; 256], BTreeSet::new());
        for (b, possible) in (0..=u8::MAX).zip(class.iter_mut()) {
            let after = states.iter().map(|state| dfa.next_state(*state, b));
            for state in after.filter(|state| !dfa.is_dead_state(*state)) {
                *possible = true;
                next.insert(state);
            }
        }
        states = next;
        class
    });
    match buckets::share(&classes) <= MAX_SHARE {
        true => Begins::Classes(Box::new(classes)),
        false => Begins::Anywhere,
    }
}

/// Where matching begins. What stands left can matter (`\b`), so for any kind of left neighbour.
fn start_states(dfa: &dense::DFA<Vec<u32>>) -> impl Iterator<Item = StateID> {
    let lefts = [None, Some(b' '), Some(b'a'), Some(b'\n'), Some(b'\r'), Some(0xff)];
    lefts.into_iter().filter_map(|left| {
        let config = start::Config::new().anchored(Anchored::Yes).look_behind(left);
        dfa.start_state(&config).ok()
    })
}

fn first_bytes(dfa: &dense::DFA<Vec<u32>>) -> [bool; 256] {
    let mut first = [false; 256];
    for state in start_states(dfa) {
        for (b, possible) in (0..=u8::MAX).zip(first.iter_mut()) {
            *possible |= !dfa.is_dead_state(dfa.next_state(state, b));
        }
    }
    first
}

#[cfg(test)]
mod tests {
    use crate::scan::catalog::{Catalog, Find};

    /// Making it takes time with its size, and a start or a policy makes those of whole packs: two counts of hundreds, one within
    /// the other (`.{0,40}key.{0,300}`), are megabytes. A bound in front of something else is better said by `max-length`.
    #[test]
    fn automata_of_the_packs_are_small() {
        const MOST: usize = 1 << 20;
        for detector in Catalog::builtin().iter() {
            let Find::Pattern(compiled) = &detector.find else { continue };
            let bytes = compiled.matcher().unwrap().dfa.memory_usage();
            assert!(bytes <= MOST, "{}: {bytes} bytes", detector.name);
        }
    }
}
