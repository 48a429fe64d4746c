//! The packet's journey, without I/O and without a clock: parse → flow → reassemble → inspect → verdict → edit → send.
//!
//! The same engine runs on AF_XDP frames, in `replay`, and in the simulation tests; they differ in their [`Io`].

mod answer;
pub mod bypass;
mod bytes;
mod context;
pub mod counters;
pub mod edit;
mod flow;
pub mod keys;
pub mod limits;
mod release;
mod sampling;
mod segment;
pub mod services;
mod session;
mod tombstone;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use weir_inspect::policy::Policy;
use weir_proto::{Access, Event};
use weir_reassembly::packet::{self, Flags, Packet, ParseError};
use weir_reassembly::time::Time;

use context::Context;
pub use counters::Counters;
#[cfg(test)]
use flow::Dir;
use flow::{Flow, FlowKey, FlowTable, Slot};
use keys::Keys;
pub use limits::Limits;
pub use services::ServiceBytes;

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

/// How an engine is to work; fixed for its life.
#[derive(Clone, Debug, Default)]
pub struct EngineSettings {
    /// Look into packets at all. Off: everything is sent on (the benchmark's "inspection off").
    pub inspect: bool,
    /// Nothing is ever sent or edited: a mirror port, or a capture file.
    pub passive: bool,
    /// A port is a veth: its other end may leave checksums to hardware that isn't there, and Weir completes them. (One in
    /// 65,536 packets that were damaged on a real wire looks the same.)
    pub partial_checksums: bool,
    /// Ask for the bypass of flows that nobody reads any more ([`Engine::poll_order`]).
    pub bypass: bool,
    /// Report every request as an `http` event, not only those with a finding.
    pub log_requests: bool,
    /// What `Time(0)` is, in microseconds since the Unix epoch, for the timestamps of events.
    pub epoch_us: u64,
    /// By which equal values can be told from each other without telling what they are.
    pub keys: Keys,
    /// Tells the flow ids of workers and restarts apart: the upper bits of the first id.
    pub first_flow_id: u64,
    /// Caps.
    pub limits: Limits,
}

/// All that one worker knows: its flows, its policy, its counters.
pub struct Engine<B> {
    cx: Context,
    flows: FlowTable<B>,
}

impl<B: Buffer> Engine<B> {
    /// An engine with no flows.
    pub fn new(settings: EngineSettings, policy: Arc<Policy>) -> Engine<B> {
        policy.prepare();
        let flows = FlowTable::new(settings.limits.flows);
        Engine { cx: Context::new(settings, policy), flows }
    }

    /// Puts a policy in force for everything that begins from now on. Messages under way end under the old one.
    pub fn set_policy(&mut self, policy: Arc<Policy>) {
        policy.prepare();
        self.cx.services.follow(&policy);
        self.cx.policy = policy;
    }

    /// Takes one packet that arrived by `from`; everything that follows from it goes through `io`.
    pub fn handle<I: Io<Buf = B>>(&mut self, io: &mut I, now: Time, from: Side, mut buf: B) {
        self.cx.counters.received += 1;
        if !self.cx.settings.inspect {
            return self.cx.finish(io, from.peer(), buf, Reason::NotInspected);
        }
        let packet = match packet::parse(buf.bytes()) {
            Ok(packet) => packet,
            Err(error) => return self.not_followed(io, from, buf, error),
        };
        if self.cx.settings.partial_checksums
            && edit::complete_partial_checksum(buf.bytes_mut(), &packet)
        {
            self.cx.counters.completed_checksums += 1;
        }
        match self.find_or_open(io, now, from, buf.bytes(), &packet) {
            Opening::Flow(slot) => self.in_flow(io, now, from, slot, packet, buf),
            Opening::None(reason) => self.cx.finish(io, from.peer(), buf, reason),
        }
    }

    /// What is no TCP packet. Fragments of TCP can't be inspected; they follow the policy's exceptions.
    fn not_followed<I: Io<Buf = B>>(&mut self, io: &mut I, from: Side, buf: B, e: ParseError) {
        let reason = match e {
            ParseError::NotIp | ParseError::NotTcp => Reason::NotInspected,
            ParseError::Malformed(_) => Reason::Malformed,
            ParseError::Fragment => {
                self.cx.exception_for_packet(weir_inspect::policy::Cause::Undecodable)
            }
        };
        self.cx.finish(io, from.peer(), buf, reason);
    }

    fn in_flow<I: Io<Buf = B>>(
        &mut self,
        io: &mut I,
        now: Time,
        from: Side,
        slot: Slot,
        packet: Packet,
        buf: B,
    ) {
        let Some(flow) = self.flows.get_mut(slot) else {
            return self.cx.finish(io, from.peer(), buf, Reason::NotInspected);
        };
        let waited = flow.waiting();
        segment::handle(&mut self.cx, io, now, slot, flow, packet, buf);
        self.cx.waiting = (self.cx.waiting + flow.waiting()).saturating_sub(waited);
        if flow.closed {
            self.forget(io, slot, "closed");
        }
    }

    /// The flow of a packet, opened if the packet opens one.
    fn find_or_open<I: Io<Buf = B>>(
        &mut self,
        io: &mut I,
        now: Time,
        from: Side,
        frame: &[u8],
        p: &Packet,
    ) -> Opening {
        let key = FlowKey::of(p);
        let opens = p.flags.has(Flags::SYN) && !p.flags.has(Flags::ACK);
        let passive = self.cx.settings.passive;
        let valid = || passive || edit::checksum_is_right(frame, p);
        if let Some(slot) = self.flows.find(&key) {
            if p.flags.has(Flags::SYN)
                && let Some(flow) = self.flows.get_mut(slot)
            {
                bypass::end(&mut self.cx, flow);
            }
            let over = opens && self.flows.get_mut(slot).is_some_and(|f| f.is_over(p)) && valid();
            if !over {
                return Opening::Flow(slot);
            }
            self.forget(io, slot, "tcp_reuse");
        }
        let policy = &self.cx.policy;
        let to_server = policy.flow_relevant(p.dst, p.dst_port, p.vlans);
        let to_client = !opens && policy.flow_relevant(p.src, p.src_port, p.vlans);
        if !to_server && !to_client {
            self.cx.no_rule(p, opens);
            return Opening::None(Reason::NotInspected);
        }
        if !opens && (p.data == p.end || p.flags.has(Flags::RST)) {
            // A pure acknowledgement of a flow that nobody knows says nothing; its next data is picked up.
            return Opening::None(Reason::NotInspected);
        }
        if !valid() {
            return Opening::None(Reason::BadChecksum);
        }
        if self.flows.is_full() {
            match self.flows.eviction_candidate() {
                Some(slot) => {
                    self.cx.counters.flows_evicted += 1;
                    self.forget(io, slot, "evicted");
                }
                None => {
                    let cause = weir_inspect::policy::Cause::Overload;
                    return Opening::None(self.cx.exception_for_packet(cause));
                }
            }
        }
        // Where both ends could be a service, the one with the lower port is.
        let toward_server = opens || (to_server && (!to_client || p.dst_port <= p.src_port));
        let flow = self.cx.open(now, from, key, p, toward_server);
        match self.flows.insert(flow) {
            Some(slot) => Opening::Flow(slot),
            None => Opening::None(Reason::NotInspected),
        }
    }

    /// Removes a flow; packets that wait in it are dropped.
    fn forget<I: Io<Buf = B>>(&mut self, io: &mut I, slot: Slot, why: &'static str) {
        let Some(mut flow) = self.flows.remove(slot) else { return };
        self.cx.waiting = self.cx.waiting.saturating_sub(flow.waiting());
        release::drop_waiting(&mut self.cx, io, &mut flow, Reason::Absorbed);
        bypass::end(&mut self.cx, &mut flow);
        flow.session.ended(&mut self.cx, &flow.conn, flow.seen);
        self.cx.flow_ended(&flow, why);
    }

    /// Does what is due, also at the end of each batch of packets: lets heads of undecided segments go, releases expired holds, repeats answers of tombstones, forgets idle flows. Cheap when
    /// nothing is due.
    pub fn tick<I: Io<Buf = B>>(&mut self, io: &mut I, now: Time) {
        let mut undecided = std::mem::take(&mut self.cx.undecided);
        for (slot, dir) in undecided.drain(..) {
            if let Some(flow) = self.flows.get_mut(slot) {
                release::split_undecided(&mut self.cx, io, now, slot, flow, dir);
            }
        }
        self.cx.undecided = undecided;
        while let Some(due) = self.cx.next_due(now) {
            if let Some(flow) = self.flows.get_mut(due.slot) {
                let waited = flow.waiting();
                release::due(&mut self.cx, io, now, flow, &due);
                self.cx.waiting = (self.cx.waiting + flow.waiting()).saturating_sub(waited);
                if flow.closed {
                    self.forget(io, due.slot, "closed");
                }
            }
        }
        let limits = &self.cx.settings.limits;
        let (idle, closing) = (limits.idle, limits.closing);
        let gone = |f: &Flow<B>| now.since(f.seen) > if f.is_settled() { idle } else { closing };
        let stuck = |f: &Flow<B>| f.waiting() > 0 && now.since(f.seen) > closing;
        let Some(slot) = self.flows.sweep(|f| gone(f) || stuck(f)) else { return };
        match self.flows.get_mut(slot) {
            Some(flow) if !gone(flow) => {
                self.cx.waiting = self.cx.waiting.saturating_sub(flow.waiting());
                release::drop_waiting(&mut self.cx, io, flow, Reason::Absorbed);
            }
            _ => self.forget(io, slot, "timeout"),
        }
    }

    /// When [`Engine::tick`] has something to do next.
    pub fn next_deadline(&self) -> Option<Time> {
        self.cx.next_deadline()
    }

    /// How many received packets wait in the engine at this moment.
    pub fn held(&self) -> usize {
        self.cx.waiting
    }

    /// How many flows there are.
    pub fn flows(&self) -> usize {
        self.flows.len()
    }

    /// The counters so far.
    pub fn counters(&self) -> &Counters {
        &self.cx.counters
    }

    /// The bytes of each service so far.
    pub fn services(&self) -> &ServiceBytes {
        &self.cx.services
    }

    /// The oldest change of a bypass not yet taken. They are to be carried out in this order, before any packet is sent
    /// that was given to `io` meanwhile.
    pub fn poll_order(&mut self) -> Option<bypass::Order> {
        self.cx.orders.pop_front()
    }

    /// The oldest event not yet taken.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.cx.events.pop_front()
    }

    /// How many requests a second to tell of to whoever learns, and how many with the shapes of their bodies; 0: none.
    pub fn sample(&mut self, per_second: u32, shapes_per_second: u32) {
        self.cx.sampling.set(per_second);
        self.cx.shapes.set(shapes_per_second);
    }

    /// The oldest access record not yet taken.
    pub fn poll_record(&mut self) -> Option<Access> {
        self.cx.records.pop_front()
    }

    /// Ends all flows (end of a capture): bodies that end with the connection end, and waiting packets are dropped.
    pub fn shut_down<I: Io<Buf = B>>(&mut self, io: &mut I) {
        while let Some(slot) = self.flows.any() {
            if let Some(flow) = self.flows.get_mut(slot) {
                segment::finish_streams(&mut self.cx, flow);
            }
            self.forget(io, slot, "shutdown");
        }
    }
}

/// What [`Engine::find_or_open`] found.
enum Opening {
    Flow(Slot),
    None(Reason),
}
