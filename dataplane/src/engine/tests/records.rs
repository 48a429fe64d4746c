//! What whoever learns is told of requests.

use weir_inspect::shape::Schema;
use weir_proto::event::Body;

use super::*;

const POLICY: &str = "version: 1
services:
  - {name: people, hosts: [shop.example]}
rules:
  - {name: ids, detect: [us-ssn], action: alert}
";

/// No rule reads a body.
const HEADS: &str = "version: 1
rules:
  - {name: trace, methods: [TRACE], action: block}
";

fn request(path: &str, token: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: shop.example\r\nAuthorization: Bearer {token}\r\nCookie: a=b\r\nReferer: http://a/?token=1\r\n\r\n"
    )
}

fn answer(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[test]
fn a_request_with_its_answer_time_and_kinds_of_data() {
    let mut p = Play::open_with(POLICY, EngineSettings::default());
    p.say(Dir::ToServer, request("/people/17", "t"));
    p.say(Dir::ToClient, answer("{}"));
    assert!(p.engine.poll_record().is_none(), "nobody asked");

    p.engine.sample(1000, 0);
    p.say(Dir::ToServer, request("/people/17", "t"));
    p.wait(30);
    p.say(Dir::ToClient, answer("{\"ssn\": \"536-22-1234\"}"));
    let record = p.engine.poll_record().unwrap();
    let http = record.http.unwrap();
    assert_eq!((http.url.as_str(), http.status, http.length), ("/people/17", 200, 22));
    assert_eq!((record.service.as_str(), record.credential.as_str()), ("people", "bearer"));
    assert_eq!((record.duration_us, record.weight, record.referer), (30_000, 1, true));
    assert!(http.http_refer.is_empty(), "it may hold a token");
    assert_eq!((record.sent.len(), record.received), (0, vec!["pii".to_owned()]));
}

#[test]
fn what_is_found_in_a_url_is_in_no_record_and_no_event() {
    let mut p = Play::open(POLICY);
    p.engine.sample(1000, 0);
    for path in ["/people/536-22-1234/x?y=1", "/people?id=536-22-1234"] {
        p.say(Dir::ToServer, request(path, "t"));
        p.say(Dir::ToClient, answer("{}"));
        let record = p.engine.poll_record().unwrap();
        assert_eq!(record.sent, ["pii"]);
        assert!(record.http.unwrap().url.starts_with("/people"));
    }
    let events: Vec<_> = std::iter::from_fn(|| p.engine.poll_event()).collect();
    assert!(events.len() >= 4 && !format!("{events:?}").contains("22-1234"), "{events:?}");
}

/// A query that names its operation, and what is told of it in a record and in an event.
fn graphql(policy: &str, fields: &str, body: &[u8], size: usize) -> Vec<String> {
    let mut p =
        Play::open_with(policy, EngineSettings { log_requests: true, ..Default::default() });
    p.engine.sample(1000, 0);
    let head = format!(
        "POST /graphql HTTP/1.1\r\nHost: a\r\n{fields}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    p.say(Dir::ToServer, head);
    body.chunks(size).for_each(|piece| p.say(Dir::ToServer, piece));
    p.say(Dir::ToClient, answer("{}"));
    let record = p.engine.poll_record().unwrap().http;
    let event = std::iter::from_fn(|| p.engine.poll_event()).find_map(|event| match event.body {
        Some(Body::Http(http)) => Some(http),
        _ => None,
    });
    let told = |http: weir_proto::Http| http.graphql;
    let [record, event] = [record, event].map(|http| http.and_then(told));
    assert_eq!(record, event);
    record.map(|g| vec![g.operation_type, g.operation_name]).unwrap_or_default()
}

#[test]
fn operations_of_graphql_are_told_whether_or_not_their_body_is_scanned() {
    let body = br#"{"variables":{"ssn":"536-22-1234"},"query":"mutation Pay($a: Int) { pay(a: $a) { id } }"}"#;
    let coded = {
        use std::io::Write;
        let mut to = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        to.write_all(body).unwrap();
        to.finish().unwrap()
    };
    let gzip = "Content-Type: application/json\r\nContent-Encoding: gzip";
    for size in [1, 61, 1448] {
        for (policy, fields, body, wanted) in [
            (HEADS, "Content-Type: application/json", &body[..], true),
            (POLICY, "Content-Type: application/json", &body[..], true),
            (POLICY, gzip, &coded[..], true),
            (HEADS, gzip, &coded[..], false),
        ] {
            let told = graphql(policy, fields, body, size);
            assert_eq!(told == ["mutation", "Pay"], wanted, "{fields} by {size}: {told:?}");
            assert_eq!(told.is_empty(), !wanted, "{fields} by {size}: {told:?}");
        }
    }
}

#[test]
fn the_shapes_of_some_bodies_are_told_and_no_value() {
    let body = r#"{"ssn":"536-22-1234","lines":[{"count":2}]}"#;
    let request = format!(
        "POST /people HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let long = format!("[\"{}\"]", "x".repeat(20_000));
    for policy in [HEADS, POLICY] {
        let mut p = Play::open_with(policy, EngineSettings::default());
        let mut told = |shapes, answer: String| {
            p.engine.sample(1000, shapes);
            for n in 0..4 {
                p.say(Dir::ToServer, &request);
                p.take();
                answer.as_bytes().chunks(1000).for_each(|piece| p.say(Dir::ToClient, piece));
                p.take();
                p.wait(1000 * u64::from(n == 3));
            }
            let records = std::iter::from_fn(|| p.engine.poll_record());
            records.map(|r| (r.request_shape, r.response_shape)).collect::<Vec<_>>()
        };
        let none = (Vec::new(), Vec::new());
        assert_eq!(told(0, answer("{}")), vec![none.clone(); 4], "nobody asked for them");
        let some = told(2, answer("[true]"));
        let with = some.iter().filter(|shapes| **shapes != none).count();
        assert!(some.len() == 4 && (2..=3).contains(&with), "{with} of {}", some.len());
        let (sent, received) = &some[0];
        let shape = |text: &[u8]| serde_json::from_slice::<Schema>(text).unwrap();
        assert_eq!(shape(sent), Schema::read(body.as_bytes()).unwrap());
        assert_eq!(shape(received), Schema::read(b"[false]").unwrap());
        assert!(!String::from_utf8_lossy(sent).contains("22-1234"));
        let (sent, received) = &told(2, answer(&long))[0];
        assert!(!sent.is_empty() && received.is_empty(), "longer than what is kept");
    }
}

#[test]
fn of_many_requests_a_sample_stands_for_all() {
    let mut p = Play::open_with(POLICY, EngineSettings::default());
    p.engine.sample(10, 0);
    let mut told = 0;
    for _ in 0..100 {
        p.say(Dir::ToServer, request("/a", "t"));
        p.say(Dir::ToClient, answer("{}"));
        p.wait(10);
    }
    let mut records = 0;
    while let Some(record) = p.engine.poll_record() {
        (told, records) = (told + record.weight, records + 1);
    }
    assert!((10..=22).contains(&records) && (85..=100).contains(&told), "{records} {told}");
}
