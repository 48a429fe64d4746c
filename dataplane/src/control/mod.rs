//! The data plane's end of the control socket: events and counters go out, policy comes in.
//!
//! One thread of its own, beside the workers. Workers share two things with it and wait for neither: the policy in force
//! (an arc swap that they load) and a queue of events each (full: counted as lost). The management process may be
//! absent, stopped or killed: the thread reconnects for ever, and keeps the last events meanwhile.

mod client;
mod endpoints;
mod kept;
mod model;
mod outbox;
mod suspects;
#[cfg(test)]
mod tests;
mod wire;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use std::{io, ptr};

use arc_swap::ArcSwap;
use crossbeam::queue::ArrayQueue;
use crossbeam::utils::CachePadded;
use weir_inspect::policy::{Diagnostic, Policy};
use weir_proto::event::Body;
use weir_proto::{Access, Anomaly, BlockAnswer, BlockRequest, Event, Sample};

pub use endpoints::initial_endpoints;
pub use kept::Kept;
pub use model::initial_model;

/// Events that one worker may have queued for the control thread, which drains the queues fifty times a second.
pub const WORKER_QUEUE: usize = 4096;

/// Access records that one worker may have queued; beyond it they are lost, and counted. More than a second's at the rate that
/// the management process asks for.
pub const RECORD_QUEUE: usize = 1024;

/// Events kept while the management process is away; beyond it the oldest are lost, and counted.
pub const OUTBOX: usize = 16384;

/// How long the control thread waits for the workers to take a policy before it says that it is in force: an idle one wakes
/// after [`HEARTBEAT_IDLE`](crate::xdp::HEARTBEAT_IDLE), and a batch that is under way ends.
const TAKEN_WITHIN: Duration = Duration::from_millis(200);
const TAKEN_POLL: Duration = Duration::from_micros(200);

/// How the control thread is set up.
#[derive(Clone, Debug)]
pub struct ControlSettings {
    /// Where the management process listens.
    pub socket: PathBuf,
    /// Where the last good policy is kept.
    pub state_dir: PathBuf,
    /// Events kept while the management process is away ([`OUTBOX`]).
    pub outbox: usize,
}

/// Something that happened to Weir itself; `detail` is a sentence.
pub fn system_event(what: &str, detail: String, timestamp_us: u64) -> Event {
    let (r#type, event) = ("system".to_owned(), what.to_owned());
    let anomaly = Anomaly { r#type, event, detail, ..Anomaly::default() };
    Event { timestamp_us, body: Some(Body::Anomaly(anomaly)), ..Event::default() }
}

/// What the workers and the control thread share. None of it is a lock.
#[derive(Debug)]
pub struct Shared {
    /// The policy in force. Workers load it; the control thread replaces it between two packets.
    pub policy: ArcSwap<Policy>,
    /// Where the policy lies that each worker judges with; null before its first turn.
    taken: Vec<CachePadded<AtomicPtr<Policy>>>,
    /// The revision of the policy in force; 0: not from the management process.
    pub revision: AtomicU64,
    /// The revision of the behaviour model, which is a part of the policy's handle; 0: not from the management process.
    pub model_revision: AtomicU64,
    /// The list of learnt endpoints, likewise.
    pub endpoints_revision: AtomicU64,
    /// One queue a worker.
    pub events: Vec<ArrayQueue<Event>>,
    /// Events that found their queue, or the outbox, full.
    pub events_lost: AtomicU64,
    /// Access records a second that are asked of each worker; 0: none.
    pub sampled: AtomicU32,
    /// Of them so many with the shapes of their bodies.
    pub shaped: AtomicU32,
    /// One queue a worker.
    pub records: Vec<ArrayQueue<Access>>,
    /// Access records that found their queue full, or nobody who takes them.
    pub records_lost: AtomicU64,
}

impl Shared {
    /// With this policy in force, and a queue for each worker.
    pub fn new(policy: Policy, revision: u64, workers: usize) -> Shared {
        Shared {
            policy: ArcSwap::from_pointee(policy),
            taken: (0..workers).map(|_| CachePadded::default()).collect(),
            revision: AtomicU64::new(revision),
            model_revision: AtomicU64::new(0),
            endpoints_revision: AtomicU64::new(0),
            events: (0..workers).map(|_| ArrayQueue::new(WORKER_QUEUE)).collect(),
            events_lost: AtomicU64::new(0),
            sampled: AtomicU32::new(0),
            shaped: AtomicU32::new(0),
            records: (0..workers).map(|_| ArrayQueue::new(RECORD_QUEUE)).collect(),
            records_lost: AtomicU64::new(0),
        }
    }

    /// Says that a worker judges with this policy from its next packet on.
    pub fn has_taken(&self, worker: usize, policy: &Arc<Policy>) {
        if let Some(taken) = self.taken.get(worker) {
            taken.store(Arc::as_ptr(policy).cast_mut(), Ordering::Release);
        }
    }

    /// Waits until all workers judge with the policy in force; false if one of them did not take it in time.
    fn is_taken_by_all(&self) -> bool {
        let policy = self.policy.load_full();
        let by_all = || {
            let mut all = self.taken.iter();
            all.all(|t| ptr::eq(t.load(Ordering::Acquire), Arc::as_ptr(&policy)))
        };
        let deadline = Instant::now() + TAKEN_WITHIN;
        while !by_all() {
            if Instant::now() >= deadline {
                return false;
            }
            thread::sleep(TAKEN_POLL);
        }
        true
    }

    /// Queues a worker's access record, or counts it as lost. Never waits.
    pub fn record(&self, worker: usize, record: Access) {
        let queued = self.records.get(worker).is_some_and(|q| q.push(record).is_ok());
        if !queued {
            self.records_lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Queues a worker's event, or counts it as lost. Never waits.
    pub fn emit(&self, worker: usize, event: Event) {
        let queued = self.events.get(worker).is_some_and(|q| q.push(event).is_ok());
        if !queued {
            self.events_lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Why the data plane has no policy to start with.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The kept policy can't be read.
    #[error("can't read the policy kept in {dir}: {error}; mend or remove {dir}/policy.yaml", dir = .dir.display())]
    Kept {
        /// The state directory.
        dir: PathBuf,
        /// What went wrong.
        error: io::Error,
    },
    /// The policy does not compile.
    #[error("the policy of {from} is refused:\n{}", lines(.diagnostics))]
    Refused {
        /// Where the source came from.
        from: String,
        /// What is wrong with it.
        diagnostics: Vec<Diagnostic>,
    },
}

fn lines(diagnostics: &[Diagnostic]) -> String {
    diagnostics.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// The policy to start with, and its revision: the one kept in `state_dir`, else the one given (name and source).
/// None if there is neither.
pub fn initial_policy(
    state_dir: &Path,
    given: Option<(&str, &str)>,
) -> Result<Option<(Policy, u64)>, StartError> {
    let kept = Kept::load(state_dir, Kept::POLICY)
        .map_err(|error| StartError::Kept { dir: state_dir.to_owned(), error })?;
    let (from, source, revision) = match (&kept, given) {
        (Some(k), _) => (state_dir.display().to_string(), k.source.as_str(), k.revision),
        (None, Some((name, source))) => (name.to_owned(), source, 0),
        (None, None) => return Ok(None),
    };
    match Policy::compile(source) {
        Ok((policy, _warnings)) => Ok(Some((policy, revision))),
        Err(diagnostics) => Err(StartError::Refused { from, diagnostics }),
    }
}

/// The running control thread. Dropping it sends what it can without waiting, and ends the thread.
#[derive(Debug)]
pub struct Control {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Control {
    /// Starts the thread. `counters` is called about once a second for the values to report, `blocks` for each of the
    /// operator's requests about blocked sources.
    pub fn start(
        settings: ControlSettings,
        shared: Arc<Shared>,
        counters: impl Fn() -> Vec<Sample> + Send + 'static,
        blocks: impl Fn(&BlockRequest) -> BlockAnswer + Send + 'static,
    ) -> io::Result<Control> {
        let stop = Arc::new(AtomicBool::new(false));
        let client = client::Client::new(settings, shared, Box::new(counters), Box::new(blocks));
        let stopped = stop.clone();
        let thread = std::thread::Builder::new()
            .name("weir-control".into())
            .spawn(move || client.run(&stopped))?;
        Ok(Control { stop, thread: Some(thread) })
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
