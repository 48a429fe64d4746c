//! HTTP/2 connections with prior knowledge: streams interleaved, frames padded, header blocks continued. Frames and
//! HPACK are written and read by hand here, so that they share nothing with what they test.

use std::ops::Range;

use weir_tests::bodies::{ATTACKS, contains};
use weir_tests::rng::Rng;

use crate::content::{self, BLOCK, Content, MASK};
use crate::script::{Ending, Leave, Script};
use crate::stream::{Places, Stream};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Frame types (RFC 9113 §6).
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
/// Flags.
const END_STREAM: u8 = 0x1;
const ACK: u8 = 0x1;
const END_HEADERS: u8 = 0x4;
const PADDED: u8 = 0x8;
/// Entries of HPACK's static table (RFC 7541 appendix A), as indexed fields.
const METHOD_GET: u8 = 0x82;
const METHOD_POST: u8 = 0x83;
const SCHEME_HTTP: u8 = 0x86;
const STATUS_200: u8 = 0x88;
const STATUS_400: u8 = 0x8c;
const ACCEPT_ENCODING: u8 = 0x90;
/// `:path /`, by which Weir makes a request malformed, and `accept-charset`, to which it turns the codings.
const PATH: u8 = 0x84;
const ACCEPT_CHARSET: u8 = 0x8f;
/// A credit that no connection here uses up.
const ENOUGH: u32 = 1 << 24;
const FRAME_HEADER: usize = 9;

fn header(length: usize, kind: u8, flags: u8, stream: u32) -> Vec<u8> {
    let length = (length as u32).to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes()].concat()
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    [&header(payload.len(), kind, flags, stream), payload].concat()
}

/// A literal field without indexing, its name by index or in full.
fn literal(index: u8, name: &str, value: &str) -> Vec<u8> {
    let length = |text: &str| match text.len() {
        n @ 0..127 => vec![n as u8],
        // Seven bits of ones, then the rest in groups of seven (RFC 7541 §5.1); two are enough here.
        n => vec![127, ((n - 127) % 128) as u8 | 0x80, ((n - 127) / 128) as u8],
    };
    let name = if index == 0 { [length(name), name.into()].concat() } else { Vec::new() };
    [vec![index], name, length(value), value.into()].concat()
}

/// A body on its way: what is left of it.
struct Body {
    stream: u32,
    content: Content,
    at: usize,
    places: Places,
    trailers: bool,
}

impl Body {
    fn new(rng: &mut Rng, stream: u32, content: Content) -> Body {
        let places = Places::of(&content);
        Body { stream, content, at: 0, places, trailers: rng.percent(20.0) }
    }

    /// The next DATA frame, or what comes after the last one; whether that was all.
    fn next(&mut self, rng: &mut Rng, to: &mut Stream) -> bool {
        let left = self.content.bytes.len() - self.at;
        let len = (rng.range(0, 3_000) as usize).min(left);
        let part = self.at..self.at + len;
        let last = len == left;
        let ends = if last && !self.trailers { END_STREAM } else { 0 };
        let padding = rng.percent(20.0).then(|| rng.range(0, 40) as usize);
        let flags = ends | if padding.is_some() { PADDED } else { 0 };
        let length = len + padding.map_or(0, |n| n + 1);
        to.push(&header(length, DATA, flags, self.stream));
        padding.into_iter().for_each(|n| to.push(&[n as u8]));
        to.content(&self.content, part.clone(), &mut self.places);
        to.push(&vec![0; padding.unwrap_or(0)]);
        self.at = part.end;
        if last && self.trailers {
            let block = literal(0, "x-checked", "yes");
            to.push(&frame(HEADERS, END_STREAM | END_HEADERS, self.stream, &block));
        }
        last
    }
}

/// Sends the bodies' frames, interleaved at random.
fn interleave(rng: &mut Rng, mut bodies: Vec<Body>, to: &mut Stream) {
    while !bodies.is_empty() {
        let i = rng.range(0, bodies.len() as u64 - 1) as usize;
        if bodies[i].next(rng, to) {
            to.hide(bodies.swap_remove(i).places);
        }
    }
}

/// A request's header block, in one frame or two. Returns whether it is refused.
fn request(rng: &mut Rng, to: &mut Stream, stream: u32, post: bool) -> bool {
    let attack = !post && rng.percent(12.0);
    let target = if attack { rng.choice(&ATTACKS) } else { "/orders/17?page=2" };
    let mut block = vec![if post { METHOD_POST } else { METHOD_GET }, SCHEME_HTTP];
    block.extend(literal(4, ":path", target));
    block.extend(literal(1, ":authority", "shop.example"));
    if rng.percent(30.0) {
        block.extend(literal(0, "x-padding", &"a".repeat(rng.range(1, 3_000) as usize)));
    }
    let coded = rng.percent(30.0);
    let cut =
        if rng.percent(20.0) { rng.range(0, block.len() as u64) as usize } else { block.len() };
    let whole = cut == block.len();
    let ends = if post { 0 } else { END_STREAM };
    let coding = usize::from(coded && whole);
    let flags = ends | if whole { END_HEADERS } else { 0 };
    to.push(&header(cut + coding, HEADERS, flags, stream));
    let begin = to.sent.len();
    to.push(&block[..cut]);
    let mut scheme = begin + 1;
    if !whole {
        let coding = usize::from(coded);
        to.push(&header(block.len() - cut + coding, CONTINUATION, END_HEADERS, stream));
        scheme += if cut <= 1 { FRAME_HEADER } else { 0 };
        to.push(&block[cut..]);
    }
    if coded && attack {
        to.push(&[ACCEPT_ENCODING]);
    } else if coded {
        to.blanked(&[ACCEPT_ENCODING], &[ACCEPT_CHARSET]);
    }
    if attack {
        to.refused(scheme, PATH, to.sent.len());
    }
    attack
}

/// A connection of one to six streams.
pub fn script(rng: &mut Rng) -> Script {
    let count = rng.range(1, 6) as u32;
    let blocking = rng.percent(30.0);
    let (mut client, mut server) = (Stream::default(), Stream::default());
    client.push(PREFACE);
    client.push(&frame(SETTINGS, 0, 0, &[&[0, 4][..], &ENOUGH.to_be_bytes()].concat()));
    client.push(&frame(WINDOW_UPDATE, 0, 0, &ENOUGH.to_be_bytes()));
    server.push(&frame(SETTINGS, 0, 0, &[]));
    server.push(&frame(SETTINGS, ACK, 0, &[]));
    server.write(rng, 0, client.sent.len());
    let begin = server.sent.len();
    let (mut uploads, mut bodies, mut refused) = (Vec::new(), Vec::new(), 0);
    for stream in (0..count).map(|i| 2 * i + 1) {
        let post = rng.percent(30.0);
        if request(rng, &mut client, stream, post) {
            refused += 1;
            server.push(&frame(HEADERS, END_STREAM | END_HEADERS, stream, &[STATUS_400]));
            continue;
        }
        if post {
            let mut content = content::random(rng, 2);
            // What the client sends is its own: secrets in requests pass under these policies.
            content.masked.clone_from(&content.bytes);
            content.secrets.clear();
            uploads.push(Body::new(rng, stream, content));
        }
        let kind = literal(0, "content-type", "application/json");
        let block = [&[STATUS_200][..], &kind].concat();
        server.push(&frame(HEADERS, END_HEADERS, stream, &block));
        let content = content::random(rng, 3);
        bodies.push(Body::new(rng, stream, content));
    }
    interleave(rng, uploads, &mut client);
    client.write(rng, 0, 0);
    let streams: Vec<(u32, Content)> =
        bodies.iter().map(|b| (b.stream, b.content.clone())).collect();
    interleave(rng, bodies, &mut server);
    server.write(rng, begin, client.sent.len());
    let more = client.sent.len();
    client.push(&frame(SETTINGS, ACK, 0, &[]));
    if blocking {
        for (stream, _) in &streams {
            client.free(&frame(WINDOW_UPDATE, 0, *stream, &1_000u32.to_be_bytes()));
            client.free(&frame(WINDOW_UPDATE, 0, 0, &1_000u32.to_be_bytes()));
        }
    }
    let needs = rng.range(begin as u64, server.sent.len() as u64) as usize;
    client.write(rng, more, needs);
    let (mut client_leaves, mut ending) = (Leave::WhenDone, Ending::Complete);
    if rng.percent(15.0) {
        ending = Ending::Interrupted;
        let heard = rng.range(0, server.sent.len() as u64) as usize;
        client_leaves = if rng.percent(50.0) { Leave::Close(heard) } else { Leave::Abort(heard) };
    }
    Script {
        http2: true,
        policy: if blocking { BLOCK } else { MASK },
        story: format!("HTTP/2, {count} streams, {refused} refused, {client_leaves:?}"),
        client: client.talk(client_leaves),
        server: server.talk(Leave::WhenDone),
        to_server: client.hear(None),
        to_client: server.hear(None),
        streams: if blocking { streams } else { Vec::new() },
        ending,
    }
}

/// What a client has made of one stream.
#[derive(Default)]
struct Heard {
    content: Vec<u8>,
    ended: bool,
    reset: bool,
}

/// Reads the frames that arrived and judges the streams whose leaks are blocked.
pub fn check(streams: &[(u32, Content)], heard: &[u8], complete: bool) -> Result<(), String> {
    for (stream, content) in streams {
        let mut got = Heard::default();
        let rest = read(heard, *stream, &mut got);
        if complete && !rest.is_empty() {
            return Err(format!("{} bytes at the end are no frame", rest.len()));
        }
        let secret = |range: &Range<usize>| contains(&got.content, &content.bytes[range.clone()]);
        if let Some(range) = content.secrets.iter().find(|r| secret(r)) {
            let text = String::from_utf8_lossy(&content.bytes[range.clone()]);
            return Err(format!("{text} reached the client on stream {stream}"));
        }
        if !content.secrets.is_empty() {
            if complete && !got.ended && !got.reset {
                return Err(format!("the blocked stream {stream} does not end"));
            }
        } else if !content.bytes.starts_with(&got.content) || got.reset {
            return Err(format!("stream {stream}, which leaks nothing, arrived changed"));
        } else if complete && (!got.ended || got.content.len() != content.bytes.len()) {
            return Err(format!("stream {stream} arrived in part"));
        }
    }
    Ok(())
}

/// Reads the frames of one stream; what is left is no whole frame.
fn read<'a>(mut heard: &'a [u8], stream: u32, got: &mut Heard) -> &'a [u8] {
    while heard.len() >= FRAME_HEADER {
        let length = u32::from_be_bytes([0, heard[0], heard[1], heard[2]]) as usize;
        let (kind, flags) = (heard[3], heard[4]);
        let Some(payload) = heard.get(FRAME_HEADER..FRAME_HEADER + length) else { break };
        let mine = heard[5..9] == stream.to_be_bytes();
        heard = &heard[FRAME_HEADER + length..];
        if !mine || got.reset {
            continue;
        }
        match kind {
            DATA if flags & PADDED != 0 => {
                let padding = usize::from(payload[0]);
                got.content.extend(&payload[1..length - padding]);
            }
            DATA => got.content.extend(payload),
            RST_STREAM => got.reset = true,
            _ => {}
        }
        got.ended |= matches!(kind, DATA | HEADERS) && flags & END_STREAM != 0;
    }
    heard
}
