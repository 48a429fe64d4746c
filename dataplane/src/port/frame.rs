//! A frame of UMEM, owned once.

use xsk_rs::{FrameDesc, Umem};

use crate::engine::Buffer;

/// Bytes of a cache line.
#[cfg(target_arch = "x86_64")]
const CACHE_LINE: usize = 64;

/// One UMEM frame in the hands of user space. `xsk-rs` describes a frame by a `Copy` number, so that the same frame
/// could be given to two rings; this token is neither `Copy` nor `Clone`, and the rings take it by value.
///
/// A token that is dropped is a frame lost until the worker ends: give it back to the pool or send it.
/// [`FrameCount`](super::FrameCount) finds the loss.
#[derive(Debug)]
#[must_use = "a dropped frame is lost to the pool"]
pub struct Frame<'u> {
    desc: FrameDesc,
    umem: &'u Umem,
}

impl<'u> Frame<'u> {
    /// Takes the frame that `desc` describes, with the length it was received with (zero if it comes from the pool).
    ///
    /// # Safety
    /// `desc` must describe a frame of `umem`, and no other token, ring or free list may hold the same frame.
    pub(super) unsafe fn claim(umem: &'u Umem, desc: FrameDesc) -> Frame<'u> {
        Frame { desc, umem }
    }

    /// Gives up the token for the number that the rings and the free list work with.
    pub(super) fn release(self) -> FrameDesc {
        self.desc
    }

    /// Has the packet brought into the cache while the one before it is inspected: it was written by another core.
    #[inline]
    pub fn prefetch(&self) {
        #[cfg(target_arch = "x86_64")]
        for line in self.bytes().chunks(CACHE_LINE) {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            // SAFETY: a hint, which reads nothing; the address lies within the frame.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) };
        }
    }

    /// Replaces the contents by `bytes`; false (and no change) if they exceed the frame.
    #[must_use]
    pub fn fill_from(&mut self, bytes: &[u8]) -> bool {
        if !self.set_len(bytes.len()) {
            return false;
        }
        self.bytes_mut().copy_from_slice(bytes);
        true
    }
}

impl Buffer for Frame<'_> {
    #[inline]
    fn bytes(&self) -> &[u8] {
        // SAFETY: `claim` guarantees that the frame belongs to `umem` and that this token is its only owner.
        unsafe { self.umem.data(&self.desc).contents() }
    }

    #[inline]
    fn bytes_mut(&mut self) -> &mut [u8] {
        let len = self.desc.lengths().data();
        // SAFETY: as in `bytes`, and `&mut self` excludes other views of the frame.
        let (ptr, len) = unsafe {
            let mut data = self.umem.data_mut(&mut self.desc);
            let view = data.contents_mut();
            debug_assert_eq!(view.len(), len);
            (view.as_mut_ptr(), view.len())
        };
        // SAFETY: the slice lies within the frame, lives as long as the UMEM (`'u`), and stays borrowed from `self`.
        unsafe { std::slice::from_raw_parts_mut(ptr, len) }
    }

    #[inline]
    fn set_len(&mut self, len: usize) -> bool {
        // SAFETY: as in `bytes_mut`.
        let mut data = unsafe { self.umem.data_mut(&mut self.desc) };
        let mut cursor = data.cursor();
        if len > cursor.buf_len() {
            return false;
        }
        cursor.set_pos(len);
        true
    }
}
