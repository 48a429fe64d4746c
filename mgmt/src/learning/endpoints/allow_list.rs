//! Endpoints as an allow-list in Weir's policy language, staged in monitor mode: what is no endpoint would be blocked.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::templates::Part;
use super::{Endpoint, Learnt};

/// Most globs of a rule (the policy's own limit on lists is 512).
const GLOBS: usize = 500;
/// Most hosts: each has a service, and a rule for each of its methods; a policy has 256 rules.
const HOSTS: usize = 25;

/// The policy as YAML, and how many globs stand for several endpoints since there were too many.
pub fn policy(learnt: &Learnt) -> (String, usize) {
    let mut hosts: BTreeMap<&str, BTreeMap<&str, BTreeSet<String>>> = BTreeMap::new();
    for endpoint in &learnt.endpoints {
        let methods = hosts.entry(&endpoint.host).or_default();
        methods.entry(&endpoint.method.name).or_default().insert(glob(endpoint));
    }
    for asset in &learnt.assets {
        let clean = !asset.directory.contains(['%', '{', '}', '*', '?', '#']);
        let directory = if clean { asset.directory.as_str() } else { "/**" };
        let glob = format!("{directory}/*.{}", asset.kind);
        let methods = hosts.entry(&asset.host).or_default();
        for method in ["GET", "HEAD"] {
            methods.entry(method).or_default().insert(glob.clone());
        }
    }
    let mut text = String::from(
        "# Learnt by `weir learn endpoints --format policy`: what is no known endpoint would be blocked.\n\
         # Look at what it reports, then set `mode: enforce`.\nversion: 1\nmode: monitor\n",
    );
    let named: Vec<&str> =
        hosts.keys().filter(|host| !host.is_empty()).take(HOSTS).copied().collect();
    if !named.is_empty() {
        text.push_str("services:\n");
    }
    for (number, host) in named.iter().enumerate() {
        // Writing to a String can't fail.
        let _ = writeln!(text, "  - {{name: api-{number}, hosts: [{}]}}", quoted(bare(host)));
    }
    text.push_str("rules:\n");
    let mut joined = 0;
    for (host, methods) in &hosts {
        let number = named.iter().position(|named| named == host);
        if number.is_none() && !host.is_empty() {
            continue;
        }
        let name = number.map_or("any".to_owned(), |n| format!("api-{n}"));
        let service = number.map_or(String::new(), |n| format!("    services: [api-{n}]\n"));
        for (method, globs) in methods {
            let (globs, more) = bounded(globs);
            joined += more;
            let _ = write!(
                text,
                "  - name: {name}-{}\n    direction: request\n{service}    methods: [{}]\n    except:\n",
                method.to_ascii_lowercase(),
                quoted(method)
            );
            globs.iter().for_each(|glob| {
                let _ = writeln!(text, "      - {}", quoted(glob));
            });
            text.push_str("    action: block\n");
        }
        let known: Vec<String> = methods.keys().map(|m| format!("'{m}'")).collect();
        let _ = write!(
            text,
            "  - name: {name}-other-methods\n    direction: request\n{service}    when: {}\n    action: block\n",
            quoted(&format!("!(request.method in [{}])", known.join(", ")))
        );
    }
    (text, joined)
}

/// Hosts beyond what a policy can name.
pub fn left_out(learnt: &Learnt) -> usize {
    let hosts: BTreeSet<&str> = learnt.endpoints.iter().map(|e| e.host.as_str()).collect();
    hosts.iter().filter(|host| !host.is_empty()).count().saturating_sub(HOSTS)
}

/// Without the port, which policies don't name in hosts.
fn bare(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !name.contains(':') => {
            name
        }
        _ => host,
    }
}

/// The template as a glob. What globs can't say becomes `*`.
fn glob(endpoint: &Endpoint) -> String {
    let mut parameters = endpoint.parameters().into_iter();
    let part = |part: &Part| match part {
        Part::Parameter { ending, .. } => match parameters.next() {
            Some((name, _)) => format!("/{{{name}}}{ending}"),
            None => "/*".to_owned(),
        },
        Part::Name(name) if name.contains(['*', '{', '}', '?', '#', '%', '/']) => "/*".to_owned(),
        Part::Name(name) if matches!(&**name, "." | "..") => "/*".to_owned(),
        Part::Name(name) => format!("/{name}"),
    };
    let glob: String = endpoint.parts.iter().map(part).collect();
    if glob.is_empty() { "/".to_owned() } else { glob }
}

/// As many globs as a rule may have: where there are more, those with the longest common beginning become one `…/**`. Says how
/// many were joined.
fn bounded(globs: &BTreeSet<String>) -> (BTreeSet<String>, usize) {
    let mut depth = globs.iter().map(|g| g.matches('/').count()).max().unwrap_or(1);
    let mut bounded = globs.clone();
    while bounded.len() > GLOBS && depth > 1 {
        depth -= 1;
        let cut = |glob: &String| match glob.match_indices('/').nth(depth) {
            Some((end, _)) => format!("{}/**", glob.get(..end).unwrap_or_default()),
            None => glob.clone(),
        };
        bounded = globs.iter().map(cut).collect();
    }
    (bounded.clone(), globs.difference(&bounded).count())
}

/// A YAML string in double quotes: JSON's escapes are YAML's.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
