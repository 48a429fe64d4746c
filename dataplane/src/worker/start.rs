//! Starting and stopping the workers.

use std::io;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{SystemTime, UNIX_EPOCH};

use core_affinity::CoreId;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::clock::now;
use super::handover::{Mesh, MeshEnd};
use super::report::{Report, Snapshot};
use super::rest::Rest;
use super::run::Worker;
use super::urgency::{self, Urgency};
use crate::control::Shared;
use crate::engine::keys::Keys;
use crate::engine::{Engine, EngineSettings, Side};
use crate::port::{Memory, PortError, Ports};
use crate::preflight::ethtool::Device;
use crate::settings::{Mode, Placement, Settings};
use crate::xdp::{Xdp, XdpError};

/// Why the workers did not start, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// A port can't be opened.
    #[error(transparent)]
    Port(#[from] PortError),
    /// The XDP program can't be told about a socket.
    #[error(transparent)]
    Xdp(#[from] XdpError),
    /// The worker can't be pinned to its core.
    #[error("worker {worker} can't be pinned to a core: {problem}. Check `workers` and `cores`")]
    Core {
        /// The worker.
        worker: u32,
        /// What is wrong.
        problem: String,
    },
    /// Another call of the system failed.
    #[error("worker {worker}: {source}")]
    System {
        /// The worker.
        worker: u32,
        /// The system's reason.
        source: io::Error,
    },
}

/// The running workers. Dropping them without [`Workers::stop`] leaves the threads running until the process ends.
#[derive(Debug)]
pub struct Workers {
    threads: Vec<JoinHandle<Result<(), WorkerError>>>,
    stop: Arc<AtomicBool>,
    reports: Vec<Arc<Report>>,
}

impl Workers {
    /// Starts one thread per worker and waits until each has its sockets open and registered. If one fails, all are
    /// stopped and its error is returned. A worker that fails later ends the process's wait by a SIGTERM to itself.
    pub fn start(
        settings: &Settings,
        xdp: &Arc<Xdp>,
        shared: &Arc<Shared>,
    ) -> Result<Workers, WorkerError> {
        let engine = engine_settings(settings)
            .map_err(|source| WorkerError::System { worker: 0, source })?;
        let count = settings.workers.get();
        let system = |source| WorkerError::System { worker: 0, source };
        let mesh = Mesh::new(count as usize).map_err(system)?;
        let cores = cores(settings)?;
        let mut workers =
            Workers { threads: Vec::new(), stop: Arc::default(), reports: Vec::new() };
        // One place a worker: nobody ever waits to say that it is ready.
        let (ready, readiness) = sync_channel(count as usize);
        for (index, core) in (0..count).zip(cores) {
            let seat = Seat {
                index,
                core,
                settings: settings.clone(),
                xdp: Arc::clone(xdp),
                mesh: mesh.end(index as usize),
                engine: EngineSettings {
                    first_flow_id: engine.first_flow_id | u64::from(index) << 32,
                    ..engine.clone()
                },
                shared: Arc::clone(shared),
                report: Arc::default(),
                stop: Arc::clone(&workers.stop),
            };
            workers.reports.push(Arc::clone(&seat.report));
            let ready = ready.clone();
            let thread = thread::Builder::new()
                .name(format!("weir-worker-{index}"))
                .spawn(move || seat.work(&ready))
                .map_err(|source| WorkerError::System { worker: index, source })?;
            workers.threads.push(thread);
        }
        drop(ready);
        // Ends early when a worker's end of the channel is dropped without a word.
        if readiness.iter().take(count as usize).count() < count as usize {
            workers.stop()?;
        }
        Ok(workers)
    }

    /// The published numbers of each worker.
    pub fn reports(&self) -> Vec<Snapshot> {
        self.reports.iter().map(|report| report.snapshot()).collect()
    }

    /// The live numbers of each worker, for those who outlive a borrow.
    pub fn report_handles(&self) -> &[Arc<Report>] {
        &self.reports
    }

    /// Lets every worker send what it has queued and end. Returns the first error that any of them met.
    pub fn stop(&mut self) -> Result<(), WorkerError> {
        self.stop.store(true, Ordering::Relaxed);
        let mut result = Ok(());
        for (worker, thread) in self.threads.drain(..).enumerate() {
            let panicked = || WorkerError::System {
                worker: worker as u32,
                source: io::Error::other("the worker panicked; please report this as a bug"),
            };
            let ended = thread.join().unwrap_or_else(|_| Err(panicked()));
            result = result.and(ended);
        }
        result
    }
}

/// The cores for the workers, in order.
fn cores(settings: &Settings) -> Result<Vec<CoreId>, WorkerError> {
    let usable = core_affinity::get_core_ids().unwrap_or_default();
    let count = settings.workers.get();
    if settings.cores.is_empty() {
        if usable.len() < count as usize {
            let problem = format!(
                "the process may use {} cores, fewer than `workers: {count}`",
                usable.len()
            );
            return Err(WorkerError::Core { worker: 0, problem });
        }
        return Ok(usable.into_iter().take(count as usize).collect());
    }
    let mut chosen = Vec::new();
    for (worker, &id) in (0..).zip(&settings.cores) {
        if !usable.iter().any(|core| core.id == id) {
            let problem = format!("the process may not use core {id}");
            return Err(WorkerError::Core { worker, problem });
        }
        chosen.push(CoreId { id });
    }
    Ok(chosen)
}

/// How the engines are to work, for this run of the process.
fn engine_settings(settings: &Settings) -> io::Result<EngineSettings> {
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(EngineSettings {
        inspect: settings.inspection,
        passive: settings.placement == Placement::Mirror,
        partial_checksums: settings.ports.iter().any(|name| is_veth(name)),
        bypass: settings.bypass,
        log_requests: settings.log_requests,
        epoch_us: (wall.as_micros() as u64).saturating_sub(now().0 / 1000),
        keys: Keys::random(settings.token_key)?,
        // Below 2^53, which every JSON reader keeps: 17 bits of the start's second, 4 of the worker, 32 of the flow.
        first_flow_id: (wall.as_secs() & 0x1_ffff) << 36,
        ..EngineSettings::default()
    })
}

fn is_veth(port: &str) -> bool {
    Device::open(port, None).is_ok_and(|device| device.is_veth())
}

/// What a worker's thread is given.
struct Seat {
    index: u32,
    core: CoreId,
    settings: Settings,
    xdp: Arc<Xdp>,
    mesh: MeshEnd,
    engine: EngineSettings,
    shared: Arc<Shared>,
    report: Arc<Report>,
    stop: Arc<AtomicBool>,
}

impl Seat {
    /// The thread's body: opens the ports, says so on `ready`, and works until it is stopped.
    fn work(self, ready: &SyncSender<()>) -> Result<(), WorkerError> {
        let index = self.index;
        if !core_affinity::set_for_current(self.core) {
            let problem = format!("the system refuses core {}", self.core.id);
            return Err(WorkerError::Core { worker: index, problem });
        }
        if let Err(error) = urgency::raise() {
            tracing::warn!(worker = index, %error, "the worker keeps its priority; a busy core may delay it");
        }
        let attempts: &[bool] = match self.settings.mode {
            Mode::Auto => &[true, false],
            Mode::Copy => &[false],
            Mode::ZeroCopy => &[true],
        };
        let mut refused = None;
        for &zero_copy in attempts {
            // A new memory for each attempt: after a failed bind the old one's first socket is spent.
            let mut memory = Memory::new(self.settings.frames)?;
            let (a, b) = (self.settings.device_a(), self.settings.device_b());
            match Ports::open(&mut memory, a, b, index, zero_copy) {
                Ok(ports) => {
                    tracing::info!(worker = index, core = self.core.id, zero_copy, "ports open");
                    return self.serve(ports, ready);
                }
                Err(e) => refused = Some(e),
            }
        }
        refused.map_or(Ok(()), |e| Err(e.into()))
    }

    fn serve(self, ports: Ports<'_>, ready: &SyncSender<()>) -> Result<(), WorkerError> {
        let worker = self.index;
        let heartbeat = self.xdp.heartbeat(worker)?;
        // Alive before the first packet can come.
        heartbeat.beat(now().0);
        let (a, b) = ports.fds();
        for (side, fd) in [(Side::A, Some(a)), (Side::B, b)] {
            if let Some(fd) = fd {
                // SAFETY: the socket is open as long as `ports`, which outlives this borrow.
                let fd = unsafe { BorrowedFd::borrow_raw(fd) };
                self.xdp.register_socket(side, worker, fd)?;
            }
        }
        // The starter may have given up meanwhile; then `stop` is set.
        let _ = ready.send(());
        let policy = self.shared.policy.load_full();
        let ended = Worker {
            ports,
            engine: Engine::new(self.engine, Arc::clone(&policy)),
            index: worker as usize,
            shared: self.shared,
            policy,
            mesh: self.mesh,
            xdp: self.xdp,
            heartbeat: heartbeat.clone(),
            rest: Rest::new(self.settings.busy_poll),
            urgency: Urgency::default(),
            report: self.report,
            stop: self.stop,
        }
        .run();
        heartbeat.stop();
        ended.map_err(|source| {
            let error = WorkerError::System { worker, source };
            tracing::error!(%error, "a worker stopped; stopping the data plane");
            // Whoever waits for signals on behalf of the process ends it in order.
            let _ = kill(Pid::this(), Signal::SIGTERM);
            error
        })
    }
}
