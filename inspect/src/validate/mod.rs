//! Whether a value is a valid number of its kind: the checks behind the detectors and behind `weir validate`.
//!
//! Kinds are named as python-stdnum names its modules (`us.ssn`, `gb.sedol`), which others use as well.

pub mod card;
pub mod iban;
mod ids;
pub mod luhn;
mod national;
mod persons;
mod securities;
pub mod ssn;
mod text;
mod written;

use thiserror::Error;

/// Why a value is not valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ValidateError {
    /// The kind is not known here.
    #[error("unknown kind")]
    UnknownKind,
    /// A character that does not belong, or in the wrong place.
    #[error("invalid format")]
    Format,
    /// Too short or too long.
    #[error("invalid length")]
    Length,
    /// The check digits do not fit.
    #[error("invalid checksum")]
    Checksum,
    /// A part has a value that is not assigned, such as a country that does not exist.
    #[error("invalid component")]
    Component,
}

/// The outcome of a check.
pub type Outcome = Result<(), ValidateError>;

/// A check of a kind.
type Check = fn(&str) -> Outcome;

/// The kinds known, with their checks.
const KINDS: &[(&str, Check)] = &[
    ("bic", text::bic),
    ("birth-date", written::birth_date),
    ("coordinate", written::coordinate),
    ("credit-card", ids::card),
    ("cusip", securities::cusip),
    ("date", written::date),
    ("ean", ids::ean),
    ("email", text::email),
    ("figi", securities::figi),
    ("gb.nhs", written::nhs),
    ("gb.sedol", securities::sedol),
    ("iban", ids::iban),
    ("icd10", written::icd10),
    ("imei", ids::imei),
    ("ipv4", written::ipv4),
    ("ipv6", written::ipv6),
    ("isbn", ids::isbn),
    ("isin", securities::isin),
    ("isni", ids::isni),
    ("issn", ids::issn),
    ("jwt", text::jwt),
    ("lei", securities::lei),
    ("luhn", ids::luhn),
    ("mac", written::mac),
    ("phone", text::phone),
    ("phone-digits", written::phone_digits),
    ("postal-address", written::postal_address),
    ("us.dea", written::dea),
    ("us.ein", ids::ein),
    ("us.itin", ids::itin),
    ("us.mbi", written::mbi),
    ("us.rtn", ids::rtn),
    ("us.ssn", ids::ssn),
    ("verhoeff", ids::verhoeff),
];

/// The names of the kinds that [`validate`] knows.
pub fn kinds() -> impl Iterator<Item = &'static str> {
    KINDS.iter().map(|(name, _)| *name).chain(national::kinds())
}

/// Checks a value of a kind; separators that people write are allowed.
///
/// # Errors
/// [`ValidateError::UnknownKind`] if the kind is not one of [`kinds`], else what is wrong with the value.
pub fn validate(kind: &str, value: &str) -> Outcome {
    if let Some(outcome) = national::validate(kind, value) {
        return outcome;
    }
    let (_, check) =
        KINDS.iter().find(|(name, _)| *name == kind).ok_or(ValidateError::UnknownKind)?;
    check(value)
}

/// The value without the separators, in upper case.
fn compact(value: &str, separators: &str) -> Vec<u8> {
    let kept = value.trim().chars().filter(|c| !separators.contains(*c));
    kept.collect::<String>().to_ascii_uppercase().into_bytes()
}

/// The value's digits as values 0–9; anything else but separators is a wrong format.
fn digits(value: &str, separators: &str) -> Result<Vec<u8>, ValidateError> {
    let text = compact(value, separators);
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return Err(ValidateError::Format);
    }
    Ok(text.iter().map(|b| b - b'0').collect())
}

fn ensure(holds: bool, error: ValidateError) -> Outcome {
    if holds { Ok(()) } else { Err(error) }
}

/// Sum of digits times weights, which repeat.
fn weighted(digits: &[u8], weights: &[u32]) -> u32 {
    digits.iter().zip(weights.iter().cycle()).map(|(d, w)| u32::from(*d) * w).sum()
}
