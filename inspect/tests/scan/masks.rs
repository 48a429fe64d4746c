//! A mask leaves no value, keeps the length and the document valid.

use weir_inspect::scan::{Context, MaskStyle, ScanState, mask, mask_range, sample};

use super::scanner;

/// The text after everything found in it was masked, and what was found.
fn masked(text: &str) -> String {
    let (catalog, scanner, all) = scanner();
    let mut found = Vec::new();
    scanner.scan(&mut ScanState::default(), text.as_bytes(), true, all, &mut found);
    let mut bytes = text.as_bytes().to_vec();
    for f in found {
        mask(
            catalog.get(f.detector).unwrap(),
            f.context,
            &mut bytes[f.start as usize..f.end as usize],
        );
    }
    String::from_utf8(bytes).unwrap()
}

#[test]
fn a_masked_document_stays_json() {
    for (text, expected) in [
        (r#"{"pan":"4111 1111 1111 1111"}"#, r#"{"pan":"**** **** **** ****"}"#),
        (r#"{"pan":4111111111111111,"a":1}"#, r#"{"pan":9999999999999999,"a":1}"#),
        (
            r#"{"pan": [4111111111111111, 5555555555554444]}"#,
            r#"{"pan": [9999999999999999, 9999999999999999]}"#,
        ),
        (r#"{"ssn":460899847}"#, r#"{"ssn":999999999}"#),
        (r#"{"m":"write to ana@example.com"}"#, r#"{"m":"write to ***@*******.***"}"#),
        (
            r#"{"k":"-----BEGIN PRIVATE KEY-----\nMIIEpQIBAAKCAQEAn6\n-----END PRIVATE KEY-----\n"}"#,
            r#"{"k":"********** ******* ************************************** ******* ********\n"}"#,
        ),
    ] {
        assert_eq!(masked(text), expected);
        let _: serde_json::Value = serde_json::from_str(&masked(text)).unwrap();
        assert_eq!(masked(expected), expected, "nothing is found in what was masked");
    }
}

#[test]
fn a_mask_in_parts_is_the_mask_of_the_whole() {
    let text = b"-----BEGIN PRIVATE KEY-----\\nMIIE 4111-1111";
    for style in [MaskStyle::Digits, MaskStyle::Alphanumeric, MaskStyle::All] {
        let mut whole = text.to_vec();
        mask_range(style, Context::InString, &mut whole);
        for cut in 0..text.len() {
            let mut parts = text.to_vec();
            let (a, b) = parts.split_at_mut(cut);
            mask_range(style, Context::InString, a);
            mask_range(style, Context::InString, b);
            assert_eq!(parts, whole);
        }
    }
}

#[test]
fn quotes_survive_a_mask() {
    let mut text = br#"password":"a\"b\\","x":12"#.to_vec();
    mask_range(MaskStyle::All, Context::InString, &mut text);
    assert_eq!(text, br#"********"*"*\"*\\"*"*"***"#);
}

#[test]
fn a_sample_shows_little() {
    let (catalog, ..) = scanner();
    let sample_of =
        |name: &str, text: &str| sample(catalog.by_name(name).unwrap(), text.as_bytes());
    assert_eq!(sample_of("payment-card", "4111111111111111"), "41**********1111");
    assert_eq!(sample_of("us-ssn", "460-89-9847"), "4**-**-*847");
    assert_eq!(sample_of("email", "ana@example.com"), "an*@*******.***");
    assert_eq!(sample_of("aws-access-key", "AKIADQJ6PTGDFFWYX7A2"), "AKI*****************");
    assert!(sample_of("private-key", &"-".repeat(500)).len() <= 40);
}
