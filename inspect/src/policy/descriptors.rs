//! The names of protobuf's fields, from descriptor sets that a policy brings along (`protoc --descriptor_set_out`).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use prost_reflect::{DescriptorPool, Kind, MessageDescriptor};

use super::Direction;
use super::glob::{Glob, Path};

/// Most bytes of the descriptor sets of a policy together; more is an error. A set without comments of hundreds of messages has a
/// fifth of it.
pub const MAX_DESCRIPTOR_BYTES: usize = 1 << 20;

/// The services and messages of all descriptor sets.
#[derive(Clone, Debug, Default)]
pub(super) struct Descriptors {
    pool: DescriptorPool,
    bytes: usize,
}

/// The messages that an endpoint's bodies are.
#[derive(Debug)]
pub(super) struct Messages {
    pub paths: Vec<Glob>,
    pub request: Option<String>,
    pub response: Option<String>,
}

impl Messages {
    /// That of the bodies that go this way, if the endpoint is meant. `path`: percent-decoded, without query.
    pub fn of(&self, path: &[u8], direction: Direction) -> Option<&str> {
        let message = match direction {
            Direction::Request => &self.request,
            Direction::Response => &self.response,
        };
        message.as_deref().filter(|_| Path::new(path).fits_any(&self.paths))
    }
}

/// A file's bytes as a policy's text carries them.
pub(super) fn to_text(bytes: &[u8]) -> String {
    STANDARD.encode(bytes) + "\n"
}

impl Descriptors {
    /// Adds a descriptor set as it came with the policy.
    ///
    /// # Errors
    /// A sentence, if it is none, or if all together are too large.
    pub fn add(&mut self, text: &str) -> Result<(), String> {
        let bytes = STANDARD.decode(text.trim()).map_err(|e| format!("it is not base64: {e}"))?;
        self.bytes += bytes.len();
        if self.bytes > MAX_DESCRIPTOR_BYTES {
            return Err(format!(
                "descriptor sets have at most {MAX_DESCRIPTOR_BYTES} bytes together; leave comments out (no \
                 `--include_source_info`)"
            ));
        }
        let added = self.pool.decode_file_descriptor_set(&*bytes);
        added.map_err(|e| {
            format!("it is no descriptor set with its imports (`protoc --include_imports`): {e}")
        })
    }

    /// The path of a field by names, with its numbers: of `#3.5` in the response of a call `order.OrderReply.items.card (#3.5)`.
    /// `target`: that of the call (`/order.OrderService/Get`). None if the sets do not hold it.
    pub fn named(&self, target: &[u8], direction: Direction, path: &str) -> Option<String> {
        named_in(self.message(target, direction)?, path)
    }

    /// The same in a body that is a message of this name.
    pub fn named_as(&self, message: &str, path: &str) -> Option<String> {
        named_in(self.pool.get_message_by_name(message)?, path)
    }

    /// Whether there is a message of this name.
    pub fn knows(&self, message: &str) -> bool {
        self.pool.get_message_by_name(message).is_some()
    }

    /// The full names of all messages.
    pub fn messages(&self) -> impl Iterator<Item = String> {
        self.pool.all_messages().map(|message| message.full_name().to_owned())
    }

    fn message(&self, target: &[u8], direction: Direction) -> Option<MessageDescriptor> {
        let target = std::str::from_utf8(target).ok()?;
        let (service, method) = target.strip_prefix('/')?.split_once('/')?;
        let service = self.pool.get_service_by_name(service)?;
        let method = service.methods().find(|m| m.name() == method)?;
        Some(match direction {
            Direction::Request => method.input(),
            Direction::Response => method.output(),
        })
    }
}

fn named_in(mut message: MessageDescriptor, path: &str) -> Option<String> {
    let numbers = path.strip_prefix('#')?;
    let mut named = message.full_name().to_owned();
    let mut numbers = numbers.split('.').peekable();
    while let Some(number) = numbers.next() {
        let field = message.get_field(number.parse().ok()?)?;
        named.push('.');
        named.push_str(field.name());
        match field.kind() {
            Kind::Message(inner) => message = inner,
            // Bytes may hold a message, but not one that is known.
            _ if numbers.peek().is_some() => return None,
            _ => {}
        }
    }
    Some(format!("{named} ({path})"))
}

#[cfg(test)]
pub(super) mod tests {
    use prost_reflect::prost::Message;
    use prost_reflect::prost_types::field_descriptor_proto::{Label, Type};
    use prost_reflect::prost_types::{
        DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet,
        MethodDescriptorProto, ServiceDescriptorProto,
    };

    use super::*;

    fn field(name: &str, number: i32, of: Option<&str>) -> FieldDescriptorProto {
        FieldDescriptorProto {
            name: Some(name.into()),
            number: Some(number),
            label: Some(Label::Optional.into()),
            r#type: Some(if of.is_some() { Type::Message } else { Type::String }.into()),
            type_name: of.map(str::to_owned),
            ..Default::default()
        }
    }

    /// `order.OrderService/Get`, of which the reply holds items with cards.
    pub fn orders() -> Vec<u8> {
        let message = |name: &str, field: Vec<FieldDescriptorProto>| DescriptorProto {
            name: Some(name.into()),
            field,
            ..Default::default()
        };
        let get = MethodDescriptorProto {
            name: Some("Get".into()),
            input_type: Some(".order.OrderRequest".into()),
            output_type: Some(".order.OrderReply".into()),
            ..Default::default()
        };
        let service = ServiceDescriptorProto {
            name: Some("OrderService".into()),
            method: vec![get],
            ..Default::default()
        };
        let file = FileDescriptorProto {
            name: Some("order.proto".into()),
            package: Some("order".into()),
            message_type: vec![
                message("OrderRequest", vec![field("id", 1, None)]),
                message("OrderReply", vec![field("items", 3, Some(".order.Item"))]),
                message("Item", vec![field("card", 5, None)]),
            ],
            service: vec![service],
            syntax: Some("proto3".into()),
            ..Default::default()
        };
        FileDescriptorSet { file: vec![file] }.encode_to_vec()
    }

    #[test]
    fn numbers_get_names_where_they_are_known() {
        let mut descriptors = Descriptors::default();
        descriptors.add(&to_text(&orders())).unwrap();
        let named = |target: &str, direction, path: &str| {
            descriptors.named(target.as_bytes(), direction, path).unwrap_or_default()
        };
        let (get, response) = ("/order.OrderService/Get", Direction::Response);
        assert_eq!(named(get, response, "#3.5"), "order.OrderReply.items.card (#3.5)");
        assert_eq!(named(get, response, "#3"), "order.OrderReply.items (#3)");
        assert_eq!(named(get, Direction::Request, "#1"), "order.OrderRequest.id (#1)");
        for (target, path) in [
            (get, "#4"),
            (get, "#3.5.1"),
            (get, "#"),
            (get, "$.a"),
            (get, ""),
            ("/order.OrderService/Set", "#3"),
            ("/order", "#3"),
        ] {
            assert_eq!(named(target, response, path), "", "{target} {path}");
        }
    }

    #[test]
    fn what_is_no_descriptor_set_is_refused() {
        let add = |text: &str| Descriptors::default().add(text).unwrap_err();
        assert!(add("no base64!").contains("base64"));
        assert!(add(&to_text(b"\x0a\xff\xff")).contains("no descriptor set"));
        assert!(add(&to_text(&vec![0; MAX_DESCRIPTOR_BYTES + 1])).contains("at most"));
    }
}
