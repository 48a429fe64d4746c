//! `weir top`: every counter and its rate, the fastest first.

use std::collections::HashMap;
use std::io::{IsTerminal, Write, stdout};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args as ClapArgs;
use serde_json::{Value, json};

use super::client::Client;
use super::style::{Style, printable};
use super::{Outcome, output};

/// How often counters come from the data plane; more often would show zeros.
const EVERY: Duration = Duration::from_secs(1);

/// Rows of a screen whose height is not told.
const ROWS: usize = 40;

#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    /// One table, and that's it
    #[arg(long)]
    once: bool,
    /// JSON lines, one counter each (implies --once)
    #[arg(long)]
    json: bool,
    /// Only counters whose name holds this text
    #[arg(value_name = "NAME")]
    filter: Option<String>,
}

/// One counter or gauge at one moment.
#[derive(Clone, Debug, PartialEq)]
struct Row {
    name: String,
    labels: String,
    value: f64,
    /// Per second; none for a gauge.
    rate: Option<f64>,
}

pub(super) fn run(client: &Client, args: &Args) -> Outcome {
    let once = args.once || args.json || !stdout().is_terminal();
    let mut before = rows(&client.get("/api/v1/counters")?);
    let mut since = Instant::now();
    loop {
        std::thread::sleep(EVERY);
        let mut now = rows(&client.get("/api/v1/counters")?);
        let elapsed = since.elapsed().as_secs_f64();
        since = Instant::now();
        rate(&mut now, &before, elapsed);
        before.clone_from(&now);
        now.retain(|r| args.filter.as_ref().is_none_or(|f| r.name.contains(f.as_str())));
        now.sort_by(|a, b| {
            b.rate
                .unwrap_or(0.0)
                .total_cmp(&a.rate.unwrap_or(0.0))
                .then_with(|| a.name.cmp(&b.name))
        });
        let text = if args.json {
            now.iter().map(json_line).collect()
        } else if once {
            table(&now, usize::MAX, Style::detect())
        } else {
            // Home, table, erase what was below: no flicker, as a full erase would make.
            let status = client.get("/api/v1/status")?;
            format!("\x1b[H{}{}\x1b[J", header(&status), table(&now, height(), Style::detect()))
                .replace('\n', "\x1b[K\n")
        };
        let mut out = stdout().lock();
        output(out.write_all(text.as_bytes()).and_then(|()| out.flush()))?;
        if once {
            return Ok(ExitCode::SUCCESS);
        }
    }
}

fn height() -> usize {
    let lines = std::env::var("LINES").ok().and_then(|l| l.parse::<usize>().ok());
    lines.map_or(ROWS, |l| l.saturating_sub(4)).max(1)
}

fn header(status: &Value) -> String {
    let at = |path: &str| {
        status.pointer(path).map(|v| v.to_string().replace('"', "")).unwrap_or_default()
    };
    let up = if at("/dataplane/connected") == "true" { "up" } else { "NOT CONNECTED" };
    format!(
        "weir: data plane {up}, policy revision {}, mode {}, {} events lost (Ctrl-C ends)\n\n",
        at("/dataplane/policy_revision"),
        at("/dataplane/mode"),
        at("/events/lost")
    )
}

fn rows(counters: &Value) -> Vec<Row> {
    let row = |c: &Value| {
        let labels = c.get("labels").and_then(Value::as_object)?;
        let labels: Vec<String> = labels
            .iter()
            .map(|(k, v)| format!("{k}={}", printable(v.as_str().unwrap_or_default())))
            .collect();
        Some(Row {
            name: c.get("name")?.as_str()?.to_owned(),
            labels: labels.join(" "),
            value: c.get("value")?.as_f64()?,
            rate: (c.get("kind")? == "counter").then_some(0.0),
        })
    };
    counters.as_array().into_iter().flatten().filter_map(row).collect()
}

/// Fills in the rates. A counter that fell belongs to a new process: it has grown by what it shows.
fn rate(now: &mut [Row], before: &[Row], elapsed: f64) {
    let before: HashMap<(&str, &str), f64> =
        before.iter().map(|r| ((r.name.as_str(), r.labels.as_str()), r.value)).collect();
    for row in now.iter_mut().filter(|r| r.rate.is_some()) {
        let old = before.get(&(row.name.as_str(), row.labels.as_str())).copied().unwrap_or(0.0);
        let grown = if row.value >= old { row.value - old } else { row.value };
        row.rate = Some(grown / elapsed.max(f64::EPSILON));
    }
}

fn json_line(r: &Row) -> String {
    let Row { name, labels, value, rate } = r;
    json!({"name": name, "labels": labels, "value": value, "per_second": rate}).to_string() + "\n"
}

fn table(rows: &[Row], height: usize, style: Style) -> String {
    let mut out = style.dim(&format!("{:>12} {:>16}  counter", "per second", "value")) + "\n";
    for r in rows.iter().filter(|r| r.value != 0.0).take(height) {
        let rate = r.rate.map_or(String::new(), |v| format!("{v:.1}"));
        let line = format!("{rate:>12} {:>16}  {} {}", r.value, r.name, r.labels);
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counters(a: u64, flows: f64) -> Vec<Row> {
        rows(&json!([
            {"name": "packets_total", "labels": {"reason": "forwarded"}, "kind": "counter", "value": a},
            {"name": "flows", "labels": {}, "kind": "gauge", "value": flows},
        ]))
    }

    #[test]
    fn counters_have_rates_and_gauges_have_none() {
        let mut now = counters(30, 4.0);
        rate(&mut now, &counters(10, 9.0), 2.0);
        assert_eq!((now[0].rate, now[1].rate), (Some(10.0), None));
        let text = table(&now, 10, Style::detect());
        assert!(
            text.contains("        10.0               30  packets_total reason=forwarded\n"),
            "{text}"
        );
    }

    #[test]
    fn a_restarted_data_plane_shows_no_negative_rate() {
        let mut now = counters(6, 0.0);
        rate(&mut now, &counters(1_000, 0.0), 2.0);
        assert_eq!(now[0].rate, Some(3.0));
    }
}
