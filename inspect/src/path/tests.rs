//! Each tracker against documents whose paths are known because they were written with them.

use proptest::prelude::*;
use serde_json::Value;

use super::*;

/// What is kept of the content when so much of it has come.
fn kept(content: &[u8], from: u64, to: usize) -> Kept<'_> {
    Kept { base: from, bytes: &content[from as usize..to] }
}

/// The path of a place, with the content in pieces.
fn path_in(content_type: &str, content: &[u8], cut: usize, (start, end): (usize, usize)) -> String {
    let mut paths = Paths::default();
    paths.begin(content_type.as_bytes(), false);
    let mut at = 0;
    for piece in content.chunks(cut) {
        let from = paths.begin_piece(kept(content, 0, at), piece.len());
        at += piece.len();
        if at >= end {
            return paths.path(kept(content, from, at), start as u64, end as u64);
        }
    }
    panic!("the place lies in the content")
}

/// The path of what stands in the content as `needle`, which is the same in all cuts.
fn path(content_type: &str, content: &[u8], needle: &str) -> String {
    let at = content.windows(needle.len()).position(|w| w == needle.as_bytes()).unwrap();
    let place = (at, at + needle.len());
    let whole = path_in(content_type, content, content.len(), place);
    for cut in [1, 2, 7, 1448] {
        assert_eq!(
            path_in(content_type, content, cut, place),
            whole,
            "{needle} in pieces of {cut}"
        );
    }
    whole
}

const CARD: &str = "4111111111111111";

#[test]
fn json() {
    for (wanted, content) in [
        (
            "$.customer.cards[2].number",
            r#"{"customer":{"cards":[{},[1,2],{"number":"4111111111111111"}]}}"#,
        ),
        ("$.a[1]", r#" { "a" : [ {"b":{}} , 4111111111111111 ] } "#),
        ("$", r#""4111111111111111""#),
        ("$['a b']['it\\'s'].é", r#"{"a b":{"it's":{"\u00e9":"x 4111111111111111"}}}"#),
        ("$['x\"y']", r#"{"x\"y":"4111111111111111"}"#),
        ("$['']", r#"{"":"4111111111111111"}"#),
        ("$.cards.*~", r#"{"cards":{"4111111111111111":1}}"#),
        ("$.b", r#"{"a":"\\","b":"\"4111111111111111"}"#),
        ("$.payload<json>.card", r#"{"payload":"{\"a\":[1],\"card\":\"4111111111111111\"}"}"#),
        ("$.p<json>.q<json>[0].c", r#"{"p":"{\"q\":\"[{\\\"c\\\":4111111111111111}]\"}"}"#),
        ("$.payload<json>.card", r#"{"payload":"\u007b\u0022card\": \"4111111111111111\"}"}"#),
        ("$.payload", r#"{"payload":"{\"a\":1} 4111111111111111"}"#),
        ("$.log", r#"{"log":"[INFO] {4111111111111111}"}"#),
        ("$(3).card", "{\"a\":1}\n{\"b\":[2]}\n{\"card\":4111111111111111}\n"),
    ] {
        assert_eq!(path("application/json", content.as_bytes(), CARD), wanted, "{content}");
        let sniffed = path("", content.as_bytes(), CARD);
        assert!(sniffed == wanted || content.starts_with('"'), "{sniffed} {content}");
    }
    let deep = format!("{}{CARD}", "[".repeat(70));
    let wanted = format!("${}…", "[0]".repeat(63));
    assert_eq!(path("application/json", deep.as_bytes(), CARD), wanted);
    let shallow = format!("{{\"a\":{}{},\"b\":{CARD}", "[".repeat(70), "]".repeat(70));
    assert_eq!(path("application/json", shallow.as_bytes(), CARD), "$.b");
    let long = format!("{{\"{}\":{CARD}}}", "n".repeat(100));
    assert_eq!(path("application/json", long.as_bytes(), CARD), format!("$.{}…", "n".repeat(64)));
}

#[test]
fn what_is_no_document_has_no_path() {
    for content in ["[INFO] 4111111111111111", "<34>1 4111111111111111", "4111111111111111"] {
        assert_eq!(path("text/plain", content.as_bytes(), CARD), "", "{content}");
        assert_eq!(path("text/html", content.as_bytes(), CARD), "", "{content}");
    }
}

#[test]
fn forms_events_and_parts() {
    let form = "application/x-www-form-urlencoded; charset=utf-8";
    for (wanted, content) in [
        ("card", "a=1&card=4111111111111111"),
        ("card no", "a=b=c&card+n%6F=4111111111111111&x"),
        ("*~", "a=1&4111111111111111=x"),
        ("payload<json>.card", "payload=%7B%22card%22%3A%224111111111111111%22%7D"),
    ] {
        assert_eq!(path(form, content.as_bytes(), CARD), wanted, "{content}");
    }
    let events =
        "id: 7\ndata: {\"a\":1}\n\ndata: {\"choices\":[{\"text\":\"4111111111111111\"}]}\n\n";
    assert_eq!(path("text/event-stream", events.as_bytes(), CARD), "data<json>.choices[0].text");
    let parts = "--x--y\r\nContent-Disposition: form-data; name=\"a;\\\"b\"\r\n\r\n--x-\r\n4111\r\n--x--y\r\n\
        content-disposition:form-data;filename=\"name=f\"; name=meta\r\nContent-Type: application/json\r\n\r\n\
        {\"card\":\"4111111111111111\"}\r\n--x--y--\r\nend";
    let kind = "multipart/form-data; charset=utf-8; boundary=\"x--y\"";
    assert_eq!(path(kind, parts.as_bytes(), "4111\r"), "a;\"b");
    assert_eq!(path(kind, parts.as_bytes(), CARD), "meta<json>.card");
    assert_eq!(path(kind, parts.as_bytes(), "end"), "");
}

#[test]
fn xml() {
    for (wanted, content) in [
        (
            "/a/b/@c",
            "<?xml version='1.0'?><!DOCTYPE a><a><x/><y z='/'/><b c=\"4111111111111111\"/></a>",
        ),
        ("/a/s:b", "<a>\n<!-- <no> --><s:b d = '>' >4111111111111111</s:b></a>"),
        ("/a", "<a><b><c/></b><![CDATA[<b>]] 4111111111111111]]></a>"),
        ("/a", "<a><b/>4111111111111111</a>"),
    ] {
        assert_eq!(path("application/soap+xml", content.as_bytes(), CARD), wanted, "{content}");
        assert_eq!(path("", content.as_bytes(), CARD), wanted, "{content}");
    }
}

/// A message that holds what is in it, and the paths of its texts with their places.
#[derive(Clone, Debug)]
enum Proto {
    Text(&'static str),
    Number(u64),
    Fixed,
    Message(Vec<(u32, Proto)>),
}

fn write_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

type Places = Vec<(usize, usize, String)>;

fn write_message(fields: &[(u32, Proto)], path: &str, out: &mut Vec<u8>, places: &mut Places) {
    for (field, value) in fields {
        let path = if path.is_empty() { format!("#{field}") } else { format!("{path}.{field}") };
        let tag = |kind: u64| u64::from(*field) << 3 | kind;
        match value {
            Proto::Number(n) => {
                write_varint(tag(0), out);
                write_varint(*n, out);
            }
            Proto::Fixed => {
                write_varint(tag(1), out);
                out.extend([7; 8]);
                write_varint(tag(5), out);
                out.extend([0x22; 4]);
            }
            Proto::Text(text) => {
                write_varint(tag(2), out);
                write_varint(text.len() as u64, out);
                places.push((out.len(), out.len() + text.len(), path));
                out.extend(text.as_bytes());
            }
            Proto::Message(fields) => {
                let (mut inner, mut inner_places) = (Vec::new(), Places::new());
                write_message(fields, &path, &mut inner, &mut inner_places);
                write_varint(tag(2), out);
                write_varint(inner.len() as u64, out);
                let base = out.len();
                places.extend(inner_places.into_iter().map(|(s, e, p)| (s + base, e + base, p)));
                out.extend(inner);
            }
        }
    }
}

fn protos() -> impl Strategy<Value = Vec<(u32, Proto)>> {
    let texts =
        ["4111111111111111", "378-28-2246", "(212) 555-0123", "joe@example.com", "B@x.de", ""];
    let leaf = prop_oneof![
        prop::sample::select(texts.to_vec()).prop_map(Proto::Text),
        any::<u64>().prop_map(Proto::Number),
        Just(Proto::Fixed),
    ];
    let field = prop_oneof![1u32..16, 1u32..3000];
    let value = leaf.prop_recursive(4, 40, 6, move |inner| {
        prop::collection::vec((1u32..40, inner), 0..6).prop_map(Proto::Message)
    });
    prop::collection::vec((field, value), 1..8)
}

/// JSON text with the places of its strings and numbers and their paths.
fn write_json(value: &Value, path: &str, space: &str, out: &mut String, places: &mut Places) {
    let text = value.to_string();
    match value {
        Value::Object(members) => {
            out.push('{');
            for (i, (name, value)) in members.iter().enumerate() {
                out.push_str(if i > 0 { "," } else { space });
                out.push_str(&Value::from(name.as_str()).to_string());
                out.push(':');
                out.push_str(space);
                let plain = |c: char| c.is_alphanumeric() || c == '_';
                let short = name.starts_with(|c: char| plain(c) && !c.is_ascii_digit());
                let path = match short && name.chars().all(plain) {
                    true => format!("{path}.{name}"),
                    false => {
                        format!("{path}['{}']", name.replace('\\', "\\\\").replace('\'', "\\'"))
                    }
                };
                write_json(value, &path, space, out, places);
            }
            out.push('}');
        }
        Value::Array(elements) => {
            out.push('[');
            for (i, value) in elements.iter().enumerate() {
                out.push_str(if i > 0 { "," } else { space });
                write_json(value, &format!("{path}[{i}]"), space, out, places);
            }
            out.push_str(space);
            out.push(']');
        }
        Value::String(s) if !s.is_empty() => {
            places.push((out.len() + 1, out.len() + text.len() - 1, path.to_owned()));
            out.push_str(&text);
        }
        Value::Number(_) => {
            places.push((out.len(), out.len() + text.len(), path.to_owned()));
            out.push_str(&text);
        }
        _ => out.push_str(&text),
    }
}

/// MessagePack with the places of its texts and numbers and their paths; `long`: with lengths of more bytes than are needed.
fn write_messagepack(
    value: &Value,
    path: &str,
    long: bool,
    out: &mut Vec<u8>,
    places: &mut Places,
) {
    let begin = |short: u8, code: u8, length: usize, out: &mut Vec<u8>| match long {
        false => out.push(short | length as u8),
        true => {
            out.push(code);
            out.extend((length as u32).to_be_bytes());
        }
    };
    let text = |text: &str, out: &mut Vec<u8>| {
        begin(0xa0, 0xdb, text.len(), out);
        out.extend(text.as_bytes());
    };
    match value {
        Value::Object(members) => {
            begin(0x80, 0xdf, members.len(), out);
            for (name, value) in members {
                text(name, out);
                let mut path = path.to_owned();
                json::write_name(name, false, &mut path);
                write_messagepack(value, &path, long, out, places);
            }
        }
        Value::Array(elements) => {
            begin(0x90, 0xdd, elements.len(), out);
            for (i, value) in elements.iter().enumerate() {
                write_messagepack(value, &format!("{path}[{i}]"), long, out, places);
            }
        }
        Value::String(value) => {
            text(value, out);
            places.push((out.len() - value.len(), out.len(), path.to_owned()));
        }
        Value::Number(number) => {
            out.push(0xd3);
            out.extend(number.as_i64().unwrap().to_be_bytes());
            places.push((out.len() - 8, out.len(), path.to_owned()));
        }
        Value::Bool(b) => out.push(0xc2 | u8::from(*b)),
        Value::Null => out.push(0xc0),
    }
}

fn documents() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-z\\\\\" é\n\u{1}:,{}\\[\\]]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 60, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map("[a-z0-9_'\" \\\\é]{0,10}", inner, 0..6)
                .prop_map(|m| Value::Object(m.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn json_in_any_cut(value in documents(), cut in 1usize..40, space in " {0,3}") {
        let (mut text, mut places) = (String::new(), Places::new());
        write_json(&value, "$", &space, &mut text, &mut places);
        prop_assert_eq!(&serde_json::from_str::<Value>(&text).unwrap(), &value);
        for (start, end, wanted) in places {
            let path = path_in("application/json", text.as_bytes(), cut, (start, end));
            // A text that itself is a document is told as one.
            let mut wanted = wanted;
            cut_at(&mut wanted);
            prop_assert!(path == wanted || path.starts_with(&format!("{wanted}<json>")), "{path} {wanted} in {text}");
        }
    }

    #[test]
    fn messagepack_in_any_cut(value in documents(), cut in 1usize..40, long: bool) {
        let (mut content, mut places) = (Vec::new(), Places::new());
        write_messagepack(&value, "$", long, &mut content, &mut places);
        for (start, end, mut wanted) in places.into_iter().filter(|p| p.0 < p.1) {
            let path = path_in("application/msgpack", &content, cut, (start, end));
            cut_at(&mut wanted);
            prop_assert_eq!(path, wanted, "{:?} at {}", content, start);
        }
    }

    #[test]
    fn protobuf_in_any_cut(fields in protos(), cut in 1usize..40, framed: bool) {
        let (mut message, mut places) = (Vec::new(), Places::new());
        write_message(&fields, "", &mut message, &mut places);
        let kind = if framed { "application/grpc+proto" } else { "application/x-protobuf" };
        let shift = if framed {
            // Behind another message.
            let prefix = (message.len() as u32).to_be_bytes();
            let one = [&[0][..], &prefix, &message].concat();
            message = [&one[..], &one].concat();
            one.len() + 5
        } else {
            0
        };
        for (start, end, wanted) in places.into_iter().filter(|p| p.0 < p.1) {
            let path = path_in(kind, &message, cut, (start + shift, end + shift));
            prop_assert_eq!(path, wanted, "{:?} at {}", message, start);
        }
    }

    #[test]
    fn long_content_is_tracked_as_it_passes(members in 1usize..4000, cut in 1usize..3000) {
        let members: Vec<String> = (0..members).map(|i| format!("\"k{i}\":{{\"v\":[{i}]}}")).collect();
        let text = format!("{{{},\"card\":{{\"n\":[\"{CARD}\"]}}}}", members.join(","));
        let at = text.find(CARD).unwrap();
        prop_assert_eq!(path_in("text/json", text.as_bytes(), cut, (at, at + 16)), "$.card.n[0]");
    }

    #[test]
    fn findings_out_of_order(second in 0usize..40) {
        let text = (0..40).map(|i| format!("<a{i}>x{i:03}</a{i}>")).collect::<String>();
        let mut paths = Paths::default();
        paths.begin(b"text/xml", false);
        let kept = kept(text.as_bytes(), 0, text.len());
        for i in [20, second, 39] {
            let at = text.find(&format!("x{i:03}")).unwrap() as u64;
            prop_assert_eq!(paths.path(kept, at, at + 4), format!("/a{i}"));
        }
    }
}

/// The cap of a whole path.
fn cut_at(path: &mut String) {
    cut(path, MAX_PATH);
}
