//! `weir scan`: the scanner on files, with the same code as on the wire.

use std::io::{BufWriter, Write, stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args as ClapArgs;
use serde_json::json;
use weir_inspect::decode::{DecodeError, Decoder};
use weir_inspect::detector::DetectorSet;
use weir_inspect::path::{Paths, is_messagepack};
use weir_inspect::policy::Policy;
use weir_inspect::scan::{Catalog, Found, Kind, ScanState, Scanner, Writing, hide, sample};

use super::{Failure, Outcome, output, policy, read};

#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    /// Files, each taken as one body; `-` is standard input
    #[arg(default_value = "-")]
    files: Vec<PathBuf>,
    /// Look for what this policy looks for [default: all built-in detectors]
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// The bodies' media type; gRPC and protobuf are read as binary
    #[arg(long, value_name = "TYPE")]
    content_type: Option<String>,
}

pub(super) fn run(args: &Args) -> Outcome {
    let policy = args.policy.as_deref().map(compile).transpose()?;
    let builtin;
    let everything;
    let (catalog, scanner) = match &policy {
        Some(policy) => (policy.catalog(), policy.scanner()),
        None => {
            builtin = Catalog::builtin();
            let mut all = DetectorSet::EMPTY;
            builtin.iter().for_each(|d| all.insert(d.id));
            everything = Scanner::new(&builtin, &all);
            (&builtin, &everything)
        }
    };
    let mut out = BufWriter::new(stdout().lock());
    let mut any = false;
    for file in &args.files {
        let bytes = read(file)?;
        let media = args.content_type.as_deref().unwrap_or_default();
        let (hits, coding) = scan((catalog, scanner), &bytes, media);
        for hit in &hits {
            any = true;
            output(writeln!(out, "{}", line(file, catalog, coding, hit)))?;
        }
    }
    output(out.flush())?;
    Ok(if any { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Reads and compiles a policy.
pub(super) fn compile(file: &Path) -> Result<Policy, Failure> {
    let source = policy::source(file)?;
    let name = file.display().to_string();
    Policy::compile(&source).map(|(policy, _)| policy).map_err(|errors| {
        let all: Vec<String> = errors.iter().map(|e| e.in_file(&name)).collect();
        Failure::new(format!("the policy is refused:\n{}", all.join("\n")))
    })
}

/// What is framed by lengths rather than written as text.
fn is_binary(content_type: &str) -> bool {
    let media = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    media.starts_with("application/grpc") || media.ends_with("protobuf")
}

/// Bytes that are scanned at a time: a path is asked for before the content has gone on.
const PIECE: usize = 8 << 10;
/// Codings that a file can have by itself, and its first bytes then (RFC 1952 §2.3.1, RFC 8878 §3.1.1, APPNOTE §4.3.7).
const MAGIC: [(&str, &[u8]); 3] =
    [("gzip", b"\x1f\x8b\x08"), ("zstd", b"\x28\xb5\x2f\xfd"), ("zip", b"PK\x03\x04")];

/// Something found, a match that was reported in parts as one.
#[derive(Debug)]
struct Hit {
    found: Found,
    path: String,
    matched: Vec<u8>,
}

/// A body that is scanned.
struct Body<'a> {
    catalog: &'a Catalog,
    scanner: &'a Scanner,
    state: ScanState,
    paths: Paths,
    hits: Vec<Hit>,
}

impl Body<'_> {
    fn take(&mut self, bytes: &[u8], last: bool) {
        let mut found = Vec::new();
        let mut rest = bytes;
        loop {
            let (piece, after) = rest.split_at_checked(PIECE).unwrap_or((rest, &[]));
            let done = after.is_empty();
            let from = self.paths.begin_piece(self.state.content(), piece.len());
            self.state.keep_from(Some(from));
            let ends = last && done;
            self.scanner.scan(&mut self.state, piece, ends, &DetectorSet::EMPTY, &mut found);
            found.drain(..).for_each(|part| self.hit(part));
            if done {
                return;
            }
            rest = after;
        }
    }

    fn hit(&mut self, part: Found) {
        let open = self.hits.iter_mut().rev().find(|hit| {
            let whole = hit.found;
            part.continued && whole.detector == part.detector && whole.end == part.start
        });
        if let Some(open) = open {
            open.found.end = part.end;
            return;
        }
        let leak = self.catalog.get(part.detector).is_some_and(|d| d.kind == Kind::Leak);
        let path = if leak {
            self.paths.path(self.state.content(), part.start, part.end)
        } else {
            String::new()
        };
        if !self.catalog.counts_at(part.detector, || path.clone()) {
            return;
        }
        let path = hide(self.catalog, self.scanner, path);
        let matched = self.state.matched(&part).to_vec();
        self.hits.push(Hit { found: part, path, matched });
    }
}

/// The findings in a body of this media type, and the coding that was undone, if any.
fn scan(
    (catalog, scanner): (&Catalog, &Scanner),
    bytes: &[u8],
    media: &str,
) -> (Vec<Hit>, Option<&'static str>) {
    let body = || {
        let (mut state, mut paths) = (ScanState::default(), Paths::default());
        match is_binary(media) {
            true => state.set_binary(true),
            false => state.set_escapes(Writing::of(media.as_bytes())),
        }
        if is_messagepack(media.as_bytes()) {
            state.set_messagepack();
        }
        paths.begin(media.as_bytes(), false);
        Body { catalog, scanner, state, paths, hits: Vec::new() }
    };
    let coding = MAGIC.iter().find(|(_, magic)| bytes.starts_with(magic)).map(|(name, _)| *name);
    let mut decoded = body();
    if let Some(coding) = coding
        && let Ok(mut decoder) = decoder(coding)
        && decoder.decode(bytes, &mut |chunk| decoded.take(chunk, false)).is_ok()
    {
        decoded.take(&[], true);
        return (sorted(decoded.hits), Some(coding));
    }
    let mut plain = body();
    plain.take(bytes, true);
    (sorted(plain.hits), None)
}

fn decoder(coding: &str) -> Result<Decoder, DecodeError> {
    match coding {
        "zip" => Decoder::new(b"").map(Decoder::with_zip),
        _ => Decoder::new(coding.as_bytes()),
    }
}

fn sorted(mut hits: Vec<Hit>) -> Vec<Hit> {
    hits.sort_by_key(|hit| (hit.found.start, hit.found.end));
    hits
}

fn line(file: &Path, catalog: &Catalog, coding: Option<&str>, hit: &Hit) -> serde_json::Value {
    let found = &hit.found;
    let detector = catalog.get(found.detector);
    let mut line = json!({
        "file": file.to_string_lossy(),
        "detector": detector.map(|d| d.name.as_str()),
        "category": detector.map(|d| d.category),
        "start": found.start,
        "end": found.end,
        // Two decimals: an f32 such as 0.9 would be written 0.8999999761581421.
        "confidence": (f64::from(found.confidence) * 100.0).round() / 100.0,
        "sample": detector.map(|d| sample(d, &hit.matched)),
    });
    if let Some(line) = line.as_object_mut() {
        if !hit.path.is_empty() {
            line.insert("path".to_owned(), hit.path.as_str().into());
        }
        if let Some(coding) = coding {
            // Offsets are those in the decoded content.
            line.insert("coding".to_owned(), coding.into());
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_types_that_are_binary() {
        assert!(is_binary("application/grpc+proto") && is_binary("application/x-protobuf; a=b"));
        assert!(!is_binary("application/json") && !is_binary("text/plain; charset=protobuf"));
    }

    #[test]
    fn a_long_secret_is_one_finding() {
        let pem = format!(
            "x -----BEGIN PRIVATE KEY-----\n{}-----END PRIVATE KEY----- y",
            "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n".repeat(400)
        );
        let catalog = Catalog::builtin();
        let mut only = DetectorSet::EMPTY;
        only.insert(catalog.by_name("private-key").unwrap().id);
        let (hits, _) = scan((&catalog, &Scanner::new(&catalog, &only)), pem.as_bytes(), "");
        assert_eq!(hits.len(), 1, "{hits:?}");
        assert_eq!((hits[0].found.start, hits[0].found.end), (2, pem.len() as u64 - 2));
    }

    #[test]
    fn codings_are_undone_paths_told_and_escapes_read() {
        let catalog = Catalog::builtin();
        let mut only = DetectorSet::EMPTY;
        only.insert(catalog.by_name("payment-card").unwrap().id);
        let scanner = Scanner::new(&catalog, &only);
        let body = br#"{"cards":[{"n":"\u0034111111111111111"}]}"#;
        let gzip = {
            let mut to = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            to.write_all(body).unwrap();
            to.finish().unwrap()
        };
        for (bytes, coding) in [(&body[..], None), (&gzip, Some("gzip"))] {
            let (hits, undone) = scan((&catalog, &scanner), bytes, "");
            assert_eq!(undone, coding);
            assert_eq!(hits[0].matched, b"4111111111111111");
            assert_eq!((hits[0].found.start, hits[0].path.as_str()), (16, "$.cards[0].n"));
        }
        let (hits, undone) = scan((&catalog, &scanner), b"\x1f\x8b\x08 4111111111111111", "");
        assert_eq!((hits.len(), undone), (1, None), "what only begins like gzip");
    }
}
