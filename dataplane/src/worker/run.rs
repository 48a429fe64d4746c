//! The loop of one worker. Reads as the packet's journey; everything it calls is bounded.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use weir_inspect::policy::Policy;
use weir_reassembly::time::Time;

use super::clock::{self, now};
use super::handover::MeshEnd;
use super::report::Report;
use super::rest::Rest;
use super::urgency::Urgency;
use crate::control::Shared;
use crate::engine::bypass::Order;
use crate::engine::{Buffer, Counters, Engine, Io, Side};
use crate::port::{BATCH, Frame, Ports};
use crate::reason::Reason;
use crate::xdp::{Heartbeat, Prefix, Xdp, XdpError};

/// How often the counters are published.
const PUBLISH_EVERY: Duration = Duration::from_millis(10);
/// How often the kernel's loss counters are read, which is a system call a port.
const LOSSES_EVERY: Duration = Duration::from_secs(1);
/// Packets after which the heart beats again within a batch: packets that are slow to inspect must not look like death.
const BEAT_EVERY: usize = 8;
/// How long a worker that stops goes on sending what it has queued.
const DRAIN: Duration = Duration::from_millis(100);

/// All that one worker owns.
pub(super) struct Worker<'u> {
    pub ports: Ports<'u>,
    pub engine: Engine<Frame<'u>>,
    /// Which of the process's workers this is.
    pub index: usize,
    pub shared: Arc<Shared>,
    /// The policy that the engine has.
    pub policy: Arc<Policy>,
    pub mesh: MeshEnd,
    pub xdp: Arc<Xdp>,
    pub heartbeat: Heartbeat,
    pub rest: Rest,
    pub urgency: Urgency,
    pub report: Arc<Report>,
    pub stop: Arc<AtomicBool>,
}

/// What the worker counts beside the engine.
#[derive(Default)]
struct Own {
    counters: Counters,
    handed_over: u64,
    published: Time,
    losses_read: Time,
    frames_were_missing: bool,
}

impl Own {
    /// A packet that never reached an engine.
    fn dropped(&mut self, reason: Reason) {
        self.counters.received += 1;
        self.counters.end(reason);
    }
}

impl<'u> Worker<'u> {
    /// Runs until `stop` is set. An error is one of the system's that no waiting mends.
    pub(super) fn run(mut self) -> io::Result<()> {
        let mut own = Own::default();
        let mut batch = Vec::with_capacity(BATCH);
        while !self.stop.load(Ordering::Relaxed) {
            let now = now();
            self.heartbeat.beat(now.0);
            self.take_policy();
            let (worked, more) = self.receive(&mut own, &mut batch, now);
            let deadline = self.engine.next_deadline();
            if deadline.is_some_and(|at| at <= now) {
                self.engine.tick(&mut self.ports, now);
            }
            self.orders();
            self.mesh.notify();
            self.ports.turn();
            self.give_away();
            self.publish(&mut own, now);
            let deadline = self.engine.next_deadline();
            self.rest.between_turns(&mut self.ports, &self.mesh, now, worked, more, deadline)?;
        }
        self.drain()?;
        own.published = Time(0);
        self.publish(&mut own, now());
        Ok(())
    }

    /// Takes a new policy, before any packet that arrived after it.
    fn take_policy(&mut self) {
        let policy = self.shared.policy.load();
        if !Arc::ptr_eq(&policy, &self.policy) {
            self.policy = Arc::clone(&policy);
            self.engine.set_policy(Arc::clone(&policy));
        }
        self.shared.has_taken(self.index, &self.policy);
    }

    /// Gives events and access records away.
    fn give_away(&mut self) {
        while let Some(event) = self.engine.poll_event() {
            self.shared.emit(self.index, event);
        }
        let [records, shapes] = [&self.shared.sampled, &self.shared.shaped];
        self.engine.sample(records.load(Ordering::Relaxed), shapes.load(Ordering::Relaxed));
        while let Some(record) = self.engine.poll_record() {
            self.shared.record(self.index, record);
        }
    }

    /// Tells the XDP program which flows need not come any more, which must again, and whose packets to drop; before
    /// anything is sent.
    fn orders(&mut self) {
        while let Some(order) = self.engine.poll_order() {
            let done = match order {
                Order::DropSource { source, until } => self.drop_source(source, until),
                Order::Begin { flow, from_seq, until } => self.xdp.bypass(&flow, from_seq, until.0),
                Order::End { flow } => self.xdp.end_bypass(&flow).map(drop),
            };
            if let Err(error) = done {
                tracing::error!(%error, ?order, "the XDP program can't be told");
            }
        }
    }

    fn drop_source(&self, source: IpAddr, until: Time) -> Result<(), XdpError> {
        tracing::info!(%source, "its packets are dropped, as a rule says");
        self.xdp.block(Prefix::host(source), until.0)
    }

    /// One batch from each source. Returns whether there was anything, and whether there is certainly more.
    fn receive(&mut self, own: &mut Own, batch: &mut Vec<Frame<'u>>, now: Time) -> (bool, bool) {
        let mut most = 0;
        for side in [Side::A, Side::B] {
            most = most.max(self.ports.receive(side, batch));
            batch.first().into_iter().for_each(Frame::prefetch);
            let mut packets = batch.drain(..);
            let mut n = 0;
            while let Some(frame) = packets.next() {
                n += 1;
                if let Some(next) = packets.as_slice().first() {
                    next.prefetch();
                }
                if n % BEAT_EVERY == 0 {
                    self.heartbeat.beat(clock::now().0);
                }
                self.dispatch(own, now, side, frame);
            }
        }
        let Worker { mesh, ports, engine, .. } = self;
        let handed = mesh.collect(BATCH, |side, bytes| match copy(ports, bytes) {
            Some(frame) => engine.handle(ports, now, side, frame),
            None => own.dropped(Reason::NoFrame),
        });
        (most + handed > 0, most == BATCH || handed >= BATCH)
    }

    /// To the engine, or to the worker that owns the flow.
    #[inline]
    fn dispatch(&mut self, own: &mut Own, now: Time, side: Side, frame: Frame<'u>) {
        let Some(owner) = self.mesh.other_owner(frame.bytes()) else {
            self.engine.handle(&mut self.ports, now, side, frame);
            return;
        };
        if self.mesh.hand_over(owner, side, frame.bytes()) {
            own.handed_over += 1;
        } else {
            own.dropped(Reason::HandoverFull);
        }
        self.ports.free(frame);
    }

    fn publish(&mut self, own: &mut Own, now: Time) {
        if now.since(own.published) < PUBLISH_EVERY {
            return;
        }
        own.published = now;
        if let Err(error) = self.urgency.adapt(self.engine.counters().received, now) {
            tracing::warn!(worker = self.index, %error, "the worker keeps its scheduling class");
        }
        let frames = self.ports.count(0, self.engine.held());
        let flows = self.engine.flows();
        self.report.publish_services(self.engine.services());
        self.report.publish(self.engine.counters(), &own.counters, &frames, own.handed_over, flows);
        if frames.missing() != 0 && !own.frames_were_missing {
            own.frames_were_missing = true;
            tracing::error!(?frames, "frames are lost or owned twice; please report this as a bug");
        }
        if now.since(own.losses_read) >= LOSSES_EVERY {
            own.losses_read = now;
            self.report.publish_losses(&self.ports.losses());
        }
    }

    /// Sends what is queued, for a bounded time.
    fn drain(&mut self) -> io::Result<()> {
        let deadline = now() + DRAIN;
        while self.ports.count(0, 0).sending > 0 && now() < deadline {
            self.ports.kick()?;
            self.ports.turn();
            std::thread::yield_now();
        }
        self.report.publish_losses(&self.ports.losses());
        Ok(())
    }
}

/// A frame of this worker's with the packet that another worker handed over.
fn copy<'u>(ports: &mut Ports<'u>, bytes: &[u8]) -> Option<Frame<'u>> {
    let mut frame = ports.alloc()?;
    if frame.fill_from(bytes) {
        return Some(frame);
    }
    ports.free(frame);
    None
}
