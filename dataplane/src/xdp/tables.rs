//! The maps shared by both ports, by what they mean: settings, inspected ports, blocked sources, bypassed flows.

use std::sync::Arc;

use libbpf_rs::{MapCore, MapFlags, MapHandle};

use super::abi::{self, Blocked, Direction, PORT_WORDS, Prefix};
use super::heartbeat::{HEARTBEAT_LIMIT, Mapping};
use super::program::Loaded;
use super::{Inspect, XdpError};

/// Handles to the shared maps.
#[derive(Debug)]
pub(super) struct Tables {
    config: MapHandle,
    ports: MapHandle,
    blocked4: MapHandle,
    blocked6: MapHandle,
    bypass: MapHandle,
    pub(super) heartbeat: Arc<Mapping>,
}

impl Tables {
    pub(super) fn of(loaded: &Loaded) -> Result<Tables, XdpError> {
        use std::os::fd::AsFd;
        let heartbeat = loaded.map("heartbeat")?;
        Ok(Tables {
            config: loaded.map("config")?,
            ports: loaded.map("ports")?,
            blocked4: loaded.map("blocked4")?,
            blocked6: loaded.map("blocked6")?,
            bypass: loaded.map("bypass")?,
            heartbeat: Mapping::new(heartbeat.as_fd())
                .map_err(|source| XdpError::map("heartbeat", source.into()))?,
        })
    }

    /// Writes ports before flags, so that a port inspected before and after is inspected in between.
    pub(super) fn configure(
        &self,
        inspect: &Inspect,
        fail_open: bool,
        mirror: bool,
    ) -> Result<(), XdpError> {
        let mut words = vec![0u64; PORT_WORDS as usize];
        if let Inspect::Ports(ports) = inspect {
            for port in ports {
                if let Some(word) = words.get_mut(usize::from(port / 64)) {
                    *word |= 1 << (port % 64);
                }
            }
        }
        for (key, word) in (0u32..).zip(words) {
            put(&self.ports, "ports", &key.to_ne_bytes(), &word.to_ne_bytes())?;
        }
        let limit = u64::try_from(HEARTBEAT_LIMIT.as_nanos()).unwrap_or(u64::MAX);
        let config = abi::config(limit, *inspect == Inspect::All, fail_open, mirror);
        put(&self.config, "config", &0u32.to_ne_bytes(), &config)
    }

    pub(super) fn block(&self, prefix: Prefix, expires_ns: u64) -> Result<(), XdpError> {
        let (map, name) = self.blocked_map(prefix);
        let key = prefix.key();
        let before =
            map.lookup(&key, MapFlags::ANY).map_err(|source| XdpError::map(name, source))?;
        let before = before.and_then(|value| Blocked::from_entry(&key, &value));
        let (packets, bytes) = before.map_or((0, 0), |entry| (entry.packets, entry.bytes));
        put(map, name, &key, &Blocked { prefix, expires_ns, packets, bytes }.value())
    }

    pub(super) fn unblock(&self, prefix: Prefix) -> Result<bool, XdpError> {
        let (map, name) = self.blocked_map(prefix);
        remove(map, name, &prefix.key())
    }

    pub(super) fn blocked(&self) -> Result<Vec<Blocked>, XdpError> {
        let mut found = Vec::new();
        for (map, name) in [(&self.blocked4, "blocked4"), (&self.blocked6, "blocked6")] {
            for key in map.keys() {
                let value = map
                    .lookup(&key, MapFlags::ANY)
                    .map_err(|source| XdpError::map(name, source))?;
                found.extend(value.and_then(|value| Blocked::from_entry(&key, &value)));
            }
        }
        Ok(found)
    }

    pub(super) fn bypass(
        &self,
        flow: &Direction,
        from_seq: u32,
        expires_ns: u64,
    ) -> Result<(), XdpError> {
        put(&self.bypass, "bypass", &flow.key(), &abi::bypass(expires_ns, from_seq))
    }

    pub(super) fn end_bypass(&self, flow: &Direction) -> Result<bool, XdpError> {
        remove(&self.bypass, "bypass", &flow.key())
    }

    fn blocked_map(&self, prefix: Prefix) -> (&MapHandle, &'static str) {
        if prefix.addr().is_ipv4() {
            (&self.blocked4, "blocked4")
        } else {
            (&self.blocked6, "blocked6")
        }
    }
}

pub(super) fn put(
    map: &MapHandle,
    name: &'static str,
    key: &[u8],
    value: &[u8],
) -> Result<(), XdpError> {
    map.update(key, value, MapFlags::ANY).map_err(|source| XdpError::map(name, source))
}

/// False if there was no such entry.
pub(super) fn remove(map: &MapHandle, name: &'static str, key: &[u8]) -> Result<bool, XdpError> {
    match map.delete(key) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == libbpf_rs::ErrorKind::NotFound => Ok(false),
        Err(source) => Err(XdpError::map(name, source)),
    }
}
