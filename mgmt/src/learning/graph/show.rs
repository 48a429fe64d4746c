//! The graph as JSON and for Graphviz.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{Edge, Graph};

/// `edges`, the busiest first.
pub fn json(graph: &Graph) -> Value {
    let mut edges: Vec<(&String, &String, &Edge)> = graph
        .services
        .iter()
        .flat_map(|(name, service)| service.callers.iter().map(move |(c, e)| (c, name, e)))
        .collect();
    edges.sort_by(|a, b| b.2.requests.cmp(&a.2.requests).then_with(|| (a.0, a.1).cmp(&(b.0, b.1))));
    let edge = |(caller, service, e): (&String, &String, &Edge)| {
        json!({
            "caller": caller, "service": service, "requests": e.requests, "failed": e.failed,
            "first": e.first, "last": e.last, "sensitive_sent": e.sent, "sensitive_received": e.received,
            "addresses": e.addresses.all, "more_addresses": e.addresses.more,
            "calls": e.calls.all.iter().map(|(m, t)| format!("{m} {t}")).collect::<Vec<_>>(),
            "more_calls": e.calls.more,
        })
    };
    json!({ "edges": edges.into_iter().map(edge).collect::<Vec<_>>(), "left_out": graph.left_out })
}

/// In Graphviz' language: `weir services graph --dot | dot -Tsvg`.
pub fn dot(graph: &Value) -> String {
    let mut out = String::from("digraph services {\n  rankdir=LR;\n  node [shape=box];\n");
    let edges = graph.get("edges").and_then(Value::as_array);
    for edge in edges.into_iter().flatten() {
        let name = |key: &str| quoted(edge.get(key).and_then(Value::as_str).unwrap_or_default());
        let requests = edge.get("requests").and_then(Value::as_u64).unwrap_or(0);
        let data = |key: &str| {
            let found = edge.get(key).and_then(Value::as_object);
            found.is_some_and(|found| !found.is_empty())
        };
        let color =
            if data("sensitive_sent") || data("sensitive_received") { "red" } else { "black" };
        // Writing to a String can't fail.
        let _ = writeln!(
            out,
            "  {} -> {} [label=\"{requests}\", color={color}];",
            name("caller"),
            name("service")
        );
    }
    out.push_str("}\n");
    out
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', " "))
}
