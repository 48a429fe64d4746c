//! Whole directions of HTTP/2 connections, made by an encoder of our own: what is sent is what is seen, however the
//! octets are cut; and what may not be sent is an error.
// clippy.toml allows these in #[test] functions; here they are in what the tests share.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::ops::Range;

use proptest::prelude::*;
use weir_reassembly::http2::frame::{FrameHeader, PREFACE, Settings, flag, kind};
use weir_reassembly::http2::hpack::{HpackError, huffman};
use weir_reassembly::http2::{
    CODING_FIELDS, Error, Event, Http2, MAX_BLOCK_FRAMES, MAX_HEADER_BLOCK, Role,
};

/// An event without what it borrows; data in one piece per frame.
#[derive(Clone, Debug, PartialEq)]
enum Seen {
    Preface(u64),
    Frame(FrameHeader),
    Headers { stream: u32, promised: Option<u32>, end_stream: bool, fields: Vec<(String, String)> },
    Data(u32, Vec<u8>),
    DataEnd(u32, u64, bool),
    Settings(Settings),
    Reset(u32, u32),
    Window(u32, u32),
    GoAway(u32, u32),
    Error(Error),
}

/// Polls until no more comes of `input`.
fn feed(http2: &mut Http2, at: u64, input: &[u8], seen: &mut Vec<Seen>) {
    let mut read = 0;
    loop {
        let step = http2.poll(at + read as u64, &input[read..]);
        read += step.consumed;
        assert!(read <= input.len());
        let Some(event) = step.event else { break };
        let event = match event {
            Event::Preface { at } => Seen::Preface(at),
            Event::FrameHeader(header) => Seen::Frame(header),
            Event::Headers(block) => Seen::Headers {
                stream: block.stream,
                promised: block.promised,
                end_stream: block.end_stream,
                fields: block.fields().map(|f| (lossy(f.name), lossy(f.value))).collect(),
            },
            Event::Data { stream, at: from, bytes } => {
                let start = (from - at) as usize;
                assert_eq!(bytes, &input[start..start + bytes.len()], "at its offset");
                if let Some(Seen::Data(_, data)) = seen.last_mut() {
                    data.extend_from_slice(bytes);
                    continue;
                }
                Seen::Data(stream, bytes.to_vec())
            }
            Event::DataEnd { stream, at, end_stream } => Seen::DataEnd(stream, at, end_stream),
            Event::Settings(settings) => Seen::Settings(settings),
            Event::ResetStream { stream, code } => Seen::Reset(stream, code),
            Event::WindowUpdate { stream, increment } => Seen::Window(stream, increment),
            Event::GoAway { last_stream, code } => Seen::GoAway(last_stream, code),
            Event::Error(error) => {
                seen.push(Seen::Error(error));
                return;
            }
        };
        seen.push(event);
    }
    assert_eq!(read, input.len(), "without an event all of the input is consumed");
}

fn lossy(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

fn all(role: Role, begins: bool, input: &[u8]) -> Vec<Seen> {
    let mut seen = Vec::new();
    feed(&mut Http2::new(role, begins), 0, input, &mut seen);
    seen
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = payload.len() as u32;
    let header = FrameHeader { length, kind, flags, stream, ..Default::default() };
    [&header.to_bytes(), payload].concat()
}

/// A literal that is not indexed, as the test's own encoder writes it.
fn literal(name: &str, value: &str, huffman: bool) -> Vec<u8> {
    let mut wire = vec![0];
    for text in [name, value] {
        let mut coded = Vec::new();
        if huffman {
            huffman::encode(text.as_bytes(), &mut coded);
        } else {
            coded.extend_from_slice(text.as_bytes());
        }
        assert!(coded.len() < 127);
        wire.push(coded.len() as u8 | if huffman { 0x80 } else { 0 });
        wire.extend(coded);
    }
    wire
}

/// A part of a connection: its octets, and what is to be seen of it (frame headers aside).
#[derive(Clone, Debug)]
struct Part {
    wire: Vec<u8>,
    seen: Vec<Seen>,
}

fn parts() -> impl Strategy<Value = Part> {
    let stream = 1..0x7fff_ffff_u32;
    let pad = prop::option::of(0..=255_u8);
    let data =
        (stream.clone(), prop::collection::vec(any::<u8>(), 0..300), pad.clone(), any::<bool>());
    let data = data.prop_map(|(stream, content, pad, end)| {
        let flags = u8::from(end) | pad.map_or(0, |_| flag::PADDED);
        let wire = frame(kind::DATA, flags, stream, &padded(&content, pad));
        // Where it ends depends on what comes before: see `expected`.
        let mut seen = vec![Seen::DataEnd(stream, 0, end)];
        if !content.is_empty() {
            seen.insert(0, Seen::Data(stream, content));
        }
        Part { wire, seen }
    });
    let fields = prop::collection::vec(("[a-z-]{1,20}", "[ -~]{0,60}"), 0..6);
    let headers = (stream.clone(), fields, any::<bool>(), 1..40_usize, pad, 0..4_u8);
    let headers = headers.prop_map(|(stream, fields, huffman, piece, pad, variant)| {
        let block: Vec<u8> = fields.iter().flat_map(|(n, v)| literal(n, v, huffman)).collect();
        let piece = piece.max(block.len() / 100 + 1); // no more frames than are followed
        let promised = (variant == 3).then_some(8);
        let fragments: Vec<&[u8]> =
            if block.is_empty() { vec![&[]] } else { block.chunks(piece).collect() };
        let mut wire = Vec::new();
        for (n, fragment) in fragments.iter().enumerate() {
            let last = if n + 1 == fragments.len() { flag::END_HEADERS } else { 0 };
            if n > 0 {
                wire.extend(frame(kind::CONTINUATION, last, stream, fragment));
                continue;
            }
            let (kind, more, before): (_, _, &[u8]) = match variant {
                0 => (kind::HEADERS, 0, &[]),
                1 => (kind::HEADERS, flag::END_STREAM, &[]),
                2 => (kind::HEADERS, flag::PRIORITY, &[0x80, 0, 0, 0, 7]),
                _ => (kind::PUSH_PROMISE, 0, &[0x80, 0, 0, 8]),
            };
            let flags = last | more | pad.map_or(0, |_| flag::PADDED);
            wire.extend(frame(kind, flags, stream, &padded(&[before, fragment].concat(), pad)));
        }
        let end_stream = variant == 1;
        Part { wire, seen: vec![Seen::Headers { stream, promised, end_stream, fields }] }
    });
    let settings =
        (any::<u32>(), 0..=0x7fff_ffff_u32, any::<bool>()).prop_map(|(table, window, ack)| {
            let mut settings = Settings { ack, ..Default::default() };
            let mut payload = Vec::new();
            if !ack {
                settings.header_table_size = Some(table);
                settings.initial_window_size = Some(window);
                payload.extend(
                    [&[0, 1][..], &table.to_be_bytes(), &[0, 4], &window.to_be_bytes()].concat(),
                );
                payload.extend([0xf0, 0x00, 1, 2, 3, 4]);
            }
            let wire = frame(kind::SETTINGS, u8::from(ack), 0, &payload);
            Part { wire, seen: vec![Seen::Settings(settings)] }
        });
    let small = (stream, 1..0x7fff_ffff_u32, 0..6).prop_map(|(stream, word, which)| {
        let payload = word.to_be_bytes();
        let eight = [payload, payload].concat();
        let (wire, seen) = match which {
            0 => (frame(kind::RST_STREAM, 0, stream, &payload), vec![Seen::Reset(stream, word)]),
            1 => {
                (frame(kind::WINDOW_UPDATE, 0, stream, &payload), vec![Seen::Window(stream, word)])
            }
            2 => (
                frame(kind::GOAWAY, 0, 0, &[&eight[..], b"debug"].concat()),
                vec![Seen::GoAway(word, word)],
            ),
            3 => (frame(kind::PING, 0, 0, &eight), vec![]),
            4 => (frame(kind::PRIORITY, 0, stream, &[0, 0, 0, 1, 9]), vec![]),
            _ => (frame(kind::UNASSIGNED, 0xff, stream, &eight), vec![]),
        };
        Part { wire, seen }
    });
    prop_oneof![data, headers, settings, small]
}

fn padded(content: &[u8], pad: Option<u8>) -> Vec<u8> {
    match pad {
        None => content.to_vec(),
        Some(pad) => [&[pad], content, &vec![0; usize::from(pad)]].concat(),
    }
}

/// What is to be seen of a server's direction made of these parts, frame headers aside.
fn expected(parts: &[Part]) -> (Vec<u8>, Vec<Seen>) {
    let (mut wire, mut seen) = (Vec::new(), Vec::new());
    for part in parts {
        wire.extend_from_slice(&part.wire);
        for event in &part.seen {
            seen.push(match event {
                Seen::DataEnd(stream, _, end) => Seen::DataEnd(*stream, wire.len() as u64, *end),
                other => other.clone(),
            });
        }
    }
    (wire, seen)
}

proptest! {
    #[test]
    fn what_is_sent_is_seen_however_it_is_cut(
        parts in prop::collection::vec(parts(), 0..12),
        cuts in prop::collection::vec(1..50_usize, 1..20),
    ) {
        let (wire, expected) = expected(&parts);
        let whole = all(Role::Server, false, &wire);
        let (mut http2, mut pieces, mut at) = (Http2::new(Role::Server, false), Vec::new(), 0);
        for &cut in cuts.iter().cycle() {
            let end = wire.len().min(at + cut);
            feed(&mut http2, at as u64, &wire[at..end], &mut pieces);
            at = end;
            if at == wire.len() {
                break;
            }
        }
        prop_assert_eq!(&pieces, &whole);
        let mut next = 0;
        for event in &whole {
            if let Seen::Frame(header) = event {
                prop_assert_eq!(header.at, next, "frames follow each other");
                next = header.end();
            }
        }
        prop_assert_eq!(next, wire.len() as u64);
        let events: Vec<Seen> = whole.into_iter().filter(|e| !matches!(e, Seen::Frame(_))).collect();
        prop_assert_eq!(events, expected);
    }
}

#[test]
fn a_connection_begins_with_the_preface_and_settings() {
    let settings = frame(kind::SETTINGS, 0, 0, &[]);
    let begin = [PREFACE.as_slice(), &settings].concat();
    let seen = all(Role::Client, true, &begin);
    assert!(matches!(seen[..], [Seen::Preface(0), Seen::Frame(_), Seen::Settings(_)]), "{seen:?}");

    let ping = frame(kind::PING, 0, 0, &[0; 8]);
    let late = [PREFACE.as_slice(), &ping].concat();
    assert_eq!(all(Role::Client, true, &late).last(), Some(&Seen::Error(Error::SettingsFirst)));
    assert_eq!(all(Role::Server, true, &ping), [Seen::Error(Error::SettingsFirst)]);
    assert_eq!(all(Role::Client, true, b"PRI * HTTP/1"), [Seen::Error(Error::Preface)]);
    assert_eq!(all(Role::Client, true, b"PRI * HTTP/2"), []);
}

#[test]
fn what_ends_a_connection() {
    let headers = |flags, payload: &[u8]| frame(kind::HEADERS, flags, 1, payload);
    let cases: [(&str, Vec<u8>, Error); 22] = [
        ("DATA on 0", frame(0, 0, 0, b"x"), Error::Stream(0)),
        ("HEADERS on 0", frame(1, 4, 0, b""), Error::Stream(1)),
        ("RST_STREAM on 0", frame(3, 0, 0, &[0; 4]), Error::Stream(3)),
        ("SETTINGS on 1", frame(4, 0, 1, b""), Error::Stream(4)),
        ("PING on 1", frame(6, 0, 1, &[0; 8]), Error::Stream(6)),
        ("GOAWAY on 1", frame(7, 0, 1, &[0; 8]), Error::Stream(7)),
        ("short RST_STREAM", frame(3, 0, 1, &[0; 3]), Error::FrameSize(3)),
        ("SETTINGS of 5", frame(4, 0, 0, &[0; 5]), Error::FrameSize(4)),
        ("SETTINGS ACK of 6", frame(4, 1, 0, &[0; 6]), Error::FrameSize(4)),
        ("long PING", frame(6, 0, 0, &[0; 9]), Error::FrameSize(6)),
        ("short GOAWAY", frame(7, 0, 0, &[0; 7]), Error::FrameSize(7)),
        ("long WINDOW_UPDATE", frame(8, 0, 1, &[0; 5]), Error::FrameSize(8)),
        ("HEADERS without its priority", headers(0x24, &[0; 4]), Error::FrameSize(1)),
        ("DATA without its pad length", frame(0, 8, 1, b""), Error::FrameSize(0)),
        ("more padding than DATA", frame(0, 8, 1, &[2, 0]), Error::Padding),
        ("more padding than HEADERS", headers(0x2c, &[1, 0, 0, 0, 0, 0]), Error::Padding),
        ("window update of 0", frame(8, 0, 0, &[0; 4]), Error::WindowUpdate),
        ("ENABLE_PUSH 2", frame(4, 0, 0, &[0, 2, 0, 0, 0, 2]), Error::Setting { id: 2, value: 2 }),
        ("lone CONTINUATION", frame(9, 4, 1, b""), Error::Continuation),
        (
            "CONTINUATION of another stream",
            [headers(0, b""), frame(9, 4, 3, b"")].concat(),
            Error::Continuation,
        ),
        (
            "a frame within a header block",
            [headers(0, b""), frame(0xf0, 0, 1, b"")].concat(),
            Error::Continuation,
        ),
        ("index 0", headers(4, &[0x80]), Error::Compression(HpackError::Index(0))),
    ];
    for (what, wire, error) in cases {
        let mut http2 = Http2::new(Role::Client, false);
        let mut seen = Vec::new();
        feed(&mut http2, 0, &wire, &mut seen);
        assert_eq!(seen.last(), Some(&Seen::Error(error)), "{what}");
        let ping = frame(kind::PING, 0, 0, &[0; 8]);
        let again = http2.poll(0, &ping);
        assert!(matches!(again.event, Some(Event::Error(e)) if e == error), "{what}: it stays");
        assert_eq!(again.consumed, 0);
    }
    let promise = frame(kind::PUSH_PROMISE, 4, 1, &[0, 0, 0, 2]);
    assert_eq!(all(Role::Client, false, &promise), [Seen::Error(Error::Push)]);
    assert_eq!(all(Role::Server, false, &promise).len(), 2);
}

#[test]
fn header_blocks_are_bounded() {
    let too_large = Some(Seen::Error(Error::HeaderBlockTooLarge));
    let begin = frame(kind::HEADERS, 0, 1, b"");
    let empty = frame(kind::CONTINUATION, 0, 1, b"").repeat(MAX_BLOCK_FRAMES);
    assert_eq!(
        all(Role::Client, false, &[begin.clone(), empty].concat()).last(),
        too_large.as_ref()
    );

    // Sixteen times 4 KB are the bound; the index of an empty :authority is as good as any octet.
    let piece = vec![0x82; 0x1000];
    let large = frame(kind::CONTINUATION, 0, 1, &piece).repeat(MAX_HEADER_BLOCK / 0x1000);
    let end = |octets: &[u8]| frame(kind::CONTINUATION, flag::END_HEADERS, 1, octets);
    let bomb = all(Role::Client, false, &[begin.clone(), large.clone(), end(b"")].concat());
    let error = Error::Compression(HpackError::ListTooLarge);
    assert_eq!(bomb.last(), Some(&Seen::Error(error)), "64 KB of indices are no 64 K fields");
    let beyond = all(Role::Client, false, &[begin, large, end(b"\x82")].concat());
    assert_eq!(beyond.last(), too_large.as_ref());
}

#[test]
fn bad_header_blocks_are_compression_errors() {
    let cases: [(&[u8], HpackError); 11] = [
        (b"\xbe", HpackError::Index(62)),
        (b"\xff\x00\x80", HpackError::Index(127)),
        (b"\xff\xff\xff\xff\xff\x0f", HpackError::Integer),
        (b"\xff\x80\x80\x80\x80\x80\x00", HpackError::Integer),
        (b"\xff", HpackError::Truncated),
        (b"\x40", HpackError::Truncated),
        (b"\x00\x01a\x02b", HpackError::Truncated),
        (b"\x00\x7f\xff\xff\xff\xff\x0eaaaa", HpackError::Truncated),
        (b"\x04\x81\x00", HpackError::Huffman),
        (b"\x82\x20", HpackError::SizeUpdate),
        (b"\x3f\xe2\x1f", HpackError::SizeUpdate),
    ];
    for (block, error) in cases {
        let wire = frame(kind::HEADERS, flag::END_HEADERS, 1, block);
        let seen = all(Role::Client, false, &wire);
        assert_eq!(seen.last(), Some(&Seen::Error(error.into())), "{block:02x?}");
    }
    // 4,096 is allowed, and 4,097 after the other end has announced it.
    let seen = all(Role::Client, false, &frame(1, 4, 1, b"\x3f\xe1\x1f\x82"));
    assert!(matches!(seen.last(), Some(Seen::Headers { .. })));
    let (mut http2, mut seen) = (Http2::new(Role::Client, false), Vec::new());
    http2.set_max_table_size(4097);
    feed(&mut http2, 0, &frame(1, 4, 1, b"\x3f\xe2\x1f\x82"), &mut seen);
    assert!(matches!(seen.last(), Some(Seen::Headers { .. })));
}

/// Feeds one request whose header block is `block`, and leaves it to be edited.
fn request(block: &[u8]) -> Http2 {
    let mut http2 = Http2::new(Role::Client, false);
    pass(&mut http2, block);
    http2
}

fn pass(http2: &mut Http2, block: &[u8]) {
    let wire = frame(kind::HEADERS, flag::END_HEADERS, 1, block);
    let header = http2.poll(0, &wire).consumed;
    assert!(matches!(http2.poll(9, &wire[header..]).event, Some(Event::Headers(_))));
}

fn edits(http2: &Http2) -> Vec<(u64, Vec<u8>)> {
    http2.edits().map(|(at, octets)| (at, octets.to_vec())).collect()
}

#[test]
fn a_request_is_refused_by_one_octet() {
    type Edit = (u64, u8);
    let cases: [(&[u8], Option<Edit>); 7] = [
        (b"\x82\x86\x84\x41\x01a", Some((10, 0x84))),
        (b"\x82\x87\x44\x02/a\x41\x01a", Some((10, 0x84))),
        (b"\x83\x44\x02/a\x46\x04http", Some((9, 0x84))),
        (b"\x42\x03GET\x46\x04http\x44\x01/\x90", Some((9 + 14, 0x84))),
        (b"\x42\x03PUT\x46\x04http\x84", Some((9 + 11, 0x86))),
        (b"\x02\x03PUT\x16\x04http\x14\x01/", Some((9 + 5, 0x14))),
        (b"\x42\x03PUT\x46\x04http\x44\x01/\x40\x01a\x01b", None),
    ];
    for (block, edit) in cases {
        let mut http2 = request(block);
        assert_eq!(http2.refuse_request().is_ok(), edit.is_some(), "{block:02x?}");
        let expected: Vec<_> = edit.into_iter().map(|(at, octet)| (at, vec![octet])).collect();
        assert_eq!(edits(&http2), expected);
    }
}

#[test]
fn accept_encoding_is_blanked_in_each_representation() {
    let mut http2 = request(b"\x82\x90");
    assert_eq!(http2.blank(CODING_FIELDS), Ok(1));
    assert_eq!(edits(&http2), [(10, vec![0x8f])]);

    let mut http2 = request(b"\x50\x11gzip;q=0.5, br, *");
    assert_eq!(http2.blank(CODING_FIELDS), Ok(1));
    assert_eq!(edits(&http2), [(11, b"xxxx;q=0.5, xx, x".to_vec())]);
    // Later requests name the entry, which is harmless now.
    pass(&mut http2, b"\xbe");
    assert_eq!(
        http2.header_block().unwrap().value(b"accept-encoding"),
        Some(&b"xxxx;q=0.5, xx, x"[..])
    );
    assert_eq!(http2.blank(CODING_FIELDS), Ok(0));

    // An entry made before the policy asked: the index itself is changed.
    let mut http2 = request(b"\x50\x02br");
    pass(&mut http2, b"\xbe");
    assert_eq!(http2.blank(CODING_FIELDS), Ok(1));
    assert_eq!(edits(&http2), [(9, vec![0x8f])]);
}

#[test]
fn an_entry_of_an_earlier_block_cannot_be_masked_one_of_this_block_can() {
    let mut http2 = request(b"\x60\x06secret\xbe");
    http2.mask_value(1, 0..6).unwrap();
    assert_eq!(edits(&http2), [(11, b"******".to_vec())]);
    let values: Vec<_> = http2.header_block().unwrap().fields().map(|f| f.value.to_vec()).collect();
    assert_eq!(values, [b"******", b"******"]);

    let mut http2 = request(b"\x60\x06secret");
    pass(&mut http2, b"\xbe");
    assert!(http2.mask_value(0, 0..6).is_err());
    assert!(edits(&http2).is_empty());
}

#[test]
fn a_block_can_be_edited_until_the_next_poll() {
    let mut http2 = request(b"\x82\x60\x06secret");
    assert!(http2.poll(9, b"").event.is_none());
    assert!(http2.header_block().is_none());
    assert!(http2.mask_value(1, 0..6).is_err() && http2.refuse_request().is_err());
    assert!(edits(&http2).is_empty());
}

proptest! {
    #[test]
    fn a_mask_keeps_the_length_and_what_is_outside(
        value in "[ -~]{1,40}|\\PC{1,12}",
        huffman: bool,
        range in (0..40_usize, 0..40_usize),
    ) {
        let boundary = |at: usize| (0..=at.min(value.len())).rev().find(|&i| value.is_char_boundary(i));
        let (a, b) = (boundary(range.0).unwrap(), boundary(range.1).unwrap());
        let range: Range<usize> = a.min(b)..a.max(b);
        let block = literal("name", &value, huffman);
        let mut http2 = request(&block);
        http2.mask_value(0, range.clone()).unwrap();

        let mut wire = block.clone();
        for (at, octets) in edits(&http2) {
            let start = at as usize - 9;
            wire[start..start + octets.len()].copy_from_slice(&octets);
        }
        let masked = request(&wire);
        let masked = masked.header_block().unwrap().value(b"name").unwrap().to_vec();
        prop_assert_eq!(http2.header_block().unwrap().value(b"name").unwrap(), &masked);
        prop_assert_eq!(masked.len(), value.len());
        prop_assert_eq!(&masked[..range.start], &value.as_bytes()[..range.start]);
        prop_assert_eq!(&masked[range.end..], &value.as_bytes()[range.end..]);
        let text = std::str::from_utf8(&masked);
        prop_assert!(text.is_ok(), "still UTF-8");
        for octet in &masked[range] {
            prop_assert!(!octet.is_ascii_graphic() || b"0-xX*!+>$^`\\".contains(octet));
        }
    }
}
