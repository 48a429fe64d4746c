//! Endpoints as JSON lines.

use serde_json::{Map, Value, json};

use super::calls::{Calls, Credential};
use super::values::Values;
use super::{Endpoint, Learnt};

/// A line for each endpoint, then one for each directory of files.
pub fn lines(learnt: &Learnt) -> impl Iterator<Item = Value> {
    let assets = learnt.assets.iter().map(|asset| {
        json!({
            "type": "files", "host": asset.host, "directory": asset.directory,
            "kind": asset.kind, "count": asset.count,
        })
    });
    // Files are no endpoints, and who reads templates need not know of them: `type` says so.
    learnt.endpoints.iter().map(endpoint).chain(assets)
}

fn endpoint(endpoint: &Endpoint) -> Value {
    let calls = &endpoint.calls;
    let parameters: Vec<Value> =
        endpoint
            .parameters()
            .into_iter()
            .map(|(name, values)| parameter(&name, "path", true, values))
            .chain(calls.query.iter().map(|(name, (count, values))| {
                parameter(name, "query", *count >= calls.count, values)
            }))
            .collect();
    let mut line = json!({
        "method": endpoint.method.name,
        "host": endpoint.host,
        "template": endpoint.template(),
        "parameters": parameters,
        "statuses": statuses(calls),
        "credentials": credentials(calls),
        "callers": calls.callers(),
        "count": calls.count,
        // Four decimals: enough to tell thresholds apart.
        "confidence": (endpoint.confidence * 10_000.0).round() / 10_000.0,
    });
    if let Some(object) = line.as_object_mut() {
        if let Some(operation) = &endpoint.method.operation {
            object.insert("operation".to_owned(), json!(operation));
        }
        for (name, found) in
            [("sensitive_sent", &calls.sent), ("sensitive_received", &calls.received)]
        {
            if !found.is_empty() {
                object.insert(name.to_owned(), json!(found));
            }
        }
        for (name, schema) in [("body", &calls.body), ("response", &calls.response)] {
            if let Some(schema) = schema {
                object.insert(name.to_owned(), schema.to_json());
            }
        }
    }
    line
}

fn parameter(name: &str, place: &str, required: bool, values: &Values) -> Value {
    json!({
        "name": name, "in": place, "type": values.kind().name(), "required": required,
        "distinct": values.distinct(),
    })
}

fn statuses(calls: &Calls) -> Map<String, Value> {
    calls.statuses.iter().map(|(status, count)| (status.to_string(), json!(count))).collect()
}

/// Calls by credential; those without one under `none`.
fn credentials(calls: &Calls) -> Map<String, Value> {
    let name = |kind: &Option<Credential>| kind.map_or("none", Credential::name).to_owned();
    calls.credentials.iter().map(|(kind, count)| (name(kind), json!(count))).collect()
}
