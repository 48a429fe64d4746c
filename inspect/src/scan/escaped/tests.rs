//! Each form of an escape, whole and in every cut.

use proptest::prelude::*;

use super::*;
use crate::scan::{Catalog, Detector};

fn scanner() -> (Catalog, Scanner, DetectorSet) {
    let catalog = Catalog::builtin();
    let mut active = DetectorSet::EMPTY;
    for name in ["payment-card", "us-ssn", "email", "aws-access-key", "private-key"] {
        catalog.by_name(name).iter().for_each(|d| active.insert(d.id));
    }
    let scanner = Scanner::new(&catalog, &active);
    (catalog, scanner, active)
}

/// What is found in a text that comes in pieces, and the text with it masked. What is found has not left before.
fn masked(text: &[u8], writing: Writing, cut: usize) -> (Vec<(String, String)>, Vec<u8>) {
    let (catalog, scanner, active) = scanner();
    let mut state = ScanState::default();
    state.set_escapes(writing);
    let (mut out, mut all, mut at, mut released) = (text.to_vec(), Vec::new(), 0, 0);
    let mut found = Vec::new();
    for piece in text.chunks(cut) {
        at += piece.len();
        let last = at == text.len();
        found.clear();
        let held = scanner.scan(&mut state, piece, last, &active, &mut found);
        for f in &found {
            let detector: &Detector = catalog.get(f.detector).unwrap();
            let range = f.start as usize..f.end as usize;
            assert!(f.continued || range.start >= released, "{f:?} left at {released}");
            match state.masked(f, detector.mask_style) {
                Some(new) => out[range].copy_from_slice(&new),
                None => mask_range(detector.mask_style, f.context, &mut out[range]),
            }
            if !f.continued {
                let matched = String::from_utf8_lossy(state.matched(f)).into_owned();
                all.push((detector.name.clone(), matched));
            }
        }
        released = at - held;
    }
    (all, out)
}

fn check(writing: Writing, text: &str, value: &str, wanted: &str) {
    for cut in 1..=text.len() {
        let (found, out) = masked(text.as_bytes(), writing, cut);
        let values: Vec<&str> = found.iter().map(|(_, v)| v.as_str()).collect();
        assert_eq!(values, [value], "{text} in pieces of {cut}");
        assert_eq!(String::from_utf8_lossy(&out), wanted, "in pieces of {cut}");
    }
}

#[test]
fn each_form_is_found_and_masked_in_place() {
    let card = "4111111111111111";
    let rest = "111111111111";
    let stars = "*".repeat(12);
    for (text, wanted) in [
        (r#"{"n":"\u00341\u0031\u0031REST"}"#, r#"{"n":"\u002a*\u002a\u002aSTARS"}"#),
        (
            r#"{"p":"{\"n\":\"\\u003411\\u0031REST\"}"}"#,
            r#"{"p":"{\"n\":\"\\u002a**\\u002aSTARS\"}"}"#,
        ),
        ("<n>&#52;&#x31;1&#00049;REST</n>", "<n>&#42;&#x2a;*&#00042;STARS</n>"),
        ("a?n=%34%311%2531REST", "a?n=%2a%2a*%252aSTARS"),
    ] {
        check(Writing::Text, &text.replace("REST", rest), card, &wanted.replace("STARS", &stars));
    }
    check(
        Writing::Form,
        "a=1&n=4111+1111%201111+1111&b=2",
        "4111 1111 1111 1111",
        "a=1&n=****+****%20****+****&b=2",
    );
    check(
        Writing::Form,
        "mail=joe%40example.com&b=%C3%A9",
        "joe@example.com",
        "mail=***%40*******.***&b=%C3%A9",
    );
    check(
        Writing::Text,
        r#"{"m":"joe\u0040example.com"}"#,
        "joe@example.com",
        r#"{"m":"***\u0040*******.***"}"#,
    );
    check(
        Writing::Text,
        "<m>joe&commat;example.com</m>",
        "joe@example.com",
        "<m>***&commat;*******.***</m>",
    );
}

#[test]
fn quoted_printable_is_found_and_masked_in_place() {
    let card = "4111 1111 1111 1111";
    for (text, wanted) in [
        ("n: =34=31=31=31 1111 1111 1111 x", "n: =2a=2a=2a=2a **** **** **** x"),
        ("n: 4111 11=\r\n11 1111 111=\n1 x", "n: **** **=\r\n** **** ***=\n* x"),
        (
            "n: 4111 11= \t\r\n=31=31 1111=20=\r\n=\r\n1111 x",
            "n: **** **= \t\r\n=2a=2a ****=20=\r\n=\r\n**** x",
        ),
        // What is plain is the undecoded text's.
        (
            "=3D=\r\n=\r\n4111 1111 1111 1111 =\r\nx=3Dy",
            "=3D=\r\n=\r\n**** **** **** **** =\r\nx=3Dy",
        ),
    ] {
        check(Writing::Mail, text, card, wanted);
    }
    // Nobody reads it so in other text, and a sign that is none of it stands for itself.
    assert!(masked(b"n: =34=31=31=31 1111 1111 1111 x", Writing::Text, 100).0.is_empty());
    assert!(masked(b"n: 411=zz1 1111 1111 1111 x", Writing::Mail, 100).0.is_empty());
}

/// Text in base64, in both alphabets.
fn base64(text: &str) -> [String; 2] {
    use ::base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD, Engine};
    [BASE64_STANDARD.encode(text), BASE64_URL_SAFE_NO_PAD.encode(text)]
}

#[test]
fn what_is_in_base64_is_masked_in_it() {
    let (card, stars) = ("4111111111111111", "*".repeat(16));
    let note = "A longer note, of which the card number is a small thing: ";
    for text in [
        "CARD",
        "{\"card\":\"CARD\"}",
        "x CARD",
        "\u{feff}Jürgen Müller: CARD",
        &format!("{note}\"CARD\"; {note}"),
    ] {
        for (run, wanted) in
            base64(&text.replace("CARD", card)).iter().zip(base64(&text.replace("CARD", &stars)))
        {
            let within = |run: &str| format!("{{\"data\":\"{run}\",\"n\":1}}");
            check(Writing::Text, &within(run), card, &within(&wanted));
            check(Writing::Form, &format!("a=1&b={run}"), card, &format!("a=1&b={wanted}"));
        }
    }
    let lines = |card: &str| {
        let [coded, _] = base64(&format!("{note}{note}\"{card}\"{note}"));
        let lines: Vec<&str> =
            coded.as_bytes().chunks(76).map(|l| std::str::from_utf8(l).unwrap()).collect();
        format!("Content-Transfer-Encoding: base64\r\n\r\n{}\r\n", lines.join("\r\n"))
    };
    check(Writing::Text, &lines(card), card, &lines(&stars));
}

#[test]
fn the_claims_of_a_token_stay_as_they_are_signed() {
    let [_, header] = base64("{\"alg\":\"HS256\",\"typ\":\"JWT\"}");
    let [_, claims] = base64("{\"card\":\"4111111111111111\"}");
    for (text, wanted) in [(format!("{header}.{claims}.c2ln"), 0), (format!("x.{claims}"), 1)] {
        for cut in [1, 7, 1000] {
            assert_eq!(masked(text.as_bytes(), Writing::Text, cut).0.len(), wanted, "{text}");
        }
    }
}

#[test]
fn what_is_plain_is_found_once_and_what_is_half_an_escape_is_text() {
    for text in ["\\u00e9 4111111111111111 \\u0041", "100% 4111111111111111 &amp; \\"] {
        for cut in [1, 3, 100] {
            let (found, _) = masked(text.as_bytes(), Writing::Text, cut);
            assert_eq!(found.len(), 1, "{text} in pieces of {cut}");
        }
    }
    let (found, _) = masked(b"{\"n\":\"\\u00341111111111111112\"}", Writing::Text, 100);
    assert!(found.is_empty(), "no check digit");
}

proptest! {
    #[test]
    fn values_in_any_form_and_any_cut(
        forms in prop::collection::vec(0usize..7, 16), before in "[a-z %&\\\\;]{0,1400}", cut in 1usize..2000,
        behind in "[a-z ]{0,40}",
    ) {
        let card = "4111111111111111";
        let mut text = format!("{before}\"");
        let start = text.len();
        for (b, form) in card.bytes().zip(&forms) {
            text += &match form {
                0 => char::from(b).to_string(),
                1 => format!("\\u{b:04x}"),
                2 => format!("%{b:02X}"),
                3 => format!("&#{b};"),
                4 => format!("={b:02X}"),
                5 => format!("=\r\n{}", char::from(b)),
                _ => format!("&#x{b:X};"),
            };
        }
        let end = text.len();
        text += &format!("\"{behind}");
        let (found, out) = masked(text.as_bytes(), Writing::Mail, cut);
        let cards: Vec<_> = found.iter().filter(|(name, _)| name == "payment-card").collect();
        prop_assert_eq!(cards.len(), 1, "{:?} {}", found, text);
        prop_assert_eq!(&cards[0].1, card);
        prop_assert_eq!(&out[..start], &text.as_bytes()[..start]);
        prop_assert_eq!(&out[end..], &text.as_bytes()[end..]);
        let (again, _) = masked(&out, Writing::Mail, cut);
        prop_assert!(again.is_empty(), "{}", String::from_utf8_lossy(&out));
    }
}

#[test]
fn long_content_is_scanned_in_constant_memory() {
    let (_, scanner, active) = scanner();
    for (writing, part) in [
        (Writing::Form, "a=%34%35+x&"),
        (Writing::Text, "\\u0034 and more "),
        (Writing::Text, "{\"a\": 12}\n"),
        (Writing::Mail, "=34 and more=\r\n"),
    ] {
        let mut state = ScanState::default();
        state.set_escapes(writing);
        let piece = part.repeat(120);
        for _ in 0..1000 {
            scanner.scan(&mut state, piece.as_bytes(), false, &active, &mut Vec::new());
        }
        assert!(state.memory() < 128 << 10, "{part}: {}", state.memory());
    }
}
