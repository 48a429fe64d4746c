//! What a worker does between two turns: go on at once, or sleep in poll, in which the kernel also sends.

use std::io;
use std::time::Duration;

use weir_reassembly::time::Time;

use super::handover::MeshEnd;
use crate::port::Ports;
use crate::settings::BusyPoll;
use crate::xdp::HEARTBEAT_IDLE;

/// How often sending is tried again while the kernel refuses (a full queue behind the port).
const RETRY: Duration = Duration::from_millis(1);

/// In adaptive mode: how long after the last packet the worker still spins. About the price of a sleep and a wake-up,
/// the classic bound of a spin (Karlin et al. 1991): it never costs more than twice the best choice.
const SPIN: Duration = Duration::from_micros(5);

/// Decides between turns.
pub(super) struct Rest {
    busy_poll: BusyPoll,
    last_work: Time,
}

impl Rest {
    pub(super) fn new(busy_poll: BusyPoll) -> Rest {
        Rest { busy_poll, last_work: Time(0) }
    }

    /// Called after each turn. `worked` says whether the turn did anything, `more` whether packets certainly wait,
    /// `deadline` when the engine has something to do.
    pub(super) fn between_turns(
        &mut self,
        ports: &mut Ports<'_>,
        mesh: &MeshEnd,
        now: Time,
        worked: bool,
        more: bool,
        deadline: Option<Time>,
    ) -> io::Result<()> {
        if worked {
            self.last_work = now;
        }
        let spin = match self.busy_poll {
            BusyPoll::On => true,
            BusyPoll::Off => false,
            BusyPoll::Adaptive => !worked && now.since(self.last_work) < SPIN,
        };
        if more || spin {
            return ports.kick();
        }
        let limit = if ports.unsent_beyond_one_wake_up() {
            Duration::ZERO
        } else if !worked && ports.unsent() {
            RETRY
        } else {
            deadline.map_or(HEARTBEAT_IDLE, |at| at.since(now).min(HEARTBEAT_IDLE))
        };
        let limit = if mesh.may_sleep() { limit } else { Duration::ZERO };
        let slept = sleep(ports, mesh, limit);
        mesh.awake();
        slept
    }
}

/// Sleeps until a packet arrives, another worker wakes this one, or `limit` has passed.
///
/// Polling an AF_XDP socket also makes the kernel send what is in its transmit ring (`xsk_poll`), on all sockets of
/// the set: one system call in place of three.
fn sleep(ports: &Ports<'_>, mesh: &MeshEnd, limit: Duration) -> io::Result<()> {
    use std::os::fd::AsRawFd;
    // POLLIN only: POLLOUT would be true nearly always.
    let entry = |fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
    let (a, b) = ports.fds();
    // poll ignores negative descriptors.
    let event = mesh.event().map_or(-1, |fd| fd.as_raw_fd());
    let mut set = [entry(a), entry(b.unwrap_or(-1)), entry(event)];
    let limit = libc::timespec { tv_sec: 0, tv_nsec: i64::from(limit.subsec_nanos()) };
    // SAFETY: `set` and `limit` outlive the call; a null mask leaves signals as they are.
    let ready = unsafe {
        libc::ppoll(set.as_mut_ptr(), set.len() as libc::nfds_t, &raw const limit, std::ptr::null())
    };
    if ready >= 0 {
        return Ok(());
    }
    match io::Error::last_os_error() {
        e if e.kind() == io::ErrorKind::Interrupted => Ok(()),
        e => Err(e),
    }
}
