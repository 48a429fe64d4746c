//! The UMEM of one worker and the list of its free frames.

use std::num::NonZeroU32;

use xsk_rs::config::{FrameSize, QueueSize, UmemConfig};
use xsk_rs::{FillQueue, FrameDesc, Umem};

use super::{Frame, PortError};

/// Bytes of a frame. The kernel keeps the first 256 (`XDP_PACKET_HEADROOM`), which leaves 3,840: more than the 3,506
/// that XDP's single-buffer mode allows on veth, and enough for an MTU of 1,500 with two VLAN tags.
pub const FRAME_BYTES: u32 = 4096;

/// Slots of each of the fill, completion, receive and transmit rings.
pub const RING_SLOTS: u32 = 2048;

/// The registered memory of one worker, shared by the sockets of all its ports.
pub struct Memory {
    pub(super) umem: Umem,
    descs: Vec<FrameDesc>,
}

impl Memory {
    /// Maps and registers `frames` frames of [`FRAME_BYTES`].
    pub fn new(frames: NonZeroU32) -> Result<Memory, PortError> {
        let config = UmemConfig::builder()
            .frame_size(FrameSize::new(FRAME_BYTES).map_err(PortError::config)?)
            .fill_queue_size(ring_slots()?)
            .comp_queue_size(ring_slots()?)
            .build()
            .map_err(PortError::config)?;
        let (umem, descs) =
            Umem::new(config, frames, false).map_err(|e| PortError::umem(frames.get(), &e))?;
        Ok(Memory { umem, descs })
    }
}

/// [`RING_SLOTS`] as `xsk-rs` wants it.
pub(super) fn ring_slots() -> Result<QueueSize, PortError> {
    QueueSize::new(RING_SLOTS).map_err(PortError::config)
}

/// The free frames of one worker: last in, first out, because the frame used last is the one still in the cache.
pub struct Pool<'u> {
    umem: &'u Umem,
    free: Vec<FrameDesc>,
    size: usize,
}

impl<'u> Pool<'u> {
    /// All frames of `memory`, free.
    ///
    /// Takes the descriptors out of `memory`, so that a second pool over the same frames is empty.
    pub fn new(memory: &'u mut Memory) -> Pool<'u> {
        let free = std::mem::take(&mut memory.descs);
        Pool { umem: &memory.umem, size: free.len(), free }
    }

    pub(super) fn umem(&self) -> &'u Umem {
        self.umem
    }

    /// Frames in all.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Frames free now.
    pub fn free_frames(&self) -> usize {
        self.free.len()
    }

    /// A free frame of length zero.
    #[inline]
    pub fn take(&mut self) -> Option<Frame<'u>> {
        let desc = self.free.pop()?;
        // SAFETY: the descriptor was on the free list, which holds each frame of this UMEM at most once.
        let mut frame = unsafe { Frame::claim(self.umem, desc) };
        // What is left in the descriptor is the length of its last packet.
        let _ = crate::engine::Buffer::set_len(&mut frame, 0);
        Some(frame)
    }

    /// Takes the frame back.
    #[inline]
    pub fn put(&mut self, frame: Frame<'u>) {
        self.free.push(frame.release());
    }

    /// Takes back frames that the kernel has finished sending.
    ///
    /// # Safety
    /// The descriptors must come from the completion ring of a socket on this pool's UMEM.
    #[inline]
    pub(super) unsafe fn put_completed(&mut self, descs: &[FrameDesc]) {
        self.free.extend_from_slice(descs);
    }

    /// Moves up to `want` free frames to the kernel's fill ring; returns how many.
    #[inline]
    pub(super) fn fill(&mut self, ring: &mut FillQueue, want: usize) -> usize {
        let start = self.free.len().saturating_sub(want);
        let Some(batch) = self.free.get(start..) else { return 0 };
        // SAFETY: frames of this UMEM from the free list; they leave it below, when the kernel has them.
        let moved = unsafe { ring.produce(batch) };
        // `produce` takes all or none.
        self.free.truncate(self.free.len() - moved);
        moved
    }
}
