//! Endpoints of a host as an OpenAPI 3.1 document.

use serde_json::{Map, Value, json};

use super::calls::{Calls, Credential};
use super::values::Values;
use super::{Endpoint, Learnt};

/// Methods that an OpenAPI path item has (§4.8.9); others can't be described.
const METHODS: [&str; 8] = ["GET", "PUT", "POST", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE"];

/// The document of one host.
pub fn document(learnt: &Learnt, host: &str) -> Value {
    let mut paths: Map<String, Value> = Map::new();
    let mut schemes = Map::new();
    for endpoint in learnt.endpoints.iter().filter(|e| e.host == host) {
        let method = &*endpoint.method.name;
        if !METHODS.contains(&method) {
            continue;
        }
        for kind in endpoint.calls.credentials.keys().flatten() {
            schemes.insert(kind.name().to_owned(), scheme(*kind));
        }
        let item = paths.entry(endpoint.template()).or_insert_with(|| json!({}));
        let name = method.to_ascii_lowercase();
        // GraphQL operations share a path and a method, and OpenAPI knows one operation of both.
        if let Some(item) = item.as_object_mut().filter(|item| !item.contains_key(&name)) {
            item.insert(name, operation(endpoint));
        }
    }
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": if host.is_empty() { "learnt by Weir" } else { host },
            "version": "learnt",
            "description": "What Weir has learnt from recorded requests.",
        },
        "paths": paths,
    });
    if let Some(object) = document.as_object_mut() {
        if !host.is_empty() {
            object.insert("servers".to_owned(), json!([{ "url": format!("//{host}") }]));
        }
        if !schemes.is_empty() {
            object.insert("components".to_owned(), json!({ "securitySchemes": schemes }));
        }
    }
    document
}

fn operation(endpoint: &Endpoint) -> Value {
    let calls = &endpoint.calls;
    let path = endpoint.parameters();
    let path = path.iter().map(|(name, values)| parameter(name, "path", true, values));
    let query = calls
        .query
        .iter()
        .map(|(name, (count, values))| parameter(name, "query", *count >= calls.count, values));
    let parameters: Vec<Value> = path.chain(query).collect();
    let mut operation = Map::new();
    if !parameters.is_empty() {
        operation.insert("parameters".to_owned(), parameters.into());
    }
    if let Some(body) = &calls.body {
        let content = json!({ "application/json": { "schema": body.to_json() } });
        let required = calls.bodies >= calls.count;
        operation
            .insert("requestBody".to_owned(), json!({ "content": content, "required": required }));
    }
    operation.insert("responses".to_owned(), responses(calls));
    operation.insert("security".to_owned(), security(calls));
    operation.insert("x-weir-count".to_owned(), calls.count.into());
    operation
        .insert("x-weir-confidence".to_owned(), json!((endpoint.confidence * 1e4).round() / 1e4));
    operation.into()
}

fn parameter(name: &str, place: &str, required: bool, values: &Values) -> Value {
    let (kind, format) = values.kind().json_type();
    let mut schema = json!({ "type": kind });
    if let (Some(format), Some(object)) = (format, schema.as_object_mut()) {
        object.insert("format".to_owned(), format.into());
    }
    json!({ "name": name, "in": place, "required": required, "schema": schema })
}

/// At least one (§4.8.16); `default` where no answer was recorded.
fn responses(calls: &Calls) -> Value {
    let mut responses = Map::new();
    let codes = calls.statuses.keys().filter(|code| (100..600).contains(*code));
    for code in codes {
        let mut response = json!({ "description": format!("status {code}") });
        if let (200..300, Some(schema), Some(object)) =
            (*code, &calls.response, response.as_object_mut())
        {
            let content = json!({ "application/json": { "schema": schema.to_json() } });
            object.insert("content".to_owned(), content);
        }
        responses.insert(code.to_string(), response);
    }
    if responses.is_empty() {
        responses.insert("default".to_owned(), json!({ "description": "not recorded" }));
    }
    responses.into()
}

/// Any of the credentials that were seen; `{}` is none (§4.8.30).
fn security(calls: &Calls) -> Value {
    let one = |kind: &Option<Credential>| match kind {
        Some(kind) => json!({ kind.name(): [] }),
        None => json!({}),
    };
    calls.credentials.keys().map(one).collect()
}

/// Where the key or cookie stands is not kept, so its name is what is usual.
fn scheme(kind: Credential) -> Value {
    match kind {
        Credential::Bearer => json!({ "type": "http", "scheme": "bearer" }),
        Credential::Basic => json!({ "type": "http", "scheme": "basic" }),
        Credential::Other => json!({ "type": "apiKey", "in": "header", "name": "Authorization" }),
        Credential::ApiKey => json!({ "type": "apiKey", "in": "header", "name": "X-Api-Key" }),
        Credential::Cookie => json!({ "type": "apiKey", "in": "cookie", "name": "session" }),
    }
}
