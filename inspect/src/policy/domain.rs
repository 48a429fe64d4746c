//! Whose traffic a tenant's is.

use weir_reassembly::packet::Vlans;

use super::cidr::{Address, Ranges};

/// Traffic to servers of these addresses, in these VLANs; what is not said is any.
#[derive(Debug, Default)]
pub(super) struct Domain {
    /// None: any.
    pub addresses: Option<Ranges>,
    /// Ids of the outer tag; 0: without a tag. Empty: any.
    pub vlans: Vec<u16>,
    /// Ids of the inner tag, likewise.
    pub inner_vlans: Vec<u16>,
}

impl Domain {
    /// Whether traffic to this address in these VLANs is among it.
    pub fn holds(&self, dst: Address, vlans: Vlans) -> bool {
        let among = |ids: &[u16], id: u16| ids.is_empty() || ids.contains(&id);
        among(&self.vlans, vlans.outer)
            && among(&self.inner_vlans, vlans.inner)
            && self.addresses.as_ref().is_none_or(|ranges| ranges.contains(dst))
    }

    /// Whether some traffic is among both.
    pub fn overlaps(&self, other: &Domain) -> bool {
        let share = |a: &[u16], b: &[u16]| {
            a.is_empty() || b.is_empty() || a.iter().any(|id| b.contains(id))
        };
        share(&self.vlans, &other.vlans)
            && share(&self.inner_vlans, &other.inner_vlans)
            && match (&self.addresses, &other.addresses) {
                (Some(a), Some(b)) => a.overlaps(b),
                _ => true,
            }
    }
}

#[cfg(test)]
mod tests {
    use super::super::cidr::Cidr;
    use super::*;

    fn domain(addresses: &[&str], vlans: &[u16], inner_vlans: &[u16]) -> Domain {
        let ranges: Ranges = addresses.iter().map(|a| Cidr::parse(a).unwrap()).collect();
        let addresses = (!addresses.is_empty()).then_some(ranges);
        Domain { addresses, vlans: vlans.to_vec(), inner_vlans: inner_vlans.to_vec() }
    }

    #[test]
    fn the_same_addresses_in_two_vlans_are_two_domains() {
        let (a, b) = (domain(&["10.0.0.0/8"], &[100], &[]), domain(&["10.0.0.0/8"], &[200], &[]));
        assert!(!a.overlaps(&b) && a.overlaps(&a));
        let at = |outer, inner| Vlans { outer, inner };
        let server = "10.1.0.1".parse::<std::net::IpAddr>().unwrap().into();
        assert!(a.holds(server, at(100, 0)) && a.holds(server, at(100, 7)));
        assert!(!a.holds(server, at(200, 0)) && !a.holds(server, at(0, 0)));
        assert!(!a.holds("11.1.0.1".parse::<std::net::IpAddr>().unwrap().into(), at(100, 0)));
        // What one does not say, the other may have.
        assert!(a.overlaps(&domain(&["10.1.0.0/16"], &[], &[])));
        assert!(!a.overlaps(&domain(&["11.0.0.0/8"], &[], &[])));
        assert!(a.overlaps(&domain(&[], &[100], &[7])));
        assert!(!domain(&[], &[100], &[6]).overlaps(&domain(&[], &[100], &[7])));
        assert!(domain(&[], &[100], &[7]).holds(server, at(100, 7)));
        assert!(!domain(&[], &[100], &[7]).holds(server, at(100, 0)));
    }
}
