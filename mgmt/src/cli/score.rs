//! `weir score`: how much recorded requests look like attacks, and what a policy would do about them.

use std::io::{BufWriter, Write, stdout};
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args as ClapArgs;
use serde_json::json;
use weir_inspect::policy::{Decision, Direction, HeaderLookup, Message, Policy, Selection};
use weir_inspect::request::Request;
use weir_inspect::scan::decode_url;
use weir_inspect::score::{BLOCK_FROM, Finding, Score, score};

use super::scan::compile;
use super::{Failure, Outcome, output, read};

/// Most reasons that a line lists; the strongest come first.
const REASONS: usize = 8;
/// Where a recorded request says nothing of its addresses.
const UNKNOWN: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
/// A server's port where its address names none.
const HTTP_PORT: u16 = 80;

#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    /// A file of requests as JSON lines, or `-` for standard input
    #[arg(default_value = "-")]
    file: PathBuf,
    /// Say what this policy does [default: block from a score of 0.5]
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> Outcome {
    let policy = args.policy.as_deref().map(compile).transpose()?;
    let bytes = read(&args.file)?;
    let mut out = BufWriter::new(stdout().lock());
    for (n, line) in bytes.split(|b| *b == b'\n').enumerate() {
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let request = Request::parse(line).map_err(|what| wrong(&args.file, n + 1, &what))?;
        let scored = score(&request);
        let action = match &policy {
            Some(policy) => by_policy(policy, &request, &scored),
            None if scored.score >= BLOCK_FROM => "block",
            None => "pass",
        };
        output(writeln!(out, "{}", answer(&request, &scored, action)))?;
    }
    output(out.flush())?;
    Ok(ExitCode::SUCCESS)
}

fn wrong(file: &Path, line: usize, what: &str) -> Failure {
    Failure::new(format!("{}: line {line}: {what}", file.display()))
}

fn answer(request: &Request, scored: &Score, action: &str) -> serde_json::Value {
    let mut reasons: Vec<String> = Vec::new();
    for finding in &scored.findings {
        let Finding { detector, reason, .. } = finding;
        let text = format!("{detector}: {reason}");
        if reasons.len() < REASONS && !reasons.contains(&text) {
            reasons.push(text);
        }
    }
    json!({
        "id": request.id,
        // Four decimals: enough to tell thresholds apart, and an f32 has no more that are sure.
        "score": (f64::from(scored.score) * 10_000.0).round() / 10_000.0,
        "action": action,
        "reasons": reasons,
    })
}

/// The headers of a recorded request.
struct Headers<'a>(&'a Request);

impl HeaderLookup for Headers<'_> {
    fn get(&self, name: &str) -> Option<&[u8]> {
        self.0.header(name).map(str::as_bytes)
    }
}

/// The rules of a policy that are about a request.
fn selection(policy: &Policy, request: &Request) -> Selection {
    let (src, _) = endpoint(request.src.as_deref());
    let (dst, port) = endpoint(request.dst.as_deref());
    let mut path = Vec::new();
    decode_url(request.url.split(['?', '#']).next().unwrap_or("/").as_bytes(), &mut path);
    policy.select(&Message {
        direction: Direction::Request,
        src,
        dst,
        port,
        host: request.host.as_deref().map(str::as_bytes),
        method: request.method.as_bytes(),
        path: &path,
        headers: &Headers(request),
    })
}

/// Whether a policy refuses a request for what it calls, whatever is in it.
pub(crate) fn blocks_call(policy: &Policy, request: &Request) -> bool {
    selection(policy, request).verdict().is_some_and(|d| d.acts() && d.action.refuses())
}

/// What a policy does about a request: the strongest of what its rules say of the call and of each finding.
fn by_policy(policy: &Policy, request: &Request, scored: &Score) -> &'static str {
    let selection = selection(policy, request);
    let decide = |finding: &Finding| {
        if finding.confidence < BLOCK_FROM {
            return None;
        }
        let detector = policy.catalog().by_name(finding.detector)?;
        policy.decide(&selection, finding.part, detector.id)
    };
    let found = scored.findings.iter().filter_map(decide);
    let decisions: Vec<Decision> = selection.verdict().into_iter().chain(found).collect();
    let blocks = |d: &Decision| d.acts() && d.action.refuses();
    match decisions.iter().any(blocks) {
        true => "block",
        false if decisions.is_empty() => "pass",
        false => "alert",
    }
}

/// An address with or without a port.
fn endpoint(text: Option<&str>) -> (IpAddr, u16) {
    let text = text.unwrap_or_default();
    let whole = text.parse::<std::net::SocketAddr>().map(|a| (a.ip(), a.port()));
    whole.unwrap_or_else(|_| (text.parse().unwrap_or(UNKNOWN), HTTP_PORT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_says_what_is_done() {
        let policy = |mode: &str| {
            let source = format!(
                "version: 1\nmode: {mode}\nrules:\n  - {{name: sql, methods: [GET], \
                 detect: [sql-injection], parts: [url], action: block}}\n"
            );
            Policy::compile(&source).unwrap().0
        };
        let request = |method: &str| {
            let line = format!(r#"{{"method":"{method}","url":"/?a=1 union select 2"}}"#);
            Request::parse(line.as_bytes()).unwrap()
        };
        for (mode, method, action) in
            [("enforce", "GET", "block"), ("monitor", "GET", "alert"), ("enforce", "PUT", "pass")]
        {
            let request = request(method);
            assert_eq!(by_policy(&policy(mode), &request, &score(&request)), action, "{mode}");
        }
    }

    #[test]
    fn addresses() {
        assert_eq!(endpoint(Some("10.0.0.1:81")), ("10.0.0.1".parse().unwrap(), 81));
        assert_eq!(endpoint(Some("::1")), ("::1".parse().unwrap(), HTTP_PORT));
        assert_eq!(endpoint(None), (UNKNOWN, HTTP_PORT));
    }
}
