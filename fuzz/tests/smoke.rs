//! Runs each fuzz target's function on its seeds and on seeded mutations of them, without a fuzzer.
//!
//! `WEIR_FUZZ_RUNS` sets how many mutations a target gets, `WEIR_FUZZ_SEED` which. A failure prints what to set to
//! have it again.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};

/// xorshift64*: the same numbers everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }
}

/// What is put into an input: bytes that parsers treat in a special way.
const TOKENS: [&[u8]; 20] = [
    b"\r\n",
    b"\n",
    b"\r",
    b" ",
    b"\t",
    b":",
    b";",
    b",",
    b"0",
    b"f",
    b"\0",
    b"\xff",
    b"\x80",
    b"\r\n\r\n",
    b"\x0b",
    b"ffffffff",
    b"0\r\n\r\n",
    b"Content-Length: 5\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"HTTP/1.1 ",
];

fn mutate(random: &mut Random, seeds: &[Vec<u8>]) -> Vec<u8> {
    let mut data = seeds[random.below(seeds.len())].clone();
    for _ in 0..=random.below(6) {
        let at = random.below(data.len() + 1);
        match random.below(6) {
            0 if at < data.len() => data[at] = random.next() as u8,
            1 if at < data.len() => data[at] ^= 1 << random.below(8),
            2 => drop(data.drain(at..(at + random.below(9)).min(data.len()))),
            3 => drop(data.splice(at..at, TOKENS[random.below(TOKENS.len())].iter().copied())),
            4 => {
                let other = &seeds[random.below(seeds.len())];
                let from = random.below(other.len() + 1);
                data.truncate(at);
                data.extend_from_slice(&other[from..]);
            }
            _ => data.truncate(at.max(2)),
        }
    }
    data
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |value| value.parse().expect(name))
}

fn smoke(target: &str, check: fn(&[u8]), seeds: &[Vec<u8>]) {
    assert!(!seeds.is_empty(), "{target}: no seeds");
    seeds.iter().for_each(|seed| check(seed));
    let first = setting("WEIR_FUZZ_SEED", 1);
    for run in first..first + setting("WEIR_FUZZ_RUNS", 20_000) {
        let mut random = Random(run.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let data = mutate(&mut random, seeds);
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| check(&data))) {
            eprintln!(
                "{target}: WEIR_FUZZ_SEED={run} WEIR_FUZZ_RUNS=1, input \"{}\"",
                data.escape_ascii()
            );
            resume_unwind(panic);
        }
    }
}

fn shared() -> PathBuf {
    let root = std::env::var_os("WEIR_SHARED").map(PathBuf::from);
    root.unwrap_or_else(|| PathBuf::from("../../shared"))
}

/// The inputs of llhttp's cases, as requests and as responses, and cut at different sizes.
fn http1_seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for (what, side) in [(0, "request"), (1, "response")] {
        let dir = shared().join("corpora/streams/llhttp").join(side);
        let files = std::fs::read_dir(&dir);
        for file in files.unwrap_or_else(|e| panic!("{}: {e} (set WEIR_SHARED)", dir.display())) {
            let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
            for block in text.split("```http\n").skip(1) {
                let input = block.split("\n```").next().unwrap().replace('\n', "\r\n");
                let cut = seeds.len() as u8;
                seeds.push([&[what, cut], input.as_bytes()].concat());
            }
        }
    }
    seeds
}

#[test]
fn http1() {
    smoke("http1", weir_fuzz::http1, &http1_seeds());
}

/// Header blocks of requests: indexed, literal with and without indexing, Huffman-coded (RFC 7541 Appendix C), and
/// the fields that are edited.
const BLOCKS: [&[u8]; 7] = [
    b"\x82\x86\x84\x41\x0fwww.example.com",
    b"\x82\x87\x85\x41\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff\x90",
    b"\x82\x86\x84\xbe\x58\x86\xa8\xeb\x10\x64\x9c\xbf",
    b"\x40\x0acustom-key\x0dcustom-header\xbe\xbf\x04\x0c/sample/path\x10\x08password\x06secret",
    b"\x20\x3f\xe1\x1f\x50\x0dgzip;q=1, br*\xbe\x72\x09bytes=0-9",
    b"\x50\x83\x9b\xd9\xab\x40\x14grpc-accept-encoding\x04gzip\x83",
    b"\x88\x61\x96\xd0\x7a\xbe\x94\x10\x54\xd4\x44\xa8\x20\x05\x95\x04\x0b\x81\x66\xe0\x82\xa6\x2d\x1b\xff",
];

fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
    let stream = u8::from(!matches!(kind, 4 | 6 | 7));
    [&[0, 0, payload.len() as u8, kind, flags, 0, 0, 0, stream], payload].concat()
}

/// Connections with each block, whole, in CONTINUATION frames and padded, between frames of the other types.
fn http2_seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for (n, block) in BLOCKS.iter().enumerate() {
        for what in 0..16 {
            let (begin, end) = block.split_at(block.len() / 2);
            let padded = [&[2, 0, 0, 0, 0, 9], begin, &[0; 2]].concat();
            let parts = [
                if what & 3 == 2 { &b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..] } else { &[] },
                &frame(4, 0, &[0, 1, 0, 0, 1, 0, 0, 4, 0, 0, 0xff, 0xff]),
                &frame(1, 4, block),
                &frame(0, 8, b"\x03Hello\0\0\0"),
                &frame(1, 0x28, &padded),
                &frame(9, 4, end),
                &frame(0, 1, b"World"),
                &frame(8, 0, &[0, 0, 1, 0]),
                &frame(3, 0, &[0, 0, 0, 8]),
                &frame(6, 0, &[7; 8]),
                &frame(7, 0, &[0, 0, 0, 1, 0, 0, 0, 0]),
                &frame(0xf0, 0, b"any"),
            ];
            seeds.push([&[what, n as u8 * 5], parts.concat().as_slice()].concat());
        }
    }
    seeds
}

#[test]
fn http2() {
    smoke("http2", weir_fuzz::http2, &http2_seeds());
}

#[test]
fn hpack() {
    let one = |block: &&[u8]| [&[block.len() as u8], *block].concat();
    let mut seeds: Vec<Vec<u8>> = BLOCKS.iter().map(one).collect();
    seeds.push(seeds.concat());
    smoke("hpack", weir_fuzz::hpack, &seeds);
}

/// The published policies, and the tables of errors, which hold policies in themselves.
#[test]
fn policy() {
    let root = Path::new("..");
    let mut seeds = Vec::new();
    for dir in ["configs", "inspect/tests/policy"] {
        for file in std::fs::read_dir(root.join(dir)).unwrap() {
            let path = file.unwrap().path();
            if path.extension().is_some_and(|e| e == "yaml") {
                seeds.push(std::fs::read(path).unwrap());
            }
        }
    }
    smoke("policy", weir_fuzz::policy, &seeds);
}

/// TCP in IPv4, tagged, in IPv6 with an extension header; with options and with Ethernet padding.
#[test]
fn packet() {
    let segment = |options: &[u8]| {
        let words = (20 + options.len()) as u8 / 4;
        let head = [0x30, 0x39, 0, 80, 0, 0, 0, 5, 0, 0, 0, 9, words << 4, 0x18, 1, 0, 0, 0, 0, 0];
        [&head[..], options, b"GET / HTTP/1.1\r\n\r\n"].concat()
    };
    let mut seeds = Vec::new();
    for options in
        [&[][..], b"\x02\x04\x05\xb4\x04\x02\x01\x00", b"\x01\x01\x1e\x04\x00\x00\x00\x00"]
    {
        let segment = segment(options);
        let mut v4 = vec![0x45, 0, 0, 20 + segment.len() as u8, 0, 0, 0x40, 0, 64, 6, 0, 0];
        v4.extend([10, 0, 0, 1, 10, 0, 0, 2]);
        v4.extend(&segment);
        let mut v6 = vec![0x60, 0, 0, 0, 0, 8 + segment.len() as u8, 60, 64];
        v6.extend([[0xfd; 16], [0xfe; 16]].concat());
        v6.extend([6, 0, 1, 4, 0, 0, 0, 0]);
        v6.extend(&segment);
        let ends: &[u8] = &[2; 12];
        seeds.push([ends, &[8, 0], &v4, &[0; 6]].concat());
        seeds.push([ends, &[0x88, 0xa8, 0, 7, 0x81, 0, 0, 8, 8, 0], &v4].concat());
        seeds.push([ends, &[0x86, 0xdd], &v6].concat());
    }
    assert!(seeds.iter().all(|seed| weir_reassembly::packet::parse(seed).is_ok()));
    smoke("packet", weir_fuzz::packet, &seeds);
}

#[test]
fn grpc() {
    let message =
        |flag: u8, bytes: &[u8]| [&[flag][..], &(bytes.len() as u32).to_be_bytes(), bytes].concat();
    let calls = [message(0, b""), message(1, b"\x0a\x10"), message(0, &[8; 300])].concat();
    let seeds = (0..8).map(|cut| [&[cut * 5][..], &calls].concat()).collect::<Vec<_>>();
    smoke("grpc", weir_fuzz::grpc, &seeds);
}

#[test]
fn multipart_parts() {
    let part = |content: &[u8]| [b"--b\r\nA: b\r\n\r\n", content, b"\r\n"].concat();
    let all =
        [&b"PK\x03\x04 of\r\n--a"[..], b"text", b"UEsDBA==", b"\x1f\x8b\x08\n-"].map(part).concat();
    let seeds: Vec<_> = (0..8).map(|cut| [&[cut * 9][..], &all, b"--b--"].concat()).collect();
    smoke("multipart_parts", weir_fuzz::multipart_parts, &seeds);
}

#[test]
fn tls() {
    let vector = |n: usize, bytes: &[u8]| {
        let length = (bytes.len() as u32).to_be_bytes();
        [&length[4 - n..], bytes].concat()
    };
    let mut seeds = Vec::new();
    for name in [&b"api.example"[..], b"", b"a.b"] {
        let list = vector(2, &[vec![0], vector(2, name)].concat());
        let extensions = [vec![0, 10], vector(2, &[1, 2]), vec![0, 0], vector(2, &list)].concat();
        let body =
            [&[3, 3][..], &[7; 32], &[0, 0, 2, 1, 2, 1, 0], &vector(2, &extensions)].concat();
        let hello = [vec![1], vector(3, &body)].concat();
        for cut in [0, 3, 40] {
            let (first, second) = hello.split_at(20);
            let records = [first, second].map(|part| [vec![0x16, 3, 1], vector(2, part)].concat());
            seeds.push([vec![cut], records.concat(), b"more".to_vec()].concat());
        }
    }
    let whole = |seed: &[u8]| weir_reassembly::tls::HelloReader::default().push(seed);
    assert!(seeds.iter().all(|seed| whole(&seed[1..]) == weir_reassembly::tls::Progress::Whole));
    smoke("tls", weir_fuzz::tls, &seeds);
}

/// What detectors look for, whole, begun, and touching each other.
#[test]
fn scan() {
    let texts: [&[u8]; 8] = [
        br#"{"pan":"4111 1111 1111 1111","ssn":"460-89-9847","n":4111111111111111}"#,
        b"GB82WEST12345698765432, GB82 WEST 1234 5698 7654 32 bob@example.com +1-984-182-0190",
        b"AKIADQJ6PTGDFFWYX7A2 ghp_XIxB7KMNdAr3zqWtQqhE94qglHqOzn1D1stg sk_live_dhhfUUyfrAace5dBAZ10JrAD",
        b"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
        b"-----BEGIN PRIVATE KEY-----\\nMIIEpQIBAAKCAQEAn6/O8li+SX4m98\\n-----END PRIVATE KEY-----",
        b"\x0a\x104111111111111111\x12\x0b460-89-9847",
        b"secret_access_key=IwJz1SHMccAKUKuskdVoHFfkre73BTyF80nRmcWc (415) 555-2671",
        b"xoxb-781236542736-2364535789652-GkwFDQoHqzXDVsC6GzqYUypD \"ssn\":\"460899847\" \xc3\xa9",
    ];
    let escaped: [&[u8]; 6] = [
        b"{\"data\":\"eyJjYXJkIjoiNDExMTExMTExMTExMTExMSIsIm1haWwiOiJqb2VAZXhhbXBsZS5jb20ifQ==\",\"n\":1}",
        b"\r\n\r\nQSBsb25nZXIgbm90ZSwgb2Ygd2hpY2ggdGhlIGNhcmQgbnVtYmVyIDQxMTEgMTEx\r\nMSAxMTExIDExMTEgaXMgb25seSBh\r\n--x",
        b"{\"n\":\"\\u0034111\\u002d1111-1111-1111\",\"p\":\"{\\\"m\\\":\\\"joe\\\\u0040example.com\\\"}\"}",
        b"<n>&#52;&#x31;11 1111 1111 1111</n> joe&commat;example.com &amp; x",
        b"a=1&card=4111+1111%201111+1111&mail=joe%40example.com&x=%2534%26",
        b"{\"key\":\"-----BEGIN PRIVATE KEY-----\\u000aMIIEvQIBADAN\\/BgkqhkiG9w0BAQEF\\n-----END PRIVATE KEY-----\"}",
    ];
    let messagepack: [&[u8]; 2] = [
        b"\x82\xa4card\x92\xb04111111111111111\xd9\x340490 75 40 81 bob@example.com                        \xa8password\xa9hunter2!x",
        b"\x83\xa1v\xcf\x00\x0e\xd9\x64\x45\xbd\xac\xe6\xa1w\xcb\x43\x30\x20\x5a\x5e\xc8\x1f\x80\x01\x93\xc4\x03abc\xd6\x01abcd\xc0",
    ];
    let mut seeds = Vec::new();
    for (n, text) in texts.iter().chain(&escaped).chain(&messagepack).enumerate() {
        for what in 0..10 {
            seeds.push([&[what, n as u8 * 3 + what], *text].concat());
        }
    }
    smoke("scan", weir_fuzz::scan, &seeds);
}

/// A text under each coding that the target knows.
/// RFC 4648, unpadded.
fn base64(bytes: &[u8]) -> Vec<u8> {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bit = |i: usize| bytes.get(i / 8).map_or(0, |b| usize::from(b >> (7 - i % 8) & 1));
    let digit = |at: usize| (at..at + 6).fold(0, |value, i| value << 1 | bit(i));
    (0..bytes.len() * 8).step_by(6).map(|at| LETTERS[digit(at)]).collect()
}

/// An archive of a deflated entry whose size stands behind it, and a stored one.
fn zip(text: &[u8]) -> Vec<u8> {
    use std::io::Write;

    let mut deflate = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
    deflate.write_all(text).unwrap();
    let header = |flags: u8, method: u8, size: u8| {
        let mut header = vec![b'P', b'K', 3, 4, 20, 0, flags, 0, method];
        header.extend([0; 9]);
        header.extend([size, 0, 0, 0, size, 0, 0, 0, 1, 0, 0, 0, b'n']);
        header
    };
    let descriptor = b"PK\x07\x08\0\0\0\0\x05\0\0\0\x05\0\0\0";
    let deflated = [&header(8, 8, 0)[..], &deflate.finish().unwrap(), descriptor].concat();
    [&deflated[..], &header(0, 0, 4), b"4111", b"PK\x01\x02 directory"].concat()
}

fn decode_seeds() -> Vec<Vec<u8>> {
    use std::io::Write;

    let text = b"{\"card\":\"4111111111111111\",\"note\":\"card card card card\"}".repeat(3);
    let level = flate2::Compression::default();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), level);
    gzip.write_all(&text).unwrap();
    let gzip = gzip.finish().unwrap();
    let mut deflate = flate2::write::DeflateEncoder::new(Vec::new(), level);
    deflate.write_all(&text).unwrap();
    let br = |bytes: &[u8]| {
        let mut out = Vec::new();
        brotli::CompressorWriter::new(&mut out, 4096, 5, 16).write_all(bytes).unwrap();
        out
    };
    let zstd = zstd::encode_all(&text[..], 1).unwrap();
    let both = br(&gzip);
    // Two messages of gRPC, one of them coded.
    let messages = [&[0, 0, 0, 0, 4][..], b"card", &[1, 0, 0, 0, gzip.len() as u8], &gzip].concat();
    let coded = [&[1, 0, 0, 0, zstd.len() as u8][..], &zstd].concat();
    let bodies = [
        gzip.clone(),
        deflate.finish().unwrap(),
        br(&text),
        zstd,
        both,
        gzip,
        messages,
        b"Y2FyZD00MTE=MQ==MTExMQ==".to_vec(),
        base64(&coded),
        zip(&text),
    ];
    assert_eq!(bodies.len(), weir_fuzz::CODINGS.len());
    (0..).zip(bodies).map(|(coding, body)| [vec![coding, 7], body].concat()).collect()
}

#[test]
fn decode() {
    smoke("decode", weir_fuzz::decode, &decode_seeds());
}

#[test]
fn graphql() {
    let seeds: [&[u8]; 5] = [
        br#"{"operationName":"Bb","variables":{"a":["}"]},"query":"query A($a: In = {b: "}"}) @c { d }
mutation Bb { e }"}"#,
        br#"[{"query":"fragment F on T { a } subscription S { alias: field(s: """x""") }"}]"#,
        br#"{"query":"{ viewer { login } }","extensions":{"persistedQuery":{"version":1}}}"#,
        b"# {\nquery A { a }, { b } mutation ($x: [Int]) { c: d }",
        b"operationName=Q&query=query%20Q+%7Ba%7D",
    ];
    let seeds: Vec<_> =
        (0..2u8).flat_map(|form| seeds.map(|body| [&[form, 7], body].concat())).collect();
    smoke("graphql", weir_fuzz::graphql, &seeds);
}

#[test]
fn path() {
    let contents: [&[u8]; 9] = [
        br#"{"a":[1,{"b\"":"{\"c\":\"4111111111111111\"}"}],"d":[[],"\u007b\"e"]} {"f":1}"#,
        b"\x0a\x104111111111111111\x12\x06\x08\x96\x01\x1a\x01A\x23\x08\x01\x24\x2d1234\x31\x00\x00\x00\x00\x00\x00\x00\x00",
        b"\0\0\0\0\x0a\x12\x08\x0a\x06abcdef\0\0\0\0\x04\x0a\x02hi",
        b"a=1&b%20c=%7B%22d%22:1%7D&e",
        b"--b\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\n{\"a\":1}\r\n--b--\r\n",
        b"<?xml version='1.0'?><a b=\"c\"><!-- x --><d><![CDATA[<x>]]></d><e/></a>",
        b"id: 1\ndata: {\"a\":[\"b\"]}\n\n: c\n",
        b"\x82\xa1a\x93\xd9\x03xyz\xcf\x00\x0e\xd9\x64\x45\xbd\xac\xe6\xde\x00\x01\xa1'\xa4text\x07\xc4\x02bc",
        b" {\"a\":[{\"b\":1}]}",
    ];
    let seed = |(media, content): (u8, &&[u8])| {
        [80u8, 160, 250].map(|place| [&[media, 7, place], *content].concat())
    };
    let seeds: Vec<_> = (0..).zip(&contents).flat_map(seed).collect();
    assert_eq!(contents.len(), weir_fuzz::MEDIA.len());
    smoke("path", weir_fuzz::path, &seeds);
}

#[test]
fn behaviour() {
    let model = r#"{"version":1,"callers":9,"quarantined_callers":1,"templates":[{"method":"GET","host":"h","path":"/a/{id}",
        "count":7},{"method":"GET","host":"h","path":"/","count":2}],"quarantined_templates":0,"steps":[[0,1,5],[1,0,2]],
        "norms":{"burst":{"median":0.1,"spread":0.5},"missing":{"median":0.0,"spread":0.0}}}"#;
    let requests: &[u8] = b"\x01\0\x01/a/1\n\x02\x01\x04/login\n\x02\x01\x0c/login?a='\n\x03\x02\x05/robots.txt\n\xff\x03\xff/a/2.css\n";
    smoke("behaviour", weir_fuzz::behaviour, &[model.into(), requests.into()]);
}

#[test]
fn websocket() {
    // RFC 6455 §5.7: text, masked text, fragments around a ping, a binary message of 300 bytes.
    let long = [&b"\x82\x7e\x01\x2c"[..], &[7; 300]].concat();
    let streams: [&[u8]; 5] = [
        b"\x81\x05Hello\x88\x00",
        b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58",
        b"\x01\x03Hel\x89\x00\x80\x02lo",
        b"\x82\xff\0\0\0\0\0\0\0\x05abcdHello",
        &long,
    ];
    let seeds: Vec<_> = streams.iter().map(|stream| [&[3], *stream].concat()).collect();
    smoke("websocket", weir_fuzz::websocket, &seeds);
}

#[test]
fn endpoints() {
    let list = r#"{"version":1,"hosts":{"h":[{"template":"/users/{id}/cart","parameters":["integer"]},{"template":"/users/me"},{"template":"/{a}/{b}"}]}}"#;
    let paths = "\n/users/7/cart\n/users/me\n//x/y/\n/../x";
    smoke("endpoints", weir_fuzz::endpoints, &[format!("{list}{paths}").into()]);
}

#[test]
fn shape() {
    let deep = format!("{}{}{}", "[{\"a\":".repeat(4), "[[1]]", "}]".repeat(4));
    let wide: Vec<String> = (b'A'..=b'z').map(|c| format!("\"{}x\":{c}", char::from(c))).collect();
    let bodies = [
        r#"{"id":1,"mail":"a@b.example","tags":["x",{"deep":true}],"at":null,"a":{"b":{"c":[1.5e3,"2"]}}}"#,
        r#"{"by":{"ann@shop.example":1,"2024-01-01":2,"$ref":"\u0041","x-y.z":-0},"by":[]}"#,
        r#"[true,"true",7,"7","123e4567-e89b-12d3-a456-426614174000","2024-01-01T10:00:00Z"] "#,
        &deep,
        &format!("{{{}}}", wide.join(",").replace('\\', "")),
    ];
    smoke("shape", weir_fuzz::shape, &bodies.map(|body| body.as_bytes().to_vec()));
}
