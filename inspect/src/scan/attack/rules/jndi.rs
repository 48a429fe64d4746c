//! JNDI look-ups, also assembled from others: `${${lower:j}ndi:…`, `${${::-j}${::-n}…`.

use super::{Rule, rule};

/// The rules of `log4shell`.
pub(super) const RULES: &[Rule] = &[
    // JNDI, also assembled from look-ups: `${${lower:j}ndi:…`, `${${::-j}${::-n}…`.
    rule("jndi", 0.98, r"\$\{ ?j ?n ?d ?i ?:"),
    rule(
        "nested-lookup",
        0.95,
        r"\$\{[^}]{0,80}\$\{(?:[^}:]{0,40}:[^}:]{0,40}::?-[^}]{1,3}|[^}:]{0,40}::?-[^}]{1,3}|(?:lower|upper|env|sys|date|main|java|bundle|ctx|k8s|base64|sd|web|docker|spring|log4j|marker|map|event)\W[^}]{0,40})\}",
    ),
    // What is told of the machine by a look-up alone.
    rule(
        "environment",
        0.9,
        r"\$\{ ?(?:(?:env|sys|java|ctx|k8s|docker|log4j|spring|bundle|web):[a-z]|hostname\})[^}]{0,80}\}?",
    ),
    rule(
        "lookup",
        0.9,
        r"\$\{(?:lower|upper|env|sys|java|ctx|base64|main|bundle|::?-)[^}]{0,20}[:}][^ ]{0,80}(?:jndi|ldap|rmi|dns|\$\{)",
    ),
];
