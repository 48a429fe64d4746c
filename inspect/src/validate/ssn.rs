//! US social security numbers.

/// Whether nine digits (values 0–9) can be an SSN: area not 000, 666 or 9xx, group not 00, serial not 0000
/// (SSA, "Social Security Number Randomization"), and none of the numbers that were printed in advertisements.
pub fn valid(digits: &[u8]) -> bool {
    let Ok(&[a, b, c, d, e, f, g, h, i]) = <&[u8; 9]>::try_from(digits) else { return false };
    let number = |ds: &[u8]| ds.iter().fold(0u32, |n, d| n * 10 + u32::from(*d));
    let (area, group, serial) = (number(&[a, b, c]), number(&[d, e]), number(&[f, g, h, i]));
    let printed = matches!((area, group, serial), (78, 5, 1120) | (457, 55, 5462) | (219, 9, 9999));
    !matches!(area, 0 | 666 | 900..) && group != 0 && serial != 0 && !printed
}
