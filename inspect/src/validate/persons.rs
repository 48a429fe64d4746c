//! Numbers that states give to persons, by rules that are more than one weighted sum.

use super::ValidateError::{Checksum, Component, Format, Length};
use super::national::{birth, check_digit, numbers, whole};
use super::{Check, Outcome, compact, digits, ensure, ids, luhn, weighted};

/// What people write between the parts of such numbers.
const SEPARATORS: &str = " -./()";

/// The kinds here.
pub(super) const KINDS: &[(&str, Check)] = &[
    ("ar.cuit", argentine),
    ("at.vnr", austrian),
    ("cz.rc", czech),
    ("dk.cpr", danish),
    ("fr.nir", french),
    ("gb.nino", british_insurance),
    ("gb.utr", british_tax),
    ("hk.hkid", hong_kong),
    ("ie.pps", irish),
    ("in_.aadhaar", aadhaar),
    ("is_.kennitala", icelandic),
    ("it.codicefiscale", italian),
    ("jp.in", japanese),
    ("mx.curp", mexican),
    ("nz.ird", new_zealand),
    ("se.personnummer", swedish),
    ("sg.nric", singaporean),
    ("th.pin", thai),
];

/// The number of the digits `from..to`.
fn part(number: &[u8], from: usize, to: usize) -> u64 {
    number.get(from..to).map_or(0, whole)
}

/// The century of a year of two digits is not written: the day must exist in one.
fn born(year: u64, month: u64, day: u64) -> Outcome {
    birth(2000 + year, month, day).or_else(|_| birth(1900 + year, month, day))
}

fn letter(byte: u8) -> Result<u32, super::ValidateError> {
    byte.is_ascii_uppercase().then(|| u32::from(byte - b'A')).ok_or(Format)
}

/// Persons and companies are told by the first two digits.
fn argentine(value: &str) -> Outcome {
    let number = numbers(value, 11)?;
    let kinds = [20, 23, 24, 25, 26, 27, 30, 33, 34, 50, 51, 55];
    ensure(kinds.contains(&part(&number, 0, 2)), Component)?;
    let sum = weighted(number.get(..10).unwrap_or(&[]), &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]);
    let wanted = match 11 - sum % 11 {
        11 => 0,
        10 => 9,
        digit => digit,
    };
    check_digit(&number, 10, wanted)
}

/// The check digit is the fourth one; behind it is the day of birth, with months up to 15 where numbers ran out.
fn austrian(value: &str) -> Outcome {
    let number = numbers(value, 10)?;
    ensure(number.first() != Some(&0), Component)?;
    check_digit(&number, 3, weighted(&number, &[3, 7, 9, 0, 5, 8, 4, 2, 1, 6]) % 11)
}

/// Of the Czech Republic and Slovakia. Women have 50 more in the month, and 20 more is added where numbers ran out; those of nine
/// digits are from before 1954 and have no check digit.
fn czech(value: &str) -> Outcome {
    let number = digits(value, SEPARATORS)?;
    let month = part(&number, 2, 4) % 50 % 20;
    born(part(&number, 0, 2), month, part(&number, 4, 6))?;
    match number.len() {
        9 => Ok(()),
        10 => ensure(
            whole(&number).is_multiple_of(11)
                || part(&number, 0, 9) % 11 == 10 && number.ends_with(&[0]),
            Checksum,
        ),
        _ => Err(Length),
    }
}

/// There is no check digit since 2007; the seventh digit tells the century.
fn danish(value: &str) -> Outcome {
    let number = numbers(value, 10)?;
    let year = part(&number, 4, 6);
    let century = match number.get(6) {
        Some(0..=3) => 1900,
        Some(4 | 9) if year >= 37 => 1900,
        Some(5..=8) if year >= 58 => 1800,
        _ => 2000,
    };
    birth(century + year, part(&number, 2, 4), part(&number, 0, 2))
}

/// Corsica's departments, 2A and 2B, count as 19 and 18.
fn french(value: &str) -> Outcome {
    let text = compact(value, SEPARATORS);
    ensure(text.len() == 15, Length)?;
    let written = String::from_utf8_lossy(&text);
    let department = match text.get(5..7) {
        Some(b"2A") => written.replacen("2A", "19", 1),
        Some(b"2B") => written.replacen("2B", "18", 1),
        _ => written.into_owned(),
    };
    let number = digits(&department, "")?;
    ensure(97 - part(&number, 0, 13) % 97 == part(&number, 13, 15), Checksum)
}

/// No check digit: two letters, of which some are never given, six digits and one of four letters.
fn british_insurance(value: &str) -> Outcome {
    let text = compact(value, SEPARATORS);
    let [first, second, number @ .., last] = text.as_slice() else { return Err(Length) };
    ensure(number.len() == 6, Length)?;
    ensure(number.iter().all(u8::is_ascii_digit) && (b'A'..=b'D').contains(last), Format)?;
    let given = |b: &u8| b.is_ascii_uppercase() && !b"DFIQUV".contains(b);
    ensure(given(first) && given(second) && *second != b'O', Component)?;
    let never: [&[u8]; 7] = [b"BG", b"GB", b"NK", b"KN", b"TN", b"NT", b"ZZ"];
    ensure(!never.contains(&[*first, *second].as_slice()), Component)
}

/// The check digit is the first one.
fn british_tax(value: &str) -> Outcome {
    let number = numbers(value.trim_end_matches(['k', 'K']), 10)?;
    let sum = weighted(number.get(1..).unwrap_or(&[]), &[6, 7, 8, 9, 10, 5, 4, 3, 2]);
    let wanted = [2, 1, 9, 8, 7, 6, 5, 4, 3, 2, 1].get((sum % 11) as usize).copied();
    check_digit(&number, 0, wanted.unwrap_or_default())
}

/// One letter or two, six digits, and a check digit in brackets that may be an A.
fn hong_kong(value: &str) -> Outcome {
    let text = compact(value, SEPARATORS);
    let letters = text.iter().take_while(|b| b.is_ascii_uppercase()).count();
    ensure((1..=2).contains(&letters) && text.len() == letters + 7, Length)?;
    let code = |b: &u8| match b {
        b'A'..=b'Z' => Ok(letter(*b)? + 10),
        b'0'..=b'9' => Ok(u32::from(b - b'0')),
        _ => Err(Format),
    };
    let codes = text.iter().map(code).collect::<Result<Vec<_>, _>>()?;
    let (check, first) = codes.split_last().ok_or(Length)?;
    ensure(*check <= 10 && first.iter().skip(letters).all(|c| *c < 10), Format)?;
    // Instead of a second letter there is a blank, which is 36.
    let blank = if letters == 1 { 36 * 9 } else { 0 };
    let sum: u32 = first.iter().rev().zip(2..).map(|(code, weight)| code * weight).sum();
    ensure((blank + sum + check).is_multiple_of(11), Checksum)
}

/// Seven digits, a check letter, and a letter that counts if it is one of the first nine.
fn irish(value: &str) -> Outcome {
    let text = compact(value, SEPARATORS);
    let (number, letters) = text.split_at_checked(7).ok_or(Length)?;
    let number = digits(&String::from_utf8_lossy(number), "")?;
    let (check, more) = match letters {
        [check] | [check, b'W' | b'T' | b'X'] => (check, 0),
        [check, more @ b'A'..=b'I'] => (check, letter(*more)? + 1),
        [_, _] => return Err(Format),
        _ => return Err(Length),
    };
    let rest = (weighted(&number, &[8, 7, 6, 5, 4, 3, 2]) + 9 * more) % 23;
    ensure(b"WABCDEFGHIJKLMNOPQRSTUV".get(rest as usize) == Some(check), Checksum)
}

fn aadhaar(value: &str) -> Outcome {
    let number = numbers(value, 12)?;
    ensure(!matches!(number.first(), Some(0 | 1)), Component)?;
    ids::verhoeff(&String::from_utf8_lossy(&compact(value, SEPARATORS)))
}

/// Companies have 40 more in the day.
fn icelandic(value: &str) -> Outcome {
    let number = numbers(value, 10)?;
    born(part(&number, 4, 6), part(&number, 2, 4), part(&number, 0, 2) % 40)?;
    ensure(weighted(&number, &[3, 2, 7, 6, 5, 4, 3, 2, 1, 0]).is_multiple_of(11), Checksum)
}

/// Letters of the name, day and place of birth, a check letter. Where two people would have the same, digits become letters.
fn italian(value: &str) -> Outcome {
    const ODD: [u32; 26] = [
        1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24,
        23,
    ];
    let text = compact(value, SEPARATORS);
    ensure(text.len() == 16, Length)?;
    let digit = |b: u8| b.is_ascii_digit() || b"LMNPQRSTUV".contains(&b);
    for (at, b) in text.iter().enumerate() {
        let fits = match at {
            8 => b"ABCDEHLMPRST".contains(b),
            6 | 7 | 9 | 10 | 12..=14 => digit(*b),
            _ => b.is_ascii_uppercase(),
        };
        ensure(fits, Format)?;
    }
    let (check, first) = text.split_last().ok_or(Length)?;
    let mut sum = 0;
    for (at, b) in first.iter().enumerate() {
        let code = if b.is_ascii_digit() { u32::from(b - b'0') } else { letter(*b)? };
        sum += if at % 2 == 0 { ODD.get(code as usize).copied().unwrap_or(0) } else { code };
    }
    ensure(letter(*check)? == sum % 26, Checksum)
}

fn japanese(value: &str) -> Outcome {
    let number = numbers(value, 12)?;
    let rest = weighted(number.get(..11).unwrap_or(&[]), &[6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11;
    check_digit(&number, 11, if rest <= 1 { 0 } else { 11 - rest })
}

/// Letters of the name, day of birth, sex, state, and a check digit.
fn mexican(value: &str) -> Outcome {
    const CODES: &[u8] = b"0123456789ABCDEFGHIJKLMN&OPQRSTUVWXYZ";
    let text = compact(value, SEPARATORS);
    ensure(text.len() == 18, Length)?;
    let (check, first) = text.split_last().ok_or(Length)?;
    let form = |(at, b): (usize, &u8)| match at {
        4..=9 => b.is_ascii_digit(),
        10 => b"HMX".contains(b),
        16 => b.is_ascii_alphanumeric(),
        _ => b.is_ascii_uppercase(),
    };
    ensure(first.iter().enumerate().all(form) && check.is_ascii_digit(), Format)?;
    let day = digits(&String::from_utf8_lossy(text.get(4..10).unwrap_or(&[])), "")?;
    born(part(&day, 0, 2), part(&day, 2, 4), part(&day, 4, 6))?;
    let code = |b: &u8| CODES.iter().position(|c| c == b).unwrap_or(0) as u32;
    let sum: u32 = first.iter().zip((2..=18).rev()).map(|(b, weight)| code(b) * weight).sum();
    ensure(u32::from(check - b'0') == (10 - sum % 10) % 10, Checksum)
}

/// Where the first weights leave no digit, others are used.
fn new_zealand(value: &str) -> Outcome {
    let mut number = digits(value, SEPARATORS)?;
    ensure(matches!(number.len(), 8 | 9), Length)?;
    ensure((10_000_001..150_000_000).contains(&whole(&number)), Component)?;
    if number.len() == 8 {
        number.insert(0, 0);
    }
    let by = |weights: &[u32]| (11 - weighted(number.get(..8).unwrap_or(&[]), weights) % 11) % 11;
    let wanted = match by(&[3, 2, 7, 6, 5, 4, 3, 2]) {
        10 => by(&[7, 4, 3, 2, 5, 2, 7, 6]),
        digit => digit,
    };
    check_digit(&number, 8, wanted)
}

/// With or without the century; who waits for one has 60 more in the day.
fn swedish(value: &str) -> Outcome {
    let mut number = digits(value, " -+")?;
    if number.len() == 12 {
        number.drain(..2);
    }
    ensure(number.len() == 10, Length)?;
    born(part(&number, 0, 2), part(&number, 2, 4), part(&number, 4, 6) % 60)?;
    ensure(luhn::valid(&number), Checksum)
}

/// S and T are citizens, F and G foreigners, of this century if it is the second one.
fn singaporean(value: &str) -> Outcome {
    let text = compact(value, SEPARATORS);
    let [kind, number @ .., check] = text.as_slice() else { return Err(Length) };
    ensure(number.len() == 7, Length)?;
    let sum = weighted(&digits(&String::from_utf8_lossy(number), "")?, &[2, 7, 6, 5, 4, 3, 2]);
    let (more, letters) = match kind {
        b'S' => (0, b"JZIHGFEDCBA"),
        b'T' => (4, b"JZIHGFEDCBA"),
        b'F' => (0, b"XWUTRQPNMLK"),
        b'G' => (4, b"XWUTRQPNMLK"),
        _ => return Err(Component),
    };
    ensure(letters.get(((sum + more) % 11) as usize) == Some(check), Checksum)
}

fn thai(value: &str) -> Outcome {
    let number = numbers(value, 13)?;
    ensure(matches!(number.first(), Some(1..=8)), Component)?;
    let sum = weighted(number.get(..12).unwrap_or(&[]), &[13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2]);
    check_digit(&number, 12, (11 - sum % 11) % 10)
}
