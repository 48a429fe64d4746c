//! The last bytes of a message's content, in one piece: what the search, the escapes and the paths look at, so that content is
//! copied once.

use std::cell::Cell;

use super::search::simd::PADDING;

/// Content that nobody needs any more stays until it is so much, since the rest has to be moved then.
const SLACK: usize = 16 << 10;
/// Spare buffers that a thread keeps, and the largest that it keeps.
const MAX_SPARE: usize = 16;
const MAX_SPARE_BYTES: usize = 256 << 10;

thread_local! {
    /// Of messages that are over: idle connections keep none.
    static SPARE: Cell<Vec<Vec<u8>>> = const { Cell::new(Vec::new()) };
}

/// A stretch of a message's content.
#[derive(Clone, Copy, Debug, Default)]
pub struct Kept<'a> {
    /// Offset of its first byte in the content.
    pub base: u64,
    /// The bytes.
    pub bytes: &'a [u8],
}

impl<'a> Kept<'a> {
    /// Offset behind its last byte.
    pub fn end(&self) -> u64 {
        self.base + self.bytes.len() as u64
    }

    /// Content by its offsets, as far as it is there.
    pub fn get(&self, from: u64, to: u64) -> &'a [u8] {
        let place = |at: u64| (at.saturating_sub(self.base) as usize).min(self.bytes.len());
        self.bytes.get(place(from)..place(to)).unwrap_or_default()
    }
}

/// The content that is retained.
#[derive(Debug, Default)]
pub(super) struct Retained {
    /// With [`PADDING`] zero bytes behind it.
    padded: Vec<u8>,
    base: u64,
}

impl Retained {
    pub fn push(&mut self, piece: &[u8]) {
        if self.padded.capacity() == 0 {
            let mut spare = SPARE.take();
            self.padded = spare.pop().unwrap_or_default();
            SPARE.set(spare);
        }
        self.padded.truncate(self.padded.len().saturating_sub(PADDING));
        self.padded.reserve(piece.len() + PADDING);
        self.padded.extend_from_slice(piece);
        self.padded.resize(self.padded.len() + PADDING, 0);
    }

    /// Nobody needs what lies before this offset.
    pub fn forget(&mut self, before: u64) {
        let over = before.saturating_sub(self.base) as usize;
        if over > SLACK {
            let over = over.min(self.kept().bytes.len());
            self.padded.drain(..over);
            self.base += over as u64;
        }
    }

    pub fn kept(&self) -> Kept<'_> {
        let end = self.padded.len().saturating_sub(PADDING);
        Kept { base: self.base, bytes: self.padded.get(..end).unwrap_or_default() }
    }

    /// The content from an offset on, with its padding.
    pub fn padded_from(&self, from: u64) -> &[u8] {
        self.padded.get(from.saturating_sub(self.base) as usize..).unwrap_or_default()
    }

    /// Bytes of memory that it takes.
    pub fn memory(&self) -> usize {
        self.padded.capacity()
    }
}

impl Drop for Retained {
    fn drop(&mut self) {
        if (1..=MAX_SPARE_BYTES).contains(&self.padded.capacity()) {
            let mut spare = SPARE.take();
            if spare.len() < MAX_SPARE {
                self.padded.clear();
                spare.push(std::mem::take(&mut self.padded));
            }
            SPARE.set(spare);
        }
    }
}
