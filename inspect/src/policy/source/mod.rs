//! The policy as its author writes it. These types are the schema: `configs/policy.schema.json` is generated from them,
//! and `Policy::compile` holds every policy to it, so the published schema is the enforced one.
//!
//! Required fields are options marked `required`: an error in one place must not hide the errors elsewhere, so a field
//! that was reported as missing or wrong is simply absent here.

mod caller;
mod detector;
mod rule;
mod test;

use schemars::JsonSchema;
use serde::Deserialize;

pub use caller::{Behaviour, HeaderCondition, Identity, Step, StepAction, Token};
pub use detector::{Context, CustomDetector, Except, Together};
pub use rule::{By, Limit, Rule, RuleDirection};
pub use test::{Expected, Given, Test};

use super::{ExceptionAction, Mode};

/// A Weir policy: which services there are, what to look for, and what to do about it.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(title = "Weir policy")]
pub struct Source {
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
pub struct Further {
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
pub struct Tenant {
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

/// A service: traffic to any of the addresses AND any of the ports AND any of the hosts; what is left out is any.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Service {
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

/// The messages that an endpoint's bodies of protobuf are.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Messages {
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
pub struct Exceptions {
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
