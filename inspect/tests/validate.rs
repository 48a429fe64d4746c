//! The validators against python-stdnum's examples.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::collections::BTreeMap;
use std::path::PathBuf;

use weir_inspect::validate::{ValidateError, kinds, validate};

#[test]
fn kinds_agree_with_python_stdnum() {
    let shared = std::env::var_os("WEIR_SHARED")
        .map_or_else(|| PathBuf::from("../../shared"), PathBuf::from);
    let path = shared.join("corpora/detect/ids.jsonl");
    let text = std::fs::read_to_string(&path);
    let text = text.unwrap_or_else(|e| panic!("{}: {e}; set WEIR_SHARED", path.display()));
    let mut tally: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for line in text.lines() {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        let (kind, value) = (row["kind"].as_str().unwrap(), row["value"].as_str().unwrap());
        let outcome = validate(kind, value);
        if outcome == Err(ValidateError::UnknownKind) {
            continue;
        }
        let (right, all) = tally.entry(kind.to_owned()).or_default();
        *all += 1;
        if outcome.is_ok() == row["valid"].as_bool().unwrap() {
            *right += 1;
        } else {
            println!("{kind} {value}: {outcome:?}");
        }
    }
    let (right, all) = tally.values().fold((0, 0), |(r, a), (right, all)| (r + right, a + all));
    println!("{right} of {all} values of {} kinds; {tally:?}", tally.len());
    assert!(tally.len() >= 60 && right * 1000 >= all * 995);
}

#[test]
fn kinds_of_our_own() {
    assert!(kinds().count() >= 65);
    for (kind, value, outcome) in [
        ("credit-card", "4111 1111 1111 1111", Ok(())),
        ("credit-card", "4111 1111 1111 1112", Err(ValidateError::Checksum)),
        ("credit-card", "9111 1111 1111 1111", Err(ValidateError::Checksum)),
        ("credit-card", "0000000000000000", Err(ValidateError::Component)),
        ("credit-card", "4111", Err(ValidateError::Length)),
        ("email", "ana@example.com", Ok(())),
        ("email", "ana@example.com, bob", Err(ValidateError::Format)),
        ("phone", "+1-984-182-0190", Ok(())),
        ("phone", "12", Err(ValidateError::Format)),
        ("jwt", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", Ok(())),
        ("jwt", "eyJhbGciOiJIUzI1NiJ9", Err(ValidateError::Format)),
        ("postal-address", "Lindenstraße 12b, 10969 Berlin", Ok(())),
        ("postal-address", "1600 Pennsylvania Ave NW", Ok(())),
        ("postal-address", "Pennsylvania Ave", Err(ValidateError::Format)),
        ("postal-address", "12 apples", Err(ValidateError::Format)),
        ("birth-date", "1992-10-11T00:00:00Z", Ok(())),
        ("birth-date", "19870423", Ok(())),
        ("birth-date", "March 2nd, 1961", Ok(())),
        ("birth-date", "23 de abril de 1987", Ok(())),
        ("birth-date", "19871423", Err(ValidateError::Component)),
        ("birth-date", "2 Smarch 1961", Err(ValidateError::Format)),
        ("birth-date", "March 1961", Err(ValidateError::Format)),
        ("gb.nino", "AB 12 34 56 C", Ok(())),
        ("gb.nino", "BG 12 34 56 C", Err(ValidateError::Component)),
        ("hk.hkid", "A123456(3)", Ok(())),
        ("hk.hkid", "AB987654(3)", Ok(())),
        ("hk.hkid", "A123456(4)", Err(ValidateError::Checksum)),
        ("sg.nric", "S1234567D", Ok(())),
        ("sg.nric", "T1234567D", Err(ValidateError::Checksum)),
        ("us.ssn", "666-12-3456", Err(ValidateError::Component)),
        ("no-such", "1", Err(ValidateError::UnknownKind)),
    ] {
        assert_eq!(validate(kind, value), outcome, "{kind} {value}");
    }
}
