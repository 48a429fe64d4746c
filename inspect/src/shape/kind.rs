//! The form of a value that is written as text.

use serde::{Deserialize, Serialize};

/// The form of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// `true`, `false`.
    Boolean,
    /// Digits, maybe signed.
    Integer,
    /// Digits with one point.
    Number,
    /// RFC 9562.
    Uuid,
    /// RFC 3339 `full-date`.
    Date,
    /// RFC 3339 `date-time`, also without a zone.
    DateTime,
    /// Hexadecimal digits, at least seven, of which one is no letter.
    Hex,
    /// Something, `@` and a name with a dot.
    Email,
    /// Letters only.
    Word,
    /// Words with `-` or `_` between them.
    Slug,
    /// Letters and digits as base64 or base62 mixes them, at least 12.
    Base64,
    /// Anything else.
    String,
}

/// All kinds, in their order.
pub const KINDS: [Kind; 12] = [
    Kind::Boolean,
    Kind::Integer,
    Kind::Number,
    Kind::Uuid,
    Kind::Date,
    Kind::DateTime,
    Kind::Hex,
    Kind::Email,
    Kind::Word,
    Kind::Slug,
    Kind::Base64,
    Kind::String,
];

impl Kind {
    /// The form of a text.
    pub fn of(text: &str) -> Kind {
        let bytes = text.as_bytes();
        let all = |is: &dyn Fn(&u8) -> bool| !bytes.is_empty() && bytes.iter().all(is);
        let unsigned = text.strip_prefix('-').unwrap_or(text);
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let number = || unsigned.split_once('.').is_some_and(|(a, b)| digits(a) && digits(b));
        let mixed = || {
            bytes.iter().any(u8::is_ascii_digit)
                && (bytes.iter().any(u8::is_ascii_uppercase) || bytes.contains(&b'='))
        };
        match text {
            "true" | "false" => Kind::Boolean,
            _ if digits(unsigned) => Kind::Integer,
            _ if number() => Kind::Number,
            _ if is_uuid(bytes) => Kind::Uuid,
            _ if is_date(bytes) => Kind::Date,
            _ if is_date_time(text) => Kind::DateTime,
            _ if bytes.len() >= 7
                && all(&|b| b.is_ascii_hexdigit())
                && bytes.iter().any(u8::is_ascii_digit) =>
            {
                Kind::Hex
            }
            _ if is_email(text) => Kind::Email,
            _ if all(&|b| b.is_ascii_alphabetic()) => Kind::Word,
            _ if bytes.len() >= 12
                && all(&|b| b.is_ascii_alphanumeric() || b"-_+/=".contains(b))
                && mixed() =>
            {
                Kind::Base64
            }
            _ if all(&|b| b.is_ascii_alphanumeric() || b"-_".contains(b)) => Kind::Slug,
            _ => Kind::String,
        }
    }

    /// Its name in the output, and as the name of a parameter.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Boolean => "boolean",
            Kind::Integer => "integer",
            Kind::Number => "number",
            Kind::Uuid => "uuid",
            Kind::Date => "date",
            Kind::DateTime => "date-time",
            Kind::Hex => "hex",
            Kind::Email => "email",
            Kind::Word => "word",
            Kind::Slug => "slug",
            Kind::Base64 => "base64",
            Kind::String => "string",
        }
    }

    /// `type` and `format` of JSON Schema.
    pub fn json_type(self) -> (&'static str, Option<&'static str>) {
        match self {
            Kind::Boolean => ("boolean", None),
            Kind::Integer => ("integer", None),
            Kind::Number => ("number", None),
            Kind::Uuid => ("string", Some("uuid")),
            Kind::Date => ("string", Some("date")),
            Kind::DateTime => ("string", Some("date-time")),
            Kind::Email => ("string", Some("email")),
            _ => ("string", None),
        }
    }

    /// The kind that holds both.
    pub fn join(self, other: Kind) -> Kind {
        use Kind::{Base64, Hex, Integer, Number, Slug, String, Word};
        match (self.min(other), self.max(other)) {
            (a, b) if a == b => a,
            (Integer, Number) => Number,
            (Integer, Hex) => Hex,
            (Integer | Hex | Word, Slug) | (Integer, Word) => Slug,
            (Integer | Hex | Word, Base64) | (Slug, Base64) => Base64,
            (Hex, Word) => Slug,
            _ => String,
        }
    }
}

fn is_uuid(bytes: &[u8]) -> bool {
    let dash = |at: usize| matches!(at, 8 | 13 | 18 | 23);
    let fits = |(at, b): (usize, &u8)| if dash(at) { *b == b'-' } else { b.is_ascii_hexdigit() };
    bytes.len() == 36 && bytes.iter().enumerate().all(fits)
}

fn is_date(bytes: &[u8]) -> bool {
    let dash = |at: usize| matches!(at, 4 | 7);
    let fits = |(at, b): (usize, &u8)| if dash(at) { *b == b'-' } else { b.is_ascii_digit() };
    bytes.len() == 10 && bytes.iter().enumerate().all(fits)
}

fn is_date_time(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.first_chunk::<10>().is_some_and(|date| is_date(date))
        && bytes.get(10).is_some_and(|t| b"Tt ".contains(t))
        && bytes.get(11).is_some_and(u8::is_ascii_digit)
}

fn is_email(text: &str) -> bool {
    text.split_once('@').is_some_and(|(name, host)| {
        !name.is_empty()
            && host.split_once('.').is_some_and(|(a, b)| !a.is_empty() && !b.is_empty())
            && !host.contains(['@', ' ', '/'])
    })
}
