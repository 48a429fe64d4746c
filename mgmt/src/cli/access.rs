//! `weir access`: who touched what.

use std::io::Write;
use std::process::ExitCode;

use serde_json::Value;

use super::client::Client;
use super::{Outcome, output};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Only this caller, as it is shown
    #[arg(long)]
    caller: Option<String>,
    /// Only this service
    #[arg(long)]
    service: Option<String>,
    /// Only this detector
    #[arg(long)]
    detector: Option<String>,
    /// At most so many
    #[arg(short, default_value_t = 50)]
    n: usize,
    /// As JSON lines
    #[arg(long)]
    json: bool,
}

pub(super) fn run(client: &Client, args: &Args) -> Outcome {
    let given =
        [("caller", &args.caller), ("service", &args.service), ("detector", &args.detector)];
    let query: Vec<_> = given
        .into_iter()
        .filter_map(|(name, value)| Some(format!("{name}={}", encoded(value.as_deref()?))))
        .collect();
    let answer = client.get(&format!("/api/v1/access?{}", query.join("&")))?;
    let entries = answer.get("entries").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let text = if args.json { lines(entries, args.n) } else { table(entries, args.n) };
    output(std::io::stdout().write_all(text.as_bytes()))?;
    Ok(ExitCode::SUCCESS)
}

/// A value of a query (RFC 3986 §2.1).
pub(super) fn encoded(value: &str) -> String {
    let byte = |b: u8| match b {
        b if b.is_ascii_alphanumeric() || b"-._~".contains(&b) => char::from(b).to_string(),
        b => format!("%{b:02X}"),
    };
    value.bytes().map(byte).collect()
}

fn lines(entries: &[Value], most: usize) -> String {
    entries.iter().take(most).map(|entry| format!("{entry}\n")).collect()
}

fn table(entries: &[Value], most: usize) -> String {
    if entries.is_empty() {
        return "nothing was found in the last day\n".into();
    }
    let text = |entry: &Value, name: &str| {
        entry.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let number = |entry: &Value, at: &str| entry.pointer(at).and_then(Value::as_u64).unwrap_or(0);
    let head = ["caller", "detector", "service", "endpoint"];
    let rows: Vec<[String; 4]> =
        entries.iter().take(most).map(|entry| head.map(|name| text(entry, name))).collect();
    let width = |i: usize| {
        let of = |row: &[String; 4]| row.get(i).map_or(0, |cell| cell.chars().count());
        rows.iter().map(of).chain(head.get(i).map(|h| h.len())).max().unwrap_or(0)
    };
    let [caller, detector, service, endpoint] = [width(0), width(1), width(2), width(3)];
    let mut out = format!(
        "{:>9} {:>9}  {:>9} {:>9}\n{:>9} {:>9}  {:>9} {:>9}  {:<caller$}  {:<detector$}  {:<service$}  {:<endpoint$}  last\n",
        "hour",
        "",
        "day",
        "",
        "different",
        "findings",
        "different",
        "findings",
        head[0],
        head[1],
        head[2],
        head[3],
    );
    for (entry, [who, what, of, at]) in entries.iter().zip(&rows) {
        out.push_str(&format!(
            "{:>9} {:>9}  {:>9} {:>9}  {who:<caller$}  {what:<detector$}  {of:<service$}  {at:<endpoint$}  {}\n",
            number(entry, "/hour/distinct"),
            number(entry, "/hour/findings"),
            number(entry, "/day/distinct"),
            number(entry, "/day/findings"),
            text(entry, "last").split('.').next().unwrap_or_default(),
        ));
    }
    let left_out = entries.len().saturating_sub(most);
    if left_out > 0 {
        out.push_str(&format!("and {left_out} more; `-n` shows them\n"));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_table_shows_the_widest_access() {
        let entry = json!({"caller": "10.0.0.7", "service": "people", "endpoint": "GET /people/{id}", "detector": "us-ssn",
            "hour": {"findings": 3, "distinct": 2}, "day": {"findings": 30, "distinct": 20}, "last": "2026-11-22T09:00:00.5+0000"});
        let text = table(&[entry.clone(), entry.clone()], 1);
        let row: Vec<_> = text.lines().nth(2).unwrap().split_whitespace().collect();
        assert_eq!(row[..7], ["2", "3", "20", "30", "10.0.0.7", "us-ssn", "people"]);
        assert!(
            text.contains("GET /people/{id}") && text.ends_with("and 1 more; `-n` shows them\n")
        );
        assert_eq!(lines(std::slice::from_ref(&entry), 5), format!("{entry}\n"));
        assert_eq!(table(&[], 5), "nothing was found in the last day\n");
        assert_eq!(encoded("a b/ü"), "a%20b%2F%C3%BC");
    }
}
