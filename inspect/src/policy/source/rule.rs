//! Rules: conditions, limits, what to do.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Identity;
use crate::policy::usage::MAX_DISTINCT;
use crate::policy::{Action, Direction, Mode, Part, RuleSeverity, TooLate};

/// What to do about what. All given conditions must hold; one that is left out always holds.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Rule {
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
    /// Learnt endpoints it applies to, by their templates: `/user/{id}/vehicle`. The names of parameters do not count. Other than for
    /// `paths`, `/user/me` is none of `/user/{id}` if it was learnt that it is an endpoint of its own.
    #[schemars(length(min = 1))]
    pub endpoints: Option<Vec<String>>,
    /// Paths it does not apply to, as in `paths`.
    #[schemars(length(min = 1))]
    pub except: Option<Vec<String>>,
    /// Who asks.
    pub identity: Option<Identity>,
    /// A condition in CEL, for what the others can't say: `request.headers['x-team'] != 'payments'`.
    #[schemars(length(min = 1))]
    pub when: Option<String>,
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
    /// How much it matters to people; events carry it. Default: `medium`.
    pub severity: Option<RuleSeverity>,
    /// The rule ends then: a date (its beginning, UTC) or a time: `2026-12-31`, `2026-12-31T08:00:00+01:00`.
    #[schemars(length(min = 1))]
    pub until: Option<String>,
    /// For `limit` and `block`, and for `quarantine`: for how long a caller that is over the limit (has one finding) is refused
    /// whatever the rule is about. For `drop-source`: for how long its address is. `15m`
    #[serde(rename = "for")]
    #[schemars(length(min = 1))]
    pub lock_out: Option<String>,
    /// For `block`: what becomes of a response over HTTP/2 when its last frame has begun to leave, so that its stream
    /// can't be ended any more. Default: `blank`.
    pub too_late: Option<TooLate>,
}

impl Rule {
    /// Its conditions in words, for `weir policy explain`.
    pub fn about(&self) -> String {
        let mut words = vec![
            match (&self.detect, self.direction) {
                (None, _) if self.identity.as_ref().is_some_and(|i| i.ja4.is_some()) => {
                    "connections"
                }
                (None, _) => "calls",
                (_, Some(RuleDirection::Request)) => "requests",
                (_, Some(RuleDirection::Response)) => "responses",
                _ => "requests and responses",
            }
            .to_owned(),
        ];
        let mut list = |before: &str, items: Option<&Vec<String>>| {
            words.extend(items.map(|items| format!("{before} {}", items.join(", "))));
        };
        list("of", self.services.as_ref());
        list("by", self.methods.as_ref());
        list("to", self.paths.as_ref());
        list("to the endpoints", self.endpoints.as_ref());
        list("but not to", self.except.as_ref());
        let identity = self.identity.as_ref();
        list("from", identity.and_then(|i| i.source.as_ref()));
        list("from the services", identity.and_then(|i| i.services.as_ref()));
        if let Some(header) = identity.and_then(|i| i.header.as_ref()) {
            let name = header.name.as_deref().unwrap_or_default();
            let values = header.values.as_ref().map(|v| format!(": {}", v.join(", ")));
            words.push(format!("with {name}{}", values.unwrap_or_default()));
        }
        if let Some(ja4) = identity.and_then(|i| i.ja4.as_ref()) {
            words.push(format!("over TLS from clients of the fingerprint {}", ja4.join(", ")));
        }
        words.extend(self.when.as_ref().map(|when| format!("when {when}")));
        words.extend(self.detect.as_ref().map(|names| format!("that hold {}", names.join(", "))));
        if let Some(parts) = &self.parts {
            let names: Vec<_> = parts.iter().map(|p| format!("{p:?}").to_lowercase()).collect();
            words.push(format!("in {}", names.join(", ")));
        }
        if let Some(limit) = &self.limit {
            let (per, by) =
                (limit.per.as_deref().unwrap_or_default(), limit.by.unwrap_or(By::Identity));
            let by = if by == By::Source { "address" } else { "identity" };
            let much = match (limit.count, limit.distinct) {
                (Some(n), _) => format!("{n}"),
                (_, n) => format!("{} different", n.unwrap_or_default()),
            };
            words.push(format!("beyond {much} in {per} by one {by}"));
        }
        words.extend(self.lock_out.as_ref().map(|time| match self.action {
            Some(Action::DropSource) => format!("and for {time} every packet of its address"),
            _ => format!("and for {time} whatever else it asks"),
        }));
        words.extend(self.until.as_ref().map(|time| format!("until {time}")));
        words.join(" ")
    }
}

/// Which messages a rule looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RuleDirection {
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

/// How much a caller may have: exactly one of `count` and `distinct`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Limit {
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
pub enum By {
    /// The policy's `identities`.
    Identity,
    /// The client's address.
    Source,
}
