//! Whether a value is a valid number of its kind: the checks behind the detectors and behind `weir validate`.

pub mod card;
pub mod iban;
pub mod luhn;
pub mod ssn;
