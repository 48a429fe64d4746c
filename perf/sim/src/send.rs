//! Sends request JSON lines as real requests: each at its time, from its sender's address, one connection a request.
//!
//! The answer that the line tells of (status, server time, size) is asked for in a field of the request, [`ANSWER`], which
//! [`crate::serve`] obeys. So any recorded traffic can be played through whatever stands between the two.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use serde::Deserialize;
use socket2::{Domain, Protocol, Socket, Type};

/// The field that says how to answer: status, seconds, bytes.
pub const ANSWER: &str = "x-sim-answer";
/// How long connecting, and each wait for more of an answer, may take: who is dropped on the way gets none.
const PATIENCE: Duration = Duration::from_secs(2);
/// Unanswered requests in a row after which a sender gives up: each costs its lane the whole [`PATIENCE`].
const GIVES_UP: u32 = 3;
/// Answers are read up to here; the rest is of no interest.
const READ: u64 = 1 << 24;

/// A line of recorded traffic, as far as it is sent.
#[derive(Clone, Debug, Deserialize)]
pub struct Line {
    /// When it was sent, in seconds since the Unix epoch.
    pub ts: f64,
    /// The sender's address.
    pub src: IpAddr,
    /// The host that is asked for.
    pub host: String,
    /// The method.
    pub method: String,
    /// Path and query.
    pub url: String,
    /// The user behind the token; sent as a bearer token.
    #[serde(default)]
    pub user: Option<String>,
    /// The answer's status.
    pub status: u16,
    /// Server time in seconds.
    #[serde(default, rename = "duration")]
    pub seconds: f64,
    /// Bytes of the answer's body.
    #[serde(default, rename = "response_length")]
    pub bytes: u64,
    /// What the sender is.
    #[serde(default)]
    pub label: String,
    /// How blatant an attack is; the name of an innocent event.
    #[serde(default)]
    pub level: String,
}

/// Reads request JSON lines, in the order of time.
///
/// # Errors
/// A sentence with the line that can't be read.
pub fn read(text: &str) -> Result<Vec<Line>, String> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let mut lines = lines
        .map(|(n, line)| serde_json::from_str(line).map_err(|e| format!("line {}: {e}", n + 1)))
        .collect::<Result<Vec<Line>, String>>()?;
    lines.sort_by(|a, b| a.ts.total_cmp(&b.ts));
    Ok(lines)
}

impl Line {
    /// The request; the server's time is divided by `speed` like all others.
    fn request(&self, speed: f64) -> String {
        let Line { method, url, host, status, bytes, .. } = self;
        let token =
            self.user.as_ref().map_or(String::new(), |u| format!("Authorization: Bearer {u}\r\n"));
        let length = if matches!(method.as_str(), "POST" | "PUT" | "PATCH") {
            "Content-Length: 0\r\n"
        } else {
            ""
        };
        format!(
            "{method} {url} HTTP/1.1\r\nHost: {host}\r\nAccept: application/json\r\n{token}{length}\
             {ANSWER}: {status} {:.6} {bytes}\r\nConnection: close\r\n\r\n",
            self.seconds / speed
        )
    }
}

/// How the lines are sent.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// The server.
    pub to: SocketAddr,
    /// Seconds of the record in a real second.
    pub speed: f64,
    /// Threads. One sender's requests are sent by one of them, one after the other.
    pub lanes: usize,
}

/// What came of a line.
#[derive(Debug)]
pub struct Sent {
    /// Which.
    pub line: Line,
    /// The answer's status; an error if there is none, or if the sender had given up.
    pub status: io::Result<u16>,
    /// How late it was sent, because the one before took so long.
    pub late: Duration,
}

/// Begins to send; what came of each is received in the order in which it came.
pub fn send(lines: Vec<Line>, plan: Plan) -> Receiver<Sent> {
    let (outcomes, received) = mpsc::channel();
    let from = lines.first().map_or(0.0, |line| line.ts);
    let mut lanes = vec![Vec::new(); plan.lanes.max(1)];
    let count = lanes.len();
    for line in lines {
        if let Some(lane) = lanes.get_mut(lane_of(&line, count)) {
            lane.push(line);
        }
    }
    let begin = Instant::now();
    for lane in lanes {
        let outcomes = outcomes.clone();
        thread::spawn(move || {
            let mut unanswered: HashMap<IpAddr, u32> = HashMap::new();
            for line in lane {
                let due = begin + Duration::from_secs_f64((line.ts - from).max(0.0) / plan.speed);
                thread::sleep(due.saturating_duration_since(Instant::now()));
                let late = due.elapsed();
                let in_a_row = unanswered.entry(line.src).or_default();
                let status = match *in_a_row {
                    GIVES_UP.. => Err(io::ErrorKind::TimedOut.into()),
                    _ => ask(&line, plan),
                };
                *in_a_row = if status.is_ok() { 0 } else { *in_a_row + 1 };
                if outcomes.send(Sent { line, status, late }).is_err() {
                    return; // nobody listens any more
                }
            }
        });
    }
    received
}

fn lane_of(line: &Line, count: usize) -> usize {
    let mut hasher = DefaultHasher::new();
    line.src.hash(&mut hasher);
    (hasher.finish() % count as u64) as usize
}

/// Sends one request and reads its answer to the end.
fn ask(line: &Line, plan: Plan) -> io::Result<u16> {
    let mut stream = connect(line.src, plan.to)?;
    stream.write_all(line.request(plan.speed).as_bytes())?;
    let mut answer = Vec::new();
    stream.take(READ).read_to_end(&mut answer)?;
    let head = answer.strip_prefix(b"HTTP/1.1 ").and_then(|rest| rest.get(..3));
    head.and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok())
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "not an HTTP/1.1 answer"))
}

fn connect(from: IpAddr, to: SocketAddr) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(to), Type::STREAM, Some(Protocol::TCP))?;
    socket.bind(&SocketAddr::new(from, 0).into())?;
    socket.connect_timeout(&to.into(), PATIENCE)?;
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::serve;

    #[test]
    fn lines_are_sent_in_order_and_answered_as_they_say() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let to = listener.local_addr().unwrap();
        thread::spawn(move || serve::serve(&listener));
        let line = |ts: f64, src: &str, status: u16| {
            format!(
                r#"{{"ts":{ts},"src":"{src}","host":"h","method":"GET","url":"/a?b=c","user":"u","status":{status},"duration":0.01,"response_length":9000}}"#
            )
        };
        // Not in order, from two of loopback's addresses.
        let text =
            [line(3.0, "127.0.0.3", 404), line(1.0, "127.0.0.2", 200), line(2.0, "127.0.0.2", 503)];
        let lines = read(&text.join("\n")).unwrap();
        let begin = Instant::now();
        let sent: Vec<Sent> = send(lines, Plan { to, speed: 20.0, lanes: 4 }).iter().collect();
        assert!(begin.elapsed() >= Duration::from_millis(100), "two seconds, twenty times as fast");
        let got: Vec<u16> = sent.iter().map(|s| *s.status.as_ref().unwrap()).collect();
        assert_eq!(got, [200, 503, 404]);
    }

    #[test]
    fn a_line_that_is_none_is_named() {
        assert!(read("\n{\"ts\": 1}\n").unwrap_err().starts_with("line 2: "));
    }

    #[test]
    fn who_gets_no_answer_is_told() {
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let text = r#"{"ts":1,"src":"127.0.0.2","host":"h","method":"GET","url":"/","status":200}"#;
        let sent: Vec<Sent> =
            send(read(text).unwrap(), Plan { to: closed, speed: 1.0, lanes: 1 }).iter().collect();
        assert!(matches!(sent.as_slice(), [Sent { status: Err(_), .. }]), "{sent:?}");
    }
}
