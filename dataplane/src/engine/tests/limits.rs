//! Limits of rules: who reads too much is locked out, and nobody else.

use super::*;
use weir_proto::event::Body;

const SCRAPING: &str = "version: 1
mode: enforce
identities: [{header: authorization}]
rules:
  - name: scraping
    direction: response
    detect: [us-ssn]
    limit: {distinct: 3, per: 10m}
    for: 15m
    action: block
";

fn get(token: &str) -> String {
    format!("GET /people HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n\r\n")
}

fn answer(ssn: &str) -> String {
    let body = format!("{{\"ssn\":\"{ssn}\"}}");
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// What the client hears of a person's record.
fn read(p: &mut Play, token: &str, ssn: &str) -> String {
    p.say(Dir::ToServer, get(token));
    p.take();
    p.say(Dir::ToClient, answer(ssn));
    p.ack(Dir::ToServer);
    p.bytes(Dir::ToClient)
}

/// Another connection through the same engine.
pub fn again(mut p: Play) -> Play {
    let (c, s) = (p.seq.0.wrapping_add(100_000), p.seq.1.wrapping_add(100_000));
    p.packet(Dir::ToServer, c, 0, Flags::RST, b"");
    p.wait(31_000);
    p.wait(31_000);
    p.packet(Dir::ToServer, c, 0, Flags::SYN, b"");
    p.packet(Dir::ToClient, s, c.wrapping_add(1), Flags::SYN | Flags::ACK, b"");
    p.seq = (c.wrapping_add(1), s.wrapping_add(1));
    p.ack(Dir::ToServer);
    p.take();
    p
}

#[test]
fn a_token_that_reads_too_many_different_numbers_is_locked_out_for_a_time() {
    let mut p = Play::open(SCRAPING);
    for ssn in ["536-22-8726", "212-45-6781", "401-33-9921", "212-45-6781", "536-22-8726"] {
        assert!(read(&mut p, "alice", ssn).ends_with(&format!("{ssn}\"}}")));
    }
    // The fourth different one does not arrive, and nothing else for this token.
    assert!(read(&mut p, "alice", "509-12-4478").starts_with("HTTP/1.1 403"));
    let mut p = again(p);
    p.say(Dir::ToServer, get("alice"));
    let sent = p.take();
    assert!(
        sent.iter().all(|(dir, _, bytes)| *dir == Dir::ToClient || bytes.is_empty()),
        "{sent:?}"
    );
    assert!(sent.iter().any(|(_, _, bytes)| bytes.starts_with(b"HTTP/1.1 403")));
    let events: Vec<Body> =
        std::iter::from_fn(|| p.engine.poll_event()).filter_map(|e| e.body).collect();
    let leaks =
        events.iter().filter_map(|e| if let Body::Leak(l) = e { l.finding.as_ref() } else { None });
    let identities: Vec<&[u8]> = leaks.map(|f| f.identity.as_slice()).collect();
    assert!(identities.len() == 1 && identities[0].len() == 8, "below the limit nothing is told");
    let blocks: Vec<_> =
        events.iter().filter_map(|e| if let Body::Block(b) = e { Some(b) } else { None }).collect();
    assert_eq!(
        (blocks.len(), blocks[0].rule.as_str(), blocks[0].identity.as_slice()),
        (1, "scraping", identities[0])
    );
    assert!(!format!("{events:?}").contains("alice"));

    // Another token goes on, and after a quarter of an hour this one too.
    let mut p = again(p);
    assert!(read(&mut p, "bob", "509-12-4478").ends_with("509-12-4478\"}"));
    p.wait(15 * 60_000);
    assert!(read(&mut p, "alice", "536-22-8726").ends_with("536-22-8726\"}"));
}

#[test]
fn calls_beyond_a_rate_are_refused() {
    let mut p = Play::open(
        "version: 1
mode: enforce
rules:
  - {name: rate, limit: {count: 3, per: 1m, by: source}, action: block}
",
    );
    for _ in 0..3 {
        p.say(Dir::ToServer, get("x"));
        assert!(p.bytes(Dir::ToServer).starts_with("GET"));
        p.say(Dir::ToClient, answer("-"));
        p.ack(Dir::ToServer);
        p.take();
    }
    p.say(Dir::ToServer, get("y"));
    assert!(p.bytes(Dir::ToClient).starts_with("HTTP/1.1 403"));
}
