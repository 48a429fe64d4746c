//! Recorded requests (JSON lines, the format of the offline engines) as the packets that would have carried them: a
//! connection each, so that all that is true of a capture is true of them.

use std::fmt::Write as _;
use std::io::BufRead;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;

use pcap_file::DataLink;
use weir_inspect::request::{Request, Response};
use weir_reassembly::packet::Flags;
use weir_reassembly::time::Time;

use super::{ReplayError, Run};

/// Where a request says nothing of its ends (RFC 5737: for documentation).
const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const SERVER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));
/// A server's port where its address names none.
const HTTP: u16 = 80;
/// Clients' ports go round in the dynamic range (RFC 6335 §6).
const PORTS: std::ops::Range<u16> = 49_152..65_535;
/// Payload of a packet: no wire carries it, so only the length field of IP bounds it.
const PIECE: usize = 60_000;

impl<W: std::io::Write> Run<'_, W> {
    /// Plays the requests of a file.
    pub(super) fn requests(
        &mut self,
        file: &Path,
        mut lines: impl BufRead,
    ) -> Result<(), ReplayError> {
        let mut line = Vec::new();
        for number in 1.. {
            line.clear();
            let read = lines.read_until(b'\n', &mut line);
            if read.map_err(|source| ReplayError::Read { file: file.to_owned(), source })? == 0 {
                break;
            }
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            let request = Request::parse(&line)
                .and_then(|request| Ok((Connection::of(&request, number)?, request)))
                .map_err(|problem| ReplayError::Request {
                    file: file.to_owned(),
                    line: number,
                    problem,
                });
            let (mut connection, request) = request?;
            let at = request.ts.map_or(self.now, |ts| Time((ts.max(0.0) * 1e9) as u64));
            for packet in connection.packets(&request) {
                self.packet(file, DataLink::RAW, at, &packet)?;
            }
        }
        Ok(())
    }
}

/// The connection of one request.
struct Connection {
    client: SocketAddr,
    server: SocketAddr,
    /// Next sequence number of the client, of the server.
    seq: (u32, u32),
}

impl Connection {
    fn of(request: &Request, number: u64) -> Result<Connection, String> {
        let spread = u64::from(PORTS.end - PORTS.start);
        let port = PORTS.start + (number % spread) as u16;
        let mut client = address("src", request.src.as_deref(), CLIENT, port)?;
        let mut server = address("dst", request.dst.as_deref(), SERVER, HTTP)?;
        if client.is_ipv4() != server.is_ipv4() {
            for end in [&mut client, &mut server] {
                if let IpAddr::V4(v4) = end.ip() {
                    end.set_ip(v4.to_ipv6_mapped().into());
                }
            }
        }
        Ok(Connection { client, server, seq: (0, 0) })
    }

    /// From the SYN to the last FIN.
    fn packets(&mut self, request: &Request) -> Vec<Vec<u8>> {
        let mut packets = vec![
            self.packet(true, Flags::SYN, b""),
            self.packet(false, Flags::SYN | Flags::ACK, b""),
        ];
        let said = [
            (true, request_bytes(request)),
            (false, request.response.as_ref().map(response_bytes).unwrap_or_default()),
        ];
        for (from_client, bytes) in said {
            for piece in bytes.chunks(PIECE) {
                packets.push(self.packet(from_client, Flags::ACK | Flags::PSH, piece));
            }
        }
        for from_client in [false, true] {
            packets.push(self.packet(from_client, Flags::ACK | Flags::FIN, b""));
        }
        packets.push(self.packet(false, Flags::ACK, b""));
        packets
    }

    /// An IP packet; nobody looks at the checksums of a recording.
    fn packet(&mut self, from_client: bool, flags: u8, payload: &[u8]) -> Vec<u8> {
        let ((src, dst), (seq, ack)) = match from_client {
            true => ((self.client, self.server), self.seq),
            false => ((self.server, self.client), (self.seq.1, self.seq.0)),
        };
        let control = u32::from(flags & (Flags::SYN | Flags::FIN) != 0);
        let next = seq.wrapping_add(payload.len() as u32 + control);
        match from_client {
            true => self.seq.0 = next,
            false => self.seq.1 = next,
        }
        let length = 20 + payload.len() as u16;
        let mut packet = match (src.ip(), dst.ip()) {
            (IpAddr::V4(src), IpAddr::V4(dst)) => {
                let [high, low] = (length + 20).to_be_bytes();
                let mut ip = vec![0x45, 0, high, low, 0, 0, 0x40, 0, 64, 6, 0, 0];
                ip.extend(src.octets().into_iter().chain(dst.octets()));
                ip
            }
            (src, dst) => {
                let [high, low] = length.to_be_bytes();
                let mut ip = vec![0x60, 0, 0, 0, high, low, 6, 64];
                for end in [src, dst] {
                    if let IpAddr::V6(v6) = end {
                        ip.extend(v6.octets());
                    }
                }
                ip
            }
        };
        packet.extend(src.port().to_be_bytes().into_iter().chain(dst.port().to_be_bytes()));
        packet.extend(seq.to_be_bytes().into_iter().chain(ack.to_be_bytes()));
        packet.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
        packet.extend(payload);
        packet
    }
}

/// An address, with or without a port.
fn address(name: &str, text: Option<&str>, ip: IpAddr, port: u16) -> Result<SocketAddr, String> {
    match text {
        None | Some("") => Ok(SocketAddr::new(ip, port)),
        Some(text) => text
            .parse()
            .or_else(|_| text.parse().map(|ip| SocketAddr::new(ip, port)))
            .map_err(|_| format!("`{name}`: `{text}` is no address")),
    }
}

fn request_bytes(request: &Request) -> Vec<u8> {
    let mut head = format!("{} {} HTTP/1.1\r\n", token(&request.method), target(&request.url));
    if request.header("host").is_none() {
        let host = request.host.as_deref().unwrap_or_default();
        head += &format!("Host: {}\r\n", one_line(host));
    }
    message(head, &request.headers, &request.body)
}

fn response_bytes(response: &Response) -> Vec<u8> {
    let head = format!("HTTP/1.1 {:03} \r\n", response.status.clamp(200, 999));
    message(head, &response.headers, &response.body)
}

/// A message with its body's own framing. What a recording says of framing and coding was undone when it was made.
fn message(mut head: String, headers: &[(String, String)], body: &[u8]) -> Vec<u8> {
    const UNDONE: [&str; 3] = ["content-length", "transfer-encoding", "content-encoding"];
    for (name, value) in headers {
        let undone = UNDONE.iter().any(|u| name.eq_ignore_ascii_case(u));
        if !undone && !name.starts_with(':') {
            // Writing to a String can't fail.
            let _ = write!(head, "{}: {}\r\n", token(name), one_line(value));
        }
    }
    let _ = write!(head, "Content-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// The request target; what would end it is percent-coded.
fn target(url: &str) -> String {
    let coded =
        |c: char| if c == ' ' || c.is_control() { format!("%{:02X}", c as u32) } else { c.into() };
    url.chars().map(coded).collect()
}

/// Without what would end it.
fn token(text: &str) -> String {
    text.chars().map(|c| if c == ' ' || c.is_control() { '_' } else { c }).collect()
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use weir_inspect::policy::Policy;

    use super::super::Replay;
    use super::*;

    fn play(text: &str) -> Result<(Vec<serde_json::Value>, u64), ReplayError> {
        let dir = std::env::temp_dir().join(format!("weir-requests-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let file = dir.join(format!("{:x}.jsonl", text.len()));
        std::fs::write(&file, text).unwrap();
        let mut events = Vec::new();
        let mut replay = Replay::new(Policy::monitor_all(), Some(&mut events));
        let result = replay.file(&file);
        let summary = replay.finish()?;
        std::fs::remove_file(&file).unwrap();
        result?;
        let lines = String::from_utf8(events).unwrap();
        let events = lines.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        Ok((events, summary.counters.get("http1_requests").copied().unwrap_or(0)))
    }

    #[test]
    fn recorded_requests_are_inspected_like_captured_ones() {
        let long = "x".repeat(200_000);
        let text = format!(
            "{}\n\n{}\n{}\n",
            r#"{"ts":1700000000.5,"src":"10.0.0.1","dst":"[fd00::1]:8080","method":"GET","url":"/?q=%3Cscript%3Ealert(1)%3C/script%3E"}"#,
            format_args!(
                r#"{{"method":"POST","url":"/a","host":"shop","headers":{{"Content-Encoding":"gzip","X-A":["1","2"]}},"body":"{long} <script>alert(document.cookie)</script>"}}"#
            ),
            r#"{"method":"GET","url":"/b c","status":200,"response_headers":{"Content-Type":"application/json"},"response_body":"{\"card\":\"4111 1111 1111 1111\"}"}"#,
        );
        let (events, requests) = play(&text).unwrap();
        assert_eq!(requests, 3);
        let kinds: Vec<&str> = events.iter().filter_map(|e| e["event_type"].as_str()).collect();
        let count = |kind: &str| kinds.iter().filter(|k| **k == kind).count();
        assert_eq!((count("leak"), count("http"), count("flow")), (1, 3, 3), "{kinds:?}");
        assert!(count("attack") >= 2, "{kinds:?}");
        assert!(events.iter().any(|e| e["http"]["url"] == "/b%20c"));
        assert_eq!(events[0]["timestamp"], "2023-11-14T22:13:20.500000+0000");
        assert_eq!(
            (&events[0]["dest_ip"], &events[0]["dest_port"]),
            (&"fd00::1".into(), &8080.into())
        );
    }

    #[test]
    fn a_line_that_is_no_request_is_named() {
        let error =
            play("{\"method\":\"GET\",\"url\":\"/\"}\n{\"url\":\"/\"}\n").unwrap_err().to_string();
        assert!(error.contains("line 2") && error.contains("method"), "{error}");
        let error = play("{\"method\":\"GET\",\"url\":\"/\",\"src\":\"nowhere\"}").unwrap_err();
        assert!(error.to_string().contains("`src`: `nowhere`"), "{error}");
    }
}
