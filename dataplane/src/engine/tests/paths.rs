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
fn a_path_does_not_tell_what_was_found() {
    let json = br#"{"4111111111111111":{"ssn":"378-28-2246"}}"#;
    let found = found("Content-Type: application/json", json, 1448);
    assert_eq!(found, ["$.*~", "$['****************'].ssn"]);
}
