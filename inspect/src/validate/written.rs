//! Values that are known by how they are written: dates, addresses, coordinates, codes of health care.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::ValidateError::{Checksum, Component, Format, Length};
use super::{Outcome, compact, digits, ensure, weighted};

/// Years of birth of people who live: from 1900 on.
const YEARS: std::ops::RangeInclusive<u32> = 1900..=2099;

/// A date with its year first or last; of day and month either may come first.
pub(super) fn date(value: &str) -> Outcome {
    let parts: Vec<&str> = value.split(['-', '/', '.']).collect();
    let number = |text: &&str| text.parse::<u32>().map_err(|_| Format);
    let numbers = parts.iter().map(number).collect::<Result<Vec<_>, _>>()?;
    let (year, a, b) = match (numbers.as_slice(), parts.first().map(|p| p.len())) {
        ([year, a, b], Some(4)) | ([a, b, year], _) => (year, a, b),
        _ => return Err(Format),
    };
    let day_and_month = |day: u32, month: u32| (1..=31).contains(&day) && (1..=12).contains(&month);
    ensure(YEARS.contains(year) && (day_and_month(*a, *b) || day_and_month(*b, *a)), Component)
}

/// How names of months begin, in English, German, French, Spanish, Italian, Portuguese and Dutch.
const MONTHS: [&[&str]; 12] = [
    &["jan", "jän", "gen", "ene"],
    &["feb", "fév", "fev"],
    &["mar", "mär", "mrz", "maa", "mrt"],
    &["apr", "avr", "abr"],
    &["may", "mai", "mag", "mei"],
    &["jun", "juin", "giu"],
    &["jul", "juil", "lug"],
    &["aug", "aoû", "aou", "ago"],
    &["sep", "set"],
    &["oct", "okt", "ott", "out"],
    &["nov"],
    &["dec", "dez", "déc", "dic"],
];

/// A [`date`], also with a time behind it (RFC 3339), in eight digits (`19870423`), or with the month's name.
pub(super) fn birth_date(value: &str) -> Outcome {
    let value = value.trim();
    let day = match value.split_once('T') {
        Some((day, time)) if time.starts_with(|c: char| c.is_ascii_digit()) => day,
        _ => value,
    };
    if day.len() == 8 && day.bytes().all(|b| b.is_ascii_digit()) {
        let (year, month) = (day.get(..4).unwrap_or(""), day.get(4..6).unwrap_or(""));
        return date(&format!("{year}-{month}-{}", day.get(6..).unwrap_or("")));
    }
    date(day).or_else(|_| named_date(day))
}

/// `2-Mar-1961`, `March 2nd, 1961`, `3. Mai 1974`, `23 de abril de 1987`.
fn named_date(value: &str) -> Outcome {
    let words = value.split([' ', ',', '-', '.', '/']).filter(|w| !matches!(*w, "" | "de" | "of"));
    let (mut year, mut month, mut day) = (None, None, None);
    for word in words {
        let (number, rest) = word.split_at(word.bytes().take_while(u8::is_ascii_digit).count());
        match number.parse::<u32>() {
            Ok(n) if number.len() == 4 && rest.is_empty() && year.is_none() => year = Some(n),
            Ok(n) if number.len() <= 2 && rest.len() <= 2 && day.is_none() => day = Some(n),
            Err(_) if month.is_none() => {
                let small = rest.to_lowercase();
                let begins = |names: &&[&str]| names.iter().any(|name| small.starts_with(name));
                month = Some(MONTHS.iter().find(|names| begins(names)).ok_or(Format)?);
            }
            _ => return Err(Format),
        }
    }
    let (Some(year), Some(_), Some(day)) = (year, month, day) else { return Err(Format) };
    ensure(YEARS.contains(&year) && (1..=31).contains(&day), Component)
}

/// A phone number in any groups: 7 to 15 digits (ITU-T E.164 §6.2), and no date.
pub(super) fn phone_digits(value: &str) -> Outcome {
    let count = value.bytes().filter(u8::is_ascii_digit).count();
    ensure((7..=15).contains(&count), Length)?;
    let starts = value.starts_with(|c: char| c.is_ascii_digit() || c == '(' || c == '+');
    let doubled = ["--", "  ", "..", "//"].iter().any(|pair| value.contains(pair));
    ensure(starts && !doubled && date(value.trim()).is_err(), Format)
}

/// What streets are called, in front of their name or behind it, in the languages of most addresses.
const STREETS: &[&str] = &[
    "street",
    "st",
    "avenue",
    "ave",
    "av",
    "road",
    "rd",
    "lane",
    "ln",
    "boulevard",
    "blvd",
    "drive",
    "dr",
    "court",
    "ct",
    "square",
    "sq",
    "terrace",
    "crescent",
    "parkway",
    "pkwy",
    "highway",
    "hwy",
    "way",
    "place",
    "pl",
    "close",
    "quay",
    "route",
    "rue",
    "chemin",
    "quai",
    "allée",
    "impasse",
    "calle",
    "avenida",
    "carrera",
    "paseo",
    "plaza",
    "rua",
    "travessa",
    "via",
    "viale",
    "corso",
    "piazza",
    "straße",
    "strasse",
    "str",
    "weg",
    "platz",
    "allee",
    "gasse",
    "ulica",
    "ul",
    "tér",
    "utca",
    "út",
];
/// How names of streets end that are one word.
const STREET_ENDS: &[&str] = &[
    "straße", "strasse", "str", "weg", "platz", "allee", "gasse", "straat", "laan", "gracht",
    "gatan", "vägen", "vej", "gade", "gata",
];

/// A line of an address: a street by what it is called and a number, or a post office box.
pub(super) fn postal_address(value: &str) -> Outcome {
    let lower = value.to_lowercase();
    let words: Vec<&str> =
        lower.split([' ', ',', '.', '/', '#']).filter(|w| !w.is_empty()).collect();
    let number = |w: &&&str| {
        let digits = w.chars().take_while(char::is_ascii_digit).count();
        (1..=5).contains(&digits) && w.chars().count() <= digits + 1
    };
    ensure(words.iter().any(|w| number(&w)), Format)?;
    let boxed = words.windows(2).any(|w| matches!(w, ["po" | "postal", "box"]))
        || words.windows(3).any(|w| matches!(w, ["p", "o", "box"]));
    let named = |w: &&str| {
        let ends = |end: &&str| w.strip_suffix(end).is_some_and(|name| name.chars().count() >= 3);
        STREETS.contains(w) || STREET_ENDS.iter().any(ends)
    };
    ensure(words.len() >= 2 && (boxed || words.iter().any(named)), Format)
}

pub(super) fn ipv4(value: &str) -> Outcome {
    value.parse::<Ipv4Addr>().map(drop).map_err(|_| Format)
}

/// An IPv6 address in full or with `::`.
pub(super) fn ipv6(value: &str) -> Outcome {
    value.parse::<Ipv6Addr>().map(drop).map_err(|_| Format)
}

/// EUI-48: six octets with one separator.
pub(super) fn mac(value: &str) -> Outcome {
    let separator = if value.contains(':') { ':' } else { '-' };
    let octets: Vec<&str> = value.split(separator).collect();
    let two = |o: &&str| o.len() == 2 && o.bytes().all(|b| b.is_ascii_hexdigit());
    ensure(octets.len() == 6 && octets.iter().all(two), Format)
}

/// Degrees with at least four decimals.
pub(super) fn coordinate(value: &str) -> Outcome {
    let degrees: f64 = value.parse().map_err(|_| Format)?;
    let decimals = value.split('.').nth(1).map_or(0, str::len);
    ensure(decimals >= 4, Length)?;
    ensure(degrees.abs() <= 180.0, Component)
}

/// Number of the British NHS: ten digits, weights 10 to 2, mod 11.
pub(super) fn nhs(value: &str) -> Outcome {
    let number = digits(value, " -")?;
    ensure(number.len() == 10, Length)?;
    let sum = weighted(&number, &[10, 9, 8, 7, 6, 5, 4, 3, 2, 1]);
    ensure(sum.is_multiple_of(11), Checksum)
}

/// Number of the US DEA: two letters and seven digits, of which the last checks the others.
pub(super) fn dea(value: &str) -> Outcome {
    let text = compact(value, " -");
    let (letters, number) = text.split_at_checked(2).ok_or(Length)?;
    ensure(letters.iter().all(u8::is_ascii_alphabetic), Format)?;
    let number = digits(&String::from_utf8_lossy(number), "")?;
    let (check, head) = number.split_last().ok_or(Length)?;
    ensure(head.len() == 6, Length)?;
    ensure(weighted(head, &[1, 2]) % 10 == u32::from(*check), Checksum)
}

/// US Medicare beneficiary identifier: eleven characters, letters and digits by position (CMS).
pub(super) fn mbi(value: &str) -> Outcome {
    let text = compact(value, " -");
    ensure(text.len() == 11, Length)?;
    let letter = |b: u8| b.is_ascii_uppercase() && !b"SLOIBZ".contains(&b);
    let fits = |(b, form): (&u8, u8)| match form {
        b'C' => (b'1'..=b'9').contains(b),
        b'N' => b.is_ascii_digit(),
        b'A' => letter(*b),
        _ => letter(*b) || b.is_ascii_digit(),
    };
    ensure(text.iter().zip(*b"CAXNAXNAANN").all(fits), Format)
}

/// Code of a diagnosis: a letter, a digit, a digit or letter, and up to four more behind a point.
pub(super) fn icd10(value: &str) -> Outcome {
    let (head, tail) = value.split_once('.').unwrap_or((value, ""));
    let head_fits = match head.as_bytes() {
        [a, b, c] => a.is_ascii_uppercase() && b.is_ascii_digit() && c.is_ascii_alphanumeric(),
        _ => false,
    };
    let tail_fits = tail.len() <= 4 && tail.bytes().all(|b| b.is_ascii_alphanumeric());
    ensure(head_fits && tail_fits, Format)
}
