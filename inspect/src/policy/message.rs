//! What the engine tells the policy about a message, and the words in which both speak.

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use weir_reassembly::packet::Vlans;

use crate::endpoints::Endpoint;

/// Which way a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// From the client.
    Request,
    /// From the server.
    Response,
}

/// Where in a message something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// Field names and values, trailers too.
    Headers,
    /// The request target: path and query.
    Url,
    /// The body, decoded from its framing.
    Body,
}

/// What a rule does; of two actions the later is the stronger.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Report it.
    Alert,
    /// Let the requests of a caller over the rule's limit wait for their turn.
    Throttle,
    /// Overwrite the match in place with one that looks alike: the same value always becomes the same token.
    Tokenize,
    /// Overwrite the match in place.
    Mask,
    /// Refuse the request of a caller over the rule's limit, with status 429 where the answer is Weir's.
    RateLimit,
    /// Refuse the request, or end the response.
    Block,
    /// Block, and refuse the caller whatever the rule is about for a time.
    Quarantine,
    /// Block, and drop every packet of the client's address for a time.
    DropSource,
    /// Do not look for it, so that no other rule acts on it either.
    Bypass,
}

impl Action {
    /// The name in policies and events.
    pub fn name(self) -> &'static str {
        match self {
            Action::Alert => "alert",
            Action::Throttle => "throttle",
            Action::Tokenize => "tokenize",
            Action::Mask => "mask",
            Action::RateLimit => "rate-limit",
            Action::Block => "block",
            Action::Quarantine => "quarantine",
            Action::DropSource => "drop-source",
            Action::Bypass => "bypass",
        }
    }

    /// Whether it overwrites the match and lets the message go on.
    pub fn overwrites(self) -> bool {
        matches!(self, Action::Tokenize | Action::Mask)
    }

    /// Whether it ends the message.
    pub fn refuses(self) -> bool {
        matches!(self, Action::RateLimit | Action::Block | Action::Quarantine | Action::DropSource)
    }
}

/// What becomes of a blocked response over HTTP/2 when no frame is left that could end its stream (design rule 3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TooLate {
    /// The rest of its content is overwritten, and it ends as if it were whole.
    #[default]
    Blank,
    /// Its connection is reset at both ends, with all other streams.
    Reset,
}

/// Whether a rule, or a whole policy, acts or only reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Only report.
    Monitor,
    /// Carry the actions out.
    Enforce,
}

impl Mode {
    /// The name in policies.
    pub fn name(self) -> &'static str {
        match self {
            Mode::Monitor => "monitor",
            Mode::Enforce => "enforce",
        }
    }
}

/// Why traffic cannot be inspected (design rule 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// No memory left for a flow's unacknowledged or reordered bytes.
    Memory,
    /// The bytes break their protocol's rules.
    ParserError,
    /// The flow began before Weir saw it.
    Midstream,
    /// A queue on the way is full.
    Overload,
    /// A body in an encoding that Weir cannot read, under a rule that needs to read it.
    Undecodable,
}

impl Cause {
    /// All causes.
    pub const ALL: [Cause; 5] =
        [Cause::Memory, Cause::ParserError, Cause::Midstream, Cause::Overload, Cause::Undecodable];

    /// The name in policies, events and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Cause::Memory => "memory",
            Cause::ParserError => "parser-error",
            Cause::Midstream => "midstream",
            Cause::Overload => "overload",
            Cause::Undecodable => "undecodable",
        }
    }
}

/// How much a finding or a call matters to people; nothing is decided by it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RuleSeverity {
    /// Worth knowing.
    Info,
    /// Small harm.
    Low,
    /// What a rule is that says nothing else.
    #[default]
    Medium,
    /// Somebody should look at it today,
    High,
    /// or now.
    Critical,
}

impl RuleSeverity {
    /// The name in policies and events.
    pub fn name(self) -> &'static str {
        match self {
            RuleSeverity::Info => "info",
            RuleSeverity::Low => "low",
            RuleSeverity::Medium => "medium",
            RuleSeverity::High => "high",
            RuleSeverity::Critical => "critical",
        }
    }
}

/// What happens to traffic that cannot be inspected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ExceptionAction {
    /// It passes uninspected, and is counted.
    Pass,
    /// Its packets are dropped.
    Drop,
    /// Its connection is reset at both ends.
    Reset,
}

/// A message as far as the conditions of rules see it. For a response, method, path, host and headers are those of
/// its request.
#[derive(Clone, Copy)]
pub struct Message<'a> {
    /// Which way it goes.
    pub direction: Direction,
    /// The client's address.
    pub src: IpAddr,
    /// The server's address.
    pub dst: IpAddr,
    /// The server's port.
    pub port: u16,
    /// The VLANs in which they talk.
    pub vlans: Vlans,
    /// The JA4 fingerprint of a TLS client, of whose connection nothing else is read than the name that it asks for (`host`).
    pub ja4: Option<&'a str>,
    /// `Host` or `:authority`, as sent.
    pub host: Option<&'a [u8]>,
    /// The request method.
    pub method: &'a [u8],
    /// The path: percent-decoded, without the query.
    pub path: &'a [u8],
    /// The learnt endpoint to which it goes, if that is known.
    pub endpoint: Option<&'a Endpoint>,
    /// A server may also read its path in another way, so that it goes elsewhere.
    pub may_go_elsewhere: bool,
    /// The request's headers.
    pub headers: &'a dyn HeaderLookup,
}

impl Message<'_> {
    /// One of which nothing is known but its way. Others are written as what differs: `Message { path, ..Message::new(…) }`.
    pub fn new(direction: Direction, src: IpAddr, dst: IpAddr, port: u16) -> Self {
        Message {
            direction,
            src,
            dst,
            port,
            vlans: Vlans::default(),
            ja4: None,
            host: None,
            method: b"",
            path: b"/",
            endpoint: None,
            may_go_elsewhere: false,
            headers: &NoHeaders,
        }
    }
}

/// Access to a request's headers, however the parser keeps them.
pub trait HeaderLookup {
    /// The value of the first field of this name. `name` is in lower case; the comparison ignores case.
    fn get(&self, name: &str) -> Option<&[u8]>;
}

/// No headers at all.
pub struct NoHeaders;

impl HeaderLookup for NoHeaders {
    fn get(&self, _name: &str) -> Option<&[u8]> {
        None
    }
}
