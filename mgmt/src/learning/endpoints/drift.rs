//! What was learnt against an OpenAPI description: endpoints that it does not know, those of it that nobody calls, parameters
//! it does not know, and values of another type than it says, in bodies too.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use weir_inspect::endpoints::{Matcher, parameter_ending};
use weir_inspect::path::is_json;
use weir_inspect::shape::Schema;

use super::templates::{Part, components};
use super::values::{Kind, Values};
use super::{Endpoint, Learnt};

/// Methods of a path item.
const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];
/// What no component of a name is, so that it fits a parameter only.
const ANYTHING: &str = "{}";

/// An operation of a description.
#[derive(Debug)]
struct Operation {
    method: String,
    path: String,
    deprecated: bool,
    /// By place and name: the type that its schema says, if it says one.
    parameters: BTreeMap<(String, String), Option<String>>,
    /// Types of the path's parameters, in order.
    types: Vec<Option<String>>,
    /// Schemas of JSON in the request and in an answer of 2xx.
    bodies: [Option<Value>; 2],
}

/// A description to compare with.
#[derive(Debug)]
pub struct Description {
    /// What schemas refer to.
    document: Value,
    operations: Vec<Operation>,
    matchers: BTreeMap<String, Matcher>,
}

impl Description {
    /// Reads OpenAPI 3, as a document. Paths are taken below the path of the first server.
    pub fn read(document: &Value) -> Result<Description, String> {
        let paths = document.get("paths").and_then(Value::as_object);
        let paths = paths.ok_or("no OpenAPI description: it has no `paths`")?;
        let base = base(document);
        let (operations, matchers) = (Vec::new(), BTreeMap::new());
        let mut description = Description { document: document.clone(), operations, matchers };
        for (path, item) in paths {
            for method in METHODS {
                if let Some(operation) = item.get(method) {
                    let path = format!("{base}{path}");
                    description.add(document, method, path, item, operation);
                }
            }
        }
        Ok(description)
    }

    fn add(&mut self, document: &Value, method: &str, path: String, item: &Value, said: &Value) {
        let list = |value: &Value| value.get("parameters").and_then(Value::as_array).cloned();
        let listed = [item, said].into_iter().filter_map(list).flatten();
        let mut parameters = BTreeMap::new();
        for parameter in listed {
            let parameter = resolved(document, &parameter);
            let text = |name: &str| parameter.get(name).and_then(Value::as_str).unwrap_or_default();
            let schema = parameter.get("schema").map(|schema| resolved(document, schema));
            let kind = schema.as_ref().and_then(|s| s.get("type").and_then(Value::as_str));
            parameters
                .insert((text("in").to_owned(), text("name").to_owned()), kind.map(str::to_owned));
        }
        let (mut parts, mut types) = (Vec::new(), Vec::new());
        for component in path.split('/').filter(|c| !c.is_empty()) {
            let name = component.split_once('{').and_then(|(_, rest)| rest.split_once('}'));
            match name {
                Some((name, _)) => {
                    let key = ("path".to_owned(), name.to_owned());
                    types.push(parameters.get(&key).cloned().flatten());
                    parts.push(Part::any(parameter_ending(component).unwrap_or_default()));
                }
                None => parts.push(Part::Name(component.into())),
            }
        }
        let method = method.to_ascii_uppercase();
        let deprecated = said.get("deprecated").and_then(Value::as_bool).unwrap_or(false);
        self.matchers
            .entry(method.clone())
            .or_default()
            .add(components(&parts), self.operations.len());
        let bodies = [said.get("requestBody").cloned(), answer(said).cloned()];
        let bodies = bodies.map(|body| json_schema(&resolved(document, &body?)).cloned());
        self.operations.push(Operation { method, path, deprecated, parameters, types, bodies });
    }

    /// A line for each difference.
    pub fn compare(&self, learnt: &Learnt) -> Vec<Value> {
        let mut lines = Vec::new();
        let mut seen = BTreeSet::new();
        for endpoint in &learnt.endpoints {
            let component = |part: &'_ Part| -> Box<str> {
                match part {
                    Part::Name(name) => name.clone(),
                    Part::Parameter { ending, .. } => format!("{ANYTHING}{ending}").into(),
                }
            };
            let named: Vec<Box<str>> = endpoint.parts.iter().map(component).collect();
            let matcher = self.matchers.get(&*endpoint.method.name);
            let found = matcher.and_then(|m| m.find(named.iter().map(|name| name.as_bytes())));
            let Some((number, operation)) = found.and_then(|n| Some((n, self.operations.get(n)?)))
            else {
                lines.push(line("shadow", endpoint, json!({})));
                continue;
            };
            seen.insert(number);
            if operation.deprecated {
                lines.push(line("zombie", endpoint, json!({ "why": "deprecated, and called" })));
            }
            operation.differences(endpoint, &mut lines);
            self.bodies(operation, endpoint, &mut lines);
        }
        let unseen = self.operations.iter().enumerate().filter(|(n, _)| !seen.contains(n));
        lines.extend(unseen.map(|(_, operation)| {
            json!({
                "drift": "zombie", "method": operation.method, "template": operation.path,
                "why": if operation.deprecated { "deprecated, and not called" } else { "not called" },
            })
        }));
        lines
    }
}

impl Description {
    /// Values in bodies that are of another type than described.
    fn bodies(&self, operation: &Operation, endpoint: &Endpoint, lines: &mut Vec<Value>) {
        let learnt = [("body", &endpoint.calls.body), ("response", &endpoint.calls.response)];
        for ((place, learnt), said) in learnt.into_iter().zip(&operation.bodies) {
            let (Some(learnt), Some(said)) = (learnt, said) else { continue };
            self.changes(said, learnt, "$", &mut |path, said, seen| {
                let detail = json!({ "in": place, "name": path, "described": said, "seen": seen });
                lines.push(line("type-change", endpoint, detail));
            });
        }
    }

    /// As deep as what was learnt, at most.
    fn changes(
        &self,
        said: &Value,
        learnt: &Schema,
        path: &str,
        told: &mut dyn FnMut(&str, &Value, &[&str]),
    ) {
        let said = resolved(&self.document, said);
        let described: Vec<&str> = match said.get("type") {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        // OpenAPI 3.0 says so of null.
        let nullable = said.get("nullable").and_then(Value::as_bool).unwrap_or(false);
        let fits = |seen: &&str| {
            described.contains(seen)
                || *seen == "integer" && described.contains(&"number")
                || *seen == "null" && nullable
        };
        let types = learnt.types();
        let others: Vec<&str> = types.into_iter().filter(|seen| !fits(seen)).collect();
        if !described.is_empty() && !others.is_empty() {
            told(path, said.get("type").unwrap_or(&Value::Null), &others);
        }
        if let (Some(said), Some(items)) = (said.get("items"), learnt.items()) {
            self.changes(said, items, &format!("{path}[*]"), told);
        }
        for (name, schema) in learnt.properties() {
            let said = said.get("properties").and_then(|properties| properties.get(name));
            if let Some(said) = said {
                self.changes(said, schema, &format!("{path}.{name}"), told);
            }
        }
    }
}

/// What is said of the first answer of 2xx.
fn answer(operation: &Value) -> Option<&Value> {
    let responses = operation.get("responses")?.as_object()?;
    responses.iter().find(|(code, _)| code.starts_with('2')).map(|(_, response)| response)
}

/// The schema of a body's JSON.
fn json_schema(body: &Value) -> Option<&Value> {
    let content = body.get("content")?.as_object()?;
    content.iter().find(|(kind, _)| is_json(kind.as_bytes()))?.1.get("schema")
}

impl Operation {
    fn differences(&self, endpoint: &Endpoint, lines: &mut Vec<Value>) {
        for (name, (_, values)) in &endpoint.calls.query {
            match self.parameters.get(&("query".to_owned(), name.to_string())) {
                None => {
                    let detail =
                        json!({ "in": "query", "name": name, "seen": values.kind().name() });
                    lines.push(line("undocumented-parameter", endpoint, detail));
                }
                Some(said) => {
                    self.type_change(endpoint, "query", name, said.as_deref(), values, lines)
                }
            }
        }
        let typed = endpoint.parameters().into_iter().zip(&self.types);
        for ((name, values), said) in typed {
            self.type_change(endpoint, "path", &name, said.as_deref(), values, lines);
        }
    }

    fn type_change(
        &self,
        endpoint: &Endpoint,
        place: &str,
        name: &str,
        said: Option<&str>,
        values: &Values,
        lines: &mut Vec<Value>,
    ) {
        let fits = match said {
            Some("integer") => values.kind() == Kind::Integer,
            Some("number") => matches!(values.kind(), Kind::Integer | Kind::Number),
            Some("boolean") => values.kind() == Kind::Boolean,
            _ => true,
        };
        if !fits && values.count() > 0 {
            let seen = values.kind().name();
            let detail = json!({ "in": place, "name": name, "described": said, "seen": seen });
            lines.push(line("type-change", endpoint, detail));
        }
    }
}

fn line(drift: &str, endpoint: &Endpoint, detail: Value) -> Value {
    let mut line = json!({
        "drift": drift, "method": endpoint.method.name, "host": endpoint.host,
        "template": endpoint.template(), "count": endpoint.calls.count,
    });
    if let (Some(line), Value::Object(detail)) = (line.as_object_mut(), detail) {
        line.extend(detail);
    }
    line
}

/// The path of the first server.
fn base(document: &Value) -> String {
    let url = document.pointer("/servers/0/url").and_then(Value::as_str).unwrap_or_default();
    let path = match url.split_once("//") {
        Some((_, rest)) => rest.find('/').and_then(|at| rest.get(at..)).unwrap_or_default(),
        None => url,
    };
    path.trim_end_matches('/').to_owned()
}

/// A `$ref` into the same document is followed once: parameters and schemas are rarely further away.
fn resolved(document: &Value, value: &Value) -> Value {
    let place = value.get("$ref").and_then(Value::as_str).and_then(|r| r.strip_prefix('#'));
    place.and_then(|place| document.pointer(place)).unwrap_or(value).clone()
}
