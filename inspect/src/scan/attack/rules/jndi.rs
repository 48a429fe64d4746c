//! JNDI look-ups, also assembled from others: `${${lower:j}ndi:…`, `${${::-j}${::-n}…`.

use super::{Rule, rule};

/// The rules of `log4shell`.
pub(super) const RULES: &[Rule] = &[
    // JNDI, also assembled from look-ups: `${${lower:j}ndi:…`, `${${::-j}${::-n}…`.
    rule("jndi", 0.98, r"\$\{ ?j ?n ?d ?i ?:"),
    rule(
        "nested-lookup",
        0.95,
        r"\$\{[^}]{0,80}\$\{[^}]{0,40}(?:lower|upper|env|sys|::?-|date|main|java|bundle|ctx|k8s|base64)[^}]{0,40}\}",
    ),
    rule(
        "lookup",
        0.9,
        r"\$\{(?:lower|upper|env|sys|java|ctx|base64|main|bundle|::?-)[^}]{0,20}[:}][^ ]{0,80}(?:jndi|ldap|rmi|dns|\$\{)",
    ),
];
