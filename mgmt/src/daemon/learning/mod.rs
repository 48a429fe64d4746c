//! What is learnt while traffic goes by: endpoints, who calls whom, and what departs from what is usual.
//!
//! ```text
//!   control ──records──► queue ──► thread: learner ──► anomalies ──► event log
//!   api ─────questions──►  │          │   ▲
//!                    full: counted    └───┴── files: each so many seconds, and at the end
//! ```
//!
//! The thread is alone with what it knows. Nobody waits for it but who asks it something.

mod answer;
mod callers;
mod learner;
mod record;
mod state;
mod suspects;

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use std::{io, thread};

use serde_json::Value;
use tokio::sync::oneshot;
use weir_proto::{Access, AccessRequest, Sample};

use super::eventlog::{EventLog, lock};
use super::settings::LearningSettings;
use super::store::Revision;
pub(super) use answer::Question;
use learner::Learner;
pub(super) use suspects::Named;

/// Messages that may wait for the thread, of up to 64 records each; beyond it records are lost, and counted.
const QUEUE: usize = 256;
/// How often the clock is looked at if nothing comes.
const TICK: Duration = Duration::from_secs(1);

enum Message {
    Records(Vec<Access>),
    Ask(Question, oneshot::Sender<Result<Value, String>>),
    Policy(String),
    Stop,
}

/// What the metrics say of it.
#[derive(Debug, Default)]
struct Seen {
    records: AtomicU64,
    dropped: AtomicU64,
    /// Lost in the data plane, as it says.
    lost: AtomicU64,
    samples: Mutex<Vec<Sample>>,
    endpoints: Mutex<Option<Arc<Revision>>>,
    suspects: Mutex<Named>,
}

/// The thread, from outside.
#[derive(Debug)]
pub(super) struct Learning {
    queue: SyncSender<Message>,
    seen: Arc<Seen>,
    thread: Mutex<Option<JoinHandle<()>>>,
    /// What to ask the data plane for.
    pub ask: AccessRequest,
}

impl Learning {
    /// Reads what was learnt before, and starts. `policy`: the source in force.
    pub(super) fn start(
        settings: &LearningSettings,
        state_dir: &Path,
        events: Arc<EventLog>,
        policy: Option<String>,
    ) -> io::Result<Learning> {
        let (queue, messages) = sync_channel(QUEUE);
        let seen = Arc::new(Seen::default());
        let dir = state_dir.join("learnt");
        std::fs::create_dir_all(&dir)?;
        let save_every = Duration::from_secs(settings.save_seconds.max(1));
        let told = Arc::clone(&seen);
        let mut learner = Learner::open(
            &dir,
            events,
            Duration::from_secs(settings.behaviour_hours.max(1) * 3_600),
        )?;
        let run = move || {
            policy.into_iter().for_each(|source| learner.follow(&source));
            run(&mut learner, &messages, &told, save_every);
        };
        let thread = thread::Builder::new().name("weir-learning".into()).spawn(run)?;
        let thread = Mutex::new(Some(thread));
        let ask = AccessRequest {
            per_second: settings.per_second,
            shapes_per_second: settings.shapes_per_second,
        };
        Ok(Learning { queue, seen, thread, ask })
    }

    /// Takes records if there is room for them. Never waits.
    pub(super) fn take(&self, records: Vec<Access>, lost: u64) {
        self.seen.lost.store(lost, Ordering::Relaxed);
        let count = records.len() as u64;
        match self.queue.try_send(Message::Records(records)) {
            Ok(()) => self.seen.records.fetch_add(count, Ordering::Relaxed),
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.seen.dropped.fetch_add(count, Ordering::Relaxed)
            }
        };
    }

    /// From now on this policy names services. Blocks while the queue is full.
    pub(super) fn follow(&self, source: String) {
        let _ = self.queue.send(Message::Policy(source)); // a thread that has ended learns nothing
    }

    /// Asks; the error is a sentence. Blocks while the queue is full.
    pub(super) fn ask(&self, question: Question) -> Result<Value, String> {
        let (answer, answered) = oneshot::channel();
        let gone = || "the learner has ended; see the log of weir-mgmt".to_owned();
        self.queue.send(Message::Ask(question, answer)).map_err(|_| gone())?;
        answered.blocking_recv().map_err(|_| gone())?
    }

    /// Keeps what was learnt, and ends the thread.
    pub(super) fn stop(&self) {
        let _ = self.queue.send(Message::Stop);
        if let Some(thread) = lock(&self.thread).take()
            && thread.join().is_err()
        {
            tracing::error!("the learner has ended before it could keep what it learnt last");
        }
    }

    /// The endpoints that data planes should know, as a list that is numbered by what it holds; none before any was learnt.
    pub(super) fn endpoints(&self) -> Option<Arc<Revision>> {
        lock(&self.seen.endpoints).clone()
    }

    /// Who is behind an attack.
    pub(super) fn suspects(&self) -> Named {
        lock(&self.seen.suspects).clone()
    }

    /// For the metrics.
    pub(super) fn samples(&self) -> Vec<Sample> {
        let count =
            |name, value: &AtomicU64| Sample::count(name, &[], value.load(Ordering::Relaxed));
        let mut all = vec![
            count("learning_records_total", &self.seen.records),
            count("learning_records_dropped_total", &self.seen.dropped),
            count("learning_records_lost_total", &self.seen.lost),
        ];
        all.extend(lock(&self.seen.samples).iter().cloned());
        all
    }
}

fn run(learner: &mut Learner, messages: &Receiver<Message>, seen: &Seen, save_every: Duration) {
    let (mut saved, mut ticked) = (Instant::now(), Instant::now());
    loop {
        match messages.recv_timeout(TICK) {
            Ok(Message::Records(records)) => records.iter().for_each(|r| learner.take(r)),
            Ok(Message::Ask(question, answer)) => {
                let _ = answer.send(learner.answer(question)); // who asked may have gone
            }
            Ok(Message::Policy(source)) => learner.follow(&source),
            Err(RecvTimeoutError::Timeout) => {}
            Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => break,
        }
        lock(&seen.endpoints).clone_from(&learner.list);
        lock(&seen.suspects).clone_from(learner.suspects.named());
        if ticked.elapsed() >= TICK {
            ticked = Instant::now();
            learner.tick();
            *lock(&seen.samples) = learner.samples();
        }
        if saved.elapsed() >= save_every {
            learner.save();
            saved = Instant::now();
        }
    }
    learner.save();
}
