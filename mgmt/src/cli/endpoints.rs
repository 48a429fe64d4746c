//! `weir endpoints`: what Weir has learnt of the APIs behind it, as table, OpenAPI, drift or allow-list; and what people know better.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use hyper::StatusCode;
use serde_json::{Value, json};

use super::access::encoded;
use super::client::Client;
use super::style::printable;
use super::{Failure, Outcome, learn, output};

#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("what"))]
pub(super) struct Args {
    /// Only of this host
    #[arg(long, value_name = "NAME")]
    host: Option<String>,
    /// As JSON lines
    #[arg(long)]
    json: bool,
    /// As an OpenAPI 3.1 document, of the host or of the only one
    #[arg(long, group = "what")]
    openapi: bool,
    /// Compare with this OpenAPI 3 file (YAML or JSON): a line for each shadow or zombie endpoint, undocumented parameter and
    /// change of type
    #[arg(long, value_name = "FILE", group = "what")]
    against: Option<PathBuf>,
    /// As an allow-list, a policy in monitor mode; how much it would have blocked lately goes to standard error
    #[arg(long, group = "what")]
    policy: bool,
    /// How templates have changed, and why
    #[arg(long, group = "what")]
    log: bool,
    /// Set a template that holds from now on: `/users/{login}` joins all that follows /users and names it, `/users/me` stays a
    /// name of its own
    #[arg(long, value_name = "TEMPLATE", group = "what")]
    set: Vec<String>,
    /// Take back a template that was set
    #[arg(long, value_name = "TEMPLATE")]
    unset: Vec<String>,
    /// The templates that were set
    #[arg(long, group = "what")]
    edits: bool,
}

pub(super) fn run(client: &Client, args: &Args) -> Outcome {
    let text = match args {
        Args { openapi: true, .. } => {
            let document = client.get(&path("/openapi", args))?;
            pretty(&document)?
        }
        Args { against: Some(file), .. } => against(client, file)?,
        Args { policy: true, .. } => allow_list(client)?,
        Args { log: true, .. } => log(&client.get("/api/v1/endpoints/log")?, args.json),
        Args { edits: true, .. } => templates(&client.get("/api/v1/endpoints/edits")?),
        _ if !args.set.is_empty() || !args.unset.is_empty() => edit(client, args)?,
        _ => {
            let answer = client.get(&path("", args))?;
            let all = list(&answer, "endpoints");
            if args.json { lines(all) } else { table(all) }
        }
    };
    output(std::io::stdout().write_all(text.as_bytes()))?;
    Ok(ExitCode::SUCCESS)
}

fn path(what: &str, args: &Args) -> String {
    let host = args.host.as_ref().map(|host| format!("?host={}", encoded(host)));
    format!("/api/v1/endpoints{what}{}", host.unwrap_or_default())
}

fn pretty(value: &Value) -> Result<String, Failure> {
    let text = serde_json::to_string_pretty(value);
    text.map(|text| text + "\n").map_err(|e| Failure::new(e.to_string()))
}

fn list<'v>(answer: &'v Value, name: &str) -> &'v [Value] {
    answer.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn lines(all: &[Value]) -> String {
    all.iter().map(|line| format!("{line}\n")).collect()
}

/// Posts, and fails with the server's sentence.
fn post(client: &Client, path: &str, body: &Value) -> Result<Value, Failure> {
    let (status, value) = client.post(path, body.to_string())?;
    let message = || value.get("message").and_then(Value::as_str).map(str::to_owned);
    match status {
        StatusCode::OK => Ok(value),
        _ => Err(Failure::new(message().unwrap_or_else(|| format!("{path}: {status}")))),
    }
}

fn against(client: &Client, file: &Path) -> Result<String, Failure> {
    let document = learn::yaml_or_json(file)?;
    Ok(lines(list(&post(client, "/api/v1/endpoints/drift", &document)?, "drift")))
}

fn allow_list(client: &Client) -> Result<String, Failure> {
    let answer = client.get("/api/v1/endpoints/policy")?;
    match answer.get("predicted").filter(|p| p.is_object()) {
        None => eprintln!("too few requests so far to say how much it would block"),
        Some(predicted) => {
            let of = |which: &str| {
                let number = |name: &str| {
                    let at = predicted.get(which).and_then(|of| of.get(name));
                    at.and_then(Value::as_f64).unwrap_or(0.0)
                };
                let (all, blocked) = (number("requests"), number("blocked"));
                format!("{blocked} of {all} ({:.2} %)", number("share") * 100.0)
            };
            eprintln!(
                "learnt from what came before, it would have blocked of the last requests {}, and of those that were answered {}",
                of("all"),
                of("answered")
            );
        }
    }
    let number = |name: &str| answer.get(name).and_then(Value::as_u64).unwrap_or(0);
    let (joined, hosts) = (number("joined"), number("hosts_left_out"));
    if joined > 0 || hosts > 0 {
        eprintln!(
            "{joined} endpoints are joined to wider globs, {hosts} hosts are left out: a policy has limits"
        );
    }
    Ok(answer.get("policy").and_then(Value::as_str).unwrap_or_default().to_owned())
}

fn edit(client: &Client, args: &Args) -> Result<String, Failure> {
    let body = json!({ "add": args.set, "remove": args.unset });
    Ok(templates(&post(client, "/api/v1/endpoints/edits", &body)?))
}

fn templates(answer: &Value) -> String {
    let all = list(answer, "templates").iter().filter_map(Value::as_str);
    all.map(|template| format!("{template}\n")).collect()
}

fn log(answer: &Value, json: bool) -> String {
    let changes = list(answer, "changes");
    if json {
        return lines(changes);
    }
    let row = |change: &Value| {
        let text = |name: &str| change.get(name).and_then(Value::as_str).unwrap_or_default();
        let time = change.get("time").and_then(Value::as_u64).unwrap_or(0);
        let old: Vec<&str> = list(change, "old").iter().filter_map(Value::as_str).collect();
        let (old, new) = (old.join(", "), text("new"));
        let what = match (old.is_empty(), new.is_empty()) {
            (true, _) => new.to_owned(),
            (_, true) => format!("{old} → (gone)"),
            _ => format!("{old} → {new}"),
        };
        let line = format!("{}  {what}: {}", text("host"), text("reason"));
        format!("{}  {}\n", super::anomaly::time(time), printable(&line))
    };
    changes.iter().map(row).collect()
}

fn table(endpoints: &[Value]) -> String {
    let apis: Vec<&Value> = endpoints.iter().filter(|e| e.get("template").is_some()).collect();
    if apis.is_empty() {
        return "no endpoint was seen yet\n".to_owned();
    }
    let text = |e: &Value, name: &str| {
        printable(e.get(name).and_then(Value::as_str).unwrap_or_default()).to_string()
    };
    let names = |e: &Value, name: &str| {
        let found = e.get(name).and_then(Value::as_object);
        found.map(|f| f.keys().cloned().collect::<Vec<_>>().join(",")).unwrap_or_default()
    };
    let number = |e: &Value, name: &str| e.get(name).map(Value::to_string).unwrap_or_default();
    let head =
        ["host", "method", "template", "calls", "callers", "sure", "auth", "sent", "received"];
    let rows: Vec<[String; 9]> = apis
        .iter()
        .map(|e| {
            [
                text(e, "host"),
                text(e, "method"),
                format!("{} {}", text(e, "template"), text(e, "operation")).trim_end().to_owned(),
                number(e, "count"),
                number(e, "callers"),
                format!("{:.2}", e.get("confidence").and_then(Value::as_f64).unwrap_or(0.0)),
                names(e, "credentials"),
                names(e, "sensitive_sent"),
                names(e, "sensitive_received"),
            ]
        })
        .collect();
    aligned(&head.map(str::to_owned), &rows)
}

/// Columns as wide as their widest cell.
pub(super) fn aligned<const N: usize>(head: &[String; N], rows: &[[String; N]]) -> String {
    let all = || std::iter::once(head).chain(rows);
    let width = |i: usize| {
        all().filter_map(|row| row.get(i)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..N).map(width).collect();
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    all().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_as_a_table() {
        let endpoint = json!({"host": "a", "method": "GET", "template": "/people/{person_id}", "count": 12, "callers": 3,
            "confidence": 0.987, "credentials": {"bearer": 12}, "sensitive_received": {"pii": 9}});
        let files =
            json!({"type": "files", "host": "a", "directory": "/css", "kind": "css", "count": 1});
        let operation = json!({"host": "a", "method": "POST", "template": "/graphql", "operation": "query Cart",
            "count": 1, "callers": 1, "confidence": 0.5});
        let text = table(&[endpoint, files, operation]);
        let rows: Vec<Vec<&str>> = text.lines().map(|l| l.split_whitespace().collect()).collect();
        assert_eq!(rows.len(), 3, "{text}");
        assert_eq!(rows[2], ["a", "POST", "/graphql", "query", "Cart", "1", "1", "0.50"]);
        assert_eq!(
            rows[1],
            ["a", "GET", "/people/{person_id}", "12", "3", "0.99", "bearer", "pii"]
        );
    }

    #[test]
    fn changes_are_told_with_their_reason() {
        let changes = json!({"changes": [
            {"time": 0, "host": "a", "old": ["/u/1", "/u/2"], "new": "/u/{u_id}", "reason": "why"},
            {"time": 0, "host": "a", "old": [], "new": "/b", "reason": "new"},
        ]});
        let text = log(&changes, false);
        assert_eq!(
            text,
            "1970-01-01 00:00  a  /u/1, /u/2 → /u/{u_id}: why\n1970-01-01 00:00  a  /b: new\n"
        );
    }
}
