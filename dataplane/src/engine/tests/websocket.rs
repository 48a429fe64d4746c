//! WebSocket: messages of both directions, in frames that are cut, fragmented and masked.

use weir_reassembly::websocket::Mask;

use super::*;

pub const POLICY: &str = "version: 1
mode: enforce
rules:
  - name: cards
    direction: both
    detect: [payment-card]
    action: mask
  - name: keys
    direction: both
    detect: [aws-access-key]
    action: block
  - name: attacks
    direction: request
    detect: ['category:attacks']
    action: block
";

const ASK: &str = "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=9\r\n\r\n";
const AGREE: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
pub const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A frame; `flags` is its first byte.
pub fn framed(flags: u8, payload: &[u8], key: Option<[u8; 4]>) -> Vec<u8> {
    let masked = if key.is_some() { 0x80 } else { 0 };
    let mut frame = match payload.len() {
        n @ ..126 => vec![flags, n as u8 | masked],
        n => vec![flags, 126 | masked, (n >> 8) as u8, n as u8],
    };
    let mut payload = payload.to_vec();
    if let Some(key) = key {
        frame.extend(key);
        Mask { key, origin: 0 }.apply(0, &mut payload);
    }
    [frame, payload].concat()
}

fn switched(policy: &str) -> Play {
    let mut p = Play::open(policy);
    p.say(Dir::ToServer, ASK);
    p.say(Dir::ToClient, AGREE);
    p.take();
    p
}

fn raw(p: &mut Play, dir: Dir) -> Vec<u8> {
    p.take().into_iter().filter(|t| t.0 == dir).flat_map(|t| t.2).collect()
}

#[test]
fn extensions_are_made_unknown_where_a_message_may_be_edited() {
    let mut p = Play::open(POLICY);
    p.say(Dir::ToServer, ASK);
    let seen = p.bytes(Dir::ToServer);
    assert!(
        seen.contains("Extensions: xxxxxxxxxx-xxxxxxx; xxxxxx_xxx_xxxxxx_xxxx=9\r\n"),
        "{seen}"
    );
    let mut p = Play::open(&POLICY.replace("enforce", "monitor"));
    p.say(Dir::ToServer, ASK);
    assert_eq!(p.bytes(Dir::ToServer), ASK);
}

/// Messages with a card in two fragments and a Ping between them, of both directions: what is sent, what is to arrive, and where it is
/// split.
pub(super) fn fragmented() -> Vec<(Dir, Vec<u8>, Vec<u8>, usize)> {
    let (text, stars) = (r#"{"card":"4111111111111111"}"#, r#"{"card":"****************"}"#);
    let of = |dir, keys: [Option<[u8; 4]>; 2], split| {
        let stream = |text: &str| {
            let (head, tail) = text.as_bytes().split_at(split);
            let ping = framed(0x89, b"4111", keys[1]);
            [framed(0x01, head, keys[0]), ping, framed(0x80, tail, keys[1])].concat()
        };
        (dir, stream(text), stream(stars), split)
    };
    let splits = [0, 3, 15, 26].into_iter();
    let both = |split| {
        let to_server = of(Dir::ToServer, [Some(KEY), Some([1, 2, 3, 4])], split);
        [of(Dir::ToClient, [None, None], split), to_server]
    };
    splits.flat_map(both).collect()
}

/// The first leak that is told: the protocol, and where it lies.
pub(super) fn leak(p: &mut Play) -> Option<(weir_proto::AppProto, String)> {
    std::iter::from_fn(|| p.engine.poll_event()).find_map(|event| match event.body {
        Some(weir_proto::event::Body::Leak(ref leak)) => {
            Some((event.app_proto(), leak.finding.clone()?.path))
        }
        _ => None,
    })
}

#[test]
fn a_card_is_masked_under_the_frames_own_key_however_it_is_cut_and_fragmented() {
    for (dir, sent, wanted, split) in fragmented() {
        for size in [1, 2, 5, 1448] {
            let mut p = switched(POLICY);
            sent.chunks(size).for_each(|piece| p.say(dir, piece));
            assert_eq!(raw(&mut p, dir), wanted, "{dir:?} split at {split} by {size}");
            assert_eq!(p.engine.counters().findings, 1);
            let wanted = (weir_proto::AppProto::Websocket, "$.card".to_owned());
            assert_eq!(leak(&mut p), Some(wanted));
        }
    }
}

#[test]
fn what_control_frames_carry_is_content_too() {
    // Between the two fragments of a message that waits for its end.
    let around = |card: &str, control: &[u8], key| {
        let (head, tail) = card.as_bytes().split_at(9);
        let head = framed(0x01, head, key);
        let ping = framed(0x89, control, key);
        [head, ping, framed(0x80, tail, key)].concat()
    };
    for (dir, key) in [(Dir::ToClient, None), (Dir::ToServer, Some(KEY))] {
        let sent = around("4111111111111111", b"at 5500005555555559 ", key);
        let wanted = around("9999999999999999", b"at **************** ", key);
        // A status code that would be a digit in front of the reason.
        let bye = |reason: &str| framed(0x88, format!("\x0b\x39{reason}").as_bytes(), key);
        let (sent, wanted) =
            ([sent, bye("4111111111111111")].concat(), [wanted, bye("9999999999999999")].concat());
        for size in [1, 2, 5, 1448] {
            let mut p = switched(POLICY);
            sent.chunks(size).for_each(|piece| p.say(dir, piece));
            assert_eq!(raw(&mut p, dir), wanted, "{dir:?} by {size}");
            assert_eq!(p.engine.counters().findings, 3);
        }
    }
}

#[test]
fn a_blocked_control_frame_becomes_a_close_frame() {
    let mut p = switched(POLICY);
    p.say(Dir::ToClient, framed(0x8a, b"AKIAQ3EGZSJ7YTLBZ2K5", None));
    let sent = raw(&mut p, Dir::ToClient);
    assert!(sent.starts_with(&close(Dir::ToClient)) && sent[4..].iter().all(|b| *b == 0));
}

#[test]
fn the_first_frame_may_come_with_the_servers_consent() {
    let mut p = Play::open(POLICY);
    p.say(Dir::ToServer, ASK);
    p.take();
    let frame = |text: &str| framed(0x81, text.as_bytes(), None);
    p.say(Dir::ToClient, [AGREE.as_bytes(), &frame("\"4111111111111111\"")].concat());
    assert!(raw(&mut p, Dir::ToClient).ends_with(&frame("\"****************\"")));
}

#[test]
fn messages_are_contents_of_their_own() {
    let mut p = switched(POLICY);
    let sent = [framed(0x81, b"41111111", None), framed(0x82, b"11111111", None)].concat();
    p.say(Dir::ToClient, &sent);
    assert_eq!(raw(&mut p, Dir::ToClient), sent);
    assert_eq!(p.engine.counters().websocket_frames, 2);
    assert_eq!(p.engine.counters().unread_tunnel_bytes, 0);
}

#[test]
fn a_match_that_only_lacks_what_follows_is_decided_when_its_sender_ends_the_connection() {
    let whole = framed(0x81, b"4111111111111111 and more", None);
    let mut p = switched(POLICY);
    let (client, server) = p.seq;
    let flags = Flags::ACK | Flags::FIN;
    p.packet(Dir::ToClient, server, client, flags, &whole[..2 + 16]);
    assert_eq!(&raw(&mut p, Dir::ToClient)[2..], b"9999999999999999");
}

/// A Close frame of a device that did not like a message: 1008, policy violation.
pub fn close(dir: Dir) -> Vec<u8> {
    framed(0x88, &[0x03, 0xf0], (dir == Dir::ToServer).then_some([0; 4]))
}

#[test]
fn a_blocked_message_becomes_a_close_frame() {
    for (dir, text, key) in [
        (Dir::ToClient, "key: AKIAQ3EGZSJ7YTLBZ2K5 ", None),
        (Dir::ToServer, "<script>alert(document.cookie)</script>", Some(KEY)),
    ] {
        let (hello, close) = (framed(0x81, b"hello", key), close(dir));
        let mut p = switched(POLICY);
        p.say(dir, [&hello[..], &framed(0x81, text.as_bytes(), key), b"what follows"].concat());
        p.say(dir, framed(0x81, text.as_bytes(), key));
        let sent = raw(&mut p, dir);
        let behind = hello.len() + close.len();
        assert_eq!(sent[..behind], [hello, close].concat(), "{dir:?}");
        assert!(sent[behind..].iter().all(|b| *b == 0), "{dir:?}: {sent:?}");
        assert_eq!(p.engine.counters().blocked, 1);
    }
}

#[test]
fn a_blocked_message_whose_beginning_has_left_ends_the_connection() {
    for (dir, text, key) in [
        (Dir::ToClient, "key: AKIAQ3EGZSJ7YTLBZ2K5 ", None),
        (Dir::ToServer, "<script>alert(document.cookie)</script>", Some(KEY)),
    ] {
        let mut p = switched(POLICY);
        let frame = framed(0x81, text.as_bytes(), key);
        p.say(dir, &frame[..10]);
        p.wait(6);
        p.take();
        p.say(dir, &frame[10..]);
        let sent = p.take();
        let resets = |(_, packet, payload): &(Dir, Packet, Vec<u8>)| {
            packet.flags.has(Flags::RST) && payload.is_empty()
        };
        assert!(sent.len() == 2 && sent.iter().all(resets), "{dir:?}");
    }
}

#[test]
fn what_is_compressed_all_the_same_and_what_is_no_frame_follow_the_exceptions() {
    let mut p = switched(POLICY);
    // A block of a type that there is not.
    p.say(Dir::ToClient, framed(0xc1, b"\xff\xff\xff\xff", None));
    assert!(raw(&mut p, Dir::ToClient).starts_with(&close(Dir::ToClient)));
    assert_eq!(p.engine.counters().exception_undecodable, 1);
    let mut p = switched(POLICY);
    p.say(Dir::ToClient, b"HTTP/1.1 200 OK\r\n");
    assert!(
        p.take()
            .iter()
            .all(|(_, packet, payload)| packet.flags.has(Flags::RST) && payload.is_empty())
    );
    assert_eq!(p.engine.counters().exception_parser_error, 1);
}

/// Messages as a sender with `permessage-deflate` compresses them, each with the ones before as its dictionary.
pub fn deflated(messages: &[&str]) -> Vec<Vec<u8>> {
    let mut state = flate2::Compress::new(flate2::Compression::default(), false);
    let each = messages.iter().map(|message| {
        let mut out = Vec::with_capacity(1024);
        state.compress_vec(message.as_bytes(), &mut out, flate2::FlushCompress::Sync).unwrap();
        assert!(out.ends_with(&[0, 0, 0xff, 0xff]));
        out.truncate(out.len() - 4);
        out
    });
    each.collect()
}

#[test]
fn compressed_messages_are_read_with_those_before_them() {
    let text = r#"{"card":"4111111111111111"}"#;
    let messages = deflated(&["hello 4111 111", text, "nothing", text]);
    let stream: Vec<u8> = [
        framed(0xc1, &messages[0], Some(KEY)),
        // In two frames, and a message between that is not compressed.
        framed(0x41, &messages[1][..4], Some(KEY)),
        framed(0x80, &messages[1][4..], Some([9, 8, 7, 6])),
        framed(0x81, b"plain", Some(KEY)),
        framed(0xc1, &messages[2], Some(KEY)),
        framed(0xc1, &messages[3], Some(KEY)),
    ]
    .concat();
    for size in [1, 5, 1448] {
        let mut p = switched(&POLICY.replace("enforce", "monitor"));
        stream.chunks(size).for_each(|piece| p.say(Dir::ToServer, piece));
        assert_eq!(raw(&mut p, Dir::ToServer), stream, "by {size}");
        assert_eq!(p.engine.counters().findings, 2, "by {size}");
        assert_eq!(p.engine.counters().exception_undecodable, 0);
        assert!(p.engine.counters().decoded_bytes > 2 * text.len() as u64);
    }
    // It can't be masked, so it is blocked.
    let mut p = switched(POLICY);
    stream.chunks(1448).for_each(|piece| p.say(Dir::ToServer, piece));
    let (sent, close) = (raw(&mut p, Dir::ToServer), close(Dir::ToServer));
    assert!(sent.windows(close.len()).any(|bytes| bytes == close), "{sent:?}");
}

#[test]
fn where_nothing_is_about_messages_it_is_a_tunnel() {
    let policy = "version: 1\nmode: enforce\nrules:\n  - name: r\n    detect: [payment-card]\n    parts: [url]\n    action: block\n";
    let mut p = Play::open_with(policy, EngineSettings::default());
    p.say(Dir::ToServer, ASK);
    p.say(Dir::ToClient, AGREE);
    p.say(Dir::ToClient, framed(0x81, b"4111111111111111", None));
    assert_eq!(p.engine.counters().websocket_frames, 0);
    assert!(p.engine.counters().unread_tunnel_bytes > 0);
}
