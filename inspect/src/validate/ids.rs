//! Numbers of cards, accounts, people, devices and publications.

use super::ValidateError::{Checksum, Component, Format, Length};
use super::{Outcome, compact, digits, ensure, weighted};

/// The usual separators of written numbers.
const USUAL: &str = " -";

pub(super) fn luhn(value: &str) -> Outcome {
    ensure(super::luhn::valid(&digits(value, "")?), Checksum)
}

pub(super) fn card(value: &str) -> Outcome {
    let number = digits(value, USUAL)?;
    ensure((12..=19).contains(&number.len()), Length)?;
    ensure(super::luhn::valid(&number), Checksum)?;
    ensure(super::card::network(&number).is_some(), Component)
}

pub(super) fn iban(value: &str) -> Outcome {
    let text = compact(value, " -.");
    let country = text.first_chunk().ok_or(Length)?;
    let length = super::iban::length(country).ok_or(Component)?;
    ensure(text.iter().all(u8::is_ascii_alphanumeric), Format)?;
    ensure(text.len() == length, Length)?;
    ensure(super::iban::valid(&text), Checksum)
}

/// Three, two and four digits, in groups or not.
fn social(value: &str) -> Result<Vec<u8>, super::ValidateError> {
    let grouped: Vec<usize> = value.trim().split('-').map(str::len).collect();
    ensure(matches!(grouped.as_slice(), [9] | [3, 2, 4]), Format)?;
    digits(value, "-")
}

pub(super) fn ssn(value: &str) -> Outcome {
    ensure(super::ssn::valid(&social(value)?), Component)
}

/// US individual taxpayer identification number: 9xx, group 70–88, 90–92 or 94–99 (IRS).
pub(super) fn itin(value: &str) -> Outcome {
    let number = social(value)?;
    let (Some(area), Some([a, b])) = (number.first(), number.get(3..5)) else { return Err(Length) };
    let group = a * 10 + b;
    ensure(*area == 9 && matches!(group, 70..=88 | 90..=92 | 94..=99), Component)
}

/// US employer identification number: the first two digits are a campus of the IRS.
pub(super) fn ein(value: &str) -> Outcome {
    let grouped: Vec<usize> = value.trim().split('-').map(str::len).collect();
    ensure(matches!(grouped.as_slice(), [9] | [2, 7]), Format)?;
    let number = digits(value, "-")?;
    let campus = number.first().map_or(0, |d| d * 10) + number.get(1).copied().unwrap_or(0);
    let unused =
        matches!(campus, 0 | 7..=9 | 17..=19 | 28 | 29 | 49 | 69 | 70 | 78 | 79 | 89 | 96 | 97);
    ensure(!unused, Component)
}

/// ABA routing transit number: weights 3, 7, 1.
pub(super) fn rtn(value: &str) -> Outcome {
    let number = digits(value, "")?;
    ensure(number.len() == 9, Length)?;
    ensure(weighted(&number, &[3, 7, 1]).is_multiple_of(10), Checksum)
}

/// International mobile equipment identity (3GPP TS 23.003 §6.2): 14 digits, with a Luhn digit (15) or a software
/// version (16) behind them.
pub(super) fn imei(value: &str) -> Outcome {
    let number = digits(value, USUAL)?;
    match number.len() {
        14 | 16 => Ok(()),
        15 => ensure(super::luhn::valid(&number), Checksum),
        _ => Err(Length),
    }
}

/// GTIN-8, 12, 13 and 14 (GS1 General Specifications §7.9).
pub(super) fn ean(value: &str) -> Outcome {
    let number = digits(value, USUAL)?;
    ensure(matches!(number.len(), 8 | 12 | 13 | 14), Length)?;
    let reversed: Vec<u8> = number.into_iter().rev().collect();
    ensure(weighted(&reversed, &[1, 3]).is_multiple_of(10), Checksum)
}

/// ISBN-10 or ISBN-13 (ISO 2108).
pub(super) fn isbn(value: &str) -> Outcome {
    let text = compact(value, USUAL);
    match text.len() {
        // Nine digits: the form before 1970, without its leading zero.
        9 => mod_11(&[b"0", text.as_slice()].concat()),
        10 => mod_11(&text),
        13 => {
            ensure(text.starts_with(b"978") || text.starts_with(b"979"), Component)?;
            ean(value)
        }
        _ => Err(Length),
    }
}

/// ISSN (ISO 3297).
pub(super) fn issn(value: &str) -> Outcome {
    let text = compact(value, USUAL);
    ensure(text.len() == 8, Length)?;
    mod_11(&text)
}

/// Weights count down to 1 at the check character, which may be `X` for ten.
fn mod_11(text: &[u8]) -> Outcome {
    let mut sum = 0;
    for (weight, b) in (1u32..).zip(text.iter().rev()) {
        sum += weight
            * match b {
                b'0'..=b'9' => u32::from(b - b'0'),
                b'X' if weight == 1 => 10,
                _ => return Err(Format),
            };
    }
    ensure(sum.is_multiple_of(11), Checksum)
}

/// International standard name identifier (ISO 27729): ISO 7064 mod 11-2.
pub(super) fn isni(value: &str) -> Outcome {
    let text = compact(value, USUAL);
    ensure(text.len() == 16, Length)?;
    let (last, head) = text.split_last().ok_or(Length)?;
    let number = digits(&String::from_utf8_lossy(head), "")?;
    let sum = number.iter().fold(0, |n, d| (n + u32::from(*d)) * 2 % 11);
    let check = match last {
        b'X' => 10,
        b'0'..=b'9' => u32::from(last - b'0'),
        _ => return Err(Format),
    };
    ensure((sum + check) % 11 == 1, Checksum)
}

/// The Verhoeff check digit: the dihedral group of order ten.
pub(super) fn verhoeff(value: &str) -> Outcome {
    /// Positions permute by this, applied again and again.
    const PERMUTATION: [u8; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
    fn product(a: u8, b: u8) -> u8 {
        match (a < 5, b < 5) {
            (true, true) => (a + b) % 5,
            (true, false) => 5 + (a + b - 5) % 5,
            (false, true) => 5 + (a - 5 + 5 - b) % 5,
            (false, false) => (a + 5 - b) % 5,
        }
    }
    let number = digits(value, "")?;
    let mut check = 0;
    for (i, d) in number.iter().rev().enumerate() {
        let permuted =
            (0..i % 8).fold(*d, |d, _| PERMUTATION.get(usize::from(d)).copied().unwrap_or(d));
        check = product(check, permuted);
    }
    ensure(check == 0, Checksum)
}
