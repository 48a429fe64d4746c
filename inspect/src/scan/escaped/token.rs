//! The escapes themselves: what stands at a place, and another character written in the same form and length.

use memchr::memchr3;

use super::base64;

/// Backslashes in front of a `u`: JSON in JSON in JSON. More are text.
const MAX_BACKSLASHES: usize = 7;
/// `25` between `%` and the digits. More are text.
const MAX_PERCENTS: usize = 3;
/// The longest entity: `&#000000052;`. Longer ones are text.
const MAX_ENTITY: usize = 12;
/// White space between `=` and the end of its line, which transport may have added (RFC 2045 §6.7, rule 3). More is text.
const MAX_PADDING: usize = 76;
/// Letters and digits in front of an escaped slash that make it one of a token.
const WORD: usize = 8;

/// In which escapes a content may be written, besides those that any text may have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Writing {
    /// None.
    #[default]
    Text,
    /// A form, urlencoded: `+` is a space, and everything is decoded.
    Form,
    /// Parts as in mail, which may be quoted-printable (RFC 2045 §6.7): `=34`, and a line that goes on behind `=` at its end.
    Mail,
}

impl Writing {
    /// That of a body of this media type.
    pub fn of(content_type: &[u8]) -> Writing {
        const KINDS: [(&[u8], Writing); 3] = [
            (b"application/x-www-form-urlencoded", Writing::Form),
            (b"multipart/", Writing::Mail),
            (b"message/", Writing::Mail),
        ];
        let is = |kind: &[u8]| {
            content_type.get(..kind.len()).is_some_and(|begins| begins.eq_ignore_ascii_case(kind))
        };
        KINDS.iter().find(|(kind, _)| is(kind)).map_or(Writing::Text, |(_, writing)| *writing)
    }
}

/// How an escaped character is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Its last two bytes are its hexadecimal value.
    Hex,
    /// `&#x34;`
    HexEntity,
    /// `&#52;`
    DecimalEntity,
    /// What can't be another character in the same length.
    Fixed,
    /// It stands for itself.
    Plain,
    /// The byte of this number, 0 to 2, of four letters of base64.
    Base64(u8),
}

/// One escaped character.
#[derive(Clone, Copy, Debug)]
pub struct Escape {
    pub byte: u8,
    pub len: usize,
    pub form: Form,
    /// It could be a part of a value that matters, and is no usual way to write what frames values.
    pub opens: bool,
}

/// What stands at a place.
pub enum Token {
    Escape(Escape),
    /// So many bytes that stand for themselves.
    Text(usize),
    /// So many bytes that stand for nothing: the text goes on behind them.
    Nothing(usize),
    /// The next bytes will tell.
    Unknown,
}

/// Whether an escape at `at` could be a part of a value that matters.
pub fn opens(raw: &[u8], at: usize, escape: Escape) -> bool {
    // Many writers escape all slashes: those in a token have nothing but letters and digits before them.
    let token =
        || raw.get(at.checked_sub(WORD)?..at).map(|w| w.iter().all(u8::is_ascii_alphanumeric));
    let slash = escape.byte == b'/' && escape.form == Form::Fixed;
    escape.opens || slash && token() == Some(true)
}

/// What `bytes` begins with; not empty. `last`: nothing follows them.
pub fn token(bytes: &[u8], last: bool, writing: Writing) -> Token {
    let special = |b: &u8| match b {
        b'\\' | b'%' | b'&' => true,
        b'+' => writing == Writing::Form,
        b'=' => writing == Writing::Mail,
        _ => false,
    };
    let first = bytes.first().copied().unwrap_or_default();
    if !special(&first) {
        let next = match writing {
            Writing::Text => memchr3(b'\\', b'%', b'&', bytes),
            Writing::Form | Writing::Mail => bytes.iter().position(special),
        };
        return Token::Text(next.unwrap_or(bytes.len()));
    }
    let form = writing == Writing::Form;
    let escape = match first {
        b'+' => Ok(Some(Escape { byte: b' ', len: 1, form: Form::Fixed, opens: true })),
        b'=' => match soft_break(bytes) {
            Ok(Some(n)) => return Token::Nothing(n),
            Ok(None) => quoted(bytes),
            Err(more) => Err(more),
        },
        b'\\' => backslash(bytes),
        b'%' => percent(bytes, form),
        // In a form it begins the next field.
        _ if form => Ok(None),
        _ => entity(bytes),
    };
    match escape {
        Ok(Some(escape)) => Token::Escape(escape),
        // What a backslash escapes must not be taken for the beginning of something.
        Ok(None) if first == b'\\' => {
            Token::Text(bytes.iter().take_while(|b| **b == b'\\').count())
        }
        Ok(None) => Token::Text(1),
        Err(More) if last => Token::Text(1),
        Err(More) => Token::Unknown,
    }
}

/// Too little is there to tell.
struct More;

fn hex(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |n, b| Some(n << 4 | char::from(*b).to_digit(16)?))
}

/// A printable character.
fn printable(value: Option<u32>) -> Option<u8> {
    value.and_then(|v| u8::try_from(v).ok()).filter(|b| (b' '..=b'~').contains(b))
}

/// `\u0034` with one backslash or more, `\/`.
fn backslash(bytes: &[u8]) -> Result<Option<Escape>, More> {
    let n = bytes.iter().take(MAX_BACKSLASHES + 1).take_while(|b| **b == b'\\').count();
    if n > MAX_BACKSLASHES {
        return Ok(None);
    }
    match bytes.get(n) {
        None => Err(More),
        Some(b'/') => Ok(Some(Escape { byte: b'/', len: n + 1, form: Form::Fixed, opens: false })),
        Some(b'u') => {
            let digits = bytes.get(n + 1..(n + 5).min(bytes.len())).unwrap_or_default();
            let zeros = b"00".iter().zip(digits).all(|(zero, digit)| zero == digit);
            let rest = digits.get(2..).unwrap_or_default();
            if !zeros || !rest.iter().all(u8::is_ascii_hexdigit) {
                return Ok(None);
            }
            if digits.len() < 4 {
                return Err(More);
            }
            let escape = |byte| {
                // Some writers escape these everywhere.
                let opens = !b"\"&'<>/=`".contains(&byte);
                Escape { byte, len: n + 5, form: Form::Hex, opens }
            };
            Ok(printable(hex(digits)).map(escape))
        }
        Some(_) => Ok(None),
    }
}

/// `=` at the end of a line: how many bytes it takes.
fn soft_break(bytes: &[u8]) -> Result<Option<usize>, More> {
    let behind = bytes.get(1..).unwrap_or_default();
    let padding = behind.iter().take(MAX_PADDING).take_while(|b| matches!(b, b' ' | b'\t')).count();
    match behind.get(padding..).unwrap_or_default() {
        [b'\n', ..] => Ok(Some(padding + 2)),
        [b'\r', b'\n', ..] => Ok(Some(padding + 3)),
        [] | [b'\r'] => Err(More),
        _ => Ok(None),
    }
}

/// `=34`.
fn quoted(bytes: &[u8]) -> Result<Option<Escape>, More> {
    let Some(digits) = bytes.get(1..3) else {
        let more = bytes.get(1).is_none_or(u8::is_ascii_hexdigit);
        return if more { Err(More) } else { Ok(None) };
    };
    // The sign itself is written so everywhere.
    let escape = |byte| Escape { byte, len: 3, form: Form::Hex, opens: byte != b'=' };
    Ok(printable(hex(digits)).map(escape))
}

/// `%34`, `%2534`.
fn percent(bytes: &[u8], form: bool) -> Result<Option<Escape>, More> {
    let mut at = 1;
    while bytes.get(at..at + 2) == Some(b"25") && at < 1 + 2 * MAX_PERCENTS {
        // Only if digits follow is it an escape of an escape.
        match bytes.get(at + 2..at + 4) {
            Some(digits) if hex(digits).is_some() => at += 2,
            Some(_) => break,
            None if bytes.get(at + 2).is_none_or(u8::is_ascii_hexdigit) => return Err(More),
            None => break,
        }
    }
    let Some(digits) = bytes.get(at..at + 2) else {
        let more = bytes.get(at).is_none_or(u8::is_ascii_hexdigit);
        return if more { Err(More) } else { Ok(None) };
    };
    let escape = |byte: u8| {
        // In text that is no form URLs stand, with the usual escapes.
        let opens = form || byte.is_ascii_alphanumeric() || byte == b'@';
        Escape { byte, len: at + 2, form: Form::Hex, opens }
    };
    Ok(printable(hex(digits)).map(escape))
}

/// `&#52;`, `&#x34;`, `&commat;`.
fn entity(bytes: &[u8]) -> Result<Option<Escape>, More> {
    const NAMED: [(&[u8], u8); 8] = [
        (b"&amp;", b'&'),
        (b"&commat;", b'@'),
        (b"&period;", b'.'),
        (b"&nbsp;", b' '),
        (b"&quot;", b'"'),
        (b"&apos;", b'\''),
        (b"&lt;", b'<'),
        (b"&gt;", b'>'),
    ];
    let Some(second) = bytes.get(1) else { return Err(More) };
    let end = bytes.iter().take(MAX_ENTITY).position(|b| *b == b';');
    let Some(end) = end else {
        let text = |b: &u8| b.is_ascii_alphanumeric() || *b == b'#';
        let whole = bytes.len() >= MAX_ENTITY || !bytes.iter().skip(1).all(text);
        let begins = *second == b'#' || NAMED.iter().any(|(name, _)| name.starts_with(bytes));
        return if whole || !begins { Ok(None) } else { Err(More) };
    };
    let text = bytes.get(..=end).unwrap_or_default();
    if let Some((_, byte)) = NAMED.iter().find(|(name, _)| *name == text) {
        let opens = matches!(byte, b'@' | b'.');
        return Ok(Some(Escape { byte: *byte, len: end + 1, form: Form::Fixed, opens }));
    }
    let Some(number) = text.strip_prefix(b"&#").and_then(|t| t.strip_suffix(b";")) else {
        return Ok(None);
    };
    let (value, form) = match number.strip_prefix(b"x").or(number.strip_prefix(b"X")) {
        Some(digits) if !digits.is_empty() => (hex(digits), Form::HexEntity),
        _ => (std::str::from_utf8(number).ok().and_then(|n| n.parse().ok()), Form::DecimalEntity),
    };
    let opens = |byte: &u8| !b"\"&'<>".contains(byte);
    let escape = |byte| Escape { byte, len: end + 1, form, opens: opens(&byte) };
    Ok(printable(value).map(escape))
}

/// Writes another character in the form of the one that is there.
pub fn write(byte: u8, form: Form, to: &mut [u8]) {
    let number = match form {
        Form::Fixed => return to.fill(b'*'),
        Form::Plain => return to.fill(byte),
        Form::Base64(phase) => return base64::write(byte, phase, to),
        Form::Hex => format!("{byte:02x}"),
        Form::HexEntity => format!("{byte:02x};"),
        Form::DecimalEntity => format!("{byte:0width$};", width = to.len().saturating_sub(3)),
    };
    let at = to.len().saturating_sub(number.len());
    to.iter_mut().skip(at).zip(number.bytes()).for_each(|(to, b)| *to = b);
}
