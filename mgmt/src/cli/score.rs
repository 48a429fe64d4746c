//! `weir score`: how much recorded requests look like attacks, and what a policy would do about them.

use std::io::{BufWriter, Write, stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args as ClapArgs;
use serde_json::json;
use weir_inspect::attack_model::Model;
use weir_inspect::policy::{Decision, Policy};
use weir_inspect::request::Request;
use weir_inspect::score::{BLOCK_FROM, Finding, Score, score_with};

use super::scan::compile;
use super::{Failure, Outcome, output, read};
use crate::learning::requests::call::selection;

/// Most reasons that a line lists; the strongest come first.
const REASONS: usize = 8;

#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    /// A file of requests as JSON lines, or `-` for standard input
    #[arg(default_value = "-")]
    file: PathBuf,
    /// Say what this policy does [default: block from a score of 0.5]
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Join signatures with this model (a file of `train-attack`); `none`: signatures alone [default: the shipped one]
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> Outcome {
    let policy = args.policy.as_deref().map(compile).transpose()?;
    let other = args.model.as_deref().map(model).transpose()?;
    let model = match &other {
        Some(other) => other.as_ref(),
        None => Model::shipped(),
    };
    let bytes = read(&args.file)?;
    let mut out = BufWriter::new(stdout().lock());
    for (n, line) in bytes.split(|b| *b == b'\n').enumerate() {
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let request = Request::parse(line).map_err(|what| wrong(&args.file, n + 1, &what))?;
        let scored = score_with(model, &request);
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

/// The model of a file; none for `none`.
pub(super) fn model(file: &Path) -> Result<Option<Model>, Failure> {
    if file.as_os_str() == "none" {
        return Ok(None);
    }
    let bytes = read(file)?;
    let damaged = || Failure::new(format!("{}: no attack model, or a damaged one", file.display()));
    Model::read(&bytes).map(Some).ok_or_else(damaged)
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
        // Nine decimals: also what is far from an attack is told apart, for who looks for a threshold.
        "score": (f64::from(scored.score) * 1e9).round() / 1e9,
        "action": action,
        "reasons": reasons,
    })
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
            let scored = score_with(Model::shipped(), &request);
            assert_eq!(by_policy(&policy(mode), &request, &scored), action, "{mode}");
        }
    }
}
