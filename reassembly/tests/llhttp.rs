//! llhttp's own test cases (`shared/corpora/streams/llhttp`) against our parser.
//!
//! Each case is an input and the callbacks that llhttp makes in strict mode. Where llhttp accepts, our events must say
//! the same, byte for byte, with no anomaly that means "somebody refuses this". Where llhttp refuses, we must have seen
//! the same up to there and then refuse, or flag the head or the body. What is left out is named with its reason, and
//! every case is fed whole, in two pieces at every byte, and byte by byte, with the same events.

// clippy.toml allows these in #[test] functions; here they are in what the tests share.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::path::PathBuf;

use weir_reassembly::http1;
use weir_reassembly::http1::{Anomalies, Http1, Role};

#[allow(dead_code)]
#[path = "../src/http1/testing.rs"]
mod testing;
use testing::{LineRecord, Record, feed};

/// A case of a Markdown file.
struct Case {
    file: String,
    name: String,
    kind: String,
    skip_body: bool,
    input: Vec<u8>,
    log: Vec<String>,
}

fn shared() -> PathBuf {
    let root = std::env::var_os("WEIR_SHARED").map(PathBuf::from);
    root.unwrap_or_else(|| PathBuf::from("../../shared"))
}

fn cases() -> Vec<Case> {
    let dir = shared().join("corpora/streams/llhttp");
    let mut cases = Vec::new();
    for side in ["request", "response"] {
        let entries = std::fs::read_dir(dir.join(side))
            .unwrap_or_else(|e| panic!("{}: {e} (set WEIR_SHARED)", dir.join(side).display()));
        let mut paths: Vec<PathBuf> = entries.map(|e| e.unwrap().path()).collect();
        paths.sort();
        for path in paths {
            let file = format!("{side}/{}", path.file_name().unwrap().to_string_lossy());
            parse_file(&file, &std::fs::read_to_string(&path).unwrap(), &mut cases);
        }
    }
    cases
}

/// The cases of one file: a heading, a comment with the case's settings, an `http` block and a `log` block.
fn parse_file(file: &str, text: &str, cases: &mut Vec<Case>) {
    let (mut name, mut meta, mut input) = (String::new(), serde_json::Value::Null, String::new());
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let mut block = || -> Vec<String> {
            lines.by_ref().take_while(|l| !l.starts_with("```")).map(String::from).collect()
        };
        if let Some(json) = line.trim().strip_prefix("<!-- meta=") {
            meta = serde_json::from_str(json.trim_end_matches("-->")).unwrap();
        } else if line.starts_with('#') {
            name = line.trim_start_matches('#').trim().to_string();
        } else if line == "```http" {
            input = block().join("\n");
        } else if line == "```log" {
            cases.push(Case {
                file: file.to_string(),
                name: name.clone(),
                kind: meta["type"].as_str().unwrap().to_string(),
                skip_body: meta["skipBody"] == true,
                input: unescape(&input),
                log: block(),
            });
        }
    }
}

/// As llhttp's runner does: `\` at a line end joins lines, other line ends become CRLF, then the escapes.
fn unescape(text: &str) -> Vec<u8> {
    let text = text.replace("\\\n", "").replace('\n', "\r\n");
    let text = text.replace("\\r", "\r").replace("\\n", "\n");
    let text = text.replace("\\t", "\t").replace("\\f", "\x0c");
    let mut out = String::new();
    let mut rest = text.as_str();
    while let Some(at) = rest.find("\\x") {
        let hex: String = rest[at + 2..].chars().take_while(char::is_ascii_hexdigit).collect();
        out.push_str(&rest[..at]);
        if let Some(c) = u32::from_str_radix(&hex, 16).ok().and_then(char::from_u32) {
            out.push(c);
        }
        rest = &rest[at + 2 + hex.len()..];
    }
    out.push_str(rest);
    out.into_bytes()
}

/// What both parsers say of a stream, in the same words.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Said {
    /// `None` for the offset where our events do not tell it.
    Span(&'static str, Option<u64>, Vec<u8>),
    HeadersComplete(u64),
    MessageComplete(u64),
    Refused,
}

/// llhttp's callbacks. Offsets and lengths point into the input, so the printed bytes need not be unescaped.
fn expected(case: &Case) -> Vec<Said> {
    let mut said = Vec::new();
    for line in &case.log {
        let Some((offset, what)) = line.strip_prefix("off=").and_then(|l| l.split_once(' ')) else {
            continue;
        };
        let Ok(offset) = offset.parse::<u64>() else { continue };
        if let Some((len, span)) = what.strip_prefix("len=").and_then(|w| w.split_once(" span[")) {
            let (start, len) = (offset as usize, len.parse::<usize>().unwrap());
            let bytes = &case.input[start..start + len];
            match span.split_once(']').unwrap().0 {
                "method" => span_to(&mut said, "method", Some(offset), bytes),
                "url" => span_to(&mut said, "url", Some(offset), bytes),
                "version" => span_to(&mut said, "version", None, bytes),
                "status" => span_to(&mut said, "status", None, bytes),
                "header_field" => span_to(&mut said, "header_field", Some(offset), bytes),
                "header_value" => {
                    span_to(&mut said, "header_value", Some(offset), bytes.trim_ascii_end());
                }
                "body" => span_to(&mut said, "body", Some(offset), bytes),
                _ => {}
            }
        } else if what.starts_with("headers complete") {
            said.push(Said::HeadersComplete(offset));
        } else if what == "message complete" {
            said.push(Said::MessageComplete(offset));
        } else if what.starts_with("error") && !what.contains("Pause on") {
            said.push(Said::Refused);
        }
    }
    // A head whose end has not come: we say nothing of it yet.
    if said.last() != Some(&Said::Refused) {
        while matches!(said.last(), Some(Said::Span(name, ..)) if *name != "body") {
            said.pop();
        }
    }
    said
}

/// Our events in llhttp's words.
fn seen(records: &[Record]) -> Vec<Said> {
    let mut said = Vec::new();
    let fields = |said: &mut Vec<Said>, fields: &[testing::FieldRecord]| {
        for field in fields {
            span_to(said, "header_field", Some(field.name_at), &field.name);
            span_to(said, "header_value", Some(field.at), &field.value);
        }
    };
    for record in records {
        match record {
            Record::Head(head) => {
                let version = format!("{}.{}", head.version.major, head.version.minor);
                match &head.line {
                    LineRecord::Request { method, target, target_at } => {
                        span_to(&mut said, "method", Some(head.start), method);
                        span_to(&mut said, "url", Some(*target_at), target);
                        span_to(&mut said, "version", None, version.as_bytes());
                    }
                    LineRecord::Status { reason, .. } => {
                        span_to(&mut said, "version", None, version.as_bytes());
                        span_to(&mut said, "status", None, reason);
                    }
                }
                fields(&mut said, &head.fields);
                said.push(Said::HeadersComplete(head.end));
            }
            Record::Body { at, bytes } => span_to(&mut said, "body", Some(*at), bytes),
            Record::Trailers(trailers) => fields(&mut said, trailers),
            Record::End { at, .. } | Record::Tunnel { at } => said.push(Said::MessageComplete(*at)),
            Record::Error(_) => said.push(Said::Refused),
        }
    }
    said
}

/// Adds a span; pieces that lie side by side become one, and empty ones none.
fn span_to(said: &mut Vec<Said>, name: &'static str, at: Option<u64>, bytes: &[u8]) {
    if let (Some(Said::Span(last, Some(start), before)), Some(at)) = (said.last_mut(), at)
        && *last == name
        && *start + before.len() as u64 == at
    {
        before.extend_from_slice(bytes);
    } else if !bytes.is_empty() {
        said.push(Said::Span(name, at, bytes.to_vec()));
    }
}

/// What llhttp accepts without a word, too.
const ACCEPTED: Anomalies =
    Anomalies::HOST.union(Anomalies::CHUNK_EXTENSION).union(Anomalies::TRANSFER_CODING);

fn refused((records, parser): &(Vec<Record>, Http1)) -> bool {
    let flagged = |anomalies: Anomalies| !ACCEPTED.contains(anomalies);
    flagged(parser.anomalies())
        || records.iter().any(|record| match record {
            Record::Head(head) => flagged(head.anomalies),
            Record::End { anomalies, .. } => flagged(*anomalies),
            Record::Error(_) => true,
            _ => false,
        })
}

/// Why a case is not compared.
fn left_out(case: &Case) -> Option<&'static str> {
    if case.kind.contains("lenient") {
        return Some("lenient flag of llhttp");
    }
    if case.skip_body && case.kind == "request" {
        return Some("callback tells llhttp that a request has no body");
    }
    None
}

/// Cases in which we differ on purpose.
const DIFFERENT: [(&str, &str); 13] = [
    ("HTTP protocol and ANNOUNCE method", METHOD),
    ("Invalid method", METHOD),
    ("SOURCE request with ICE", OTHER_PROTOCOL),
    ("OPTIONS request with RTSP", OTHER_PROTOCOL),
    ("ANNOUNCE request with RTSP", OTHER_PROTOCOL),
    ("RTSP response", OTHER_PROTOCOL),
    ("ICE response", OTHER_PROTOCOL),
    ("CONNECT with body", "a CONNECT that is refused has a body like any request (RFC 9112 §6.3)"),
    ("No HTTP version", HTTP_09),
    ("HTTP version 0.9", HTTP_09),
    ("`chunked` before other transfer-encoding", AMBIGUOUS),
    ("multiple transfer-encoding where chunked is not the last one", AMBIGUOUS),
    ("`chunkedchunked` transfer-encoding does not enable chunked enconding", AMBIGUOUS),
];
const METHOD: &str = "any token is a method (RFC 9110 §9.1); llhttp knows a list";
const OTHER_PROTOCOL: &str = "RTSP and ICE are not HTTP";
const HTTP_09: &str = "HTTP/0.9 is an error in requests and flagged in responses";
const AMBIGUOUS: &str =
    "clients differ, so we look at the body and flag it; llhttp takes it as not chunked";

/// `Err`: how we differ.
fn compare(case: &Case) -> Result<(), String> {
    let role = if case.kind.starts_with("request") { Role::Request } else { Role::Response };
    let methods: &[&[u8]] = if case.skip_body { &[b"HEAD", b"HEAD"] } else { &[] };
    let fed = feed(role, methods, &case.input, &[]);
    let records = &fed.0;
    let every: Vec<usize> = (0..case.input.len()).collect();
    for cuts in every.iter().map(std::slice::from_ref).chain([&every[..]]) {
        assert_eq!(*records, feed(role, methods, &case.input, cuts).0, "cut at {cuts:?}");
    }
    let expected = expected(case);
    let ours = seen(records);
    if expected.last() == Some(&Said::Refused) {
        let messages = expected.iter().rposition(|s| matches!(s, Said::MessageComplete(_)));
        let before = messages.map_or(0, |at| at + 1);
        if ours.get(..before) != expected.get(..before) {
            return Err(format!("before the refusal:\n  {ours:?}\n  {expected:?}"));
        }
        // We judge a head when it is complete: complete it.
        let completed = [&case.input[..], b"\r\n\r\n"].concat();
        if !refused(&fed) && !refused(&feed(role, methods, &completed, &[])) {
            return Err(format!("not refused: {records:?}"));
        }
        return Ok(());
    }
    // After CONNECT and Upgrade llhttp stops; we read on until the server has switched.
    let stops = case.log.iter().any(|line| line.contains("Pause on"));
    let ours = if stops { ours.get(..expected.len()).unwrap_or(&ours) } else { &ours };
    if ours != expected {
        return Err(format!("ours\n  {ours:?}\n  {expected:?}"));
    }
    if !stops && refused(&fed) {
        return Err(format!("flagged: {records:?}"));
    }
    Ok(())
}

#[test]
fn events_are_llhttps() {
    let cases = cases();
    let mut files = std::collections::BTreeMap::<&str, [usize; 3]>::new();
    let mut reasons = std::collections::BTreeMap::<&str, usize>::new();
    let mut unexplained = Vec::new();
    for case in &cases {
        let [equal, different, out] = files.entry(&case.file).or_default();
        if let Some(reason) = left_out(case) {
            *out += 1;
            *reasons.entry(reason).or_default() += 1;
            continue;
        }
        let explained = DIFFERENT.iter().find(|(name, _)| *name == case.name);
        match (compare(case), explained) {
            (Ok(()), None) => *equal += 1,
            (Err(_), Some((_, reason))) => {
                *different += 1;
                *reasons.entry(reason).or_default() += 1;
            }
            (Ok(()), Some(_)) => unexplained.push(format!("{}: equal after all", case.name)),
            (Err(how), None) => unexplained.push(format!(
                "{}: {}\n{:?}\n{how}",
                case.file,
                case.name,
                String::from_utf8_lossy(&case.input)
            )),
        }
    }
    for (file, [equal, different, out]) in &files {
        println!("{file}: {equal} equal, {different} different on purpose, {out} left out");
    }
    println!("{reasons:#?}");
    assert!(
        unexplained.is_empty(),
        "{} unexplained:\n{}",
        unexplained.len(),
        unexplained.join("\n\n")
    );
    assert!(cases.len() > 200, "only {} cases found", cases.len());
}
