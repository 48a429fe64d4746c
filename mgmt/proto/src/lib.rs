//! The contract between the data plane and the management process: messages, framing, and events as JSON lines.

pub mod eve;
pub mod frame;

// The messages are documented in weir.proto, whose comments become their docstrings.
#[allow(missing_docs, clippy::doc_markdown, clippy::large_enum_variant)]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/weir.v1.rs"));
}
pub use generated::*;

use std::net::{IpAddr, SocketAddr};

/// The version of the control protocol that [`Hello::protocol`] carries.
pub const PROTOCOL_VERSION: u32 = 1;

/// An address as messages hold it: 4 or 16 bytes, in network order.
pub fn octets(ip: IpAddr) -> Vec<u8> {
    match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    }
}

/// The address in 4 or 16 bytes of a message.
pub fn address(octets: &[u8]) -> Option<IpAddr> {
    <[u8; 4]>::try_from(octets)
        .map(IpAddr::from)
        .or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from))
        .ok()
}

impl Endpoint {
    /// The address, if the message holds 4 or 16 bytes of one.
    pub fn addr(&self) -> Option<IpAddr> {
        address(&self.ip)
    }
}

impl From<SocketAddr> for Endpoint {
    fn from(a: SocketAddr) -> Endpoint {
        Endpoint { ip: octets(a.ip()), port: u32::from(a.port()) }
    }
}

impl Sample {
    /// A counter's value: `name` ends in `_total`.
    pub fn count(name: &str, labels: &[(&str, &str)], value: u64) -> Sample {
        Sample::new(name, labels, sample::Value::Count(value))
    }

    /// A gauge's value.
    pub fn gauge(name: &str, labels: &[(&str, &str)], value: f64) -> Sample {
        Sample::new(name, labels, sample::Value::Gauge(value))
    }

    fn new(name: &str, labels: &[(&str, &str)], value: sample::Value) -> Sample {
        let label = |(n, v): &(&str, &str)| Label { name: (*n).into(), value: (*v).into() };
        Sample { name: name.into(), labels: labels.iter().map(label).collect(), value: Some(value) }
    }

    /// The value, whichever kind it is.
    pub fn as_f64(&self) -> f64 {
        match self.value {
            Some(sample::Value::Count(n)) => n as f64,
            Some(sample::Value::Gauge(v)) => v,
            None => 0.0,
        }
    }

    /// The value of a label.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels.iter().find(|l| l.name == name).map(|l| l.value.as_str())
    }
}

impl AppProto {
    /// The name in events and metrics; Suricata's where it has one.
    pub fn name(self) -> &'static str {
        match self {
            AppProto::Unknown => "unknown",
            AppProto::Http => "http",
            AppProto::Http2 => "http2",
            AppProto::Grpc => "grpc",
            AppProto::Tls => "tls",
            AppProto::Websocket => "websocket",
        }
    }
}

impl Action {
    /// The name in policies and events.
    pub fn name(self) -> &'static str {
        match self {
            Action::Alert => "alert",
            Action::Tokenize => "tokenize",
            Action::Mask => "mask",
            Action::RateLimit => "rate-limit",
            Action::Block => "block",
            Action::Quarantine => "quarantine",
            Action::DropSource => "drop-source",
        }
    }
}

impl Direction {
    /// The name in events, as Suricata's.
    pub fn name(self) -> &'static str {
        match self {
            Direction::Unknown => "unknown",
            Direction::ToServer => "to_server",
            Direction::ToClient => "to_client",
        }
    }
}

impl Part {
    /// The name in events.
    pub fn name(self) -> &'static str {
        match self {
            Part::Unknown => "unknown",
            Part::Url => "url",
            Part::Headers => "headers",
            Part::Body => "body",
        }
    }
}
