//! The XDP program: what it is told, and what it has counted.
//!
//! ```text
//! <bpffs>/weir/<instance>/      config ports heartbeat blocked4 blocked6 bypass    shared by both ports
//!                         a/    link xsks peer stats                               port A
//!                         b/    link xsks peer stats                               port B
//! ```
//!
//! [`Xdp::attach`] loads `bpf/weir.bpf.c` once per port and pins link and maps there. They stay when the process
//! ends, however it ends: its sockets leave the XSKMAP, its heartbeat goes stale, and the program falls back. The next
//! process finds the pins, takes the maps over and updates the program in place. [`detach`] removes everything.

pub mod abi;
pub mod blocks;
pub mod bpffs;
mod fallback;
mod heartbeat;
mod link;
mod program;
mod tables;

use std::fs;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::path::{Path, PathBuf};

use libbpf_rs::{MapCore, MapFlags, MapHandle};
use thiserror::Error;

pub use abi::{Blocked, Direction, MAX_QUEUES, Prefix, Stat, Stats};
pub use fallback::FallbackWatch;
pub use heartbeat::{HEARTBEAT_IDLE, HEARTBEAT_LIMIT, Heartbeat};
pub use link::{Attached, Offloads, offloads};
pub use program::Loaded;

use crate::engine::Side;
use tables::{Tables, put, remove};

/// Where the pins of an instance are, unless set otherwise.
pub fn default_dir(instance: &str) -> PathBuf {
    Path::new(bpffs::DEFAULT_MOUNT).join("weir").join(instance)
}

/// How the program meets the driver.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Native where the driver can, else generic.
    #[default]
    Auto,
    /// In the driver, before a socket buffer is made.
    Native,
    /// Generic: after the socket buffer is made. Works on any interface, slowly.
    Skb,
}

/// The interfaces by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ports {
    /// Two ports, Weir between them.
    Inline {
        /// Port A.
        a: String,
        /// Port B.
        b: String,
    },
    /// One receive-only port that sees a copy of the traffic.
    Mirror {
        /// The port, side A to the rest of the code.
        port: String,
    },
}

impl Ports {
    /// The ports and their sides.
    pub fn iter(&self) -> impl Iterator<Item = (Side, &str)> {
        let (a, b) = match self {
            Ports::Inline { a, b } => (a, Some(b)),
            Ports::Mirror { port } => (port, None),
        };
        std::iter::once((Side::A, a.as_str())).chain(b.map(|b| (Side::B, b.as_str())))
    }
}

/// Which TCP packets user space gets to see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inspect {
    /// All.
    All,
    /// Those from or to one of these ports.
    Ports(Vec<u16>),
}

/// What [`Xdp::attach`] needs to know.
#[derive(Clone, Debug)]
pub struct XdpSettings {
    /// The interfaces.
    pub ports: Ports,
    /// Directory of the pins, on a bpffs (see [`default_dir`]); it is mounted if need be.
    pub dir: PathBuf,
    /// What is inspected; [`Xdp::set_inspected`] changes it later.
    pub inspect: Inspect,
    /// Without a live worker: send to the peer port (true) or drop (false).
    pub fail_open: bool,
    /// Native or generic.
    pub mode: Mode,
}

/// Why the XDP program could not be loaded, attached or told.
#[derive(Debug, Error)]
pub enum XdpError {
    /// The directory of pins can't be made.
    #[error(
        "no BPF file system for pins at {dir}: {source}. Run as root, or mount one: mount -t bpf bpf {mount}",
        dir = dir.display(), mount = bpffs::DEFAULT_MOUNT
    )]
    Bpffs {
        /// The directory.
        dir: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// The kernel or the maps pinned earlier refuse the program.
    #[error(
        "the XDP program can't be loaded: {source}. It needs CAP_BPF and CAP_NET_ADMIN (run as root) and Linux 5.15 or \
         later; if an older version of Weir left its maps in {dir}, run: weir-dataplane detach", dir = dir.display()
    )]
    Load {
        /// Directory of the pins.
        dir: PathBuf,
        /// The reason.
        source: libbpf_rs::Error,
    },
    /// The object lacks something that this code expects.
    #[error("the XDP object has no `{0}`: bpf/ and src/xdp/ are of different versions")]
    Missing(&'static str),
    /// No interface of that name.
    #[error("there is no interface {interface} in this network namespace (see: ip link)")]
    NoSuchInterface {
        /// Its name.
        interface: String,
    },
    /// The interface refuses the program.
    #[error(
        "the XDP program can't be attached to {interface} ({mode:?} mode): {source}. {}",
        attach_advice(source)
    )]
    Attach {
        /// Its name.
        interface: String,
        /// The mode asked for.
        mode: Mode,
        /// The reason.
        source: io::Error,
    },
    /// A pin can't be read, made or removed.
    #[error("the pin {path}: {source}. weir-dataplane detach removes what is left of an earlier run", path = path.display())]
    Pin {
        /// The pin.
        path: PathBuf,
        /// The reason.
        source: libbpf_rs::Error,
    },
    /// A map can't be read or written.
    #[error("the BPF map `{map}`: {source}")]
    Map {
        /// Its name in `bpf/maps.h`.
        map: &'static str,
        /// The reason; "argument list too long" and "no space left" mean that it is full.
        source: libbpf_rs::Error,
    },
    /// More queues than the maps have room for.
    #[error(
        "queue {0} is beyond the {MAX_QUEUES} that Weir supports; lower the number: ethtool -L DEV combined N"
    )]
    QueueTooHigh(u32),
    /// A mirror port has no peer.
    #[error("in mirror placement there is no port B")]
    NoSuchPort,
}

impl XdpError {
    fn pin(path: &Path, source: libbpf_rs::Error) -> XdpError {
        XdpError::Pin { path: path.to_owned(), source }
    }

    fn map(map: &'static str, source: libbpf_rs::Error) -> XdpError {
        XdpError::Map { map, source }
    }
}

fn attach_advice(error: &io::Error) -> &'static str {
    match error.raw_os_error() {
        Some(libc::EBUSY | libc::EEXIST) => {
            "Another XDP program is attached: see `ip link show` and `bpftool net`, and detach it"
        }
        Some(libc::EPERM | libc::EACCES) => "Run as root, or with CAP_BPF and CAP_NET_ADMIN",
        Some(libc::EOPNOTSUPP) => "The driver has no native XDP: set `mode: skb`",
        Some(libc::ERANGE | libc::EINVAL) => {
            "The MTU may be too large for single-buffer XDP (`ip link set DEV mtu 1500`), LRO on, or, on a veth, the \
             other end may have more transmit queues than this one has receive queues (`ethtool -L`)"
        }
        Some(libc::ENOSPC) => {
            "On a veth the other end has more transmit queues than this one has receive queues (`ethtool -L`)"
        }
        _ => "The kernel log (dmesg) may say more",
    }
}

/// One port's program and maps.
#[derive(Debug)]
struct Port {
    side: Side,
    xsks: MapHandle,
    stats: MapHandle,
    attached: Attached,
}

/// The attached program. All methods take `&self` and may be called from several threads; dropping it leaves the
/// program in place.
#[derive(Debug)]
pub struct Xdp {
    ports: Vec<Port>,
    tables: Tables,
    fail_open: bool,
    mirror: bool,
}

impl Xdp {
    /// Loads, pins, configures and attaches the program; or takes over what an earlier process left pinned in
    /// `settings.dir`, replacing the program in place. If it fails, a first attachment is undone.
    pub fn attach(settings: &XdpSettings) -> Result<Xdp, XdpError> {
        if bpffs::ensure(&settings.dir)? == bpffs::Mounted::NowPrivately {
            tracing::warn!(
                "a BPF file system was mounted in a mount namespace of this process: the XDP program will not outlive \
                 it. Enter only the network namespace (nsenter --net=/run/netns/NAME, not ip netns exec), or give the \
                 container the host's {}",
                bpffs::DEFAULT_MOUNT
            );
        }
        let first =
            !settings.ports.iter().any(|(side, _)| program::link_pin(&settings.dir, side).exists());
        let result = Xdp::attach_all(settings);
        if result.is_err() && first {
            let _ = detach(&settings.dir); // the first error is the one to tell
        }
        result
    }

    fn attach_all(settings: &XdpSettings) -> Result<Xdp, XdpError> {
        let mirror = matches!(settings.ports, Ports::Mirror { .. });
        let mut loaded = Vec::new();
        for (side, ifname) in settings.ports.iter() {
            loaded.push((side, ifname, Loaded::new(&settings.dir, side)?));
        }
        let tables = match loaded.first() {
            Some((_, _, first)) => Tables::of(first)?,
            None => return Err(XdpError::NoSuchPort),
        };
        // Told everything before it sees the first packet.
        tables.configure(&settings.inspect, settings.fail_open, mirror)?;
        for (side, _, port) in &loaded {
            if let Some((_, peer, _)) = loaded.iter().find(|(other, _, _)| *other == side.peer()) {
                set_peer(port, peer)?;
            }
        }
        let mut ports = Vec::new();
        for (side, ifname, port) in &loaded {
            let program = port.program()?;
            let attached = link::attach(&program, ifname, settings.mode, &port.link_pin())?;
            ports.push(Port {
                side: *side,
                xsks: port.map("xsks")?,
                stats: port.map("stats")?,
                attached,
            });
        }
        Ok(Xdp { ports, tables, fail_open: settings.fail_open, mirror })
    }

    /// How the program came to that port.
    pub fn attached(&self, side: Side) -> Result<Attached, XdpError> {
        Ok(self.port(side)?.attached)
    }

    /// Gives the packets of a port's queue to an AF_XDP socket, until it is closed.
    pub fn register_socket(
        &self,
        side: Side,
        queue: u32,
        socket: BorrowedFd<'_>,
    ) -> Result<(), XdpError> {
        if queue >= MAX_QUEUES {
            return Err(XdpError::QueueTooHigh(queue));
        }
        put(&self.port(side)?.xsks, "xsks", &queue.to_ne_bytes(), &socket.as_raw_fd().to_ne_bytes())
    }

    /// Takes the socket of a queue away, if there is one.
    pub fn unregister_socket(&self, side: Side, queue: u32) -> Result<(), XdpError> {
        remove(&self.port(side)?.xsks, "xsks", &queue.to_ne_bytes()).map(drop)
    }

    /// The heartbeat of the worker that owns queue `worker` of both ports.
    pub fn heartbeat(&self, worker: u32) -> Result<Heartbeat, XdpError> {
        self.tables.heartbeat.worker(worker).ok_or(XdpError::QueueTooHigh(worker))
    }

    /// Changes what is inspected, between packets.
    pub fn set_inspected(&self, inspect: &Inspect) -> Result<(), XdpError> {
        self.tables.configure(inspect, self.fail_open, self.mirror)
    }

    /// Drops what comes from these addresses until `expires_ns` (CLOCK_MONOTONIC; `u64::MAX`: for good).
    /// Blocking again changes the expiry and keeps the counters. A mirror port ignores it.
    pub fn block(&self, prefix: impl Into<Prefix>, expires_ns: u64) -> Result<(), XdpError> {
        self.tables.block(prefix.into(), expires_ns)
    }

    /// Ends a block; false if there was none for exactly that prefix.
    pub fn unblock(&self, prefix: impl Into<Prefix>) -> Result<bool, XdpError> {
        self.tables.unblock(prefix.into())
    }

    /// All blocked sources with their counters, expired ones that no [`Xdp::sweep`] has removed included.
    pub fn blocked(&self) -> Result<Vec<Blocked>, XdpError> {
        self.tables.blocked()
    }

    /// Removes the expired blocks and returns them. The program ignores them already; this frees their room.
    pub fn sweep(&self, now_ns: u64) -> Result<Vec<Blocked>, XdpError> {
        let mut expired = self.blocked()?;
        expired.retain(|entry| entry.expires_ns <= now_ns);
        for entry in &expired {
            self.unblock(entry.prefix)?;
        }
        Ok(expired)
    }

    /// Sends one direction of a flow straight to the peer port: segments that begin at `from_seq` or after, except FIN
    /// and RST, until `expires_ns` or a SYN of the flow in either direction.
    pub fn bypass(&self, flow: &Direction, from_seq: u32, expires_ns: u64) -> Result<(), XdpError> {
        self.tables.bypass(flow, from_seq, expires_ns)
    }

    /// Ends the bypass of one direction; false if there was none.
    pub fn end_bypass(&self, flow: &Direction) -> Result<bool, XdpError> {
        self.tables.end_bypass(flow)
    }

    /// What became of the packets that came in by this port, since the first attachment.
    pub fn stats(&self, side: Side) -> Result<Stats, XdpError> {
        read_stats(&self.port(side)?.stats)
    }

    fn port(&self, side: Side) -> Result<&Port, XdpError> {
        self.ports.iter().find(|port| port.side == side).ok_or(XdpError::NoSuchPort)
    }
}

fn set_peer(port: &Loaded, peer: &str) -> Result<(), XdpError> {
    let ifindex = nix::net::if_::if_nametoindex(peer)
        .map_err(|_| XdpError::NoSuchInterface { interface: peer.to_owned() })?;
    put(&port.map("peer")?, "peer", &0u32.to_ne_bytes(), &ifindex.to_ne_bytes())
}

/// Sums a port's `stats` map over all processors.
pub fn read_stats(map: &MapHandle) -> Result<Stats, XdpError> {
    let mut stats = Stats::default();
    for stat in Stat::ALL {
        let per_cpu = map
            .lookup_percpu(&(stat as u32).to_ne_bytes(), MapFlags::ANY)
            .map_err(|source| XdpError::map("stats", source))?;
        for value in per_cpu.unwrap_or_default() {
            stats.add(stat, value.first_chunk().map_or(0, |value| u64::from_ne_bytes(*value)));
        }
    }
    Ok(stats)
}

/// Detaches the program from the ports of the instance pinned in `dir` and removes all its pins.
/// False if there was nothing. From then on nothing passes between the two ports.
pub fn detach(dir: &Path) -> Result<bool, XdpError> {
    if !dir.exists() {
        return Ok(false);
    }
    for side in [Side::A, Side::B] {
        link::detach(&program::link_pin(dir, side))?;
        remove_pins(&program::port_dir(dir, side))?;
    }
    remove_pins(dir)?;
    Ok(true)
}

/// Removes a directory of pins (no deeper ones are expected in it).
fn remove_pins(dir: &Path) -> Result<(), XdpError> {
    let failed = |source: io::Error| XdpError::pin(dir, source.into());
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
    };
    for entry in entries {
        fs::remove_file(entry.map_err(failed)?.path()).map_err(failed)?;
    }
    fs::remove_dir(dir).map_err(failed)
}
