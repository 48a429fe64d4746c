//! Header blocks of ten encoders (http2jp/hpack-test-case): each decodes to its fields, and what is edited in them
//! reaches a receiver as the decoder says.
// clippy.toml allows these in #[test] functions; here they are in what the tests share.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::io::Read;
use std::ops::Range;
use std::path::PathBuf;

use flate2::read::GzDecoder;
use serde::Deserialize;
use weir_reassembly::http2::frame::{FrameHeader, flag, kind};
use weir_reassembly::http2::hpack::{Decoder, Fields, Name, Representation, huffman};
use weir_reassembly::http2::{CODING_FIELDS, Event, Http2, RANGE_FIELDS, Role};

const ENCODERS: [&str; 10] = [
    "haskell-http2-linear",
    "haskell-http2-linear-huffman",
    "haskell-http2-naive",
    "haskell-http2-naive-huffman",
    "haskell-http2-static",
    "haskell-http2-static-huffman",
    "nghttp2",
    "node-http2-hpack",
    "python-hpack",
    "swift-nio-hpack-plain-text",
];
const BLOCKS: usize = 3384;
/// Stories up to this one are requests, the others responses.
const LAST_REQUESTS: u32 = 20;

/// A header block; those of a story share one decoder.
#[derive(Deserialize)]
struct Block {
    story: u32,
    header_table_size: Option<u32>,
    wire: String,
    headers: Vec<(String, String)>,
}

impl Block {
    fn octets(&self) -> Vec<u8> {
        let pairs = self.wire.as_bytes().chunks(2);
        pairs.map(|p| u8::from_str_radix(std::str::from_utf8(p).unwrap(), 16).unwrap()).collect()
    }
}

fn shared() -> PathBuf {
    let beside = "../../shared";
    std::env::var_os("WEIR_SHARED").map_or(PathBuf::from(beside), PathBuf::from)
}

/// The blocks of an encoder, story by story.
fn stories(encoder: &str) -> Vec<Vec<Block>> {
    let path = shared().join(format!("corpora/streams/hpack/{encoder}.jsonl.gz"));
    let file = std::fs::File::open(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut text = String::new();
    GzDecoder::new(file).read_to_string(&mut text).unwrap();
    let mut stories: Vec<Vec<Block>> = Vec::new();
    for line in text.lines() {
        let block: Block = serde_json::from_str(line).unwrap();
        match stories.last_mut() {
            Some(story) if story[0].story == block.story => story.push(block),
            _ => stories.push(vec![block]),
        }
    }
    assert_eq!(stories.iter().map(Vec::len).sum::<usize>(), BLOCKS, "{encoder}");
    stories
}

type List = Vec<(Vec<u8>, Vec<u8>)>;

fn list(fields: &Fields) -> List {
    fields.iter().map(|field| (field.name.to_vec(), field.value.to_vec())).collect()
}

#[test]
fn every_block_of_every_encoder_decodes_to_its_fields() {
    for encoder in ENCODERS {
        for story in stories(encoder) {
            let mut decoder = Decoder::new();
            let mut fields = Fields::default();
            for block in story {
                if let Some(size) = block.header_table_size {
                    decoder.set_max_table_size(size);
                }
                let wire = block.octets();
                decoder.decode(&wire, &mut fields).unwrap();
                let expected =
                    block.headers.iter().map(|(n, v)| (n.clone().into(), v.clone().into()));
                assert_eq!(list(&fields), expected.collect::<List>(), "{encoder} {}", block.wire);
                assert!(decoder.table_size() <= decoder.max_table_size());
                check_places(&wire, &fields);
            }
        }
    }
}

/// The representations lie one after the other, and a literal's value is where the decoder says.
fn check_places(wire: &[u8], fields: &Fields) {
    let mut end = None;
    for field in fields.iter() {
        if let Some(end) = end {
            assert_eq!(field.wire.start, end);
        }
        end = Some(field.wire.end);
        if let Representation::Literal { value, name, .. } = field.repr {
            assert_eq!(text(wire, value.wire, value.huffman), field.value);
            if let Name::Literal(name) = name {
                assert_eq!(text(wire, name.wire, name.huffman), field.name);
            }
        }
    }
    assert_eq!(end.unwrap_or(wire.len()), wire.len());
}

fn text(wire: &[u8], range: Range<usize>, huffman: bool) -> Vec<u8> {
    let mut decoded = Vec::new();
    if huffman {
        huffman::decode(&wire[range], &mut decoded).unwrap();
    } else {
        decoded.extend_from_slice(&wire[range]);
    }
    decoded
}

/// A header block in HEADERS and CONTINUATION frames of at most `piece` octets, the first one padded.
fn frames(block: &[u8], piece: usize) -> Vec<u8> {
    let mut wire = Vec::new();
    let pieces: Vec<_> = block.chunks(piece).collect();
    for (n, fragment) in pieces.iter().enumerate() {
        let first = n == 0;
        let flags = if n + 1 == pieces.len() { flag::END_HEADERS } else { 0 };
        let header = FrameHeader {
            length: (fragment.len() + if first { 4 } else { 0 }) as u32,
            kind: if first { kind::HEADERS } else { kind::CONTINUATION },
            flags: flags | if first { flag::PADDED } else { 0 },
            stream: 1,
            ..Default::default()
        };
        wire.extend_from_slice(&header.to_bytes());
        if first {
            wire.push(3);
        }
        wire.extend_from_slice(fragment);
        if first {
            wire.extend_from_slice(&[0; 3]);
        }
    }
    wire
}

/// What a receiver reads in `wire`: the header block without its frames, decoded.
fn receive(decoder: &mut Decoder, wire: &[u8]) -> List {
    let (mut at, mut block, mut fields) = (0, Vec::new(), Fields::default());
    while at < wire.len() {
        let header = FrameHeader::parse(wire[at..at + 9].try_into().unwrap(), at as u64);
        let payload = &wire[at + 9..header.end() as usize];
        let padded = header.has(flag::PADDED);
        block.extend_from_slice(if padded { &payload[1..payload.len() - 3] } else { payload });
        at = header.end() as usize;
    }
    decoder.decode(&block, &mut fields).unwrap();
    list(&fields)
}

/// One block on its way: the fields that were sent, those that the passive decoder has after its edits, and those
/// that the receiver decodes.
struct Passed {
    sent: List,
    seen: List,
    received: List,
}

/// Feeds a story through the passive decoder, lets `edit` change each block, and applies the edits to the wire.
fn edited(story: &[Block], mut edit: impl FnMut(&mut Http2, usize)) -> Vec<Passed> {
    let mut passive = Http2::new(Role::Client, false);
    let (mut sender, mut receiver) = (Decoder::new(), Decoder::new());
    let (mut sent, mut at) = (Fields::default(), 0u64);
    let mut passed = Vec::new();
    for (n, block) in story.iter().enumerate() {
        if let Some(size) = block.header_table_size {
            passive.set_max_table_size(size);
            sender.set_max_table_size(size);
            receiver.set_max_table_size(size);
        }
        sender.decode(&block.octets(), &mut sent).unwrap();
        // Fragments of about a dozen octets, but never more frames than are followed.
        let mut wire = frames(&block.octets(), 13.max(block.wire.len() / 200));
        let mut read = 0;
        loop {
            let step = passive.poll(at + read as u64, &wire[read..]);
            read += step.consumed;
            match step.event.expect("the block is complete") {
                Event::FrameHeader(_) => {}
                Event::Headers(headers) => break assert_eq!(headers.end, at + wire.len() as u64),
                other => panic!("{other:?}"),
            }
        }
        edit(&mut passive, n);
        for (offset, octets) in passive.edits() {
            let start = (offset - at) as usize;
            wire[start..start + octets.len()].copy_from_slice(octets);
        }
        at += wire.len() as u64;
        let received = receive(&mut receiver, &wire);
        let seen = passive.header_block().unwrap();
        let seen = seen.fields().map(|f| (f.name.to_vec(), f.value.to_vec())).collect();
        passed.push(Passed { sent: list(&sent), seen, received });
    }
    passed
}

#[test]
fn a_masked_value_reaches_the_receiver_and_its_table() {
    for encoder in ENCODERS {
        let mut masked = 0;
        for story in stories(encoder) {
            for Passed { sent, seen, received } in edited(&story, |passive, n| {
                let fields = passive.header_block().unwrap().fields().count();
                // Every third field; values of earlier blocks were masked then, or cannot be.
                for field in (n % 3..fields).step_by(3) {
                    let length =
                        passive.header_block().unwrap().fields().nth(field).unwrap().value.len();
                    masked += usize::from(passive.mask_value(field, 1..length).is_ok());
                }
            }) {
                assert_eq!(seen, received);
                for (sent, received) in sent.iter().zip(&received) {
                    assert_eq!(sent.0, received.0, "names stay");
                    assert_eq!(sent.1.len(), received.1.len());
                    assert_eq!(sent.1.first(), received.1.first(), "outside of the range");
                    if sent.1 != received.1 {
                        let neutral = |o: &u8| b"0-xX*!+>$^`\\".contains(o);
                        assert!(received.1[1..].iter().all(neutral), "{received:?}");
                    }
                }
            }
        }
        assert!(masked > 5000, "{encoder}: {masked}");
    }
}

#[test]
fn codings_and_ranges_are_blanked_for_the_whole_connection() {
    let names = [CODING_FIELDS, RANGE_FIELDS].concat();
    for encoder in ENCODERS {
        let mut asked = 0;
        for story in stories(encoder) {
            for Passed { sent, seen, received } in edited(&story, |passive, _| {
                passive.blank(&names).unwrap();
            }) {
                assert_eq!(sent.len(), received.len());
                for ((sent, seen), received) in sent.iter().zip(&seen).zip(&received) {
                    let other = (b"accept-charset".to_vec(), Vec::new());
                    assert!(seen == received || *received == other);
                    if names.contains(&sent.0.as_slice()) {
                        asked += 1;
                        let value = String::from_utf8_lossy(&received.1).to_lowercase();
                        let known = ["gzip", "deflate", "br", "bytes", "identity", "sdch"];
                        assert!(!known.iter().any(|word| value.contains(word)), "{value}");
                    } else {
                        assert_eq!(sent, received);
                    }
                }
            }
        }
        assert!(asked > 200, "{encoder}: {asked}");
    }
}

/// RFC 9113 §8.3: pseudo-headers come first, and none of them twice.
fn well_formed(fields: &List) -> bool {
    let pseudo = fields.iter().take_while(|(name, _)| name.starts_with(b":")).count();
    let (first, rest) = fields.split_at(pseudo);
    let twice =
        first.iter().enumerate().any(|(n, (name, _))| first[..n].iter().any(|f| f.0 == *name));
    !twice && !rest.iter().any(|(name, _)| name.starts_with(b":"))
}

#[test]
fn a_refused_request_is_malformed_and_the_next_one_is_not() {
    for encoder in ENCODERS {
        let (mut refused, mut wanted) = (0, 0);
        for story in stories(encoder).iter().filter(|story| story[0].story <= LAST_REQUESTS) {
            let mut done = Vec::new();
            let passed = edited(story, |passive, n| {
                done.push(n % 2 == 0 && passive.refuse_request().is_ok());
            });
            wanted += story.len().div_ceil(2);
            for (Passed { sent, received, .. }, refused_now) in passed.iter().zip(done) {
                refused += usize::from(refused_now);
                assert!(well_formed(sent));
                assert_eq!(well_formed(received), !refused_now, "{encoder} {received:?}");
                if !refused_now {
                    assert_eq!(sent, received, "no entry differs");
                }
            }
        }
        // An encoder that uses no index at all leaves no octet to change.
        let wanted = if encoder.contains("naive") { 0 } else { wanted };
        assert_eq!(refused, wanted, "{encoder}");
    }
}
