//! `weir services`: who calls whom, and the policy that would keep it so.

use std::io::Write;
use std::process::ExitCode;

use clap::Subcommand;
use serde_json::Value;

use super::client::Client;
use super::endpoints::aligned;
use super::style::printable;
use super::{Outcome, output};
use crate::learning::graph;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Which services and clients call which service, and what sensitive data goes between them
    Graph(Args),
}

#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("form"))]
pub(super) struct Args {
    /// As JSON
    #[arg(long, group = "form")]
    json: bool,
    /// For Graphviz: `weir services graph --dot | dot -Tsvg`
    #[arg(long, group = "form")]
    dot: bool,
    /// As a policy in monitor mode: only who has called a service may, and only what it has called
    #[arg(long, group = "form")]
    policy: bool,
}

pub(super) fn run(client: &Client, command: &Command) -> Outcome {
    let Command::Graph(args) = command;
    let text = if args.policy {
        let answer = client.get("/api/v1/services/policy")?;
        let left_out = answer.get("left_out").and_then(Value::as_u64).unwrap_or(0);
        if left_out > 0 {
            eprintln!("{left_out} services or callers have no rule: a policy has limits");
        }
        answer.get("policy").and_then(Value::as_str).unwrap_or_default().to_owned()
    } else {
        let graph = client.get("/api/v1/services/graph")?;
        match args {
            Args { json: true, .. } => format!("{graph}\n"),
            Args { dot: true, .. } => graph::dot(&graph),
            _ => table(&graph),
        }
    };
    output(std::io::stdout().write_all(text.as_bytes()))?;
    Ok(ExitCode::SUCCESS)
}

fn table(graph: &Value) -> String {
    let edges = graph.get("edges").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    if edges.is_empty() {
        return "nobody has called a service yet\n".to_owned();
    }
    let row = |edge: &Value| {
        let text = |name: &str| {
            printable(edge.get(name).and_then(Value::as_str).unwrap_or_default()).to_string()
        };
        let number = |name: &str| edge.get(name).and_then(Value::as_u64).unwrap_or(0);
        let names = |name: &str| {
            let found = edge.get(name).and_then(Value::as_object);
            found.map(|f| f.keys().cloned().collect::<Vec<_>>().join(",")).unwrap_or_default()
        };
        let calls = edge.get("calls").and_then(Value::as_array).map_or(0, Vec::len);
        [
            text("caller"),
            text("service"),
            number("requests").to_string(),
            number("failed").to_string(),
            calls.to_string(),
            super::anomaly::time(number("first")),
            names("sensitive_sent"),
            names("sensitive_received"),
        ]
    };
    let head =
        ["caller", "service", "requests", "failed", "endpoints", "since", "sent", "received"];
    aligned(&head.map(str::to_owned), &edges.iter().map(row).collect::<Vec<_>>())
}
