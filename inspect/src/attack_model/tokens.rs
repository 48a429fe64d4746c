//! Normalised text as tokens that carry over to other sites: names, numbers and long strings are
//! abstracted, the words of attacks and the punctuation stay.

use super::words::{self, SEED, hash};

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Where the value begins or ends.
    Edge,
    /// A word of the lexicon, with its class.
    Known(u8),
    /// Another word.
    Word,
    /// Digits.
    Number,
    /// `0x…`.
    Hex,
    /// Letters and digits mixed.
    Mixed,
    /// Letters and digits of more than [`LONG`]: an id, a token, base64.
    Long,
    /// Any other byte.
    Mark(u8),
}

/// A token: what it is, and the hash of what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub kind: Kind,
    pub word: u32,
    /// Where it ends in the text.
    pub end: usize,
}

/// From this length on a word that is not in the lexicon is no word.
const LONG: usize = 20;
/// So many of one mark in a row are told apart; further ones are left out.
const REPEATED: usize = 3;

impl Token {
    /// The edge of a value.
    pub fn edge(end: usize) -> Token {
        Token { kind: Kind::Edge, word: SEED, end }
    }

    /// The hash of what it is, apart from what it says.
    pub fn class(&self) -> u32 {
        match self.kind {
            Kind::Edge => 1,
            Kind::Word => 2,
            Kind::Number => 3,
            Kind::Hex => 4,
            Kind::Mixed => 5,
            Kind::Long => 6,
            Kind::Mark(byte) => 0x100 | u32::from(byte),
            Kind::Known(class) => 0x200 | u32::from(class),
        }
    }
}

fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// Splits a text and calls `each` with every token, while it says that it wants more.
pub(super) fn split(text: &[u8], mut each: impl FnMut(Token) -> bool) {
    let mut at = 0;
    let mut repeated = (0, 0);
    while let Some(byte) = text.get(at).copied() {
        if is_letter(byte) {
            let end = word_end(text, at);
            let word = text.get(at..end).unwrap_or_default();
            let wants = number_before_word(word, at).is_none_or(&mut each) && {
                let digits = number_before_word(word, at).map_or(0, |t| t.end - at);
                each(known(word.get(digits..).unwrap_or_default(), end))
            };
            if !wants {
                return;
            }
            at = end;
            continue;
        }
        at += 1;
        repeated = if repeated.0 == byte { (byte, repeated.1 + 1) } else { (byte, 1) };
        let mark = Token { kind: Kind::Mark(byte), word: hash(SEED, byte), end: at };
        if byte != b' ' && repeated.1 <= REPEATED && !each(mark) {
            return;
        }
    }
}

/// Where the word at `from` ends. An apostrophe between letters is a part of it (`don't`,
/// `o'brien`), unless a word of the lexicon follows, as in `x'or'`.
fn word_end(text: &[u8], from: usize) -> usize {
    let letters = |from: usize| {
        from + text.get(from..).unwrap_or_default().iter().take_while(|b| is_letter(**b)).count()
    };
    let end = letters(from);
    let ends_in_letter =
        end.checked_sub(1).and_then(|i| text.get(i)).is_some_and(|b| !b.is_ascii_digit());
    if ends_in_letter && text.get(end) == Some(&b'\'') {
        let next = letters(end + 1);
        let word = text.get(end + 1..next).unwrap_or_default();
        let closes = word.is_empty() || word.iter().any(u8::is_ascii_digit);
        // What is quoted again is a list of strings: `a'b'c`.
        if !closes && text.get(next) != Some(&b'\'') && class(word).is_none() {
            return next;
        }
    }
    end
}

fn class(word: &[u8]) -> Option<u8> {
    words::class(word.iter().fold(SEED, |h, b| hash(h, *b)))
}

/// Of `1or` and `5union`, the number.
fn number_before_word(word: &[u8], at: usize) -> Option<Token> {
    let digits = word.iter().take_while(|b| b.is_ascii_digit()).count();
    let rest = word.get(digits..).unwrap_or_default();
    (digits > 0 && class(rest).is_some()).then_some(Token {
        kind: Kind::Number,
        word: hash(SEED, b'9'),
        end: at + digits,
    })
}

fn known(word: &[u8], end: usize) -> Token {
    let hashed = word.iter().fold(SEED, |h, b| hash(h, *b));
    let digits = word.iter().filter(|b| b.is_ascii_digit()).count();
    let kind = match words::class(hashed) {
        Some(class) => return Token { kind: Kind::Known(class), word: hashed, end },
        None if digits == word.len() => Kind::Number,
        None if word.starts_with(b"0x") && word.iter().skip(2).all(u8::is_ascii_hexdigit) => {
            Kind::Hex
        }
        None if word.len() > LONG => Kind::Long,
        None if digits > 0 => Kind::Mixed,
        None => Kind::Word,
    };
    let mut token = Token { kind, word: 0, end };
    token.word = token.class();
    token
}

/// How a token is written in reasons: what it says only where the lexicon knows it.
pub(super) fn written(token: &Token, text: &[u8]) -> String {
    match token.kind {
        Kind::Edge => "|".to_owned(),
        Kind::Word => "word".to_owned(),
        Kind::Number => "9".to_owned(),
        Kind::Hex => "0x9".to_owned(),
        Kind::Mixed => "id".to_owned(),
        Kind::Long => "long".to_owned(),
        Kind::Mark(byte) => char::from(byte).to_string(),
        Kind::Known(class) => {
            let before = text.get(..token.end).unwrap_or_default();
            let start = before.iter().rposition(|b| !is_letter(*b)).map_or(0, |i| i + 1);
            let word = before.get(start..).unwrap_or_default();
            let word = word.iter().skip_while(|b| b.is_ascii_digit()).copied().collect();
            String::from_utf8(word).unwrap_or_else(|_| words::name(class).to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> String {
        let mut all = Vec::new();
        split(text.as_bytes(), |t| {
            all.push(written(&t, text.as_bytes()));
            true
        });
        all.join(" ")
    }

    #[test]
    fn names_are_abstracted_and_the_words_of_attacks_stay() {
        for (text, wanted) in [
            ("-1' or 'a'='a", "- 9 ' or ' word ' = ' word"),
            ("1or 0x41=2", "9 or 0x9 = 9"),
            ("don't o'brien x'or'1", "word word word ' or ' 9"),
            ("<<<<<a>", "< < < word >"),
            ("id=e5vnzovbuajtiuhf1wru1hwf7xey1bgr&k=a1b2", "id = long & word = id"),
        ] {
            assert_eq!(tokens(text), wanted, "{text}");
        }
    }
}
