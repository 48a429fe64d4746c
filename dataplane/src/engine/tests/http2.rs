//! HTTP/2: masks, a refused request, an ended stream, and the connection that lives on.

use weir_reassembly::http2::frame::{FrameHeader, code, flag, kind};
use weir_reassembly::http2::{Event, Http2, PREFACE, Role};

use super::*;

const BLOCK: &str = "version: 1
mode: enforce
rules:
  - name: block
    direction: response
    detect: [payment-card, us-ssn]
    action: block
  - name: attacks
    direction: request
    detect: ['category:attacks']
    action: block
";

pub fn frame_of(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let header = FrameHeader { at: 0, length: payload.len() as u32, kind, flags, stream };
    [&header.to_bytes()[..], payload].concat()
}

/// :method GET, :scheme http, :path literal, :authority literal.
pub fn request(stream: u32, path: &str) -> Vec<u8> {
    let mut block = vec![0x82, 0x86, 0x04, path.len() as u8];
    block.extend(path.as_bytes());
    block.extend([0x01, 1, b'a']);
    frame_of(kind::HEADERS, flag::END_HEADERS | flag::END_STREAM, stream, &block)
}

/// :status 200.
pub fn response(stream: u32, body: &[&str]) -> Vec<u8> {
    let mut out = frame_of(kind::HEADERS, flag::END_HEADERS, stream, &[0x88]);
    for (i, part) in body.iter().enumerate() {
        let end = if i + 1 == body.len() { flag::END_STREAM } else { 0 };
        out.extend(frame_of(kind::DATA, end, stream, part.as_bytes()));
    }
    out
}

pub fn open(policy: &str) -> Play {
    let mut p = Play::open(policy);
    let settings = frame_of(kind::SETTINGS, 0, 0, &[]);
    // The server speaks first, as it may.
    p.say(Dir::ToClient, &settings);
    p.say(Dir::ToServer, [&PREFACE[..], &settings].concat());
    p.take();
    p
}

/// What the client's decoder makes of it: the events that matter, in words.
pub fn heard(bytes: &[u8]) -> Vec<String> {
    let mut out = Vec::new();
    read(bytes, |event| match event {
        Event::Headers(b) => {
            out.push(format!("{} headers", b.stream));
            if b.end_stream {
                out.push(format!("{} end", b.stream));
            }
        }
        Event::Data { stream, bytes, .. } => {
            out.push(format!("{stream} {}", String::from_utf8_lossy(bytes)));
        }
        Event::DataEnd { stream, end_stream: true, .. } => out.push(format!("{stream} end")),
        Event::ResetStream { stream, code } => out.push(format!("{stream} reset {code}")),
        _ => {}
    });
    out
}

/// Reads a direction as the client does, and gives each event to `each`.
pub fn read(bytes: &[u8], mut each: impl FnMut(Event<'_>)) {
    let mut h = Http2::new(Role::Server, false);
    let (mut at, mut rest) = (0, bytes);
    loop {
        let step = h.poll(at, rest);
        at += step.consumed as u64;
        rest = &rest[step.consumed..];
        match step.event {
            None => return,
            Some(Event::Error(e)) => panic!("{e}"),
            Some(event) => each(event),
        }
    }
}

pub fn raw(p: &mut Play, dir: Dir) -> Vec<u8> {
    p.take().into_iter().filter(|t| t.0 == dir).flat_map(|t| t.2).collect()
}

#[test]
fn a_card_across_frames_is_masked_and_frame_headers_stay() {
    let mut p = open(MASK);
    p.say(Dir::ToServer, request(1, "/x"));
    p.take();
    let text = response(1, &[r#"{"card":"41111111"#, r#"11111111"}"#]);
    for cut in [0, 20, 33, 38, 45] {
        let mut p2 = open(MASK);
        p2.say(Dir::ToServer, request(1, "/x"));
        p2.take();
        p2.say(Dir::ToClient, &text[..cut]);
        p2.say(Dir::ToClient, &text[cut..]);
        let heard = heard(&raw(&mut p2, Dir::ToClient));
        assert_eq!(heard.concat(), r#"1 headers1 {"card":"********1 ********"}1 end"#, "cut {cut}");
    }
    drop(p);
}

#[test]
fn a_preface_in_single_bytes_is_a_preface() {
    let mut p = Play::open(MASK);
    let settings = frame_of(kind::SETTINGS, 0, 0, &[]);
    p.say(Dir::ToServer, &PREFACE[..1]);
    p.say(Dir::ToClient, &settings[..4]);
    p.say(Dir::ToServer, &PREFACE[1..2]);
    p.wait(6);
    let rest = [&PREFACE[2..], &settings, &request(1, "/x")].concat();
    rest.chunks(1).for_each(|byte| p.say(Dir::ToServer, byte));
    assert_eq!(
        raw(&mut p, Dir::ToServer).len(),
        2 + rest.len(),
        "some of it before, some after the bound"
    );
    p.say(Dir::ToClient, &settings[4..]);
    p.say(Dir::ToClient, response(1, &[r#"{"card":"4111111111111111"}"#]));
    let sent = raw(&mut p, Dir::ToClient);
    assert!(!sent.windows(4).any(|w| w == b"4111"), "{sent:?}");
    assert_eq!(p.engine.counters().http2_requests, 1);
}

#[test]
fn a_refused_request_becomes_malformed_and_the_connection_lives() {
    let mut p = open(BLOCK);
    let attack = request(1, "/?f=../../../../etc/passwd");
    p.say(Dir::ToServer, &attack);
    let sent = raw(&mut p, Dir::ToServer);
    assert_eq!(sent.len(), attack.len());
    assert_eq!(sent.iter().zip(&attack).filter(|(a, b)| a != b).count(), 1, "one octet differs");
    assert_eq!((attack[10], sent[10]), (0x86, 0x84));
    p.say(Dir::ToServer, request(3, "/fine"));
    assert_eq!(raw(&mut p, Dir::ToServer), request(3, "/fine"));
}

#[test]
fn a_blocked_response_ends_with_a_reset_of_its_stream_only() {
    let mut p = open(BLOCK);
    p.say(Dir::ToServer, [request(1, "/x"), request(3, "/y")].concat());
    p.take();
    let leak = r#"{"card":"4111111111111111"}"#;
    let bytes = [response(1, &[leak]), response(3, &["fine"])].concat();
    p.say(Dir::ToClient, &bytes);
    let sent = raw(&mut p, Dir::ToClient);
    assert_eq!(sent.len(), bytes.len());
    let cancel = format!("1 reset {}", code::CANCEL);
    assert_eq!(heard(&sent), ["1 headers", &cancel, "3 headers", "3 fine", "3 end"]);
}

#[test]
fn every_size_of_a_blocked_body_keeps_its_secret() {
    for pad in 0..33 {
        let text = format!("{}4111111111111111", " ".repeat(pad));
        for parts in 1..4 {
            let mut p = open(BLOCK);
            p.say(Dir::ToServer, request(1, "/x"));
            p.take();
            let size = text.len().div_ceil(parts);
            let pieces: Vec<&str> =
                text.as_bytes().chunks(size).map(|c| std::str::from_utf8(c).unwrap()).collect();
            for frame in [response(1, &pieces), response(3, &["next"])] {
                for piece in frame.chunks(17) {
                    p.say(Dir::ToClient, piece);
                }
            }
            p.wait(6);
            let sent = raw(&mut p, Dir::ToClient);
            let heard = heard(&sent);
            let body: String = heard
                .iter()
                .filter_map(|e| e.strip_prefix("1 "))
                .filter(|e| !e.starts_with("headers") && !e.starts_with("reset") && *e != "end")
                .collect();
            assert!(!body.contains("4111"), "{pad} {parts}: {heard:?}");
        }
    }
}

#[test]
fn the_clients_window_update_becomes_the_reset_to_the_server() {
    let mut p = open(BLOCK);
    p.say(Dir::ToServer, request(1, "/x"));
    p.take();
    let mut text = frame_of(kind::HEADERS, flag::END_HEADERS, 1, &[0x88]);
    text.extend(frame_of(kind::DATA, 0, 1, br#"{"card":"4111111111111111"}"#));
    p.say(Dir::ToClient, &text);
    p.take();
    p.say(Dir::ToServer, frame_of(kind::WINDOW_UPDATE, 0, 1, &[0, 0, 1, 0]));
    let sent = raw(&mut p, Dir::ToServer);
    assert_eq!((sent[3], sent[12]), (kind::RST_STREAM, code::CANCEL as u8));
    // What the client did not count is given back with its next update of the connection.
    p.say(Dir::ToServer, frame_of(kind::WINDOW_UPDATE, 0, 0, &[0, 0, 1, 0]));
    let sent = raw(&mut p, Dir::ToServer);
    assert_eq!(u32::from_be_bytes(sent[9..13].try_into().unwrap()), 256 + 27);
}

#[test]
fn a_grpc_call_is_told_with_its_messages_and_status() {
    let mut p = open(MASK);
    let literal = |name: &str, value: &str| {
        let mut f = vec![0x00, name.len() as u8];
        f.extend(name.as_bytes());
        f.push(value.len() as u8);
        f.extend(value.as_bytes());
        f
    };
    let path = "/orders.Orders/Get";
    let mut head = vec![0x83, 0x86, 0x04, path.len() as u8];
    head.extend(path.as_bytes());
    head.extend(literal("content-type", "application/grpc"));
    let mut ask = frame_of(kind::HEADERS, flag::END_HEADERS, 1, &head);
    ask.extend(frame_of(kind::DATA, flag::END_STREAM, 1, &[0, 0, 0, 0, 1, 8]));
    p.say(Dir::ToServer, ask);
    let mut tell = frame_of(kind::HEADERS, flag::END_HEADERS, 1, &[0x88]);
    // Two messages over three frames.
    for part in [&[0u8, 0, 0, 0, 2, 8][..], &[1, 0, 0, 0], &[0, 1, 7]] {
        tell.extend(frame_of(kind::DATA, 0, 1, part));
    }
    let end = flag::END_HEADERS | flag::END_STREAM;
    tell.extend(frame_of(kind::HEADERS, end, 1, &literal("grpc-status", "7")));
    p.say(Dir::ToClient, tell);
    let grpc = std::iter::from_fn(|| p.engine.poll_event())
        .find_map(|e| match e.body {
            Some(weir_proto::event::Body::Grpc(g)) => Some(g),
            _ => None,
        })
        .expect("a grpc event");
    assert_eq!((grpc.service.as_str(), grpc.method.as_str()), ("orders.Orders", "Get"));
    assert_eq!((grpc.request_messages, grpc.response_messages, grpc.status), (1, 2, Some(7)));
}

/// A request that asks for h2c, and the server's consent (RFC 7540 §3.2).
const UPGRADE: &str = "GET /x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\
                       HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n\r\n";
const SWITCHING: &str =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n";

/// What the client hears on stream 1 after the upgrade, the server's bytes coming in pieces of this size.
fn upgraded(policy: &str, piece: usize) -> (Play, Vec<String>) {
    let mut p = Play::open(policy);
    p.say(Dir::ToServer, UPGRADE);
    let settings = frame_of(kind::SETTINGS, 0, 0, &[]);
    let answer = [&settings[..], &response(1, &[r#"{"card":"4111111111111111"}"#])].concat();
    let all = [SWITCHING.as_bytes(), &answer].concat();
    all.chunks(piece).for_each(|bytes| p.say(Dir::ToClient, bytes));
    let sent = raw(&mut p, Dir::ToClient);
    assert_eq!((sent.len(), &sent[..SWITCHING.len()]), (all.len(), SWITCHING.as_bytes()));
    p.say(Dir::ToServer, [&PREFACE[..], &settings].concat());
    p.say(Dir::ToServer, request(3, "/y"));
    let heard = heard(&sent[SWITCHING.len()..]);
    (p, heard)
}

#[test]
fn the_response_to_an_upgraded_request_is_masked() {
    for piece in [1, 30, 90, 1000] {
        let (mut p, heard) = upgraded(MASK, piece);
        assert_eq!(heard.concat(), r#"1 headers1 {"card":"****************"}1 end"#, "{piece}");
        let counters = p.engine.counters();
        assert_eq!((counters.http1_requests, counters.http2_requests), (1, 1));
        let leak = std::iter::from_fn(|| p.engine.poll_event()).find_map(|e| match &e.body {
            Some(weir_proto::event::Body::Leak(leak)) => Some((e.app_proto(), leak.http.clone())),
            _ => None,
        });
        let (app_proto, http) = leak.expect("a leak");
        let http = http.expect("its request");
        assert_eq!(app_proto, weir_proto::AppProto::Http2);
        assert_eq!((http.protocol.as_str(), http.http2_stream_id), ("HTTP/2", Some(1)));
        assert_eq!((http.url.as_str(), http.status), ("/x", 200));
    }
}

#[test]
fn the_response_to_an_upgraded_request_is_ended() {
    let cancel = format!("1 reset {}", code::CANCEL);
    assert_eq!(upgraded(BLOCK, 1000).1, ["1 headers", &cancel]);
}

/// The entity-tags in a direction's header blocks.
fn tags(bytes: &[u8]) -> Vec<String> {
    let mut out = Vec::new();
    read(bytes, |event| {
        if let Event::Headers(b) = event {
            out.push(String::from_utf8_lossy(b.value(b"etag").unwrap()).into_owned());
        }
    });
    out
}

#[test]
fn the_tag_of_a_masked_body_is_another_one_and_so_is_the_entry_that_it_became() {
    // "5e8c-1a2b" in quotes, as it is and in Huffman's code.
    let plain = [&[0x62, 11][..], b"\"5e8c-1a2b\""].concat();
    let mut coded = vec![0x62, 0];
    weir_reassembly::http2::hpack::huffman::encode(b"\"5e8c-1a2b\"", &mut coded);
    coded[1] = 0x80 | (coded.len() - 2) as u8;
    let mut seen = Vec::new();
    for etag in [plain, coded] {
        let data =
            |id| frame_of(kind::DATA, flag::END_STREAM, id, b"{\"card\":\"4111111111111111\"}");
        let mut p = open(MASK);
        p.say(Dir::ToServer, [request(1, "/x"), request(3, "/y")].concat());
        p.take();
        let block = [&[0x88], &etag[..]].concat();
        let first = frame_of(kind::HEADERS, flag::END_HEADERS, 1, &block);
        p.say(Dir::ToClient, [first, data(1)].concat());
        // The second response takes the tag from the table.
        let second = frame_of(kind::HEADERS, flag::END_HEADERS, 3, &[0x88, 0xbe]);
        p.say(Dir::ToClient, [second, data(3)].concat());
        let sent = raw(&mut p, Dir::ToClient);
        assert_eq!(heard(&sent).concat().matches("****************").count(), 2);
        assert_eq!(p.engine.counters().etags_changed, 1);
        seen.extend(tags(&sent));
    }
    assert!(seen[0] != "\"5e8c-1a2b\"" && seen.iter().all(|tag| *tag == seen[0]), "{seen:?}");
}

#[test]
fn a_tag_whose_header_block_has_left_stays() {
    let mut p = open(MASK);
    p.say(Dir::ToServer, request(1, "/x"));
    p.take();
    let block = [&[0x88, 0x62, 6][..], b"\"5e8c\""].concat();
    p.say(Dir::ToClient, frame_of(kind::HEADERS, flag::END_HEADERS, 1, &block));
    assert_eq!(tags(&raw(&mut p, Dir::ToClient)), ["\"5e8c\""]);
    p.say(Dir::ToClient, frame_of(kind::DATA, flag::END_STREAM, 1, b"{\"n\":4111111111111111}"));
    assert_eq!((p.engine.counters().etags_changed, p.engine.counters().etags_kept), (0, 1));
}

/// A response that turns out to leak when no frame is left to end it: its one frame's header has left, or its frames
/// are too short, with and without trailers. What the client hears, and the flags of the last packets.
fn too_late(policy: &str, short: bool, trailers: bool) -> (String, usize) {
    let mut p = open(policy);
    p.say(Dir::ToServer, request(1, "/x"));
    p.take();
    let body = r#"{"name":"Ana Diaz","card":"4111111111111111","n":1}"#;
    let mut parts = vec![frame_of(kind::HEADERS, flag::END_HEADERS, 1, &[0x88])];
    let size = if short { 9 } else { body.len() };
    parts.extend(body.as_bytes().chunks(size).map(|c| frame_of(kind::DATA, 0, 1, c)));
    if trailers {
        parts.push(frame_of(kind::HEADERS, flag::END_HEADERS | flag::END_STREAM, 1, &[0x88]));
    } else {
        parts.last_mut().unwrap()[4] |= flag::END_STREAM;
    }
    // The first packet ends within the name.
    let all = parts.concat();
    let cut = all.windows(3).position(|w| w == b"Ana").map_or(40, |at| at + 3);
    p.say(Dir::ToClient, &all[..cut]);
    p.say(Dir::ToClient, &all[cut..]);
    let sent = p.take();
    let resets = sent.iter().filter(|(_, packet, _)| packet.flags.has(Flags::RST)).count();
    let bytes: Vec<u8> =
        sent.into_iter().filter(|t| t.0 == Dir::ToClient).flat_map(|t| t.2).collect();
    (heard(&bytes).concat(), resets)
}

#[test]
fn too_late_to_end_a_stream_the_rule_says_blank_or_reset() {
    let reset = BLOCK.replacen("action: block", "action: block\n    too-late: reset", 1);
    for short in [false, true] {
        for trailers in [false, true] {
            let what = format!("short {short}, trailers {trailers}");
            let (heard, resets) = too_late(BLOCK, short, trailers);
            assert!(!heard.contains("4111") && heard.ends_with("1 end"), "{what}: {heard}");
            assert_eq!(resets, 0, "{what}");
            let (heard, resets) = too_late(&reset, short, trailers);
            assert!(!heard.contains("4111") && !heard.contains("1 end"), "{what}: {heard}");
            assert_eq!(resets, 2, "{what}: both ends");
        }
    }
}

#[test]
fn a_field_for_which_a_response_is_ended_does_not_pass_itself() {
    for end in [0, flag::END_STREAM] {
        let mut p = open(BLOCK);
        p.say(Dir::ToServer, request(1, "/x"));
        p.take();
        let block = [&[0x88, 0x0f, 19, 18][..], b"\"4111111111111111\""].concat();
        let head = frame_of(kind::HEADERS, flag::END_HEADERS | end, 1, &block);
        p.say(Dir::ToClient, head);
        if end == 0 {
            p.say(Dir::ToClient, frame_of(kind::DATA, flag::END_STREAM, 1, b"a body long enough"));
        }
        let sent = raw(&mut p, Dir::ToClient);
        assert_eq!(tags(&sent), ["\"****************\""]);
        if end == 0 {
            assert_eq!(heard(&sent).last().unwrap(), &format!("1 reset {}", code::CANCEL));
        }
    }
}
