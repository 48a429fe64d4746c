//! The names of who calls and who is called.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};
use weir_inspect::policy::Policy;
use weir_inspect::request::Request;

/// Callers of the operator's own networks that are too many to be told apart.
pub const CLIENTS: &str = "(clients)";
/// Callers from elsewhere.
pub const INTERNET: &str = "(internet)";
/// Server addresses that are remembered; of further ones it is not known which service they are when they call.
const SERVERS: usize = 4096;

/// Tells services by the policy's, and else by their hosts and by the addresses that they were seen to serve from.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Who {
    /// The service that an address serves; empty: several.
    servers: BTreeMap<IpAddr, String>,
    #[serde(skip)]
    policy: Option<Policy>,
}

impl Who {
    /// From now on by this policy.
    pub fn follow(&mut self, policy: Policy) {
        self.policy = Some(policy);
    }

    /// The service that is called: the policy's, else the host, else the address.
    pub fn service(&mut self, request: &Request) -> Option<String> {
        let at = request.dst.as_deref().and_then(|dst| dst.parse::<SocketAddr>().ok());
        let host = request.host.as_deref();
        let named = self.policy.as_ref().zip(at).and_then(|(policy, at)| {
            // Records tell no VLAN.
            let vlans = Default::default();
            let id = policy.service_of(at.ip(), at.port(), vlans, host.map(str::as_bytes))?;
            Some(policy.service_name(id).to_owned())
        });
        let name = named.or_else(|| host.map(str::to_owned)).or_else(|| request.dst.clone())?;
        let answered = request.response.as_ref().is_some_and(|r| r.status < 400);
        if let Some(at) = at.filter(|_| answered) {
            let room = self.servers.len() < SERVERS;
            match self.servers.get_mut(&at.ip()) {
                Some(known) if *known != name => known.clear(),
                None if room => {
                    self.servers.insert(at.ip(), name.clone());
                }
                _ => {}
            }
        }
        Some(name)
    }

    /// Who calls: a service, else an address of the operator's own networks, else [`INTERNET`].
    pub fn caller(&self, request: &Request) -> Option<String> {
        let ip = request.src.as_deref()?.parse::<SocketAddr>().ok()?.ip();
        let by_policy = self.policy.as_ref().and_then(|policy| {
            let id = policy.service_at(ip)?;
            Some(policy.service_name(id).to_owned())
        });
        let by_traffic = || self.servers.get(&ip).filter(|name| !name.is_empty()).cloned();
        let other = || if is_own(ip) { ip.to_string() } else { INTERNET.to_owned() };
        Some(by_policy.or_else(by_traffic).unwrap_or_else(other))
    }
}

/// Addresses that are not routed in the Internet: RFC 1918, 3927, 4193, 4291, 6598, and loopback.
fn is_own(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            let [a, b, ..] = ip.octets();
            let shared = a == 100 && b & 0xc0 == 64;
            ip.is_private() || ip.is_loopback() || ip.is_link_local() || shared
        }
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}
