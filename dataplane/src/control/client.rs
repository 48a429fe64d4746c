//! The control thread's loop: drain, connect, send, receive, sleep a little.

use std::net::IpAddr;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::poll::{PollFd, PollFlags, poll};
use weir_inspect::policy::{Diagnostic, Policy, Severity};
use weir_proto::{
    AccessBatch, ApplyPolicy, BlockAnswer, BlockRequest, Counters, Hello, PROTOCOL_VERSION,
    PolicyResult, Sample, to_data_plane, to_management,
};

use super::outbox::Outbox;
use super::wire::{Wire, WireError};
use super::{ControlSettings, Kept, RECORD_QUEUE, Shared};

/// How often the queues are drained; a message from the management process ends the sleep early.
const PERIOD: Duration = Duration::from_millis(20);

/// Most access records in a message. The longest has five fields of 2 KB, which may become 6 KB as UTF-8: far below the longest message.
const MAX_RECORDS: usize = 64;

/// How often counters are reported; it is also how the management process knows that the data plane lives.
const COUNTERS_EVERY: Duration = Duration::from_secs(1);

/// The first wait before connecting again, doubled each time up to [`BACKOFF_MAX`].
const BACKOFF_MIN: Duration = Duration::from_millis(50);
const BACKOFF_MAX: Duration = Duration::from_secs(1);

/// Answers a request about blocked sources.
pub(super) type Blocks = Box<dyn Fn(&BlockRequest) -> BlockAnswer + Send>;

pub(super) struct Client {
    pub(super) settings: ControlSettings,
    pub(super) shared: Arc<Shared>,
    counters: Box<dyn Fn() -> Vec<Sample> + Send>,
    blocks: Blocks,
    outbox: Outbox,
    started: SystemTime,
    wire: Option<Wire>,
    backoff: Duration,
    connect_at: Instant,
    counters_at: Instant,
    /// The source in force if the management process sent it: the same one again is not compiled again.
    source: Option<String>,
    /// Who is behind an attack, and until when.
    pub(super) suspects: Vec<(IpAddr, Instant)>,
}

impl Client {
    pub(super) fn new(
        settings: ControlSettings,
        shared: Arc<Shared>,
        counters: Box<dyn Fn() -> Vec<Sample> + Send>,
        blocks: Blocks,
    ) -> Client {
        let now = Instant::now();
        let revision = shared.revision.load(Ordering::Relaxed);
        let kept = Kept::load(&settings.state_dir, Kept::POLICY).ok().flatten();
        let source = kept.filter(|k| k.revision == revision).map(|k| k.source);
        Client {
            outbox: Outbox::new(settings.outbox),
            settings,
            shared,
            counters,
            blocks,
            started: SystemTime::now(),
            wire: None,
            backoff: BACKOFF_MIN,
            connect_at: now,
            counters_at: now,
            source,
            suspects: Vec::new(),
        }
    }

    /// Runs until `stop`.
    pub(super) fn run(mut self, stop: &AtomicBool) {
        while !stop.load(Ordering::Relaxed) {
            self.turn();
            self.sleep();
        }
        self.turn(); // the last events of the workers, as far as the socket takes them
    }

    /// One turn of the loop. Nothing in it waits.
    fn turn(&mut self) {
        self.drain();
        self.end_rules();
        self.end_suspicions();
        let mut wire = self.wire.take().or_else(|| self.connect());
        if let Some(w) = &mut wire
            && let Err(e) = self.exchange(w)
        {
            tracing::warn!("control connection ended: {e}");
            // Nobody learns any more.
            self.shared.sampled.store(0, Ordering::Relaxed);
            self.shared.shaped.store(0, Ordering::Relaxed);
            let lost = self.outbox.disconnected();
            self.count_lost(lost);
            self.connect_at = Instant::now() + self.backoff;
            wire = None;
        }
        self.wire = wire;
    }

    fn sleep(&self) {
        let Some(wire) = &self.wire else { return thread::sleep(PERIOD) };
        let mut events = PollFlags::POLLIN;
        events.set(PollFlags::POLLOUT, wire.is_sending());
        // An error here (EINTR) only makes the sleep shorter.
        let _ = poll(&mut [PollFd::new(wire.as_fd(), events)], PERIOD.as_millis() as u16);
    }

    /// Empties the workers' queues, at most one queue's length each, so that a turn is bounded.
    fn drain(&mut self) {
        let mut lost = 0;
        for queue in &self.shared.events {
            for _ in 0..queue.capacity() {
                let Some(event) = queue.pop() else { break };
                lost += self.outbox.add(event);
            }
        }
        self.count_lost(lost);
    }

    /// Takes out the rules that have ended.
    fn end_rules(&self) {
        let policy = self.shared.policy.load();
        let today = policy.at(SystemTime::now());
        if today.differs_in_time(&policy) {
            tracing::info!("a rule of the policy has ended");
            self.shared.policy.store(Arc::new(today));
        }
    }

    fn count_lost(&self, lost: u64) {
        self.shared.events_lost.fetch_add(lost, Ordering::Relaxed);
    }

    fn connect(&mut self) -> Option<Wire> {
        let now = Instant::now();
        if now < self.connect_at {
            return None;
        }
        match Wire::connect(&self.settings.socket) {
            Ok(mut wire) => {
                tracing::info!("connected to {}", self.settings.socket.display());
                wire.send(to_management::Message::Hello(self.hello())).ok()?;
                self.backoff = BACKOFF_MIN;
                self.counters_at = now;
                Some(wire)
            }
            Err(e) => {
                tracing::debug!("can't connect to {}: {e}", self.settings.socket.display());
                self.backoff = (self.backoff * 2).min(BACKOFF_MAX);
                self.connect_at = now + self.backoff;
                None
            }
        }
    }

    fn hello(&self) -> Hello {
        let started = self.started.duration_since(UNIX_EPOCH).unwrap_or_default();
        Hello {
            protocol: PROTOCOL_VERSION,
            version: env!("CARGO_PKG_VERSION").into(),
            pid: std::process::id(),
            start_time_us: u64::try_from(started.as_micros()).unwrap_or(u64::MAX),
            workers: u32::try_from(self.shared.events.len()).unwrap_or(u32::MAX),
            policy_revision: self.shared.revision.load(Ordering::Relaxed),
            policy_mode: self.mode(),
            model_revision: self.shared.model_revision.load(Ordering::Relaxed),
            endpoints_revision: self.shared.endpoints_revision.load(Ordering::Relaxed),
        }
    }

    fn exchange(&mut self, wire: &mut Wire) -> Result<(), WireError> {
        while let Some(message) = wire.receive()? {
            match message.message {
                Some(to_data_plane::Message::ApplyPolicy(p)) => {
                    let result = self.apply(p);
                    wire.send(to_management::Message::PolicyResult(result))?;
                }
                Some(to_data_plane::Message::ApplyModel(model)) => {
                    let result = self.apply_model(model);
                    wire.send(to_management::Message::ModelResult(result))?;
                }
                Some(to_data_plane::Message::ApplyEndpoints(list)) => {
                    let result = self.apply_endpoints(list);
                    wire.send(to_management::Message::EndpointsResult(result))?;
                }
                Some(to_data_plane::Message::Suspects(named)) => self.suspect(&named),
                Some(to_data_plane::Message::EventsAck(a)) => self.outbox.acknowledge(a.next_seq),
                Some(to_data_plane::Message::BlockRequest(request)) => {
                    let answer = (self.blocks)(&request);
                    wire.send(to_management::Message::BlockAnswer(answer))?;
                }
                Some(to_data_plane::Message::AccessRequest(request)) => {
                    let workers = u32::try_from(self.shared.records.len()).unwrap_or(u32::MAX);
                    let each = |all: u32| all.div_ceil(workers.max(1));
                    self.shared.sampled.store(each(request.per_second), Ordering::Relaxed);
                    self.shared.shaped.store(each(request.shapes_per_second), Ordering::Relaxed);
                }
                None => {} // from a newer management process
            }
        }
        let now = Instant::now();
        if now >= self.counters_at && wire.has_room() {
            let samples = (self.counters)();
            wire.send(to_management::Message::Counters(Counters { samples }))?;
            self.counters_at = now + COUNTERS_EVERY;
        }
        while wire.has_room()
            && let Some(b) = self.outbox.batch(self.shared.events_lost.load(Ordering::Relaxed))
        {
            wire.send(to_management::Message::Events(b))?;
        }
        self.send_records(wire)?;
        wire.flush()
    }

    /// Sends the access records that there are, after the events. Those for which there is no room are lost.
    fn send_records(&self, wire: &mut Wire) -> Result<(), WireError> {
        let queues = self.shared.records.iter();
        let mut all =
            queues.flat_map(|q| std::iter::from_fn(|| q.pop()).take(RECORD_QUEUE)).peekable();
        while wire.has_room() && all.peek().is_some() {
            let records = all.by_ref().take(MAX_RECORDS).collect();
            let lost_total = self.shared.records_lost.load(Ordering::Relaxed);
            wire.send(to_management::Message::Access(AccessBatch { records, lost_total }))?;
        }
        let lost = all.count() as u64;
        self.shared.records_lost.fetch_add(lost, Ordering::Relaxed);
        Ok(())
    }

    /// Compiles and publishes a policy while packets go on under the old one, which stays if the new one is refused.
    fn apply(&mut self, ApplyPolicy { revision, source }: ApplyPolicy) -> PolicyResult {
        let mut diagnostics = Vec::new();
        if self.source.as_ref() != Some(&source) {
            match Policy::compile(&source) {
                Ok((mut policy, warnings)) => {
                    policy.inherit(&self.shared.policy.load());
                    // Here, so that no worker has to.
                    policy.prepare();
                    self.shared.policy.store(Arc::new(policy));
                    if !self.shared.is_taken_by_all() {
                        tracing::warn!("a worker is late to take policy revision {revision}");
                    }
                    diagnostics.extend(warnings.iter().map(diagnostic));
                }
                Err(errors) => {
                    tracing::warn!("policy revision {revision} refused; the old one stays");
                    let diagnostics = errors.iter().map(diagnostic).collect();
                    return self.result(revision, false, diagnostics);
                }
            }
        }
        self.shared.revision.store(revision, Ordering::Relaxed);
        let kept = Kept { revision, source };
        if let Err(e) = kept.store(&self.settings.state_dir, Kept::POLICY) {
            let dir = self.settings.state_dir.display();
            let message = format!("in force, but not kept for the next start: {dir}: {e}");
            tracing::error!("policy revision {revision} is {message}");
            diagnostics.push(weir_proto::Diagnostic {
                warning: true,
                message,
                ..Default::default()
            });
        }
        self.source = Some(kept.source);
        tracing::info!("policy revision {revision} in force");
        self.result(revision, true, diagnostics)
    }

    fn result(
        &self,
        revision: u64,
        ok: bool,
        diagnostics: Vec<weir_proto::Diagnostic>,
    ) -> PolicyResult {
        PolicyResult { revision, ok, diagnostics, policy_mode: self.mode() }
    }

    /// The mode in force, as policies write it.
    fn mode(&self) -> String {
        self.shared.policy.load().mode().name().into()
    }
}

fn diagnostic(d: &Diagnostic) -> weir_proto::Diagnostic {
    weir_proto::Diagnostic {
        line: u32::try_from(d.line).unwrap_or(u32::MAX),
        column: u32::try_from(d.column).unwrap_or(u32::MAX),
        warning: d.severity == Severity::Warning,
        message: d.message.clone(),
        file: d.file.clone().unwrap_or_default(),
    }
}
