//! A daemon in a directory of its own, and a data plane for it.

// What goes wrong here fails the test that uses it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use weir_proto::frame::{Decoder, encode};
use weir_proto::to_management::Message;
use weir_proto::{
    Access, AccessBatch, ApplyPolicy, Counters, Diagnostic, Event, EventBatch, Hello,
    PROTOCOL_VERSION, PolicyResult, Sample, ToDataPlane, ToManagement, to_data_plane,
};

/// Longest that anything here may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A policy that compiles.
pub fn policy(mode: &str) -> String {
    format!(
        "# a comment stays\nversion: 1\nmode: {mode}\nservices:\n  - name: shop\n    ports: [80]\nrules:\n  - name: cards\n    detect: [payment-card]\n    action: alert\n"
    )
}

/// Waits until something is so, or fails.
pub fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// What a program printed, and how it ended.
#[derive(Debug)]
pub struct Ended {
    pub status: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Ended {
    pub fn ok(&self) -> bool {
        self.status == Some(0)
    }
}

/// A program that runs; killed when dropped.
pub struct Running {
    child: Child,
    out: BufReader<std::process::ChildStdout>,
}

impl Running {
    fn new(command: &mut Command) -> Running {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Running { child, out }
    }

    /// The next line that it prints.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.out.read_line(&mut line).unwrap();
        line
    }

    /// Waits for its end.
    pub fn finish(&mut self) -> Ended {
        let (mut out, mut err) = (String::new(), String::new());
        self.out.read_to_string(&mut out).unwrap();
        self.child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        Ended { status: self.child.wait().unwrap().code(), out, err }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The daemon, its directory and its TCP port.
pub struct Bench {
    dir: PathBuf,
    daemon: Option<Running>,
    port: u16,
}

impl Bench {
    /// Starts a daemon and waits until it listens.
    pub fn start(name: &str) -> Bench {
        Bench::start_with(name, "")
    }

    /// The same with more lines of settings.
    pub fn start_with(name: &str, more: &str) -> Bench {
        let dir = std::env::temp_dir().join(format!("weir-mgmt-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).unwrap();
        let mut bench = Bench { dir: dir.join("own"), daemon: None, port: 0 };
        let at = |name: &str| bench.path(name).display().to_string();
        let settings = format!(
            "control: {}\napi: {}\nlisten: 127.0.0.1:0\nstate-dir: {}\nevents:\n  file: {}\n  max-bytes: 8192\n  rotated: 2\n{more}",
            at("control.sock"),
            at("api.sock"),
            at("state"),
            at("events.jsonl"),
        );
        bench.file("mgmt.yaml", &settings);
        bench.restart();
        bench
    }

    fn daemon(&self) -> Running {
        let mut command = Command::new(env!("CARGO_BIN_EXE_weir-mgmt"));
        Running::new(command.arg("--settings").arg(self.dir.with_file_name("mgmt.yaml")))
    }

    /// Starts the daemon (again).
    pub fn restart(&mut self) {
        let mut daemon = self.daemon();
        let log = daemon.child.stderr.take().unwrap();
        let mut log = BufReader::new(log).lines();
        let port = log.find_map(|line| {
            let line = line.unwrap();
            let rest = line.split_once("http://127.0.0.1:")?.1;
            rest.split_once('/')?.0.parse().ok()
        });
        self.port = port.expect("the daemon says where it listens");
        // Somebody must read what else it says, or it would stop at a full pipe.
        std::thread::spawn(move || log.for_each(drop));
        self.daemon = Some(daemon);
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.daemon.take();
    }

    /// Ends the daemon as `systemctl stop` does, and waits until it has.
    pub fn stop(&mut self) {
        let mut daemon = self.daemon.take().unwrap();
        let pid = nix::unistd::Pid::from_raw(daemon.child.id() as i32);
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
        wait_for("the daemon's end", || daemon.child.try_wait().unwrap().is_some());
    }

    /// A second daemon with the same settings, which must end by itself.
    pub fn another_daemon(&self, within: Duration) -> Ended {
        let mut second = self.daemon();
        let deadline = Instant::now() + within;
        while second.child.try_wait().unwrap().is_none() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = second.child.kill();
        second.finish()
    }

    /// The daemon's process id.
    pub fn pid(&self) -> u32 {
        self.daemon.as_ref().unwrap().child.id()
    }

    /// A path in the directory that the daemon makes for itself.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Writes a file beside that directory and returns its path.
    pub fn file(&self, name: &str, text: &str) -> String {
        let path = self.dir.with_file_name(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    /// Starts the command line.
    pub fn spawn(&self, args: &[&str]) -> Running {
        let mut command = Command::new(env!("CARGO_BIN_EXE_weir"));
        Running::new(command.env("WEIR_API", self.path("api.sock")).args(args))
    }

    /// Runs the command line.
    pub fn weir(&self, args: &[&str]) -> Ended {
        self.spawn(args).finish()
    }

    /// `GET` on the TCP port: status and body.
    pub fn http(&self, path: &str) -> (u16, String) {
        self.raw(&format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"))
    }

    /// Sends a request as it stands.
    pub fn raw(&self, request: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap();
        (status, answer.split_once("\r\n\r\n").unwrap().1.to_owned())
    }

    /// `/metrics`, held to the text format: every sample belongs to a family whose type was given.
    pub fn metrics(&self) -> HashMap<String, f64> {
        let (status, text) = self.http("/metrics");
        assert_eq!(status, 200);
        let mut types = HashMap::new();
        let mut samples = HashMap::new();
        for line in text.lines() {
            if let Some(family) = line.strip_prefix("# TYPE ") {
                let (name, kind) = family.split_once(' ').unwrap();
                assert!(["counter", "gauge"].contains(&kind), "{line}");
                assert!(types.insert(name.to_owned(), kind.to_owned()).is_none(), "twice: {line}");
                continue;
            }
            let (series, value) = line.rsplit_once(' ').unwrap();
            let name = series.split('{').next().unwrap();
            assert_eq!(types[name] == "counter", name.ends_with("_total"), "{line}");
            assert!(name.starts_with("weir_"), "{line}");
            assert!(samples.insert(series.to_owned(), value.parse().unwrap()).is_none(), "{line}");
        }
        samples
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.kill();
        let _ = fs::remove_dir_all(self.dir.parent().unwrap());
    }
}

/// A data plane as far as the socket tells.
pub struct DataPlane {
    stream: UnixStream,
    decoder: Decoder,
}

impl DataPlane {
    /// Connects and says hello as the process that started at `start`.
    pub fn connect(bench: &Bench, start: u64) -> DataPlane {
        let stream = UnixStream::connect(bench.path("control.sock")).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut dp = DataPlane { stream, decoder: Decoder::default() };
        dp.send(Message::Hello(Hello {
            protocol: PROTOCOL_VERSION,
            version: "test".into(),
            pid: 1,
            start_time_us: start,
            workers: 1,
            policy_revision: 0,
            policy_mode: "monitor".into(),
            ..Hello::default()
        }));
        dp
    }

    /// Sends what is no message, and waits until the daemon hangs up.
    pub fn garbage(bench: &Bench) {
        let mut stream = UnixStream::connect(bench.path("control.sock")).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(&[0xff; 64]).unwrap();
        assert!(matches!(stream.read(&mut [0; 1]), Ok(0) | Err(_)));
    }

    fn send(&mut self, message: Message) {
        let mut out = Vec::new();
        encode(&ToManagement { message: Some(message) }, &mut out).unwrap();
        self.stream.write_all(&out).unwrap();
    }

    fn receive(&mut self) -> to_data_plane::Message {
        loop {
            if let Some(m) = self.decoder.message::<ToDataPlane>().unwrap() {
                return m.message.unwrap();
            }
            let mut buf = [0; 4096];
            let n = self.stream.read(&mut buf).unwrap();
            assert_ne!(n, 0, "the daemon hung up");
            self.decoder.push(&buf[..n]);
        }
    }

    /// The next policy.
    pub fn policy(&mut self) -> ApplyPolicy {
        loop {
            if let to_data_plane::Message::ApplyPolicy(p) = self.receive() {
                return p;
            }
        }
    }

    /// Answers that the policy is in force.
    pub fn accept(&mut self, policy: &ApplyPolicy, mode: &str) {
        self.send(Message::PolicyResult(PolicyResult {
            revision: policy.revision,
            ok: true,
            diagnostics: Vec::new(),
            policy_mode: mode.into(),
        }));
    }

    /// Answers that it is refused.
    pub fn refuse(&mut self, policy: &ApplyPolicy, line: u32, column: u32, message: &str) {
        let message = message.into();
        let diagnostics = vec![Diagnostic { line, column, message, ..Default::default() }];
        self.send(Message::PolicyResult(PolicyResult {
            revision: policy.revision,
            ok: false,
            diagnostics,
            policy_mode: "enforce".into(),
        }));
    }

    /// How many access records a second the daemon asks for.
    pub fn asked_for(&mut self) -> u32 {
        loop {
            if let to_data_plane::Message::AccessRequest(request) = self.receive() {
                return request.per_second;
            }
        }
    }

    /// Sends access records.
    pub fn records(&mut self, records: Vec<Access>) {
        self.send(Message::Access(AccessBatch { records, lost_total: 0 }));
    }

    /// Sends events and waits for their acknowledgement, which it returns.
    pub fn events(&mut self, seq: u64, lost_total: u64, events: Vec<Event>) -> u64 {
        self.send(Message::Events(EventBatch { events, lost_total, seq }));
        loop {
            if let to_data_plane::Message::EventsAck(ack) = self.receive() {
                return ack.next_seq;
            }
        }
    }

    pub fn counters(&mut self, samples: Vec<Sample>) {
        self.send(Message::Counters(Counters { samples }));
    }

    /// Whether the daemon answers.
    pub fn is_alive(&mut self) -> bool {
        self.events(0, 0, Vec::new()) == 0
    }
}
