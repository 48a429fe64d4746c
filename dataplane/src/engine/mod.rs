//! The packet's journey, without I/O and without a clock: parse → flow → reassemble → inspect → verdict → edit → send.
//!
//! The same engine runs on AF_XDP frames, in `replay`, and in the simulation tests; they differ in their [`Io`].

pub mod edit;
#[cfg(test)]
mod testing;

use weir_reassembly::time::Time;

use crate::reason::Reason;

/// The port a packet came in by, or goes out of. In the usual placement A faces the clients, B the services;
/// the engine itself does not care.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// First port of the pair.
    A,
    /// Second port of the pair.
    B,
}

impl Side {
    /// The other port.
    pub fn peer(self) -> Side {
        match self {
            Side::A => Side::B,
            Side::B => Side::A,
        }
    }
}

/// A packet buffer that is owned once: an UMEM frame on the wire, a `Vec` in replay and simulation.
pub trait Buffer {
    /// The packet, from the Ethernet header on.
    fn bytes(&self) -> &[u8];
    /// The packet, for editing in place.
    fn bytes_mut(&mut self) -> &mut [u8];
    /// Changes the packet's length; false (and no change) if it exceeds the buffer's capacity.
    /// Bytes that appear have unspecified contents.
    fn set_len(&mut self, len: usize) -> bool;
}

/// What the engine may do with the world. None of it blocks.
pub trait Io {
    /// The packet buffers of this world.
    type Buf: Buffer;
    /// A free buffer for a packet that Weir itself sends; none when the pool is exhausted.
    fn alloc(&mut self) -> Option<Self::Buf>;
    /// Queues the packet for transmission out of `port`.
    fn send(&mut self, port: Side, buf: Self::Buf);
    /// Gives the buffer back to the free list.
    fn free(&mut self, buf: Self::Buf);
}

/// What one worker has counted since it started.
#[derive(Clone, Debug, Default)]
pub struct Counters {
    /// Packets given to [`Engine::handle`].
    pub received: u64,
    /// Packets by the reason in which they ended, indexed as [`Reason::ALL`].
    pub reasons: [u64; Reason::ALL.len()],
}

/// All that one worker knows: its flows, its policy, its counters.
pub struct Engine<B> {
    counters: Counters,
    held: Vec<B>,
}

impl<B: Buffer> Engine<B> {
    /// An engine with no flows. (Settings and policy arguments follow.)
    pub fn new() -> Engine<B> {
        Engine { counters: Counters::default(), held: Vec::new() }
    }

    /// Takes one packet that arrived by `from`; everything that follows from it goes through `io`.
    pub fn handle<I: Io<Buf = B>>(&mut self, io: &mut I, now: Time, from: Side, buf: B) {
        let _ = now;
        self.counters.received += 1;
        self.counters.reasons[Reason::NotInspected as usize] += 1;
        io.send(from.peer(), buf);
    }

    /// Does what is due: releases expired holds, ends tombstones, evicts idle flows. Cheap when nothing is due.
    pub fn tick<I: Io<Buf = B>>(&mut self, io: &mut I, now: Time) {
        let _ = (io, now);
    }

    /// When [`Engine::tick`] has something to do next.
    pub fn next_deadline(&self) -> Option<Time> {
        None
    }

    /// How many buffers the engine holds at this moment.
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// The counters so far.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }
}
