//! What the XDP program and we say to each other: the layouts, constants and names of `bpf/maps.h`.

use std::net::IpAddr;

use thiserror::Error;

/// Queues per port (`MAX_QUEUES`).
pub const MAX_QUEUES: u32 = 256;
/// Elements of the `ports` bitmap, 64 ports each.
pub const PORT_WORDS: u32 = 65536 / 64;

const INSPECT_ALL: u32 = 1 << 0;
const FAIL_OPEN: u32 = 1 << 1;
const MIRROR: u32 = 1 << 2;

/// A value of the `config` map.
pub fn config(
    heartbeat_limit_ns: u64,
    inspect_all: bool,
    fail_open: bool,
    mirror: bool,
) -> [u8; 16] {
    let bit = |set: bool, bit: u32| if set { bit } else { 0 };
    let flags = bit(inspect_all, INSPECT_ALL) | bit(fail_open, FAIL_OPEN) | bit(mirror, MIRROR);
    let mut writer = Writer::<16>::new();
    writer.put(&heartbeat_limit_ns.to_ne_bytes()).put(&flags.to_ne_bytes());
    writer.bytes
}

/// What became of a packet in the XDP program (`enum stat`); each packet counts once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Stat {
    /// Redirected to the worker's AF_XDP socket.
    ToUser,
    /// Not inspected: redirected to the peer port (mirror placement: passed to the host).
    ToPeer,
    /// Dropped: source address blocked.
    Blocked,
    /// Bypassed flow: redirected to the peer port.
    Bypassed,
    /// No live worker: redirected to the peer port (mirror placement: passed to the host).
    FallbackOpen,
    /// No live worker: dropped.
    FallbackClosed,
}

impl Stat {
    /// All of them, in the order of their counters.
    pub const ALL: [Stat; 6] = [
        Stat::ToUser,
        Stat::ToPeer,
        Stat::Blocked,
        Stat::Bypassed,
        Stat::FallbackOpen,
        Stat::FallbackClosed,
    ];

    /// The name in metrics labels and logs.
    pub fn name(self) -> &'static str {
        match self {
            Stat::ToUser => "to_user",
            Stat::ToPeer => "to_peer",
            Stat::Blocked => "blocked",
            Stat::Bypassed => "bypassed",
            Stat::FallbackOpen => "fallback_open",
            Stat::FallbackClosed => "fallback_closed",
        }
    }
}

/// Packets by [`Stat`], over all processors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    counts: [u64; Stat::ALL.len()],
}

impl Stats {
    /// Packets that ended so.
    pub fn get(&self, stat: Stat) -> u64 {
        self.counts.get(stat as usize).copied().unwrap_or(0)
    }

    /// Adds packets to a counter.
    pub fn add(&mut self, stat: Stat, packets: u64) {
        if let Some(count) = self.counts.get_mut(stat as usize) {
            *count += packets;
        }
    }

    /// Packets that found no live worker.
    pub fn fallback(&self) -> u64 {
        self.get(Stat::FallbackOpen) + self.get(Stat::FallbackClosed)
    }
}

/// Addresses that share their first `len` bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Prefix {
    addr: IpAddr,
    len: u8,
}

/// A prefix longer than its addresses.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("/{len} is longer than the address {addr}")]
pub struct PrefixTooLong {
    addr: IpAddr,
    len: u8,
}

impl Prefix {
    /// The prefix of `len` bits that `addr` lies in. Bits beyond it are cleared.
    pub fn new(addr: IpAddr, len: u8) -> Result<Prefix, PrefixTooLong> {
        match addr {
            IpAddr::V4(v4) if len <= 32 => {
                let mask = u32::MAX.checked_shl(32 - u32::from(len)).unwrap_or(0);
                Ok(Prefix { addr: IpAddr::V4((u32::from(v4) & mask).into()), len })
            }
            IpAddr::V6(v6) if len <= 128 => {
                let mask = u128::MAX.checked_shl(128 - u32::from(len)).unwrap_or(0);
                Ok(Prefix { addr: IpAddr::V6((u128::from(v6) & mask).into()), len })
            }
            _ => Err(PrefixTooLong { addr, len }),
        }
    }

    /// The address alone.
    pub fn host(addr: IpAddr) -> Prefix {
        Prefix { addr, len: if addr.is_ipv4() { 32 } else { 128 } }
    }

    /// The network address.
    pub fn addr(&self) -> IpAddr {
        self.addr
    }

    /// Length in bits.
    #[allow(clippy::len_without_is_empty)] // the field's own word; a prefix is not a container
    pub fn len(&self) -> u8 {
        self.len
    }

    /// The key in `blocked4` or `blocked6`.
    pub(super) fn key(&self) -> Vec<u8> {
        let mut key = u32::from(self.len).to_ne_bytes().to_vec();
        match self.addr {
            IpAddr::V4(addr) => key.extend(addr.octets()),
            IpAddr::V6(addr) => key.extend(addr.octets()),
        }
        key
    }

    /// The reverse of [`Prefix::key`].
    pub(super) fn from_key(key: &[u8]) -> Option<Prefix> {
        let (len, addr) = key.split_first_chunk::<4>()?;
        let len = u8::try_from(u32::from_ne_bytes(*len)).ok()?;
        let addr = match addr.len() {
            4 => IpAddr::from(<[u8; 4]>::try_from(addr).ok()?),
            16 => IpAddr::from(<[u8; 16]>::try_from(addr).ok()?),
            _ => return None,
        };
        Some(Prefix { addr, len })
    }
}

impl From<IpAddr> for Prefix {
    fn from(addr: IpAddr) -> Prefix {
        Prefix { addr, len: if addr.is_ipv4() { 32 } else { 128 } }
    }
}

/// An entry of the blocked sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blocked {
    /// Whose packets are dropped.
    pub prefix: Prefix,
    /// CLOCK_MONOTONIC nanoseconds; `u64::MAX`: never.
    pub expires_ns: u64,
    /// Packets dropped.
    pub packets: u64,
    /// Their bytes, Ethernet headers included.
    pub bytes: u64,
}

impl Blocked {
    /// A value of `blocked4` and `blocked6`.
    pub(super) fn value(&self) -> [u8; 32] {
        let mut writer = Writer::<32>::new();
        writer
            .put(&self.expires_ns.to_ne_bytes())
            .put(&self.packets.to_ne_bytes())
            .put(&self.bytes.to_ne_bytes())
            .put(&u32::from(self.prefix.len).to_ne_bytes());
        writer.bytes
    }

    pub(super) fn from_entry(key: &[u8], value: &[u8]) -> Option<Blocked> {
        let (expires, rest) = value.split_first_chunk::<8>()?;
        let (packets, rest) = rest.split_first_chunk::<8>()?;
        let (bytes, _) = rest.split_first_chunk::<8>()?;
        Some(Blocked {
            prefix: Prefix::from_key(key)?,
            expires_ns: u64::from_ne_bytes(*expires),
            packets: u64::from_ne_bytes(*packets),
            bytes: u64::from_ne_bytes(*bytes),
        })
    }
}

/// One direction of a TCP flow, as its packets carry it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Direction {
    /// Source address.
    pub src: IpAddr,
    /// Destination address.
    pub dst: IpAddr,
    /// Source port.
    pub src_port: u16,
    /// Destination port.
    pub dst_port: u16,
    /// Outer and inner VLAN id, 0 without a tag.
    pub vlan: [u16; 2],
}

impl Direction {
    /// The key in `bypass`.
    pub(super) fn key(&self) -> [u8; 44] {
        let octets = |addr: IpAddr| match addr {
            IpAddr::V6(addr) => addr.octets(),
            IpAddr::V4(addr) => u128::from(u32::from(addr)).to_be_bytes(),
        };
        let [outer, inner] = self.vlan;
        let version = if self.src.is_ipv4() { 4u32 } else { 6 };
        let mut writer = Writer::<44>::new();
        writer
            .put(&octets(self.src))
            .put(&octets(self.dst))
            .put(&self.src_port.to_be_bytes())
            .put(&self.dst_port.to_be_bytes())
            .put(&outer.to_ne_bytes())
            .put(&inner.to_ne_bytes())
            .put(&version.to_ne_bytes());
        writer.bytes
    }
}

/// A value of the `bypass` map.
pub fn bypass(expires_ns: u64, from_seq: u32) -> [u8; 16] {
    let mut writer = Writer::<16>::new();
    writer.put(&expires_ns.to_ne_bytes()).put(&from_seq.to_ne_bytes());
    writer.bytes
}

/// Fills a C struct field by field; what is left stays zero, as the verifier wants padding.
struct Writer<const N: usize> {
    bytes: [u8; N],
    at: usize,
}

impl<const N: usize> Writer<N> {
    fn new() -> Writer<N> {
        Writer { bytes: [0; N], at: 0 }
    }

    fn put(&mut self, field: &[u8]) -> &mut Writer<N> {
        if let Some(room) = self.bytes.get_mut(self.at..self.at + field.len()) {
            room.copy_from_slice(field);
        }
        self.at += field.len();
        self
    }
}
