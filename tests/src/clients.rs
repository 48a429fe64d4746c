//! The clients: curl, h2load, wrk and nghttp as users run them, and a raw one that sends bytes exactly as a test says.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use crate::net::{Namespace, SERVER_V4};
use crate::servers::{H1, H2, H2C};
use crate::{Error, Result, fail};

/// What a client got.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// The HTTP status; 0 if none came.
    pub status: u16,
    /// The body as far as it came.
    pub body: Vec<u8>,
    /// Whether the transfer ended as HTTP says it should.
    pub complete: bool,
    /// From the request to the end.
    pub took: Duration,
}

/// Over which protocol a page is fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.1.
    H1,
    /// HTTP/2 in clear with prior knowledge.
    H2,
    /// HTTP/2 in clear by an upgrade from HTTP/1.1 (RFC 7540 §3.2).
    Upgrade,
}

impl Version {
    /// Those that nginx speaks.
    pub const ALL: [Version; 2] = [Version::H1, Version::H2];

    /// The port on which [`crate::servers`] speak it.
    pub fn port(self) -> u16 {
        match self {
            Version::H1 => H1,
            Version::H2 => H2,
            Version::Upgrade => H2C,
        }
    }
}

/// A wire that loses one packet in fifty on each side loses three SYNs or their answers in a row for one connection in
/// two thousand, which takes TCP seven seconds: arguments for curl
/// over such wires.
pub const PATIENT: &[&str] = &["-m", "40"];

/// Fetches `path` from the server by curl, with further arguments.
pub fn curl_with(
    client: &Namespace,
    version: Version,
    path: &str,
    more: &[&str],
) -> Result<Answer> {
    let url = format!("http://{SERVER_V4}:{}{path}", version.port());
    curl_url(client, version, &url, more)
}

/// Fetches `path` from the server by curl.
pub fn curl(client: &Namespace, version: Version, path: &str) -> Result<Answer> {
    curl_with(client, version, path, &[])
}

/// Fetches a whole URL by curl.
pub fn curl_url(client: &Namespace, version: Version, url: &str, more: &[&str]) -> Result<Answer> {
    let flag = match version {
        Version::H1 => "--http1.1",
        Version::H2 => "--http2-prior-knowledge",
        Version::Upgrade => "--http2",
    };
    // %{stderr} keeps the body alone on stdout. -g: brackets and braces in URLs are meant literally.
    let report = "%{stderr}%{http_code} %{time_total}";
    let mut argv = vec!["curl", "-g", "-s", "--path-as-is", "-m", "5", flag, "-w", report, url];
    argv.extend(more);
    // curl's own limit (`-m`) comes first.
    let output = client.run(&argv, Duration::from_secs(60))?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let mut words = text.split_whitespace();
    let status = words.next().and_then(|w| w.parse().ok());
    let seconds = words.next().and_then(|w| w.parse().ok());
    let (Some(status), Some(seconds)) = (status, seconds) else { fail!("curl said {text:?}") };
    Ok(Answer {
        status,
        body: output.stdout,
        complete: output.status.success(),
        took: Duration::from_secs_f64(seconds),
    })
}

/// The most that [`curl_from`] waits for an answer, in seconds: who is dropped hears nothing.
const DROPPED: &str = "2";

/// Asks HTTP/1 for one path after the other from an address of the client's; the statuses as far as answers came, and
/// whether all did.
pub fn curl_from(
    client: &Namespace,
    from: &str,
    more: &[&str],
    paths: &[String],
) -> Result<(Vec<u16>, bool)> {
    let urls: Vec<String> = paths.iter().map(|p| format!("http://{SERVER_V4}:{H1}{p}")).collect();
    let mut argv = vec!["curl", "-s", "--fail-early", "-m", DROPPED, "--interface", from];
    argv.extend(["-w", "%{stderr}%{http_code}\n"]);
    argv.extend(more);
    argv.extend(urls.iter().map(String::as_str));
    let output = client.run(&argv, Duration::from_secs(120))?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let statuses = said.lines().filter_map(|line| line.parse().ok()).filter(|status| *status != 0);
    Ok((statuses.collect(), output.status.success()))
}

/// A TCP connection from the client whose writes a test controls.
#[derive(Debug)]
pub struct RawClient {
    stream: TcpStream,
}

impl RawClient {
    /// Connects to the server's IPv4 address. Nagle's algorithm is off: each write leaves as a segment.
    pub fn connect(client: &Namespace, port: u16) -> Result<RawClient> {
        RawClient::connect_within(client, port, Duration::from_secs(5))
    }

    /// Connects with a limit to this and to each read.
    pub fn connect_within(client: &Namespace, port: u16, limit: Duration) -> Result<RawClient> {
        let ip = SERVER_V4.parse().map_err(|e| Error::at(SERVER_V4, e))?;
        let address = SocketAddr::new(ip, port);
        let connect = || TcpStream::connect_timeout(&address, limit);
        let stream = client.enter(connect)?.map_err(|e| Error::at(address, e))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(limit))?;
        Ok(RawClient { stream })
    }

    /// Sends `bytes` in pieces of `size`, `pause` apart.
    pub fn send(&mut self, bytes: &[u8], size: usize, pause: Duration) -> Result<()> {
        for piece in bytes.chunks(size.max(1)) {
            self.stream.write_all(piece)?;
            thread::sleep(pause);
        }
        Ok(())
    }

    /// Sends a GET for `path` and reads the answer; the connection stays open.
    pub fn get(&mut self, path: &str) -> Result<Answer> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {SERVER_V4}\r\n\r\n");
        self.send(request.as_bytes(), usize::MAX, Duration::ZERO)?;
        self.answer()
    }

    /// Reads one HTTP/1.1 answer that has a `Content-Length` or ends with the connection.
    pub fn answer(&mut self) -> Result<Answer> {
        let start = Instant::now();
        let mut bytes = Vec::new();
        let mut answer = Answer::default();
        let mut need = usize::MAX;
        loop {
            if answer.status == 0
                && let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n")
            {
                let body = bytes.split_off(end + 4);
                let head = String::from_utf8_lossy(&bytes).to_ascii_lowercase();
                answer.status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or(0);
                let length = head.lines().find_map(|l| l.strip_prefix("content-length:"));
                need = length.and_then(|l| l.trim().parse().ok()).unwrap_or(usize::MAX);
                bytes = body;
            }
            if answer.status != 0 && bytes.len() >= need {
                answer.complete = true;
                break;
            }
            let mut chunk = [0; 16_384];
            match self.stream.read(&mut chunk) {
                Ok(0) => {
                    answer.complete = answer.status != 0 && need == usize::MAX;
                    break;
                }
                Ok(n) => bytes.extend(chunk.iter().take(n)),
                Err(_) => break,
            }
        }
        answer.took = start.elapsed();
        answer.body = bytes;
        Ok(answer)
    }

    /// The socket itself.
    pub fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }
}

/// What the gRPC client printed: a line of JSON for each order, and for the call's status if it failed.
pub fn grpc(client: &Namespace, words: &[&str]) -> Result<Vec<serde_json::Value>> {
    let program = crate::program("grpc-client")?;
    let mut argv = vec![program.as_str(), SERVER_V4];
    argv.extend(words);
    let output = client.run(&argv, Duration::from_secs(10))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let parse = |l: &str| serde_json::from_str(l).map_err(|e| Error::at(l, e));
    text.lines().map(parse).collect()
}
