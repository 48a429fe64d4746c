//! Durations as people write them.

/// Seconds of a duration such as `90s`, `15m`, `2h`, `7d`.
///
/// # Errors
/// A sentence that says how to write one.
pub fn seconds(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is not a duration; write it as 90s, 15m, 2h or 7d");
    let unit = match text.chars().last() {
        Some('s') => 1,
        Some('m') => 60,
        Some('h') => 3600,
        Some('d') => 86400,
        _ => return Err(wrong()),
    };
    let number = text.get(..text.len() - 1).and_then(|n| n.parse::<u64>().ok());
    number.and_then(|n| n.checked_mul(unit)).filter(|n| *n > 0).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read() {
        for (text, n) in [("90s", 90), ("15m", 900), ("2h", 7200), ("7d", 604_800)] {
            assert_eq!(seconds(text), Ok(n));
        }
        for text in ["", "5", "m", "0s", "-1s", "5w", "99999999999999999999d", "5m30s", "5ß"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }
}
