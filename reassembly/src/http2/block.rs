//! A header block, gathered from the frames that carry it.

use std::ops::Range;

use super::hpack::{Field, Fields};

/// Octets of a header block kept from one to the next; the memory of a larger one is given back.
const KEPT: usize = 8 * 1024;

/// A complete header block: HEADERS or PUSH_PROMISE and its CONTINUATION frames, padding and priority left out.
#[derive(Clone, Copy, Debug)]
pub struct HeaderBlock<'a> {
    /// The stream that its frames are sent on.
    pub stream: u32,
    /// The stream that it promises, if it is from PUSH_PROMISE: then the fields are a request.
    pub promised: Option<u32>,
    /// Whether nothing follows on the stream.
    pub end_stream: bool,
    /// Offset of the header of its first frame.
    pub frame_at: u64,
    /// Offset just past its last frame, padding included.
    pub end: u64,
    pub(super) fields: &'a Fields,
    pub(super) gathered: &'a Gathered,
}

impl<'a> HeaderBlock<'a> {
    /// Its fields, in order.
    pub fn fields(&self) -> impl Iterator<Item = Field<'a>> {
        self.fields.iter()
    }

    /// The value of its first field of that name.
    pub fn value(&self, name: &[u8]) -> Option<&'a [u8]> {
        self.fields.iter().find(|field| field.name == name).map(|field| field.value)
    }

    /// The octets of the block, as received (RFC 7541).
    pub fn octets(&self) -> &'a [u8] {
        &self.gathered.octets
    }

    /// Where octets of the block are in the stream of octets: frame headers and padding may lie between.
    pub fn wire_ranges(&self, block: Range<usize>) -> impl Iterator<Item = Range<u64>> + use<'a> {
        self.gathered.pieces(block).map(|(at, octets)| at..at + octets.len() as u64)
    }
}

/// What identifies a block, noted at its first frame.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Origin {
    pub stream: u32,
    pub promised: Option<u32>,
    pub end_stream: bool,
    pub frame_at: u64,
}

/// Octets of the block from `start` on are in the stream of octets from `at` on.
#[derive(Debug)]
struct Fragment {
    start: usize,
    at: u64,
}

/// The octets of a header block, and where each of them is.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    octets: Vec<u8>,
    fragments: Vec<Fragment>,
    pub frames: usize,
    pub origin: Origin,
    pub end: u64,
}

impl Gathered {
    pub fn begin(&mut self, origin: Origin) {
        self.octets.clear();
        self.octets.shrink_to(KEPT);
        self.fragments.clear();
        self.frames = 0;
        self.origin = origin;
    }

    pub fn len(&self) -> usize {
        self.octets.len()
    }

    /// Appends what the stream has at offset `at`.
    pub fn append(&mut self, at: u64, octets: &[u8]) {
        let start = self.octets.len();
        let contiguous =
            self.fragments.last().is_some_and(|f| f.at + (start - f.start) as u64 == at);
        if !contiguous {
            self.fragments.push(Fragment { start, at });
        }
        self.octets.extend_from_slice(octets);
    }

    pub fn octets(&self) -> &[u8] {
        &self.octets
    }

    /// For editing: what is changed here must be sent to the wire.
    pub fn octets_mut(&mut self, range: Range<usize>) -> Option<&mut [u8]> {
        self.octets.get_mut(range)
    }

    /// A range of the block in pieces, each with its offset in the stream of octets.
    pub fn pieces(&self, range: Range<usize>) -> impl Iterator<Item = (u64, &[u8])> {
        let ends = self.fragments.iter().skip(1).map(|next| next.start);
        let ends = ends.chain([self.octets.len()]);
        self.fragments.iter().zip(ends).filter_map(move |(fragment, end)| {
            let piece = range.start.max(fragment.start)..range.end.min(end);
            let at = fragment.at + piece.start.checked_sub(fragment.start)? as u64;
            self.octets.get(piece).filter(|octets| !octets.is_empty()).map(|octets| (at, octets))
        })
    }
}
