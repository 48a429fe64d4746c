//! `weir validate`: the validators on JSON lines.

use std::io::{BufWriter, Write, stdout};
use std::path::Path;
use std::process::ExitCode;

use serde_json::{Value, json};
use weir_inspect::validate::validate;

use super::{Failure, Outcome, output, read};

/// Answers each line with itself, `valid`, and `error` if it is not. A kind that Weir doesn't know is neither valid nor
/// invalid: `valid` is null.
pub(super) fn run(file: &Path) -> Outcome {
    let bytes = read(file)?;
    let mut out = BufWriter::new(stdout().lock());
    for (n, line) in bytes.split(|b| *b == b'\n').enumerate() {
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let wrong =
            |what: &str| Failure::new(format!("{}: line {}: {what}", file.display(), n + 1));
        let mut object: Value = serde_json::from_slice(line).map_err(|e| wrong(&e.to_string()))?;
        let text = |key: &str| object.get(key).and_then(Value::as_str);
        let (Some(kind), Some(value)) = (text("kind"), text("value")) else {
            return Err(wrong("wanted an object with the texts `kind` and `value`"));
        };
        let (valid, error) = match validate(kind, value) {
            None => (Value::Null, Some(format!("`{kind}` is a kind that Weir does not know"))),
            Some(Ok(())) => (json!(true), None),
            Some(Err(e)) => (json!(false), Some(e.to_string())),
        };
        if let Some(o) = object.as_object_mut() {
            o.insert("valid".into(), valid);
            o.extend(error.map(|e| ("error".to_owned(), e.into())));
        }
        output(writeln!(out, "{object}"))?;
    }
    output(out.flush())?;
    Ok(ExitCode::SUCCESS)
}
