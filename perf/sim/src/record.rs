//! A request with its answer.

use serde_json::json;

use crate::api::{Api, Endpoint};
use crate::random::Random;

/// The label of whoever does no harm.
pub const NORMAL: &str = "normal";
/// Service times spread by this deviation of their logarithm; sizes by the second.
const TIME_SPREAD: f64 = 0.4;
const SIZE_SPREAD: f64 = 0.5;
/// An answer that is an error is short, and quick by this factor. Bytes.
const ERROR_SIZE: f64 = 180.0;
const ERROR_SPEED: f64 = 0.3;

/// Who sends: an address, and from the login on a token.
#[derive(Clone, Debug)]
pub struct Sender {
    /// IPv4 address.
    pub address: String,
    /// The user behind the token, if there is one.
    pub user: Option<String>,
    /// What it is.
    pub label: &'static str,
    /// How blatant an attack is; the name of an innocent event; empty for ordinary people.
    pub level: &'static str,
}

impl Sender {
    /// The name by which Weir knows it: the user, or else the address.
    pub fn actor(&self) -> &str {
        self.user.as_deref().unwrap_or(&self.address)
    }
}

/// A request with its answer.
#[derive(Clone, Debug)]
pub struct Record {
    /// When it was sent, in seconds since the Unix epoch.
    pub ts: f64,
    /// Who sent it.
    pub sender: Sender,
    /// The sender's label.
    pub label: &'static str,
    /// The sender's level.
    pub level: &'static str,
    /// The API's host.
    pub host: &'static str,
    /// The method.
    pub method: &'static str,
    /// Path and query.
    pub url: String,
    /// The answer's status.
    pub status: u16,
    /// Server time in seconds: the line's `duration`.
    pub duration: f64,
    /// Bytes of the answer's body: the line's `response_length`.
    pub bytes: u64,
}

impl Record {
    /// A call of an endpoint, with the server time and size that it has for this status.
    pub fn new(
        (api, endpoint): (&Api, &Endpoint),
        (ts, sender): (f64, &Sender),
        (url, status): (String, u16),
        random: &mut Random,
    ) -> Record {
        let fine = status < 400;
        let seconds = if fine { endpoint.seconds } else { endpoint.seconds * ERROR_SPEED };
        let bytes = if fine { endpoint.bytes } else { ERROR_SIZE };
        Record {
            ts,
            sender: sender.clone(),
            label: sender.label,
            level: sender.level,
            host: api.host,
            method: endpoint.method,
            url,
            status,
            duration: random.lognormal(seconds, TIME_SPREAD),
            bytes: random.lognormal(bytes, SIZE_SPREAD) as u64,
        }
    }

    /// The JSON line of the design, with `label` and `level`.
    pub fn line(&self) -> String {
        let mut line = json!({
            "ts": (self.ts * 1e3).round() / 1e3,
            "src": self.sender.address,
            "host": self.host,
            "method": self.method,
            "url": self.url,
            "headers": {"accept": "application/json"},
            "status": self.status,
            "duration": (self.duration * 1e4).round() / 1e4,
            "response_length": self.bytes,
            "label": self.label,
            "level": self.level,
        });
        if let (Some(user), Some(fields)) = (&self.sender.user, line.as_object_mut()) {
            fields.insert("user".to_owned(), json!(user));
        }
        line.to_string()
    }
}
