//! Payment card networks: issuer identification numbers and lengths.

/// A card network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// Its name.
    pub name: &'static str,
    /// First and last issuer prefix, both of the same number of digits.
    range: (u32, u32),
    /// Bit n is set if numbers of n digits exist.
    lengths: u32,
}

const fn network_of(name: &'static str, range: (u32, u32), lengths: u32) -> Network {
    Network { name, range, lengths }
}

const L12_TO_19: u32 = 0xff << 12;
const L16_TO_19: u32 = 0xf << 16;
const L16: u32 = 1 << 16;

/// Issuer ranges in use; from the networks' published ranges.
const NETWORKS: &[Network] = &[
    network_of("visa", (4, 4), 1 << 13 | 1 << 16 | 1 << 19),
    network_of("mastercard", (51, 55), L16),
    network_of("mastercard", (2221, 2720), L16),
    network_of("amex", (34, 34), 1 << 15),
    network_of("amex", (37, 37), 1 << 15),
    network_of("discover", (6011, 6011), L16_TO_19),
    network_of("discover", (644, 649), L16_TO_19),
    network_of("discover", (65, 65), L16_TO_19),
    network_of("diners", (300, 305), 1 << 14 | L16),
    network_of("diners", (3095, 3095), 1 << 14 | L16),
    network_of("diners", (36, 36), 1 << 14 | L16),
    network_of("diners", (38, 39), 1 << 14 | L16),
    // Assigned are 3528 to 3589; lists of test numbers use the rest of 35 as well.
    network_of("jcb", (35, 35), L16_TO_19),
    network_of("jcb", (1800, 1800), 1 << 15),
    network_of("jcb", (2131, 2131), 1 << 15),
    network_of("unionpay", (62, 62), L16_TO_19),
    network_of("unionpay", (81, 81), L16_TO_19),
    network_of("maestro", (5018, 5018), L12_TO_19),
    network_of("maestro", (5020, 5020), L12_TO_19),
    network_of("maestro", (5038, 5038), L12_TO_19),
    network_of("maestro", (56, 58), L12_TO_19),
    network_of("maestro", (6304, 6304), L12_TO_19),
    network_of("maestro", (6759, 6759), L12_TO_19),
    network_of("maestro", (6761, 6763), L12_TO_19),
    network_of("maestro", (6390, 6390), L12_TO_19),
    network_of("mir", (2200, 2204), L16_TO_19),
    network_of("rupay", (508, 508), L16),
    network_of("rupay", (60, 60), L16),
    network_of("rupay", (82, 82), L16),
    network_of("troy", (9792, 9792), L16),
    network_of("hipercard", (606282, 606282), L16),
    network_of("verve", (506099, 506198), L16 | 1 << 18 | 1 << 19),
];

/// The lengths of all networks by the first two digits: few numbers begin as cards do.
const BY_FIRST_TWO: [u32; 100] = by_first_two();

// Done by the compiler, which also sees to the bounds.
#[expect(clippy::indexing_slicing)]
const fn by_first_two() -> [u32; 100] {
    let mut lengths = [0; 100];
    let mut i = 0;
    while i < NETWORKS.len() {
        let Network { range: (first, last), lengths: network, .. } = NETWORKS[i];
        let width = last.ilog10() + 1;
        let (times, cut) =
            if width == 1 { (10, 1) } else { (1, 10_u32.pow(width.saturating_sub(2))) };
        let mut two = first * times / cut;
        while two < (last / cut + 1) * times {
            lengths[two as usize] |= network;
            two += 1;
        }
        i += 1;
    }
    lengths
}

/// The lengths that numbers can have that begin with these digits (values 0–9), by the first two of them.
fn lengths(digits: &[u8]) -> u32 {
    let [first, second, ..] = digits else { return u32::MAX };
    BY_FIRST_TWO.get(usize::from(*first) * 10 + usize::from(*second)).copied().unwrap_or(0)
}

impl Network {
    /// Whether the digits (values 0–9), as far as they go, agree with the issuer range.
    fn agrees(&self, digits: &[u8]) -> bool {
        let width = self.range.1.ilog10() + 1;
        let have = digits.len().min(width as usize);
        let number = digits.iter().take(have).fold(0, |n, d| n * 10 + u32::from(*d));
        let cut = 10u32.pow(width - have as u32);
        (self.range.0 / cut..=self.range.1 / cut).contains(&number)
    }
}

/// The network whose range and length these digits (values 0–9) have. The check digit is not looked at.
pub fn network(digits: &[u8]) -> Option<Network> {
    let len = u32::try_from(digits.len()).ok().filter(|n| *n < 32)?;
    if lengths(digits) >> len & 1 == 0 {
        return None;
    }
    NETWORKS.iter().find(|n| n.lengths >> len & 1 == 1 && n.agrees(digits)).copied()
}

/// Whether digits like these can still become a card number of some network.
pub fn may_be_card(digits: &[u8]) -> bool {
    digits.len() < 20
        && lengths(digits) >> digits.len() != 0
        && NETWORKS.iter().any(|n| n.lengths >> digits.len() != 0 && n.agrees(digits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_two_digits_rule_out_no_network() {
        for number in 100_000..1_000_000_u32 {
            let digits: Vec<u8> = number.to_string().bytes().map(|b| b - b'0').collect();
            let wanted = NETWORKS.iter().filter(|n| n.agrees(&digits));
            let wanted = wanted.fold(0, |lengths, n| lengths | n.lengths);
            assert_eq!(wanted & !lengths(&digits), 0, "{number}");
        }
        let none = (0..100).filter(|two| lengths(&[two / 10, two % 10]) == 0).count();
        assert_eq!(none, 57, "of the 100 beginnings");
    }
}
