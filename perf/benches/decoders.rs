//! Each decoder beside the library it uses, or the nearest one there is: the same content, Weir's in pieces of a segment as it comes
//! on the wire, the library's in one call.

// What is decoded is made here.
#![expect(clippy::expect_used)]
// Those of criterion's macros.
#![expect(missing_docs)]

use std::hint::black_box;
use std::io::{Read, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use flate2::Compression;
use weir_inspect::decode::Decoder;
use weir_inspect::path::Paths;
use weir_inspect::scan::Kept;
use weir_tests::bodies::Site;

/// Bytes of a segment.
const SEGMENT: usize = 1448;
/// Content that is decoded, at most.
const CONTENT: usize = 256 << 10;
/// Always the same bodies.
const SEED: u64 = 7;

type Group<'a> = BenchmarkGroup<'a, WallTime>;

fn content() -> Vec<u8> {
    let site = Site::generate(SEED);
    let mut all = site.docs.iter().flat_map(|doc| doc.body.iter().copied()).collect::<Vec<u8>>();
    all.truncate(CONTENT);
    all
}

/// Weir's decoder over the coded bytes.
fn weir(group: &mut Group<'_>, coded: &[u8], new: impl Fn() -> Decoder) {
    group.bench_function("weir", |b| {
        b.iter(|| {
            let (mut decoder, mut bytes) = (new(), 0);
            for piece in coded.chunks(SEGMENT) {
                let decoded = decoder.decode(piece, &mut |chunk| bytes += black_box(chunk).len());
                decoded.expect("our own content is well-formed");
            }
            bytes
        });
    });
}

fn library(group: &mut Group<'_>, decode: impl Fn() -> usize) {
    group.bench_function("library", |b| b.iter(&decode));
}

fn read(mut from: impl Read) -> usize {
    let mut out = Vec::with_capacity(CONTENT);
    from.read_to_end(&mut out).expect("our own content is well-formed");
    black_box(out).len()
}

fn written<W: Write>(mut to: W, content: &[u8], end: impl FnOnce(W) -> Vec<u8>) -> Vec<u8> {
    to.write_all(content).expect("a vector takes everything");
    end(to)
}

fn codings(c: &mut Criterion) {
    let content = content();
    let mut group = |name: &str, coded: &[u8], decode: &dyn Fn(&[u8]) -> usize| {
        let mut group = c.benchmark_group(name);
        group.throughput(Throughput::Bytes(content.len() as u64));
        weir(&mut group, coded, || Decoder::new(name.as_bytes()).expect("a coding that is known"));
        library(&mut group, || decode(coded));
        group.finish();
    };
    let new = |level| (Vec::new(), Compression::new(level));
    let (to, level) = new(6);
    let gzip = flate2::write::GzEncoder::new(to, level);
    let gzip = written(gzip, &content, |to| to.finish().expect("a vector"));
    group("gzip", &gzip, &|coded| read(flate2::read::GzDecoder::new(coded)));
    let (to, level) = new(6);
    let zlib = flate2::write::ZlibEncoder::new(to, level);
    let zlib = written(zlib, &content, |to| to.finish().expect("a vector"));
    group("deflate", &zlib, &|coded| read(flate2::read::ZlibDecoder::new(coded)));
    let br = brotli::CompressorWriter::new(Vec::new(), 4096, 5, 22);
    let br = written(br, &content, brotli::CompressorWriter::into_inner);
    group("br", &br, &|coded| read(brotli::Decompressor::new(coded, 4096)));
    let zstd = zstd::encode_all(content.as_slice(), 3).expect("a vector");
    group("zstd", &zstd, &|coded| read(zstd::Decoder::new(coded).expect("zstd")));
}

fn base64_of_grpc_web(c: &mut Criterion) {
    let content = content();
    let coded = STANDARD.encode(&content);
    let mut group = c.benchmark_group("base64");
    group.throughput(Throughput::Bytes(content.len() as u64));
    let new = || Decoder::new(b"").expect("no coding").with_base64();
    weir(&mut group, coded.as_bytes(), new);
    library(&mut group, || STANDARD.decode(&coded).expect("our own").len());
    group.finish();
}

/// The path of the last byte, which has to read everything; the library checks the same documents and keeps nothing.
fn json(c: &mut Criterion) {
    let site = Site::generate(SEED);
    let is_json = |body: &[u8]| serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok();
    let docs: Vec<&[u8]> =
        site.docs.iter().map(|doc| doc.body.as_slice()).filter(|body| is_json(body)).collect();
    let mut group = c.benchmark_group("json");
    group.throughput(Throughput::Bytes(docs.iter().map(|doc| doc.len() as u64).sum()));
    let mut paths = Paths::default();
    group.bench_function("weir", |b| {
        b.iter(|| {
            for doc in &docs {
                paths.begin(b"application/json", false);
                let end = doc.len() as u64;
                black_box(paths.path(Kept { base: 0, bytes: doc }, end - 1, end));
            }
        });
    });
    library(&mut group, || {
        let check = |doc: &&[u8]| serde_json::from_slice::<serde::de::IgnoredAny>(doc).is_ok();
        docs.iter().filter(|doc| black_box(check(doc))).count()
    });
    group.finish();
}

criterion_group!(decoders, codings, base64_of_grpc_web, json);
criterion_main!(decoders);
