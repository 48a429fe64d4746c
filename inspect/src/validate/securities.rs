//! Numbers of securities and legal entities.

use super::ValidateError::{Checksum, Component, Format, Length};
use super::{Outcome, compact, ensure, weighted};

/// Country codes in use (ISO 3166-1 alpha-2), and those that ISIN agencies use beyond it.
const COUNTRIES: &str = "\
AD AE AF AG AI AL AM AN AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC \
CD CF CG CH CI CK CL CM CN CO CR CS CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET EU FI FJ FK FM FO FR GA GB \
GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH \
KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX \
MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE \
SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC \
VE VG VI VN VU WF WS XA XB XC XD XF XK XS YE YT ZA ZM ZW";

/// A digit is itself, a letter its place in the alphabet from 10 on.
fn value_of(b: u8) -> Option<u8> {
    match b {
        b'0'..=b'9' => Some(b - b'0'),
        b'A'..=b'Z' => Some(b - b'A' + 10),
        _ => None,
    }
}

/// Luhn over characters, each letter written as two digits (ISO 6166 annex A).
pub(super) fn isin(value: &str) -> Outcome {
    let text = compact(value, " ");
    ensure(text.len() == 12, Length)?;
    let country = text.get(..2).map(String::from_utf8_lossy).unwrap_or_default();
    let mut digits = Vec::with_capacity(24);
    for b in &text {
        match value_of(*b).ok_or(Format)? {
            n @ 0..=9 => digits.push(n),
            n => digits.extend([n / 10, n % 10]),
        }
    }
    ensure(COUNTRIES.split(' ').any(|c| c == country), Component)?;
    ensure(super::luhn::valid(&digits), Checksum)
}

/// Every second value doubled, digits of the products summed.
fn doubled_sum(values: &[u8]) -> u32 {
    let products = values.iter().zip([1u32, 2].into_iter().cycle()).map(|(v, w)| u32::from(*v) * w);
    products.map(|n| n / 10 + n % 10).sum()
}

fn check_digit(values: &[u8]) -> Outcome {
    let (last, head) = values.split_last().ok_or(Length)?;
    ensure((doubled_sum(head) + u32::from(*last)).is_multiple_of(10), Checksum)
}

/// CUSIP (ANSI X9.6).
pub(super) fn cusip(value: &str) -> Outcome {
    let text = compact(value, " ");
    ensure(text.len() == 9, Length)?;
    let of = |b: &u8| match b {
        b'*' => Some(36),
        b'@' => Some(37),
        b'#' => Some(38),
        b => value_of(*b),
    };
    let values: Option<Vec<u8>> = text.iter().map(of).collect();
    check_digit(&values.ok_or(Format)?)
}

/// Financial instrument global identifier (OMG FIGI).
pub(super) fn figi(value: &str) -> Outcome {
    let text = compact(value, " ");
    ensure(text.len() == 12, Length)?;
    ensure(!text.iter().any(|b| b"AEIOU".contains(b)), Format)?;
    let letters = text.get(..2).is_some_and(|p| p.iter().all(u8::is_ascii_uppercase));
    ensure(letters && text.last().is_some_and(u8::is_ascii_digit), Format)?;
    // Prefixes that would be ISINs of countries.
    let reserved =
        [b"BS", b"BM", b"GG", b"GB", b"GH", b"KY", b"VG"].iter().any(|p| text.starts_with(*p));
    ensure(!reserved && text.get(2) == Some(&b'G'), Component)?;
    let values: Option<Vec<u8>> = text.iter().map(|b| value_of(*b)).collect();
    check_digit(&values.ok_or(Format)?)
}

/// SEDOL (London Stock Exchange).
pub(super) fn sedol(value: &str) -> Outcome {
    let text = compact(value, " ");
    ensure(text.len() == 7, Length)?;
    ensure(!text.iter().any(|b| b"AEIOU".contains(b)), Format)?;
    // Numbers issued before 2004 have digits only.
    let old = text.first().is_some_and(u8::is_ascii_digit);
    ensure(!old || text.iter().all(u8::is_ascii_digit), Format)?;
    let values: Option<Vec<u8>> = text.iter().map(|b| value_of(*b)).collect();
    ensure(weighted(&values.ok_or(Format)?, &[1, 3, 1, 7, 3, 9, 1]).is_multiple_of(10), Checksum)
}

/// Legal entity identifier (ISO 17442): ISO 7064 mod 97-10.
pub(super) fn lei(value: &str) -> Outcome {
    let text = compact(value, " ");
    ensure(text.len() == 20, Length)?;
    let mut remainder = 0;
    for b in &text {
        let n = u32::from(value_of(*b).ok_or(Format)?);
        remainder = if n < 10 { remainder * 10 + n } else { remainder * 100 + n } % 97;
    }
    ensure(remainder == 1, Checksum)
}
