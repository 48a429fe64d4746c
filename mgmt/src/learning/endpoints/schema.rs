//! The shape of JSON bodies as JSON Schema: types, nested properties, which of them are always there. Bounded in width and
//! depth; what is beyond is left open.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::values::Kind;

/// Properties of an object; further ones are allowed and not described.
const PROPERTIES: usize = 64;
/// How deep objects and lists are followed.
const DEPTH: usize = 6;
/// Elements of a list that are looked at.
const ELEMENTS: usize = 16;

/// What values at one place look like.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Schema {
    count: u64,
    null: bool,
    scalar: Option<Kind>,
    /// A text was seen, so numbers in texts are no numbers.
    text: bool,
    object: Option<Properties>,
    items: Option<Box<Schema>>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Properties {
    count: u64,
    of: BTreeMap<Box<str>, Schema>,
    open: bool,
}

impl Schema {
    /// Another value.
    pub fn add(&mut self, value: &Value) {
        self.add_at(value, 0);
    }

    fn add_at(&mut self, value: &Value, depth: usize) {
        self.count += 1;
        match value {
            Value::Null => self.null = true,
            Value::Bool(_) => self.add_scalar(Kind::Boolean, false),
            Value::Number(n) => {
                self.add_scalar(if n.is_f64() { Kind::Number } else { Kind::Integer }, false);
            }
            Value::String(text) => self.add_scalar(Kind::of(text), true),
            Value::Array(list) => {
                let items = self.items.get_or_insert_default();
                if depth < DEPTH {
                    list.iter().take(ELEMENTS).for_each(|item| items.add_at(item, depth + 1));
                }
            }
            Value::Object(map) => {
                let object = self.object.get_or_insert_default();
                object.count += 1;
                object.open |= depth >= DEPTH && !map.is_empty();
                for (name, value) in map.iter().filter(|_| depth < DEPTH) {
                    if let Some(known) = object.of.get_mut(name.as_str()) {
                        known.add_at(value, depth + 1);
                    } else if object.of.len() < PROPERTIES {
                        object.of.entry(name.as_str().into()).or_default().add_at(value, depth + 1);
                    } else {
                        object.open = true;
                    }
                }
            }
        }
    }

    fn add_scalar(&mut self, kind: Kind, text: bool) {
        self.text |= text;
        self.scalar = Some(self.scalar.map_or(kind, |known| known.join(kind)));
    }

    /// What another one has seen.
    pub fn merge(&mut self, other: &Schema) {
        self.count += other.count;
        self.null |= other.null;
        self.text |= other.text;
        self.scalar = match (self.scalar, other.scalar) {
            (Some(a), Some(b)) => Some(a.join(b)),
            (a, b) => a.or(b),
        };
        if let Some(items) = &other.items {
            self.items.get_or_insert_default().merge(items);
        }
        if let Some(theirs) = &other.object {
            let object = self.object.get_or_insert_default();
            object.count += theirs.count;
            object.open |= theirs.open;
            for (name, schema) in &theirs.of {
                if let Some(known) = object.of.get_mut(name) {
                    known.merge(schema);
                } else if object.of.len() < PROPERTIES {
                    object.of.insert(name.clone(), schema.clone());
                } else {
                    object.open = true;
                }
            }
        }
    }

    /// As JSON Schema (2020-12, the dialect of OpenAPI 3.1).
    pub fn to_json(&self) -> Value {
        let mut types: Vec<&str> = Vec::new();
        let mut schema = Map::new();
        if let Some(kind) = self.scalar {
            let (name, format) = if self.text { text_type(kind) } else { kind.json_type() };
            types.push(name);
            if let Some(format) = format {
                schema.insert("format".to_owned(), format.into());
            }
        }
        if let Some(items) = &self.items {
            types.push("array");
            schema.insert("items".to_owned(), items.to_json());
        }
        if let Some(object) = &self.object {
            types.push("object");
            let properties: Map<String, Value> =
                object.of.iter().map(|(name, s)| (name.to_string(), s.to_json())).collect();
            let always = object.of.iter().filter(|(_, s)| s.count >= object.count);
            let required: Vec<&str> = always.map(|(name, _)| &**name).collect();
            schema.insert("properties".to_owned(), properties.into());
            if !required.is_empty() {
                schema.insert("required".to_owned(), json!(required));
            }
        }
        if self.null {
            types.push("null");
        }
        match types.as_slice() {
            [] => {}
            [one] => drop(schema.insert("type".to_owned(), json!(one))),
            many => drop(schema.insert("type".to_owned(), json!(many))),
        }
        Value::Object(schema)
    }
}

/// A text that looks like a number is a text.
fn text_type(kind: Kind) -> (&'static str, Option<&'static str>) {
    match kind.json_type() {
        (_, format @ Some(_)) => ("string", format),
        _ => ("string", None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_types_and_what_is_required() {
        let mut schema = Schema::default();
        schema.add(&json!({"id": 1, "mail": "a@b.example", "tags": ["x"], "at": null}));
        schema.add(&json!({"id": 1.5, "tags": [{"deep": true}], "at": "2024-01-01"}));
        assert_eq!(
            schema.to_json(),
            json!({"type": "object", "required": ["at", "id", "tags"], "properties": {
                "id": {"type": "number"},
                "mail": {"type": "string", "format": "email"},
                "at": {"type": ["string", "null"], "format": "date"},
                "tags": {"type": "array", "items": {"type": ["string", "object"],
                    "properties": {"deep": {"type": "boolean"}}, "required": ["deep"]}}}})
        );
    }

    #[test]
    fn merging_is_seeing_both() {
        let values = [json!({"a": 1}), json!({"b": [1, "2"]}), json!([null]), json!("x")];
        let seen = |values: &[Value]| {
            let mut schema = Schema::default();
            values.iter().for_each(|v| schema.add(v));
            schema
        };
        let mut merged = seen(&values[..2]);
        merged.merge(&seen(&values[2..]));
        assert_eq!(merged, seen(&values));
    }

    #[test]
    fn it_stays_small() {
        let mut schema = Schema::default();
        for n in 0..1000 {
            schema.add(&json!({ n.to_string(): n }));
        }
        let mut deep = json!(1);
        (0..100).for_each(|_| deep = json!([deep]));
        schema.add(&deep);
        assert!(schema.to_json().to_string().len() < 10_000);
    }
}
