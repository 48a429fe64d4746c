//! Networks to test in: client — (veth) — middle — (veth) — server, each a network namespace of its own.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::thread;

use nix::fcntl::{Flock, FlockArg};

pub use crate::namespace::Namespace;
use crate::namespace::{delete, ip};
use crate::relay::{INNER, Loss, OUTER, Relay};
use crate::{Error, Result, fail};

/// The client's address.
pub const CLIENT_V4: &str = "10.9.0.1";
/// The server's address.
pub const SERVER_V4: &str = "10.9.0.2";
/// The client's IPv6 address.
pub const CLIENT_V6: &str = "fd09::1";
/// The server's IPv6 address.
pub const SERVER_V6: &str = "fd09::2";
/// The middle's device towards the client.
pub const PORT_A: &str = "port-a";
/// The middle's device towards the server.
pub const PORT_B: &str = "port-b";
/// The device of the client and of the server.
pub const END: &str = "eth0";

/// All names of this harness begin so; then follows the process id, so that remains of dead runs are recognised.
const PREFIX: &str = "weir-t";
/// What the namespaces of a topology are called behind its name.
const ROLES: [&str; 5] = ["client", "middle", "server", "loss-a", "loss-b"];
/// Where XDP programs are pinned, under the topology's name.
const BPFFS: &str = "/sys/fs/bpf";
/// Where Weir remembers what it changed on devices.
const RUN: &str = "/run/weir";
/// Two network tests at a time would disturb each other's clocks.
const LOCK: &str = "/run/weir-tests.lock";

static SEQUENCE: AtomicU32 = AtomicU32::new(0);
static CLEAN_ON_SIGNAL: Once = Once::new();
/// The topologies of this process, for the signal handler.
static OWN: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// What may differ between topologies.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// RX and TX queues of each veth end.
    pub queues: u32,
    /// Whether the client's and the server's end join received segments (generic receive offload). Off, every segment
    /// is seen as it was sent.
    pub gro: bool,
    /// MTU of every device.
    pub mtu: u32,
    /// What the wires on both sides of the middle do to frames; none: they are plain veth pairs.
    pub loss: Option<(Loss, u64)>,
    /// What the names of its namespaces begin with. A topology with a name of its own is not swept away by other runs,
    /// and replaces an earlier one of that name.
    pub name: Option<&'static str>,
}

impl Default for Options {
    fn default() -> Options {
        Options { queues: 1, gro: true, mtu: 1500, loss: None, name: None }
    }
}

/// Three namespaces in a row. The middle forwards nothing until something is started there.
#[derive(Debug)]
pub struct Topology {
    /// Where requests come from.
    pub client: Namespace,
    /// Between the two; [`PORT_A`] faces the client, [`PORT_B`] the server.
    pub middle: Namespace,
    /// Where services run.
    pub server: Namespace,
    /// The lossy wires, if any, with the relays in them.
    wires: Vec<(Namespace, Relay)>,
    dir: PathBuf,
    _lock: Flock<File>,
}

impl Topology {
    /// The ordinary topology.
    pub fn new() -> Result<Topology> {
        Topology::with(Options::default())
    }

    /// A topology with options. Waits until no other one exists on this machine; deletes the remains of dead runs.
    pub fn with(options: Options) -> Result<Topology> {
        if !nix::unistd::geteuid().is_root() {
            fail!("tests on the wire make network namespaces and so need root");
        }
        clean_on_signal();
        let file = File::options().create(true).truncate(false).write(true).open(LOCK)?;
        let lock =
            Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, e)| Error::at(LOCK, e))?;
        sweep();

        let (pid, sequence) = (std::process::id(), SEQUENCE.fetch_add(1, Ordering::Relaxed));
        let id = options.name.map_or_else(|| format!("{PREFIX}{pid}-{sequence}"), str::to_owned);
        remove(&id);
        let dir = scratch(&id);
        fs::create_dir_all(&dir)?;
        own().push(id.clone());
        let namespace = |role: &str| Namespace::named(format!("{id}-{role}"), &dir);
        let mut topology = Topology {
            client: namespace("client"),
            middle: namespace("middle"),
            server: namespace("server"),
            wires: Vec::new(),
            dir: dir.clone(),
            _lock: lock,
        };
        topology.build(options)?;
        Ok(topology)
    }

    /// A scratch folder, deleted with the topology.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    fn build(&mut self, options: Options) -> Result<()> {
        for ns in [&self.client, &self.middle, &self.server] {
            ns.create()?;
        }
        for (end, port, role) in
            [(&self.client, PORT_A, "loss-a"), (&self.server, PORT_B, "loss-b")]
        {
            match options.loss {
                None => veth((end, END), (&self.middle, port), options)?,
                Some((loss, seed)) => {
                    let wire = Namespace::named(format!("{}-{role}", self.id()), &self.dir);
                    wire.create()?;
                    veth((end, END), (&wire, OUTER), options)?;
                    veth((&wire, INNER), (&self.middle, port), options)?;
                    let relay = Relay::start(&wire, loss, seed)?;
                    self.wires.push((wire, relay));
                }
            }
            self.middle.run_ok(&["ip", "link", "set", port, "promisc", "on"])?;
        }
        let ends = [(&self.client, CLIENT_V4, CLIENT_V6), (&self.server, SERVER_V4, SERVER_V6)];
        for (end, v4, v6) in ends {
            for (key, value) in END_SYSCTLS {
                end.sysctl(key, value)?;
            }
            end.sysctl(&format!("net/ipv6/conf/{END}/disable_ipv6"), "0")?;
            end.run_ok(&["ip", "addr", "add", &format!("{v4}/24"), "dev", END])?;
            end.run_ok(&["ip", "addr", "add", &format!("{v6}/64"), "dev", END, "nodad"])?;
        }
        Ok(())
    }

    /// Where an XDP program of this topology is pinned.
    pub(crate) fn pins(&self) -> PathBuf {
        Path::new(BPFFS).join(self.id())
    }

    /// What all names of this topology begin with.
    fn id(&self) -> String {
        self.dir.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// Joins the two ports by a kernel bridge.
    pub fn bridge(&self) -> Result<()> {
        let middle = &self.middle;
        middle.run_ok(&["ip", "link", "add", "br0", "type", "bridge", "stp_state", "0"])?;
        for port in [PORT_A, PORT_B] {
            middle.run_ok(&["ip", "link", "set", port, "master", "br0"])?;
        }
        middle.run_ok(&["ip", "link", "set", "br0", "up"]).map(drop)
    }

    /// Takes the bridge away again.
    pub fn unbridge(&self) -> Result<()> {
        self.middle.run_ok(&["ip", "link", "del", "br0"]).map(drop)
    }
}

impl Drop for Topology {
    fn drop(&mut self) {
        if thread::panicking() {
            show_logs(&self.dir);
        }
        // Relays first: their devices go down with the other namespaces.
        self.wires.clear();
        let id = self.id();
        remove(&id);
        own().retain(|other| *other != id);
    }
}

/// Joins two namespaces by a veth pair without offloads. IPv6 is off on it: only the ends have addresses.
fn veth(one: (&Namespace, &str), other: (&Namespace, &str), options: Options) -> Result<()> {
    let queues = options.queues.to_string();
    let multi = ["numrxqueues", &queues, "numtxqueues", &queues];
    let mut argv = vec!["link", "add", one.1, "netns", &one.0.name];
    argv.extend(multi);
    argv.extend(["type", "veth", "peer", "name", other.1, "netns", &other.0.name]);
    argv.extend(multi);
    ip(&argv)?;
    for (ns, device) in [one, other] {
        ns.sysctl(&format!("net/ipv6/conf/{device}/disable_ipv6"), "1")?;
        ns.device_up(device, options.mtu, options.gro && device == END && options.loss.is_none())?;
    }
    Ok(())
}

/// What both ends are set to, and a proxy between them: ports that last for thousands of short connections, and no BBR,
/// which by itself stalls for tens of milliseconds at low rates.
pub const END_SYSCTLS: [(&str, &str); 5] = [
    ("net/ipv4/tcp_congestion_control", "reno"),
    ("net/ipv4/tcp_slow_start_after_idle", "0"),
    ("net/ipv4/tcp_tw_reuse", "1"),
    ("net/ipv4/ip_local_port_range", "1024 65000"),
    ("net/core/somaxconn", "4096"),
];

/// The list of this process's topologies.
fn own() -> MutexGuard<'static, Vec<String>> {
    OWN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The scratch folder of a topology.
fn scratch(id: &str) -> PathBuf {
    std::env::temp_dir().join(id)
}

/// Deletes whatever there is of a topology: processes, namespaces, XDP programs, files.
pub fn remove(id: &str) {
    for role in ROLES {
        delete(&format!("{id}-{role}"));
    }
    let _ = fs::remove_dir_all(Path::new(BPFFS).join(id));
    let _ = fs::remove_file(Path::new(RUN).join(format!("undo-{id}.json")));
    let _ = fs::remove_dir_all(scratch(id));
}

/// Deletes the topologies of processes that are no more.
fn sweep() {
    // PREFIX PID - SEQUENCE, behind which the name of a namespace has its role.
    let dead = |name: &str| {
        let mut parts = name.strip_prefix(PREFIX)?.splitn(3, '-');
        let (pid, sequence) = (parts.next()?, parts.next()?);
        let both: (u32, u32) = (pid.parse().ok()?, sequence.parse().ok()?);
        let lives = Path::new("/proc").join(pid).exists();
        (!lives).then(|| format!("{PREFIX}{}-{}", both.0, both.1))
    };
    let mut found = BTreeSet::new();
    for folder in [Path::new("/run/netns"), Path::new(BPFFS), &std::env::temp_dir()] {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        found.extend(entries.filter_map(|e| dead(&e.file_name().to_string_lossy())));
    }
    found.iter().for_each(|id| remove(id));
}

/// Makes Ctrl-C and SIGTERM delete what this process has made before it ends.
fn clean_on_signal() {
    CLEAN_ON_SIGNAL.call_once(|| {
        thread::spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let Ok(runtime) = runtime else { return };
            runtime.block_on(async {
                use tokio::signal::unix::{SignalKind, signal};
                let (Ok(mut int), Ok(mut term)) =
                    (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
                else {
                    return;
                };
                tokio::select! { _ = int.recv() => (), _ = term.recv() => () }
                own().iter().for_each(|id| remove(id));
                std::process::exit(130);
            });
        });
    });
}

/// The last lines of every log in the folder, for the reader of a failed test.
fn show_logs(dir: &Path) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.extension() == Some(OsStr::new("log")) {
            let text = fs::read(&path).unwrap_or_default();
            let text = String::from_utf8_lossy(&text);
            let tail: Vec<&str> = text.lines().rev().take(20).collect();
            eprintln!("--- end of {}", path.display());
            tail.iter().rev().for_each(|line| eprintln!("{line}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{SocketAddr, TcpListener, TcpStream};
    use std::time::Duration;

    use super::*;

    fn namespaces() -> String {
        ip(&["netns", "list"]).unwrap()
    }

    #[test]
    fn a_bridged_topology_carries_both_protocols_and_leaves_nothing_behind() {
        let id = {
            let topology = Topology::new().unwrap();
            topology.bridge().unwrap();
            for address in [SERVER_V4, SERVER_V6] {
                let address = SocketAddr::new(address.parse().unwrap(), 7);
                let listener = topology.server.enter(|| TcpListener::bind(address)).unwrap();
                let limit = Duration::from_secs(5);
                let connect = || TcpStream::connect_timeout(&address, limit);
                topology.client.enter(connect).unwrap().unwrap();
                drop(listener);
            }
            let mut sleeper = topology.server.spawn("sleep", &["sleep", "60"]).unwrap();
            assert!(sleeper.is_running());
            topology.client.name.clone()
        };
        assert!(!namespaces().contains(&id), "{}", namespaces());
    }

    #[test]
    fn a_bad_wire_still_carries_every_byte() {
        let loss = Some((Loss::BAD, 1));
        let topology = Topology::with(Options { loss, ..Options::default() }).unwrap();
        topology.bridge().unwrap();
        let address = SocketAddr::new(SERVER_V4.parse().unwrap(), 7);
        let listener = topology.server.enter(|| TcpListener::bind(address)).unwrap().unwrap();
        let sent: Vec<u8> = (0..300_000u32).flat_map(u32::to_le_bytes).collect();
        let expected = sent.clone();
        let server = thread::spawn(move || listener.accept().unwrap().0.write_all(&sent));
        let mut received = Vec::new();
        let mut client = topology.client.enter(|| TcpStream::connect(address)).unwrap().unwrap();
        client.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        client.read_to_end(&mut received).unwrap();
        assert!(received == expected, "{} bytes of {}", received.len(), expected.len());
        server.join().unwrap().unwrap();
        // The kernel says that it was not an easy way.
        let netstat = topology.server.run_ok(&["nstat", "-asz", "TcpRetransSegs"]).unwrap();
        let retransmitted = netstat.lines().find(|l| l.contains("TcpRetransSegs")).unwrap();
        assert!(!retransmitted.contains(" 0 "), "{netstat}");
    }

    #[test]
    fn a_panic_deletes_the_topology_too() {
        let name = std::sync::Mutex::new(String::new());
        let panicked = std::panic::catch_unwind(|| {
            let topology = Topology::new().unwrap();
            name.lock().unwrap().clone_from(&topology.server.name);
            panic!("on purpose");
        });
        assert!(panicked.is_err());
        let name = name.lock().map_or_else(|e| e.into_inner().clone(), |n| n.clone());
        assert!(!name.is_empty() && !namespaces().contains(&name));
    }

    #[test]
    fn a_command_that_hangs_is_ended() {
        let topology = Topology::new().unwrap();
        let error = topology.client.run(&["sleep", "9"], Duration::from_millis(200)).unwrap_err();
        assert!(error.to_string().contains("did not end within 200ms"), "{error}");
    }
}
