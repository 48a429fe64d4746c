//! Networks to test in: client — (veth) — middle — (veth) — server, each a network namespace of its own.
//!
//! Only the *network* namespace is entered (`nsenter --net`). `ip netns exec` would also make a mount namespace for each
//! command, and a bpffs mounted there vanishes with all its pins.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use nix::fcntl::{Flock, FlockArg};
use nix::sched::{CloneFlags, setns};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::process::{self, Process};
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

/// How long a configuring command may take.
const QUICK: Duration = Duration::from_secs(10);
/// All names of this harness begin so; then follows the process id, so that remains of dead runs are recognised.
const PREFIX: &str = "weir-t";
/// Two network tests at a time would disturb each other's clocks.
const LOCK: &str = "/run/weir-tests.lock";

static SEQUENCE: AtomicU32 = AtomicU32::new(0);
static CLEAN_ON_SIGNAL: Once = Once::new();

/// What may differ between topologies.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// RX and TX queues of each veth end.
    pub queues: u32,
    /// Generic receive offload at the client's and the server's end. Off, each packet is seen as it was sent. On,
    /// the ends have NAPI, which a packet that XDP redirects to them from the middle needs.
    pub gro: bool,
    /// MTU of every device.
    pub mtu: u32,
}

impl Default for Options {
    fn default() -> Options {
        Options { queues: 1, gro: false, mtu: 1500 }
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
    dir: PathBuf,
    keep: bool,
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
        sweep(|pid| !Path::new(&format!("/proc/{pid}")).exists())?;

        let id =
            format!("{PREFIX}{}-{}", std::process::id(), SEQUENCE.fetch_add(1, Ordering::Relaxed));
        let dir = std::env::temp_dir().join(&id);
        fs::create_dir_all(&dir)?;
        let namespace = |role: &str| Namespace::named(format!("{id}-{role}"), &dir);
        let topology = Topology {
            client: namespace("client"),
            middle: namespace("middle"),
            server: namespace("server"),
            dir: dir.clone(),
            keep: false,
            _lock: lock,
        };
        topology.build(options)?;
        Ok(topology)
    }

    /// A scratch folder, deleted with the topology.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The three namespaces.
    fn namespaces(&self) -> [&Namespace; 3] {
        [&self.client, &self.middle, &self.server]
    }

    fn build(&self, options: Options) -> Result<()> {
        for ns in self.namespaces() {
            ip(&["netns", "add", &ns.name])?;
            ns.run_ok(&["ip", "link", "set", "lo", "up"])?;
        }
        let queues = options.queues.to_string();
        for (end, port) in [(&self.client, PORT_A), (&self.server, PORT_B)] {
            ip(&[
                "link",
                "add",
                END,
                "netns",
                &end.name,
                "numrxqueues",
                &queues,
                "numtxqueues",
                &queues,
                "type",
                "veth",
                "peer",
                "name",
                port,
                "netns",
                &self.middle.name,
                "numrxqueues",
                &queues,
                "numtxqueues",
                &queues,
            ])?;
            self.middle.sysctl(&format!("net/ipv6/conf/{port}/disable_ipv6"), "1")?;
            self.middle.device_up(port, options.mtu, false)?;
            self.middle.run_ok(&["ip", "link", "set", port, "promisc", "on"])?;
            end.device_up(END, options.mtu, options.gro)?;
            for (key, value) in END_SYSCTLS {
                end.sysctl(key, value)?;
            }
        }
        for (ns, v4, v6) in
            [(&self.client, CLIENT_V4, CLIENT_V6), (&self.server, SERVER_V4, SERVER_V6)]
        {
            ns.run_ok(&["ip", "addr", "add", &format!("{v4}/24"), "dev", END])?;
            ns.run_ok(&["ip", "addr", "add", &format!("{v6}/64"), "dev", END, "nodad"])?;
        }
        Ok(())
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

    /// Leaves everything as it is when dropped, for a person to play with.
    pub fn keep(&mut self) {
        self.keep = true;
    }
}

impl Drop for Topology {
    fn drop(&mut self) {
        if self.keep {
            return;
        }
        if thread::panicking() {
            show_logs(&self.dir);
        }
        for ns in self.namespaces() {
            delete(&ns.name);
        }
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// Ports that last for thousands of short connections, and no BBR, which by itself stalls for tens of milliseconds
/// at low rates.
const END_SYSCTLS: [(&str, &str); 5] = [
    ("net/ipv4/tcp_congestion_control", "reno"),
    ("net/ipv4/tcp_slow_start_after_idle", "0"),
    ("net/ipv4/tcp_tw_reuse", "1"),
    ("net/ipv4/ip_local_port_range", "1024 65000"),
    ("net/core/somaxconn", "4096"),
];

/// A network namespace and the programs in it.
#[derive(Clone, Debug)]
pub struct Namespace {
    /// Its name under `/run/netns`.
    pub name: String,
    path: String,
    dir: PathBuf,
}

impl Namespace {
    fn named(name: String, dir: &Path) -> Namespace {
        Namespace { path: format!("--net=/run/netns/{name}"), name, dir: dir.to_owned() }
    }

    /// Runs a program to its end, within `limit`.
    pub fn run(&self, argv: &[&str], limit: Duration) -> Result<Output> {
        process::run(&["nsenter", &self.path], argv, limit)
    }

    /// Runs a quick program that must succeed; gives its output.
    pub fn run_ok(&self, argv: &[&str]) -> Result<String> {
        process::run_ok(&["nsenter", &self.path], argv, QUICK)
    }

    /// Starts a program that goes on until its [`Process`] is dropped. Its output is in `NAME.log` of the scratch folder.
    pub fn spawn(&self, name: &str, argv: &[&str]) -> Result<Process> {
        self.spawn_with(name, argv, &[])
    }

    /// Like [`Namespace::spawn`], with environment variables.
    pub fn spawn_with(&self, name: &str, argv: &[&str], env: &[(&str, &OsStr)]) -> Result<Process> {
        Process::spawn(&["nsenter", &self.path], argv, env, &self.dir.join(format!("{name}.log")))
    }

    /// Calls `f` on a thread within the namespace: the sockets that it opens are the namespace's.
    pub fn enter<R: Send>(&self, f: impl FnOnce() -> R + Send) -> Result<R> {
        let file = File::open(format!("/run/netns/{}", self.name))?;
        thread::scope(|scope| {
            let within =
                scope.spawn(|| setns(file.as_fd(), CloneFlags::CLONE_NEWNET).map(|()| f()));
            match within.join() {
                Ok(entered) => entered.map_err(|e| Error::at(format!("entering {}", self.name), e)),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    }

    /// Sets a kernel parameter of the namespace, its path relative to `/proc/sys`.
    pub fn sysctl(&self, key: &str, value: &str) -> Result<()> {
        let path = format!("/proc/sys/{key}");
        self.enter(|| fs::write(&path, value))?.map_err(|e| Error::at(&path, e))
    }

    /// Brings a veth end up as a wire would be: no offload that would leave a checksum unfilled or a packet oversized.
    fn device_up(&self, device: &str, mtu: u32, gro: bool) -> Result<()> {
        let gro = if gro { "on" } else { "off" };
        self.run_ok(&[
            "ethtool", "-K", device, "tx", "off", "rx", "off", "sg", "off", "tso", "off", "gso",
            "off", "gro", gro,
        ])?;
        self.run_ok(&["ip", "link", "set", device, "mtu", &mtu.to_string(), "up"]).map(drop)
    }
}

/// Runs `ip` outside any namespace.
fn ip(arguments: &[&str]) -> Result<String> {
    let mut argv = vec!["ip"];
    argv.extend(arguments);
    process::run_ok(&[], &argv, QUICK)
}

/// Kills every process in the namespace, then deletes it and with it its devices.
fn delete(name: &str) {
    let pids = ip(&["netns", "pids", name]).unwrap_or_default();
    for pid in pids.split_whitespace().filter_map(|p| p.parse().ok()) {
        let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
    }
    let _ = ip(&["netns", "del", name]);
}

/// Deletes the topologies of those processes for which `whose` says so.
fn sweep(whose: impl Fn(u32) -> bool) -> Result<()> {
    let theirs = |name: &str| {
        let digits = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next());
        digits.and_then(|d| d.parse().ok()).is_some_and(&whose)
    };
    for line in ip(&["netns", "list"])?.lines() {
        let name = line.split_whitespace().next().unwrap_or_default();
        if theirs(name) {
            delete(name);
        }
    }
    for entry in fs::read_dir(std::env::temp_dir())?.flatten() {
        if theirs(&entry.file_name().to_string_lossy()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    Ok(())
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
                let _ = sweep(|pid| pid == std::process::id());
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
    use std::net::{SocketAddr, TcpListener, TcpStream};

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
