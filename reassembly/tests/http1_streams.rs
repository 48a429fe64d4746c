//! Valid pipelined streams, made with what must be seen of them: however they are cut, exactly that is seen.

// clippy.toml allows these in #[test] functions; here they are in what the tests share.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use proptest::prelude::*;
use weir_reassembly::http1;
use weir_reassembly::http1::{Anomalies, Framing, Role, Version};

#[allow(dead_code)]
#[path = "../src/http1/testing.rs"]
mod testing;
use testing::{FieldRecord, HeadRecord, LineRecord, Record, feed_all};

#[derive(Clone, Debug)]
enum Body {
    None,
    Length(Vec<u8>),
    Chunked { chunks: Vec<(Vec<u8>, bool)>, trailers: Vec<(String, String)> },
    UntilClose(Vec<u8>),
}

#[derive(Clone, Debug)]
struct Message {
    method: &'static str,
    code: u16,
    fields: Vec<(String, String)>,
    body: Body,
}

/// A stream and its records, grown message by message.
#[derive(Default)]
struct Stream {
    bytes: Vec<u8>,
    records: Vec<Record>,
}

impl Stream {
    fn at(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn put(&mut self, text: &str) -> u64 {
        let at = self.at();
        self.bytes.extend_from_slice(text.as_bytes());
        at
    }

    fn fields(&mut self, fields: &[(String, String)]) -> Vec<FieldRecord> {
        let mut records = Vec::new();
        for (name, value) in fields {
            let name_at = self.put(name);
            self.put(": ");
            let at = self.put(value);
            self.put("\r\n");
            let (name, value) = (name.clone().into(), value.clone().into());
            records.push(FieldRecord { name, value, name_at, at });
        }
        self.put("\r\n");
        records
    }

    fn content(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.records.push(Record::Body { at: self.at(), bytes: bytes.into() });
            self.bytes.extend_from_slice(bytes);
        }
    }

    fn message(&mut self, role: Role, message: &Message) {
        let start = self.at();
        let line = match role {
            Role::Request => {
                let target_at = self.put(message.method) + message.method.len() as u64 + 1;
                self.put(" /a?b=c HTTP/1.1\r\n");
                let method = message.method.into();
                LineRecord::Request { method, target: b"/a?b=c".into(), target_at }
            }
            Role::Response => {
                self.put(&format!("HTTP/1.1 {} Fine\r\n", message.code));
                LineRecord::Status { code: message.code, reason: b"Fine".into() }
            }
        };
        let mut fields = vec![("Host".to_string(), "example.com".to_string())];
        fields.extend(message.fields.iter().cloned());
        let framing = match &message.body {
            Body::None if role == Role::Response && message.code == 200 => {
                fields.push(("content-length".into(), "0".into()));
                Framing::None
            }
            Body::None => Framing::None,
            Body::Length(bytes) => {
                fields.push(("Content-Length".into(), bytes.len().to_string()));
                if bytes.is_empty() { Framing::None } else { Framing::Length(bytes.len() as u64) }
            }
            Body::Chunked { .. } => {
                fields.push(("Transfer-Encoding".into(), "chunked".into()));
                Framing::Chunked
            }
            Body::UntilClose(_) => Framing::UntilClose,
        };
        let fields = self.fields(&fields);
        self.records.push(Record::Head(HeadRecord {
            start,
            end: self.at(),
            line,
            version: Version { major: 1, minor: 1 },
            fields,
            framing,
            keep_alive: framing != Framing::UntilClose,
            anomalies: Anomalies::empty(),
        }));
        let mut anomalies = Anomalies::empty();
        match &message.body {
            Body::None => {}
            Body::Length(bytes) | Body::UntilClose(bytes) => self.content(bytes),
            Body::Chunked { chunks, trailers } => {
                for (chunk, extension) in chunks {
                    if *extension {
                        anomalies |= Anomalies::CHUNK_EXTENSION;
                    }
                    let extension = if *extension { ";a=\"b\"" } else { "" };
                    self.put(&format!("{:x}{extension}\r\n", chunk.len()));
                    self.content(chunk);
                    self.put("\r\n");
                }
                self.put("0\r\n");
                let trailers = self.fields(trailers);
                if !trailers.is_empty() {
                    self.records.push(Record::Trailers(trailers));
                }
            }
        }
        self.records.push(Record::End { at: self.at(), anomalies });
    }
}

fn fields() -> impl Strategy<Value = Vec<(String, String)>> {
    prop::collection::vec(("x-[a-z]{1,8}", "([!-~]([ -~é]{0,20}[!-~])?)?"), 0..6)
}

fn content() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..80),
        // Content that looks like framing.
        Just(b"\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n\r\nGET / HTTP/1.1\r\n\r\n".to_vec()),
    ]
}

fn message() -> impl Strategy<Value = Message> {
    let chunk = (content().prop_filter("a chunk", |c| !c.is_empty()), any::<bool>());
    let body = prop_oneof![
        Just(Body::None),
        content().prop_map(Body::Length),
        (prop::collection::vec(chunk, 0..5), fields())
            .prop_map(|(chunks, trailers)| Body::Chunked { chunks, trailers }),
    ];
    let method = prop::sample::select(vec!["GET", "POST", "HEAD", "DELETE", "X-OWN"]);
    (method, fields(), body).prop_map(|(method, fields, body)| Message {
        method,
        code: 200,
        fields,
        body,
    })
}

/// Where the stream is cut, as parts of its length.
fn cuts() -> impl Strategy<Value = Vec<prop::sample::Index>> {
    prop::collection::vec(any::<prop::sample::Index>(), 0..30)
}

fn offsets(cuts: &[prop::sample::Index], len: usize) -> Vec<usize> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(len + 1)).collect();
    cuts.sort_unstable();
    cuts
}

proptest! {
    #[test]
    fn requests(messages in prop::collection::vec(message(), 1..6), cuts in cuts()) {
        let mut stream = Stream::default();
        for message in &messages {
            stream.message(Role::Request, message);
        }
        let cuts = offsets(&cuts, stream.bytes.len());
        prop_assert_eq!(feed_all(Role::Request, &[], &stream.bytes, &cuts), stream.records);
    }

    #[test]
    fn responses(
        messages in prop::collection::vec((message(), any::<bool>()), 1..6),
        last in prop::option::of(content()),
        cuts in cuts(),
    ) {
        let mut stream = Stream::default();
        let mut methods: Vec<&[u8]> = Vec::new();
        for (message, interim) in messages {
            if interim {
                let interim = Message { code: 103, body: Body::None, ..message.clone() };
                stream.message(Role::Response, &interim);
            }
            methods.push(message.method.as_bytes());
            let body = if message.method == "HEAD" { Body::None } else { message.body };
            stream.message(Role::Response, &Message { body, ..message });
        }
        if let Some(last) = last {
            let body = Body::UntilClose(last);
            stream.message(Role::Response, &Message { method: "GET", code: 200, fields: vec![], body });
        }
        let cuts = offsets(&cuts, stream.bytes.len());
        prop_assert_eq!(feed_all(Role::Response, &methods, &stream.bytes, &cuts), stream.records);
    }
}
