//! Callers are judged by what they do: who goes through ids climbs the ladder, and nobody else pays for it.

use weir_proto::event::Body;
use weir_proto::{Behaviour, Block};

use super::http2::{self, frame_of};
use super::limits::again;
use super::*;
use crate::engine::bypass::Order;
use weir_reassembly::http2::frame::{code, kind};

const LADDER: &str = "version: 1
mode: enforce
behaviour:
  ladder:
    - {score: 50, action: alert}
    - {score: 60, action: rate-limit, limit: {count: 5, per: 1m}}
    - {score: 70, action: challenge, redirect: 'https://wait.example/'}
    - {score: 80, action: drop-source, for: 1h}
";

/// Asks for an object in the name of a token; what the client hears, after which the connection may be over.
fn ask(p: &mut Play, token: &str, id: u32) -> String {
    p.wait(100);
    p.say(
        Dir::ToServer,
        format!("GET /api/orders/{id} HTTP/1.1\r\nHost: a\r\nAuthorization: {token}\r\n\r\n"),
    );
    let heard = p.bytes(Dir::ToClient);
    if !heard.is_empty() {
        return heard;
    }
    p.say(Dir::ToClient, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    p.ack(Dir::ToServer);
    p.bytes(Dir::ToClient)
}

/// Goes through ids, on a new connection where the old one was ended.
fn enumerate(mut p: Play, token: &str, requests: u32) -> (Play, Vec<String>) {
    let mut heard = Vec::new();
    for id in 0..requests {
        heard.push(ask(&mut p, token, id));
        if !heard.last().unwrap().starts_with("HTTP/1.1 200") {
            p = again(p);
        }
    }
    (p, heard)
}

fn events(p: &mut Play) -> (Vec<Behaviour>, Vec<Block>) {
    let (mut rises, mut blocks) = (Vec::new(), Vec::new());
    while let Some(event) = p.engine.poll_event() {
        match event.body {
            Some(Body::Behaviour(rise)) => rises.push(rise),
            Some(Body::Block(block)) => blocks.push(block),
            _ => {}
        }
    }
    (rises, blocks)
}

#[test]
fn who_goes_through_ids_climbs_the_ladder_and_another_token_does_not() {
    let (mut p, heard) = enumerate(Play::open(LADDER), "mallory", 60);
    let (rises, blocks) = events(&mut p);
    let steps: Vec<_> = rises.iter().map(|r| (r.level, r.action.as_str(), r.enforced)).collect();
    let all = [
        (1, "alert", true),
        (2, "rate-limit", true),
        (3, "challenge", true),
        (4, "drop-source", true),
    ];
    assert_eq!(steps, all);
    let first = &rises[0];
    assert!(first.score >= 0.5 && !first.reasons.is_empty() && first.identity.len() == 8);
    assert!(first.http.as_ref().unwrap().url.starts_with("/api/orders/"));
    for status in ["200 OK", "429 Too Many", "302 Found\r\nLocation: https://wait.example/", "403"]
    {
        assert!(heard.iter().any(|h| h.contains(status)), "{status}: {heard:?}");
    }
    assert!(heard.last().unwrap().starts_with("HTTP/1.1 403"));
    let mut hows: Vec<_> = blocks.iter().map(|b| b.how.as_str()).collect();
    assert!(blocks.iter().all(|b| b.rule == "behaviour" && !b.reason.is_empty()));
    hows.dedup();
    assert_eq!(hows, ["http429", "http302", "http403"]);
    let c = p.engine.counters();
    assert_eq!((c.behaviour_raised, c.behaviour_refused), (4, blocks.len() as u64));
    assert_eq!(c.behaviour_judged, 60, "refused ones too: what it asks for is what it does");

    let order = std::iter::from_fn(|| p.engine.poll_order()).last();
    let Some(Order::DropSource { source, until }) = order else { panic!("{order:?}") };
    assert_eq!(source.to_string(), "10.0.0.1");
    assert!(until > p.now && until.since(p.now).as_secs() <= 3600);

    assert!(ask(&mut p, "alice", 7).starts_with("HTTP/1.1 200"));
}

#[test]
fn a_mirror_only_tells() {
    let settings = EngineSettings { passive: true, ..Default::default() };
    let (mut policy_played, mut refused) = (Play::open(LADDER), 0);
    policy_played.engine = Engine::new(
        EngineSettings { inspect: true, ..settings },
        Arc::new(Policy::compile(LADDER).unwrap().0),
    );
    let mut p = policy_played;
    p.packet(Dir::ToServer, p.seq.0.wrapping_sub(1), 0, Flags::SYN, b"");
    p.packet(Dir::ToClient, p.seq.1.wrapping_sub(1), p.seq.0, Flags::SYN | Flags::ACK, b"");
    p.ack(Dir::ToServer);
    for id in 0..60 {
        refused += usize::from(!ask(&mut p, "mallory", id).is_empty());
    }
    let (rises, blocks) = events(&mut p);
    assert_eq!((rises.len(), refused), (4, 0));
    assert!(rises.iter().all(|rise| !rise.enforced));
    assert!(!blocks.is_empty() && blocks.iter().all(|block| block.how == "alert"));
    assert_eq!(p.engine.counters().behaviour_judged, 60);
}

#[test]
fn what_weir_refuses_by_a_rule_is_not_held_against_the_caller() {
    let rule = "rules:\n  - {name: no, paths: ['/api/**'], action: block}\n";
    let (mut p, heard) = enumerate(Play::open(&(LADDER.to_owned() + rule)), "mallory", 30);
    assert!(heard.iter().all(|h| h.starts_with("HTTP/1.1 403")));
    assert_eq!(events(&mut p).0.len(), 0);
    assert_eq!(p.engine.counters().behaviour_judged, 0);
}

#[test]
fn over_http2_the_streams_of_an_enumerator_are_refused_and_its_connection_lives() {
    let mut p = http2::open(LADDER);
    for n in 0..60 {
        let stream = 2 * n + 1;
        p.wait(100);
        let refused = p.engine.counters().behaviour_refused;
        p.say(Dir::ToServer, http2::request(stream, &format!("/api/orders/{n}")));
        let answer = match p.engine.counters().behaviour_refused - refused {
            0 => http2::response(stream, &["ok"]),
            // The server finds the request malformed.
            _ => frame_of(kind::RST_STREAM, 0, stream, &code::PROTOCOL_ERROR.to_be_bytes()),
        };
        p.say(Dir::ToClient, answer);
        p.ack(Dir::ToServer);
        p.take();
    }
    let (rises, blocks) = events(&mut p);
    assert_eq!(rises.iter().map(|rise| rise.level).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert!(!blocks.is_empty() && blocks.iter().all(|block| block.how == "h2-malformed"));
    let c = p.engine.counters();
    assert_eq!((c.behaviour_judged, c.behaviour_refused), (60, blocks.len() as u64));
}
