//! `weir validate`: the validators on JSON lines.

use std::io::{BufWriter, Write, stdout};
use std::path::Path;
use std::process::ExitCode;

use serde_json::{Value, json};
use weir_inspect::validate::{ValidateError, card, iban, luhn, ssn, validate};

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
        let (valid, error) = match judge(kind, value) {
            None => (Value::Null, Some(format!("`{kind}` is a kind that Weir does not know"))),
            Some(Ok(())) => (json!(true), None),
            Some(Err(why)) => (json!(false), Some(why.to_owned())),
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

/// Whether a value is valid, and if not, why; none for a kind without a validator. Kinds are named as python-stdnum's
/// modules are. The separators that people write stand anywhere; the scanner is stricter about those.
fn judge(kind: &str, value: &str) -> Option<Result<(), &'static str>> {
    let compact: Vec<u8> = value.bytes().filter(|b| !b" -.".contains(b)).collect();
    let digits = || -> Option<Vec<u8>> {
        compact.iter().map(|b| b.is_ascii_digit().then(|| b - b'0')).collect()
    };
    let check = |good: fn(&[u8]) -> bool, why| match digits() {
        None => Err("holds other characters than digits and separators"),
        Some(digits) if good(&digits) => Ok(()),
        Some(_) => Err(why),
    };
    Some(match kind {
        "luhn" => check(luhn::valid, "its check digit is wrong"),
        "us.ssn" => check(ssn::valid, "the Social Security Administration gives no such number"),
        "payment-card" => check(
            |d| card::network(d).is_some() && luhn::valid(d),
            "no card network has such a number, or its check digit is wrong",
        ),
        "iban" if iban::valid(&compact.to_ascii_uppercase()) => Ok(()),
        "iban" => Err("its length is not its country's, or its check digits are wrong"),
        _ => match validate(kind, value) {
            Ok(()) => Ok(()),
            Err(ValidateError::UnknownKind) => return None,
            Err(ValidateError::Format) => Err("a character in it does not belong there"),
            Err(ValidateError::Length) => Err("it is too short or too long"),
            Err(ValidateError::Checksum) => Err("its check digits are wrong"),
            Err(ValidateError::Component) => Err("a part of it has a value that is not given out"),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_judged_by_their_kind() {
        for (kind, value, valid) in [
            ("luhn", "4992-739 8716", Some(true)),
            ("luhn", "4992 739 8717", Some(false)),
            ("luhn", "4992x", Some(false)),
            ("us.ssn", "536-90-4399", Some(true)),
            ("us.ssn", "666-90-4399", Some(false)),
            ("payment-card", "4111 1111 1111 1111", Some(true)),
            ("payment-card", "9111 1111 1111 1116", Some(false)),
            ("iban", "gb82 west 1234 5698 7654 32", Some(true)),
            ("iban", "GB82WEST1234569876543", Some(false)),
            ("shoe-size", "42", None),
            ("isbn", "978-0-471-11709-4", Some(true)),
            ("nl.bsn", "1112.22.333", Some(true)),
            ("nl.bsn", "1112.52.333", Some(false)),
        ] {
            assert_eq!(judge(kind, value).map(|r| r.is_ok()), valid, "{kind} {value}");
        }
    }
}
