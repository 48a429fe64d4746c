//! What rules do beside masking and blocking.

use std::net::IpAddr;

use super::*;
use crate::engine::bypass::Order;

const GET: &str = "GET /people HTTP/1.1\r\nHost: a\r\n\r\n";

fn answer(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

fn rules(rules: &str) -> String {
    format!("version: 1\nmode: enforce\nrules:\n{rules}")
}

/// What the client gets of an answer that comes in pieces of this size.
fn asked(p: &mut Play, body: &str, size: usize) -> String {
    p.say(Dir::ToServer, GET);
    p.take();
    for piece in answer(body).as_bytes().chunks(size) {
        p.say(Dir::ToClient, piece);
    }
    p.ack(Dir::ToServer);
    let heard = p.bytes(Dir::ToClient);
    heard.split_once("\r\n\r\n").map_or(heard.clone(), |(_, body)| body.to_owned())
}

#[test]
fn a_token_is_the_same_wherever_the_value_is_cut() {
    let policy =
        rules("  - {name: t, direction: response, detect: [payment-card], action: tokenize}\n");
    let body = |card: &str| format!("{{\"a\": \"{card}\", \"n\": {}}}", card.replace(' ', ""));
    let mut p = Play::open(&policy);
    let sent = body("4111 1111 1111 1111");
    let whole = asked(&mut p, &sent, 2000);
    assert_eq!(whole.len(), sent.len());
    let json: serde_json::Value = serde_json::from_str(&whole).unwrap();
    let (spaced, number) = (json["a"].as_str().unwrap(), json["n"].as_u64().unwrap().to_string());
    assert!(spaced.starts_with('9') && spaced.chars().filter(|c| *c == ' ').count() == 3);
    assert!(number.starts_with('9') && number.len() == 16);
    assert!(!whole.contains("1111"), "{whole}");
    for size in 1..60 {
        assert_eq!(asked(&mut p, &sent, size), whole, "by {size}");
    }
    assert_ne!(asked(&mut p, &body("5555 5555 5555 4444"), 2000), whole);
}

#[test]
fn a_key_that_goes_on_is_masked_whatever_was_found_after_its_beginning() {
    let card = r#""a":"4111111111111111""#;
    let key = format!("-----BEGIN PRIVATE KEY-----{}-----END PRIVATE KEY-----", "Ab3/".repeat(30));
    let sent = format!(r#"{{"id":"AKIADQJ6PTGDFFWYX7A2",{card},"key":"{key}",{card}}}"#);
    let rule =
        "  - {name: r, direction: response, detect: [category:secrets, category:pci], action: ";
    for action in ["mask", "tokenize"] {
        let mut p = Play::open(&rules(&format!("{rule}{action}}}\n")));
        for size in (1..200).chain([2000]) {
            let seen = asked(&mut p, &sent, size);
            let secret = ["AKIADQJ6", "4111", "Ab3/"].iter().find(|s| seen.contains(**s));
            assert_eq!((secret, seen.len()), (None, sent.len()), "{action} by {size}: {seen}");
        }
    }
}

#[test]
fn a_url_like_those_that_held_nothing_is_still_searched_for_what_it_holds() {
    let rule =
        "  - {name: r, direction: request, detect: [category:attacks, category:pci], action: ";
    let get = |url: &str| format!("GET {url} HTTP/1.1\r\nHost: a\r\n\r\n");
    for url in ["/get?card=4111111111111111", "/get?card=1%27%20or%201=1--"] {
        let mut p = Play::open(&rules(&format!("{rule}block}}\n")));
        p.say(Dir::ToServer, get("/get?card=1"));
        p.say(Dir::ToClient, answer("ok"));
        p.take();
        p.say(Dir::ToServer, get(url));
        assert!(!p.bytes(Dir::ToServer).contains("/get"), "{url}");
    }
}

const PACE: &str = "  - {name: r, limit: {count: 2, per: 1s}, action: throttle}\n";

#[test]
fn beyond_its_pace_a_request_waits_for_its_turn_however_it_is_cut() {
    for size in [1, 7, 2000] {
        let mut p = Play::open(&rules(PACE));
        for _ in 0..2 {
            assert_eq!(asked(&mut p, "ok", 2000), "ok", "within the limit at once");
        }
        let before = p.seq;
        for piece in GET.as_bytes().chunks(size) {
            p.say(Dir::ToServer, piece);
        }
        p.wait(498);
        // Its sender sends it again.
        p.packet(Dir::ToServer, before.0, before.1, Flags::ACK, GET.as_bytes());
        assert_eq!(p.bytes(Dir::ToServer), "", "by {size}");
        p.wait(3);
        assert_eq!(p.bytes(Dir::ToServer), GET, "by {size}");
        p.say(Dir::ToClient, answer("ok"));
        assert!(p.bytes(Dir::ToClient).ends_with("ok"));
        let counters = p.engine.counters();
        assert_eq!((counters.throttled, counters.hold_expired), (1, 0));
    }
}

#[test]
fn pipelined_requests_go_one_by_one_and_none_waits_longer_than_the_bound() {
    let mut p = Play::open(&rules(PACE));
    for _ in 0..6 {
        p.say(Dir::ToServer, GET);
    }
    let mut gone = Vec::new();
    for _ in 0..12 {
        gone.push(p.bytes(Dir::ToServer).len() / GET.len());
        p.wait(101);
    }
    // Two at once, the third after half a second; the others' turns would come after more than the bound of one.
    assert_eq!(gone, [2, 0, 0, 0, 0, 1, 0, 0, 0, 0, 3, 0]);
}

#[test]
fn what_comes_behind_a_throttled_request_waits_too_and_takes_no_more_than_its_room() {
    let mut p = Play::open(&rules(PACE));
    for _ in 0..2 {
        asked(&mut p, "ok", 2000);
    }
    p.say(Dir::ToServer, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n");
    let first = p.seq.0;
    for _ in 0..100 {
        p.say(Dir::ToServer, [b'x'; 1400]);
    }
    assert_eq!(p.bytes(Dir::ToServer), "");
    assert!((46..50).contains(&p.engine.held()), "{} packets", p.engine.held());
    p.wait(501);
    let went = p.bytes(Dir::ToServer);
    assert!(went.starts_with("POST") && went.len() > 65_000);
    // What was dropped comes again.
    p.seq.0 = first + (went.len() - went.find("xx").unwrap()) as u32;
    p.say(Dir::ToServer, [b'y'; 1400]);
    assert_eq!(p.bytes(Dir::ToServer), "y".repeat(1400));
}

#[test]
fn when_too_much_waits_nobody_is_throttled() {
    let mut settings = EngineSettings::default();
    settings.limits.throttled = 0;
    let mut p = Play::open_with(&rules(PACE), settings);
    for _ in 0..4 {
        p.say(Dir::ToServer, GET);
    }
    let counters = p.engine.counters();
    assert_eq!((counters.throttled, counters.throttle_skipped), (1, 1));
    p.take();
    p.wait(501);
    assert_eq!(p.bytes(Dir::ToServer), GET.repeat(2));
}

#[test]
fn over_http2_a_stream_waits_for_its_turn_and_what_came_before_it_does_not() {
    let mut p = super::http2::open(&rules(PACE));
    let all = [1, 3, 5].map(|stream| super::http2::request(stream, "/"));
    p.say(Dir::ToServer, all.concat());
    let sent = |p: &mut Play| {
        let of = p.take().into_iter().filter(|t| t.0 == Dir::ToServer);
        of.map(|t| t.2.len()).sum::<usize>()
    };
    assert_eq!(sent(&mut p), all[0].len() + all[1].len());
    p.wait(499);
    assert_eq!(sent(&mut p), 0);
    p.wait(2);
    assert_eq!(sent(&mut p), all[2].len());
}

#[test]
fn beyond_a_rate_the_client_is_told_when_to_come_again() {
    let mut p =
        Play::open(&rules("  - {name: r, limit: {count: 1, per: 2m}, action: rate-limit}\n"));
    assert_eq!(asked(&mut p, "ok", 2000), "ok");
    p.say(Dir::ToServer, GET);
    let heard = p.bytes(Dir::ToClient);
    assert!(heard.starts_with("HTTP/1.1 429 Too Many Requests\r\nRetry-After: 120\r\n"), "{heard}");
}

#[test]
fn one_finding_puts_its_caller_into_quarantine() {
    let policy = rules(
        "  - {name: q, direction: request, parts: [body], detect: [aws-access-key], action: quarantine, for: 1h}\n",
    );
    let mut p = Play::open(&policy);
    let body = "{\"k\":\"AKIAQ7DMXKGT4ZPLBV2N\"}";
    let post =
        format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    assert_eq!(asked(&mut p, "before", 2000), "before");
    p.say(Dir::ToServer, post);
    assert!(p.bytes(Dir::ToClient).starts_with("HTTP/1.1 403"));
    let mut p = limits::again(p);
    p.say(Dir::ToServer, GET);
    assert!(p.bytes(Dir::ToClient).starts_with("HTTP/1.1 403"), "whatever it asks");
    let mut p = limits::again(p);
    p.wait(3_600_000);
    assert_eq!(asked(&mut p, "after", 2000), "after");
}

#[test]
fn the_worker_is_told_whose_packets_to_drop() {
    let policy =
        rules("  - {name: d, paths: [/people], action: drop-source, for: 10m, severity: high}\n");
    let mut p = Play::open(&policy);
    p.say(Dir::ToServer, GET);
    assert!(p.bytes(Dir::ToClient).starts_with("HTTP/1.1 403"));
    let Some(Order::DropSource { source, until }) = p.engine.poll_order() else {
        panic!("no order")
    };
    assert_eq!((source, until.0 - p.now.0), (IpAddr::from([10, 0, 0, 1]), 600_000_000_000));
    let events = format!("{:?}", std::iter::from_fn(|| p.engine.poll_event()).collect::<Vec<_>>());
    assert!(events.contains("severity: \"high\""), "{events}");
}

#[test]
fn a_mirror_drops_nobody() {
    let policy = rules("  - {name: d, paths: [/people], action: drop-source, for: 10m}\n");
    let settings = EngineSettings { passive: true, ..Default::default() };
    let (compiled, _) = Policy::compile(&policy).unwrap();
    let mut engine = Engine::new(EngineSettings { inspect: true, ..settings }, Arc::new(compiled));
    let mut wire = Wire::default();
    let f = frame(CLIENT, SERVER, 1, 1, Flags::ACK, GET.as_bytes());
    engine.handle(&mut wire, Time(1), Side::A, f);
    assert!(engine.poll_order().is_none());
}

#[test]
fn what_is_bypassed_is_not_looked_for() {
    let policy = rules(
        "  - {name: mask, direction: response, detect: [payment-card, us-ssn], action: mask}
  - {name: known, paths: [/people], detect: [payment-card], action: bypass, until: 2999-01-01}
  - {name: over, paths: [/people], detect: [us-ssn], action: bypass, until: 2001-01-01}\n",
    );
    let mut p = Play::open(&policy);
    let body = "card 4111 1111 1111 1111, ssn 536-22-8726";
    assert_eq!(asked(&mut p, body, 2000), "card 4111 1111 1111 1111, ssn ***-**-****");
    assert_eq!(p.engine.counters().findings, 1);
}
