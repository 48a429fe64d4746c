//! The one clock of the data plane.

use nix::time::{ClockId, clock_gettime};
use weir_reassembly::time::Time;

/// CLOCK_MONOTONIC, which is also what the XDP program reads (`bpf_ktime_get_ns`). No system call (vDSO).
pub fn now() -> Time {
    // The clock always exists on Linux.
    clock_gettime(ClockId::CLOCK_MONOTONIC)
        .map_or(Time(0), |t| Time(t.tv_sec() as u64 * 1_000_000_000 + t.tv_nsec() as u64))
}
