//! The Internet checksum (RFC 1071) and its incremental update (RFC 1624).

/// Ones' complement sum of big-endian 16-bit words, folded to 16 bits, not inverted. An odd last byte is padded.
pub fn sum(bytes: &[u8]) -> u16 {
    // 64-bit lanes: the sum may be taken in any byte order as long as the result is swapped once at the end.
    let (words, rest) = bytes.as_chunks::<8>();
    let mut total: u64 = 0;
    for word in words {
        let v = u64::from_ne_bytes(*word);
        total += (v & 0xffff_ffff) + (v >> 32);
    }
    let mut last = [0u8; 8];
    for (to, from) in last.iter_mut().zip(rest) {
        *to = *from;
    }
    let v = u64::from_ne_bytes(last);
    total += (v & 0xffff_ffff) + (v >> 32);
    u16::from_be_bytes(fold(total).to_ne_bytes())
}

/// Adds two folded sums.
pub fn add(a: u16, b: u16) -> u16 {
    let (s, carry) = a.overflowing_add(b);
    s + u16::from(carry)
}

fn fold(mut total: u64) -> u16 {
    while total > 0xffff {
        total = (total & 0xffff) + (total >> 16);
    }
    total as u16
}

/// The checksum field after `old` bytes were replaced by `new` ones of the same length (RFC 1624, eqn. 3).
/// `odd`: the range begins at an odd offset of the checksummed data. A wrong checksum stays wrong.
pub fn replace(field: u16, old: &[u8], new: &[u8], odd: bool) -> u16 {
    let (mut out, mut inn) = (sum(old), sum(new));
    if odd {
        (out, inn) = (out.swap_bytes(), inn.swap_bytes());
    }
    !add(add(!field, !out), inn)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn naive(bytes: &[u8]) -> u16 {
        let mut s = 0u32;
        for pair in bytes.chunks(2) {
            s += u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0));
            s = (s & 0xffff) + (s >> 16);
        }
        s as u16
    }

    #[test]
    fn the_example_of_rfc_1071() {
        assert_eq!(sum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), 0xddf2);
    }

    proptest! {
        #[test]
        fn equals_the_definition(bytes in proptest::collection::vec(any::<u8>(), 0..3000)) {
            prop_assert_eq!(sum(&bytes), naive(&bytes));
        }

        #[test]
        fn replacing_equals_computing_anew(
            mut bytes in proptest::collection::vec(any::<u8>(), 2..200),
            new in proptest::collection::vec(any::<u8>(), 1..50),
            at in 0usize..200,
        ) {
            let at = at % bytes.len();
            let n = new.len().min(bytes.len() - at);
            let before = !sum(&bytes);
            let old = bytes[at..at + n].to_vec();
            bytes[at..at + n].copy_from_slice(&new[..n]);
            let after = replace(before, &old, &new[..n], at % 2 == 1);
            // 0x0000 and 0xffff are the same number in ones' complement.
            prop_assert!(after == !sum(&bytes) || add(after, sum(&bytes)) == 0xffff);
        }
    }
}
