//! Tests inside the policy: given a message, expect what is done about it.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::policy::Action;

/// Given a message, expect what is done about it, as if the mode of the whole were `enforce`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Test {
    /// What it is about, for people.
    #[schemars(length(min = 1))]
    #[expect(dead_code, reason = "for people")]
    pub name: Option<String>,
    /// The message.
    #[schemars(required)]
    pub given: Option<Given>,
    /// What is done about it; of several things the strongest.
    #[schemars(required)]
    pub expect: Option<Expected>,
    /// The rule that has to decide it. Default: any.
    #[schemars(length(min = 1))]
    pub rule: Option<String>,
}

/// A request, and its response if one is given.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Given {
    /// Default: `GET`.
    #[schemars(length(min = 1))]
    pub method: Option<String>,
    /// Path and query. Default: `/`.
    #[schemars(length(min = 1))]
    pub url: Option<String>,
    /// A service of the policy: its first address, port and host.
    #[schemars(length(min = 1))]
    pub service: Option<String>,
    /// The host that is asked for.
    #[schemars(length(min = 1))]
    pub host: Option<String>,
    /// The server's address, with a port or without.
    #[schemars(length(min = 1))]
    pub server: Option<String>,
    /// The client's address.
    #[schemars(length(min = 1))]
    pub source: Option<String>,
    /// A TLS connection of a client with this JA4 fingerprint, in place of a request; `host` is the name that it asks for.
    #[schemars(length(min = 1))]
    pub ja4: Option<String>,
    /// The VLAN in which they talk: the outer tag's id, and the inner one's if there are two.
    #[schemars(length(min = 1, max = 2), inner(range(min = 1, max = 4094)))]
    pub vlans: Option<Vec<u16>>,
    /// Request headers: `Name: value`.
    #[schemars(length(min = 1))]
    pub headers: Option<Vec<String>>,
    /// The request's body.
    pub body: Option<String>,
    /// The response's body.
    pub response: Option<String>,
    /// Response headers: `Name: value`.
    #[schemars(length(min = 1))]
    pub response_headers: Option<Vec<String>>,
}

/// What a test expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Expected {
    Pass,
    Alert,
    Throttle,
    Tokenize,
    Mask,
    RateLimit,
    Block,
    Quarantine,
    DropSource,
}

impl Expected {
    /// What an action comes to.
    pub fn of(action: Action) -> Expected {
        match action {
            Action::Bypass => Expected::Pass,
            Action::Alert => Expected::Alert,
            Action::Throttle => Expected::Throttle,
            Action::Tokenize => Expected::Tokenize,
            Action::Mask => Expected::Mask,
            Action::RateLimit => Expected::RateLimit,
            Action::Block => Expected::Block,
            Action::Quarantine => Expected::Quarantine,
            Action::DropSource => Expected::DropSource,
        }
    }
}

impl std::fmt::Display for Expected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Expected::Pass => "`pass`",
            Expected::Alert => "`alert`",
            Expected::Throttle => "`throttle`",
            Expected::Tokenize => "`tokenize`",
            Expected::Mask => "`mask`",
            Expected::RateLimit => "`rate-limit`",
            Expected::Block => "`block`",
            Expected::Quarantine => "`quarantine`",
            Expected::DropSource => "`drop-source`",
        })
    }
}
