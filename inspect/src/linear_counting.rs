//! How many different values a bitmap of hashed values has seen (Whang et al. 1990, "A linear-time probabilistic counting
//! algorithm for database applications").

/// The estimate for a bitmap in which each value set one bit, the same one each time. A full bitmap counts as one with a
/// bit free.
pub fn distinct(bitmap: &[u64]) -> u32 {
    let bits = bitmap.len() as u32 * u64::BITS;
    let zeros = bitmap.iter().map(|word| word.count_zeros()).sum::<u32>().max(1);
    // Equation 1 of the paper.
    (f64::from(bits) * (f64::from(bits) / f64::from(zeros)).ln()).round() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_are_counted_exactly_and_many_nearly() {
        assert_eq!(distinct(&[0; 16]), 0);
        assert_eq!(distinct(&[1, 2, 4, 0]), 3);
        // Half of the bits: ln 2 of them.
        assert_eq!(distinct(&[u64::MAX, 0]), 89);
        assert_eq!(distinct(&[u64::MAX; 2]), distinct(&[u64::MAX, u64::MAX - 1]));
        assert_eq!(distinct(&[]), 0);
    }
}
