//! Looks at the machine before anything is attached, and prepares the ports. Each thing that would make Weir fail, or
//! worse, make it look as if it worked, is told in a sentence that says what to do.

pub mod ethtool;
mod peer;
mod undo;

use std::fmt;
use std::path::PathBuf;

use crate::xdp::{Mode, Ports, offloads};
use ethtool::{Device, Setting};

pub use undo::{Undo, undo_file};

/// What single-buffer XDP can receive on a 4 KiB page: the kernel caps a veth at 3,506 bytes, less two VLAN tags.
pub const MAX_MTU: u32 = 3498;

/// What is to be checked and prepared.
#[derive(Clone, Debug)]
pub struct Request {
    /// The interfaces.
    pub ports: Ports,
    /// How the XDP program will be attached.
    pub mode: Mode,
    /// Worker threads.
    pub workers: u32,
    /// Network namespaces in which the other ends of veth ports may be changed (`/run/netns/NAME`).
    pub peer_netns: Vec<PathBuf>,
    /// Where changes are written down (see [`undo_file`]).
    pub undo_file: PathBuf,
}

/// Why Weir would not work here; one sentence each.
#[derive(Debug, PartialEq, Eq)]
pub struct Problems(pub Vec<String>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for Problems {}

/// What [`run`] has prepared.
#[derive(Debug)]
pub struct Ready {
    /// Undoes the changes unless kept.
    pub undo: Undo,
    /// What works, but not as well as it could; one sentence each.
    pub warnings: Vec<String>,
}

/// Checks everything, changes what must be changed, and tells all problems at once. If there are any, nothing stays
/// changed.
pub fn run(request: &Request) -> Result<Ready, Problems> {
    let mut found = Findings::default();
    found.privileges(&std::fs::read_to_string("/proc/self/status").unwrap_or_default());
    let mut undo = match Undo::load(&request.undo_file) {
        Ok(undo) => undo,
        Err(error) => {
            let file = request.undo_file.display();
            found.problems.push(format!(
                "{file}, which says what an earlier run has changed, can't be read ({error}). Remove it"
            ));
            return Err(Problems(found.problems));
        }
    };
    // Without privileges every later answer would only repeat that.
    if found.problems.is_empty() {
        for (_, name) in request.ports.iter() {
            match Device::open(name, None) {
                Ok(port) => found.port(request, &port, &mut undo),
                Err(error) => found.problems.push(format!("{name} can't be examined: {error}")),
            }
        }
    }
    match found.problems.is_empty() {
        true => Ok(Ready { undo, warnings: found.warnings }),
        false => Err(Problems(found.problems)),
    }
}

#[derive(Debug, Default)]
struct Findings {
    problems: Vec<String>,
    warnings: Vec<String>,
}

impl Findings {
    /// `status` is /proc/self/status.
    fn privileges(&mut self, status: &str) {
        const NET_ADMIN: u64 = 1 << 12;
        const NET_RAW: u64 = 1 << 13;
        const SYS_ADMIN: u64 = 1 << 21;
        const BPF: u64 = 1 << 39;
        let effective = status
            .lines()
            .find_map(|line| line.strip_prefix("CapEff:"))
            .and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok())
            .unwrap_or(0);
        let lacking: Vec<&str> = [
            (NET_ADMIN, "CAP_NET_ADMIN (attach XDP, set up the ports)"),
            (NET_RAW, "CAP_NET_RAW (open AF_XDP sockets)"),
            (BPF | SYS_ADMIN, "CAP_BPF or CAP_SYS_ADMIN (load the XDP program)"),
        ]
        .into_iter()
        .filter_map(|(any_of, name)| (effective & any_of == 0).then_some(name))
        .collect();
        if !lacking.is_empty() {
            let lacking = lacking.join(", ");
            self.problems.push(format!(
                "this process lacks {lacking}. Run it as root, or use the systemd unit in configs/, which grants them"
            ));
        }
    }

    fn port(&mut self, request: &Request, port: &Device, undo: &mut Undo) {
        let name = port.name();
        let (up, mtu) = match port.get(Setting::Up).and_then(|up| Ok((up, port.mtu()?))) {
            Ok(answers) => answers,
            Err(error) => {
                self.problems.push(format!(
                    "there is no interface {name} in this network namespace ({error}). `ip link` lists those there are; \
                     set `ports` accordingly"
                ));
                return;
            }
        };
        // One that a process which was killed held down (`linkstate.rs`).
        let mut held = || {
            undo.has_changed(name, None, Setting::Up)
                && undo.apply(port, None, Setting::Up, true).unwrap_or(false)
        };
        if !up && !held() {
            self.problems.push(format!("{name} is down. Run: ip link set {name} up"));
        }
        if mtu > MAX_MTU {
            self.problems.push(format!(
                "the MTU of {name} is {mtu}, but XDP without multi-buffer receives at most {MAX_MTU}. Run: ip link set \
                 {name} mtu 1500 (and on the hosts that send to it)"
            ));
        }
        self.queues(request.workers, port);
        self.settings(port, undo);
        if port.is_veth() {
            self.veth(request, port, undo);
        }
        if request.mode != Mode::Skb {
            self.xdp_offloads(port);
        }
    }

    /// Worker i serves queue i of each port, so a queue without a worker would only ever take the fallback.
    fn queues(&mut self, workers: u32, port: &Device) {
        let name = port.name();
        let queues = port.receive_queues();
        if queues != workers {
            let what = if port.is_veth() { "rx" } else { "combined" };
            let consequence = if queues > workers {
                "packets of the others would not be inspected"
            } else {
                "the others would have nothing to do"
            };
            self.problems.push(format!(
                "{name} has {queues} receive queue(s), and there are {workers} worker(s), one a queue: {consequence}. \
                 Set `workers: {queues}`, or run: ethtool -L {name} {what} {workers}"
            ));
        }
        if workers > 1 && port.rss_is_symmetric() != Some(true) {
            self.warnings.push(format!(
                "{name} does not send both directions of a flow to the same queue (no symmetric receive hash): packets \
                 are handed from worker to worker, which costs some speed. Where the driver can, run: ethtool -X {name} \
                 xfrm symmetric-xor"
            ));
        }
    }

    fn settings(&mut self, port: &Device, undo: &mut Undo) {
        for (setting, on, consequence) in [
            (Setting::Promiscuous, true, "it would receive only frames for its own MAC address"),
            (Setting::RxVlan, false, "VLAN tags would vanish before Weir sees them"),
            (Setting::TxVlan, false, "VLAN tags could be added twice"),
            (Setting::Lro, false, "it would join segments beyond what XDP can receive"),
        ] {
            if !undo.apply(port, None, setting, on).unwrap_or(false) {
                let (name, setting) = (port.name(), setting.name());
                let state = if on { "on" } else { "off" };
                self.problems
                    .push(format!("{setting} of {name} can't be turned {state}: {consequence}"));
            }
        }
    }

    /// What the driver says of itself (Linux 6.3 and later).
    fn xdp_offloads(&mut self, port: &Device) {
        let name = port.name();
        let Some(features) = port.index().ok().and_then(offloads) else { return };
        if !features.native {
            self.warnings.push(format!(
                "the driver of {name} has no native XDP: the generic one is used, which is slower"
            ));
        } else if !features.redirect_target && !port.is_veth() {
            // Several drivers can only once a program is attached, so this is no proof.
            self.warnings.push(format!(
                "the driver of {name} does not say that frames can be redirected to it in the kernel. If what is not \
                 inspected does not pass, set `mode: skb`"
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lacking_privileges_are_named() {
        let problems = |mask: &str| {
            let mut found = Findings::default();
            found.privileges(&format!("Name:\tx\nCapEff:\t{mask}\nCapBnd:\t000001ffffffffff\n"));
            found.problems.join("\n")
        };
        assert_eq!(problems("000001ffffffffff"), "");
        assert_eq!(problems("0000008000003000"), "", "NET_ADMIN, NET_RAW, BPF");
        assert_eq!(problems("0000000000203000"), "", "NET_ADMIN, NET_RAW, SYS_ADMIN");
        assert!(problems("0000008000001000").contains("CAP_NET_RAW"));
        let none = problems("0000000000000000");
        assert!(none.contains("CAP_NET_ADMIN") && none.contains("CAP_BPF"), "{none}");
    }
}
