//! Network namespaces, and programs in them.
//!
//! Only the *network* namespace is entered (`nsenter --net`). `ip netns exec` would also make a mount namespace for each
//! command, and a bpffs mounted there vanishes with all its pins.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::thread;
use std::time::Duration;

use nix::sched::{CloneFlags, setns};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::process::{self, Process};
use crate::{Error, Result};

/// How long a configuring command may take.
const QUICK: Duration = Duration::from_secs(10);

/// A network namespace and the programs in it.
#[derive(Clone, Debug)]
pub struct Namespace {
    /// Its name under `/run/netns`.
    pub name: String,
    path: String,
    dir: PathBuf,
}

impl Namespace {
    /// A namespace of this name, which is still to be created; its programs log to `dir`.
    pub(crate) fn named(name: String, dir: &Path) -> Namespace {
        Namespace { path: format!("--net=/run/netns/{name}"), name, dir: dir.to_owned() }
    }

    /// Makes it.
    pub(crate) fn create(&self) -> Result<()> {
        ip(&["netns", "add", &self.name])?;
        self.run_ok(&["ip", "link", "set", "lo", "up"]).map(drop)
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
    /// `join`: whether received segments may be joined.
    ///
    /// GRO is on in any case, since with it comes NAPI, without which the kernel drops what XDP redirects to the other
    /// end; at a size of one byte it joins nothing. A veth tells its peer so only when GRO is switched on while it is up
    /// (`veth_set_features` in drivers/net/veth.c).
    pub(crate) fn device_up(&self, device: &str, mtu: u32, join: bool) -> Result<()> {
        self.run_ok(&["ip", "link", "set", device, "mtu", &mtu.to_string(), "up"])?;
        if !join {
            self.run_ok(&["ip", "link", "set", "dev", device, "gro_max_size", "1"])?;
        }
        let mut argv = vec!["ethtool", "-K", device, "gro", "on"];
        for offload in ["tx", "rx", "sg", "tso", "gso"] {
            argv.extend([offload, "off"]);
        }
        self.run_ok(&argv).map(drop)
    }
}

/// Runs `ip` outside any namespace.
pub(crate) fn ip(arguments: &[&str]) -> Result<String> {
    let mut argv = vec!["ip"];
    argv.extend(arguments);
    process::run_ok(&[], &argv, QUICK)
}

/// Kills every process in the namespace, then deletes it and with it its devices.
pub(crate) fn delete(name: &str) {
    if !Path::new("/run/netns").join(name).exists() {
        return;
    }
    let pids = ip(&["netns", "pids", name]).unwrap_or_default();
    for pid in pids.split_whitespace().filter_map(|p| p.parse().ok()) {
        let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
    }
    let _ = ip(&["netns", "del", name]);
}
