//! A wire that loses, repeats and reorders frames, from a seed. (The kernels we test on have no `tc netem`.)

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use smoltcp::phy::{Device, Medium, RawSocket, RxToken, TxToken};
use smoltcp::time::Instant as Now;

use crate::net::{Namespace, PORT_A, Topology};
use crate::rng::Rng;
use crate::{Error, Result};

/// The relay's device away from the middle.
pub const OUTER: &str = "outer";
/// The relay's device towards the middle.
pub const INNER: &str = "inner";

/// How long an idle relay sleeps.
const IDLE: Duration = Duration::from_micros(100);
/// A reordered frame is late by up to this, microseconds: enough that several others overtake it.
const LATE: u64 = 4_000;

/// What happens to frames, each in percent.
#[derive(Clone, Copy, Debug, Default)]
pub struct Loss {
    /// Frames that vanish.
    pub lost: f64,
    /// Frames that arrive twice, the second time late.
    pub repeated: f64,
    /// Frames that arrive late.
    pub reordered: f64,
}

impl Loss {
    /// A wire so bad that every transfer meets each of the faults, and none times out.
    pub const BAD: Loss = Loss { lost: 2.0, repeated: 2.0, reordered: 5.0 };
}

/// A relay at work between [`OUTER`] and [`INNER`] of a namespace, until dropped.
#[derive(Debug)]
pub struct Relay {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Relay {
    /// Starts relaying.
    pub fn start(namespace: &Namespace, loss: Loss, seed: u64) -> Result<Relay> {
        let namespace = namespace.clone();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let (opened, is_open) = mpsc::channel();
        // The sockets are not `Send`: they are opened, used and closed on one thread within the namespace.
        let relay = move || {
            let open = |device| RawSocket::new(device, Medium::Ethernet);
            let mut sockets = match (open(OUTER), open(INNER)) {
                (Ok(outer), Ok(inner)) => [outer, inner],
                (Err(e), _) | (_, Err(e)) => return drop(opened.send(Err(e))),
            };
            let _ = opened.send(Ok(()));
            let mut wire = Wire { rng: Rng::new(seed), loss, late: VecDeque::new() };
            while !stopped.load(Ordering::Relaxed) {
                if !wire.turn(&mut sockets) {
                    thread::sleep(IDLE);
                }
            }
        };
        let thread = thread::spawn(move || drop(namespace.enter(relay)));
        is_open.recv().map_err(|e| Error::at("the relay's thread", e))??;
        Ok(Relay { stop, thread: Some(thread) })
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A frame that leaves by socket `to` when it is due.
struct Late {
    due: Instant,
    to: usize,
    frame: Vec<u8>,
}

/// A mirrored port: copies of what passes the client's port of a bridged middle arrive at a device of its own.
#[derive(Debug)]
pub struct Tap {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Tap {
    /// The device in the middle at which the copies arrive.
    pub const SPAN: &str = "span";
    /// Its other end, into which the copies are sent.
    const FEED: &str = "feed";

    /// Makes the devices and starts copying. Both directions are seen at one port: what the bridge sends there too.
    pub fn start(topology: &Topology) -> Result<Tap> {
        let middle = topology.middle.clone();
        middle.run_ok(&[
            "ip",
            "link",
            "add",
            Tap::SPAN,
            "type",
            "veth",
            "peer",
            "name",
            Tap::FEED,
        ])?;
        for device in [Tap::SPAN, Tap::FEED] {
            middle.sysctl(&format!("net/ipv6/conf/{device}/disable_ipv6"), "1")?;
            middle.device_up(device, 1500, false)?;
        }
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let (opened, is_open) = mpsc::channel();
        let copy = move || {
            let open = |device| RawSocket::new(device, Medium::Ethernet);
            let mut sockets = match (open(PORT_A), open(Tap::FEED)) {
                (Ok(from), Ok(to)) => [from, to],
                (Err(e), _) | (_, Err(e)) => return drop(opened.send(Err(e))),
            };
            let _ = opened.send(Ok(()));
            while !stopped.load(Ordering::Relaxed) {
                let received = sockets.first_mut().and_then(|s| s.receive(Now::now()));
                match received.map(|(rx, _)| rx.consume(<[u8]>::to_vec)) {
                    Some(frame) => send(&mut sockets, 1, &frame),
                    None => thread::sleep(IDLE),
                }
            }
        };
        let thread = thread::spawn(move || drop(middle.enter(copy)));
        is_open.recv().map_err(|e| Error::at("the tap's thread", e))??;
        Ok(Tap { stop, thread: Some(thread) })
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Wire {
    rng: Rng,
    loss: Loss,
    late: VecDeque<Late>,
}

impl Wire {
    /// Moves one frame of each direction and all that are due; whether there was any.
    fn turn(&mut self, sockets: &mut [RawSocket; 2]) -> bool {
        let mut moved = false;
        for from in 0..2 {
            let to = 1 - from;
            let received = sockets.get_mut(from).and_then(|s| s.receive(Now::now()));
            let Some(frame) = received.map(|(rx, _)| rx.consume(<[u8]>::to_vec)) else { continue };
            moved = true;
            if self.rng.percent(self.loss.lost) {
                continue;
            }
            if self.rng.percent(self.loss.repeated) {
                self.delay(to, frame.clone());
            }
            if self.rng.percent(self.loss.reordered) {
                self.delay(to, frame);
            } else {
                send(sockets, to, &frame);
            }
        }
        let now = Instant::now();
        let (due, later) = self.late.drain(..).partition(|l| l.due <= now);
        self.late = later;
        for Late { to, frame, .. } in due as VecDeque<Late> {
            moved = true;
            send(sockets, to, &frame);
        }
        moved
    }

    fn delay(&mut self, to: usize, frame: Vec<u8>) {
        let due = Instant::now() + Duration::from_micros(self.rng.range(1, LATE));
        self.late.push_back(Late { due, to, frame });
    }
}

/// A full device queue loses the frame, as wires do.
fn send(sockets: &mut [RawSocket; 2], to: usize, frame: &[u8]) {
    if let Some(token) = sockets.get_mut(to).and_then(|s| s.transmit(Now::now())) {
        token.consume(frame.len(), |buffer| buffer.copy_from_slice(frame));
    }
}
