//! Address ranges as policies write them: `10.0.0.0/8`, `fd00::/8`, or one address.

use std::net::IpAddr;

/// An address in the form in which ranges compare it: made once a message, compared with many ranges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Address {
    v4: bool,
    bits: u128,
}

impl From<IpAddr> for Address {
    fn from(address: IpAddr) -> Address {
        match address {
            IpAddr::V4(a) => Address { v4: true, bits: u128::from(a.to_bits()) },
            IpAddr::V6(a) => Address { v4: false, bits: a.to_bits() },
        }
    }
}

impl Address {
    /// The bits of the family's addresses.
    fn width(self) -> u8 {
        if self.v4 { 32 } else { 128 }
    }

    /// The first `length` bits.
    fn mask(self, length: u8) -> u128 {
        let all = u128::MAX >> (128 - self.width());
        // A shift by the full width would overflow: /0 has no mask bits.
        all.checked_shl(u32::from(self.width() - length)).unwrap_or(0) & all
    }
}

/// Reads an address or a CIDR range as its first address and its length in bits; the error says what to write instead.
pub fn parse_cidr(text: &str) -> Result<(IpAddr, u8), String> {
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().map_err(|_| {
        format!("`{text}` is not an IP address or CIDR range (as 10.0.0.0/8 or fd00::/8)")
    })?;
    let network = Address::from(address);
    let width = network.width();
    let length = match length {
        None => width,
        Some(l) => l.parse().ok().filter(|l| *l <= width).ok_or_else(|| {
            format!("`{text}`: the prefix length must be a number from 0 to {width}")
        })?,
    };
    let begin = network.bits & network.mask(length);
    if network.bits != begin {
        let begin = match address {
            IpAddr::V4(_) => IpAddr::V4((begin as u32).into()),
            IpAddr::V6(_) => IpAddr::V6(begin.into()),
        };
        return Err(format!(
            "`{text}` has bits set beyond its prefix; did you mean `{begin}/{length}`?"
        ));
    }
    Ok((address, length))
}

/// A range of addresses of one family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cidr {
    network: Address,
    mask: u128,
}

impl Cidr {
    /// Reads an address or a CIDR range; the error says what to write instead.
    pub fn parse(text: &str) -> Result<Cidr, String> {
        let (address, length) = parse_cidr(text)?;
        let network = Address::from(address);
        Ok(Cidr { network, mask: network.mask(length) })
    }

    /// Its last address.
    fn last(&self) -> Address {
        let all = self.network.mask(self.network.width());
        Address { bits: self.network.bits | (all & !self.mask), ..self.network }
    }

    /// Whether the address is in the range.
    pub fn contains(&self, address: Address) -> bool {
        self.network.v4 == address.v4 && address.bits & self.mask == self.network.bits
    }
}

/// Addresses, as ranges in order that do not overlap: many of them are asked as fast as a few.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ranges(Vec<(Address, Address)>);

impl FromIterator<Cidr> for Ranges {
    fn from_iter<I: IntoIterator<Item = Cidr>>(cidrs: I) -> Ranges {
        Ranges::merged(cidrs.into_iter().map(|c| (c.network, c.last())).collect())
    }
}

impl Ranges {
    /// Brings ranges in order, and makes those that overlap one.
    fn merged(mut all: Vec<(Address, Address)>) -> Ranges {
        all.sort_unstable();
        let mut ranges: Vec<(Address, Address)> = Vec::with_capacity(all.len());
        for (first, last) in all {
            match ranges.last_mut() {
                Some(before) if first <= before.1 => before.1 = before.1.max(last),
                _ => ranges.push((first, last)),
            }
        }
        Ranges(ranges)
    }

    /// The addresses of both.
    pub fn with(&self, other: &Ranges) -> Ranges {
        Ranges::merged([self.0.as_slice(), &other.0].concat())
    }

    /// The first address.
    pub fn first(&self) -> Option<IpAddr> {
        self.0.first().map(|(first, _)| match first.v4 {
            true => IpAddr::V4((first.bits as u32).into()),
            false => IpAddr::V6(first.bits.into()),
        })
    }

    /// Whether the address is in one of the ranges.
    pub fn contains(&self, address: Address) -> bool {
        self.meets(address, address)
    }

    /// Whether an address is in both.
    pub fn overlaps(&self, other: &Ranges) -> bool {
        self.0.iter().any(|(first, last)| other.meets(*first, *last))
    }

    /// Whether an address from `first` to `last`, which are of one family, is among them.
    fn meets(&self, first: Address, last: Address) -> bool {
        let after = self.0.partition_point(|(begin, _)| *begin <= last);
        let before = after.checked_sub(1).and_then(|at| self.0.get(at));
        before.is_some_and(|(_, end)| *end >= first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_contain_their_addresses_and_no_others() {
        for (range, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.0"),
            ("10.1.2.3", "10.1.2.3", "10.1.2.4"),
            ("0.0.0.0/0", "255.1.2.3", "::1"),
            ("fd00::/8", "fdff::1", "fe00::1"),
            ("::/0", "::ffff:1.2.3.4", "1.2.3.4"),
            ("192.168.4.128/25", "192.168.4.129", "192.168.4.127"),
        ] {
            let cidr = Cidr::parse(range).unwrap();
            let contains = |text: &str| cidr.contains(text.parse::<IpAddr>().unwrap().into());
            assert!(contains(inside), "{range} {inside}");
            assert!(!contains(outside), "{range} {outside}");
        }
    }

    fn ranges(texts: &[&str]) -> Ranges {
        texts.iter().map(|text| Cidr::parse(text).unwrap()).collect()
    }

    proptest::proptest! {
        #[test]
        fn many_ranges_contain_what_one_of_them_contains(
            cidrs in proptest::collection::vec((proptest::prelude::any::<bool>(), 0..64u32, 24..=32u8), 0..12),
            v4: bool,
            at in 0..64u32,
        ) {
            let address = |v4: bool, bits: u32| -> IpAddr {
                if v4 { IpAddr::V4(bits.into()) } else { IpAddr::V6(u128::from(bits).into()) }
            };
            let cidrs: Vec<_> = cidrs.iter().map(|(v4, bits, length)| {
                let length = if *v4 { *length } else { length + 96 };
                let cut = 32 - u32::from(if *v4 { length } else { length - 96 });
                Cidr::parse(&format!("{}/{length}", address(*v4, bits >> cut << cut))).unwrap()
            }).collect();
            let all: Ranges = cidrs.iter().copied().collect();
            let asked = Address::from(address(v4, at));
            proptest::prop_assert_eq!(all.contains(asked), cidrs.iter().any(|c| c.contains(asked)));
            let one: Ranges = cidrs.iter().take(1).copied().collect();
            proptest::prop_assert_eq!(one.overlaps(&all), one.first().is_some());
        }
    }

    #[test]
    fn ranges_overlap_if_one_holds_the_other() {
        let overlap = |a: &str, b: &str| ranges(&[a]).overlaps(&ranges(&[b]));
        assert!(overlap("10.0.0.0/8", "10.2.0.0/16") && overlap("10.2.0.0/16", "10.0.0.0/8"));
        assert!(!overlap("10.1.0.0/16", "10.2.0.0/16") && !overlap("0.0.0.0/0", "::/0"));
    }

    #[test]
    fn errors_say_what_to_write() {
        for (text, part) in [
            ("10.0.0", "is not an IP address"),
            ("10.0.0.0/33", "from 0 to 32"),
            ("fd00::/129", "from 0 to 128"),
            ("10.0.0.0/-1", "from 0 to 32"),
            ("10.0.0.5/8", "did you mean `10.0.0.0/8`?"),
            ("fd00::1/64", "did you mean `fd00::/64`?"),
        ] {
            assert!(Cidr::parse(text).unwrap_err().contains(part), "{text}");
        }
    }
}
