//! AF_XDP ports: what a worker receives from and sends to, in safe tokens.
//!
//! ```text
//! Memory ── Pool (free frames) ◄──────────── complete ◄── kernel sends ◄── Port::submit/kick
//!             │  refill                                                        ▲
//!             ▼                                                                │ send
//!           fill ring ──► kernel receives ──► Port::receive ──► Frame ──► the engine (may hold it)
//! ```
//!
//! Each frame is in exactly one of these places at any time: that is [`FrameCount`].

mod error;
mod frame;
mod pool;
mod socket;

use std::io;
use std::os::fd::RawFd;

pub use error::PortError;
pub use frame::Frame;
pub use pool::{FRAME_BYTES, Memory, Pool, RING_SLOTS};
pub use socket::{BATCH, Port};

use crate::engine::{Io, Side};

/// The ports of one worker: queue *i* of one device (mirror) or two (inline), on one UMEM.
pub struct Ports<'u> {
    pool: Pool<'u>,
    a: Port<'u>,
    /// None in mirror placement: there is nothing to send to.
    b: Option<Port<'u>>,
}

impl<'u> Ports<'u> {
    /// Binds queue `queue` of each device (one, or two).
    pub fn open(
        memory: &'u mut Memory,
        device_a: &str,
        device_b: Option<&str>,
        queue: u32,
        zero_copy: bool,
    ) -> Result<Ports<'u>, PortError> {
        let mut pool = Pool::new(memory);
        let a = Port::open(&mut pool, device_a, queue, zero_copy)?;
        let b =
            device_b.map(|device| Port::open(&mut pool, device, queue, zero_copy)).transpose()?;
        Ok(Ports { pool, a, b })
    }

    /// The sockets, in the order of the sides.
    pub fn fds(&self) -> (RawFd, Option<RawFd>) {
        (self.a.fd(), self.b.as_ref().map(Port::fd))
    }

    /// Up to [`BATCH`] packets that arrived by `side` are appended to `into`; returns how many.
    #[inline]
    pub fn receive(&mut self, side: Side, into: &mut Vec<Frame<'u>>) -> usize {
        match (side, &mut self.b) {
            (Side::A, _) => self.a.receive(&self.pool, into),
            (Side::B, Some(b)) => b.receive(&self.pool, into),
            (Side::B, None) => 0,
        }
    }

    fn each(&mut self, mut f: impl FnMut(&mut Port<'u>, &mut Pool<'u>)) {
        f(&mut self.a, &mut self.pool);
        if let Some(b) = &mut self.b {
            f(b, &mut self.pool);
        }
    }

    /// Hands queued packets to the kernel's rings, takes back what has been sent and refills. No system call.
    #[inline]
    pub fn turn(&mut self) {
        self.each(|port, pool| {
            port.complete(pool);
            port.submit();
            port.refill(pool);
        });
    }

    /// Whether the kernel has yet to look at some packets.
    #[inline]
    pub fn unsent(&mut self) -> bool {
        self.a.unsent() > 0 || self.b.as_mut().is_some_and(|b| b.unsent() > 0)
    }

    /// Whether the kernel has to be woken up more than once for all that waits.
    #[inline]
    pub fn unsent_beyond_one_wake_up(&mut self) -> bool {
        self.a.unsent_beyond_one_wake_up()
            || self.b.as_mut().is_some_and(Port::unsent_beyond_one_wake_up)
    }

    /// Wakes the kernel up where packets wait to be sent.
    #[inline]
    pub fn kick(&mut self) -> io::Result<()> {
        for port in [Some(&mut self.a), self.b.as_mut()].into_iter().flatten() {
            if port.unsent() > 0 {
                port.kick()?;
            }
        }
        Ok(())
    }

    /// Where the frames are; `received` and `held` are what the caller has taken and not given back.
    pub fn count(&self, received: usize, held: usize) -> FrameCount {
        let ports = || std::iter::once(&self.a).chain(self.b.as_ref());
        FrameCount {
            size: self.pool.size(),
            free: self.pool.free_frames(),
            filled: ports().map(Port::filled).sum(),
            received,
            sending: ports().map(Port::sending).sum(),
            held,
        }
    }

    /// Packets lost at the ports: on full transmit queues, and by the kernel for want of a frame or ring slot.
    pub fn losses(&self) -> Losses {
        let mut losses = Losses::default();
        for port in std::iter::once(&self.a).chain(self.b.as_ref()) {
            losses.tx_full += port.dropped();
            if let Ok(kernel) = port.statistics() {
                losses.rx_ring_full += kernel.rx_ring_full();
                losses.rx_dropped += kernel.rx_dropped();
            }
        }
        losses
    }
}

impl<'u> Io for Ports<'u> {
    type Buf = Frame<'u>;

    #[inline]
    fn alloc(&mut self) -> Option<Frame<'u>> {
        self.pool.take()
    }

    #[inline]
    fn send(&mut self, port: Side, frame: Frame<'u>) {
        match (&mut self.b, port) {
            (Some(b), Side::B) => b.send(&mut self.pool, frame),
            (Some(_), Side::A) => self.a.send(&mut self.pool, frame),
            // A mirror port never sends, whatever the engine decides.
            (None, _) => self.pool.put(frame),
        }
    }

    #[inline]
    fn free(&mut self, frame: Frame<'u>) {
        self.pool.put(frame);
    }
}

/// Where the frames of a UMEM are at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrameCount {
    /// Frames in all.
    pub size: usize,
    /// On the free list.
    pub free: usize,
    /// With the kernel for receiving.
    pub filled: usize,
    /// Received and not yet given to the engine.
    pub received: usize,
    /// Queued or with the kernel for sending.
    pub sending: usize,
    /// Held by the engine.
    pub held: usize,
}

impl FrameCount {
    /// Frames that are nowhere (lost), negative if some are in two places. Zero, always.
    pub fn missing(&self) -> isize {
        self.size as isize
            - (self.free + self.filled + self.received + self.sending + self.held) as isize
    }
}

/// Packets lost at the ports of one worker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// Dropped by the worker: the port's transmit queue was full.
    pub tx_full: u64,
    /// Dropped by the kernel: the worker's receive ring was full.
    pub rx_ring_full: u64,
    /// Dropped by the kernel for other reasons, such as an empty fill ring.
    pub rx_dropped: u64,
}
