//! The policy as its author writes it. These types are the schema: `configs/policy.schema.json` is generated from them,
//! and [`super::check`] holds every policy to it, so the published schema is the enforced one.
//!
//! Required fields are options marked `required`: an error in one place must not hide the errors elsewhere, so a field
//! that was reported as missing or wrong is simply absent here.

use schemars::JsonSchema;
use serde::Deserialize;

use super::usage::MAX_DISTINCT;
use super::{Action, Direction, ExceptionAction, Mode, Part, TooLate};
use crate::detector::Category;
use crate::scan::MAX_MATCH;

/// A Weir policy: which services there are, what to look for, and what to do about it.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(title = "Weir policy")]
pub(super) struct Source {
    /// Version of the policy format.
    #[schemars(required, range(min = 1, max = 1))]
    #[expect(dead_code, reason = "the schema already holds it to 1")]
    pub version: Option<u32>,
    /// `monitor`: nothing is edited or blocked, only alerts. A rule acts only if this and its own mode are `enforce`.
    pub mode: Option<Mode>,
    /// What happens to traffic that cannot be inspected, by cause. Default: `pass` in monitor; in enforce `drop` for
    /// overload and `reset` for the others.
    pub exceptions: Option<Exceptions>,
    /// The services behind Weir, for rules to name.
    #[schemars(length(min = 1))]
    pub services: Option<Vec<Service>>,
    /// Who asks: where a caller's token stands, for limits `by: identity`; the first that a request has counts. Default:
    /// `Authorization`. A request without any is told apart by its address.
    #[schemars(length(min = 1))]
    pub identities: Option<Vec<Token>>,
    /// Detectors of your own, beside the built-in ones.
    #[schemars(length(min = 1))]
    pub detectors: Option<Vec<CustomDetector>>,
    /// What to do about what. Of several rules that apply, the strongest decides: an enforced one before a monitored
    /// one, block before mask before alert, then the first in the file.
    #[schemars(length(min = 1))]
    pub rules: Option<Vec<Rule>>,
}

/// What happens to traffic that cannot be inspected, by cause.
#[derive(Debug, Default, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Exceptions {
    /// No memory left for a flow's unacknowledged or reordered bytes.
    pub memory: Option<ExceptionAction>,
    /// The bytes break their protocol's rules.
    pub parser_error: Option<ExceptionAction>,
    /// The flow began before Weir saw it.
    pub midstream: Option<ExceptionAction>,
    /// A queue on the way is full.
    pub overload: Option<ExceptionAction>,
    /// A body in an encoding that Weir cannot read, under a rule that needs to read it.
    pub undecodable: Option<ExceptionAction>,
}

/// A service: traffic to any of the addresses AND any of the ports AND any of the hosts; what is left out is any.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Service {
    /// Name by which rules and events call it.
    #[schemars(required, length(min = 1))]
    pub name: Option<String>,
    /// Server addresses: IPs or CIDR ranges.
    #[schemars(length(min = 1))]
    pub addresses: Option<Vec<String>>,
    /// Server ports.
    #[schemars(length(min = 1), inner(range(min = 1)))]
    pub ports: Option<Vec<u16>>,
    /// Host names, without port; `*.` at the beginning stands for one or more labels.
    #[schemars(length(min = 1))]
    pub hosts: Option<Vec<String>>,
}

/// A detector of your own: exactly one of `pattern` and `literal`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct CustomDetector {
    /// Name by which rules and events call it; not one of a built-in detector.
    #[schemars(required, length(min = 1))]
    pub name: Option<String>,
    /// Category, for rules that say `category:…`. Default: `custom`.
    pub category: Option<Category>,
    /// Regular expression over bytes. One with a literal part (as `EMP-` in `EMP-[0-9]{6}`) is much faster.
    #[schemars(length(min = 1))]
    pub pattern: Option<String>,
    /// Plain text to find as it stands.
    #[schemars(length(min = 1))]
    pub literal: Option<String>,
    /// Letters match in either case. Default: false.
    pub case_insensitive: Option<bool>,
    /// Most bytes that a match may have. Default: what the pattern itself allows.
    #[schemars(range(min = 1, max = MAX_MATCH))]
    pub max_length: Option<u32>,
}

/// What to do about what. All given conditions must hold; one that is left out always holds.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Rule {
    /// Name by which events and metrics call it.
    #[schemars(required, length(min = 1))]
    pub name: Option<String>,
    /// Where to look. Default: `both`, and `request` for a rule without `detect`.
    pub direction: Option<RuleDirection>,
    /// Services it applies to, by name.
    #[schemars(length(min = 1))]
    pub services: Option<Vec<String>>,
    /// HTTP methods it applies to.
    #[schemars(length(min = 1))]
    pub methods: Option<Vec<String>>,
    /// Paths it applies to: `*` is anything within a segment, `**` any number of segments.
    #[schemars(length(min = 1))]
    pub paths: Option<Vec<String>>,
    /// Paths it does not apply to, as in `paths`.
    #[schemars(length(min = 1))]
    pub except: Option<Vec<String>>,
    /// Who asks.
    pub identity: Option<Identity>,
    /// What to look for: names of detectors, or `category:NAME`. Without it the rule is about the call itself.
    #[schemars(length(min = 1))]
    pub detect: Option<Vec<String>>,
    /// Where in the message to look. Default: all, without `url` for `mask` (a URL cannot be edited).
    #[schemars(length(min = 1))]
    pub parts: Option<Vec<Part>>,
    /// What to do.
    #[schemars(required)]
    pub action: Option<Action>,
    /// `monitor`: only report what the rule would have done. Default: `enforce`.
    pub mode: Option<Mode>,
    /// The rule applies only to callers that are over this limit.
    pub limit: Option<Limit>,
    /// For `limit` and `block`: for how long a caller that is over it is refused whatever the rule is about: `15m`.
    #[serde(rename = "for")]
    #[schemars(length(min = 1))]
    pub lock_out: Option<String>,
    /// For `block`: what becomes of a response over HTTP/2 when its last frame has begun to leave, so that its stream
    /// can't be ended any more. Default: `blank`.
    pub too_late: Option<TooLate>,
}

/// Which messages a rule looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum RuleDirection {
    Request,
    Response,
    Both,
}

impl RuleDirection {
    /// Whether messages of this direction are looked at.
    pub fn includes(self, direction: Direction) -> bool {
        match self {
            RuleDirection::Both => true,
            RuleDirection::Request => direction == Direction::Request,
            RuleDirection::Response => direction == Direction::Response,
        }
    }
}

/// Who asks: both conditions must hold if both are given.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Identity {
    /// Client addresses: IPs or CIDR ranges.
    #[schemars(length(min = 1))]
    pub source: Option<Vec<String>>,
    /// A request header that names the client.
    pub header: Option<HeaderCondition>,
}

/// A request header and the values it may have; any value if none is given.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct HeaderCondition {
    /// Name of the header.
    #[schemars(required, length(min = 1))]
    pub name: Option<String>,
    /// Exact values, any of which will do.
    #[schemars(length(min = 1))]
    pub values: Option<Vec<String>>,
}

/// Where a caller's token stands: exactly one of `header`, `cookie` and `query`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Token {
    /// A request header, or gRPC metadata. Behind an authentication scheme (`Bearer`), what follows it.
    #[schemars(length(min = 1))]
    pub header: Option<String>,
    /// A cookie.
    #[schemars(length(min = 1))]
    pub cookie: Option<String>,
    /// A parameter of the query.
    #[schemars(length(min = 1))]
    pub query: Option<String>,
    /// The token is a JWT, and this claim of it tells callers apart: `sub`.
    #[schemars(length(min = 1))]
    pub claim: Option<String>,
}

/// How much a caller may have: exactly one of `count` and `distinct`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Limit {
    /// So many calls, or findings.
    #[schemars(range(min = 1))]
    pub count: Option<u32>,
    /// So many different values found; of a rule without `detect`, so many different paths.
    #[schemars(range(min = 1, max = MAX_DISTINCT))]
    pub distinct: Option<u32>,
    /// In this time: `10m`, at most `24h`.
    #[schemars(required, length(min = 1))]
    pub per: Option<String>,
    /// Who is told apart from whom. Default: `identity`.
    pub by: Option<By>,
}

/// Who is told apart from whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum By {
    /// The policy's `identities`.
    Identity,
    /// The client's address.
    Source,
}
