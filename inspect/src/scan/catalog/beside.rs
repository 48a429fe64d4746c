//! A value beside a word that says what it is: `docparser_token = 0123…`, `"password": "…"`, `Passport No. X1234567`.
//!
//! ```text
//!   word ─► separators ─► linking words (`api`, `key`, `no`) ─► separators ─► value of the form
//! ```
//!
//! From the word on, the text is read token by token: what has the form of the value is the value, a linking word is
//! passed over, and anything else ends the search. So a place costs as much as it is promising.

use super::guess::{self, Guess};
use super::pattern::{is_placeholder, is_valid};
use crate::scan::found::Outcome;
use crate::scan::search::simd::ByteSet;
use crate::scan::search::words;
use crate::scan::view::{At, View};

/// How far behind the word the value may begin, in bytes: a name of several words, quotes and blanks.
const MAX_GAP: usize = 64;
/// Most words between.
const MAX_LINKS: usize = 4;
/// Longest linking word.
const MAX_LINK: usize = 16;
/// How many groups behind a value may be of its characters and not belong to it: `943 476 5919 - 12`.
const MAX_BEHIND: usize = 5;
/// Fewest distinct characters of a value that needs no check of its own: fewer are a placeholder.
const DISTINCT: u8 = 6;

/// Words that mean a secret in some names and something else in most: any map has keys.
const WEAK: &[&str] = &["key", "access", "private", "auth", "credential", "credentials"];
/// Words in front of a name that say that its value is no secret of a machine: it guards one form, or counts pages.
const PUBLIC: &[&str] = &[
    "csrf",
    "xsrf",
    "page",
    "next",
    "prev",
    "continuation",
    "sort",
    "primary",
    "foreign",
    "partition",
    "cache",
    "public",
    "pub",
    "sync",
    "idempotency",
    "antiforgery",
    "authenticity",
    "verification",
    "event",
    "sync",
    "cursor",
];

/// What to look for.
#[derive(Debug)]
pub(crate) struct Beside {
    /// By the lowest five bits of their first letter. In small letters; a `_` is any one of `_`, `-`, `.` and the blank.
    words: [Vec<Vec<u8>>; 32],
    /// What the value consists of.
    pub(in crate::scan) chars: ByteSet,
    /// Shortest and longest value.
    pub(in crate::scan) length: (usize, usize),
    /// The kind of which the value must be a valid one ([`crate::validate`]).
    pub(in crate::scan) valid: Option<String>,
    /// The value has no form of its own, and it is guessed whether it is a secret.
    pub(in crate::scan) guess: Option<Guess>,
}

/// What was read between the word and the value.
#[derive(Default)]
struct Walk<'v> {
    /// The word.
    name: &'v [u8],
    links: usize,
    /// One of them says that the value is a secret.
    secret: bool,
    /// Something stronger than a blank ties the value to its name.
    bound: bool,
}

/// A word that may stand between a name and its value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Link {
    /// It says that the value is a secret.
    Secret,
    Plain,
}

enum Token {
    Value(usize),
    Link { end: usize, secret: bool },
    Open,
    Other,
}

impl Beside {
    /// Values of these characters and so long, beside these words.
    pub fn new(words: Vec<Vec<u8>>, chars: ByteSet, length: (usize, usize)) -> Beside {
        let mut by_first: [Vec<Vec<u8>>; 32] = Default::default();
        for word in words {
            by_first.iter_mut().skip(place(&word)).take(1).for_each(|list| list.push(word.clone()));
        }
        Beside { words: by_first, chars, length, valid: None, guess: None }
    }

    /// The first four bytes of all words, spelled out where they may differ, and what is certain of what follows.
    pub fn beginnings(&self) -> Vec<Vec<u8>> {
        let mut all = Vec::new();
        for word in self.words.iter().flatten() {
            let mut spelled: Vec<Vec<u8>> = vec![Vec::new()];
            for i in 0..words::KEY {
                let choice = match word.get(i) {
                    Some(b'_') => b"_-. ".to_vec(),
                    Some(b) => vec![*b],
                    // Behind a short word only a separator: with a letter (`latLng`) it begins as many ordinary words do,
                    // so such names are listed.
                    None => (b'\t'..=b'~').filter(|b| is_separator(*b)).collect(),
                };
                let longer = spelled.iter().flat_map(|start| {
                    choice.iter().map(move |b| [start.as_slice(), &[*b]].concat())
                });
                spelled = longer.collect();
            }
            let more: Vec<u8> = word.iter().skip(words::KEY).take(words::MORE).copied().collect();
            all.extend(spelled.into_iter().map(|start| [start, more.clone()].concat()));
        }
        all
    }

    /// Whether the value of a name that begins with the word at `at` is one of these.
    pub(in crate::scan) fn evaluate(&self, view: &View, at: usize) -> Outcome {
        let later = |hold: usize| Outcome::Later { start: at, hold };
        let end = match self.word_end(view, at) {
            Word::Ends(end) => end,
            Word::Open => return later(view.bytes.len()),
            Word::Other => return Outcome::No,
        };
        if self.guess.is_some() && is_public(view, at) {
            return Outcome::No;
        }
        let name = view.bytes.get(at..end).unwrap_or(&[]);
        let (mut walk, mut i) = (Walk { name, ..Walk::default() }, end);
        while i < end + MAX_GAP {
            let from = i;
            let near = view.bytes.get(i..view.bytes.len().min(end + MAX_GAP)).unwrap_or(&[]);
            for b in near.iter().take_while(|b| is_separator(**b)) {
                walk.bound |= matches!(b, b':' | b'=' | b'>');
                i += 1;
            }
            if view.at(i) == At::Unknown {
                return later(i);
            }
            match self.token(view, i, i > from, &walk) {
                Token::Value(stop) => {
                    let confidence = if self.guess.is_some() { 0.7 } else { 0.9 };
                    return Outcome::Match { start: i, end: stop, confidence };
                }
                Token::Link { end, secret } if walk.links < MAX_LINKS => {
                    walk.links += 1;
                    walk.secret |= secret;
                    i = end;
                }
                Token::Open => return later(i),
                _ => return Outcome::No,
            }
        }
        Outcome::No
    }

    fn word_end(&self, view: &View, at: usize) -> Word {
        if !view.binary && !begins_word(view, at) {
            return Word::Other;
        }
        let text = view.bytes.get(at..).unwrap_or(&[]);
        let mut longest = None;
        for word in self.words_like(text) {
            let same = text.iter().zip(word).take_while(|(b, w)| is_of(**b, **w)).count();
            if same == word.len() {
                longest = longest.max(Some(same));
            } else if same == text.len() && !view.last {
                return Word::Open;
            }
        }
        longest.map_or(Word::Other, |length| Word::Ends(at + length))
    }

    /// The words that begin with the same letter.
    fn words_like(&self, text: &[u8]) -> impl Iterator<Item = &Vec<u8>> {
        self.words.get(place(text)).into_iter().flatten()
    }

    /// What begins at `at`; `apart`: a separator stands in front of it.
    fn token(&self, view: &View, at: usize, apart: bool, walk: &Walk<'_>) -> Token {
        if apart {
            let (shortest, longest) = self.length;
            let is_char = |b: &&u8| self.chars.get(usize::from(**b)) == Some(&true);
            let run = view.bytes.iter().skip(at).take(longest + 1).take_while(is_char).count();
            let waits = run <= longest || self.valid.is_some();
            if waits && view.at(at + run) == At::Unknown && run > 0 {
                return Token::Open;
            }
            if (shortest..=longest + 1).contains(&run)
                && let Some(stop) = self.value(view, at, run, walk)
            {
                return Token::Value(stop);
            }
        }
        let mut before = 0u8;
        let goes_on = |b: &&u8| {
            let hump = b.is_ascii_uppercase() && before.is_ascii_lowercase();
            before = **b;
            b.is_ascii_alphanumeric() && !hump
        };
        let letters = view.bytes.iter().skip(at).take(MAX_LINK + 1);
        let length = letters.take_while(goes_on).count();
        if length == 0 || length > MAX_LINK {
            return Token::Other;
        }
        if view.at(at + length) == At::Unknown {
            return Token::Open;
        }
        let text = view.bytes.get(at..at + length).unwrap_or(&[]);
        let known = link(text);
        let secret = known == Some(Link::Secret);
        let own = || self.words_like(text).any(|w| text.eq_ignore_ascii_case(w));
        let unknown =
            || walk.secret && self.guess.is_none() && text.iter().all(u8::is_ascii_alphabetic);
        match known.is_some() || own() || unknown() {
            true => Token::Link { end: at + length, secret },
            false => Token::Other,
        }
    }

    /// Where the value ends that begins at `at` with `run` characters, if it is one.
    fn value(&self, view: &View, at: usize, run: usize, walk: &Walk<'_>) -> Option<usize> {
        let (shortest, longest) = self.length;
        let mut text = view.bytes.get(at..at + run)?;
        if let Some(kind) = &self.valid {
            return self.valid_part(view, at, text, kind);
        }
        if self.guess.is_some() {
            // A full stop ends the sentence.
            text = text.strip_suffix(b".").unwrap_or(text);
        }
        let end = at + text.len();
        if !(shortest..=longest).contains(&text.len()) || is_glued(view, at + run) {
            return None;
        }
        let strong = || !WEAK.iter().any(|weak| walk.name.eq_ignore_ascii_case(weak.as_bytes()));
        let fits = match self.guess {
            Some(guess) => guess::fits(guess, text, walk.bound, walk.secret || strong()),
            None => self.is_varied(text, walk),
        };
        fits.then_some(end)
    }

    /// Where the longest part of `text` ends that is a valid value. The blank, the full stop and the number behind it in a sentence may be of its
    /// characters, too: `943 476 5919 is`, `23.7.1984.`.
    fn valid_part(&self, view: &View, at: usize, text: &[u8], kind: &str) -> Option<usize> {
        let is_group = |b: &u8| b.is_ascii_alphanumeric() || *b >= 0x80;
        let (shortest, longest) = self.length;
        let mut rest = text;
        for _ in 0..=MAX_BEHIND {
            let whole = rest.iter().rposition(is_group)? + 1;
            let value = rest.get(..whole).filter(|value| value.len() >= shortest)?;
            let end = at + whole;
            let ends = match view.at(end) {
                // Of the text, so a part of something longer may follow. (What follows the text is known.)
                At::Byte(b'.' | b'-' | b'/' | b':') if whole < text.len() => {
                    !matches!(view.at(end + 1), At::Byte(b) if is_group(&b))
                }
                _ => !is_glued(view, end),
            };
            if ends && value.len() <= longest && is_valid(kind, value) {
                return Some(end);
            }
            rest = value.get(..value.iter().rposition(|b| !is_group(b))?)?;
        }
        None
    }

    /// Whether the form of the value says little: any token of some length has it.
    fn is_broad(&self) -> bool {
        let (shortest, longest) = self.length;
        longest > 4 * shortest
    }

    /// Whether a value of the right form is no word and no placeholder.
    fn is_varied(&self, text: &[u8], walk: &Walk<'_>) -> bool {
        let letters = self.chars.get(usize::from(b'e')) == Some(&true);
        if self.is_broad() && (!walk.secret || guess::is_written(text)) {
            return false;
        }
        let mixed = text.iter().any(u8::is_ascii_digit) && text.iter().any(u8::is_ascii_alphabetic);
        !letters || !is_placeholder(text, DISTINCT) && (mixed || walk.secret)
    }
}

/// Whether what ends before `end` goes on there.
fn is_glued(view: &View, end: usize) -> bool {
    matches!(view.at(end), At::Byte(b) if b.is_ascii_alphanumeric() || matches!(b, b'_' | b'@' | b'('))
}

/// Where words that begin like this one are.
fn place(text: &[u8]) -> usize {
    usize::from(text.first().copied().unwrap_or(0) & 31)
}

enum Word {
    Ends(usize),
    Open,
    Other,
}

/// Whether the word in front of the name at `at` is one of [`PUBLIC`].
fn is_public(view: &View, at: usize) -> bool {
    let left = view.left(at, MAX_LINK + 1);
    let name = match left.split_last() {
        Some((b'_' | b'-' | b' ', name)) => name,
        _ => left,
    };
    PUBLIC.iter().any(|w| {
        let from = name.len().saturating_sub(w.len());
        name.get(from..).is_some_and(|end| end.eq_ignore_ascii_case(w.as_bytes()))
    })
}

/// What a word between a name and its value is. A `match`, since the compiler makes it one comparison or two.
fn link(word: &[u8]) -> Option<Link> {
    let mut small = [0; MAX_LINK];
    small.iter_mut().zip(word).for_each(|(to, b)| *to = b.to_ascii_lowercase());
    match small.get(..word.len())? {
        b"access" | b"accesskey" | b"accesstoken" | b"apikey" | b"apisecret" | b"apitoken"
        | b"auth" | b"authentication" | b"authorization" | b"authtoken" | b"bearer"
        | b"credential" | b"credentials" | b"key" | b"keys" | b"oauth" | b"pass" | b"passwd"
        | b"password" | b"pat" | b"private" | b"privatekey" | b"pwd" | b"secret" | b"secretkey"
        | b"secrets" | b"tkn" | b"token" | b"tokens" => Some(Link::Secret),
        b"account" | b"admin" | b"api" | b"app" | b"base" | b"birth" | b"bot" | b"card"
        | b"client" | b"code" | b"data" | b"date" | b"default" | b"dev" | b"env"
        | b"integration" | b"is" | b"licence" | b"license" | b"live" | b"login" | b"master"
        | b"my" | b"no" | b"nr" | b"num" | b"number" | b"of" | b"org" | b"personal" | b"prod"
        | b"production" | b"project" | b"publishable" | b"read" | b"rest" | b"s" | b"sandbox"
        | b"sdk" | b"server" | b"service" | b"string" | b"test" | b"the" | b"user" | b"v1"
        | b"v2" | b"v3" | b"value" | b"web" | b"write" | b"x" => Some(Link::Plain),
        _ => None,
    }
}

fn is_of(byte: u8, word: u8) -> bool {
    byte.to_ascii_lowercase() == word || word == b'_' && matches!(byte, b'-' | b'.' | b' ')
}

/// What may stand between a name and its value.
#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
const SEPARATORS: ByteSet = {
    let (all, mut set) = (b"\t\n\x0c\r \"'`\\:=>,()|-_.[{</&?;+#%", [false; 256]);
    let mut i = 0;
    while i < all.len() {
        set[all[i] as usize] = true;
        i += 1;
    }
    set
};

#[inline]
fn is_separator(b: u8) -> bool {
    SEPARATORS.get(usize::from(b)) == Some(&true)
}

/// Whether the letter at `at` begins a word: behind no letter or digit, or a capital behind a small letter.
pub(in crate::scan) fn begins_word(view: &View, at: usize) -> bool {
    let Some(before) = view.before(at, 1) else { return true };
    let capital = view.bytes.get(at).is_some_and(u8::is_ascii_uppercase);
    !before.is_ascii_alphanumeric()
        || capital && !before.is_ascii_uppercase()
        || view.escape_before(at) > 0
}
