//! One direction of a TCP connection as an inline device sees it (RFC 9293 §3.4).
//!
//! ```text
//!   acked          sent            next
//! ────┼──────────────┼───────────────┼───────────────────────────► stream offset
//!     │   history    │     held      │      out of order
//!     │ forwarded,   │ inspected,    │ arrived early,
//!     │ not yet      │ may still     │ not inspected
//!     │ acknowledged │ change        │
//! ```
//!
//! Stream offsets are 64-bit and count payload bytes from the one after the SYN, so nothing below here knows of
//! sequence numbers or their wrap.

mod history;

use std::collections::VecDeque;
use std::ops::Range;

pub use history::History;

/// Segments that may wait for a gap to close, per direction; one more is dropped and its sender sends it again.
pub const MAX_OUT_OF_ORDER: usize = 128;
/// How far ahead of the gap a segment may lie. Farther is out of any window that Weir lets a receiver advertise.
pub const MAX_AHEAD: u64 = 1 << 20;

/// A segment that is waiting: held for a verdict, or for the gap before it to close.
#[derive(Debug)]
pub struct Segment<B> {
    /// Stream offset of its first payload byte.
    pub at: u64,
    /// Payload bytes.
    pub len: u32,
    /// Whether a FIN follows the payload.
    pub fin: bool,
    /// Whether its payload differs from what arrived.
    pub edited: bool,
    /// Whether the packet that arrived has been counted under its reason already (this is the rest of a split one).
    pub counted: bool,
    /// Where its payload begins in the packet.
    pub data: usize,
    /// The packet.
    pub buf: B,
}

impl<B> Segment<B> {
    /// Its payload's place in the packet.
    pub fn payload(&self) -> Range<usize> {
        self.data..self.data + self.len as usize
    }

    /// Stream offset just past its payload.
    pub fn end(&self) -> u64 {
        self.at + u64::from(self.len)
    }
}

/// How a segment lies relative to what has been seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// Nothing new in it: a retransmission or a keep-alive.
    Old,
    /// Its first `skip` bytes are old, the rest is the next in order.
    InOrder {
        /// Bytes already seen at its front.
        skip: u32,
    },
    /// It begins after a gap.
    Early,
    /// Too far ahead to be in any window.
    OutOfWindow,
}

/// One direction of a connection.
#[derive(Debug)]
pub struct Half<B> {
    /// Sequence number of stream offset 0; none until the SYN (or a midstream packet) was seen.
    origin: Option<u32>,
    /// Everything before it has been seen in order.
    pub next: u64,
    /// Everything before it has been forwarded.
    pub sent: u64,
    /// Everything before it has been acknowledged by the receiver.
    pub acked: u64,
    /// Offset at which the sender's FIN stands, once seen in order.
    pub fin: Option<u64>,
    /// Whether that FIN has been forwarded.
    pub fin_sent: bool,
    /// Whether that FIN has been acknowledged.
    pub fin_acked: bool,
    /// Forwarded, not acknowledged.
    pub history: History,
    /// Inspected, not forwarded: `sent..next`, in order.
    pub held: VecDeque<Segment<B>>,
    /// Arrived early, by offset; they may overlap.
    early: Vec<Segment<B>>,
}

impl<B> Default for Half<B> {
    fn default() -> Half<B> {
        Half {
            origin: None,
            next: 0,
            sent: 0,
            acked: 0,
            fin: None,
            fin_sent: false,
            fin_acked: false,
            history: History::default(),
            held: VecDeque::new(),
            early: Vec::new(),
        }
    }
}

impl<B> Half<B> {
    /// Fixes the sequence number of stream offset 0. Called again with another one it begins a new stream.
    pub fn begin(&mut self, origin: u32) {
        *self = Half { origin: Some(origin), ..Half::default() };
    }

    /// Whether the numbering of this direction is known.
    pub fn has_begun(&self) -> bool {
        self.origin.is_some()
    }

    /// The stream offset of a sequence number, by the distance to `next` (correct within ±2 GiB of it).
    /// None: before the first byte, or the numbering is not known.
    pub fn offset(&self, seq: u32) -> Option<u64> {
        let here = self.seq(self.next)?;
        self.next.checked_add_signed(i64::from(seq.wrapping_sub(here) as i32))
    }

    /// The sequence number of a stream offset.
    pub fn seq(&self, offset: u64) -> Option<u32> {
        self.origin.map(|o| o.wrapping_add(offset as u32))
    }

    /// The sequence number that the receiver expects next, as far as this device has forwarded.
    pub fn seq_sent(&self) -> u32 {
        self.seq(self.sent + u64::from(self.fin_sent)).unwrap_or(0)
    }

    /// Where a segment of `len` bytes at `at` lies.
    pub fn classify(&self, at: u64, len: u32, fin: bool) -> Arrival {
        let end = at + u64::from(len);
        if self.fin.is_some_and(|fin| end > fin) {
            // What follows a FIN is no data (RFC 9293 §3.10.7.4): a keep-alive with a byte, or nonsense.
            return if at > self.next { Arrival::OutOfWindow } else { Arrival::Old };
        }
        if at > self.next {
            return if at - self.next > MAX_AHEAD { Arrival::OutOfWindow } else { Arrival::Early };
        }
        if end < self.next || (end == self.next && (!fin || self.fin.is_some())) {
            return Arrival::Old;
        }
        Arrival::InOrder { skip: (self.next - at) as u32 }
    }

    /// Takes an acknowledgement of this direction's bytes. False: it acknowledges what was never forwarded.
    pub fn acknowledge(&mut self, ack: u32) -> bool {
        let Some(offset) = self.offset(ack) else { return true };
        if offset > self.sent + u64::from(self.fin_sent) {
            return false;
        }
        self.fin_acked |= self.fin_sent && offset > self.sent;
        let offset = offset.min(self.sent);
        if offset > self.acked {
            self.acked = offset;
            self.history.acknowledge(offset);
        }
        true
    }

    /// Whether all that was forwarded, a FIN included, has been acknowledged by `ack`.
    pub fn is_acknowledged(&self) -> bool {
        self.acked == self.sent
    }

    /// Notes that `bytes`, the next ones in order, have been forwarded. False: the history's cap is exceeded.
    pub fn forwarded(&mut self, bytes: &[u8], cap: usize) -> bool {
        self.history.push(bytes);
        self.sent += bytes.len() as u64;
        self.history.len() <= cap
    }

    /// Keeps a segment that arrived early. Early segments may overlap: nothing of them has been inspected or
    /// forwarded, so whichever version is taken when the gap closes is the first. A segment is given back if another
    /// one says all of it already, or if the queue is full.
    pub fn keep_early(&mut self, segment: Segment<B>) -> Result<(), B> {
        let place = self.early.partition_point(|s| s.at <= segment.at);
        let said = |s: &Segment<B>| s.end() >= segment.end() && (s.fin || !segment.fin);
        let known = self.early.get(..place).unwrap_or_default().iter().any(said);
        if self.early.len() >= MAX_OUT_OF_ORDER || known {
            return Err(segment.buf);
        }
        self.early.insert(place, segment);
        Ok(())
    }

    /// The early segment that has become next in order, if the gap before it has closed. It may begin with bytes
    /// that were seen meanwhile.
    pub fn pop_early(&mut self) -> Option<Segment<B>> {
        if self.early.first()?.at > self.next {
            return None;
        }
        self.pop_any_early()
    }

    /// The first early segment, whether or not the gap before it has closed.
    pub fn pop_any_early(&mut self) -> Option<Segment<B>> {
        if self.early.is_empty() { None } else { Some(self.early.remove(0)) }
    }

    /// Offset of the first early segment, for a passive observer that has lost the bytes before it.
    pub fn first_early(&self) -> Option<u64> {
        self.early.first().map(|s| s.at)
    }

    /// Gives up on the bytes up to `offset`: they were lost to this observer (passive placements only).
    pub fn skip_to(&mut self, offset: u64) {
        self.next = self.next.max(offset);
        self.sent = self.next;
        self.acked = self.acked.max(offset).min(self.next);
        self.history = History::starting_at(self.next);
    }

    /// How many packets wait here.
    pub fn waiting(&self) -> usize {
        self.held.len() + self.early.len()
    }

    /// Takes every waiting segment out.
    pub fn drain(&mut self) -> impl Iterator<Item = Segment<B>> + '_ {
        self.held.drain(..).chain(self.early.drain(..))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn half(origin: u32, next: u64) -> Half<()> {
        let mut h = Half::default();
        h.begin(origin);
        h.next = next;
        h
    }

    fn early(at: u64, len: u32) -> Segment<()> {
        Segment { at, len, fin: false, edited: false, counted: false, data: 0, buf: () }
    }

    #[test]
    fn offsets_go_on_when_sequence_numbers_wrap() {
        let h = half(0xffff_fff0, 0x20);
        assert_eq!(h.seq(0x20), Some(0x10));
        assert_eq!(h.offset(0x10), Some(0x20));
        assert_eq!(h.offset(0xffff_fff0), Some(0));
        assert_eq!(h.offset(0xffff_ffef), None, "before the first byte");
        let far = half(7, (1 << 33) + 5);
        assert_eq!(far.offset(far.seq(far.next + 9).unwrap()), Some((1 << 33) + 14));
    }

    #[test]
    fn arrivals() {
        let h = half(0, 100);
        assert_eq!(h.classify(90, 10, false), Arrival::Old);
        assert_eq!(h.classify(90, 10, true), Arrival::InOrder { skip: 10 }, "the FIN is new");
        assert_eq!(h.classify(90, 11, false), Arrival::InOrder { skip: 10 });
        assert_eq!(h.classify(100, 0, false), Arrival::Old);
        assert_eq!(h.classify(101, 5, false), Arrival::Early);
        assert_eq!(h.classify(101 + MAX_AHEAD, 5, false), Arrival::OutOfWindow);
        let closed = Half { fin: Some(100), ..half(0, 100) };
        assert_eq!(closed.classify(100, 1, false), Arrival::Old, "a keep-alive behind the FIN");
        assert_eq!(closed.classify(90, 20, false), Arrival::Old);
        assert_eq!(closed.classify(101, 1, false), Arrival::OutOfWindow);
    }

    #[test]
    fn acknowledging_what_was_never_forwarded_is_refused() {
        let mut h = half(0, 100);
        h.sent = 80;
        assert!(h.acknowledge(80));
        assert!(!h.acknowledge(81));
        assert_eq!(h.acked, 80);
        h.fin_sent = true;
        assert!(h.acknowledge(81), "the FIN's own number");
        assert_eq!(h.acked, 80);
    }

    #[test]
    fn early_segments_that_say_nothing_more_are_given_back() {
        let mut h = half(0, 0);
        assert!(h.keep_early(early(20, 10)).is_ok());
        assert!(h.keep_early(early(10, 10)).is_ok());
        assert!(h.keep_early(early(10, 10)).is_err());
        assert!(h.keep_early(early(29, 1)).is_err());
        assert!(
            h.keep_early(early(15, 10)).is_ok(),
            "cut otherwise, so that no byte depends on another's fate"
        );
        assert!(h.keep_early(Segment { fin: true, ..early(20, 10) }).is_ok(), "the FIN is new");
        assert!(h.keep_early(early(30, 1)).is_ok());
        assert!(h.pop_early().is_none());
        h.next = 10;
        assert_eq!(h.pop_early().map(|s| s.at), Some(10));
    }

    #[test]
    fn the_early_queue_is_bounded() {
        let mut h = half(0, 0);
        for i in 0..MAX_OUT_OF_ORDER as u64 {
            assert!(h.keep_early(early(10 + i, 1)).is_ok());
        }
        assert!(h.keep_early(early(5000, 1)).is_err());
    }
}
