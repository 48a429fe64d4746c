//! Packets that arrived at the wrong worker, on their way to the flow's owner.
//!
//! Between each two workers lies a bounded ring per direction. The sender cannot give its frame away (the owner can't
//! send from another's UMEM), so the bytes are copied into a slot, and copied again into a frame of the owner's. Slots
//! are allocated once and travel back empty: sender ── full ──► owner, sender ◄── empty ── owner.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering, fence};

use crossbeam::queue::ArrayQueue;
use nix::sys::eventfd::{EfdFlags, EventFd};

use crate::engine::Side;
use crate::port::FRAME_BYTES;

/// Slots of a ring: four batches. Beyond it the packet is dropped and counted as `handover_full`.
pub const SLOTS: usize = 256;

/// A packet in transit.
struct Slot {
    from: Side,
    len: usize,
    bytes: Box<[u8]>,
}

/// One direction between two workers.
struct Ring {
    full: ArrayQueue<Slot>,
    empty: ArrayQueue<Slot>,
}

impl Ring {
    fn new() -> Ring {
        let ring = Ring { full: ArrayQueue::new(SLOTS), empty: ArrayQueue::new(SLOTS) };
        for _ in 0..SLOTS {
            let bytes = vec![0; FRAME_BYTES as usize].into_boxed_slice();
            // There is room: the queue has as many places as there are slots.
            let _ = ring.empty.push(Slot { from: Side::A, len: 0, bytes });
        }
        ring
    }

    fn push(&self, from: Side, packet: &[u8]) -> bool {
        let Some(mut slot) = self.empty.pop() else { return false };
        let fits = match slot.bytes.get_mut(..packet.len()) {
            Some(place) => {
                place.copy_from_slice(packet);
                true
            }
            None => false,
        };
        (slot.from, slot.len) = (from, packet.len());
        // Room in either queue: as many places as slots.
        let _ = if fits { self.full.push(slot) } else { self.empty.push(slot) };
        fits
    }
}

/// Wakes a worker that sleeps in poll.
///
/// The flag saves the system call while the worker is awake. It is set before the worker looks at its rings a last
/// time, and read after the packet is in the ring: with a full fence on both sides one of the two sees the other.
pub struct Waker {
    sleeping: AtomicBool,
    event: EventFd,
}

impl Waker {
    fn new() -> io::Result<Waker> {
        let event = EventFd::from_flags(EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC)?;
        Ok(Waker { sleeping: AtomicBool::new(false), event })
    }

    /// Wakes the worker if it sleeps.
    pub fn wake(&self) {
        fence(Ordering::SeqCst);
        if self.sleeping.load(Ordering::Relaxed) && self.sleeping.swap(false, Ordering::Relaxed) {
            // Fails only when the counter is at its maximum, and then the worker wakes anyway.
            let _ = self.event.write(1);
        }
    }

    /// Announces that the worker is about to sleep; it must look at its rings once more afterwards.
    fn going_to_sleep(&self) {
        self.sleeping.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    fn awake(&self) {
        if !self.sleeping.swap(false, Ordering::Relaxed) {
            let _ = self.event.read();
        }
    }
}

/// The rings between all workers.
pub struct Mesh {
    workers: usize,
    /// `from * workers + to`; none where the two are the same.
    rings: Vec<Option<Ring>>,
    wakers: Vec<Waker>,
}

impl Mesh {
    /// Rings between `workers` workers.
    pub fn new(workers: usize) -> io::Result<Arc<Mesh>> {
        let rings =
            (0..workers * workers).map(|i| (i / workers != i % workers).then(Ring::new)).collect();
        let wakers = (0..workers).map(|_| Waker::new()).collect::<io::Result<_>>()?;
        Ok(Arc::new(Mesh { workers, rings, wakers }))
    }

    /// Worker `index`'s end of the mesh.
    pub fn end(self: &Arc<Mesh>, index: usize) -> MeshEnd {
        MeshEnd { mesh: Arc::clone(self), index, to_wake: vec![false; self.workers] }
    }

    fn ring(&self, from: usize, to: usize) -> Option<&Ring> {
        self.rings.get(from * self.workers + to)?.as_ref()
    }
}

/// One worker's access to the rings.
pub struct MeshEnd {
    mesh: Arc<Mesh>,
    index: usize,
    to_wake: Vec<bool>,
}

impl MeshEnd {
    /// The worker that owns the packet's flow, if that is another one.
    #[inline]
    pub fn other_owner(&self, packet: &[u8]) -> Option<usize> {
        if self.mesh.workers == 1 {
            return None;
        }
        let owner = super::owner::owner(packet, self.mesh.workers);
        (owner != self.index).then_some(owner)
    }

    /// Copies the packet to `owner`'s ring; false if the ring is full.
    pub fn hand_over(&mut self, owner: usize, from: Side, packet: &[u8]) -> bool {
        let pushed = self.mesh.ring(self.index, owner).is_some_and(|ring| ring.push(from, packet));
        if pushed && let Some(flag) = self.to_wake.get_mut(owner) {
            *flag = true;
        }
        pushed
    }

    /// Wakes the owners of what has been handed over since the last call: once a loop, not once a packet.
    pub fn notify(&mut self) {
        for (waker, flag) in self.mesh.wakers.iter().zip(&mut self.to_wake) {
            if std::mem::take(flag) {
                waker.wake();
            }
        }
    }

    /// Gives up to `limit` packets from each other worker to `take`; returns how many.
    pub fn collect(&mut self, limit: usize, mut take: impl FnMut(Side, &[u8])) -> usize {
        let mut taken = 0;
        for from in (0..self.mesh.workers).filter(|&from| from != self.index) {
            let Some(ring) = self.mesh.ring(from, self.index) else { continue };
            for _ in 0..limit {
                let Some(slot) = ring.full.pop() else { break };
                take(slot.from, slot.bytes.get(..slot.len).unwrap_or_default());
                let _ = ring.empty.push(slot);
                taken += 1;
            }
        }
        taken
    }

    fn waker(&self) -> Option<&Waker> {
        self.mesh.wakers.get(self.index).filter(|_| self.mesh.workers > 1)
    }

    /// What the worker's poll set must contain to be woken; none with one worker.
    pub fn event(&self) -> Option<BorrowedFd<'_>> {
        self.waker().map(|waker| waker.event.as_fd())
    }

    /// To be called before the worker sleeps; false if it must not, because packets wait.
    pub fn may_sleep(&self) -> bool {
        let Some(waker) = self.waker() else { return true };
        waker.going_to_sleep();
        let waits =
            |from| self.mesh.ring(from, self.index).is_some_and(|ring| !ring.full.is_empty());
        !(0..self.mesh.workers).any(waits)
    }

    /// To be called after [`MeshEnd::may_sleep`], slept or not.
    pub fn awake(&self) {
        if let Some(waker) = self.waker() {
            waker.awake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_reach_the_owner_in_order_and_a_full_ring_refuses() {
        let mesh = Mesh::new(2).unwrap();
        let (mut zero, mut one) = (mesh.end(0), mesh.end(1));
        for i in 0..SLOTS {
            assert!(zero.hand_over(1, Side::B, &[i as u8; 60]));
        }
        assert!(!zero.hand_over(1, Side::B, &[0; 60]), "the ring is full");

        let mut seen = Vec::new();
        assert_eq!(one.collect(10, |side, bytes| seen.push((side, bytes.to_vec()))), 10);
        one.collect(usize::MAX, |side, bytes| seen.push((side, bytes.to_vec())));
        let expected: Vec<_> = (0..SLOTS).map(|i| (Side::B, vec![i as u8; 60])).collect();
        assert_eq!(seen, expected);
        assert!(zero.hand_over(1, Side::A, &[1; 1500]), "its slots came back");
        assert_eq!(zero.collect(10, |_, _| panic!("nothing was sent to worker 0")), 0);
    }

    #[test]
    fn a_packet_beyond_the_slot_is_refused_and_loses_no_slot() {
        let mesh = Mesh::new(2).unwrap();
        let mut zero = mesh.end(0);
        for _ in 0..2 * SLOTS {
            assert!(!zero.hand_over(1, Side::A, &[0; FRAME_BYTES as usize + 1]));
        }
        assert!(zero.hand_over(1, Side::A, &[0; 60]));
    }

    #[test]
    fn a_sleeper_is_woken_and_an_awake_worker_costs_no_call() {
        let mesh = Mesh::new(2).unwrap();
        let (mut zero, one) = (mesh.end(0), mesh.end(1));
        zero.hand_over(1, Side::A, &[0; 60]);
        zero.notify();
        assert!(mesh.wakers[1].event.read().is_err(), "worker 1 is awake: no event");
        assert!(!one.may_sleep(), "a packet waits");
        zero.hand_over(1, Side::A, &[0; 60]);
        zero.notify();
        assert_eq!(mesh.wakers[1].event.read().unwrap(), 1);
    }

    #[test]
    fn threads_never_miss_a_wake_up() {
        const PACKETS: usize = 20_000;
        let mesh = Mesh::new(2).unwrap();
        let mut sender = mesh.end(0);
        let mut owner = mesh.end(1);
        std::thread::scope(|scope| {
            scope.spawn(move || {
                for i in 0..PACKETS {
                    while !sender.hand_over(1, Side::A, &i.to_ne_bytes()) {
                        std::thread::yield_now();
                    }
                    sender.notify();
                }
            });
            let mut next = 0;
            while next < PACKETS {
                if owner.collect(16, |_, bytes| {
                    assert_eq!(bytes, next.to_ne_bytes());
                    next += 1;
                }) == 0
                {
                    if owner.may_sleep() {
                        use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
                        let mut set = [PollFd::new(owner.event().unwrap(), PollFlags::POLLIN)];
                        let woken = poll(&mut set, PollTimeout::from(5_000_u16)).unwrap();
                        assert_eq!(woken, 1, "a wake-up was missed at packet {next}");
                    }
                    owner.awake();
                }
            }
        });
    }
}
