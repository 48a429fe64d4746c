//! A veth pair in a network namespace of the test's own, with the XDP program attached, pinned, and run on frames.
#![allow(dead_code)] // each test file uses a part

pub mod frame;

use std::os::fd::{AsFd, FromRawFd, OwnedFd};
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use frame::Frame;
use libbpf_rs::ProgramInput;
use nix::net::if_::if_nametoindex;
use nix::sched::{CloneFlags, unshare};
use nix::time::{ClockId, clock_gettime};
use weir_dataplane::engine::Side;
use weir_dataplane::xdp::{self, Inspect, Loaded, Mode, Ports, Stat, Xdp, XdpSettings};

/// What the program returned (`enum xdp_action`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Drop,
    Pass,
    Redirect,
}

/// The attached program, and a second load of it on the same maps that is run on frames.
pub struct Bench {
    pub xdp: Xdp,
    loaded: Loaded,
    pins: Pins,
    socket: Option<OwnedFd>,
}

impl Bench {
    /// Two ports, each with two queues; no worker.
    pub fn new(inspect: Inspect, fail_open: bool) -> Bench {
        let ports = Ports::Inline { a: "wa".into(), b: "wb".into() };
        Bench::with(ports, inspect, fail_open)
    }

    /// Two ports and a worker that just beat, on queue 0 of port A.
    pub fn alive(inspect: Inspect) -> Bench {
        let mut bench = Bench::new(inspect, false);
        bench.socket = Some(bench.register(0));
        bench.beat();
        bench
    }

    pub fn mirror(inspect: Inspect) -> Bench {
        Bench::with(Ports::Mirror { port: "wa".into() }, inspect, false)
    }

    fn with(ports: Ports, inspect: Inspect, fail_open: bool) -> Bench {
        own_namespace();
        for (port, end) in [("wa", "ea"), ("wb", "eb")] {
            add_veth(port, end);
        }
        let pins = Pins::new();
        let settings =
            XdpSettings { ports, dir: pins.0.clone(), inspect, fail_open, mode: Mode::Native };
        let xdp = Xdp::attach(&settings).unwrap();
        let loaded = Loaded::new(&pins.0, Side::A).unwrap();
        Bench { xdp, loaded, pins, socket: None }
    }

    /// Puts an AF_XDP socket into the queue's slot; it needs no rings, as no packet is really sent.
    pub fn register(&self, queue: u32) -> OwnedFd {
        // SAFETY: socket(2) takes plain numbers, and gives a descriptor that is ours alone.
        let socket = unsafe {
            let fd = libc::socket(libc::AF_XDP, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0);
            assert!(fd >= 0, "{}", std::io::Error::last_os_error());
            OwnedFd::from_raw_fd(fd)
        };
        self.xdp.register_socket(Side::A, queue, socket.as_fd()).unwrap();
        socket
    }

    /// The worker of queue 0 lives, for as long as a test takes: the beat lies in the future.
    pub fn beat(&self) {
        self.xdp.heartbeat(0).unwrap().beat(monotonic_ns() + 600_000_000_000);
    }

    pub fn verdict(&self, frame: &Frame) -> (Action, Stat) {
        self.verdict_of(&frame.bytes())
    }

    pub fn verdict_of(&self, frame: &[u8]) -> (Action, Stat) {
        self.verdict_on(0, frame)
    }

    /// Runs the program on a frame as if it had come by that queue of port A; exactly one counter must move, by one.
    pub fn verdict_on(&self, queue: u32, frame: &[u8]) -> (Action, Stat) {
        let before = self.xdp.stats(Side::A).unwrap();
        // struct xdp_md: data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex
        let port = if_nametoindex("wa").unwrap();
        let mut context: Vec<u8> = [0, frame.len() as u32, 0, port, queue, 0]
            .iter()
            .flat_map(|field| field.to_ne_bytes())
            .collect();
        let input = ProgramInput {
            data_in: Some(frame),
            context_in: Some(&mut context),
            ..Default::default()
        };
        let output = self.loaded.program().unwrap().test_run(input).unwrap();
        let after = self.xdp.stats(Side::A).unwrap();
        let moved: Vec<Stat> =
            Stat::ALL.into_iter().filter(|stat| after.get(*stat) != before.get(*stat)).collect();
        assert_eq!(moved.len(), 1, "counters moved: {moved:?}");
        assert_eq!(after.get(moved[0]), before.get(moved[0]) + 1);
        let action = match output.return_value {
            1 => Action::Drop,
            2 => Action::Pass,
            4 => Action::Redirect,
            other => panic!("the program returned {other}"),
        };
        (action, moved[0])
    }

    /// Waits for what the kernel does a moment later, at most five seconds.
    pub fn until(&self, condition: impl Fn() -> bool) {
        let end = Instant::now() + Duration::from_secs(5);
        while !condition() {
            assert!(Instant::now() < end, "condition not met within five seconds");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// A directory of pins, removed with all that hangs on it when the test ends, however it ends.
pub struct Pins(pub PathBuf);

impl Pins {
    pub fn new() -> Pins {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let instance =
            format!("test-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        Pins(xdp::default_dir(&instance))
    }
}

impl Drop for Pins {
    fn drop(&mut self) {
        let _ = xdp::detach(&self.0);
    }
}

/// Gives this thread (a test, and the commands that it starts) a network of its own, gone with the thread.
pub fn own_namespace() {
    unshare(CloneFlags::CLONE_NEWNET).expect("these tests need root");
}

/// A pair of two queues each way, up; `end` is the far end.
pub fn add_veth(port: &str, end: &str) {
    run(&format!(
        "ip link add {port} numtxqueues 2 numrxqueues 2 type veth peer name {end} numtxqueues 2 numrxqueues 2"
    ));
    run(&format!("ip link set {port} up"));
    run(&format!("ip link set {end} up"));
}

/// Runs a command in this thread's network namespace.
pub fn run(command: &str) -> String {
    let output = Command::new("sh").args(["-c", command]).output().unwrap();
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// CLOCK_MONOTONIC, as the program reads it.
pub fn monotonic_ns() -> u64 {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).unwrap();
    now.tv_sec() as u64 * 1_000_000_000 + now.tv_nsec() as u64
}
