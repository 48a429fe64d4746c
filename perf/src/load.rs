//! The loads: wrk and h2load at full speed, the open-loop client at a fixed rate.

use std::fmt::Write as _;
use std::fs;
use std::time::Duration;

use serde_json::{Value, json};
use weir_tests::bodies::{Mix, Site};
use weir_tests::net::{SERVER_V4, Topology};
use weir_tests::servers::{H1, H2};
use weir_tests::{Error, Result, fail};

use crate::openloop::{self, Load};

/// What is asked of the server, and how.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Workload {
    /// wrk: HTTP/1.1 as fast as 32 connections allow.
    H1(&'static str, Mix),
    /// h2load: HTTP/2 as fast as 8 connections of 16 streams allow.
    H2(&'static str, Mix),
    /// The open-loop client: 10 KB pages at this many requests a second.
    Latency(u32),
}

/// All workloads, in the order in which they are reported.
pub const ALL: [Workload; 6] = [
    Workload::H1("h1-1k", Mix::Only("1k")),
    Workload::H1("h1-10k", Mix::Only("10k")),
    Workload::H1("h1-mixed", Mix::Mixed),
    Workload::H2("h2-mixed", Mix::Mixed),
    Workload::Latency(500),
    Workload::Latency(2000),
];

impl Workload {
    /// Its name in figures.
    pub fn name(self) -> String {
        match self {
            Workload::H1(name, _) | Workload::H2(name, _) => name.to_owned(),
            Workload::Latency(rate) => format!("latency.{rate}"),
        }
    }
}

/// What one run gave.
#[derive(Clone, Debug, Default)]
pub struct Measured {
    /// Requests answered.
    pub requests: f64,
    /// Requests answered a second.
    pub rate: f64,
    /// Median latency, ms.
    pub p50: f64,
    /// Latency that 99 % did not exceed, ms.
    pub p99: f64,
    /// Answers that were not as they should be.
    pub bad: u64,
}

impl Measured {
    /// As one JSON object.
    pub fn json(&self) -> Value {
        json!({ "requests": self.requests, "rate": self.rate, "p50_ms": self.p50, "p99_ms": self.p99, "bad": self.bad })
    }
}

/// Runs one workload for `seconds`.
pub fn run(topology: &Topology, site: &Site, workload: Workload, seconds: u32) -> Result<Measured> {
    match workload {
        Workload::H1(_, mix) => wrk(topology, site, mix, seconds),
        Workload::H2(_, mix) => h2load(topology, site, mix, seconds),
        Workload::Latency(rate) => open_loop(topology, site, rate, seconds),
    }
}

/// Paths that one run asks for, over and over.
const PATHS: usize = 2_000;

fn wrk(topology: &Topology, site: &Site, mix: Mix, seconds: u32) -> Result<Measured> {
    let mut script = String::from("local paths = {\n");
    for path in site.paths(mix, PATHS) {
        let _ = writeln!(script, "{path:?},");
    }
    script.push_str(
        "}\nlocal requests, i = {}, 0\n\
         init = function() for k, p in ipairs(paths) do requests[k] = wrk.format('GET', p) end end\n\
         request = function() i = i % #requests + 1; return requests[i] end\n",
    );
    let file = topology.dir().join("wrk.lua");
    fs::write(&file, script)?;
    let duration = format!("-d{seconds}s");
    let (url, file) = (format!("http://{SERVER_V4}:{H1}/"), file.display().to_string());
    let argv = ["wrk", "-t1", "-c32", &duration, "--latency", "-s", &file, &url];
    let output = topology.client.run(&argv, limit(seconds))?;
    let text = String::from_utf8_lossy(&output.stdout);
    parse_wrk(&text).ok_or_else(|| Error(format!("wrk said: {text}")))
}

/// wrk's report: `  50%  1.23ms`, `12345 requests in 5.00s, 15.2MB read`, and lines of errors only if there were any.
fn parse_wrk(text: &str) -> Option<Measured> {
    let quantile = |name: &str| {
        let line = text.lines().find_map(|l| l.trim().strip_prefix(name))?;
        milliseconds(line.trim())
    };
    let total = text.lines().find(|l| l.contains("requests in"))?;
    let mut words = total.split_whitespace();
    let requests: f64 = words.next()?.parse().ok()?;
    let seconds = milliseconds(words.nth(2)?.trim_end_matches(','))? / 1000.0;
    let errors = text.lines().filter(|l| l.contains("Socket errors:") || l.contains("responses:"));
    let numbers = errors.flat_map(|l| {
        l.split(':').skip(1).flat_map(|counts| counts.split(|c: char| !c.is_ascii_digit()))
    });
    let bad = numbers.filter_map(|n| n.parse::<u64>().ok()).sum();
    Some(Measured {
        requests,
        rate: requests / seconds,
        p50: quantile("50%")?,
        p99: quantile("99%")?,
        bad,
    })
}

/// `1.23ms`, `845.00us`, `2.01s` in milliseconds.
fn milliseconds(text: &str) -> Option<f64> {
    let (number, factor) = if let Some(n) = text.strip_suffix("us") {
        (n, 1e-3)
    } else if let Some(n) = text.strip_suffix("ms") {
        (n, 1.0)
    } else if let Some(n) = text.strip_suffix('s') {
        (n, 1e3)
    } else {
        (text.strip_suffix('m')?, 6e4)
    };
    Some(number.parse::<f64>().ok()? * factor)
}

/// h2load's connections, and the streams that it keeps open on each.
const H2_CONNECTIONS: u64 = 8;
const H2_STREAMS: u64 = 16;

fn h2load(topology: &Topology, site: &Site, mix: Mix, seconds: u32) -> Result<Measured> {
    let (uris, log) = (topology.dir().join("uris"), topology.dir().join("h2load-requests"));
    let line = |path: String| format!("http://{SERVER_V4}:{H2}{path}\n");
    fs::write(&uris, site.paths(mix, PATHS).into_iter().map(line).collect::<String>())?;
    let _ = fs::remove_file(&log);
    let (uris, log) = (uris.display().to_string(), log.display().to_string());
    let seconds_text = seconds.to_string();
    let (connections, streams) = (format!("-c{H2_CONNECTIONS}"), format!("-m{H2_STREAMS}"));
    let argv = [
        "h2load",
        "-t1",
        &connections,
        &streams,
        "-i",
        &uris,
        "-D",
        &seconds_text,
        "--warm-up-time",
        "1",
        "--log-file",
        &log,
    ];
    let output = topology.client.run(&argv, limit(seconds))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    // A line a request: start (µs since the epoch), status, time (µs). Status -1: cut off by the end of the run.
    let mut latencies = Vec::new();
    let (mut bad, mut cut) = (0, 0);
    for line in fs::read_to_string(&log).unwrap_or_default().lines() {
        let mut fields = line.split('\t').skip(1);
        match fields.next() {
            Some("200") => latencies.extend(fields.next().and_then(|t| t.parse::<u64>().ok())),
            Some("-1") => cut += 1,
            Some(_) => bad += 1,
            None => (),
        }
    }
    bad += u64::saturating_sub(cut, H2_CONNECTIONS * H2_STREAMS);
    if latencies.is_empty() {
        fail!("h2load said: {text}");
    }
    latencies.sort_unstable();
    let at = |share: f64| {
        let index = (latencies.len() as f64 * share) as usize;
        latencies.get(index).map_or(0.0, |us| *us as f64 / 1000.0)
    };
    let requests = latencies.len() as f64;
    let rate = requests / f64::from(seconds);
    Ok(Measured { requests, rate, p50: at(0.5), p99: at(0.99), bad })
}

fn open_loop(topology: &Topology, site: &Site, rate: u32, seconds: u32) -> Result<Measured> {
    let load = Load {
        server: format!("{SERVER_V4}:{H1}").parse().map_err(|e| Error::at(SERVER_V4, e))?,
        paths: site.paths(Mix::Only("10k"), PATHS),
        rate: f64::from(rate),
        connections: 16,
        duration: Duration::from_secs(seconds.into()),
    };
    let outcome = topology.client.enter(|| openloop::run(&load))??;
    let ms = |share: f64| outcome.quantile(share).as_secs_f64() * 1000.0;
    Ok(Measured {
        requests: outcome.latencies.len() as f64,
        rate: outcome.latencies.len() as f64 / (load.duration - openloop::WARM_UP).as_secs_f64(),
        p50: ms(0.5),
        p99: ms(0.99),
        bad: outcome.bad as u64,
    })
}

fn limit(seconds: u32) -> Duration {
    Duration::from_secs(u64::from(seconds) + 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_wrk_reports() {
        let text = "Running 5s test @ http://10.9.0.2:80/\n  1 threads and 32 connections\n  Latency Distribution\n\
            \x20    50%  845.00us\n     75%    1.02ms\n     90%    1.30ms\n     99%    2.01ms\n\
            \x20 171222 requests in 5.10s, 198.32MB read\n  Socket errors: connect 0, read 3, write 0, timeout 1\n\
            \x20 Non-2xx or 3xx responses: 7\nRequests/sec:  33573.1\n";
        let m = parse_wrk(text).unwrap();
        assert_eq!((m.requests, m.p50, m.p99, m.bad), (171_222.0, 0.845, 2.01, 11));
        assert!((m.rate - 33_573.0).abs() < 1.0);
    }
}
