//! The workers' sign of life: a page of memory shared with the XDP program, written without a system call.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::abi::MAX_QUEUES;

/// A worker silent for longer is taken for dead, and its queues fall back. The only place this is written:
/// the XDP program reads it from its `config` map.
pub const HEARTBEAT_LIMIT: Duration = Duration::from_millis(100);

/// A worker without work wakes up at least this often to beat.
pub const HEARTBEAT_IDLE: Duration = Duration::from_millis(20);

/// One worker's beat. The worker calls [`Heartbeat::beat`] in every loop.
#[derive(Clone, Debug)]
pub struct Heartbeat {
    map: Arc<Mapping>,
    worker: usize,
}

impl Heartbeat {
    /// Says that the worker lives. `now_ns` is CLOCK_MONOTONIC, the clock that the XDP program compares it with.
    pub fn beat(&self, now_ns: u64) {
        if let Some(slot) = self.map.slots().get(self.worker) {
            slot.ns.store(now_ns, Ordering::Relaxed);
        }
    }

    /// Says that the worker is gone: its queues fall back at once.
    pub fn stop(&self) {
        self.beat(0);
    }
}

/// `struct heartbeat` of `bpf/maps.h`.
#[repr(C, align(64))]
struct Slot {
    ns: AtomicU64,
}

/// The `heartbeat` map in our memory.
#[derive(Debug)]
pub(super) struct Mapping {
    slots: NonNull<Slot>,
}

impl Mapping {
    const BYTES: usize = MAX_QUEUES as usize * size_of::<Slot>();

    /// Maps the array whose descriptor this is.
    pub(super) fn new(map: BorrowedFd<'_>) -> io::Result<Arc<Mapping>> {
        // SAFETY: a new mapping at an address the kernel chooses touches no memory of ours.
        let at = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                Mapping::BYTES,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                map.as_raw_fd(),
                0,
            )
        };
        if at == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        NonNull::new(at.cast())
            .map(|slots| Arc::new(Mapping { slots }))
            .ok_or_else(|| io::Error::other("the heartbeat map was mapped at address zero"))
    }

    /// The beat of worker `worker`, which owns that queue of both ports.
    pub(super) fn worker(self: &Arc<Self>, worker: u32) -> Option<Heartbeat> {
        (worker < MAX_QUEUES).then(|| Heartbeat { map: Arc::clone(self), worker: worker as usize })
    }

    fn slots(&self) -> &[Slot] {
        // SAFETY: the mapping is BYTES long, page-aligned, initialised by the kernel and lives until `self` drops;
        // the kernel and other threads write it too, which the atomic inside `Slot` allows.
        unsafe { std::slice::from_raw_parts(self.slots.as_ptr(), MAX_QUEUES as usize) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: this is the mapping made in `new`, and no slice of it outlives `self`.
        unsafe { libc::munmap(self.slots.as_ptr().cast(), Mapping::BYTES) };
    }
}

// SAFETY: the memory is shared with the kernel anyway and is only reached through atomics.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}
