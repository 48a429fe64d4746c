//! One connection, and the table of them.

use std::net::IpAddr;

use hashbrown::HashMap;
use weir_inspect::policy::Direction;
use weir_reassembly::packet::{Packet, Vlans};
use weir_reassembly::tcp::Half;
use weir_reassembly::time::Time;

use super::Side;
use super::bypass::Bypassed;
use super::context::Turn;
use super::edit::Template;
use super::services::Row;
use super::session::Session;
use super::tombstone::{Refusal, Tombstone};

/// Which way a packet or a byte goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dir {
    /// From the side that opened the connection.
    ToServer,
    /// From the side that accepted it.
    ToClient,
}

impl Dir {
    /// That of the messages that go this way.
    pub fn direction(self) -> Direction {
        match self {
            Dir::ToServer => Direction::Request,
            Dir::ToClient => Direction::Response,
        }
    }

    /// The other direction.
    pub fn reverse(self) -> Dir {
        match self {
            Dir::ToServer => Dir::ToClient,
            Dir::ToClient => Dir::ToServer,
        }
    }
}

/// Two ends, whichever of them sends: the smaller one first; and the VLANs, each of which may have the same addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FlowKey {
    addresses: [u128; 2],
    ports: [u16; 2],
    vlans: Vlans,
}

fn number(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(a) => a.to_ipv6_mapped().to_bits(),
        IpAddr::V6(a) => a.to_bits(),
    }
}

impl FlowKey {
    /// The key of a packet's flow.
    pub fn of(p: &Packet) -> FlowKey {
        let (a, b) = ((number(p.src), p.src_port), (number(p.dst), p.dst_port));
        let (low, high) = (a.min(b), a.max(b));
        FlowKey { addresses: [low.0, high.0], ports: [low.1, high.1], vlans: p.vlans }
    }
}

/// What is done with a flow's packets.
///
/// ```text
///   SYN ──► Inspected ──refused──► Tombstone ──2 × RTO or 30 s──► (forgotten)
///   mid ─┘      │  └───exception pass, TLS, tunnel──► Passed
///               └──────blocked, exception reset or drop──► Cut
/// ```
#[derive(Debug)]
pub enum State {
    /// Followed and inspected.
    Inspected,
    /// Sent on as it is, for the reason given.
    Passed(super::Reason),
    /// Weir answers in the server's place.
    Tombstone(Box<Tombstone>),
    /// Both ends were reset, or the policy drops it: nothing passes any more.
    Cut(super::Reason),
}

/// One direction's part of a flow.
#[derive(Debug)]
pub struct Lane<B> {
    /// Sequence space, and what waits.
    pub half: Half<B>,
    /// Headers with which the sender of this direction speaks.
    pub template: Option<Template>,
    /// Window that the *sender* of this direction advertised last, unscaled, for the other direction's bytes.
    pub window: u16,
    /// Its window scale (RFC 7323 §2.2); none until its SYN offered one.
    pub scale: Option<u8>,
    /// Its last timestamp value, if it sends timestamps.
    pub timestamp: Option<u32>,
    /// Everything before this offset of the stream may leave as far as it is decided.
    pub clear: u64,
    /// Throttled requests that wait for their turns, in order.
    pub turns: Vec<Turn>,
    /// Something is held, and the end of the batch decides what becomes of it.
    pub undecided: bool,
    /// The receiver has acknowledged up to here what never passed Weir.
    pub elsewhere: u64,
    /// The XDP program sends it on for a while.
    pub bypassed: Option<Bypassed>,
    /// The last packet was a reset. Unless it is exact nobody knows whether the receiver has believed it.
    pub reset: bool,
    /// Packets seen.
    pub packets: u64,
    /// Payload bytes seen.
    pub bytes: u64,
}

impl<B> Default for Lane<B> {
    fn default() -> Lane<B> {
        Lane {
            half: Half::default(),
            template: None,
            window: 0,
            scale: None,
            timestamp: None,
            clear: 0,
            turns: Vec::new(),
            undecided: false,
            elsewhere: 0,
            bypassed: None,
            reset: false,
            packets: 0,
            bytes: 0,
        }
    }
}

impl<B> Lane<B> {
    /// Up to where what is decided may leave: what waits for its turn may not.
    pub fn may_leave(&self) -> u64 {
        self.turns.first().map_or(self.clear, |turn| turn.at.min(self.clear))
    }
}

/// Who talks to whom.
#[derive(Clone, Copy, Debug)]
pub struct Conn {
    /// A number for the events, never used twice.
    pub id: u64,
    /// Address and port of the side that opened it.
    pub client: (IpAddr, u16),
    /// Address and port of the side that accepted it.
    pub server: (IpAddr, u16),
    /// The VLANs in which they do.
    pub vlans: Vlans,
}

/// One connection.
pub struct Flow<B> {
    /// Its key in the table.
    pub key: FlowKey,
    /// Its ends.
    pub conn: Conn,
    /// Whose bytes its bytes are: by the server's address, and by the host of its latest request.
    pub service: Row,
    /// The port behind which the client is.
    pub client_side: Side,
    /// What is done with its packets.
    pub state: State,
    /// Client to server.
    pub to_server: Lane<B>,
    /// Server to client.
    pub to_client: Lane<B>,
    /// What its bytes mean.
    pub session: Session,
    /// A refused request that waits until it may be answered.
    pub refusal: Option<Refusal>,
    /// Sequence number of a SYN seen on the open connection: if the server accepts it, this is a new connection.
    pub reopening: Option<u32>,
    /// First packet.
    pub opened: Time,
    /// Last packet.
    pub seen: Time,
    /// A SYN was answered by a SYN-ACK, or the flow was picked up in its middle.
    pub established: bool,
    /// Its beginning was not seen.
    pub midstream: bool,
    /// It has ended and is to be forgotten.
    pub closed: bool,
    /// Something was found in it.
    pub alerted: bool,
}

impl<B> Flow<B> {
    /// The lane of a direction.
    pub fn lane(&mut self, dir: Dir) -> &mut Lane<B> {
        match dir {
            Dir::ToServer => &mut self.to_server,
            Dir::ToClient => &mut self.to_client,
        }
    }

    /// The port out of which packets of this direction leave.
    pub fn way_out(&self, dir: Dir) -> Side {
        match dir {
            Dir::ToServer => self.client_side.peer(),
            Dir::ToClient => self.client_side,
        }
    }

    /// The direction in which a packet goes.
    pub fn dir(&self, p: &Packet) -> Dir {
        if (p.src, p.src_port) == self.conn.client { Dir::ToServer } else { Dir::ToClient }
    }

    /// Packets that wait in it.
    pub fn waiting(&self) -> usize {
        self.to_server.half.waiting() + self.to_client.half.waiting()
    }

    /// Whether a SYN may take its place at once: it has ended as far as anyone can tell, or never began.
    pub fn is_over(&self, syn: &Packet) -> bool {
        let again = self.to_server.half.seq(0) == Some(syn.seq.wrapping_add(1))
            && (syn.src, syn.src_port) == self.conn.client;
        let live = matches!(self.state, State::Inspected | State::Passed(_));
        let fins = self.to_server.half.fin_sent && self.to_client.half.fin_sent;
        !again && (!live || fins || !self.established)
    }

    /// Whether it is open in both directions; one that is opening or closing is forgotten sooner. A direction that has
    /// ended is open as long as its sender may repeat what is not acknowledged: only who knows what was said first can
    /// keep to it (design rule 1).
    pub fn is_settled(&self) -> bool {
        let open =
            |lane: &Lane<B>| !lane.reset && (!lane.half.fin_sent || !lane.half.history.is_empty());
        let live = matches!(self.state, State::Inspected | State::Passed(_));
        live && self.established && open(&self.to_server) && open(&self.to_client)
    }

    /// Its state in events.
    pub fn state_name(&self) -> &'static str {
        match &self.state {
            State::Cut(_) | State::Tombstone(_) => "closed",
            _ if self.to_server.half.fin_sent && self.to_client.half.fin_sent => "closed",
            _ if self.established => "established",
            _ => "new",
        }
    }
}

/// Flows looked at per packet-less moment to find idle ones, and candidates for an eviction.
const SWEEP: usize = 16;

/// A flow's place in the table; it stays good until the flow is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    index: u32,
    generation: u32,
}

struct Entry<B> {
    generation: u32,
    flow: Option<Box<Flow<B>>>,
}

/// All flows of one worker.
pub struct FlowTable<B> {
    slots: HashMap<FlowKey, u32>,
    /// The flow that was found last: packets come in trains.
    latest: Option<(FlowKey, Slot)>,
    entries: Vec<Entry<B>>,
    free: Vec<u32>,
    hand: usize,
    cap: usize,
}

impl<B> FlowTable<B> {
    /// A table that holds at most `cap` flows.
    pub fn new(cap: usize) -> FlowTable<B> {
        let (slots, latest, entries, free) = Default::default();
        FlowTable { slots, latest, entries, free, hand: 0, cap }
    }

    /// How many flows there are.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether no further flow has room.
    pub fn is_full(&self) -> bool {
        self.slots.len() >= self.cap
    }

    /// Finds a flow.
    #[inline]
    pub fn find(&mut self, key: &FlowKey) -> Option<Slot> {
        if let Some((latest, slot)) = &self.latest
            && latest == key
        {
            return Some(*slot);
        }
        let index = *self.slots.get(key)?;
        let generation = self.entries.get(index as usize)?.generation;
        let slot = Slot { index, generation };
        self.latest = Some((*key, slot));
        Some(slot)
    }

    /// The flow in a slot, unless it was removed meanwhile.
    pub fn get_mut(&mut self, slot: Slot) -> Option<&mut Flow<B>> {
        let entry = self.entries.get_mut(slot.index as usize)?;
        if entry.generation != slot.generation {
            return None;
        }
        entry.flow.as_deref_mut()
    }

    /// Adds a flow, whose key must be new. None: no room.
    pub fn insert(&mut self, flow: Flow<B>) -> Option<Slot> {
        if self.is_full() {
            return None;
        }
        let index = match self.free.pop() {
            Some(i) => i,
            None => {
                self.entries.push(Entry { generation: 0, flow: None });
                (self.entries.len() - 1) as u32
            }
        };
        let entry = self.entries.get_mut(index as usize)?;
        self.slots.insert(flow.key, index);
        entry.flow = Some(Box::new(flow));
        Some(Slot { index, generation: entry.generation })
    }

    /// Removes a flow.
    pub fn remove(&mut self, slot: Slot) -> Option<Box<Flow<B>>> {
        let entry = self.entries.get_mut(slot.index as usize)?;
        if entry.generation != slot.generation {
            return None;
        }
        let flow = entry.flow.take()?;
        entry.generation = entry.generation.wrapping_add(1);
        self.latest = None;
        self.slots.remove(&flow.key);
        self.free.push(slot.index);
        Some(flow)
    }

    /// Moves the hand on over a few flows and returns the first of them for which `gone` holds.
    pub fn sweep(&mut self, gone: impl Fn(&Flow<B>) -> bool) -> Option<Slot> {
        for _ in 0..SWEEP.min(self.entries.len()) {
            self.hand = (self.hand + 1) % self.entries.len();
            if let Some(entry) = self.entries.get(self.hand)
                && entry.flow.as_deref().is_some_and(&gone)
            {
                return Some(Slot { index: self.hand as u32, generation: entry.generation });
            }
        }
        None
    }

    /// Some flow, if there is any.
    pub fn any(&mut self) -> Option<Slot> {
        let key = *self.slots.keys().next()?;
        self.find(&key)
    }

    /// Among a few flows that hold no packet, the one seen longest ago.
    pub fn eviction_candidate(&mut self) -> Option<Slot> {
        let mut oldest: Option<(Time, Slot)> = None;
        for _ in 0..SWEEP.min(self.entries.len()) {
            self.hand = (self.hand + 1) % self.entries.len();
            if let Some(entry) = self.entries.get(self.hand)
                && let Some(flow) = entry.flow.as_deref()
                && flow.waiting() == 0
                && oldest.is_none_or(|(seen, _)| flow.seen < seen)
            {
                let slot = Slot { index: self.hand as u32, generation: entry.generation };
                oldest = Some((flow.seen, slot));
            }
        }
        oldest.map(|(_, slot)| slot)
    }
}
