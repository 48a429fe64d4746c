//! The graph as a policy: only who has called a service may, and only what it has called. Staged in monitor mode.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::IpAddr;

use super::{CLIENTS, Edge, Graph, INTERNET, Service};

/// Rules of the proposal; a policy has 256.
const RULES: usize = 250;
/// Services of the proposal; a policy has 256.
const SERVICES: usize = 250;
/// Ranges in a condition; more addresses become ranges of 24 bits (of IPv6 64), and more of those are not told apart.
const RANGES: usize = 24;

/// Names as policies take them, each once.
#[derive(Default)]
struct Names(BTreeSet<String>);

impl Names {
    fn name(&mut self, text: &str) -> String {
        let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let name: String = text.chars().take(64).map(|c| if fits(c) { c } else { '-' }).collect();
        let name = name.trim_matches(['-', '.']).to_owned();
        let numbered = (2..).map(|n| format!("{name}-{n}"));
        let free = |name: &String| !name.is_empty() && !self.0.contains(name);
        let name = std::iter::once(name.clone()).chain(numbered).find(free).unwrap_or_default();
        self.0.insert(name.clone());
        name
    }
}

/// The policy as YAML, and how many callers it has no rule for, since there were too many.
pub fn policy(graph: &Graph) -> (String, usize) {
    let mut text = String::from(
        "# Learnt by `weir services graph --policy`: who has not called a service so far, or calls something else of it, would be\n\
         # blocked. Look at what it reports, then set `mode: enforce`.\nversion: 1\nmode: monitor\n",
    );
    let (mut names, mut rule_names) = (Names::default(), Names::default());
    let listed = graph.services.iter().take(SERVICES);
    let services: Vec<(String, &Service)> =
        listed.map(|(name, service)| (names.name(name), service)).collect();
    if services.is_empty() {
        return (text, 0);
    }
    text.push_str("services:\n");
    for (name, service) in &services {
        // Writing to a String can't fail.
        let _ = writeln!(text, "  - {{name: {}{}}}", quoted(name), place(service));
    }
    let mut rules = Vec::new();
    for (name, service) in &services {
        rules.extend(callers(name, service, &mut rule_names));
    }
    let mut left_out = graph.services.len() - services.len();
    for (name, service) in &services {
        for (caller, edge) in &service.callers {
            let more = calls(name, caller, edge, &mut rule_names);
            match rules.len() + more.len() <= RULES {
                true => rules.extend(more),
                false => left_out += 1,
            }
        }
    }
    rules.truncate(RULES);
    if !rules.is_empty() {
        text.push_str("rules:\n");
        rules.iter().for_each(|rule| text.push_str(rule));
    }
    (text, left_out)
}

/// Where a service is: by its addresses, or where these are too many by its hosts.
fn place(service: &Service) -> String {
    let mut place = String::new();
    if !service.at.more && !service.at.all.is_empty() {
        let addresses: BTreeSet<String> =
            service.at.all.iter().map(|a| quoted(&a.ip().to_string())).collect();
        let ports: BTreeSet<String> = service.at.all.iter().map(|a| a.port().to_string()).collect();
        place.push_str(&format!(", addresses: [{}]", joined(&addresses)));
        place.push_str(&format!(", ports: [{}]", joined(&ports)));
    }
    if !service.hosts.more && !service.hosts.all.is_empty() {
        let bare = |host: &String| match host.parse::<std::net::SocketAddr>() {
            Ok(address) => quoted(&address.ip().to_string()),
            Err(_) => quoted(host),
        };
        let hosts: BTreeSet<String> = service.hosts.all.iter().map(bare).collect();
        place.push_str(&format!(", hosts: [{}]", joined(&hosts)));
    }
    place
}

/// A rule against all who have not called the service, if it is known who may.
fn callers(name: &str, service: &Service, names: &mut Names) -> Option<String> {
    let open = [CLIENTS, INTERNET].iter().any(|group| service.callers.contains_key(*group));
    if open || service.callers.values().any(|edge| edge.addresses.more) {
        return None;
    }
    let all: BTreeSet<IpAddr> =
        service.callers.values().flat_map(|e| e.addresses.all.iter().copied()).collect();
    let ranges = ranges(&all)?;
    let one = |range: &String| format!("cidr('{range}').containsIP(source.ip)");
    let any: Vec<String> = ranges.iter().map(one).collect();
    Some(format!(
        "  - name: {}\n    direction: request\n    services: [{}]\n    when: {}\n    action: block\n",
        quoted(&names.name(&format!("{name}-other-callers"))),
        quoted(name),
        quoted(&format!("!({})", any.join(" || ")))
    ))
}

/// Rules about what a caller calls, if all of that is known.
fn calls(name: &str, caller: &str, edge: &Edge, names: &mut Names) -> Vec<String> {
    let known = !edge.calls.more && !edge.addresses.more && !edge.calls.all.is_empty();
    let group = [CLIENTS, INTERNET].contains(&caller);
    let ranges = ranges(&edge.addresses.all).filter(|_| known && !group);
    let Some(ranges) = ranges else { return Vec::new() };
    let source: BTreeSet<String> = ranges.iter().map(|r| quoted(r)).collect();
    let mut methods: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for (method, template) in &edge.calls.all {
        methods.entry(method).or_default().insert(quoted(&glob(template)));
    }
    let mut rule = |what: &str, how: String| {
        format!(
            "  - name: {}\n    direction: request\n    services: [{}]\n    identity: {{source: [{}]}}\n{how}    action: block\n",
            quoted(&names.name(&format!("{name}-from-{caller}-{what}"))),
            quoted(name),
            joined(&source)
        )
    };
    let mut rules: Vec<String> = methods
        .iter()
        .map(|(method, globs)| {
            let globs = joined(globs);
            rule(method, format!("    methods: [{}]\n    except: [{globs}]\n", quoted(method)))
        })
        .collect();
    // A method may hold any character of a token (RFC 9110 §5.6.2), and some of them can't stand in CEL.
    if methods.keys().all(|m| m.bytes().all(|b| b.is_ascii_alphanumeric())) {
        let known: Vec<String> = methods.keys().map(|m| format!("'{m}'")).collect();
        let other = format!("!(request.method in [{}])", known.join(", "));
        rules.push(rule("other-methods", format!("    when: {}\n", quoted(&other))));
    }
    rules
}

/// The template as a glob. What globs can't say becomes `*`.
fn glob(template: &str) -> String {
    let part = |part: &str| match part {
        "." | ".." => "*".to_owned(),
        _ if part.contains(['{', '}', '*', '?', '#', '%']) => "*".to_owned(),
        _ => part.to_owned(),
    };
    let parts: Vec<String> = template.split('/').map(part).collect();
    let glob = parts.join("/");
    if glob.starts_with('/') { glob } else { format!("/{glob}") }
}

/// Ranges that hold these addresses; none if there are too many.
fn ranges(addresses: &BTreeSet<IpAddr>) -> Option<Vec<String>> {
    let exact = |ip: &IpAddr| format!("{ip}/{}", if ip.is_ipv4() { 32 } else { 128 });
    let wide = |ip: &IpAddr| match ip {
        IpAddr::V4(ip) => {
            let [a, b, c, _] = ip.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        IpAddr::V6(ip) => {
            let bits = ip.to_bits() >> 64 << 64;
            format!("{}/64", std::net::Ipv6Addr::from_bits(bits))
        }
    };
    let all: BTreeSet<String> = addresses.iter().map(exact).collect();
    let all = if all.len() > RANGES { addresses.iter().map(wide).collect() } else { all };
    (!all.is_empty() && all.len() <= RANGES).then(|| all.into_iter().collect())
}

fn joined(all: &BTreeSet<String>) -> String {
    all.iter().cloned().collect::<Vec<_>>().join(", ")
}

/// A YAML string in double quotes: JSON's escapes are YAML's.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
