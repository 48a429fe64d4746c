//! Codes and addresses that a form decides, not a check digit. E-mail, phone and token are what the scanner finds.

use super::ValidateError::{Format, Length};
use super::{Outcome, compact, ensure};
use crate::scan::is_whole;

/// Business identifier code (ISO 9362): bank, country, place, and maybe a branch.
pub(super) fn bic(value: &str) -> Outcome {
    let text = compact(value, " -");
    ensure(matches!(text.len(), 8 | 11), Length)?;
    let letters = text.get(..6).is_some_and(|p| p.iter().all(u8::is_ascii_uppercase));
    ensure(letters && text.iter().all(u8::is_ascii_alphanumeric), Format)
}

pub(super) fn email(value: &str) -> Outcome {
    ensure(is_whole("email", value.trim().as_bytes()), Format)
}

pub(super) fn phone(value: &str) -> Outcome {
    ensure(is_whole("phone", value.trim().as_bytes()), Format)
}

pub(super) fn jwt(value: &str) -> Outcome {
    ensure(is_whole("jwt", value.trim().as_bytes()), Format)
}
