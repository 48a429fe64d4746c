//! One AF_XDP socket: a queue of a port, with its four rings.

use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::time::{Duration, Instant};

use xsk_rs::config::{BindFlags, Interface, LibxdpFlags, SocketConfig};
use xsk_rs::socket::XdpStatistics;
use xsk_rs::{CompQueue, FillQueue, FrameDesc, RxQueue, Socket, TxQueue};

use super::pool::{RING_SLOTS, ring_slots};
use super::{Frame, Pool, PortError};

/// Packets taken from a receive ring at a time: enough to spread the cost of a wake-up, few enough to stay in the cache.
pub const BATCH: usize = 64;

/// Frames that wait in the fill ring for packets. Half the ring: more costs cache (each is touched in turn), fewer
/// drops packets of a burst that arrives while the worker sleeps.
const FILL_TARGET: usize = RING_SLOTS as usize / 2;

/// How long a queue may stay busy after its former owner ended: the kernel frees sockets from a work queue.
const BUSY_GRACE: Duration = Duration::from_secs(1);

/// Packets that one wake-up sends in copy mode (`TX_BATCH_SIZE` of net/xdp/xsk.c) unless the kernel takes a larger
/// number by `XDP_MAX_TX_SKB_BUDGET` (linux/if_xdp.h, since 6.17).
const DEFAULT_TX_BUDGET: usize = 32;
const TX_BUDGET: libc::c_int = 4 * BATCH as libc::c_int;
const XDP_MAX_TX_SKB_BUDGET: libc::c_int = 9;

/// A port's queue as one worker sees it.
pub struct Port<'u> {
    rx: RxQueue,
    tx: TxQueue,
    fill: FillQueue,
    completion: CompQueue,
    /// Frames with the kernel for receiving: in the fill ring or, with a packet, in the receive ring.
    filled: usize,
    /// Frames to be sent that are not in the transmit ring yet.
    queued: Vec<FrameDesc>,
    /// Frames handed to the transmit ring and not completed.
    in_flight: usize,
    /// Packets that one wake-up sends at most.
    tx_budget: usize,
    scratch: [FrameDesc; BATCH],
    dropped: u64,
    _umem: std::marker::PhantomData<&'u xsk_rs::Umem>,
}

impl<'u> Port<'u> {
    /// Binds queue `queue` of `device`, and gives the kernel frames to receive into.
    pub fn open(
        pool: &mut Pool<'u>,
        device: &str,
        queue: u32,
        zero_copy: bool,
    ) -> Result<Port<'u>, PortError> {
        let interface: Interface = device.parse().map_err(PortError::config)?;
        let copy = if zero_copy { BindFlags::XDP_ZEROCOPY } else { BindFlags::XDP_COPY };
        let config = SocketConfig::builder()
            .rx_queue_size(ring_slots()?)
            .tx_queue_size(ring_slots()?)
            .libxdp_flags(LibxdpFlags::XSK_LIBXDP_FLAGS_INHIBIT_PROG_LOAD)
            .bind_flags(copy | BindFlags::XDP_USE_NEED_WAKEUP)
            .build();
        let deadline = Instant::now() + BUSY_GRACE;
        let (tx, rx, rings) = loop {
            // SAFETY: each (device, queue) is bound once per UMEM, and the program load is inhibited.
            match unsafe { Socket::new(config, pool.umem(), &interface, queue) } {
                Ok(made) => break made,
                Err(e) => {
                    let error = PortError::bind(device, queue, &e);
                    if !error.is_busy() || Instant::now() > deadline {
                        return Err(error);
                    }
                    std::thread::sleep(Duration::from_millis(10));
                }
            }
        };
        let (fill, completion) = rings.ok_or_else(|| PortError::rings(device, queue))?;
        let mut port = Port {
            rx,
            tx,
            fill,
            completion,
            filled: 0,
            queued: Vec::with_capacity(RING_SLOTS as usize),
            in_flight: 0,
            tx_budget: DEFAULT_TX_BUDGET,
            scratch: [FrameDesc::default(); BATCH],
            dropped: 0,
            _umem: std::marker::PhantomData,
        };
        port.raise_tx_budget();
        port.refill(pool);
        Ok(port)
    }

    /// Asks for larger transmit batches, where the kernel can.
    fn raise_tx_budget(&mut self) {
        let budget = TX_BUDGET;
        let len = size_of_val(&budget) as libc::socklen_t;
        // SAFETY: a plain setsockopt on our own descriptor; `budget` outlives the call.
        let refused = unsafe {
            libc::setsockopt(
                self.fd(),
                libc::SOL_XDP,
                XDP_MAX_TX_SKB_BUDGET,
                (&raw const budget).cast(),
                len,
            )
        };
        if refused == 0 {
            self.tx_budget = TX_BUDGET as usize;
        }
    }

    /// The socket, for poll sets and the XSKMAP.
    pub fn fd(&self) -> RawFd {
        self.rx.fd().as_raw_fd()
    }

    /// Moves up to [`BATCH`] received packets into `into`.
    #[inline]
    pub fn receive(&mut self, pool: &Pool<'u>, into: &mut Vec<Frame<'u>>) -> usize {
        // SAFETY: the descriptors that come back are of the UMEM that this socket is bound to.
        let n = unsafe { self.rx.consume(&mut self.scratch) };
        self.filled -= n;
        for &desc in self.scratch.iter().take(n) {
            // SAFETY: the kernel has just handed this frame over, so nobody else has it.
            into.push(unsafe { Frame::claim(pool.umem(), desc) });
        }
        n
    }

    /// Queues the frame; drops and counts it when a full ring's worth waits already.
    #[inline]
    pub fn send(&mut self, pool: &mut Pool<'u>, frame: Frame<'u>) {
        if self.queued.len() >= RING_SLOTS as usize {
            self.dropped += 1;
            pool.put(frame);
            return;
        }
        self.queued.push(frame.release());
    }

    /// Moves queued frames to the transmit ring. The kernel looks at them at the next [`Port::kick`] or poll.
    #[inline]
    pub fn submit(&mut self) {
        if self.queued.is_empty() {
            return;
        }
        let want = self.queued.len();
        let n = want.min(self.tx.nb_free(want as u32) as usize);
        let Some(batch) = self.queued.get(..n) else { return };
        // SAFETY: frames of this UMEM, given up by their tokens in `send`, and leaving `queued` below.
        let moved = unsafe { self.tx.produce(batch) };
        self.queued.drain(..moved);
        self.in_flight += moved;
    }

    /// Frames that the kernel has not looked at yet.
    #[inline]
    pub fn unsent(&mut self) -> usize {
        if self.in_flight == 0 {
            return self.queued.len();
        }
        self.queued.len() + (RING_SLOTS - self.tx.nb_free_exact()) as usize
    }

    /// Whether one wake-up won't send all that waits: the kernel sends a bounded number at a time in copy mode.
    #[inline]
    pub fn unsent_beyond_one_wake_up(&mut self) -> bool {
        self.unsent() > self.tx_budget
    }

    /// Wakes the kernel up to send. A link that is down or short of memory is no error here: what can't be sent now is
    /// tried again or dropped at the queue's bound.
    #[inline]
    pub fn kick(&mut self) -> io::Result<()> {
        if self.tx.needs_wakeup() { self.tx.wakeup() } else { Ok(()) }
    }

    /// Takes back what has been sent.
    #[inline]
    pub fn complete(&mut self, pool: &mut Pool<'u>) {
        while self.in_flight > 0 {
            // SAFETY: the descriptors that come back are of the UMEM that this socket is bound to.
            let n = unsafe { self.completion.consume(&mut self.scratch) };
            self.in_flight -= n;
            // SAFETY: they come from this socket's completion ring.
            unsafe { pool.put_completed(self.scratch.get(..n).unwrap_or_default()) };
            if n < BATCH {
                break;
            }
        }
    }

    /// Keeps the fill ring at its target. Waits for a batch to gather, so that the ring's cache line is not moved
    /// between processors for every packet.
    #[inline]
    pub fn refill(&mut self, pool: &mut Pool<'u>) {
        let missing = FILL_TARGET.saturating_sub(self.filled);
        if missing >= BATCH {
            self.filled += pool.fill(&mut self.fill, missing);
        }
    }

    /// Frames with the kernel for receiving.
    pub fn filled(&self) -> usize {
        self.filled
    }

    /// Frames queued or with the kernel for sending.
    pub fn sending(&self) -> usize {
        self.queued.len() + self.in_flight
    }

    /// Packets dropped because the transmit queue was full.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// The kernel's own counters of this socket.
    pub fn statistics(&self) -> io::Result<XdpStatistics> {
        self.rx.fd().xdp_statistics()
    }
}
