//! What a worker tells the rest of the process: numbers that it publishes now and then, without a lock.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

use crate::engine::Counters;
use crate::port::{FrameCount, Losses};
use crate::reason::Reason;

/// The published numbers of one worker. Written by the worker every few milliseconds, read by anyone; each number is
/// right by itself, while two of them may be of different moments.
#[derive(Debug, Default)]
pub struct Report {
    received: AtomicU64,
    reasons: [AtomicU64; Reason::ALL.len()],
    held: AtomicU64,
    free: AtomicU64,
    missing: AtomicI64,
    handed_over: AtomicU64,
    tx_full: AtomicU64,
    rx_ring_full: AtomicU64,
    rx_dropped: AtomicU64,
}

/// A copy of a [`Report`] as plain numbers.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Packets received and where they ended.
    pub counters: Counters,
    /// Packets that the engine holds.
    pub held: u64,
    /// Free frames.
    pub free: u64,
    /// Frames lost, [`FrameCount::missing`]: zero, or there is a bug.
    pub missing: i64,
    /// Packets copied to another worker, which counts them as received.
    pub handed_over: u64,
    /// Packets lost at the ports.
    pub losses: Losses,
}

impl Report {
    /// Publishes the packet counters and the frames' places.
    pub(super) fn publish(
        &self,
        engine: &Counters,
        own: &Counters,
        frames: &FrameCount,
        handed_over: u64,
    ) {
        self.received.store(engine.received + own.received, Relaxed);
        for ((cell, engine), own) in self.reasons.iter().zip(&engine.reasons).zip(&own.reasons) {
            cell.store(engine + own, Relaxed);
        }
        self.held.store(frames.held as u64, Relaxed);
        self.free.store(frames.free as u64, Relaxed);
        self.missing.store(frames.missing() as i64, Relaxed);
        self.handed_over.store(handed_over, Relaxed);
    }

    /// Publishes the losses, which cost a system call to read.
    pub(super) fn publish_losses(&self, losses: &Losses) {
        self.tx_full.store(losses.tx_full, Relaxed);
        self.rx_ring_full.store(losses.rx_ring_full, Relaxed);
        self.rx_dropped.store(losses.rx_dropped, Relaxed);
    }

    /// The numbers as last published.
    pub fn snapshot(&self) -> Snapshot {
        let mut counters =
            Counters { received: self.received.load(Relaxed), ..Counters::default() };
        for (to, from) in counters.reasons.iter_mut().zip(&self.reasons) {
            *to = from.load(Relaxed);
        }
        Snapshot {
            counters,
            held: self.held.load(Relaxed),
            free: self.free.load(Relaxed),
            missing: self.missing.load(Relaxed),
            handed_over: self.handed_over.load(Relaxed),
            losses: Losses {
                tx_full: self.tx_full.load(Relaxed),
                rx_ring_full: self.rx_ring_full.load(Relaxed),
                rx_dropped: self.rx_dropped.load(Relaxed),
            },
        }
    }
}
