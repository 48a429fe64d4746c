//! Findings say where in the document they lie.

use weir_proto::event::Body;

use super::*;

fn paths(p: &mut Play) -> Vec<String> {
    std::iter::from_fn(|| p.engine.poll_event())
        .filter_map(|event| match event.body {
            Some(Body::Leak(leak)) => leak.finding.map(|f| f.path),
            _ => None,
        })
        .collect()
}

/// The paths of what is found in a response, which passes in pieces.
fn found(fields: &str, body: &[u8], size: usize) -> Vec<String> {
    let mut p = Play::open(MASK);
    p.say(Dir::ToServer, "GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    let head = format!("HTTP/1.1 200 OK\r\n{fields}\r\nContent-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat().chunks(size).for_each(|piece| p.say(Dir::ToClient, piece));
    paths(&mut p)
}

#[test]
fn a_finding_has_its_path_in_every_cut() {
    let json =
        br#"{"customer":{"cards":[{"n":1},{"number":"4111111111111111"}]},"ssn":"378-28-2246"}"#;
    let grpc = b"\0\0\0\0\x14\x0a\x12\x1a\x104111111111111111";
    let coded = {
        use std::io::Write;
        let mut to = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        to.write_all(json).unwrap();
        to.finish().unwrap()
    };
    for (fields, body, wanted) in [
        ("Content-Type: application/json", &json[..], &["$.customer.cards[1].number", "$.ssn"][..]),
        (
            "Content-Type: application/json\r\nContent-Encoding: gzip",
            &coded,
            &["$.customer.cards[1].number", "$.ssn"],
        ),
        ("X: y", json, &["$.customer.cards[1].number", "$.ssn"]),
        ("Content-Type: application/grpc+proto", grpc, &["#1.3"]),
        ("Content-Type: text/html", json, &["", ""]),
    ] {
        for size in [1, 7, 1448] {
            let coded = fields.contains("gzip");
            let found = found(fields, body, size);
            // A refused answer is read no further.
            assert!(
                found == wanted || coded && found == wanted[..1],
                "{fields} by {size}: {found:?}"
            );
        }
    }
}

#[test]
fn a_detector_of_whole_paths_finds_what_lies_there_in_every_cut() {
    let policy = "version: 1\nmode: enforce\ndetectors:\n  - {name: no, pattern: 'AB[0-9]{8}', keys: ['$.cards[*].no', '#3']}\n\
                  rules:\n  - {name: m, direction: response, detect: [no], action: mask}\n";
    let json =
        r#"{"no":"AB12345678","cards":[{"no":"AB12345678"},{"x":"AB12345678","no":"AB12345678"}]}"#;
    let wanted =
        r#"{"no":"AB12345678","cards":[{"no":"**********"},{"x":"AB12345678","no":"**********"}]}"#;
    let grpc = "\0\0\0\0\x18\x12\x0aAB12345678\x1a\x0aAB12345678";
    for (kind, body, masked) in [
        ("application/json", json, wanted),
        ("application/grpc", grpc, "\0\0\0\0\x18\x12\x0aAB12345678\x1a\x0a**********"),
        ("text/html", "<p>AB12345678", "<p>AB12345678"),
    ] {
        for size in [1, 7, 1448] {
            let mut p = Play::open(policy);
            p.say(Dir::ToServer, "GET /AB12345678 HTTP/1.1\r\nHost: a\r\n\r\n");
            p.take();
            let head = |b: &str| {
                format!(
                    "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nX-No: AB12345678\r\nContent-Length: {}\r\n\r\n{b}",
                    b.len()
                )
            };
            head(body).as_bytes().chunks(size).for_each(|piece| p.say(Dir::ToClient, piece));
            assert_eq!(p.bytes(Dir::ToClient), head(masked), "{kind} by {size}");
        }
    }
}

/// `protoc --descriptor_set_out` of `tests/proto/orders.proto`, in base64.
const ORDERS: &str = "CvcCCgxvcmRlcnMucHJvdG8SB3Nob3AudjEiJAoKR2V0UmVxdWVzdBIWCgZudW1iZXIYASABKA1SBm51bWJlciI5CgtMaXN0UmVx\
    dWVzdBIUCgVmaXJzdBgBIAEoDVIFZmlyc3QSFAoFY291bnQYAiABKA1SBWNvdW50Io4BCgVPcmRlchIWCgZudW1iZXIYASABKA1S\
    Bm51bWJlchIaCghjdXN0b21lchgCIAEoCVIIY3VzdG9tZXISEgoEbm90ZRgDIAEoCVIEbm90ZRISCgRjYXJkGAQgASgJUgRjYXJk\
    EhAKA3NzbhgFIAEoCVIDc3NuEhcKB2F3c19rZXkYBiABKAlSBmF3c0tleTJkCgZPcmRlcnMSKgoDR2V0EhMuc2hvcC52MS5HZXRS\
    ZXF1ZXN0Gg4uc2hvcC52MS5PcmRlchIuCgRMaXN0EhQuc2hvcC52MS5MaXN0UmVxdWVzdBoOLnNob3AudjEuT3JkZXIwAWIGcHJv\
    dG8z";

#[test]
fn a_finding_in_a_described_call_has_the_names_of_its_fields() {
    let policy = MASK.replacen("rules:", "descriptors: [orders.desc]\nrules:", 1);
    let mut p = Play::open(&format!("{policy}\n--- # file: orders.desc\n{ORDERS}\n"));
    p.say(
        Dir::ToServer,
        "POST /shop.v1.Orders/Get HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
    );
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\nContent-Length: 23\r\n\r\n";
    p.say(Dir::ToClient, [head.as_bytes(), b"\0\0\0\0\x12\x22\x104111111111111111"].concat());
    assert_eq!(paths(&mut p), ["shop.v1.Order.card (#4)"]);
}

#[test]
fn a_finding_in_a_body_that_is_a_message_has_the_names_of_its_fields() {
    const BODY: &[u8] = b"\x22\x104111111111111111";
    let endpoint = "descriptors: [orders.desc]\nmessages: [{paths: [/order], response: shop.v1.Order}]\nrules:";
    let policy = MASK.replacen("rules:", endpoint, 1);
    let policy = format!("{policy}\n--- # file: orders.desc\n{ORDERS}\n");
    for (path, kind) in [
        ("/order", "application/x-protobuf"),
        ("/x", "application/x-protobuf; messageType=\"shop.v1.Order\""),
        ("/x", "application/x-protobuf;proto=shop.v1.Order"),
    ] {
        for size in [1, 5, 1448] {
            let mut p = Play::open(&policy);
            p.say(Dir::ToServer, format!("GET {path}?a=b HTTP/1.1\r\nHost: a\r\n\r\n"));
            let head =
                format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: 18\r\n\r\n");
            for piece in [head.as_bytes(), BODY].concat().chunks(size) {
                p.say(Dir::ToClient, piece);
            }
            assert_eq!(paths(&mut p), ["shop.v1.Order.card (#4)"], "{kind} by {size}");
        }
    }
}

#[test]
fn a_path_does_not_tell_what_was_found() {
    let json = br#"{"4111111111111111":{"ssn":"378-28-2246"}}"#;
    let found = found("Content-Type: application/json", json, 1448);
    assert_eq!(found, ["$.*~", "$['****************'].ssn"]);
}

#[test]
fn what_is_written_with_escapes_is_masked_in_them() {
    let rest = "111111111111";
    let stars = "*".repeat(12);
    for (kind, body, wanted, path) in [
        (
            "application/json",
            r#"{"a":{"n":"\u0034\u003111REST"}}"#,
            r#"{"a":{"n":"\u002a\u002a**REST"}}"#,
            "$.a.n",
        ),
        ("text/xml", "<a><n>&#52;111REST</n></a>", "<a><n>&#42;***REST</n></a>", "/a/n"),
        (
            "application/json",
            r#"{"b":["IjQxMTFSRVNUIg=="],"x":"IjQxMTExMTExMTExMTExMTEi"}"#,
            r#"{"b":["IjQxMTFSRVNUIg=="],"x":"IioqKioqKioqKioqKioqKioi"}"#,
            "$.x",
        ),
        ("application/x-www-form-urlencoded", "a=1&n=%34111REST", "a=1&n=%2a***REST", "n"),
    ] {
        let (body, wanted) = (body.replace("REST", rest), wanted.replace("REST", &stars));
        let head = |b: &str| {
            format!(
                "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n{b}",
                b.len()
            )
        };
        let (text, masked) = (head(&body), head(&wanted));
        for size in [1, 3, 7, 16, 1448] {
            let mut p = Play::open(MASK);
            p.say(Dir::ToServer, "GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
            p.take();
            text.as_bytes().chunks(size).for_each(|piece| p.say(Dir::ToClient, piece));
            assert_eq!(p.bytes(Dir::ToClient), masked, "by {size}");
            assert_eq!(paths(&mut p), [path]);
        }
    }
}

#[test]
fn a_leak_in_an_event_or_an_answer_of_graphql_is_masked() {
    for (kind, body, path) in [
        ("text/event-stream", "data: {\"delta\":\"4111111111111111\"}\n\n", "data<json>.delta"),
        (
            "application/graphql-response+json",
            r#"{"data":{"me":{"card":"4111111111111111"}}}"#,
            "$.data.me.card",
        ),
    ] {
        let mut p = Play::open(MASK);
        p.say(Dir::ToServer, "POST /graphql HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
        p.take();
        p.say(
            Dir::ToClient,
            format!(
                "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            ),
        );
        let seen = p.bytes(Dir::ToClient);
        assert!(seen.ends_with(&body.replace("4111111111111111", "****************")), "{seen}");
        assert_eq!(paths(&mut p), [path]);
    }
}

#[test]
fn texts_and_numbers_of_messagepack_are_masked_in_place() {
    let card = 4_539_148_803_436_467u64.to_be_bytes();
    let document = |text: &str, number: &[u8]| {
        [b"\x82\xa1a\xb0", text.as_bytes(), b"\xa1b\x91\xcf", number].concat()
    };
    let body = document("4111111111111111", &card);
    let masked = document("****************", &[0; 8]);
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.msgpack\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    for size in [1, 5, 1448] {
        let mut p = Play::open(MASK);
        p.say(Dir::ToServer, "GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
        p.take();
        [head.as_bytes(), &body]
            .concat()
            .chunks(size)
            .for_each(|piece| p.say(Dir::ToClient, piece));
        let seen = p.bytes(Dir::ToClient);
        assert!(seen.ends_with(&*String::from_utf8_lossy(&masked)), "by {size}: {seen:?}");
        assert_eq!(paths(&mut p), ["$.a", "$.b[0]"]);
    }
}
