//! Flows that nobody reads are given to the XDP program, and a new connection takes them back.

use super::*;
use crate::engine::bypass::Order;
use crate::engine::services::Reading;

fn open() -> Play {
    Play::open_with(MASK, EngineSettings { bypass: true, ..Default::default() })
}

fn orders(p: &mut Play) -> Vec<Order> {
    std::iter::from_fn(|| p.engine.poll_order()).collect()
}

/// The source ports of the directions whose bypass was ended.
fn ended(p: &mut Play) -> Vec<u16> {
    let port = |order| match order {
        Order::End { flow } => flow.src_port,
        other => panic!("{other:?}"),
    };
    orders(p).into_iter().map(port).collect()
}

/// A TLS connection of which both directions are bypassed.
fn bypassed() -> Play {
    let mut p = open();
    p.say(Dir::ToServer, b"\x16\x03\x01\0\x20hello");
    assert_eq!(orders(&mut p), [], "the hello was kept until it is acknowledged");
    p.say(Dir::ToClient, b"\x16\x03\x03answer");
    let [Order::Begin { flow, from_seq, .. }] = orders(&mut p)[..] else { panic!("no bypass") };
    assert_eq!((flow.src.to_string().as_str(), flow.src_port, from_seq), ("10.0.0.2", 80, p.seq.1));
    p.ack(Dir::ToServer);
    let [Order::Begin { flow, from_seq, until }] = orders(&mut p)[..] else { panic!("no bypass") };
    assert_eq!((flow.src_port, from_seq, flow.vlan), (40000, p.seq.0, [0, 0]));
    assert!(until > p.now);
    p.say(Dir::ToServer, b"more");
    assert_eq!(orders(&mut p), [], "it is under way");
    p.take();
    p
}

#[test]
fn what_is_read_is_not_bypassed() {
    let mut p = open();
    p.say(Dir::ToServer, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    p.say(Dir::ToClient, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    p.ack(Dir::ToServer);
    assert_eq!(orders(&mut p), []);
}

#[test]
fn a_flow_that_is_forgotten_is_not_bypassed() {
    let mut p = bypassed();
    let (c, s) = p.seq;
    p.packet(Dir::ToServer, c, s, Flags::RST | Flags::ACK, b"");
    assert_eq!(p.engine.flows(), 0);
    assert_eq!(ended(&mut p), [40000, 80]);
}

#[test]
fn a_bypass_is_renewed_and_what_went_that_way_is_counted() {
    let mut p = bypassed();
    p.wait(1001);
    let tls = |p: &Play| p.engine.services().rows().next().unwrap().1[Reading::Tls as usize];
    let before = tls(&p);
    p.seq.1 = p.seq.1.wrapping_add(70_000);
    p.say(Dir::ToClient, b"again");
    assert!(matches!(orders(&mut p)[..], [Order::Begin { from_seq, .. }] if from_seq == p.seq.1));
    assert_eq!(tls(&p) - before, 70_005);
}

#[test]
fn a_new_connection_on_the_same_ports_is_inspected() {
    let mut p = bypassed();
    p.packet(Dir::ToServer, 9_000_000, 0, Flags::SYN, b"");
    assert_eq!(ended(&mut p), [40000, 80]);
    // Until the server has accepted it this may be the old connection; it is not bypassed again meanwhile.
    p.say(Dir::ToServer, b"old");
    assert_eq!(orders(&mut p), []);
    p.packet(Dir::ToClient, 5_000, 9_000_001, Flags::SYN | Flags::ACK, b"");
    p.seq = (9_000_001, 5_001);
    p.ack(Dir::ToServer);
    p.take();
    p.say(Dir::ToServer, "GET /?f=../../../../etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n");
    let sent = p.take();
    assert!(sent.iter().all(|t| !t.2.starts_with(b"GET")), "the attack is refused: {sent:?}");
    assert_eq!(orders(&mut p), []);
}

#[test]
fn the_end_of_a_connection_is_not_bypassed() {
    let mut p = bypassed();
    p.wait(1001);
    let (c, s) = p.seq;
    p.packet(Dir::ToServer, c, s, Flags::FIN | Flags::ACK, b"");
    p.packet(Dir::ToClient, s, c + 1, Flags::ACK, b"");
    assert_eq!(orders(&mut p), []);
}
