//! `sim-send`: plays recorded traffic as real requests.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, IsTerminal, Write, stderr};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use weir_sim::send::{Plan, Sent, read, send};

/// Send request JSON lines as real requests, at their times and from their senders' addresses
///
/// The machine must have the addresses (as root: `ip route add local 10.0.0.0/8 dev lo`), and the server a way back to them.
/// `sim-serve` answers as the lines say.
#[derive(Parser)]
struct Arguments {
    /// What `sim` wrote, or other request JSON lines
    lines: PathBuf,
    /// The server
    #[arg(long, value_name = "ADDRESS:PORT")]
    to: SocketAddr,
    /// Seconds of the record in a real second
    #[arg(long, default_value_t = 1.0)]
    speed: f64,
    /// Skip so many minutes of the record
    #[arg(long, default_value_t = 0.0, value_name = "MINUTES")]
    skip: f64,
    /// Send so many minutes of the record [default: all]
    #[arg(long, value_name = "MINUTES")]
    minutes: Option<f64>,
    /// Threads; one sender's requests are sent by one of them
    #[arg(long, default_value_t = 256)]
    lanes: usize,
    /// A JSON line a request: `ts`, `src`, `user`, `url`, `label`, `level`, `meant`, `status` (0: no answer) and `error`
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// What came of the requests of one kind of sender.
#[derive(Default)]
struct Row {
    sent: u32,
    as_meant: u32,
    refused: u32,
    unanswered: u32,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    if arguments.speed <= 0.0 || !arguments.speed.is_finite() {
        return Err("--speed must be more than 0".into());
    }
    let path = arguments.lines.display();
    let text = std::fs::read_to_string(&arguments.lines).map_err(|e| format!("{path}: {e}"))?;
    let mut lines = read(&text).map_err(|e| format!("{path}: {e}"))?;
    let from = lines.first().map_or(0.0, |l| l.ts) + 60.0 * arguments.skip;
    let until = from + 60.0 * arguments.minutes.unwrap_or(f64::INFINITY);
    lines.retain(|line| (from..until).contains(&line.ts));
    let all = lines.len();
    let plan = Plan { to: arguments.to, speed: arguments.speed, lanes: arguments.lanes };
    let mut out = arguments.out.map(File::create).transpose()?.map(BufWriter::new);
    let mut rows: BTreeMap<(String, String), Row> = BTreeMap::new();
    let mut latest = Duration::ZERO;
    for (n, sent) in send(lines, plan).iter().enumerate() {
        if stderr().is_terminal() && n % 50 == 0 {
            eprint!("\r{n} of {all} requests");
        }
        latest = latest.max(sent.late);
        if let Some(out) = &mut out {
            writeln!(out, "{}", outcome(&sent))?;
        }
        let Sent { line, status, .. } = sent;
        let row = rows.entry((line.label, line.level)).or_default();
        row.sent += 1;
        match status {
            Ok(status) if status == line.status => row.as_meant += 1,
            Ok(_) => row.refused += 1,
            Err(e) if e.kind() == std::io::ErrorKind::AddrNotAvailable => {
                let hint = "the machine must have it: ip route add local ADDRESSES dev lo";
                return Err(format!("can't send from {}: {e}; {hint}", line.src).into());
            }
            Err(_) => row.unanswered += 1,
        }
    }
    if let Some(mut out) = out {
        out.flush()?;
    }
    if stderr().is_terminal() {
        eprintln!("\r{all} of {all} requests");
    }
    println!(
        "{:28} {:>8} {:>9} {:>8} {:>11}",
        "who", "requests", "as meant", "refused", "no answer"
    );
    for ((label, level), row) in &rows {
        let who = format!("{label} {level}");
        let Row { sent, as_meant, refused, unanswered } = row;
        println!("{who:28} {sent:8} {as_meant:9} {refused:8} {unanswered:11}");
    }
    println!("sent at most {:.2} s late", latest.as_secs_f64());
    Ok(())
}

fn outcome(sent: &Sent) -> serde_json::Value {
    let line = &sent.line;
    serde_json::json!({
        "ts": line.ts, "src": line.src, "user": line.user, "url": line.url, "label": line.label, "level": line.level,
        "meant": line.status, "status": sent.status.as_ref().copied().unwrap_or(0),
        "error": sent.status.as_ref().err().map(ToString::to_string),
    })
}
