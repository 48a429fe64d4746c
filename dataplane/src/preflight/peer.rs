//! The other end of a veth port. Two things there decide whether anything arrives:
//!
//! - It must compute checksums (and write VLAN tags) itself: a veth leaves both as metadata, which XDP does not see.
//! - It must run NAPI, which it does with GRO on or an XDP program of its own: else the kernel drops what XDP redirects
//!   into the port, and with it all that is not inspected.

use std::path::Path;

use super::ethtool::{Device, Setting, within};
use super::{Findings, Request, Undo};
use crate::xdp::{Mode, Ports, offloads};

const WANTED: [(Setting, bool); 3] =
    [(Setting::TxChecksum, false), (Setting::TxVlan, false), (Setting::Gro, true)];

impl Findings {
    /// Prepares the other end if it is in a namespace where we may, checks it if it is in ours, else gives advice.
    pub(super) fn veth(&mut self, request: &Request, port: &Device, undo: &mut Undo) {
        let name = port.name();
        let namespaces = request.peer_netns.iter().map(|path| Some(path.as_path()));
        match namespaces.chain([None]).find_map(|netns| Some((find(port, netns)?, netns))) {
            Some((end, netns @ Some(path))) => {
                for (setting, on) in WANTED {
                    if !undo.apply(&end, netns, setting, on).unwrap_or(false) {
                        self.problems.push(format!(
                            "{} of {}, the other end of {name} in {}, can't be turned {}",
                            setting.name(), end.name(), path.display(), state(on)
                        ));
                    }
                }
            }
            Some((end, None)) => {
                let wrong: Vec<String> = WANTED
                    .into_iter()
                    .filter(|(setting, on)| end.get(*setting).is_ok_and(|found| found != *on))
                    .map(|(setting, on)| format!("{} {}", setting.name(), state(on)))
                    .collect();
                if !wrong.is_empty() {
                    self.warnings.push(format!(
                        "{}, the other end of {name}, leaves checksums or VLAN tags to hardware that isn't there, or \
                         drops what is redirected to it. Run: ethtool -K {} {}",
                        end.name(), end.name(), wrong.join(" ")
                    ));
                }
            }
            None => self.warnings.push(format!(
                "{name} is a veth, and its other end (number {} in another network namespace) can't be examined. It must \
                 not leave checksums or VLAN tags to hardware; there, run: ethtool -K DEV tx off txvlan off gro on; or let \
                 Weir do it: --peer-netns /run/netns/NAME",
                port.veth_peer().unwrap_or(0)
            )),
        }
        let redirect = port.index().ok().and_then(offloads).is_none_or(|f| f.redirect_target);
        // Nothing is ever redirected to a mirrored port.
        let inline = matches!(request.ports, Ports::Inline { .. });
        if inline && !redirect && request.mode != Mode::Skb {
            self.problems.push(format!(
                "the kernel would drop everything that the XDP program redirects to {name} (ARP, DNS, all that is not \
                 inspected): the other end of this veth runs no NAPI, or has more transmit queues than {name} has receive \
                 queues. In the other end's namespace run: ethtool -K DEV gro on; or name that namespace: --peer-netns \
                 /run/netns/NAME"
            ));
        }
    }
}

fn state(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}

/// The other end of `port`, if it is in that namespace. The two ends name each other's number.
fn find(port: &Device, netns: Option<&Path>) -> Option<Device> {
    let (own, theirs) = (port.index().ok()?, port.veth_peer().ok()?);
    if netns.is_none() && theirs == own {
        // Numbers are per namespace: here that number is the port itself.
        return None;
    }
    let look_up = || nix::net::if_::if_indextoname(theirs);
    let name = match netns {
        Some(netns) => within(netns, look_up).ok()?.ok()?,
        None => look_up().ok()?,
    };
    let end = Device::open(name.to_str().ok()?, netns).ok()?;
    (end.is_veth() && end.veth_peer().ok() == Some(own)).then_some(end)
}
