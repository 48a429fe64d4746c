//! What the daemon knows: the policy that should be in force, the data plane as last heard of, and the events.

pub(super) mod blocks;
mod learnt;
pub(super) mod model;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use weir_inspect::policy::{Diagnostic, Policy, Severity};
use weir_proto::{
    AccessBatch, ApplyPolicy, BlockAnswer, EventBatch, EventsAck, Hello, PolicyResult, Sample,
    ToDataPlane,
};
use weir_proto::{eve, to_data_plane::Message};

use super::access::{Access, Wanted};
use super::eventlog::{EventLog, lock};
use super::learning::{Learning, Question};
use super::store::{Revision, Store};

use super::{DaemonError, Settings, failed};

/// How long `apply` waits for the data plane: compiling a large policy takes seconds.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// Messages that may wait for one data plane.
const QUEUE: usize = 16;

/// The daemon's state, shared by the control socket and the API.
#[derive(Debug)]
pub(super) struct Hub {
    /// Held over a whole `apply`: one at a time.
    store: tokio::sync::Mutex<Store>,
    current: Mutex<Option<Arc<Revision>>>,
    /// Held over a whole request about blocked sources: one at a time.
    block_turn: tokio::sync::Mutex<()>,
    link: Mutex<Link>,
    access: Mutex<Access>,
    models: model::Models,
    pub events: Arc<EventLog>,
    /// None where the settings want nothing learnt.
    learning: Option<Learning>,
}

/// The data plane as last heard of; what it said outlives its connection.
#[derive(Debug, Default)]
struct Link {
    /// Number of the latest connection, so that an older one's end is not mistaken for its.
    connection: u64,
    sender: Option<mpsc::Sender<ToDataPlane>>,
    hello: Hello,
    /// Of what was learnt.
    told: learnt::Told,
    last_seen: Option<Instant>,
    samples: Vec<Sample>,
    /// The event that is expected next from the process of `hello`.
    next_seq: u64,
    lost: u64,
    duplicates: u64,
    /// The data plane's last refusal, until it takes a policy.
    refused: Option<PolicyResult>,
    answer: Option<(u64, oneshot::Sender<PolicyResult>)>,
    /// Number of the last request about blocked sources.
    block_id: u64,
    block_answer: Option<(u64, oneshot::Sender<BlockAnswer>)>,
}

/// What became of a policy that was to be applied.
#[derive(Debug)]
pub(super) enum Applied {
    /// Refused here; nothing has changed.
    Invalid(Vec<weir_proto::Diagnostic>),
    /// Refused by the data plane; nothing has changed.
    Refused(PolicyResult),
    /// In force.
    InForce(PolicyResult),
    /// Stored, and in force as soon as the data plane hears of it; the sentence says why it has not yet.
    Stored { revision: u64, why: &'static str, warnings: Vec<weir_proto::Diagnostic> },
}

/// A connection's place in the hub.
pub(super) struct Registered {
    pub id: u64,
    pub messages: mpsc::Receiver<ToDataPlane>,
}

impl Hub {
    pub(super) fn open(settings: &Settings) -> Result<Hub, DaemonError> {
        let (store, current) = Store::open(&settings.state_dir)
            .map_err(failed("open the policy store", &settings.state_dir))?;
        let events = EventLog::open(&settings.events)
            .map_err(failed("write events to", settings.events.file.clone().unwrap_or_default()))?;
        let events = Arc::new(events);
        let source = current.as_ref().map(|revision| revision.source.clone());
        let start =
            || Learning::start(&settings.learning, &settings.state_dir, events.clone(), source);
        let learning = settings.learning.enabled.then(start).transpose();
        let learning = learning.map_err(failed("keep what is learnt in", &settings.state_dir))?;
        Ok(Hub {
            learning,
            store: tokio::sync::Mutex::new(store),
            current: Mutex::new(current.map(Arc::new)),
            block_turn: tokio::sync::Mutex::default(),
            link: Mutex::new(Link::default()),
            access: Mutex::default(),
            models: model::Models::open(&settings.state_dir)
                .map_err(failed("open the behaviour model in", &settings.state_dir))?,
            events,
        })
    }

    /// The policy that should be in force.
    pub(super) fn current(&self) -> Option<Arc<Revision>> {
        lock(&self.current).clone()
    }

    // ---- the data plane's side ----

    /// A data plane has said hello: it replaces any other, and is sent the policy that should be in force.
    pub(super) fn connected(&self, hello: Hello) -> Registered {
        let (sender, messages) = mpsc::channel(QUEUE);
        if let Some(current) = self.current() {
            let _ = sender.try_send(apply_message(&current)); // an empty queue takes it
        }
        if let Some(message) = self.models.for_new(&hello) {
            let _ = sender.try_send(message); // and one more
        }
        if let Some(learning) = &self.learning {
            let ask = learning.ask;
            let ask = ToDataPlane { message: Some(Message::AccessRequest(ask)) };
            let _ = sender.try_send(ask); // as above
        }
        let mut link = lock(&self.link);
        if (hello.pid, hello.start_time_us) != (link.hello.pid, link.hello.start_time_us) {
            link.next_seq = 0;
            link.lost = 0;
            link.samples.clear();
        }
        link.connection += 1;
        link.sender = Some(sender);
        link.hello = hello;
        link.last_seen = Some(Instant::now());
        link.told = learnt::Told::default();
        link.answer = None;
        link.block_answer = None;
        Registered { id: link.connection, messages }
    }

    /// A connection has ended.
    pub(super) fn disconnected(&self, id: u64) {
        let mut link = lock(&self.link);
        if link.connection == id {
            link.sender = None;
            link.answer = None;
            link.block_answer = None;
        }
    }

    /// Counters have come.
    pub(super) fn counted(&self, samples: Vec<Sample>) {
        let mut link = lock(&self.link);
        link.samples = samples;
        link.last_seen = Some(Instant::now());
        self.tell_learnt(&mut link);
    }

    /// Events have come: stores those that are new, and returns the acknowledgement.
    pub(super) fn store_events(&self, batch: EventBatch) -> ToDataPlane {
        let end = batch.seq + batch.events.len() as u64;
        let known = {
            let mut link = lock(&self.link);
            let known = link.next_seq.saturating_sub(batch.seq).min(batch.events.len() as u64);
            link.next_seq = link.next_seq.max(end);
            link.lost = batch.lost_total;
            link.duplicates += known;
            link.last_seen = Some(Instant::now());
            usize::try_from(known).unwrap_or(usize::MAX)
        };
        let new = batch.events.get(known..).unwrap_or_default();
        let mut access = lock(&self.access);
        new.iter().for_each(|event| access.add(event));
        drop(access);
        self.events.append(new);
        ToDataPlane { message: Some(Message::EventsAck(EventsAck { next_seq: end })) }
    }

    /// Access records have come.
    pub(super) fn records(&self, batch: AccessBatch) {
        if let Some(learning) = &self.learning {
            learning.take(batch.records, batch.lost_total);
        }
    }

    /// The data plane has answered to a policy.
    pub(super) fn answered(&self, result: PolicyResult) {
        let mut link = lock(&self.link);
        if result.ok {
            link.hello.policy_revision = result.revision;
            link.hello.policy_mode = result.policy_mode.clone();
        }
        link.refused = (!result.ok).then(|| result.clone());
        if link.answer.as_ref().is_some_and(|(revision, _)| *revision == result.revision)
            && let Some((_, answer)) = link.answer.take()
        {
            let _ = answer.send(result); // nobody waits any more
        }
    }

    // ---- the operator's side ----

    /// Checks a policy, stores it, sends it to the data plane and waits for its answer.
    pub(super) async fn apply(&self, source: String) -> Result<Applied, DaemonError> {
        let (compiled, source) =
            tokio::task::spawn_blocking(move || (Policy::compile(&source).map(|c| c.1), source))
                .await
                .map_err(|e| failed("check", "the policy")(std::io::Error::other(e)))?;
        let warnings = match compiled {
            Ok(warnings) => warnings.iter().map(to_proto).collect::<Vec<_>>(),
            Err(errors) => return Ok(Applied::Invalid(errors.iter().map(to_proto).collect())),
        };
        let mut store = self.store.lock().await;
        let seen = lock(&self.link).hello.policy_revision;
        let revision = store.add(&source, seen).map_err(failed("store", "the policy"))?;
        let number = revision.number;
        let answer = self.send(&revision).await;
        if let Ok(result) = &answer
            && !result.ok
        {
            store.remove(number).map_err(failed("remove", "the refused policy"))?;
            return Ok(Applied::Refused(result.clone()));
        }
        store.set_current(number).map_err(failed("store", "the policy"))?;
        if let Some(learning) = &self.learning {
            tokio::task::block_in_place(|| learning.follow(revision.source.clone()));
        }
        *lock(&self.current) = Some(Arc::new(revision));
        Ok(match answer {
            Ok(result) => Applied::InForce(result),
            Err(why) => {
                // A data plane that connected meanwhile was sent the revision before this one.
                self.send_current();
                Applied::Stored { revision: number, why, warnings }
            }
        })
    }

    fn send_current(&self) {
        let sender = lock(&self.link).sender.clone();
        if let (Some(sender), Some(current)) = (sender, self.current()) {
            let _ = sender.try_send(apply_message(&current)); // full: it is sent when it reconnects
        }
    }

    /// Sends a revision and waits; the error says why there is no answer.
    async fn send(&self, revision: &Revision) -> Result<PolicyResult, &'static str> {
        let (answer, answered) = oneshot::channel();
        let sender = {
            let mut link = lock(&self.link);
            link.answer = Some((revision.number, answer));
            link.sender.clone().ok_or("the data plane is not connected")?
        };
        sender.try_send(apply_message(revision)).map_err(|_| "the data plane does not read")?;
        match tokio::time::timeout(ANSWER_WITHIN, answered).await {
            Ok(Ok(result)) => Ok(result),
            Ok(Err(_)) => Err("the data plane disconnected before it answered"),
            Err(_) => Err("the data plane did not answer in time"),
        }
    }

    /// Whether a data plane is connected.
    pub(super) fn is_connected(&self) -> bool {
        lock(&self.link).sender.is_some()
    }

    /// The data plane's counters, as long as it is connected.
    pub(super) fn samples(&self) -> Vec<Sample> {
        let link = lock(&self.link);
        if link.sender.is_some() { link.samples.clone() } else { Vec::new() }
    }

    /// The daemon's own counters.
    pub(super) fn own_samples(&self) -> Vec<Sample> {
        let link = lock(&self.link);
        let connected = f64::from(u8::from(link.sender.is_some()));
        let current = self.current().map_or(0, |r| r.number);
        let mut all = vec![
            Sample::gauge("dataplane_connected", &[], connected),
            Sample::count("dataplane_connections_total", &[], link.connection),
            Sample::gauge("policy_revision", &[("process", "mgmt")], current as f64),
            Sample::count("events_lost_total", &[], link.lost),
            Sample::count("mgmt_events_duplicate_total", &[], link.duplicates),
            Sample::count("mgmt_events_unwritten_total", &[], self.events.unwritten()),
            Sample::gauge("mgmt_info", &[("version", env!("CARGO_PKG_VERSION"))], 1.0),
        ];
        if link.sender.is_some() {
            let revision = link.hello.policy_revision as f64;
            all.push(Sample::gauge("policy_revision", &[("process", "dataplane")], revision));
            let age = link.last_seen.map_or(0.0, |t| t.elapsed().as_secs_f64());
            all.push(Sample::gauge("dataplane_silent_seconds", &[], age));
        }
        let stored = self.events.stored();
        all.extend(stored.iter().map(|(t, n)| Sample::count("events_total", &[("type", t)], *n)));
        all.extend(self.learning.iter().flat_map(Learning::samples));
        all
    }

    /// Asks what was learnt; the error is a sentence.
    pub(super) fn learnt(&self, question: Question) -> Result<Value, String> {
        let off = "nothing is learnt: `learning` is not `enabled` in the settings of weir-mgmt";
        self.learning.as_ref().ok_or(off)?.ask(question)
    }

    /// Keeps what was learnt, and learns no more.
    pub(super) fn stop_learning(&self) {
        self.learning.iter().for_each(Learning::stop);
    }

    /// Who touched what in the last day.
    pub(super) fn access(&self, wanted: &Wanted) -> Value {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        lock(&self.access).to_json(wanted, now.as_micros() as u64)
    }

    /// What `weir status` prints.
    pub(super) fn status(&self) -> Value {
        let current = self.current();
        let link = lock(&self.link);
        let refused = link
            .refused
            .as_ref()
            .map(|r| json!({ "revision": r.revision, "diagnostics": diagnostics(&r.diagnostics) }));
        let hello = &link.hello;
        let dataplane = json!({
            "connected": link.sender.is_some(),
            "silent_seconds": link.last_seen.map(|t| t.elapsed().as_secs()),
            "version": hello.version,
            "pid": hello.pid,
            "started": eve::timestamp(hello.start_time_us),
            "workers": hello.workers,
            "policy_revision": hello.policy_revision,
            "mode": hello.policy_mode,
            "refused": refused,
        });
        let stored: u64 = self.events.stored().values().sum();
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "policy_revision": current.as_ref().map(|r| r.number),
            "mode": current.as_ref().and_then(|r| mode_of(&r.source)),
            "dataplane": if link.last_seen.is_some() { dataplane } else { json!({ "connected": false }) },
            "events": { "stored": stored, "lost": link.lost, "unwritten": self.events.unwritten() },
            "services": services(&link.samples),
        })
    }
}

fn apply_message(r: &Revision) -> ToDataPlane {
    let policy = ApplyPolicy { revision: r.number, source: r.source.clone() };
    ToDataPlane { message: Some(Message::ApplyPolicy(policy)) }
}

fn mode_of(source: &str) -> Option<&'static str> {
    Policy::compile(source).ok().map(|(p, _)| p.mode().name())
}

fn to_proto(d: &Diagnostic) -> weir_proto::Diagnostic {
    weir_proto::Diagnostic {
        line: u32::try_from(d.line).unwrap_or(u32::MAX),
        column: u32::try_from(d.column).unwrap_or(u32::MAX),
        warning: d.severity == Severity::Warning,
        message: d.message.clone(),
        file: d.file.clone().unwrap_or_default(),
    }
}

/// Diagnostics as the API writes them.
pub(super) fn diagnostics(all: &[weir_proto::Diagnostic]) -> Vec<Value> {
    let one = |d: &weir_proto::Diagnostic| {
        let severity = if d.warning { "warning" } else { "error" };
        json!({
            "file": d.file, "line": d.line, "column": d.column, "severity": severity, "message": d.message,
        })
    };
    all.iter().map(one).collect()
}

/// The share of its bytes that Weir could read, by service: what it can't see it must say.
fn services(samples: &[Sample]) -> Vec<Value> {
    let mut bytes: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
    for s in samples.iter().filter(|s| s.name == "service_bytes_total") {
        let entry = bytes.entry(s.label("service").unwrap_or_default()).or_default();
        entry.1 += s.as_f64();
        if s.label("read") == Some("true") {
            entry.0 += s.as_f64();
        }
    }
    let one = |(service, (read, all)): (&str, (f64, f64))| {
        let share = if all > 0.0 { Some(read / all) } else { None };
        json!({ "service": service, "bytes": all, "bytes_read": read, "share_read": share })
    };
    bytes.into_iter().map(one).collect()
}
