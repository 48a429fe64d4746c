//! What a media type says of the content's format (RFC 9110 §8.3.1).

/// A format that has paths.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Media {
    /// Not said, or said so generally that the first byte tells more.
    #[default]
    Unknown,
    /// One without paths.
    Other,
    Json,
    MessagePack,
    Protobuf,
    /// `lengths`: each message has its length in front of it.
    Grpc {
        lengths: bool,
    },
    Form,
    /// With its boundary.
    Multipart(Vec<u8>),
    Xml,
    Events,
}

/// Whether content of this type is MessagePack (`application/vnd.msgpack`; older names: `msgpack`, `x-msgpack`).
pub fn is_messagepack(content_type: &[u8]) -> bool {
    Media::of(content_type, false) == Media::MessagePack
}

/// Whether content of this type is one JSON text (`application/json`, `…+json`).
pub fn is_json(content_type: &[u8]) -> bool {
    Media::of(content_type, false) == Media::Json
}

/// The message that a body of protobuf is, where its media type says so: `application/x-protobuf; messageType=order.Order`; Prometheus
/// writes `proto`. There is no registered parameter.
pub fn message_type(content_type: &[u8]) -> Option<String> {
    if Media::of(content_type, false) != Media::Protobuf {
        return None;
    }
    let names: [&[u8]; 3] = [b"messagetype", b"proto", b"message"];
    let value = names.into_iter().find_map(|name| parameter(content_type, name))?;
    String::from_utf8(value).ok()
}

/// Whether content of this type is text, whose receiver may read it in another form of Unicode than UTF-8.
pub fn is_text(content_type: &[u8]) -> bool {
    let begins = content_type.get(..5).is_some_and(|kind| kind.eq_ignore_ascii_case(b"text/"));
    begins || matches!(Media::of(content_type, false), Media::Json | Media::Xml | Media::Form)
}

/// The boundary of multipart content.
pub(crate) fn multipart_boundary(content_type: &[u8]) -> Option<Vec<u8>> {
    match Media::of(content_type, false) {
        Media::Multipart(boundary) => Some(boundary),
        _ => None,
    }
}

/// Longest boundary (RFC 2046 §5.1.1); a longer one is no boundary.
const MAX_BOUNDARY: usize = 70;

impl Media {
    pub fn of(content_type: &[u8], coded: bool) -> Media {
        let end = content_type.iter().position(|b| *b == b';').unwrap_or(content_type.len());
        let kind = content_type.get(..end).unwrap_or_default().trim_ascii();
        let starts =
            |name: &[u8]| kind.get(..name.len()).is_some_and(|k| k.eq_ignore_ascii_case(name));
        let ends = |name: &[u8]| {
            let from = kind.len().checked_sub(name.len());
            from.and_then(|f| kind.get(f..)).is_some_and(|k| k.eq_ignore_ascii_case(name))
        };
        if ends(b"json") || ends(b"jsonl") || ends(b"jsonlines") {
            Media::Json
        } else if ends(b"msgpack") {
            Media::MessagePack
        } else if starts(b"application/grpc") {
            Media::Grpc { lengths: !coded }
        } else if ends(b"protobuf") {
            Media::Protobuf
        } else if starts(b"application/x-www-form-urlencoded") {
            Media::Form
        } else if starts(b"multipart/") {
            let parameters = content_type.get(end..).unwrap_or_default();
            parameter(parameters, b"boundary")
                .filter(|b| (1..=MAX_BOUNDARY).contains(&b.len()))
                .map_or(Media::Other, Media::Multipart)
        } else if ends(b"xml") {
            Media::Xml
        } else if starts(b"text/event-stream") {
            Media::Events
        } else if kind.is_empty() || starts(b"text/plain") || starts(b"application/octet-stream") {
            Media::Unknown
        } else {
            Media::Other
        }
    }
}

/// The value of a parameter, as in `; boundary="x"`; backslashes in a quoted one are taken off.
pub(super) fn parameter(text: &[u8], wanted: &[u8]) -> Option<Vec<u8>> {
    let mut rest = text;
    while let Some(at) = rest.iter().position(|b| *b == b';') {
        rest = rest.get(at + 1..)?.trim_ascii_start();
        let name_end = rest.iter().position(|b| matches!(b, b'=' | b';')).unwrap_or(rest.len());
        let is_it = rest.get(..name_end)?.trim_ascii().eq_ignore_ascii_case(wanted);
        rest = rest.get(name_end..)?;
        let Some(value) = rest.strip_prefix(b"=") else { continue };
        let value = value.trim_ascii_start();
        if let Some(quoted) = value.strip_prefix(b"\"") {
            let (mut out, mut escaped, mut read) = (Vec::new(), false, 0);
            for b in quoted {
                read += 1;
                match b {
                    b'\\' if !escaped => escaped = true,
                    b'"' if !escaped => break,
                    _ => {
                        out.push(*b);
                        escaped = false;
                    }
                }
            }
            if is_it {
                return Some(out);
            }
            rest = quoted.get(read..)?;
        } else if is_it {
            let end = value.iter().position(|b| *b == b';').unwrap_or(value.len());
            return Some(value.get(..end)?.trim_ascii().to_vec());
        }
    }
    None
}
