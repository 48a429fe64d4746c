//! Who sent a request, and the networks of those who may.

use std::hash::Hasher;
use std::net::{IpAddr, SocketAddr};

use siphasher::sip::SipHasher13;
use weir_inspect::request::Request;

/// Header fields that hold a caller's token.
const TOKENS: [&str; 2] = ["authorization", "x-api-key"];
/// Where a proxy that saw the handshake puts the fingerprint of a TLS client.
const JA4: &str = "x-ja4";

/// The caller: its user or session, else its token (a hash of it: a token is a secret), else JA4 and address, else the address.
pub fn actor(request: &Request) -> String {
    if let Some(user) = &request.user {
        return user.clone();
    }
    if let Some(token) = TOKENS.iter().find_map(|name| request.header(name)) {
        // Without a key: the same in each run, so that outputs can be joined.
        let mut hasher = SipHasher13::new();
        hasher.write(token.as_bytes());
        return format!("token:{:016x}", hasher.finish());
    }
    let address = address(request).unwrap_or_else(|| "unknown".to_owned());
    match request.header(JA4) {
        Some(ja4) => format!("{ja4} {address}"),
        None => address,
    }
}

/// The client's address without its port.
pub(super) fn address(request: &Request) -> Option<String> {
    let text = request.src.as_deref()?;
    let socket = text.parse::<SocketAddr>();
    Some(socket.map_or_else(|_| text.to_owned(), |socket| socket.ip().to_string()))
}

/// An address or a network (CIDR).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u32,
}

impl Network {
    /// `192.0.2.0/24`, `2001:db8::/32` or an address; None if it is neither.
    pub fn parse(text: &str) -> Option<Network> {
        let (address, bits) = text.split_once('/').map_or((text, None), |(a, b)| (a, Some(b)));
        let address: IpAddr = address.parse().ok()?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let bits =
            bits.map_or(Some(width), |bits| bits.parse().ok()).filter(|bits| *bits <= width)?;
        Some(Network { address, bits })
    }

    /// Whether an address lies in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        let differ = match (self.address, address) {
            (IpAddr::V4(a), IpAddr::V4(b)) => u128::from(a.to_bits() ^ b.to_bits()) << 96,
            (IpAddr::V6(a), IpAddr::V6(b)) => a.to_bits() ^ b.to_bits(),
            _ => return false,
        };
        differ.leading_zeros() >= self.bits
    }
}
