//! Reads a body into its shape, value by value: none of them is kept.

use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{DEPTH, DIGITS, ELEMENTS, Kind, MAX_NAME, MAX_PROPERTIES, PROPERTIES, Schema};

impl Schema {
    /// The shape of a body; none if it is not one whole JSON text.
    pub fn read(body: &[u8]) -> Option<Schema> {
        // What is left out is not looked into, so this is the only look at its characters.
        let body = std::str::from_utf8(body).ok()?;
        let (mut schema, mut left) = (Schema::default(), MAX_PROPERTIES);
        let mut text = serde_json::Deserializer::from_str(body);
        let place = Place { schema: &mut schema, depth: 0, left: &mut left };
        place.deserialize(&mut text).ok()?;
        text.end().ok()?;
        Some(schema)
    }
}

/// A place in the body, the next value of which is read.
struct Place<'s> {
    schema: &'s mut Schema,
    depth: usize,
    /// Properties that may still be told apart.
    left: &'s mut usize,
}

impl Place<'_> {
    fn scalar(self, kind: Kind, text: bool) {
        self.schema.text |= text;
        self.schema.scalar = Some(self.schema.scalar.map_or(kind, |known| known.join(kind)));
    }
}

impl<'de> DeserializeSeed<'de> for Place<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<(), D::Error> {
        self.schema.count += 1;
        value.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Place<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.schema.null = true;
        Ok(())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        self.scalar(Kind::Boolean, false);
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        self.scalar(Kind::Integer, false);
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        self.scalar(Kind::Integer, false);
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        self.scalar(Kind::Number, false);
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.scalar(Kind::of(text), true);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Place { schema, depth, left } = self;
        let items = schema.items.get_or_insert_default();
        let looked_at = if depth < DEPTH { ELEMENTS } else { 0 };
        for _ in 0..looked_at {
            let place = Place { schema: items, depth: depth + 1, left };
            if list.next_element_seed(place)?.is_none() {
                return Ok(());
            }
        }
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Place { schema, depth, left } = self;
        let object = schema.object.get_or_insert_default();
        object.count += 1;
        while let Some(name) = map.next_key::<std::borrow::Cow<'_, str>>()? {
            let known = object.of.contains_key(&*name);
            let room = depth < DEPTH && object.of.len() < PROPERTIES && *left > 0 && is_name(&name);
            if !known && !room {
                object.open = true;
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            *left -= usize::from(!known);
            let schema = object.of.entry((*name).into()).or_default();
            map.next_value_seed(Place { schema, depth: depth + 1, left })?;
        }
        Ok(())
    }
}

/// Whether a property is called so by the API, and not after data.
fn is_name(name: &str) -> bool {
    let letter = |b: u8| b.is_ascii_alphabetic() || b"_$@".contains(&b);
    let may_follow = |b: u8| b.is_ascii_alphanumeric() || b"_$-.:[]".contains(&b);
    let Some((first, rest)) = name.as_bytes().split_first() else { return false };
    let digits = |w: &[u8]| w.iter().all(u8::is_ascii_digit);
    name.len() <= MAX_NAME
        && letter(*first)
        && rest.iter().all(|b| may_follow(*b))
        && !name.as_bytes().windows(DIGITS).any(digits)
}
