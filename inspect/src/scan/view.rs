//! What an evaluation sees: a window of the message, and what stands left and right of a place in it.

use std::cell::Cell;

/// How far left of a place an evaluation may look, in bytes. The scan state always retains at least this much, so
/// that the answer does not depend on how the message was cut into pieces.
pub(super) const LEFT_CONTEXT: usize = 160;

/// The byte at a place, or why there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum At {
    Byte(u8),
    /// The message ends here.
    End,
    /// The next piece will tell.
    Unknown,
}

/// Where a match stands; decides which characters a mask may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Context {
    /// In quotes, or in text that is certainly no JSON number.
    InString,
    /// A bare number, as in `"pan": 4111111111111111`: only digits may replace its digits.
    Number,
    /// Not known; treated as a number, since digits are valid in both.
    Unknown,
    /// A varint of protobuf: it stays one of as many bytes.
    Varint,
    /// A number of MessagePack, of so many bytes whatever its value is.
    Fixed,
}

impl Context {
    /// Whether it is a number that is not written in digits.
    pub fn is_binary(self) -> bool {
        matches!(self, Context::Varint | Context::Fixed)
    }
}

/// A window of a message.
pub(super) struct View<'a> {
    /// The window's bytes.
    pub bytes: &'a [u8],
    /// Offset of its first byte in the message.
    pub base: u64,
    /// Whether the message ends with the window.
    pub last: bool,
    /// Whether the message is binary (protobuf), so that a match may be glued to framing bytes.
    pub binary: bool,
    /// What is known of text in a binary message: where it begins that reaches to a place.
    text: Cell<(usize, usize)>,
}

/// Whether `b` may separate the groups of a number.
pub(super) fn is_separator(b: u8) -> bool {
    matches!(b, b' ' | b'-' | b'.')
}

fn is_word(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_'
}

/// Whether `b` can stand in text.
fn is_text(b: u8) -> bool {
    b >= 0x20 && b != 0x7f || matches!(b, b'\t' | b'\r' | b'\n')
}

impl<'a> View<'a> {
    /// A window that begins `base` bytes into the message.
    pub fn new(bytes: &'a [u8], base: u64, last: bool, binary: bool) -> View<'a> {
        View { bytes, base, last, binary, text: Cell::new((0, 0)) }
    }

    /// Where the text begins that ends right before `at`. Asked for rising places, it reads each byte once.
    pub fn text_start(&self, at: usize) -> usize {
        let (start, known) = self.text.get();
        let from = if known <= at { known } else { 0 };
        let new = self.bytes.get(from..at).unwrap_or(&[]);
        let start = match new.iter().rposition(|b| !is_text(*b)) {
            Some(control) => from + control + 1,
            None if from == known => start,
            None => 0,
        };
        self.text.set((start, at));
        start
    }

    /// The byte at `i`, or why there is none.
    pub fn at(&self, i: usize) -> At {
        match self.bytes.get(i) {
            Some(b) => At::Byte(*b),
            None if self.last => At::End,
            None => At::Unknown,
        }
    }

    /// The byte `n` places left of `i`.
    pub fn before(&self, i: usize, n: usize) -> Option<u8> {
        self.bytes.get(i.checked_sub(n)?).copied()
    }

    /// Up to `n` bytes left of `i`.
    pub fn left(&self, i: usize, n: usize) -> &'a [u8] {
        self.bytes.get(i.saturating_sub(n)..i).unwrap_or(&[])
    }

    /// Whether a letter, digit or `_` stands directly left of `i`. The letter of a JSON escape (`\n`) does not count.
    pub fn word_before(&self, i: usize) -> bool {
        let Some(b) = self.before(i, 1) else { return false };
        is_word(b) && self.escape_before(i) == 0
    }

    /// Length of the escape that ends right before `i`: `\n` (2), `\u0020` (6), `%20` (3), or 0.
    pub fn escape_before(&self, i: usize) -> usize {
        if self.before(i, 2) == Some(b'\\')
            && matches!(self.before(i, 1), Some(b'n' | b'r' | b't' | b'b' | b'f'))
        {
            return 2;
        }
        let hex =
            |n| self.left(i, n).len() == n && self.left(i, n).iter().all(u8::is_ascii_hexdigit);
        if self.before(i, 5) == Some(b'u') && self.before(i, 6) == Some(b'\\') && hex(4) {
            return 6;
        }
        if self.before(i, 3) == Some(b'%') && hex(2) {
            return 3;
        }
        0
    }

    /// Whether what stands left of a number that begins at `i` allows it to be a number of its own: no letter or
    /// digit, not the tail of `12-`, `ord-` or `0.`.
    pub fn number_may_start(&self, i: usize) -> bool {
        match self.before(i, 1) {
            Some(b'-') => !self.before(i, 2).is_some_and(is_word),
            Some(b'.') => !self.before(i, 2).is_some_and(|b| b.is_ascii_digit()),
            _ => !self.word_before(i),
        }
    }

    /// The same to the right of a number that ends before `i`; none if the next piece must tell.
    pub fn number_may_end(&self, i: usize) -> Option<bool> {
        let next = match self.at(i) {
            At::Unknown => return None,
            At::End => return Some(true),
            At::Byte(b) => b,
        };
        let follows = |test: fn(u8) -> bool| match self.at(i + 1) {
            At::Unknown => None,
            At::End => Some(false),
            At::Byte(b) => Some(test(b)),
        };
        match next {
            b'-' => follows(is_word).map(|word| !word),
            b'.' => follows(|b| b.is_ascii_digit()).map(|digit| !digit),
            b => Some(!is_word(b)),
        }
    }

    /// The name in front of a value that begins at `i`, as in `"name": "`, `name=` or `\"name\":`; empty if none.
    pub fn key(&self, i: usize) -> &'a [u8] {
        let mut left = self.left(i, 64);
        let skip = |left: &mut &'a [u8], set: &[u8]| {
            while let Some((b, rest)) = left.split_last()
                && set.contains(b)
            {
                *left = rest;
            }
        };
        skip(&mut left, b"\"'\\ ");
        let Some((b':' | b'=', rest)) = left.split_last() else { return &[] };
        left = rest;
        skip(&mut left, b"\"'\\ ");
        let start = left.iter().rposition(|b| !is_word(*b) && *b != b'-').map_or(0, |p| p + 1);
        left.get(start..).unwrap_or(&[])
    }

    /// Whether a value that begins at `i` is a bare JSON number or stands in a string.
    pub fn context(&self, i: usize) -> Context {
        let left = self.left(i, 64);
        let left = left.strip_suffix(b"-").unwrap_or(left);
        let Some(end) = left.iter().rposition(|b| !b.is_ascii_whitespace()) else {
            return Context::Unknown;
        };
        match left.get(end) {
            Some(b'[') => Context::Number,
            Some(b',') => Context::Unknown,
            // `"key": 41…` is a number; `card: 41…` is text.
            Some(b':') => match end.checked_sub(1).and_then(|e| left.get(e)) {
                Some(b'"') => Context::Number,
                Some(b) if b.is_ascii_whitespace() => Context::Unknown,
                _ => Context::InString,
            },
            _ => Context::InString,
        }
    }
}
