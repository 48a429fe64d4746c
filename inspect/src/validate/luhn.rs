//! The Luhn check digit (ISO/IEC 7812-1 annex B).

/// Whether the last of these digits (values 0–9) is the check digit of the others.
pub fn valid(digits: &[u8]) -> bool {
    let mut sum = 0u32;
    for (i, d) in digits.iter().rev().enumerate() {
        let d = u32::from(*d);
        sum += match (i % 2, d) {
            (0, _) => d,
            (_, 0..=4) => 2 * d,
            _ => 2 * d - 9,
        };
    }
    digits.len() > 1 && sum.is_multiple_of(10)
}
