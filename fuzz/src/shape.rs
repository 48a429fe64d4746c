//! Shapes of JSON bodies.

use weir_inspect::shape::Schema;

/// Bounds of a shape: properties of an object and of a body, how deep, bytes of a name (`docs/learning.md`).
const PROPERTIES: usize = 64;
const MOST: usize = 256;
const DEPTH: usize = 6;
const NAME: usize = 64;

/// Each value of a body is of a type that its shape tells. The shape is bounded, holds names of an API and nothing else of the body, is the same after
/// it was told, and seeing the same body again describes nothing new.
pub fn shape(data: &[u8]) {
    let Some(schema) = Schema::read(data) else { return };
    assert!(properties(&schema, 0) <= MOST);
    // What is left out is not looked into: a number there may be too large.
    if let Ok(text) = serde_json::from_slice(data) {
        fits(&schema, &text);
    }
    let told = serde_json::to_vec(&schema).expect("a shape can be told");
    assert_eq!(serde_json::from_slice::<Schema>(&told).expect("and is read again"), schema);
    let mut twice = schema.clone();
    twice.merge(&schema);
    assert_eq!(twice.to_json(), schema.to_json());
}

fn properties(schema: &Schema, depth: usize) -> usize {
    let inner: usize = schema.properties().map(|(_, inner)| properties(inner, depth + 1)).sum();
    let own = schema.properties().count();
    assert!(own <= PROPERTIES && (own == 0 || depth < DEPTH));
    for (name, _) in schema.properties() {
        let digits = name.as_bytes().windows(4).any(|w| w.iter().all(u8::is_ascii_digit));
        assert!((1..=NAME).contains(&name.len()) && name.is_ascii() && !digits, "{name}");
    }
    own + inner + schema.items().map_or(0, |items| properties(items, depth + 1))
}

/// A value is of one of the types that are told of its place.
fn fits(schema: &Schema, value: &serde_json::Value) {
    use serde_json::Value;
    let types = schema.types();
    let told = |name: &str| types.contains(&name);
    match value {
        Value::Null => assert!(told("null")),
        Value::Bool(_) => assert!(told("boolean") || told("string")),
        Value::Number(_) => assert!(told("number") || told("integer") || told("string")),
        Value::String(_) => assert!(told("string")),
        Value::Array(_) => assert!(told("array")),
        Value::Object(object) => {
            assert!(told("object"));
            let inner = schema.properties().filter_map(|(name, s)| Some((s, object.get(name)?)));
            inner.for_each(|(schema, value)| fits(schema, value));
        }
    }
}
