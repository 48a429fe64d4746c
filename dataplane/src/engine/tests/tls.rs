//! TLS clients, judged by their first message.

use weir_reassembly::tls::{ClientHello, HelloReader};

use super::*;

/// A ClientHello that asks for `shop.example`, in two records, and what its client is.
fn hello() -> (Vec<u8>, String) {
    let vector =
        |n: usize, bytes: &[u8]| [&(bytes.len() as u32).to_be_bytes()[4 - n..], bytes].concat();
    let name = vector(2, &[vec![0], vector(2, b"shop.example")].concat());
    // A key that no quantum computer breaks makes it longer than a segment.
    let key = vector(2, &[7; 1200]);
    let extensions = [vec![0, 0], vector(2, &name), vec![0, 51], vector(2, &key)].concat();
    let body = [&[3, 3][..], &[7; 32], &[0, 0, 2, 0x13, 1, 1, 0], &vector(2, &extensions)].concat();
    let message = [vec![1], vector(3, &body)].concat();
    let ja4 = ClientHello::parse(&message).unwrap().ja4();
    let (first, second) = message.split_at(700);
    let records = [first, second].map(|part| [vec![0x16, 3, 1], vector(2, part)].concat());
    assert_eq!(
        HelloReader::default().push(&records.concat()),
        weir_reassembly::tls::Progress::Whole
    );
    (records.concat(), ja4)
}

fn policy(ja4: &str, rest: &str) -> String {
    format!(
        "version: 1\nmode: enforce\nservices: [{{name: shop, hosts: [shop.example]}}]\nrules:\n  \
         - {{name: r, services: [shop], identity: {{ja4: ['{ja4}']}}, {rest}}}\n"
    )
}

/// What of the hello came to the server, and whether both ends were reset.
fn said(p: &mut Play, hello: &[u8], piece: usize) -> (Vec<u8>, bool) {
    for bytes in hello.chunks(piece) {
        p.say(Dir::ToServer, bytes);
    }
    let sent = p.take();
    let resets = sent.iter().filter(|(_, packet, _)| packet.flags.has(Flags::RST)).count();
    let bytes = sent.into_iter().filter(|t| t.0 == Dir::ToServer).flat_map(|t| t.2).collect();
    (bytes, resets == 2)
}

#[test]
fn a_client_is_known_however_its_hello_is_cut() {
    let (hello, ja4) = hello();
    let settings = || EngineSettings { log_requests: true, ..Default::default() };
    for piece in [1, 7, 300, 705, 1448] {
        let mut p = Play::open_with(&policy(&ja4, "action: block"), settings());
        let (came, reset) = said(&mut p, &hello, piece);
        assert!(reset && came.len() < hello.len() && hello.starts_with(&came), "by {piece}");
        let mut events = std::iter::from_fn(|| p.engine.poll_event());
        let block = events.find_map(|e| match e.body {
            Some(weir_proto::event::Body::Block(block)) => Some(block),
            _ => None,
        });
        let block = block.unwrap();
        assert_eq!((block.how.as_str(), block.service.as_str()), ("reset", "shop"));
        assert!(block.reason.contains(&ja4) && block.reason.contains("`shop.example`"));

        // Another kind of client, and whatever is no request.
        let mut p = Play::open_with(&policy("t13*", "action: block"), settings());
        assert!(said(&mut p, &hello, piece) == (hello.clone(), false), "by {piece}");
        p.say(Dir::ToClient, b"\x16\x03\x03\0\x02hi");
        p.say(Dir::ToServer, b"secret");
        assert_eq!(p.take().len(), 2);
    }
}

#[test]
fn a_kind_of_client_has_so_many_connections() {
    let (hello, _) = hello();
    let limit = "limit: {count: 2, per: 1m}, action: rate-limit";
    let mut p = Play::open(&policy("*", limit));
    for n in 0..3 {
        assert_eq!(said(&mut p, &hello, 1448).1, n == 2, "connection {n}");
        let (c, s) = p.seq;
        p.packet(Dir::ToServer, c, s, Flags::RST | Flags::ACK, b"");
        p.seq = (1000 * (n + 2), 5000);
        p.packet(Dir::ToServer, p.seq.0, 0, Flags::SYN, b"");
        p.packet(Dir::ToClient, p.seq.1, p.seq.0 + 1, Flags::SYN | Flags::ACK, b"");
        p.seq = (p.seq.0 + 1, p.seq.1 + 1);
        p.take();
    }
}

#[test]
fn what_begins_like_tls_and_has_no_hello_is_an_exception_only_where_a_rule_asks() {
    let broken = b"\x16\x03\x01\0\x20hello";
    let mut p = Play::open(&policy("*", "action: alert"));
    assert!(said(&mut p, broken, 99).1);
    assert_eq!(p.engine.counters().exception_parser_error, 1);
    let mut p = Play::open(MASK);
    assert_eq!(said(&mut p, broken, 99), (broken.to_vec(), false));
    assert_eq!(p.engine.counters().exception_parser_error, 0);
}
