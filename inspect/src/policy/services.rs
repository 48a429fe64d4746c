//! Whose traffic is whose: the services of a policy.

use std::net::IpAddr;

use weir_reassembly::packet::Vlans;

use super::Policy;
use super::bits::Bits;
use super::rule::{Service, bare_host};

/// A service's index in its policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ServiceId(pub u16);

impl Policy {
    /// The first service of the file to which a message to this address, port and host belongs, by whose name events
    /// call it. (For rules it belongs to every service that covers it.)
    pub fn service_of(
        &self,
        dst: IpAddr,
        port: u16,
        vlans: Vlans,
        host: Option<&[u8]>,
    ) -> Option<ServiceId> {
        let (dst, host) = (dst.into(), host.map(bare_host));
        let covers = |s: &Service| s.covers(dst, port, vlans, host);
        let first = self.compiled.services.iter().position(covers);
        first.map(|index| ServiceId(index as u16))
    }

    /// The first service of the file that has this address among its own: who a client is that is itself a service.
    pub fn service_at(&self, ip: IpAddr) -> Option<ServiceId> {
        let ip = ip.into();
        let has = |s: &Service| s.addresses.as_ref().is_some_and(|ranges| ranges.contains(ip));
        self.compiled.services.iter().position(has).map(|index| ServiceId(index as u16))
    }

    /// The names of its services, in the order of their ids.
    pub fn service_names(&self) -> impl Iterator<Item = &str> {
        self.compiled.services.iter().map(|service| service.name.as_str())
    }

    /// The name of a service.
    pub fn service_name(&self, id: ServiceId) -> &str {
        self.compiled.services.get(usize::from(id.0)).map_or("", |s| &s.name)
    }

    /// Whether any rule could be about a message of a flow to this server: if not, the flow needs no inspection.
    pub fn flow_relevant(&self, dst: IpAddr, port: u16, vlans: Vlans) -> bool {
        let (dst, mut covering) = (dst.into(), Bits::default());
        for (index, service) in self.compiled.services.iter().enumerate() {
            if service.covers_flow(dst, port, vlans) {
                covering.insert(index);
            }
        }
        self.compiled.rules.iter().any(|rule| rule.covers_flow(dst, vlans, &covering))
            || self.compiled.behaviour.as_ref().is_some_and(|b| b.covers_flow(&covering))
    }
}
