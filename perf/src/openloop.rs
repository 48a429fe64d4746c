//! An open-loop HTTP/1.1 client: requests leave on a schedule, and latency counts from the intended time.
//!
//! A closed-loop client (wrk) waits for an answer before it asks again, so a stall of the thing measured delays the
//! questions too and hides most of itself. Here a stall is charged to every request that should have left meanwhile.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::prctl::set_timerslack;
use nix::sys::time::TimeSpec;

use weir_tests::{Error, Result, fail};

/// How long after the last intended request answers are still waited for.
const GRACE: Duration = Duration::from_secs(3);
/// Requests of this time from the start are not counted: connections and caches warm up.
pub const WARM_UP: Duration = Duration::from_millis(500);
/// The kernel may wake a sleeper this much later, nanoseconds; the default of 50 µs would show in the figures.
const TIMER_SLACK: u64 = 1_000;

/// A load.
#[derive(Clone, Debug)]
pub struct Load {
    /// The server.
    pub server: SocketAddr,
    /// What to ask for, in turn.
    pub paths: Vec<String>,
    /// Requests a second.
    pub rate: f64,
    /// Connections among which requests are spread; a request waits when all are busy, and its clock runs.
    pub connections: usize,
    /// For how long.
    pub duration: Duration,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// From each request's intended time to the last byte of its answer, sorted.
    pub latencies: Vec<Duration>,
    /// Answers other than 200, and requests never answered.
    pub bad: usize,
}

impl Outcome {
    /// The latency that `share` (0..1) of the requests did not exceed.
    pub fn quantile(&self, share: f64) -> Duration {
        let last = self.latencies.len().saturating_sub(1);
        let at = ((self.latencies.len() as f64 * share) as usize).min(last);
        self.latencies.get(at).copied().unwrap_or_default()
    }
}

/// One connection and the request that is on it.
struct Connection {
    stream: TcpStream,
    /// When the request on it was meant to leave.
    intended: Option<Instant>,
    head: Vec<u8>,
    /// Bytes of the body still to come, once the head is read.
    need: Option<usize>,
    ok: bool,
}

impl Connection {
    fn open(server: SocketAddr) -> std::io::Result<Connection> {
        let stream = TcpStream::connect_timeout(&server, Duration::from_secs(3))?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Connection { stream, intended: None, head: Vec::new(), need: None, ok: false })
    }

    fn ask(&mut self, path: &str, intended: Instant) -> Result<()> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n");
        self.stream.write_all(request.as_bytes())?;
        self.intended = Some(intended);
        self.head.clear();
        self.need = None;
        Ok(())
    }

    /// Reads what is there; whether the answer is now whole.
    fn read(&mut self, buffer: &mut [u8]) -> Result<bool> {
        let mut length = match self.stream.read(buffer) {
            Ok(0) => fail!("the server closed a connection"),
            Ok(n) => n,
            Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(e) => return Err(e.into()),
        };
        if self.need.is_none() {
            self.head.extend(buffer.iter().take(length));
            let Some(end) = self.head.windows(4).position(|w| w == b"\r\n\r\n") else {
                return Ok(false);
            };
            length = self.head.len() - end - 4;
            let head = String::from_utf8_lossy(&self.head).to_ascii_lowercase();
            self.ok = head.starts_with("http/1.1 200");
            let value = head.lines().find_map(|l| l.strip_prefix("content-length:"));
            self.need = value.and_then(|v| v.trim().parse().ok()).or(Some(0));
        }
        self.need = self.need.map(|need| need.saturating_sub(length));
        Ok(self.need == Some(0))
    }
}

/// Runs the load on the calling thread.
pub fn run(load: &Load) -> Result<Outcome> {
    set_timerslack(TIMER_SLACK).map_err(|e| Error::at("timer slack", e))?;
    let open = |_| Connection::open(load.server);
    let mut connections = (0..load.connections).map(open).collect::<std::io::Result<Vec<_>>>()?;
    let mut paths = load.paths.iter().cycle();
    let mut buffer = vec![0; 256 * 1024];
    let mut outcome = Outcome::default();
    let step = Duration::from_secs_f64(1.0 / load.rate);
    let start = Instant::now();
    let end = start + load.duration;
    let mut next = start;
    loop {
        for connection in connections.iter_mut().filter(|c| c.intended.is_none()) {
            if next > Instant::now() || next >= end {
                break;
            }
            connection.ask(paths.next().map_or("/", String::as_str), next)?;
            next += step;
        }
        let now = Instant::now();
        let outstanding = connections.iter().filter(|c| c.intended.is_some()).count();
        if now >= end && (outstanding == 0 || now > end + GRACE) {
            outcome.bad += outstanding;
            break;
        }
        for index in readable(&connections, next.min(end).saturating_duration_since(now))? {
            let Some(connection) = connections.get_mut(index) else { continue };
            if connection.read(&mut buffer)?
                && let Some(intended) = connection.intended.take()
            {
                outcome.bad += usize::from(!connection.ok);
                if intended >= start + WARM_UP {
                    outcome.latencies.push(intended.elapsed());
                }
            }
        }
    }
    outcome.latencies.sort();
    Ok(outcome)
}

/// Waits until something can be read, at most for `wait`, or for a while if there is nothing to send meanwhile.
fn readable(connections: &[Connection], wait: Duration) -> Result<Vec<usize>> {
    let busy = connections.iter().all(|c| c.intended.is_some());
    let wait = if busy || wait.is_zero() { Duration::from_millis(20) } else { wait };
    let mut fds: Vec<PollFd<'_>> =
        connections.iter().map(|c| PollFd::new(c.stream.as_fd(), PollFlags::POLLIN)).collect();
    ppoll(&mut fds, Some(TimeSpec::from_duration(wait)), None)
        .map_err(|e| Error::at("ppoll", e))?;
    let ready = fds.iter().enumerate().filter(|(_, fd)| fd.any().unwrap_or(false));
    Ok(ready.map(|(index, _)| index).collect())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// A server that answers at once, but sleeps once for 200 ms.
    fn server_that_stalls() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut buffer = [0; 4096];
            let mut count = 0;
            while stream.read(&mut buffer).unwrap_or(0) > 0 {
                count += 1;
                if count == 100 {
                    thread::sleep(Duration::from_millis(200));
                }
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
            }
        });
        address
    }

    #[test]
    fn a_stall_is_charged_to_all_that_waited_for_it() {
        let load = Load {
            server: server_that_stalls(),
            paths: vec!["/".into()],
            rate: 100.0,
            connections: 1,
            duration: Duration::from_secs(2),
        };
        let outcome = run(&load).unwrap();
        assert_eq!((outcome.bad, outcome.latencies.len()), (0, 150));
        // One answer took 200 ms; the nineteen that should have left meanwhile waited, too.
        let slow = outcome.latencies.iter().filter(|l| **l > Duration::from_millis(50)).count();
        assert!((12..=19).contains(&slow), "{slow} slow ones");
    }
}
