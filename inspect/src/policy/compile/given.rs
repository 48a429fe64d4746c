//! The tests that a policy brings along: given a message, expect what is done about it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use weir_reassembly::packet::Vlans;

use super::Compiler;
use super::parts::Scope;
use crate::path::Paths;
use crate::policy::cidr::Ranges;
use crate::policy::rule::Host;
use crate::policy::source::{self, Expected, Given as Source};
use crate::policy::yaml::Node;
use crate::policy::{Decision, Direction, HeaderLookup, Message, Part, Policy, Selection};
use crate::scan::{Found, Kept, decode_url};

/// Ends of a connection about which a test says nothing (RFC 5737: for documentation).
const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const SERVER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2)), 80);

impl Compiler {
    /// Runs the tests that the policy brings along.
    pub(super) fn tests(&mut self, sources: Vec<source::Test>, nodes: &[Node], policy: &Policy) {
        for (test, node) in sources.into_iter().zip(nodes) {
            // What is missing here was reported.
            let (Some(given), Some(expected)) = (test.given, test.expect) else { continue };
            let given = match Given::read(given, policy, &self.scope) {
                Ok(given) => given,
                Err(message) => {
                    self.report.error(node.pos_of("given"), message);
                    continue;
                }
            };
            let decision = given.decide(policy);
            let found = decision.map_or(Expected::Pass, |d| match d.enforced {
                true => Expected::of(d.action),
                false => Expected::Alert,
            });
            let rule = decision.map(|d| policy.rule_name(d.rule)).unwrap_or_default();
            let other = test.rule.as_deref().filter(|wanted| self.scope.full(wanted) != rule);
            if found != expected || other.is_some() {
                let wanted = test.rule.map(|r| format!(" by `{r}`")).unwrap_or_default();
                let by = decision.map(|_| format!(" by `{rule}`")).unwrap_or_default();
                let message = format!("expected {expected}{wanted}, but it is {found}{by}");
                self.report.error(node.pos_of("expect"), message);
            }
        }
    }
}

/// A request, and its response if there is one.
#[derive(Debug)]
pub(super) struct Given {
    method: String,
    url: String,
    host: Option<String>,
    client: IpAddr,
    server: SocketAddr,
    vlans: Vlans,
    ja4: Option<String>,
    headers: Fields,
    body: Option<String>,
    response: Option<String>,
    response_headers: Fields,
}

/// Names in lower case, and values.
#[derive(Debug, Default)]
struct Fields(Vec<(String, String)>);

impl HeaderLookup for Fields {
    fn get(&self, name: &str) -> Option<&[u8]> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_bytes())
    }
}

impl Fields {
    fn read(lines: Option<Vec<String>>) -> Result<Fields, String> {
        let field = |line: String| {
            let (name, value) = line
                .split_once(':')
                .ok_or_else(|| format!("`{line}` is no header; write it as `Name: value`"))?;
            Ok((name.trim().to_ascii_lowercase(), value.trim().to_owned()))
        };
        lines.unwrap_or_default().into_iter().map(field).collect::<Result<_, _>>().map(Fields)
    }
}

impl Given {
    /// What a test says of its message. The error says what of it makes no sense.
    pub fn read(source: Source, policy: &Policy, scope: &Scope) -> Result<Given, String> {
        let (mut server, mut host) = (SERVER, source.host);
        if let Some(name) = &source.service {
            let named = policy.compiled.services.iter().find(|s| s.name == scope.full(name));
            let service = named.ok_or_else(|| format!("there is no service `{name}`"))?;
            let address = service.addresses.as_ref().and_then(Ranges::first).unwrap_or(server.ip());
            server = SocketAddr::new(address, service.ports.first().copied().unwrap_or(80));
            host = host.or_else(|| {
                service.hosts.first().map(|host| match host {
                    Host::Exact(name) => String::from_utf8_lossy(name).into_owned(),
                    Host::Below(suffix) => format!("any{}", String::from_utf8_lossy(suffix)),
                })
            });
        }
        if let Some(text) = &source.server {
            server = text
                .parse()
                .or_else(|_| text.parse().map(|ip| SocketAddr::new(ip, server.port())))
                .map_err(|_| format!("`{text}` is no address"))?;
        }
        let client = match &source.source {
            Some(text) => text.parse().map_err(|_| format!("`{text}` is no address"))?,
            None => CLIENT,
        };
        Ok(Given {
            method: source.method.unwrap_or_else(|| "GET".to_owned()),
            url: source.url.unwrap_or_else(|| "/".to_owned()),
            host,
            client,
            server,
            vlans: tags(source.vlans),
            ja4: source.ja4,
            headers: Fields::read(source.headers)?,
            body: source.body,
            response: source.response,
            response_headers: Fields::read(source.response_headers)?,
        })
    }

    /// The strongest of what the policy does about it; limits are not reached.
    pub fn decide(&self, policy: &Policy) -> Option<Decision> {
        let mut path = Vec::new();
        decode_url(self.url.split(['?', '#']).next().unwrap_or_default().as_bytes(), &mut path);
        let mut url = Vec::new();
        decode_url(self.url.as_bytes(), &mut url);
        let message = |direction| Message {
            vlans: self.vlans,
            ja4: self.ja4.as_deref(),
            host: self.host.as_deref().map(str::as_bytes),
            method: self.method.as_bytes(),
            path: &path,
            headers: &self.headers,
            ..Message::new(direction, self.client, self.server.ip(), self.server.port())
        };
        let asked = policy.select(&message(Direction::Request));
        let answered = policy.select(&message(Direction::Response));
        let text = |text: &Option<String>| text.as_deref().unwrap_or_default().as_bytes().to_vec();
        let media = |fields: &Fields| fields.get("content-type").unwrap_or_default().to_vec();
        let mut parts = vec![(&asked, Part::Url, url, Vec::new())];
        parts.push((&asked, Part::Body, text(&self.body), media(&self.headers)));
        parts.push((&answered, Part::Body, text(&self.response), media(&self.response_headers)));
        for (selection, fields) in [(&asked, &self.headers), (&answered, &self.response_headers)] {
            let values = fields.0.iter().map(|(_, value)| value.clone().into_bytes());
            parts.extend(values.map(|value| (selection, Part::Headers, value, Vec::new())));
        }
        let found = parts.iter().flat_map(|(selection, part, bytes, media)| {
            found(policy, selection, *part, bytes, media)
        });
        asked.verdict().into_iter().chain(found).reduce(Decision::stronger)
    }
}

/// The ids of a frame's tags.
fn tags(ids: Option<Vec<u16>>) -> Vlans {
    let mut ids = ids.unwrap_or_default().into_iter();
    Vlans { outer: ids.next().unwrap_or(0), inner: ids.next().unwrap_or(0) }
}

/// What is done about each finding in a part.
fn found(
    policy: &Policy,
    selection: &Selection,
    part: Part,
    bytes: &[u8],
    media: &[u8],
) -> Vec<Decision> {
    let mut found = Vec::new();
    policy.scanner().scan_whole(bytes, selection.detectors(part), &mut found);
    let mut path = path_in(bytes, media);
    let mut place = |f: &Found| if part == Part::Body { path(f) } else { String::new() };
    found.retain(|f| policy.catalog().counts_at(f.detector, || place(f)));
    found.iter().filter_map(|f| policy.decide(selection, part, f.detector)).collect()
}

/// Tells where in a whole body findings lie.
pub(super) fn path_in<'b>(bytes: &'b [u8], media: &[u8]) -> impl FnMut(&Found) -> String + 'b {
    let mut paths = Paths::default();
    paths.begin(media, false);
    move |f| paths.path(Kept { base: 0, bytes }, f.start, f.end)
}
