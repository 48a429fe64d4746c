//! A server that answers as its requests ask it to (`send`): a status, after a time, with a body of a size.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use crate::send::ANSWER;

/// Longest head of a request; beyond it the connection is closed.
const HEAD: u64 = 64 << 10;
/// Longest body of an answer; what is asked for beyond it is cut off.
const BODY: usize = 16 << 20;
/// Longest time that an answer takes, in seconds.
const WAIT: f64 = 60.0;

/// Serves connections for ever, each by a thread.
///
/// # Errors
/// The listener fails.
pub fn serve(listener: &TcpListener) -> io::Result<()> {
    for stream in listener.incoming() {
        let stream = stream?;
        // One that breaks off ends alone.
        thread::spawn(move || drop(connection(&stream)));
    }
    Ok(())
}

fn connection(stream: &TcpStream) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    while let Some(asked) = request(&mut reader)? {
        thread::sleep(Duration::from_secs_f64(asked.seconds));
        let mut writer = stream;
        writer.write_all(asked.answer().as_bytes())?;
        if asked.close {
            return Ok(());
        }
    }
    Ok(())
}

/// What a request asks for.
struct Asked {
    status: u16,
    seconds: f64,
    bytes: usize,
    close: bool,
}

/// The next request of a connection; none at its end. Requests have no bodies.
fn request(reader: &mut impl BufRead) -> io::Result<Option<Asked>> {
    let mut asked = Asked { status: 404, seconds: 0.0, bytes: 2, close: false };
    let mut head = reader.by_ref().take(HEAD);
    let mut line = String::new();
    for n in 0.. {
        line.clear();
        if head.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let line = line.trim_end();
        if line.is_empty() && n > 0 {
            break;
        }
        let Some((name, value)) = line.split_once(':') else { continue };
        if name.eq_ignore_ascii_case(ANSWER) {
            asked.read(value);
        } else if name.eq_ignore_ascii_case("connection") {
            asked.close = value.trim().eq_ignore_ascii_case("close");
        }
    }
    Ok(Some(asked))
}

impl Asked {
    fn read(&mut self, value: &str) {
        let mut words = value.split_whitespace();
        let mut next = || words.next();
        self.status = next().and_then(|w| w.parse().ok()).unwrap_or(self.status);
        self.seconds = next().and_then(|w| w.parse().ok()).unwrap_or(self.seconds).clamp(0.0, WAIT);
        self.bytes = next().and_then(|w| w.parse().ok()).unwrap_or(self.bytes).min(BODY);
    }

    /// JSON, of the size that was asked for or a little more.
    fn answer(&self) -> String {
        let filling = "x".repeat(self.bytes.saturating_sub(11));
        let body = format!("{{\"data\":\"{filling}\"}}");
        let close = if self.close { "Connection: close\r\n" } else { "" };
        format!(
            "HTTP/1.1 {} Simulated\r\nContent-Type: application/json\r\n{close}Content-Length: {}\r\n\r\n{body}",
            self.status,
            body.len()
        )
    }
}
