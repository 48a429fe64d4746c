//! What a worker shares between its flows: policy, counters, events, timers, scratch space.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use weir_inspect::clean::Clean;
use weir_inspect::path::Paths;
use weir_inspect::policy::{Cause, ExceptionAction, Policy};
use weir_inspect::scan::Found;
use weir_proto::{Access, Event};
use weir_reassembly::packet::{Flags, Packet};
use weir_reassembly::time::Time;

use super::bypass::Order;
use super::flow::{Conn, Dir, Flow, FlowKey, Lane, Slot, State};
use super::sampling::Sampling;
use super::services::{Reading, Row, ServiceBytes, Unread};
use super::session::{Edit, Session};
use super::{Counters, EngineSettings, Io, Side};
use crate::reason::Reason;

/// Orders of one turn of the worker about addresses, a system call each.
const MAX_ORDERS: usize = 64;

/// Bytes from a stream offset on wait until then.
#[derive(Clone, Copy, Debug)]
pub struct Turn {
    pub at: u64,
    pub until: Time,
}

/// Something that is to happen to a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    pub at: Time,
    pub slot: Slot,
    pub what: Timer,
}

/// What is to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timer {
    /// What was held in this direction up to an offset must go.
    Hold(Dir, u64),
    /// The turn of a throttled request has come.
    Turn(Dir),
    /// A refusal waits no longer, or a tombstone repeats its answer.
    Refusal,
}

impl Ord for Due {
    fn cmp(&self, other: &Due) -> std::cmp::Ordering {
        self.at.cmp(&other.at)
    }
}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Due) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// Follows one message's content, so that findings in it have paths.
pub struct Tracked {
    pub paths: Paths,
    /// Memory of its content, which is counted in `total`.
    counted: usize,
    total: Arc<AtomicUsize>,
}

impl Tracked {
    /// So much memory its content takes. False: that of all messages together takes more than `most` bytes.
    pub fn count(&mut self, memory: usize, most: usize) -> bool {
        if memory == self.counted {
            return true;
        }
        let grown = memory.wrapping_sub(self.counted);
        self.counted = memory;
        self.total.fetch_add(grown, Ordering::Relaxed).wrapping_add(grown) <= most
    }
}

impl Drop for Tracked {
    fn drop(&mut self) {
        self.total.fetch_sub(self.counted, Ordering::Relaxed);
    }
}

/// Followers of content that are kept for the next messages.
const SPARE_TRACKED: usize = 64;

/// Shared between the flows of one worker.
pub struct Context {
    pub settings: EngineSettings,
    pub policy: Arc<Policy>,
    pub counters: Counters,
    /// The bytes of each service.
    pub services: ServiceBytes,
    /// Scratch: the service that the last fed bytes named.
    pub named: Option<Row>,
    pub events: VecDeque<Event>,
    /// Requests for whoever learns.
    pub records: VecDeque<Access>,
    pub sampling: Sampling,
    /// Requests of which the shapes of bodies are told, too.
    pub shapes: Sampling,
    /// What the XDP program is to be told, and the worker has not told it yet.
    pub orders: VecDeque<Order>,
    /// Scratch: the turn for which the request waits that the last fed bytes hold.
    pub turn: Option<Turn>,
    /// Scratch: the edits that the last fed bytes ask for.
    pub edits: Vec<Edit>,
    /// Scratch: findings of one scan.
    pub found: Vec<Found>,
    /// Header values that need not be scanned again, and URLs that need not be searched for attacks.
    pub clean: Clean,
    /// Scratch: a decoded URL.
    pub decoded: Vec<u8>,
    /// Flows that hold segments since this batch.
    pub undecided: Vec<(Slot, Dir)>,
    /// Packets that wait in the flows of this worker.
    pub waiting: usize,
    timers: BinaryHeap<Reverse<Due>>,
    /// Each decoder of a content coding has a clone.
    decoders: Arc<()>,
    /// And each pair of bodies that are kept for their shapes.
    shaped: Arc<()>,
    /// Memory of all [`Tracked`]; they live in sessions that may move to other threads.
    tracked: Arc<AtomicUsize>,
    /// Those that no message uses.
    // Boxes go back and forth between here and the messages.
    #[expect(clippy::vec_box)]
    spare_tracked: Vec<Box<Tracked>>,
    next_flow_id: u64,
}

impl Context {
    pub fn new(settings: EngineSettings, policy: Arc<Policy>) -> Context {
        let next_flow_id = settings.first_flow_id;
        Context {
            clean: Clean::new(settings.keys.values),
            settings,
            services: ServiceBytes::new(&policy),
            policy,
            counters: Counters::default(),
            named: None,
            turn: None,
            events: VecDeque::new(),
            records: VecDeque::new(),
            sampling: Sampling::default(),
            shapes: Sampling::default(),
            orders: VecDeque::new(),
            edits: Vec::new(),
            found: Vec::new(),
            decoded: Vec::new(),
            undecided: Vec::new(),
            waiting: 0,
            timers: BinaryHeap::new(),
            decoders: Arc::new(()),
            shaped: Arc::new(()),
            tracked: Arc::default(),
            spare_tracked: Vec::new(),
            next_flow_id,
        }
    }

    /// Ends a received packet: sends or drops it by its reason, and counts it.
    pub fn finish<I: Io>(&mut self, io: &mut I, out: Side, buf: I::Buf, reason: Reason) {
        if self.settings.passive {
            self.counters.end(Reason::Mirrored);
            return io.free(buf);
        }
        self.counters.end(reason);
        match reason {
            Reason::Forwarded | Reason::Edited | Reason::NotInspected | Reason::ExceptionPass => {
                io.send(out, buf);
            }
            _ => io.free(buf),
        }
    }

    /// Sends a packet of Weir's own.
    pub fn originate<I: Io>(&mut self, io: &mut I, out: Side, buf: I::Buf) {
        if self.settings.passive {
            return io.free(buf);
        }
        self.counters.originated += 1;
        io.send(out, buf);
    }

    /// Messages whose content coding is being undone.
    pub fn decoders_in_use(&self) -> usize {
        Arc::strong_count(&self.decoders) - 1
    }

    /// What a decoder of a content coding keeps as long as it lives.
    pub fn decoder_token(&self) -> Arc<()> {
        Arc::clone(&self.decoders)
    }

    /// Whether the bodies of another request are kept for their shapes, and what stands for them as long as they live.
    pub fn shape_token(&mut self, now: Time) -> Option<Arc<()>> {
        let room = Arc::strong_count(&self.shaped) <= self.settings.limits.shaped;
        (self.shapes.is_on() && room && self.shapes.take(now).is_some())
            .then(|| Arc::clone(&self.shaped))
    }

    /// What follows a message's content.
    pub fn track(&mut self) -> Box<Tracked> {
        let total = &self.tracked;
        let new = || Tracked { paths: Paths::default(), counted: 0, total: Arc::clone(total) };
        self.spare_tracked.pop().unwrap_or_else(|| Box::new(new()))
    }

    /// The message is over: another one may use it.
    pub fn untrack(&mut self, mut tracked: Box<Tracked>) {
        tracked.count(0, usize::MAX);
        if self.spare_tracked.len() < SPARE_TRACKED {
            self.spare_tracked.push(tracked);
        }
    }

    /// Counts an exception and says what the policy wants then.
    pub fn exception(&mut self, cause: Cause) -> ExceptionAction {
        let c = &mut self.counters;
        *match cause {
            Cause::Memory => &mut c.exception_memory,
            Cause::ParserError => &mut c.exception_parser_error,
            Cause::Midstream => &mut c.exception_midstream,
            Cause::Overload => &mut c.exception_overload,
            Cause::Undecodable => &mut c.exception_undecodable,
        } += 1;
        if self.settings.passive { ExceptionAction::Pass } else { self.policy.exception(cause) }
    }

    /// The same where there is no flow to reset.
    pub fn exception_for_packet(&mut self, cause: Cause) -> Reason {
        match self.exception(cause) {
            ExceptionAction::Pass => Reason::ExceptionPass,
            ExceptionAction::Drop | ExceptionAction::Reset => Reason::ExceptionDrop,
        }
    }

    /// The connection's client has named a host: what follows is that service's, until it names another.
    pub fn name_service(&mut self, conn: &Conn, host: Option<&[u8]>) {
        self.named = Some(self.services.find(&self.policy, conn.server, conn.vlans, host));
    }

    /// Called before payload is read; what it returns goes to [`Context::count_payload`].
    pub fn begin_payload(&mut self) -> Unread {
        self.named = None;
        Unread::of(&self.counters)
    }

    /// Counts payload of a flow for its service. What of it passed unread was counted since `before`.
    pub fn count_payload<B>(&mut self, flow: &mut Flow<B>, bytes: u64, before: Unread) {
        flow.service = self.named.take().unwrap_or(flow.service);
        self.services.add_read(flow.service, bytes, before, Unread::of(&self.counters));
    }

    /// Counts the payload of a packet about which there is no rule.
    pub fn no_rule(&mut self, p: &Packet, opens: bool) {
        let bytes = (p.end - p.data) as u64;
        if bytes > 0 {
            let to_server = opens || p.dst_port <= p.src_port;
            let server = if to_server { (p.dst, p.dst_port) } else { (p.src, p.src_port) };
            let row = self.services.find(&self.policy, server, p.vlans, None);
            self.services.add(row, Reading::NoRule, bytes);
        }
    }

    /// A new flow for the packet that opens it.
    pub fn open<B>(
        &mut self,
        now: Time,
        from: Side,
        key: FlowKey,
        p: &Packet,
        toward_server: bool,
    ) -> Flow<B> {
        self.counters.flows_opened += 1;
        self.next_flow_id += 1;
        let (src, dst) = ((p.src, p.src_port), (p.dst, p.dst_port));
        let (client, server) = if toward_server { (src, dst) } else { (dst, src) };
        let mut flow = Flow {
            key,
            service: self.services.find(&self.policy, server, p.vlans, None),
            conn: Conn { id: self.next_flow_id, client, server, vlans: p.vlans },
            client_side: if toward_server { from } else { from.peer() },
            state: State::Inspected,
            to_server: Lane::default(),
            to_client: Lane::default(),
            session: Session::default(),
            refusal: None,
            reopening: None,
            opened: now,
            seen: now,
            established: false,
            midstream: !p.flags.has(Flags::SYN),
            closed: false,
            alerted: false,
        };
        if flow.midstream {
            self.counters.flows_midstream += 1;
            flow.established = true;
            let dir = flow.dir(p);
            flow.lane(dir).half.begin(p.seq);
            flow.lane(dir.reverse()).half.begin(p.ack);
            flow.session = Session::midstream();
        }
        flow
    }

    /// Asks the worker for something. Beyond the cap it is forgotten: the next finding asks again.
    pub fn order(&mut self, order: Order) {
        if self.orders.len() < MAX_ORDERS {
            self.orders.push_back(order);
        }
    }

    /// Asks for something to happen at a time.
    pub fn schedule(&mut self, at: Time, slot: Slot, what: Timer) {
        self.timers.push(Reverse(Due { at, slot, what }));
    }

    /// The next thing that is due by now.
    pub fn next_due(&mut self, now: Time) -> Option<Due> {
        if self.timers.peek()?.0.at > now {
            return None;
        }
        self.timers.pop().map(|d| d.0)
    }

    /// When something is due; at once if a batch left something undecided.
    pub fn next_deadline(&self) -> Option<Time> {
        if !self.undecided.is_empty() {
            return Some(Time(0));
        }
        self.timers.peek().map(|d| d.0.at)
    }

    /// Queues an event; beyond the cap it is lost and counted.
    pub fn tell(&mut self, event: Event) {
        if self.events.len() >= self.settings.limits.events {
            self.counters.events_lost += 1;
            return;
        }
        self.events.push_back(event);
    }

    /// Microseconds since the Unix epoch.
    pub fn wall_clock(&self, now: Time) -> u64 {
        self.settings.epoch_us + now.0 / 1000
    }

    /// Tells the end of a flow, where requests are logged.
    pub fn flow_ended<B>(&mut self, flow: &Flow<B>, why: &'static str) {
        if !self.settings.log_requests {
            return;
        }
        let body = weir_proto::event::Body::Flow(weir_proto::Flow {
            pkts_toserver: flow.to_server.packets,
            pkts_toclient: flow.to_client.packets,
            bytes_toserver: flow.to_server.bytes,
            bytes_toclient: flow.to_client.bytes,
            start_us: self.wall_clock(flow.opened),
            end_us: self.wall_clock(flow.seen),
            state: flow.state_name().to_owned(),
            reason: why.to_owned(),
            alerted: flow.alerted,
            service: String::new(),
        });
        let event = super::session::event(
            self.wall_clock(flow.seen),
            &flow.conn,
            flow.session.app_proto(),
            body,
        );
        self.tell(event);
    }
}
