//! What a policy says of a recorded request for what it calls, whatever is in it.

use std::net::{IpAddr, Ipv4Addr};

use weir_inspect::policy::{Direction, HeaderLookup, Message, Policy, Selection};
use weir_inspect::request::Request;
use weir_inspect::scan::decode_url;

/// Where a recorded request says nothing of its addresses.
const UNKNOWN: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
/// A server's port where its address names none.
const HTTP_PORT: u16 = 80;

/// The headers of a recorded request.
struct Headers<'a>(&'a Request);

impl HeaderLookup for Headers<'_> {
    fn get(&self, name: &str) -> Option<&[u8]> {
        self.0.header(name).map(str::as_bytes)
    }
}

/// The rules of a policy that are about a request.
pub fn selection(policy: &Policy, request: &Request) -> Selection {
    let (src, _) = endpoint(request.src.as_deref());
    let (dst, port) = endpoint(request.dst.as_deref());
    let mut path = Vec::new();
    decode_url(request.url.split(['?', '#']).next().unwrap_or("/").as_bytes(), &mut path);
    policy.select(&Message {
        host: request.host.as_deref().map(str::as_bytes),
        method: request.method.as_bytes(),
        path: &path,
        headers: &Headers(request),
        ..Message::new(Direction::Request, src, dst, port)
    })
}

/// Whether a policy refuses a request for what it calls, whatever is in it.
pub fn blocks_call(policy: &Policy, request: &Request) -> bool {
    selection(policy, request).verdict().is_some_and(|d| d.acts() && d.action.refuses())
}

/// An address with or without a port.
fn endpoint(text: Option<&str>) -> (IpAddr, u16) {
    let text = text.unwrap_or_default();
    let whole = text.parse::<std::net::SocketAddr>().map(|a| (a.ip(), a.port()));
    whole.unwrap_or_else(|_| (text.parse().unwrap_or(UNKNOWN), HTTP_PORT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        assert_eq!(endpoint(Some("10.0.0.1:81")), ("10.0.0.1".parse().unwrap(), 81));
        assert_eq!(endpoint(Some("::1")), ("::1".parse().unwrap(), HTTP_PORT));
        assert_eq!(endpoint(None), (UNKNOWN, HTTP_PORT));
    }
}
