//! Feeds a parser piece by piece, checks what must hold for any input, and keeps the events.
//!
//! Shared as a source file by the unit tests, the vector tests in `reassembly/tests` and the fuzz targets.

use super::http1::{Anomalies, Error, Event, Fields, Framing, Http1, Role, StartLine, Version};

/// An event that owns its bytes. Pieces of content that lie side by side in the stream are one `Body`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    Head(HeadRecord),
    Body { at: u64, bytes: Vec<u8> },
    Trailers(Vec<FieldRecord>),
    End { at: u64, anomalies: Anomalies },
    Tunnel { at: u64 },
    Error(Error),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeadRecord {
    pub start: u64,
    pub end: u64,
    pub line: LineRecord,
    pub version: Version,
    pub fields: Vec<FieldRecord>,
    pub framing: Framing,
    pub keep_alive: bool,
    pub anomalies: Anomalies,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LineRecord {
    Request { method: Vec<u8>, target: Vec<u8>, target_at: u64 },
    Status { code: u16, reason: Vec<u8> },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldRecord {
    pub name: Vec<u8>,
    pub value: Vec<u8>,
    pub name_at: u64,
    pub at: u64,
}

/// Feeds `stream` in the pieces that end at `cuts` (ascending) and at its end, then closes it. `methods` are the
/// requests that a response stream answers.
pub fn feed_all(role: Role, methods: &[&[u8]], stream: &[u8], cuts: &[usize]) -> Vec<Record> {
    let (mut records, mut parser) = feed(role, methods, stream, cuts);
    if !matches!(records.last(), Some(Record::Error(_) | Record::Tunnel { .. }))
        && let Some(event) = parser.finish(stream.len() as u64)
    {
        keep(&mut records, check(event, stream, &mut 0));
    }
    records
}

/// As [`feed_all`], but leaves the connection open.
pub fn feed(role: Role, methods: &[&[u8]], stream: &[u8], cuts: &[usize]) -> (Vec<Record>, Http1) {
    let mut parser = Http1::new(role);
    for method in methods {
        assert!(parser.expect_response(method));
    }
    let mut records = Vec::new();
    let mut used = 0;
    let mut covered = 0;
    for &cut in cuts.iter().chain([&stream.len()]) {
        loop {
            let input = &stream[used..cut];
            let step = parser.poll(used as u64, input);
            assert!(step.consumed <= input.len(), "more used up than there is");
            used += step.consumed;
            let Some(event) = step.event else { break };
            let record = check(event, stream, &mut covered);
            assert!(covered <= used as u64, "an event about bytes that are not used up");
            let last = matches!(record, Record::Error(_) | Record::Tunnel { .. });
            keep(&mut records, record);
            if last {
                return (records, parser);
            }
        }
        assert!(covered + parser.pending().len() as u64 <= used as u64);
    }
    (records, parser)
}

fn keep(records: &mut Vec<Record>, record: Record) {
    if let (Some(Record::Body { at, bytes }), Record::Body { at: next, bytes: more }) =
        (records.last_mut(), &record)
        && *at + bytes.len() as u64 == *next
    {
        bytes.extend_from_slice(more);
        return;
    }
    records.push(record);
}

/// Offsets never go back, and every slice is what the stream has at its offset.
fn check(event: Event<'_>, stream: &[u8], covered: &mut u64) -> Record {
    let mut cover = |start: u64, end: u64| {
        assert!(*covered <= start && start <= end, "{start}..{end} after {covered}");
        *covered = end;
    };
    let same = |at: u64, bytes: &[u8]| {
        assert_eq!(&stream[at as usize..at as usize + bytes.len()], bytes, "bytes at {at}");
    };
    let fields = |fields: Fields<'_>| -> Vec<FieldRecord> {
        let fields = fields.iter().map(|f| {
            same(f.name_at, f.name);
            same(f.at, f.value);
            assert!(f.name_at + f.name.len() as u64 <= f.at);
            FieldRecord { name: f.name.into(), value: f.value.into(), name_at: f.name_at, at: f.at }
        });
        fields.collect()
    };
    match event {
        Event::Head(head) => {
            cover(head.start, head.end);
            same(head.start, head.bytes);
            assert_eq!(head.bytes.len() as u64, head.end - head.start);
            let line = match head.line {
                StartLine::Request { method, target, target_at } => {
                    same(target_at, target);
                    LineRecord::Request { method: method.into(), target: target.into(), target_at }
                }
                StartLine::Status { code, reason } => {
                    LineRecord::Status { code, reason: reason.into() }
                }
            };
            Record::Head(HeadRecord {
                start: head.start,
                end: head.end,
                line,
                version: head.version,
                fields: fields(head.fields),
                framing: head.framing,
                keep_alive: head.keep_alive,
                anomalies: head.anomalies,
            })
        }
        Event::Body { at, bytes } => {
            assert!(!bytes.is_empty());
            cover(at, at + bytes.len() as u64);
            same(at, bytes);
            Record::Body { at, bytes: bytes.into() }
        }
        Event::Trailers(trailers) => {
            assert!(!trailers.is_empty());
            let trailers = fields(trailers);
            for f in &trailers {
                cover(f.name_at, f.at + f.value.len() as u64);
            }
            Record::Trailers(trailers)
        }
        Event::End { at, anomalies } => {
            cover(at, at);
            Record::End { at, anomalies }
        }
        Event::Tunnel { at } => {
            cover(at, at);
            Record::Tunnel { at }
        }
        Event::Error(error) => Record::Error(error),
    }
}
