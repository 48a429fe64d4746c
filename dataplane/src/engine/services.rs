//! How many bytes of each service were read, and how many passed unread: a service that is hardly read is one that Weir
//! does not protect, and its operator must learn that.

use std::net::IpAddr;

use weir_inspect::policy::{MAX_SERVICES, Policy, ServiceId};
use weir_reassembly::packet::Vlans;

use super::Counters;

/// Services that are told apart while the process lives, those of earlier policies included. What belongs to no named
/// service, and to services beyond this, counts as [`OTHER`].
pub const MAX_ROWS: usize = MAX_SERVICES + 1;

/// What the bytes of no named service count under.
pub const OTHER: &str = "other";

/// What became of payload bytes, as far as reading them goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Reading {
    /// Read as HTTP/1 or HTTP/2.
    Read,
    /// TLS.
    Tls,
    /// No protocol that Weir knows, or an exception let the flow pass.
    Unknown,
    /// A tunnel (CONNECT, Upgrade).
    Tunnel,
    /// A body with a content coding.
    Encoded,
    /// The policy has no rule about the service.
    NoRule,
}

impl Reading {
    /// All of them, in the order of their counters.
    pub const ALL: [Reading; 6] = [
        Reading::Read,
        Reading::Tls,
        Reading::Unknown,
        Reading::Tunnel,
        Reading::Encoded,
        Reading::NoRule,
    ];

    /// Why they were not read; empty where they were.
    pub fn reason(self) -> &'static str {
        match self {
            Reading::Read => "",
            Reading::Tls => "tls",
            Reading::Unknown => "unknown",
            Reading::Tunnel => "tunnel",
            Reading::Encoded => "encoded",
            Reading::NoRule => "no_rule",
        }
    }
}

/// A service's place among those counted. It stays good while the process lives, whatever policies come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Row(u16);

/// Payload bytes by [`Reading`], indexed as [`Reading::ALL`].
pub type Bytes = [u64; Reading::ALL.len()];

/// The bytes of each service, as one worker counts them.
#[derive(Debug)]
pub struct ServiceBytes {
    /// The first is [`OTHER`]; rows are added and never move.
    rows: Vec<(Box<str>, Bytes)>,
    /// The row of each service of the policy in force.
    of: Vec<Row>,
}

impl ServiceBytes {
    /// With a row for each of the policy's services.
    pub fn new(policy: &Policy) -> ServiceBytes {
        let mut services =
            ServiceBytes { rows: vec![(OTHER.into(), Bytes::default())], of: Vec::new() };
        services.follow(policy);
        services
    }

    /// Counts by the services of another policy from now on. A service of a name known before goes on counting.
    pub fn follow(&mut self, policy: &Policy) {
        self.of.clear();
        for name in policy.service_names() {
            let known = self.rows.iter().position(|(n, _)| **n == *name);
            let at = known.unwrap_or_else(|| {
                if self.rows.len() >= MAX_ROWS {
                    return 0;
                }
                self.rows.push((name.into(), Bytes::default()));
                self.rows.len() - 1
            });
            self.of.push(Row(at as u16)); // below MAX_ROWS
        }
    }

    /// The row of a service of the policy in force.
    fn row(&self, service: Option<ServiceId>) -> Row {
        service.and_then(|id| self.of.get(usize::from(id.0))).copied().unwrap_or_default()
    }

    /// The row of a server, and of the host that a client asked it for if that is known.
    pub fn find(
        &self,
        policy: &Policy,
        (ip, port): (IpAddr, u16),
        vlans: Vlans,
        host: Option<&[u8]>,
    ) -> Row {
        self.row(policy.service_of(ip, port, vlans, host))
    }

    /// Counts bytes of a service.
    pub fn add(&mut self, row: Row, reading: Reading, bytes: u64) {
        let bytes_of = self.rows.get_mut(usize::from(row.0)).map(|(_, bytes)| bytes);
        if let Some(n) = bytes_of.and_then(|bytes| bytes.get_mut(reading as usize)) {
            *n += bytes;
        }
    }

    /// Counts `bytes` of payload, of which those passed unread that the worker has counted so since `before`.
    pub fn add_read(&mut self, row: Row, bytes: u64, before: Unread, now: Unread) {
        let mut read = bytes;
        for ((reading, now), before) in Unread::ORDER.into_iter().zip(now.0).zip(before.0) {
            if now > before {
                self.add(row, reading, now - before);
                read = read.saturating_sub(now - before);
            }
        }
        self.add(row, Reading::Read, read);
    }

    /// The services by name, with their bytes. A service's place never changes.
    pub fn rows(&self) -> impl Iterator<Item = (&str, &Bytes)> {
        self.rows.iter().map(|(name, bytes)| (&**name, bytes))
    }
}

/// The worker's counters of unread bytes at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Unread([u64; 4]);

impl Unread {
    const ORDER: [Reading; 4] = [Reading::Tls, Reading::Unknown, Reading::Tunnel, Reading::Encoded];

    /// As they are now.
    pub fn of(c: &Counters) -> Unread {
        Unread([
            c.unread_tls_bytes,
            c.unread_unknown_bytes,
            c.unread_tunnel_bytes,
            c.unread_encoded_bytes,
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(names: impl Iterator<Item = String>) -> Policy {
        let services: Vec<_> = names.map(|n| format!("  - name: {n}\n    ports: [80]\n")).collect();
        let source = format!("version: 1\nservices:\n{}", services.concat());
        Policy::compile(&source).unwrap().0
    }

    #[test]
    fn a_service_keeps_its_bytes_over_policies_and_names_are_bounded() {
        let first = policy((0..2).map(|n| format!("s{n}")));
        let mut services = ServiceBytes::new(&first);
        let server = ([10, 0, 0, 1].into(), 80);
        let s0 = services.find(&first, server, Vlans::default(), None);
        services.add(s0, Reading::Read, 7);
        let other = services.find(&first, ([10, 0, 0, 1].into(), 81), Vlans::default(), None);
        assert_eq!(other, Row::default());

        // As many new names as a policy may have: one of them finds no row of its own.
        let second = policy((1..=MAX_SERVICES).map(|n| format!("s{n}")));
        services.follow(&second);
        assert_eq!(services.rows().count(), MAX_ROWS);
        assert_eq!(services.of.last(), Some(&Row::default()));
        assert_ne!(services.find(&second, server, Vlans::default(), None), s0);
        let (name, bytes) = services.rows().nth(1).unwrap();
        assert_eq!((name, bytes[0]), ("s0", 7));
    }
}
