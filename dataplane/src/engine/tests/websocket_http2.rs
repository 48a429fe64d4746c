//! WebSocket in a stream of HTTP/2 (RFC 8441): its frames lie in DATA frames, and need not end with them.

use weir_reassembly::http2::Event;
use weir_reassembly::http2::frame::{code, flag, kind};
use weir_reassembly::http2::hpack::huffman::encode;
use weir_reassembly::websocket::Mask;

use super::http2::{frame_of, heard, open, raw, read, request, response};
use super::websocket::{KEY, POLICY, close, deflated, fragmented, framed, leak};
use super::*;

/// A string literal of HPACK, as it is or in Huffman's code.
fn literal(text: &str, huffman: bool) -> Vec<u8> {
    let mut coded = text.as_bytes().to_vec();
    if huffman {
        coded.clear();
        encode(text.as_bytes(), &mut coded);
    }
    [&[coded.len() as u8 | u8::from(huffman) << 7], &coded[..]].concat()
}

/// An extended CONNECT. The extensions become an entry of the table.
fn ask(stream: u32, huffman: bool) -> Vec<u8> {
    let mut block = vec![];
    for (name, value) in [(":method", "CONNECT"), (":protocol", "websocket")] {
        block.extend([&[0x00][..], &literal(name, huffman), &literal(value, huffman)].concat());
    }
    // :scheme http, :path /chat, :authority a.
    block.extend([&[0x86, 0x04][..], &literal("/chat", huffman), &[0x01, 1, b'a']].concat());
    let offer = "permessage-deflate; client_max_window_bits=9";
    block.push(0x40);
    block.extend(literal("sec-websocket-extensions", huffman));
    block.extend(literal(offer, huffman));
    frame_of(kind::HEADERS, flag::END_HEADERS, stream, &block)
}

/// The same, its extensions taken from the table.
fn ask_again(stream: u32) -> Vec<u8> {
    let mut block = vec![];
    for (name, value) in [(":method", "CONNECT"), (":protocol", "websocket")] {
        block.extend([&[0x00][..], &literal(name, false), &literal(value, false)].concat());
    }
    block.extend([0x86, 0x84, 0x01, 1, b'a', 0xbe]);
    frame_of(kind::HEADERS, flag::END_HEADERS, stream, &block)
}

/// :status 200.
fn agree(stream: u32) -> Vec<u8> {
    frame_of(kind::HEADERS, flag::END_HEADERS, stream, &[0x88])
}

/// Stream 1 speaks WebSocket.
fn switched(policy: &str) -> Play {
    let mut p = open(policy);
    p.say(Dir::ToServer, ask(1, false));
    p.say(Dir::ToClient, agree(1));
    p.take();
    p
}

/// Bytes of stream 1 in DATA frames of this size.
fn data(bytes: &[u8], size: usize) -> Vec<u8> {
    bytes.chunks(size).flat_map(|piece| frame_of(kind::DATA, 0, 1, piece)).collect()
}

#[test]
fn a_card_is_masked_under_the_frames_own_key_however_it_is_cut_and_framed() {
    for (dir, sent, wanted, split) in fragmented() {
        for frame in [1, 7, 10, 100] {
            let (sent, wanted) = (data(&sent, frame), data(&wanted, frame));
            for cut in [1, 2, 5, 1448] {
                let mut p = switched(POLICY);
                sent.chunks(cut).for_each(|piece| p.say(dir, piece));
                let what = format!("{dir:?} split at {split} in frames of {frame} by {cut}");
                assert_eq!(raw(&mut p, dir), wanted, "{what}");
                assert_eq!(p.engine.counters().findings, 1, "{what}");
                assert_eq!(p.engine.counters().websocket_frames, 3, "{what}");
                let wanted = (weir_proto::AppProto::Websocket, "$.card".to_owned());
                assert_eq!(leak(&mut p), Some(wanted), "{what}");
            }
        }
    }
}

/// The extensions that a direction's header blocks ask for.
fn extensions(bytes: &[u8]) -> Vec<String> {
    let mut out = Vec::new();
    read(bytes, |event| {
        if let Event::Headers(b) = event {
            let value = b.value(b"sec-websocket-extensions").unwrap_or_default();
            out.push(String::from_utf8_lossy(value).into_owned());
        }
    });
    out
}

#[test]
fn extensions_are_made_unknown_where_a_message_may_be_edited() {
    for huffman in [false, true] {
        let asked = [ask(1, huffman), ask_again(3)].concat();
        let mut p = open(POLICY);
        p.say(Dir::ToServer, &asked);
        let seen = extensions(&raw(&mut p, Dir::ToServer));
        let unknown = if huffman { "-0--0---00-0-0-00-0" } else { "xxxxxxxxxx-xxxxxxx" };
        assert!(seen[0].ends_with("; client_max_window_bits=9"), "{seen:?}");
        assert!(huffman || seen[0].starts_with(unknown), "{seen:?}");
        assert!(!seen.concat().contains("deflate") && seen[0] == seen[1], "{seen:?}");
        let mut p = open(&POLICY.replace("enforce", "monitor"));
        p.say(Dir::ToServer, &asked);
        assert_eq!(raw(&mut p, Dir::ToServer), asked);
    }
}

/// Messages to block, of both ends.
const BLOCKED: [(Dir, &str, Option<[u8; 4]>); 2] = [
    (Dir::ToClient, "key: AKIAQ3EGZSJ7YTLBZ2K5 ", None),
    (Dir::ToServer, "<script>alert(document.cookie)</script>", Some(KEY)),
];

#[test]
fn a_blocked_message_becomes_a_close_frame_and_other_streams_live() {
    for (dir, text, key) in BLOCKED {
        let message = framed(0x81, text.as_bytes(), key);
        let mut p = switched(POLICY);
        p.say(dir, [data(&message, 100), data(&message, 10)].concat());
        let sent = raw(&mut p, dir);
        let (mut stream, mut ended) = (Vec::new(), 0);
        read(&sent, |event| match event {
            Event::Data { bytes, .. } => stream.extend_from_slice(bytes),
            Event::DataEnd { .. } => ended += 1,
            event => assert!(matches!(event, Event::FrameHeader(_)), "{event:?}"),
        });
        let close = close(dir);
        assert_eq!((ended, stream.len()), (1 + message.len().div_ceil(10), 2 * message.len()));
        assert_eq!(stream[..close.len()], close, "{dir:?}");
        assert!(stream[close.len()..].iter().all(|b| *b == 0), "{dir:?}: {stream:?}");
        p.say(Dir::ToServer, request(3, "/y"));
        p.say(Dir::ToClient, response(3, &["fine"]));
        assert_eq!(heard(&raw(&mut p, Dir::ToClient)), ["3 headers", "3 fine", "3 end"]);
    }
}

#[test]
fn a_blocked_message_that_can_t_become_one_ends_its_stream_or_the_connection() {
    for (dir, text, key) in BLOCKED {
        // Each byte of the frame's header lies in a frame of its own; or it has left.
        for (frame, cut) in [(1, 1448), (100, 1), (100, 14)] {
            let what = format!("{dir:?} in frames of {frame} by {cut}");
            let mut p = switched(POLICY);
            p.say(Dir::ToServer, request(3, "/y"));
            p.take();
            let sent = data(&framed(0x81, text.as_bytes(), key), frame);
            for piece in sent.chunks(cut) {
                p.say(dir, piece);
                p.wait(6);
            }
            let packets = p.take();
            let reset = packets.iter().any(|(_, packet, _)| packet.flags.has(Flags::RST));
            let bytes: Vec<u8> =
                packets.into_iter().filter(|t| t.0 == dir).flat_map(|t| t.2).collect();
            let mut plain = Vec::new();
            if !reset {
                read(&bytes, |event| {
                    if let Event::Data { bytes, .. } = event {
                        plain.extend_from_slice(bytes);
                    }
                });
            }
            assert_eq!(reset, dir == Dir::ToServer, "{what}");
            let plain = String::from_utf8_lossy(&plain);
            assert!(!plain.contains("AKIAQ3EGZSJ7YTLBZ2K5"), "{what}: {plain}");
            if !reset {
                p.say(Dir::ToClient, response(3, &["fine"]));
                let heard = heard(&raw(&mut p, Dir::ToClient));
                assert_eq!(heard, ["3 headers", "3 fine", "3 end"], "{what}");
            }
        }
    }
}

#[test]
fn compressed_messages_are_read_with_those_before_them() {
    let text = r#"{"card":"4111111111111111"}"#;
    let messages = deflated(&["hello 4111 111", text, text]);
    let stream: Vec<u8> =
        messages.iter().flat_map(|message| framed(0xc1, message, Some(KEY))).collect();
    for frame in [5, 1000] {
        let sent = data(&stream, frame);
        let mut p = switched(&POLICY.replace("enforce", "monitor"));
        p.say(Dir::ToServer, &sent);
        assert_eq!(raw(&mut p, Dir::ToServer), sent, "frames of {frame}");
        assert_eq!(p.engine.counters().findings, 2, "frames of {frame}");
        assert_eq!(p.engine.counters().exception_undecodable, 0);
    }
}

#[test]
fn what_is_no_websocket_follows_the_exception_and_is_read_all_the_same() {
    let text = br#"{"card":"4111111111111111"}"#;
    let mut p = switched(&POLICY.replace("enforce", "monitor"));
    let sent = data(text, 100);
    p.say(Dir::ToClient, &sent);
    assert_eq!(raw(&mut p, Dir::ToClient), sent);
    assert_eq!((p.engine.counters().findings, p.engine.counters().exception_parser_error), (1, 1));
    let mut p = switched(POLICY);
    p.say(Dir::ToClient, &sent);
    assert_eq!(heard(&raw(&mut p, Dir::ToClient)), [format!("1 reset {}", code::CANCEL)]);
}

#[test]
fn a_refused_handshake_has_a_body() {
    let mut p = open(POLICY);
    p.say(Dir::ToServer, ask(1, false));
    p.take();
    let answer = [
        // :status 404.
        frame_of(kind::HEADERS, flag::END_HEADERS, 1, &[0x8d]),
        frame_of(kind::DATA, flag::END_STREAM, 1, br#"{"card":"4111111111111111"}"#),
    ];
    p.say(Dir::ToClient, answer.concat());
    let heard = heard(&raw(&mut p, Dir::ToClient)).concat();
    assert_eq!(heard, r#"1 headers1 {"card":"****************"}1 end"#);
}

#[test]
fn a_match_that_only_lacks_what_follows_is_decided_when_the_stream_ends() {
    let whole = framed(0x81, b"4111111111111111 and more", Some(KEY));
    for end in [false, true] {
        let mut p = switched(POLICY);
        let flags = if end { flag::END_STREAM } else { 0 };
        p.say(Dir::ToServer, frame_of(kind::DATA, flags, 1, &whole[..6 + 16]));
        p.wait(6);
        let mut sent = raw(&mut p, Dir::ToServer).split_off(9 + 6);
        Mask { key: KEY, origin: 0 }.apply(0, &mut sent);
        assert_eq!(String::from_utf8_lossy(&sent), "9999999999999999", "END_STREAM {end}");
    }
}
