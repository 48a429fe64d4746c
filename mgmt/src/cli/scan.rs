//! `weir scan`: the scanner on files, with the same code as on the wire.

use std::io::{BufWriter, Write, stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args as ClapArgs;
use serde_json::json;
use weir_inspect::detector::DetectorSet;
use weir_inspect::path::Paths;
use weir_inspect::policy::Policy;
use weir_inspect::scan::{Catalog, Found, Kind, ScanState, Scanner, hide, sample};

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
        for (found, path) in scan((catalog, scanner), &bytes, media) {
            any = true;
            output(writeln!(out, "{}", line(file, catalog, &bytes, (&found, &path))))?;
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

/// The findings in a body of this media type and their paths, a match that was reported in parts as one.
fn scan(
    (catalog, scanner): (&Catalog, &Scanner),
    bytes: &[u8],
    media: &str,
) -> Vec<(Found, String)> {
    let (mut found, mut whole) = (Vec::new(), Vec::<(Found, String)>::new());
    let (mut state, mut paths) = (ScanState::default(), Paths::default());
    state.set_binary(is_binary(media));
    paths.begin(media.as_bytes(), false);
    let mut pieces = bytes.chunks(PIECE).peekable();
    loop {
        let piece = pieces.next().unwrap_or_default();
        let last = pieces.peek().is_none();
        paths.push(piece);
        scanner.scan(&mut state, piece, last, &DetectorSet::EMPTY, &mut found);
        for part in found.drain(..) {
            let open = whole
                .iter_mut()
                .map(|(w, _)| w)
                .rev()
                .find(|w| part.continued && w.detector == part.detector && w.end == part.start);
            match open {
                Some(open) => open.end = part.end,
                None => {
                    let leak = catalog.get(part.detector).is_some_and(|d| d.kind == Kind::Leak);
                    let path = if leak { paths.path(part.start, part.end) } else { String::new() };
                    whole.push((part, hide(catalog, scanner, path)));
                }
            }
        }
        if last {
            break;
        }
    }
    whole.sort_by_key(|(f, _)| (f.start, f.end));
    whole
}

fn line(
    file: &Path,
    catalog: &Catalog,
    bytes: &[u8],
    (found, path): (&Found, &str),
) -> serde_json::Value {
    let detector = catalog.get(found.detector);
    let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
    let matched = bytes.get(place(found.start)..place(found.end)).unwrap_or_default();
    let mut line = json!({
        "file": file.to_string_lossy(),
        "detector": detector.map(|d| d.name.as_str()),
        "category": detector.map(|d| d.category),
        "start": found.start,
        "end": found.end,
        // Two decimals: an f32 such as 0.9 would be written 0.8999999761581421.
        "confidence": (f64::from(found.confidence) * 100.0).round() / 100.0,
        "sample": detector.map(|d| sample(d, matched)),
    });
    if let (false, Some(line)) = (path.is_empty(), line.as_object_mut()) {
        line.insert("path".to_owned(), path.into());
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
        let found = scan((&catalog, &Scanner::new(&catalog, &only)), pem.as_bytes(), "");
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!((found[0].0.start, found[0].0.end), (2, pem.len() as u64 - 2));
    }
}
