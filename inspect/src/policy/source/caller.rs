//! Callers: who asks, how they are told apart, and what is done about those that behave like attackers.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Limit;
use crate::policy::Mode;

/// Who asks: what is given must hold; of `source` and `services` one is enough.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Identity {
    /// Client addresses: IPs or CIDR ranges.
    #[schemars(length(min = 1))]
    pub source: Option<Vec<String>>,
    /// Services, by name, from whose addresses the client speaks: which service may talk to which.
    #[schemars(length(min = 1))]
    pub services: Option<Vec<String>>,
    /// A request header that names the client.
    pub header: Option<HeaderCondition>,
    /// The rule is about TLS connections, of which Weir sees no more than how the client begins: JA4 fingerprints, of which `*` at the
    /// end is any that begins so.
    #[schemars(length(min = 1), inner(length(min = 1)))]
    pub ja4: Option<Vec<String>>,
}

/// A request header and the values it may have; any value if none is given.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct HeaderCondition {
    /// Name of the header.
    #[schemars(required, length(min = 1))]
    pub name: Option<String>,
    /// Exact values, any of which will do.
    #[schemars(length(min = 1))]
    pub values: Option<Vec<String>>,
}

/// Where a caller's token stands: exactly one of `header`, `cookie`, `query`, `certificate` and `ja4`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Token {
    /// A request header, or gRPC metadata. Behind an authentication scheme (`Bearer`), what follows it.
    #[schemars(length(min = 1))]
    pub header: Option<String>,
    /// A cookie.
    #[schemars(length(min = 1))]
    pub cookie: Option<String>,
    /// A parameter of the query.
    #[schemars(length(min = 1))]
    pub query: Option<String>,
    /// A request header in which a proxy forwards the client's certificate: Envoy's `x-forwarded-client-cert`, of which its
    /// URI, else its subject, else its hash counts; of any other (`client-cert`, `x-ssl-client-s-dn`) the whole.
    #[schemars(length(min = 1))]
    pub certificate: Option<String>,
    /// A request header in which a proxy that terminates TLS forwards the client's JA4 fingerprint; it counts together with the
    /// client's address.
    #[schemars(length(min = 1))]
    pub ja4: Option<String>,
    /// The token is a JWT, and this claim of it tells callers apart: `sub`.
    #[schemars(length(min = 1))]
    pub claim: Option<String>,
}

/// Which callers are judged by what they do, and what is done about those that behave like attackers.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Behaviour {
    /// `monitor`: only events tell it. Default: `enforce`.
    pub mode: Option<Mode>,
    /// Services whose callers are judged, by name. Default: all.
    #[schemars(length(min = 1))]
    pub services: Option<Vec<String>>,
    /// Programs that are welcome (search engines, monitoring), which are never judged: IPs or CIDR ranges. What a program says of
    /// itself does not count.
    #[schemars(length(min = 1))]
    pub verified: Option<Vec<String>>,
    /// Callers remembered at a time, of about 1.3 KB each; beyond it those that were silent longest are forgotten. Default: 16384.
    #[schemars(range(min = 4, max = 1_048_576))]
    pub callers: Option<u32>,
    /// What is done about a caller, from the weakest step to the strongest. It comes to the next one when its score is as high and
    /// it has sent ten more requests, and down again when a step's time is over.
    #[schemars(required, length(min = 1))]
    pub ladder: Option<Vec<Step>>,
}

/// A step of the ladder.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Step {
    /// From which score on, of 100. From 50 on a caller behaves more like an attacker than not.
    #[schemars(required, range(min = 1, max = 99))]
    pub score: Option<u32>,
    /// What is done.
    #[schemars(required)]
    pub action: Option<StepAction>,
    /// For `rate-limit`: how much is allowed, as `count` and `per`.
    pub limit: Option<Limit>,
    /// For `challenge`: where callers are sent (302), as `/path` or `https://host/path`. Default: they are told to wait (429).
    #[schemars(length(min = 1))]
    pub redirect: Option<String>,
    /// For how long, from the last request that deserves it on. Default: `10m`; `block` and `drop-source` need it.
    #[serde(rename = "for")]
    #[schemars(length(min = 1))]
    pub lasts: Option<String>,
}

/// What is done about a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StepAction {
    /// Tell it.
    Alert,
    /// Refuse what comes too fast (429).
    RateLimit,
    /// Refuse until the caller was silent for 10 s, as it is told (429, or a redirect).
    Challenge,
    /// Refuse everything (403).
    Block,
    /// Refuse, and drop every packet of the caller's address in the kernel. Others may have the same address.
    DropSource,
}
