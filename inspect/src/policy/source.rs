//! The policy as its author writes it. These types are the schema: `configs/policy.schema.json` is generated from them,
//! and [`super::check`] holds every policy to it, so the published schema is the enforced one.
//!
//! Required fields are options marked `required`: an error in one place must not hide the errors elsewhere, so a field
//! that was reported as missing or wrong is simply absent here.

use schemars::JsonSchema;
use serde::Deserialize;

use super::usage::MAX_DISTINCT;
use super::{Action, Direction, ExceptionAction, Mode, Part, RuleSeverity, TooLate};
use crate::detector::Category;
use crate::scan::{MAX_APART, MAX_MATCH, MAX_NEAR};

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
    /// Further files with `services`, `detectors`, `rules` and `tests`, beside this one; their rules come after its own.
    #[schemars(length(min = 1))]
    pub include: Option<Vec<String>>,
    /// Whose services are whose: each tenant has a file of its own, whose rules are about its addresses only.
    #[schemars(length(min = 1))]
    pub tenants: Option<Vec<Tenant>>,
    /// Files beside this one, of `protoc --include_imports --descriptor_set_out=FILE`: paths of what is found in the gRPC calls that
    /// they describe have names.
    #[schemars(length(min = 1))]
    pub descriptors: Option<Vec<String>>,
    /// Which messages of the descriptor sets bodies of protobuf are that no gRPC call names; the first entry that fits counts. Without one,
    /// the media type's parameter `messageType` (or `proto`).
    #[schemars(length(min = 1))]
    pub messages: Option<Vec<Messages>>,
    /// A file beside this one that says which workloads there are, for the `namespace` and `labels` of services and tenants: what
    /// `kubectl get pods,services -A -o json` prints, or lines of an address, a namespace and labels.
    #[schemars(length(min = 1))]
    pub inventory: Option<String>,
    /// The services behind Weir, for rules to name.
    #[schemars(length(min = 1))]
    pub services: Option<Vec<Service>>,
    /// Who asks: where a caller's token stands, for limits `by: identity`; the first that a request has counts. Default:
    /// `Authorization`. A request without any is told apart by its address.
    #[schemars(length(min = 1))]
    pub identities: Option<Vec<Token>>,
    /// Callers are judged by what they do: this is what is done about those that behave like attackers.
    pub behaviour: Option<Behaviour>,
    /// Detectors of your own, beside the built-in ones.
    #[schemars(length(min = 1))]
    pub detectors: Option<Vec<CustomDetector>>,
    /// What to do about what. Of several rules that apply, the strongest decides: an enforced one before a monitored
    /// one, then by its action (bypass, drop-source, quarantine, block, rate-limit, mask, tokenize, throttle, alert), then the first in the file.
    #[schemars(length(min = 1))]
    pub rules: Option<Vec<Rule>>,
    /// What the policy has to do about messages; one that it does something else about is an error.
    #[schemars(length(min = 1))]
    pub tests: Option<Vec<Test>>,
}

/// A file that is included, or a tenant's.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Further {
    /// As in the main file; those of a tenant only its own rules can name.
    #[schemars(length(min = 1))]
    pub services: Option<Vec<Service>>,
    /// As in the main file.
    #[schemars(length(min = 1))]
    pub detectors: Option<Vec<CustomDetector>>,
    /// As in the main file.
    #[schemars(length(min = 1))]
    pub rules: Option<Vec<Rule>>,
    /// As in the main file.
    #[schemars(length(min = 1))]
    pub tests: Option<Vec<Test>>,
}

/// A tenant: whatever its file says is about its own traffic alone, and what it names is its own. Its traffic is what goes to its
/// addresses AND in its VLANs; what is left out is any, but not all of it. No two tenants share traffic.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Tenant {
    /// Its name; events call its rules and services `NAME/…`.
    #[schemars(required, length(min = 1))]
    pub name: Option<String>,
    /// The addresses of its services: IPs or CIDR ranges.
    #[schemars(length(min = 1))]
    pub addresses: Option<Vec<String>>,
    /// Addresses, too: those of the inventory's workloads of this namespace.
    #[schemars(length(min = 1))]
    pub namespace: Option<String>,
    /// Addresses, too: those of the inventory's workloads that have all these labels, as `key=value` (and that namespace, if one is
    /// given).
    #[schemars(length(min = 1), inner(length(min = 1)))]
    pub labels: Option<Vec<String>>,
    /// Its VLANs: ids of the outer tag; 0: without a tag.
    #[schemars(length(min = 1), inner(range(min = 0, max = 4094)))]
    pub vlans: Option<Vec<u16>>,
    /// Ids of the inner of two tags; 0: without one.
    #[schemars(length(min = 1), inner(range(min = 0, max = 4094)))]
    pub inner_vlans: Option<Vec<u16>>,
    /// Its file, beside this one.
    #[schemars(required, length(min = 1))]
    pub file: Option<String>,
    /// Most rules that it may have. Default: 32.
    #[schemars(range(min = 1, max = 256))]
    pub max_rules: Option<u32>,
}

/// The messages that an endpoint's bodies of protobuf are.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Messages {
    /// Paths of the endpoint, as in rules.
    #[schemars(required, length(min = 1))]
    pub paths: Option<Vec<String>>,
    /// The message of its requests, with its package: `order.OrderRequest`.
    #[schemars(length(min = 1))]
    pub request: Option<String>,
    /// That of its responses.
    #[schemars(length(min = 1))]
    pub response: Option<String>,
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
    /// Addresses, too: those of the inventory's workloads of this namespace.
    #[schemars(length(min = 1))]
    pub namespace: Option<String>,
    /// Addresses, too: those of the inventory's workloads that have all these labels, as `key=value` (and that namespace, if one is
    /// given).
    #[schemars(length(min = 1), inner(length(min = 1)))]
    pub labels: Option<Vec<String>>,
    /// Server ports.
    #[schemars(length(min = 1), inner(range(min = 1)))]
    pub ports: Option<Vec<u16>>,
    /// Host names, without port; `*.` at the beginning stands for one or more labels.
    #[schemars(length(min = 1))]
    pub hosts: Option<Vec<String>>,
}

/// A detector of your own: exactly one of `pattern`, `literal`, `literals` and `together`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct CustomDetector {
    /// Name by which rules and events call it; not one of a built-in detector.
    #[schemars(required, length(min = 1))]
    pub name: Option<String>,
    /// Category, for rules that say `category:…`. Default: `custom`.
    pub category: Option<Category>,
    /// Regular expression over bytes. One with a literal part (as `EMP-` in `EMP-[0-9]{6}`) is much faster. A group named
    /// `secret` is what is reported of a match.
    #[schemars(length(min = 1))]
    pub pattern: Option<String>,
    /// Plain text to find as it stands.
    #[schemars(length(min = 1))]
    pub literal: Option<String>,
    /// Plain texts, each of which is one to find.
    #[schemars(length(min = 1), inner(length(min = 1)))]
    pub literals: Option<Vec<String>>,
    /// What several other detectors find near each other.
    pub together: Option<Together>,
    /// Letters match in either case. Default: false.
    pub case_insensitive: Option<bool>,
    /// Most bytes that a match may have. Default: what the pattern itself allows.
    #[schemars(range(min = 1, max = MAX_MATCH))]
    pub max_length: Option<u32>,
    /// Names of fields (`"account_no": …`, `account-no=…`), one of which a match must be the value of; case, `-` and `_` do not
    /// count. Or whole paths in a body, as events tell them (`$.customer.cards[*].number`, `#3.5`, `/order/card`), of which
    /// `[*]` is any element of a list. Default: any.
    #[schemars(length(min = 1), inner(length(min = 1)))]
    pub keys: Option<Vec<String>>,
    /// The kind of number that a match must be a valid one of, as `weir validate` knows them: `iban`, `us.ssn`, `luhn`.
    #[schemars(length(min = 1))]
    pub validator: Option<String>,
    /// Words that must stand near a match.
    pub context: Option<Context>,
    /// Values that are no finding.
    pub except: Option<Except>,
    /// Texts in which it must find something; one in which it does not is an error.
    #[serde(rename = "match")]
    #[schemars(length(min = 1), inner(length(min = 1)))]
    pub matches: Option<Vec<String>>,
    /// Texts in which it must find nothing.
    #[schemars(length(min = 1), inner(length(min = 1)))]
    pub no_match: Option<Vec<String>>,
}

/// Words that must stand near a match.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Context {
    /// One of these is enough; whole words, in either case.
    #[schemars(required, length(min = 1), inner(length(min = 1)))]
    pub words: Option<Vec<String>>,
    /// Most bytes in front of the match, or behind it, within which a word stands. Default: 50.
    #[schemars(range(min = 1, max = MAX_NEAR))]
    pub within: Option<u32>,
}

/// Values that are no finding: the whole match is one of them.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Except {
    /// As they stand.
    #[schemars(length(min = 1), inner(length(min = 1)))]
    pub literals: Option<Vec<String>>,
    /// Regular expressions.
    #[schemars(length(min = 1), inner(length(min = 1)))]
    pub patterns: Option<Vec<String>>,
}

/// What several other detectors find near each other. The last of them, in the order of the text, is what is reported (and
/// masked).
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Together {
    /// Detectors by name or `category:…`; of each a finding is needed.
    #[schemars(required, length(min = 1))]
    pub of: Option<Vec<String>>,
    /// Most bytes between the end of a finding and the beginning of the last one. Default: 200.
    #[schemars(range(min = 1, max = MAX_APART))]
    pub within: Option<u32>,
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

/// Who asks: what is given must hold; of `source` and `services` one is enough.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Identity {
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
pub(super) struct HeaderCondition {
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

/// Which callers are judged by what they do, and what is done about those that behave like attackers.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Behaviour {
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
pub(super) struct Step {
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
pub(super) enum StepAction {
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

/// Given a message, expect what is done about it, as if the mode of the whole were `enforce`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Test {
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
pub(super) struct Given {
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
pub(super) enum Expected {
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
