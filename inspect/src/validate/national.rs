//! Numbers of persons and businesses that a state gives out, by the check digits that it publishes.

use super::ValidateError::{Checksum, Component, Format, Length};
use super::{Outcome, ValidateError, compact, digits, ensure, luhn, persons, weighted};

/// What people write between the parts of such numbers.
const SEPARATORS: &str = " -./";

/// A number of so many digits whose weighted sum is divisible.
struct Sum {
    kind: &'static str,
    weights: &'static [u32],
    divisor: u32,
}

const fn sum(kind: &'static str, weights: &'static [u32], divisor: u32) -> Sum {
    Sum { kind, weights, divisor }
}

/// The check digit is a digit like the others; its own weight comes last. (−1 is written as the divisor less one.)
const SUMS: &[Sum] = &[
    sum("au.acn", &[8, 7, 6, 5, 4, 3, 2, 1, 1], 10),
    sum("au.tfn", &[1, 4, 3, 7, 5, 8, 6, 9, 10], 11),
    sum("dk.cvr", &[2, 7, 6, 5, 4, 3, 2, 1], 11),
    sum("fi.ytunnus", &[7, 9, 10, 5, 8, 4, 2, 1], 11),
    sum("nl.bsn", &[9, 8, 7, 6, 5, 4, 3, 2, 10], 11),
    sum("no.orgnr", &[3, 2, 7, 6, 5, 4, 3, 2, 1], 11),
    sum("pl.nip", &[6, 5, 7, 2, 3, 4, 5, 6, 7, 10], 11),
    sum("pl.pesel", &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1], 10),
    sum("gb.nhs", &[10, 9, 8, 7, 6, 5, 4, 3, 2, 1], 11),
];

/// Kinds whose digits satisfy Luhn's formula, and how many they are.
const LUHN: &[(&str, usize)] = &[
    ("ca.sin", 9),
    ("fr.siren", 9),
    ("fr.siret", 14),
    ("gr.amka", 11),
    ("it.iva", 11),
    ("se.orgnr", 10),
    ("za.idnr", 13),
];

/// The names of the kinds here.
pub(super) fn kinds() -> impl Iterator<Item = &'static str> {
    let sums = SUMS.iter().map(|s| s.kind);
    let own = OWN.iter().chain(persons::KINDS).map(|(kind, _)| *kind);
    sums.chain(LUHN.iter().map(|(kind, _)| *kind)).chain(own)
}

/// Checks a value of a kind; none if the kind is not of here.
pub(super) fn validate(kind: &str, value: &str) -> Option<Outcome> {
    // A country's code may stand in front, as in VAT numbers.
    let country = kind.get(..2).unwrap_or_default().to_ascii_uppercase();
    let value = value.trim();
    let value = value.strip_prefix(country.as_str()).unwrap_or(value);
    if let Some(sum) = SUMS.iter().find(|s| s.kind == kind) {
        return Some(summed(sum, value));
    }
    if let Some((_, count)) = LUHN.iter().find(|(k, _)| *k == kind) {
        return Some(numbers(value, *count).and_then(|n| by_luhn(kind, &n)));
    }
    OWN.iter().chain(persons::KINDS).find(|(k, _)| *k == kind).map(|(_, check)| check(value))
}

fn by_luhn(kind: &str, number: &[u8]) -> Outcome {
    // None of Canada's begin so.
    ensure(kind != "ca.sin" || !matches!(number.first(), Some(0 | 8)), Component)?;
    // The French post ran out of establishments: the sum of their digits is divisible by five.
    let post = kind == "fr.siret" && number.starts_with(&[3, 5, 6, 0, 0, 0, 0, 0, 0]);
    let post = post && weighted(number, &[1]).is_multiple_of(5);
    ensure(post || luhn::valid(number), Checksum)
}

fn summed(sum: &Sum, value: &str) -> Outcome {
    let number = numbers(value, sum.weights.len())?;
    ensure(number.iter().any(|d| *d != 0), Component)?;
    ensure(weighted(&number, sum.weights).is_multiple_of(sum.divisor), Checksum)
}

/// So many digits.
pub(super) fn numbers(value: &str, count: usize) -> Result<Vec<u8>, ValidateError> {
    let number = digits(value, SEPARATORS)?;
    ensure(number.len() == count, Length)?;
    Ok(number)
}

/// The number that digits write.
pub(super) fn whole(digits: &[u8]) -> u64 {
    digits.iter().fold(0, |n, d| n * 10 + u64::from(*d))
}

/// Nobody has a later year of birth: there is no clock here, and a release is not used for so long.
const LAST_BIRTH: u64 = 2035;

/// Whether a day is in the (Gregorian) calendar.
fn day_of(year: u64, month: u64, day: u64) -> Outcome {
    let date = i16::try_from(year).ok().zip(i8::try_from(month).ok()).zip(i8::try_from(day).ok());
    let exists = |((y, m), d)| jiff::civil::Date::new(y, m, d).is_ok();
    ensure(date.is_some_and(exists), Component)
}

/// The same of a day on which somebody can be born.
pub(super) fn birth(year: u64, month: u64, day: u64) -> Outcome {
    ensure(year <= LAST_BIRTH, Component)?;
    day_of(year, month, day)
}

/// The check digit behind the first `at` digits.
pub(super) fn check_digit(number: &[u8], at: usize, wanted: u32) -> Outcome {
    ensure(number.get(at).is_some_and(|d| u32::from(*d) == wanted), Checksum)
}

/// The kinds with a rule of their own.
const OWN: &[(&str, super::Check)] = &[
    ("au.abn", abn),
    ("be.nn", belgian),
    ("be.vat", belgian_vat),
    ("bg.egn", egn),
    ("br.cnpj", cnpj),
    ("br.cpf", cpf),
    ("ch.ssn", ahv),
    ("ch.uid", swiss_business),
    ("cl.rut", rut),
    ("cn.ric", resident),
    ("de.idnr", german_tax),
    ("ee.ik", baltic),
    ("es.dni", dni),
    ("es.nie", nie),
    ("hr.oib", oib),
    ("il.idnr", israeli),
    ("in_.pan", pan),
    ("kr.rrn", korean),
    ("lt.asmens", baltic),
    ("lu.tva", luxembourgish),
    ("no.fodselsnummer", norwegian),
    ("pe.ruc", peruvian),
    ("pl.regon", regon),
    ("pt.nif", portuguese),
    ("ro.cnp", cnp),
    ("tr.tckimlik", turkish),
    ("fi.hetu", hetu),
    ("ru.inn", inn),
];

fn abn(value: &str) -> Outcome {
    let number = numbers(value, 11)?;
    let sum = weighted(&number, &[10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19]);
    // One is taken from the first digit.
    ensure((sum + 89 - 10).is_multiple_of(89), Checksum)
}

fn belgian(value: &str) -> Outcome {
    let number = numbers(value, 11)?;
    let (first, check) = number.split_at_checked(9).ok_or(Length)?;
    // Foreigners have 20 or 40 more, which are numbers of another kind.
    ensure(first.get(2..4).is_some_and(|month| whole(month) <= 12), Component)?;
    let (first, check) = (whole(first), whole(check));
    // Who is born from 2000 on has a 2 in front.
    let fits = |n: u64| 97 - n % 97 == check;
    ensure(fits(first) || fits(first + 2_000_000_000), Checksum)
}

fn belgian_vat(value: &str) -> Outcome {
    let mut number = digits(value, SEPARATORS)?;
    if number.len() == 9 {
        number.insert(0, 0);
    }
    ensure(number.len() == 10, Length)?;
    ensure(matches!(number.first(), Some(0 | 1)), Component)?;
    let (first, check) = number.split_at_checked(8).ok_or(Length)?;
    ensure(whole(first) > 0, Format)?;
    ensure((whole(first) + whole(check)).is_multiple_of(97), Checksum)
}

fn egn(value: &str) -> Outcome {
    let number = numbers(value, 10)?;
    let month = number.get(2..4).map_or(0, whole) % 20;
    ensure((1..=12).contains(&month), Component)?;
    check_digit(
        &number,
        9,
        weighted(number.get(..9).unwrap_or(&[]), &[2, 4, 8, 5, 10, 9, 7, 3, 6]) % 11 % 10,
    )
}

fn brazilian(number: &[u8], weights: &[u32]) -> u32 {
    let weights = weights.get(weights.len().saturating_sub(number.len())..).unwrap_or(weights);
    match weighted(number, weights) % 11 {
        0 | 1 => 0,
        rest => 11 - rest,
    }
}

fn brazilian_checks(number: &[u8], weights: &[u32]) -> Outcome {
    for at in [number.len() - 2, number.len() - 1] {
        check_digit(number, at, brazilian(number.get(..at).unwrap_or(&[]), weights))?;
    }
    Ok(())
}

fn cpf(value: &str) -> Outcome {
    brazilian_checks(&numbers(value, 11)?, &[11, 10, 9, 8, 7, 6, 5, 4, 3, 2])
}

fn cnpj(value: &str) -> Outcome {
    brazilian_checks(&numbers(value, 14)?, &[6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2])
}

fn ahv(value: &str) -> Outcome {
    let number = numbers(value, 13)?;
    ensure(number.starts_with(&[7, 5, 6]), Component)?;
    ensure(weighted(&number, &[1, 3]).is_multiple_of(10), Checksum)
}

fn swiss_business(value: &str) -> Outcome {
    // Of `CHE` the country's code is taken off already.
    let number = numbers(value.strip_prefix('E').unwrap_or(value), 9)?;
    ensure(weighted(&number, &[5, 4, 3, 2, 7, 6, 5, 4, 1]).is_multiple_of(11), Checksum)
}

fn rut(value: &str) -> Outcome {
    let text = compact(value, SEPARATORS);
    let (check, number) = text.split_last().ok_or(Length)?;
    ensure((7..=8).contains(&number.len()), Length)?;
    let mut number = digits(&String::from_utf8_lossy(number), "")?;
    number.reverse();
    let wanted = match 11 - weighted(&number, &[2, 3, 4, 5, 6, 7]) % 11 {
        11 => b'0',
        10 => b'K',
        digit => b'0' + digit as u8,
    };
    ensure(*check == wanted, Checksum)
}

fn resident(value: &str) -> Outcome {
    let text = compact(value, SEPARATORS);
    ensure(text.len() == 18, Length)?;
    let (check, number) = text.split_last().ok_or(Length)?;
    let number = digits(&String::from_utf8_lossy(number), "")?;
    let rest = weighted(&number, &[7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]) % 11;
    ensure(b"10X98765432".get(rest as usize) == Some(check), Checksum)?;
    let part = |from: usize, to: usize| number.get(from..to).map_or(0, whole);
    birth(part(6, 10), part(10, 12), part(12, 14))
}

/// ISO/IEC 7064, mod 11,10.
fn mod_11_10(number: &[u8]) -> bool {
    let mut check = 5;
    for digit in number {
        let product = if check == 0 { 10 } else { check };
        check = (product * 2 % 11 + u32::from(*digit)) % 10;
    }
    check == 1
}

fn german_tax(value: &str) -> Outcome {
    let number = numbers(value, 11)?;
    ensure(number.first() != Some(&0), Component)?;
    let count = |d: u8| number.iter().take(10).filter(|n| **n == d).count();
    // One digit occurs two or three times, the others once or not at all.
    let repeated: Vec<usize> = (0..10).map(count).filter(|n| *n > 1).collect();
    ensure(matches!(repeated.as_slice(), [2 | 3]), Component)?;
    ensure(mod_11_10(&number), Checksum)
}

fn oib(value: &str) -> Outcome {
    ensure(mod_11_10(&numbers(value, 11)?), Checksum)
}

fn baltic(value: &str) -> Outcome {
    let number = numbers(value, 11)?;
    let first = number.get(..10).unwrap_or(&[]);
    let rest = weighted(first, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 1]) % 11;
    let second = weighted(first, &[3, 4, 5, 6, 7, 8, 9, 1, 2, 3]) % 11;
    check_digit(&number, 10, if rest == 10 { second % 10 } else { rest })
}

fn dni(value: &str) -> Outcome {
    let text = compact(value, SEPARATORS);
    ensure(text.len() == 9, Length)?;
    let (check, number) = text.split_last().ok_or(Length)?;
    let number = digits(&String::from_utf8_lossy(number), "")?;
    let letter = b"TRWAGMYFPDXBNJZSQVHLCKE".get((whole(&number) % 23) as usize);
    ensure(letter == Some(check), Checksum)
}

fn nie(value: &str) -> Outcome {
    let text = compact(value, SEPARATORS);
    let (first, rest) = text.split_first().ok_or(Length)?;
    ensure((b'X'..=b'Z').contains(first), Component)?;
    dni(&format!("{}{}", first - b'X', String::from_utf8_lossy(rest)))
}

fn israeli(value: &str) -> Outcome {
    let mut number = digits(value, SEPARATORS)?;
    ensure(number.len() <= 9, Length)?;
    while number.len() < 9 {
        number.insert(0, 0);
    }
    ensure(whole(&number) > 0 && luhn::valid(&number), Checksum)
}

fn pan(value: &str) -> Outcome {
    let text = compact(value, SEPARATORS);
    let [a, b, c, holder, d, n1, n2, n3, n4, e] = text.as_slice() else { return Err(Length) };
    let letters = [a, b, c, d, e].iter().all(|l| l.is_ascii_uppercase());
    let number = [*n1, *n2, *n3, *n4];
    ensure(letters && number.iter().all(u8::is_ascii_digit), Format)?;
    ensure(b"ABCEFGHJLPT".contains(holder) && number != *b"0000", Component)
}

fn korean(value: &str) -> Outcome {
    let number = numbers(value, 13)?;
    let sum = weighted(number.get(..12).unwrap_or(&[]), &[2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5]);
    let month = number.get(2..4).map_or(0, whole);
    ensure((1..=12).contains(&month), Component)?;
    let place = number.get(7..9).map_or(0, whole);
    ensure(place <= 96, Component)?;
    check_digit(&number, 12, (11 - sum % 11) % 10)
}

fn luxembourgish(value: &str) -> Outcome {
    let number = numbers(value, 8)?;
    let (first, check) = number.split_at_checked(6).ok_or(Length)?;
    ensure(whole(first) % 89 == whole(check), Checksum)
}

fn norwegian(value: &str) -> Outcome {
    let number = numbers(value, 11)?;
    let sum = |weights: &[u32]| weighted(number.get(..weights.len()).unwrap_or(&[]), weights);
    let (day, month) = (number.get(..2).map_or(0, whole), number.get(2..4).map_or(0, whole));
    let (short, person) = (number.get(4..6).map_or(0, whole), number.get(6..9).map_or(0, whole));
    let century = match person {
        0..500 => 1900,
        500..750 if short >= 54 => 1800,
        900.. if short >= 40 => 1900,
        _ => 2000,
    };
    birth(century + short, month % 40, day % 40)?;
    ensure(sum(&[3, 7, 6, 1, 8, 9, 4, 5, 2, 1]).is_multiple_of(11), Checksum)?;
    ensure(sum(&[5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1]).is_multiple_of(11), Checksum)
}

fn peruvian(value: &str) -> Outcome {
    let number = numbers(value, 11)?;
    ensure(matches!(number.get(..2).map_or(0, whole), 10 | 15 | 16 | 17 | 20), Component)?;
    let sum = weighted(number.get(..10).unwrap_or(&[]), &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]);
    check_digit(&number, 10, (11 - sum % 11) % 10)
}

fn regon(value: &str) -> Outcome {
    let number = digits(value, SEPARATORS)?;
    ensure(matches!(number.len(), 9 | 14), Length)?;
    let short = weighted(number.get(..8).unwrap_or(&[]), &[8, 9, 2, 3, 4, 5, 6, 7]);
    check_digit(&number, 8, short % 11 % 10)?;
    if number.len() == 14 {
        let weights = [2, 4, 8, 5, 0, 9, 7, 3, 6, 1, 2, 4, 8];
        let long = weighted(number.get(..13).unwrap_or(&[]), &weights);
        check_digit(&number, 13, long % 11 % 10)?;
    }
    Ok(())
}

fn portuguese(value: &str) -> Outcome {
    let number = numbers(value, 9)?;
    ensure(number.first() != Some(&0), Format)?;
    let sum = weighted(number.get(..8).unwrap_or(&[]), &[9, 8, 7, 6, 5, 4, 3, 2]);
    check_digit(&number, 8, (11 - sum % 11) % 11 % 10)
}

fn cnp(value: &str) -> Outcome {
    let number = numbers(value, 13)?;
    let month = number.get(3..5).map_or(0, whole);
    ensure((1..=12).contains(&month) && number.first() != Some(&0), Component)?;
    let sum = weighted(number.get(..12).unwrap_or(&[]), &[2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9]);
    check_digit(&number, 12, if sum % 11 == 10 { 1 } else { sum % 11 })
}

fn turkish(value: &str) -> Outcome {
    let number = numbers(value, 11)?;
    ensure(number.first() != Some(&0), Format)?;
    let odd = weighted(number.get(..9).unwrap_or(&[]), &[1, 0]);
    let even = weighted(number.get(..9).unwrap_or(&[]), &[0, 1]);
    check_digit(&number, 9, (odd * 7 + 10 * 9 - even) % 10)?;
    check_digit(&number, 10, weighted(number.get(..10).unwrap_or(&[]), &[1]) % 10)
}

fn hetu(value: &str) -> Outcome {
    let text = compact(value, "");
    ensure(text.len() == 11, Format)?;
    let part = |from: usize, to: usize| {
        digits(&String::from_utf8_lossy(text.get(from..to).unwrap_or(&[])), "")
    };
    let (date, person) = (part(0, 6)?, part(7, 10)?);
    let (day, month) = (whole(&date) / 10_000, whole(&date) / 100 % 100);
    let century = match text.get(6) {
        Some(b'+') => 1800,
        Some(b'-' | b'U'..=b'Y') => 1900,
        Some(b'A'..=b'F') => 2000,
        _ => return Err(Format),
    };
    day_of(century + whole(&date) % 100, month, day)?;
    ensure((2..900).contains(&whole(&person)), Component)?;
    let rest = (whole(&date) * 1000 + whole(&person)) % 31;
    ensure(b"0123456789ABCDEFHJKLMNPRSTUVWXY".get(rest as usize) == text.get(10), Checksum)
}

fn inn(value: &str) -> Outcome {
    let number = digits(value, SEPARATORS)?;
    let weights = [3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8];
    let check = |at: usize| {
        let weights = weights.get(weights.len().saturating_sub(at)..).unwrap_or(&weights);
        check_digit(&number, at, weighted(number.get(..at).unwrap_or(&[]), weights) % 11 % 10)
    };
    match number.len() {
        10 => check(9),
        12 => check(10).and_then(|()| check(11)),
        _ => Err(Length),
    }
}
