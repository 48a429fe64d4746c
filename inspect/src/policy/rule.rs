//! Compiled services and rules: the conditions, evaluated once a message, without allocation.

use std::sync::Arc;

use weir_reassembly::packet::Vlans;

use super::bits::Bits;
use super::cel::Condition;
use super::cidr::{Address, Ranges};
use super::domain::Domain;
use super::glob::{Glob, Path};
use super::limit::Limit;
use super::source::RuleDirection;
use super::{Action, Message, Mode, Part, RuleSeverity, TooLate};
use crate::detector::DetectorSet;
use crate::endpoints;

/// A service; an empty list is any.
#[derive(Debug, Default)]
pub(super) struct Service {
    pub name: String,
    /// What is its tenant's, if it has one.
    pub scope: Option<Arc<Domain>>,
    /// None: any.
    pub addresses: Option<Ranges>,
    pub ports: Vec<u16>,
    pub hosts: Vec<Host>,
}

impl Service {
    /// Whether a flow to this address can carry messages of the service.
    pub fn covers_flow(&self, dst: Address, port: u16, vlans: Vlans) -> bool {
        (self.ports.is_empty() || self.ports.contains(&port))
            && self.addresses.as_ref().is_none_or(|ranges| ranges.contains(dst))
            && within(&self.scope, dst, vlans)
    }

    /// Whether a message to this address and host belongs to the service. `host` is without port.
    pub fn covers(&self, dst: Address, port: u16, vlans: Vlans, host: Option<&[u8]>) -> bool {
        self.covers_flow(dst, port, vlans)
            && (self.hosts.is_empty()
                || host.is_some_and(|host| self.hosts.iter().any(|h| h.covers(host))))
    }
}

/// Whether traffic to an address is a tenant's, if there is one.
fn within(scope: &Option<Arc<Domain>>, dst: Address, vlans: Vlans) -> bool {
    scope.as_ref().is_none_or(|domain| domain.holds(dst, vlans))
}

/// A host name, or all names below a domain.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Host {
    /// `orders.internal`
    Exact(Box<[u8]>),
    /// `*.shop.example`, kept as `.shop.example`
    Below(Box<[u8]>),
}

impl Host {
    /// Reads a host pattern; the error says what is wrong with it.
    pub fn parse(text: &str) -> Result<Host, String> {
        let name = text.strip_prefix("*.").unwrap_or(text);
        if name.contains('*') {
            return Err(format!(
                "`{text}`: `*` stands only at the beginning, as in `*.example.com`"
            ));
        }
        // An IPv6 literal stands in brackets (RFC 3986 §3.2.2) and holds colons of its own.
        let bracketed = name.starts_with('[') && name.ends_with(']');
        if !bracketed && name.contains(':') {
            return Err(format!("`{text}` holds a port; ports stand under `ports`"));
        }
        if let Some(c) = name.chars().find(|c| !c.is_ascii_alphanumeric() && !"-_.[]:".contains(*c))
        {
            return Err(format!("`{text}` is not a host name: it holds `{c}`"));
        }
        if name.is_empty() || name.starts_with('.') || name.ends_with('.') || name.contains("..") {
            return Err(format!("`{text}` is not a host name"));
        }
        Ok(match text.strip_prefix('*') {
            Some(suffix) => Host::Below(suffix.as_bytes().into()),
            None => Host::Exact(text.as_bytes().into()),
        })
    }

    fn covers(&self, host: &[u8]) -> bool {
        match self {
            Host::Exact(name) => host.eq_ignore_ascii_case(name),
            Host::Below(suffix) => host
                .split_at_checked(host.len().wrapping_sub(suffix.len()))
                .is_some_and(|(below, end)| !below.is_empty() && end.eq_ignore_ascii_case(suffix)),
        }
    }
}

/// `Host` or `:authority` without its port and the root's dot.
pub(crate) fn bare_host(host: &[u8]) -> &[u8] {
    let name = match host.iter().rposition(|b| matches!(b, b':' | b']')) {
        Some(at) if host.get(at) == Some(&b':') => host.get(..at).unwrap_or_default(),
        _ => host,
    };
    name.strip_suffix(b".").unwrap_or(name)
}

/// An endpoint by its template. While it is not known to which endpoint a request goes, whatever fits the template does.
#[derive(Debug)]
pub(super) struct Endpoint {
    /// As that of the learnt one.
    form: Box<str>,
    glob: Glob,
}

impl Endpoint {
    /// Reads a template; the error says what is wrong with it.
    pub fn parse(text: &str) -> Result<Endpoint, String> {
        if text.contains('*') {
            return Err(format!(
                "`{text}` holds `*`, but a template has parameters: `/user/{{id}}/vehicle`"
            ));
        }
        Ok(Endpoint { form: endpoints::form(text).into(), glob: Glob::parse(text)? })
    }
}

/// The parts of a message that a rule looks at, one bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Parts(u8);

impl Parts {
    pub fn with(self, part: Part) -> Parts {
        Parts(self.0 | 1 << part as u8)
    }

    pub fn contains(self, part: Part) -> bool {
        self.0 >> part as u8 & 1 == 1
    }
}

/// A rule; an empty list of conditions always holds.
#[derive(Debug)]
pub(super) struct Rule {
    pub name: String,
    /// Its conditions in words.
    pub about: String,
    pub direction: RuleDirection,
    /// What is its tenant's, if it has one.
    pub scope: Option<Arc<Domain>>,
    /// None: any, also none of the named ones.
    pub services: Option<Bits>,
    pub methods: Vec<String>,
    pub paths: Vec<Glob>,
    pub endpoints: Vec<Endpoint>,
    pub except: Vec<Glob>,
    /// None: any.
    pub sources: Option<Ranges>,
    pub header: Option<Header>,
    /// The rule is about TLS connections of these clients. Empty: about requests.
    pub ja4: Vec<Ja4>,
    pub when: Option<Condition>,
    /// None: the rule is about the call itself.
    pub detectors: Option<DetectorSet>,
    pub parts: Parts,
    pub action: Action,
    pub mode: Mode,
    pub too_late: TooLate,
    /// It applies only to callers that are over this.
    pub limit: Option<Limit>,
    pub severity: RuleSeverity,
    /// Seconds since the Unix epoch at which it ends.
    pub until: Option<i64>,
    /// Milliseconds for which a caller's address is dropped.
    pub drops: Option<u64>,
}

/// A request header by which clients are told apart; no values is any value.
#[derive(Debug)]
pub(super) struct Header {
    /// In lower case.
    pub name: String,
    pub values: Vec<String>,
}

/// JA4 fingerprints: one, or all that begin so.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ja4 {
    begins: String,
    whole: bool,
}

impl Ja4 {
    /// Characters of a fingerprint: `t13d1516h2_8daaf6152771_e5627efa2ab1`.
    const LENGTH: usize = 36;

    /// Reads a fingerprint, or its beginning and `*`.
    pub fn parse(text: &str) -> Result<Ja4, String> {
        let begins = text.strip_suffix('*');
        let (whole, begins) = (begins.is_none(), begins.unwrap_or(text));
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        // The characters of a protocol's name (ALPN) stand as they are.
        let known = begins.chars().all(|c| plain(c) || c.is_ascii_uppercase());
        let fits = if whole { text.len() == Ja4::LENGTH } else { begins.len() < Ja4::LENGTH };
        match known && fits {
            true => Ok(Ja4 { begins: begins.to_owned(), whole }),
            false => Err(format!(
                "`{text}` is no JA4 fingerprint; write it as `t13d1516h2_8daaf6152771_e5627efa2ab1`, or its beginning and `*`"
            )),
        }
    }

    fn fits(&self, ja4: &str) -> bool {
        if self.whole { ja4 == self.begins } else { ja4.starts_with(&self.begins) }
    }
}

impl Rule {
    /// Whether it could be about a message to this address, of services that cover it.
    pub fn covers_flow(&self, dst: Address, vlans: Vlans, covering: &Bits) -> bool {
        within(&self.scope, dst, vlans)
            && self.services.is_none_or(|named| named.intersects(covering))
    }

    /// Whether the rule's conditions hold for the message. Cheap ones first; `path` is split when it is first needed.
    pub fn applies<'a>(
        &self,
        message: &Message<'a>,
        services: &Bits,
        path: &mut Option<Path<'a>>,
    ) -> bool {
        let is_meant = match message.ja4 {
            Some(ja4) => self.ja4.iter().any(|own| own.fits(ja4)),
            None => self.ja4.is_empty(),
        };
        is_meant
            && self.direction.includes(message.direction)
            && self.covers_flow(message.dst.into(), message.vlans, services)
            && (self.methods.is_empty()
                || self.methods.iter().any(|m| m.as_bytes() == message.method))
            && self.sources.as_ref().is_none_or(|ranges| ranges.contains(message.src.into()))
            && (self.paths.is_empty() && self.except.is_empty() || {
                let path = path.get_or_insert_with(|| Path::new(message.path));
                (self.paths.is_empty() || path.fits_any(&self.paths))
                    && !path.is_excepted(&self.except)
            })
            && (self.endpoints.is_empty()
                || message
                    .endpoint
                    .is_some_and(|learnt| self.endpoints.iter().any(|e| *e.form == *learnt.form))
                || (message.endpoint.is_none() || message.may_go_elsewhere) && {
                    let path = path.get_or_insert_with(|| Path::new(message.path));
                    self.endpoints.iter().any(|e| path.fits_any(std::slice::from_ref(&e.glob)))
                })
            && self.header.as_ref().is_none_or(|condition| {
                message.headers.get(&condition.name).is_some_and(|value| {
                    condition.values.is_empty()
                        || condition.values.iter().any(|v| v.as_bytes() == value)
                })
            })
            && self.when.as_ref().is_none_or(|when| when.holds(message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_cover_names_in_any_case_and_only_below_their_domain() {
        for (pattern, host, covered) in [
            ("orders.internal", "Orders.Internal:8080", true),
            ("orders.internal", "orders.internal.", true),
            ("orders.internal", "xorders.internal", false),
            ("*.shop.example", "a.b.shop.example", true),
            ("*.shop.example", "shop.example", false),
            ("*.shop.example", ".shop.example", false),
            ("*.shop.example", "xshop.example", false),
            ("[::1]", "[::1]:80", true),
            ("[::1]", "[::1]", true),
        ] {
            let found = Host::parse(pattern).unwrap().covers(bare_host(host.as_bytes()));
            assert_eq!(found, covered, "{pattern} {host}");
        }
    }

    #[test]
    fn a_fingerprint_is_meant_whole_or_by_its_beginning() {
        const CHROME: &str = "t13d1516h2_8daaf6152771_e5627efa2ab1";
        let fits = |pattern: &str| Ja4::parse(pattern).unwrap().fits(CHROME);
        assert!(fits(CHROME) && fits("*") && fits("t13d*") && fits("t13d1516h2_8daaf6152771_*"));
        assert!(!fits("t12d*") && !fits("t13d1516h2_8daaf6152771_000000000000"));
        for bad in ["t13d", "", "t13 *", "*t13d", "t13d1516h2_8daaf6152771_e5627efa2ab1*"] {
            assert!(Ja4::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn bad_hosts_are_named() {
        for (host, part) in [
            ("a.*.b", "only at the beginning"),
            ("a:80", "ports stand under `ports`"),
            ("a/b", "it holds `/`"),
            ("", "not a host name"),
            ("*.", "not a host name"),
        ] {
            assert!(Host::parse(host).unwrap_err().contains(part), "{host}");
        }
    }
}
