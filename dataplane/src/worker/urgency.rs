//! How the scheduler is to treat a worker on a core that it does not have for itself.
//!
//! Two dangers. A worker at the usual priority waits its turn behind whatever else runs there, which can take longer than the
//! 100 ms after which the XDP program takes it for dead; load must not be able to do that. Hence a large weight: a nice value
//! far below zero.
//!
//! And a worker that preempts at once is woken for every single packet, which costs more than the packet: under full load
//! 1.7 times the processor time a request of 1 KB, measured beside servers on the same core. As SCHED_BATCH it preempts nobody,
//! but is the first to run when the time slice of another ends, and by then a batch of packets is there. Under little load
//! there is no batch to wait for, only a slice of somebody's (3 ms), and processor time is there to be had.
//!
//! ```text
//!          ≥ BUSY packets a second
//!   Other ─────────────────────────▶ Batch
//!         ◀─────────────────────────
//!          < BUSY / 2
//! ```

use std::io;
use std::time::Duration;

use weir_reassembly::time::Time;

/// The nice value: a weight of nine usual tasks. More would not make it run sooner, but starve those whose packets it forwards.
const NICE: i32 = -10;

/// Packets a second from which they are worth collecting. Each that wakes the worker costs 2 to 3 µs, so this bounds the
/// price to a tenth of a core; a core that is full forwards four times as many of the largest requests.
const BUSY: u128 = 40_000;

/// How long packets are counted before anything is changed.
const WINDOW: Duration = Duration::from_millis(50);

/// Gives the calling thread its weight.
pub(super) fn raise() -> io::Result<()> {
    // None: this thread.
    Ok(rustix::process::setpriority_process(None, NICE)?)
}

/// The scheduling class of a worker.
#[derive(Default)]
pub(super) struct Urgency {
    batch: bool,
    received: u64,
    since: Time,
}

impl Urgency {
    /// Called by the worker's thread every now and then, with the packets that it has received in all.
    pub(super) fn adapt(&mut self, received: u64, now: Time) -> io::Result<()> {
        let elapsed = now.since(self.since);
        if elapsed < WINDOW {
            return Ok(());
        }
        let packets = u128::from(received.saturating_sub(self.received));
        (self.received, self.since) = (received, now);
        let batch = wants_batch(self.batch, packets * 1_000_000_000 / elapsed.as_nanos());
        if batch != self.batch {
            self.batch = batch;
            schedule(if batch { libc::SCHED_BATCH } else { libc::SCHED_OTHER })?;
        }
        Ok(())
    }
}

/// A transition of the state machine above.
fn wants_batch(batch: bool, per_second: u128) -> bool {
    per_second >= if batch { BUSY / 2 } else { BUSY }
}

fn schedule(class: libc::c_int) -> io::Result<()> {
    let usual = libc::sched_param { sched_priority: 0 };
    // SAFETY: the parameter outlives the call; 0 is this thread.
    match unsafe { libc::sched_setscheduler(0, class, &raw const usual) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_between_the_two_limits_changes_nothing() {
        assert!(wants_batch(false, BUSY) && wants_batch(true, BUSY / 2));
        assert!(!wants_batch(false, BUSY - 1) && !wants_batch(true, BUSY / 2 - 1));
    }
}
