//! What a worker tells the rest of the process: numbers that it publishes now and then, without a lock.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

use weir_proto::Sample;

use crate::engine::services::{Bytes, MAX_ROWS, OTHER, Reading};
use crate::engine::{Counters, ServiceBytes};
use crate::port::{FrameCount, Losses};
use crate::reason::Reason;

/// The published numbers of one worker. Written by the worker every few milliseconds, read by anyone; each number is
/// right by itself, while two of them may be of different moments.
#[derive(Debug)]
pub struct Report {
    received: AtomicU64,
    named: [AtomicU64; Counters::NAMES.len()],
    flows: AtomicU64,
    reasons: [AtomicU64; Reason::ALL.len()],
    held: AtomicU64,
    free: AtomicU64,
    missing: AtomicI64,
    handed_over: AtomicU64,
    tx_full: AtomicU64,
    rx_ring_full: AtomicU64,
    rx_dropped: AtomicU64,
    services: [ServiceRow; MAX_ROWS],
}

/// The bytes of one service. Its name is set once, before the first number.
#[derive(Debug, Default)]
struct ServiceRow {
    name: OnceLock<Box<str>>,
    bytes: [AtomicU64; Reading::ALL.len()],
}

/// A copy of a [`Report`] as plain numbers.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Packets received and where they ended.
    pub counters: Counters,
    /// Open flows.
    pub flows: u64,
    /// Packets that the engine holds.
    pub held: u64,
    /// Free frames.
    pub free: u64,
    /// Frames lost, [`FrameCount::missing`]: zero, or there is a bug.
    pub missing: i64,
    /// Packets copied to another worker, which counts them as received.
    pub handed_over: u64,
    /// Packets lost at the ports.
    pub losses: Losses,
}

impl Default for Report {
    fn default() -> Report {
        let zero = AtomicU64::default;
        Report {
            received: zero(),
            named: std::array::from_fn(|_| zero()),
            flows: zero(),
            reasons: Default::default(),
            held: zero(),
            free: zero(),
            missing: AtomicI64::default(),
            handed_over: zero(),
            tx_full: zero(),
            rx_ring_full: zero(),
            rx_dropped: zero(),
            services: std::array::from_fn(|_| ServiceRow::default()),
        }
    }
}

impl Report {
    /// Publishes the packet counters and the frames' places.
    pub(super) fn publish(
        &self,
        engine: &Counters,
        own: &Counters,
        frames: &FrameCount,
        handed_over: u64,
        flows: usize,
    ) {
        for (cell, (_, value)) in self.named.iter().zip(engine.named()) {
            cell.store(value, Relaxed);
        }
        self.flows.store(flows as u64, Relaxed);
        self.received.store(engine.received + own.received, Relaxed);
        for ((cell, engine), own) in self.reasons.iter().zip(&engine.reasons).zip(&own.reasons) {
            cell.store(engine + own, Relaxed);
        }
        self.held.store(frames.held as u64, Relaxed);
        self.free.store(frames.free as u64, Relaxed);
        self.missing.store(frames.missing() as i64, Relaxed);
        self.handed_over.store(handed_over, Relaxed);
    }

    /// Publishes the bytes of each service.
    pub(super) fn publish_services(&self, services: &ServiceBytes) {
        for (row, (name, bytes)) in self.services.iter().zip(services.rows()) {
            // This worker is the only one to set it: nobody waits.
            row.name.get_or_init(|| name.into());
            for (cell, value) in row.bytes.iter().zip(bytes) {
                cell.store(*value, Relaxed);
            }
        }
    }

    /// The services with their bytes, as last published.
    fn services(&self) -> impl Iterator<Item = (&str, Bytes)> {
        let bytes = |row: &ServiceRow| {
            std::array::from_fn(|i| row.bytes.get(i).map_or(0, |n| n.load(Relaxed)))
        };
        self.services.iter().map_while(move |row| Some((&**row.name.get()?, bytes(row))))
    }

    /// Publishes the losses, which cost a system call to read.
    pub(super) fn publish_losses(&self, losses: &Losses) {
        self.tx_full.store(losses.tx_full, Relaxed);
        self.rx_ring_full.store(losses.rx_ring_full, Relaxed);
        self.rx_dropped.store(losses.rx_dropped, Relaxed);
    }

    /// The numbers as last published.
    pub fn snapshot(&self) -> Snapshot {
        let named = std::array::from_fn(|i| self.named.get(i).map_or(0, |n| n.load(Relaxed)));
        let mut counters =
            Counters { received: self.received.load(Relaxed), ..Counters::from_named(named) };
        for (to, from) in counters.reasons.iter_mut().zip(&self.reasons) {
            *to = from.load(Relaxed);
        }
        Snapshot {
            counters,
            flows: self.flows.load(Relaxed),
            held: self.held.load(Relaxed),
            free: self.free.load(Relaxed),
            missing: self.missing.load(Relaxed),
            handed_over: self.handed_over.load(Relaxed),
            losses: Losses {
                tx_full: self.tx_full.load(Relaxed),
                rx_ring_full: self.rx_ring_full.load(Relaxed),
                rx_dropped: self.rx_dropped.load(Relaxed),
            },
        }
    }
}

/// The workers' numbers as metrics (`weir_` is put before the names).
pub fn samples(reports: &[Arc<Report>]) -> Vec<Sample> {
    let mut samples = Vec::new();
    for (worker, report) in reports.iter().enumerate() {
        let worker = worker.to_string();
        let s = report.snapshot();
        for reason in Reason::ALL {
            let labels = [("worker", worker.as_str()), ("reason", reason.name())];
            samples.push(Sample::count("packets_total", &labels, s.counters.ended(reason)));
        }
        let label = [("worker", worker.as_str())];
        for (name, value) in s.counters.named() {
            samples.push(Sample::count(&format!("{name}_total"), &label, value));
        }
        samples.push(Sample::count("handed_over_total", &label, s.handed_over));
        samples.push(Sample::count("tx_ring_full_total", &label, s.losses.tx_full));
        samples.push(Sample::count("rx_ring_full_total", &label, s.losses.rx_ring_full));
        samples.push(Sample::count("rx_dropped_total", &label, s.losses.rx_dropped));
        samples.push(Sample::gauge("flows", &label, s.flows as f64));
        samples.push(Sample::gauge("frames_held", &label, s.held as f64));
        samples.push(Sample::gauge("frames_free", &label, s.free as f64));
        samples.push(Sample::gauge("frames_missing", &label, s.missing as f64));
    }
    samples.extend(service_samples(reports));
    samples
}

/// The bytes of each service, over all workers: the label stands for a service, and services are few.
fn service_samples(reports: &[Arc<Report>]) -> Vec<Sample> {
    let mut services: BTreeMap<&str, Bytes> = BTreeMap::new();
    for (name, bytes) in reports.iter().flat_map(|report| report.services()) {
        for (sum, n) in services.entry(name).or_default().iter_mut().zip(bytes) {
            *sum += n;
        }
    }
    services.retain(|name, bytes| *name != OTHER || bytes.iter().any(|n| *n > 0));
    let mut samples = Vec::new();
    for (name, bytes) in services {
        for (reading, bytes) in Reading::ALL.into_iter().zip(bytes) {
            let read = if reading == Reading::Read { "true" } else { "false" };
            let labels = [("service", name), ("read", read), ("reason", reading.reason())];
            samples.push(Sample::count("service_bytes_total", &labels, bytes));
        }
    }
    samples
}
