//! Discovers the endpoints of APIs from recorded requests, one at a time and in bounded memory.
//!
//! ```text
//!   request ─► paths: components ─► trie of its host ─► calls of the node      (each request, nothing is read again)
//!                                      │
//!   trie ─► evidence: followers, siblings, characters ─► network ─► templates   (when asked)
//! ```
//!
//! Only calls that the service answered as calls of an endpoint make a path: what a scanner asks for and does not get is none.

pub mod allow_list;
pub mod calls;
pub mod characters;
mod decision;
pub mod drift;
pub mod edits;
pub mod everywhere;
pub mod evidence;
pub mod held;
pub mod list;
pub mod listing;
pub mod network;
pub mod openapi;
pub mod paths;
pub mod shown;
pub mod templates;
pub mod trial;
pub mod trie;
pub mod values;

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use weir_inspect::endpoints::Matcher;
use weir_inspect::request::Request;

use calls::Calls;
use edits::Edits;
use everywhere::Everywhere;
use held::Held;
use templates::{Given, Networks, Part, Template};
use trie::{Limits, Method, Trie, merge_calls};
use values::Values;

/// Hosts that are told apart; requests to further ones are not learnt, and counted.
const HOSTS: usize = 1024;
/// Directories with files of a kind, of a host; further ones are not listed.
const DIRECTORIES: usize = 4096;
/// What is kept of calls that were refused, to count their statuses by endpoint.
const REFUSED: Limits =
    Limits { children: 64, most_children: 1024, nodes: 10_000, depth: 32, methods: 16 };
/// Longest component of a path, in bytes; a path with a longer one is not learnt, and counted.
const COMPONENT: usize = 512;

/// Calls to a path of an API, by one method.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// As `Host` says, lower-case.
    pub host: String,
    /// `GET`; for GraphQL also the operation.
    pub method: Method,
    /// Its components.
    pub parts: Vec<Part>,
    /// The names that people gave to its parameters.
    pub names: Vec<Option<Box<str>>>,
    /// What is known of its calls.
    pub calls: Calls,
    /// 0 to 1: how sure the template is, and more with each call.
    pub confidence: f64,
}

/// Files that pages load, by directory.
#[derive(Clone, Debug)]
pub struct Assets {
    /// As `Host` says, lower-case.
    pub host: String,
    /// The path before the name.
    pub directory: String,
    /// `css`.
    pub kind: String,
    /// Requests.
    pub count: u64,
}

/// What was learnt.
#[derive(Clone, Debug, Default)]
pub struct Learnt {
    /// By host, path and method.
    pub endpoints: Vec<Endpoint>,
    /// By host and directory.
    pub assets: Vec<Assets>,
}

/// Requests that tell nothing, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {
    /// Refused or not found; only their status counts, at an endpoint that is known.
    pub refused: u64,
    /// Beyond a limit on hosts, nodes, depth or length.
    pub limits: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Host {
    trie: Trie,
    refused: Trie,
    assets: BTreeMap<(Box<str>, Box<str>), u64>,
}

/// What a learner knows, as a file holds it.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Known {
    hosts: BTreeMap<Box<str>, Host>,
    left: Left,
}

/// Learns endpoints.
#[derive(Debug)]
pub struct Learner {
    networks: Networks,
    limits: Limits,
    edits: Edits,
    /// By host.
    held: BTreeMap<String, Held>,
    known: Known,
}

impl Learner {
    /// Knows nothing yet.
    pub fn new(networks: Networks) -> Learner {
        Learner::with_limits(networks, Limits::default())
    }

    /// With other limits for each host.
    pub fn with_limits(networks: Networks, limits: Limits) -> Learner {
        Learner {
            networks,
            limits,
            edits: Edits::default(),
            held: BTreeMap::new(),
            known: Known::default(),
        }
    }

    /// What it knows, to be kept.
    pub fn known(&self) -> &Known {
        &self.known
    }

    /// Goes on with what was kept.
    pub fn restore(&mut self, mut known: Known) {
        for host in known.hosts.values_mut() {
            (host.trie.limits, host.refused.limits) = (self.limits, REFUSED);
        }
        self.known = known;
    }

    /// What people know better, from now on.
    pub fn edit(&mut self, edits: Edits) {
        self.edits = edits;
    }

    /// What people were shown, by host: it holds from now on.
    pub fn hold(&mut self, held: BTreeMap<String, Held>) {
        self.held = held;
    }

    /// Requests so far that told nothing.
    pub fn left(&self) -> Left {
        self.known.left
    }

    /// Another request.
    pub fn observe(&mut self, request: &Request) {
        let Known { hosts, left } = &mut self.known;
        let host = request.host.as_deref().unwrap_or_default().to_ascii_lowercase();
        if !hosts.contains_key(host.as_str()) {
            if hosts.len() >= HOSTS {
                left.limits += 1;
                return;
            }
            let fresh = Host {
                trie: Trie::new(self.limits),
                refused: Trie::new(REFUSED),
                assets: BTreeMap::new(),
            };
            hosts.insert(host.as_str().into(), fresh);
        }
        let Some(host) = hosts.get_mut(host.as_str()) else { return };
        let status = request.response.as_ref().map(|r| r.status);
        let path = paths::path(&request.url);
        if let (Some(asset), true) = (paths::asset(&request.method, path), is_answered(status)) {
            let known = host.assets.len() < DIRECTORIES;
            let key = (asset.0.into(), asset.1.to_ascii_lowercase().into());
            if known || host.assets.contains_key(&key) {
                *host.assets.entry(key).or_default() += 1;
            }
            return;
        }
        let components = paths::components(path);
        if components.iter().any(|c| c.len() > COMPONENT) {
            left.limits += 1;
            return;
        }
        if host.learn(request, &components, status, &self.networks) {
            left.refused += u64::from(!is_answered(status));
        } else {
            left.limits += 1;
        }
    }

    /// All that was learnt so far.
    pub fn learnt(&self) -> Learnt {
        let mut everywhere = Everywhere::default();
        self.known.hosts.values().for_each(|host| everywhere.add(&host.trie));
        let mut learnt = Learnt::default();
        for (name, host) in &self.known.hosts {
            host.endpoints(name, &everywhere, self, &mut learnt.endpoints);
            let assets = host.assets.iter().map(|((directory, kind), count)| Assets {
                host: name.to_string(),
                directory: directory.to_string(),
                kind: kind.to_string(),
                count: *count,
            });
            learnt.assets.extend(assets);
        }
        learnt
    }
}

/// Whether a status says that there is an endpoint. Not found, not allowed and unauthorised are said of any path, and bad
/// request of nonsense, too. Where the answer was not recorded, nothing speaks against it.
pub fn is_answered(status: Option<u16>) -> bool {
    !matches!(status, Some(400 | 401 | 403 | 404 | 405 | 501))
}

impl Host {
    /// False beyond a limit.
    fn learn(
        &mut self,
        request: &Request,
        components: &[Cow<'_, str>],
        status: Option<u16>,
        networks: &Networks,
    ) -> bool {
        let names: Vec<&str> = components.iter().map(AsRef::as_ref).collect();
        let literal = paths::is_grpc(request, components);
        let method = Method {
            name: request.method.as_str().into(),
            operation: paths::graphql(request).map(Into::into),
        };
        let answered = is_answered(status);
        let trie = if answered { &mut self.trie } else { &mut self.refused };
        let mut path = Vec::new();
        let mut values = |trie: &Trie, path: &[_]| templates::values_at(trie, path, networks);
        if !trie.enter(&names, literal, &networks.characters, &mut values, &mut path) {
            return false;
        }
        let end = path.last().copied().unwrap_or(Trie::ROOT);
        match trie.calls(end, &method) {
            Some(calls) if answered => calls.add(request),
            Some(calls) => calls.add_status(status),
            None => return false,
        }
        true
    }

    fn endpoints(
        &self,
        host: &str,
        everywhere: &Everywhere,
        learner: &Learner,
        all: &mut Vec<Endpoint>,
    ) {
        let Learner { networks, edits, .. } = learner;
        let given = Given { trie: &self.trie, everywhere, edits, held: learner.held.get(host) };
        let templates = templates::all(given, &mut |children| networks.judge(children));
        let mut refused = self.refused();
        let mut matcher = Matcher::default();
        for (number, template) in templates.iter().enumerate() {
            matcher.add(templates::components(&template.parts), number);
        }
        let mut statuses: BTreeMap<(usize, Method), Calls> = BTreeMap::new();
        for (path, method, calls) in refused.drain(..) {
            if let Some(number) = matcher.find(path.split('\0').skip(1).map(str::as_bytes)) {
                statuses.entry((number, method)).or_default().merge(calls);
            }
        }
        for (number, template) in templates.into_iter().enumerate() {
            for (method, mut calls) in self.calls(&template) {
                if let Some(refused) = statuses.get(&(number, method.clone())) {
                    calls.merge(refused);
                }
                let seen = calls.count as f64;
                let confidence = f64::from(template.certainty) * (seen / (seen + 0.1));
                let (host, parts) = (host.to_owned(), template.parts.clone());
                let names = edits.names(&parts);
                all.push(Endpoint { host, method, parts, names, calls, confidence });
            }
        }
    }

    fn calls(&self, template: &Template) -> Vec<(Method, Calls)> {
        let mut all = Vec::new();
        for node in template.nodes.iter().filter_map(|id| self.trie.node(*id)) {
            for (method, calls) in &node.calls {
                merge_calls(&mut all, method.clone(), calls.clone(), usize::MAX);
            }
        }
        all.sort_by(|(a, _), (b, _)| a.cmp(b));
        all
    }

    /// The paths that were refused, with their calls. A parameter's value is what fits a template's parameter only.
    fn refused(&self) -> Vec<(String, Method, &Calls)> {
        let mut found = Vec::new();
        let mut open = vec![(Trie::ROOT, String::new())];
        while let Some((id, path)) = open.pop() {
            let Some(node) = self.refused.node(id) else { continue };
            for (method, calls) in &node.calls {
                found.push((path.clone(), method.clone(), calls));
            }
            let named = node.children.iter().map(|(name, id)| (*id, format!("{path}\0{name}")));
            let parameter = node.parameter.iter().map(|id| (*id, format!("{path}\0{{}}")));
            let ended = node.endings.iter().map(|(ending, id)| (*id, format!("{path}{ending}")));
            open.extend(named.chain(parameter).chain(ended));
        }
        found
    }
}

impl Endpoint {
    /// `/user/{user_id}/vehicle`.
    pub fn template(&self) -> String {
        template(&self.parts, &self.names)
    }

    /// The parameters of the path with their names, in order.
    pub fn parameters(&self) -> Vec<(String, &Values)> {
        parameters(&self.parts, &self.names)
    }
}

/// The parameters of a template are named as people said, or after the name before them, in the singular.
fn parameters<'p>(parts: &'p [Part], names: &[Option<Box<str>>]) -> Vec<(String, &'p Values)> {
    let mut named: Vec<(String, &Values)> = Vec::new();
    let mut last = "";
    for part in parts {
        match part {
            Part::Name(name) => last = name,
            Part::Parameter { values, .. } => {
                let given = names.get(named.len()).and_then(Option::as_deref);
                let base = given.map_or_else(|| parameter_name(last), str::to_owned);
                let taken = |name: &str| named.iter().any(|(n, _)| n == name);
                let numbered = (2..).map(|n| format!("{base}_{n}"));
                let name = std::iter::once(base.clone()).chain(numbered).find(|n| !taken(n));
                named.push((name.unwrap_or(base), values));
            }
        }
    }
    named
}

fn parameter_name(last: &str) -> String {
    let word = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
    let last: String = last.chars().take(32).map(word).collect();
    let singular = match () {
        () if last.ends_with("ies") => last.strip_suffix("ies").map(|stem| format!("{stem}y")),
        () if last.ends_with("ss") || last.ends_with("us") => None,
        () if ["sses", "ches", "shes", "xes"].iter().any(|e| last.ends_with(e)) => {
            last.strip_suffix("es").map(str::to_owned)
        }
        () => last.strip_suffix('s').map(str::to_owned),
    };
    let singular = singular.unwrap_or(last);
    if singular.is_empty() { "id".to_owned() } else { format!("{singular}_id") }
}

fn template(parts: &[Part], names: &[Option<Box<str>>]) -> String {
    let mut names = parameters(parts, names).into_iter().map(|(name, _)| name);
    let mut text = String::new();
    for part in parts {
        text.push('/');
        match part {
            Part::Name(name) => text.push_str(name),
            Part::Parameter { ending, .. } => {
                text.push_str(&format!("{{{}}}{ending}", names.next().unwrap_or_default()));
            }
        }
    }
    if text.is_empty() { "/".to_owned() } else { text }
}

#[cfg(test)]
mod tests;
