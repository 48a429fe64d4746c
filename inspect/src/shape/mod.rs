//! The shape of JSON bodies as JSON Schema: types, nested properties, which of them are always there. It holds no value, and is bounded in
//! width, depth and number; what is beyond is left open.
//!
//! ```text
//! body ─► Schema::read ─► Schema ─► merge (of many bodies) ─► JSON Schema
//! ```

mod kind;
mod read;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

pub use kind::{KINDS, Kind};

/// Properties of an object; further ones are allowed and not described.
const PROPERTIES: usize = 64;
/// How deep objects and lists are followed.
const DEPTH: usize = 6;
/// Elements of a list that are looked at.
const ELEMENTS: usize = 16;
/// Properties of one body in all; further ones are left open.
const MAX_PROPERTIES: usize = 256;
/// Longest name of a property, in bytes; a longer one is data.
const MAX_NAME: usize = 64;
/// Digits in a row from which on a name is data: objects are used as maps from ids, dates and addresses, too.
const DIGITS: usize = 4;

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

    /// The types of values at this place, as JSON Schema names them.
    pub fn types(&self) -> Vec<&'static str> {
        // A text that looks like a number is a text.
        let scalar = self.scalar.map(|kind| if self.text { "string" } else { kind.json_type().0 });
        let others = [
            (self.items.is_some(), "array"),
            (self.object.is_some(), "object"),
            (self.null, "null"),
        ];
        let others = others.into_iter().filter(|(is, _)| *is).map(|(_, name)| name);
        scalar.into_iter().chain(others).collect()
    }

    /// What the elements of lists look like.
    pub fn items(&self) -> Option<&Schema> {
        self.items.as_deref()
    }

    /// The properties of objects.
    pub fn properties(&self) -> impl Iterator<Item = (&str, &Schema)> {
        self.object.iter().flat_map(|object| &object.of).map(|(name, schema)| (&**name, schema))
    }

    /// As JSON Schema (2020-12, the dialect of OpenAPI 3.1).
    pub fn to_json(&self) -> Value {
        let mut schema = Map::new();
        if let Some((_, Some(format))) = self.scalar.map(Kind::json_type) {
            schema.insert("format".to_owned(), format.into());
        }
        if let Some(items) = &self.items {
            schema.insert("items".to_owned(), items.to_json());
        }
        if let Some(object) = &self.object {
            let properties: Map<String, Value> =
                object.of.iter().map(|(name, s)| (name.to_string(), s.to_json())).collect();
            let always = object.of.iter().filter(|(_, s)| s.count >= object.count);
            let required: Vec<&str> = always.map(|(name, _)| &**name).collect();
            schema.insert("properties".to_owned(), properties.into());
            if !required.is_empty() {
                schema.insert("required".to_owned(), json!(required));
            }
        }
        match self.types().as_slice() {
            [] => {}
            [one] => drop(schema.insert("type".to_owned(), json!(one))),
            many => drop(schema.insert("type".to_owned(), json!(many))),
        }
        Value::Object(schema)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(values: &[Value]) -> Schema {
        let mut schema = Schema::default();
        for value in values {
            schema.merge(&Schema::read(value.to_string().as_bytes()).unwrap());
        }
        schema
    }

    #[test]
    fn properties_types_and_what_is_required() {
        let schema = seen(&[
            json!({"id": 1, "mail": "a@b.example", "tags": ["x"], "at": null}),
            json!({"id": 1.5, "tags": [{"deep": true}], "at": "2024-01-01"}),
        ]);
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
        let mut merged = seen(&values[..2]);
        merged.merge(&seen(&values[2..]));
        assert_eq!(merged, seen(&values));
    }

    #[test]
    fn it_stays_small() {
        let mut all = Schema::default();
        let wide: Map<String, Value> =
            (0..1000).map(|n| (format!("p{n}"), json!({"a": 1, "b": 2}))).collect();
        for n in 0..100 {
            all.merge(&seen(&[json!({ format!("q{n}"): n })]));
        }
        let mut deep = json!(1);
        (0..100).for_each(|_| deep = json!([deep]));
        all.merge(&seen(&[deep, json!([[wide.clone(), wide]])]));
        assert!(all.to_json().to_string().len() < 20_000);
    }

    #[test]
    fn values_and_names_that_are_data_are_not_told() {
        let body = json!({"card": "4111111111111111", "by": {"ann@shop.example": {"secret": 1},
            "536-22-1234": 2, "1f3870be274f6c49": 3, "Ann Smith": 4, "$ref": 5, "x-y.z": 6}});
        let schema = seen(&[body]);
        let names: Vec<&str> = schema.properties().map(|(name, _)| name).collect();
        assert_eq!(names, ["by", "card"]);
        let by = schema.properties().next().unwrap().1;
        assert_eq!(by.properties().map(|(name, _)| name).collect::<Vec<_>>(), ["$ref", "x-y.z"]);
        let told = format!("{schema:?}");
        assert!(!told.contains("4111") && !told.contains("ann"), "{told}");
    }

    #[test]
    fn what_is_no_json_has_no_shape() {
        for body in ["", "{", "{\"a\":}", "{} {}", "nonsense"] {
            assert_eq!(Schema::read(body.as_bytes()), None, "{body}");
        }
        // Too deep to be told, and no text.
        let [open, close] = [b"[".repeat(DEPTH + 1), b"]".repeat(DEPTH + 1)];
        assert_eq!(Schema::read(&[&open[..], b"\"\xff\"", &close].concat()), None);
        assert!(Schema::read(&[&open[..], b"\"a\"", &close].concat()).is_some());
    }
}
