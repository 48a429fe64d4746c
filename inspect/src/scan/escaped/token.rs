//! The escapes themselves: what stands at a place, and another character written in the same form and length.

use memchr::memchr3;

use super::base64;

/// Backslashes in front of a `u`: JSON in JSON in JSON. More are text.
const MAX_BACKSLASHES: usize = 7;
/// `25` between `%` and the digits. More are text.
const MAX_PERCENTS: usize = 3;
/// The longest entity: `&#000000052;`. Longer ones are text.
const MAX_ENTITY: usize = 12;
/// Letters and digits in front of an escaped slash that make it one of a token.
const WORD: usize = 8;

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
pub fn token(bytes: &[u8], last: bool, form: bool) -> Token {
    let special = |b: &u8| matches!(b, b'\\' | b'%' | b'&') || form && *b == b'+';
    let first = bytes.first().copied().unwrap_or_default();
    if !special(&first) {
        let next = match form {
            true => bytes.iter().position(special),
            false => memchr3(b'\\', b'%', b'&', bytes),
        };
        return Token::Text(next.unwrap_or(bytes.len()));
    }
    let escape = match first {
        b'+' => Ok(Some(Escape { byte: b' ', len: 1, form: Form::Fixed, opens: true })),
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
        Form::Base64(phase) => return base64::write(byte, phase, to),
        Form::Hex => format!("{byte:02x}"),
        Form::HexEntity => format!("{byte:02x};"),
        Form::DecimalEntity => format!("{byte:0width$};", width = to.len().saturating_sub(3)),
    };
    let at = to.len().saturating_sub(number.len());
    to.iter_mut().skip(at).zip(number.bytes()).for_each(|(to, b)| *to = b);
}
