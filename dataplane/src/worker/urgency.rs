//! How the scheduler is to treat a worker on a core that it does not have for itself.
//!
//! Two dangers. A worker at the usual priority waits its turn behind whatever else runs there, which can take longer than the
//! 100 ms after which the XDP program takes it for dead; load must not be able to do that. And a worker that preempts
//! at once is woken for every single packet, which costs more than the packet: 1.7 times the processor time a request
//! of 1 KB, measured beside servers on the same core.
//!
//! Hence a large weight (a nice value far below zero) and SCHED_BATCH: a batch task that wakes up preempts nobody, but
//! is the first to run when the time slice of another ends (a few milliseconds at most), however many wait. By then a
//! batch of packets is there.

use std::io;

/// The nice value: a weight of nine usual tasks. More would not make it run sooner, but starve those whose packets it forwards.
const NICE: i32 = -10;

/// Sets the priority of the calling thread.
pub(super) fn set() -> io::Result<()> {
    // None: this thread.
    rustix::process::setpriority_process(None, NICE)?;
    let usual = libc::sched_param { sched_priority: 0 };
    // SAFETY: the parameter outlives the call; 0 is this thread.
    match unsafe { libc::sched_setscheduler(0, libc::SCHED_BATCH, &raw const usual) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
