//! `weir block …`: sources whose packets the XDP program drops before anyone looks at them.

use std::io::Write;
use std::process::ExitCode;

use clap::Subcommand;
use hyper::StatusCode;
use serde_json::{Value, json};

use super::client::Client;
use super::{Failure, Outcome, output};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Drop everything that comes from an address or a range; again: change how long
    Add {
        /// An address or CIDR range, as 203.0.113.7 or 2001:db8::/32
        cidr: String,
        /// How long: a number and s, m, h or d
        #[arg(long = "for", value_name = "DURATION", default_value = "15m", value_parser = weir_inspect::duration::seconds)]
        duration: u64,
    },
    /// End a block of exactly this range: exit status 1 if there was none
    Remove {
        /// The address or range, as `list` shows it
        cidr: String,
    },
    /// Show what is blocked, for how long still, and what was dropped
    List {
        /// As JSON lines
        #[arg(long)]
        json: bool,
    },
}

pub(super) fn run(client: &Client, command: Command) -> Outcome {
    let mut code = ExitCode::SUCCESS;
    let text = match command {
        Command::Add { cidr, duration } => {
            let request = json!({ "cidr": cidr, "seconds": duration }).to_string();
            answer(client.post("/api/v1/blocks", request)?)?;
            format!("{cidr} is blocked for {}\n", human(duration))
        }
        Command::Remove { cidr } => {
            let request = json!({ "cidr": cidr }).to_string();
            match client.post("/api/v1/blocks/remove", request)? {
                (StatusCode::NOT_FOUND, _) => {
                    code = ExitCode::FAILURE;
                    format!("{cidr} was not blocked; `weir block list` shows what is\n")
                }
                other => answer(other).map(|_| format!("{cidr} is no longer blocked\n"))?,
            }
        }
        Command::List { json } => list(&client.get("/api/v1/blocks")?, json),
    };
    output(std::io::stdout().write_all(text.as_bytes()))?;
    Ok(code)
}

/// The answer, unless it is a sentence about what is wrong.
fn answer((status, answer): (StatusCode, Value)) -> Result<Value, Failure> {
    if status == StatusCode::OK {
        return Ok(answer);
    }
    let why = answer.get("message").or(Some(&answer)).and_then(Value::as_str);
    Err(Failure::new(why.map_or_else(|| format!("weir-mgmt answered {status}"), str::to_owned)))
}

fn list(answer: &Value, as_json: bool) -> String {
    let sources = answer.get("sources").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    if as_json {
        return sources.iter().map(|s| format!("{s}\n")).collect();
    }
    if sources.is_empty() {
        return "no source is blocked\n".into();
    }
    let mut out = format!("{:<43} {:>10} {:>12} {:>14}\n", "source", "still", "packets", "bytes");
    for s in sources {
        let number = |key| s.get(key).and_then(Value::as_u64).unwrap_or(0);
        let source = s.get("source").and_then(Value::as_str).unwrap_or_default();
        let still = human(number("remaining_seconds"));
        let (packets, bytes) = (number("packets"), number("bytes"));
        out.push_str(&format!("{source:<43} {still:>10} {packets:>12} {bytes:>14}\n"));
    }
    let total = answer.get("total").and_then(Value::as_u64).unwrap_or(0);
    let left_out = total.saturating_sub(sources.len() as u64);
    if left_out > 0 {
        out.push_str(&format!("and {left_out} more, of which fewer packets were dropped\n"));
    }
    out
}

/// A duration as people write it, in at most two units.
fn human(seconds: u64) -> String {
    let units = [(86400, "d"), (3600, "h"), (60, "m"), (1, "s")];
    let (mut rest, mut parts) = (seconds, Vec::new());
    for (unit, name) in units {
        if rest >= unit && parts.len() < 2 {
            parts.push(format!("{}{name}", rest / unit));
            rest %= unit;
        }
    }
    if parts.is_empty() { "0s".into() } else { parts.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written() {
        for (n, shown) in [(90, "1m 30s"), (900, "15m"), (7200, "2h"), (604_800, "7d"), (0, "0s")] {
            assert_eq!(human(n), shown);
        }
    }

    #[test]
    fn the_list_shows_what_is_left_and_dropped() {
        let entry =
            json!({"source": "10.0.0.0/8", "remaining_seconds": 61, "packets": 3, "bytes": 180});
        let answer = json!({"total": 2, "sources": [entry]});
        let text = list(&answer, false);
        assert!(text.contains("10.0.0.0/8") && text.contains("1m 1s"), "{text}");
        assert!(text.ends_with("and 1 more, of which fewer packets were dropped\n"), "{text}");
        assert_eq!(list(&answer, true), format!("{entry}\n"));
        assert_eq!(list(&json!({}), false), "no source is blocked\n");
    }
}
