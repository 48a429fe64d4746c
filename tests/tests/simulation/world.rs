//! Client — network — Weir — network — server, on one virtual clock.
//!
//! ```text
//!   End ──renumbered──► link ──► Engine ──checked──► link ──► End
//! ```
//!
//! What the engine sends is checked packet by packet ([`Witness`]); what the ends have heard, in `check.rs`.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;

use weir_dataplane::engine::{Buffer, Counters, Engine, EngineSettings, Io, Limits, Side};
use weir_dataplane::reason::Reason;
use weir_inspect::policy::Policy;
use weir_reassembly::packet::{Flags, Packet};
use weir_reassembly::time::Time;
use weir_tests::rng::Rng;

use crate::ends::{End, Stack, set_clock};
use crate::network::{Faults, HEALED};
use crate::packets::{ETHERNET, in_ethernet, verified};
use crate::script::Script;

/// When every connection must have ended: the network is well from [`HEALED`] on, the longest timer of TCP that
/// can still run then is as long again, and keep-alives do the rest.
const LIMIT: u64 = 4 * HEALED + 30_000_000;
/// Packets that a failure's report shows.
const TRACE: usize = 400;
/// Capacity of a buffer, as that of an UMEM frame.
const CAPACITY: usize = 2048;

/// A buffer of a world that knows how many there are.
pub struct Frame(Vec<u8>);

impl Buffer for Frame {
    fn bytes(&self) -> &[u8] {
        &self.0
    }
    fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
    fn set_len(&mut self, len: usize) -> bool {
        if len > CAPACITY {
            return false;
        }
        self.0.resize(len, 0xee);
        true
    }
}

/// Counts the buffers that the engine has.
struct Pool {
    rng: Rng,
    starved: f64,
    live: i64,
    sent: Vec<(Side, Vec<u8>)>,
}

impl Io for Pool {
    type Buf = Frame;

    fn alloc(&mut self) -> Option<Frame> {
        if self.rng.percent(self.starved) {
            return None;
        }
        self.live += 1;
        Some(Frame(Vec::new()))
    }

    fn send(&mut self, port: Side, buf: Frame) {
        self.live -= 1;
        self.sent.push((port, buf.0));
    }

    fn free(&mut self, _: Frame) {
        self.live -= 1;
    }
}

/// What has been seen of one direction behind the engine: the only version of its bytes (design rule 1).
#[derive(Default)]
struct Witness {
    origin: Option<u32>,
    first: Vec<Option<u8>>,
    /// Sequence number up to which the receiver has acknowledged, as the engine was told.
    acked: Option<u32>,
}

impl Witness {
    /// `forgotten`: the engine has forgotten the connection that it was, and with it what had been acknowledged.
    fn see(&mut self, p: &Packet, payload: &[u8], forgotten: bool) -> Result<(), String> {
        if p.flags.has(Flags::SYN) {
            self.origin = Some(p.seq.wrapping_add(1));
        }
        let Some(origin) = self.origin else { return Ok(()) };
        let begin =
            p.seq.wrapping_add(u32::from(p.flags.has(Flags::SYN))).wrapping_sub(origin) as i32;
        let acked = self.acked.map_or(0, |a| a.wrapping_sub(origin) as i32);
        for (i, b) in (begin..).zip(payload) {
            let Ok(place) = usize::try_from(i) else { continue };
            if self.first.len() <= place {
                self.first.resize(place + 1, None);
            }
            let first = self.first[place].get_or_insert(*b);
            if *first != *b && !(i < acked && (*b == 0 || forgotten)) {
                return Err(format!("two versions of byte {place} were sent: {first:#x}, {b:#x}"));
            }
        }
        Ok(())
    }

    fn acknowledged(&mut self, p: &Packet) {
        if p.flags.has(Flags::ACK) {
            let news = self.acked.is_none_or(|a| p.ack.wrapping_sub(a) as i32 > 0);
            self.acked = if news { Some(p.ack) } else { self.acked };
        }
    }

    /// The stream as far as it was sent without a gap.
    fn stream(&self) -> Vec<u8> {
        self.first.iter().map_while(|b| *b).collect()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Hop {
    Engine(bool),
    End(bool),
}

/// A packet on its way; the number keeps those of one moment in order.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Arrival {
    at: u64,
    number: u64,
    hop: Hop,
    frame: Vec<u8>,
}

/// What a connection came to.
pub struct Outcome {
    pub to_server: Vec<u8>,
    pub to_client: Vec<u8>,
    /// What left the engine towards the client, whether or not it arrived.
    pub sent_to_client: Vec<u8>,
    /// Both ends have ended.
    pub ended: bool,
    /// The client's stream ended in order.
    pub finished: bool,
    pub faults: Faults,
    pub counters: Counters,
}

/// A connection under way.
pub struct World {
    now: u64,
    queue: BinaryHeap<Reverse<Arrival>>,
    number: u64,
    rng: Rng,
    faults: Faults,
    stack: Stack,
    vlan: bool,
    /// Packets that come within so many microseconds are one batch to Weir.
    batch: u64,
    engine: Engine<Frame>,
    pool: Pool,
    /// Client and server.
    ends: [End; 2],
    /// Towards the client and towards the server.
    witnesses: [Witness; 2],
    trace: VecDeque<(u64, Hop, Vec<u8>)>,
    /// Packets received and sent on before the network was well.
    when_healed: Option<(u64, u64)>,
}

const CLIENT: usize = 0;
const SERVER: usize = 1;

impl World {
    /// The world of a seed, in which `script` is played.
    pub fn new(seed: u64, script: &Script) -> World {
        // Its own sequence of numbers, so that a change of the scripts leaves the networks alone.
        let mut rng = Rng::new(!seed);
        let faults = Faults::random(&mut rng);
        let stack = Stack::random(&mut rng);
        let (policy, _) = Policy::compile(script.policy).expect("the simulation's policy");
        let settings = EngineSettings { inspect: true, log_requests: true, ..Default::default() };
        let heard = [script.server.bytes.len(), script.client.bytes.len()];
        World {
            now: 1_000_000,
            queue: BinaryHeap::new(),
            number: 0,
            faults,
            vlan: rng.percent(20.0),
            batch: if rng.percent(50.0) { rng.range(1, 50) } else { 0 },
            engine: Engine::new(settings, Arc::new(policy)),
            pool: Pool {
                rng: Rng::new(rng.bits()),
                starved: faults.starved,
                live: 0,
                sent: Vec::new(),
            },
            ends: [
                End::new(true, &stack, script.client.clone(), heard[CLIENT]),
                End::new(false, &stack, script.server.clone(), heard[SERVER]),
            ],
            witnesses: Default::default(),
            trace: VecDeque::new(),
            when_healed: None,
            stack,
            rng,
        }
    }

    /// Plays the connection to its end, and waits until the engine has forgotten it.
    pub fn play(&mut self) -> Result<Outcome, String> {
        let ended = loop {
            set_clock(self.now);
            for end in [CLIENT, SERVER] {
                for ip in self.ends[end].act(self.now) {
                    let frame = in_ethernet(&ip, self.vlan, end == CLIENT);
                    self.carry(Hop::Engine(end == CLIENT), frame);
                }
            }
            if self.ends.iter().all(End::is_over) && self.queue.is_empty() {
                break true;
            }
            if !self.advance()? {
                break false;
            }
        };
        if ended {
            self.forget()?;
        } else if !self.faults.is_hostile() && !self.lets_everything_pass() {
            // (Who has heard from a forger what the other end never said acknowledges it in vain.)
            let [client, server] = &self.ends;
            return Err(format!("it hangs: client {}; server {}", client.state(), server.state()));
        }
        let [client, server] = &self.ends;
        Ok(Outcome {
            to_server: server.heard.clone(),
            to_client: client.heard.clone(),
            sent_to_client: self.witnesses[CLIENT].stream(),
            ended,
            finished: client.finished,
            faults: self.faults,
            counters: self.engine.counters().clone(),
        })
    }

    /// Whether Weir has sent on every packet since the network is well. If the ends hang all the same, it is between
    /// them: smoltcp acknowledges with old numbers while it repeats, so two ends that both do never hear each other.
    fn lets_everything_pass(&self) -> bool {
        let Some((received, passed)) = self.when_healed else { return false };
        let counters = self.engine.counters();
        counters.received - received == passed_on(counters) - passed
    }

    /// Goes to the next event and lets it happen; false when it is too late for any.
    fn advance(&mut self) -> Result<bool, String> {
        let packet = self.queue.peek().map(|e| e.0.at);
        let engine = self.engine.next_deadline().map(|t| (t.0 / 1000).max(self.now + 1));
        let [client, server] = &mut self.ends;
        let wakes = [client.wakes_at(self.now), server.wakes_at(self.now)];
        let next = [packet, engine].into_iter().chain(wakes).flatten().min();
        let Some(next) = next.filter(|t| *t < LIMIT) else { return Ok(false) };
        self.now = self.now.max(next);
        if packet == Some(next) {
            self.arrival()?;
            // A worker takes several packets before it looks at its clock again.
            let another = self.queue.peek().is_some_and(|e| e.0.at < next + self.batch);
            if another {
                return Ok(true);
            }
        }
        self.tick()?;
        Ok(true)
    }

    /// Puts a packet on a link.
    fn carry(&mut self, to: Hop, frame: Vec<u8>) {
        let faults = match to {
            Hop::Engine(_) => self.faults,
            Hop::End(_) => self.faults.behind_weir(),
        };
        for (at, frame) in faults.carry(&mut self.rng, self.now, frame) {
            self.number += 1;
            let number = self.number;
            self.queue.push(Reverse(Arrival { at, number, hop: to, frame }));
        }
    }

    /// The next packet arrives.
    fn arrival(&mut self) -> Result<(), String> {
        let Some(Reverse(Arrival { hop, frame, .. })) = self.queue.pop() else { return Ok(()) };
        if self.trace.len() == TRACE {
            self.trace.pop_front();
        }
        self.trace.push_back((self.now, hop, frame.clone()));
        match hop {
            Hop::Engine(from_client) => {
                if let Ok(p) = verified(&frame) {
                    let receiver = if from_client { CLIENT } else { SERVER };
                    self.witnesses[receiver].acknowledged(&p);
                }
                self.pool.live += 1;
                let side = if from_client { Side::A } else { Side::B };
                self.engine.handle(&mut self.pool, Time(self.now * 1000), side, Frame(frame));
                self.sent()
            }
            Hop::End(client) => {
                // No receiver looks at a packet with a wrong checksum.
                if let Ok(p) = verified(&frame) {
                    let end = if client { CLIENT } else { SERVER };
                    self.ends[end].receive(&frame[p.ip..p.end]);
                }
                Ok(())
            }
        }
    }

    fn tick(&mut self) -> Result<(), String> {
        if self.now >= HEALED && self.when_healed.is_none() {
            self.pool.starved = 0.0;
            let counters = self.engine.counters();
            self.when_healed = Some((counters.received, passed_on(counters)));
        }
        self.engine.tick(&mut self.pool, Time(self.now * 1000));
        self.sent()
    }

    /// Checks what the engine has sent, and its books.
    fn sent(&mut self) -> Result<(), String> {
        for (side, frame) in std::mem::take(&mut self.pool.sent) {
            let to_client = side == Side::A;
            let p = match verified(&frame) {
                Ok(p) => p,
                // What belongs to no flow passes as it came.
                Err(_) if self.engine.flows() == 0 => continue,
                Err(e) => return Err(format!("the engine sent a packet with {e}")),
            };
            if frame.len() - p.ip > self.stack.mtu {
                return Err(format!("the engine sent {} bytes", frame.len()));
            }
            let witness = &mut self.witnesses[if to_client { CLIENT } else { SERVER }];
            let forgotten = self.engine.flows() == 0 || self.engine.counters().flows_opened > 1;
            witness.see(&p, &frame[p.payload()], forgotten)?;
            debug_assert!(p.ip >= ETHERNET);
            self.carry(Hop::End(to_client), frame);
        }
        let (held, live) = (self.engine.held() as i64, self.pool.live);
        if held != live {
            return Err(format!("the engine says it holds {held} buffers, but has {live}"));
        }
        if self.engine.counters().in_flight() > held as u64 {
            return Err("a packet ended in no reason".to_owned());
        }
        Ok(())
    }

    /// Soon after the end no packet is left, and later no flow: a packet that came after its connection was forgotten
    /// has opened one in its middle, which is idle.
    fn forget(&mut self) -> Result<(), String> {
        for _ in 0..100 {
            self.now += 1_000_000;
            self.tick()?;
        }
        let left = (self.engine.held(), self.engine.counters().in_flight());
        if left != (0, 0) {
            return Err(format!("left over: (buffers, packets) {left:?}"));
        }
        self.now += Limits::default().idle.as_micros() as u64;
        for _ in 0..100 {
            self.now += 1_000_000;
            self.tick()?;
        }
        match self.engine.flows() {
            0 => Ok(()),
            flows => Err(format!("{flows} flows are left over")),
        }
    }

    /// The last packets, a line each, for a failure's report.
    pub fn trace(&self) -> Vec<String> {
        self.trace.iter().map(|(at, hop, frame)| line(*at, *hop, frame)).collect()
    }

    /// What the world is like, for a failure's report.
    pub fn describe(&mut self) -> String {
        let events = std::iter::from_fn(|| self.engine.poll_event()).filter_map(|e| e.body);
        let events: Vec<String> = events.map(|body| format!("{body:?}")).collect();
        format!("{:?}\n{:?}\n{}", self.faults, self.stack, events.join("\n"))
    }
}

fn passed_on(counters: &Counters) -> u64 {
    [Reason::Forwarded, Reason::Edited].into_iter().map(|r| counters.ended(r)).sum()
}

/// One packet of the trace.
fn line(at: u64, hop: Hop, frame: &[u8]) -> String {
    const FLAGS: [(&str, u8); 5] = [
        ("S", Flags::SYN),
        ("F", Flags::FIN),
        ("R", Flags::RST),
        ("P", Flags::PSH),
        ("A", Flags::ACK),
    ];
    let way = match hop {
        Hop::Engine(true) => "client >     ",
        Hop::Engine(false) => "     < server",
        Hop::End(true) => "client <     ",
        Hop::End(false) => "     > server",
    };
    let p = match verified(frame) {
        Ok(p) => p,
        Err(e) => return format!("{at:>11} {way} {e}"),
    };
    let flags: String =
        FLAGS.into_iter().filter(|f| p.flags.has(f.1)).map(|(name, _)| name).collect();
    let payload = &frame[p.payload()];
    let shown = String::from_utf8_lossy(&payload[..payload.len().min(24)]).into_owned();
    let (seq, ack, window, len) = (p.seq, p.ack, p.window, payload.len());
    format!("{at:>11} {way} {flags:<3} seq {seq} ack {ack} win {window} len {len} {shown:?}")
}
