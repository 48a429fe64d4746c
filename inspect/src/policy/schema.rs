//! The JSON Schema of policies, and holding a parsed policy to it.

use std::sync::LazyLock;

use serde_json::Value as Json;

use super::diagnostic::{Pos, Report, did_you_mean};
use super::source::{Further, Source};
use super::yaml::{Key, Node, Value};

/// The JSON Schema (draft 2020-12) of a policy, for editors and CI; published as `configs/policy.schema.json`.
pub fn json_schema() -> Json {
    let mut schema = Json::from(schemars::schema_for!(Source));
    forbid_null(&mut schema);
    schema
}

/// Removes `null` wherever the derived schema allows it for an optional field: `services:` with nothing behind it
/// is a slip that would widen a rule to every service, so a key is given a value or left out.
fn forbid_null(schema: &mut Json) {
    let is_null = |s: &Json| s.get("type").is_some_and(|t| t == "null") || s == "null";
    match schema {
        Json::Array(items) => items.iter_mut().for_each(forbid_null),
        Json::Object(object) => {
            if object.get("default").is_some_and(Json::is_null) {
                object.remove("default");
            }
            if let Some(Json::Array(types)) = object.get("type") {
                let kept = types.iter().find(|t| !is_null(t)).cloned();
                object.insert("type".into(), kept.unwrap_or_default());
            }
            if let Some(Json::Array(choices)) = object.get("anyOf") {
                let kept = choices.iter().find(|s| !is_null(s)).cloned();
                object.remove("anyOf");
                if let Some(Json::Object(kept)) = kept {
                    object.extend(kept);
                }
            }
            object.values_mut().for_each(forbid_null);
        }
        _ => {}
    }
}

/// Reports everything in which `node` breaks the schema, and returns what is left when that is taken out: unknown keys
/// and wrong items are gone, wrong values are null. It deserialises as [`Source`], so the checks that follow can
/// report their errors too. None if it is no mapping at all.
pub(super) fn check(node: Node, report: &mut Report) -> Option<Node> {
    static SCHEMA: LazyLock<Json> = LazyLock::new(json_schema);
    Checker { root: &SCHEMA }.check(node, &SCHEMA, "a policy", report)
}

/// The same for a file that is included, or a tenant's: a [`Further`].
pub(super) fn check_further(node: Node, report: &mut Report) -> Option<Node> {
    static SCHEMA: LazyLock<Json> = LazyLock::new(|| {
        let mut schema = Json::from(schemars::schema_for!(Further));
        forbid_null(&mut schema);
        schema
    });
    let what = "a file that a policy names";
    Checker { root: &SCHEMA }.check(node, &SCHEMA, what, report)
}

/// Knows as much of JSON Schema as the derived schema uses.
struct Checker<'s> {
    root: &'s Json,
}

impl<'s> Checker<'s> {
    /// The node without its errors; none if nothing of it can be used. `what` names it in messages.
    fn check(&self, node: Node, schema: &'s Json, what: &str, report: &mut Report) -> Option<Node> {
        let schema = self.resolve(schema);
        let kind = schema.get("type").and_then(Json::as_str).unwrap_or_default();
        let pos = node.pos;
        let choices = choices(schema);
        let value = match node.value {
            Value::Text(text) if !choices.is_empty() => {
                if !choices.contains(&text.as_str()) {
                    let hint = did_you_mean(&text, choices.iter().copied());
                    let known = choices.join("`, `");
                    report.error(
                        pos,
                        format!("{what} cannot be `{text}`, only one of `{known}`{hint}"),
                    );
                    return None;
                }
                Value::Text(text)
            }
            Value::Map(entries) if kind == "object" => {
                Value::Map(self.check_entries(pos, entries, schema, what, report))
            }
            Value::List(items) if kind == "array" => {
                Value::List(self.check_items(pos, items, schema, what, report))
            }
            Value::Text(text) if kind == "string" => {
                if text.is_empty() && schema.get("minLength").is_some() {
                    report.error(pos, format!("{what} is empty"));
                    return None;
                }
                Value::Text(text)
            }
            Value::Bool(b) if kind == "boolean" => Value::Bool(b),
            Value::Int(int) if kind == "integer" => {
                let bound = |name| schema.get(name).and_then(Json::as_i64);
                let (min, max) = (bound("minimum").unwrap_or(0), bound("maximum"));
                if int < min || max.is_some_and(|max| int > max) {
                    report.error(pos, out_of_range(what, int, min, max));
                    return None;
                }
                Value::Int(int)
            }
            other => {
                report.error(pos, wrong_type(what, kind, &choices, &other));
                return None;
            }
        };
        Some(Node { pos, value })
    }

    fn check_entries(
        &self,
        pos: Pos,
        entries: Vec<(Key, Node)>,
        schema: &'s Json,
        what: &str,
        report: &mut Report,
    ) -> Vec<(Key, Node)> {
        let properties = schema.get("properties").and_then(Json::as_object);
        let names = || properties.into_iter().flat_map(|p| p.keys()).map(String::as_str);
        for required in schema.get("required").and_then(Json::as_array).into_iter().flatten() {
            let required = required.as_str().unwrap_or_default();
            if !entries.iter().any(|(key, _)| key.name == required) {
                report.error(pos, format!("{what} needs `{required}`"));
            }
        }
        let mut kept = Vec::with_capacity(entries.len());
        for (key, node) in entries {
            let Some(schema) = properties.and_then(|p| p.get(&key.name)) else {
                let hint = did_you_mean(&key.name, names());
                report.error(key.pos, format!("{what} has no key `{}`{hint}", key.name));
                continue;
            };
            let unusable = Node { pos: node.pos, value: Value::Null };
            let checked = self.check(node, schema, &format!("`{}`", key.name), report);
            kept.push((key, checked.unwrap_or(unusable)));
        }
        kept
    }

    fn check_items(
        &self,
        pos: Pos,
        items: Vec<Node>,
        schema: &'s Json,
        what: &str,
        report: &mut Report,
    ) -> Vec<Node> {
        if items.is_empty() && schema.get("minItems").is_some() {
            report.error(pos, format!("{what} is an empty list; leave it out to mean any"));
        }
        let Some(schema) = schema.get("items") else { return items };
        let what = format!("an item of {what}");
        items.into_iter().filter_map(|item| self.check(item, schema, &what, report)).collect()
    }

    /// Follows `$ref` into `$defs`; the derived schema never refers to a reference.
    fn resolve(&self, schema: &'s Json) -> &'s Json {
        let target = schema.get("$ref").and_then(Json::as_str).and_then(|r| r.strip_prefix('#'));
        target.and_then(|pointer| self.root.pointer(pointer)).unwrap_or(schema)
    }
}

/// The words that an enumeration allows: `enum`, or `oneOf` with a described `const` each.
fn choices(schema: &Json) -> Vec<&str> {
    let list = |name| schema.get(name).and_then(Json::as_array).into_iter().flatten();
    let plain = list("enum").filter_map(Json::as_str);
    let nested = list("oneOf").flat_map(choices);
    let described = schema.get("const").and_then(Json::as_str);
    plain.chain(described).chain(nested).collect()
}

fn wrong_type(what: &str, kind: &str, choices: &[&str], found: &Value) -> String {
    let expected = match kind {
        _ if !choices.is_empty() => format!("one of `{}`", choices.join("`, `")),
        "object" => "a mapping".into(),
        "array" => "a list, as [a, b]".into(),
        "integer" => "a whole number".into(),
        "boolean" => "`true` or `false`".into(),
        _ => "text".into(),
    };
    let hint = match found {
        Value::Bool(_) | Value::Int(_) | Value::Float(_) if kind == "string" => {
            "; put it in quotes"
        }
        Value::Null => "; give it a value or leave it out",
        _ => "",
    };
    format!("{what} must be {expected}, not {}{hint}", found.describe())
}

fn out_of_range(what: &str, int: i64, min: i64, max: Option<i64>) -> String {
    match max {
        Some(max) if max == min => format!("{what} must be {min}, not {int}"),
        Some(max) => format!("{what} must be from {min} to {max}, not {int}"),
        None => format!("{what} must be at least {min}, not {int}"),
    }
}
