//! What whoever learns is told of requests.

use super::*;

const POLICY: &str = "version: 1
services:
  - {name: people, hosts: [shop.example]}
rules:
  - {name: ids, detect: [us-ssn], action: alert}
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

    p.engine.sample(1000);
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
    p.engine.sample(1000);
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

#[test]
fn of_many_requests_a_sample_stands_for_all() {
    let mut p = Play::open_with(POLICY, EngineSettings::default());
    p.engine.sample(10);
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
