//! However a message is cut: the same findings, and nothing of a match has left before it was reported.

use proptest::prelude::*;
use proptest::sample::select;
use weir_inspect::detector::DetectorSet;
use weir_inspect::scan::{
    Catalog, CustomDetector, CustomKind, Found, MAX_HOLD, ScanState, Scanner,
};

use super::{find, leaks, put_together, scanner};

/// Texts that are matches, nearly are, or touch one; put together at random.
const FRAGMENTS: &[&str] = &[
    "4111111111111111",
    "4111 1111 1111 1111",
    "3782-822463-10005",
    "4111 1111",
    "411",
    "5",
    "460-89-9847",
    "460-89",
    "\"ssn\":\"",
    "460899847",
    "GB82WEST12345698765432",
    "GB82 WEST 1234 5698 7654 32",
    "DE8",
    "bob@example.com",
    "ana.lopez",
    "@",
    "example.org",
    ".",
    "+1-984-182-0190",
    "+49",
    "(415) 555-2671",
    "(4",
    "905-674-3793",
    "0490 75 40 81",
    "AKIADQJ6PTGDFFWYX7A2",
    "AKIA",
    "A",
    "ghp_XIxB7KMNdAr3zqWtQqhE94qglHqOzn1D1stg",
    "sk_live_",
    "dhhfUUyfrAace5dBAZ10JrAD",
    "xoxb-781236542736-2364535789652-GkwFDQoHqzXDVsC6GzqYUypD",
    "xox",
    "secret_access_key=",
    "IwJz1SHMccAKUKuskdVoHFfkre73BTyF80nRmcWc",
    "eyJhbGciOiJIUzI1NiJ9",
    ".eyJzdWIiOiIxIn0",
    ".c2lnbmF0dXJl",
    "eyJ",
    "-----BEGIN PRIVATE KEY-----",
    "\\nMIIEpQIBAAKCAQEAn6/O8li+SX4m98",
    "\\n",
    "\\",
    "-----END PRIVATE KEY-----",
    "-----",
    "-",
    " ",
    "\"",
    "\\u0020",
    "%20",
    "é",
    "\"id\":",
    "4539148803436461",
    "4539148803436467",
    "\"v\":",
    "\"vs\":[",
    "[",
    "\"cvv\":",
    "order no. ",
    ",",
    ":",
    "{\"pan\":",
    "}",
    "x",
    "_",
    "\0",
    "\n",
    "lorem ipsum dolor sit amet consectetur",
    "12",
    "2024-01-02 03:04:05.123",
];

fn text() -> impl Strategy<Value = Vec<u8>> {
    let fragment = prop_oneof![
        // A field of protobuf with a card as a varint, and one whose check digit is wrong.
        1 => select(vec![4_539_148_803_436_467u64, 4_539_148_803_436_461]).prop_map(varint),
        12 => select(FRAGMENTS).prop_map(|f| f.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..4),
        1 => "[a-z0-9 ]{40,160}".prop_map(String::into_bytes),
    ];
    prop::collection::vec(fragment, 0..16).prop_map(|f| f.concat())
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut field = vec![0x10];
    while value >= 0x80 {
        field.push(value as u8 | 0x80);
        value >>= 7;
    }
    field.push(value as u8);
    field
}

/// Scans in pieces of these lengths, again and again. Checks what was held against what was found.
fn find_in_pieces(
    scanner: &Scanner,
    all: &DetectorSet,
    text: &[u8],
    cuts: &[usize],
    binary: bool,
) -> Vec<Found> {
    let mut state = ScanState::default();
    state.set_binary(binary);
    let (mut found, mut released, mut at) = (Vec::new(), 0u64, 0);
    for cut in cuts.iter().cycle() {
        let end = (at + cut).min(text.len());
        let known = found.len();
        let last = end == text.len();
        let held = scanner.scan(&mut state, &text[at..end], last, all, &mut found);
        for f in found[known..].iter().filter(|f| f.end - f.start <= MAX_HOLD as u64) {
            assert!(
                f.start >= released,
                "{f:?} was reported after {released} bytes had left of {}",
                text.escape_ascii()
            );
            let matched = &text[f.start as usize..(f.end as usize).min(text.len())];
            assert!(f.continued || state.matched(f) == matched, "the copy of {f:?}");
        }
        assert!(held <= MAX_HOLD);
        released = released.max((end - held.min(end)) as u64);
        at = end;
        if last {
            return found;
        }
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn cuts_do_not_matter(text in text(), cuts in prop::collection::vec(1usize..80, 1..6)) {
        let (catalog, scanner, all) = scanner();
        let found = find_in_pieces(scanner, all, &text, &cuts, false);
        let (found, whole) = (put_together(catalog, &found), find(&text));
        prop_assert!(found == whole, "in pieces {found:?}\nwhole {whole:?}\n{}", text.escape_ascii());
    }

    #[test]
    fn cuts_do_not_matter_in_protobuf(text in text(), cuts in prop::collection::vec(1usize..80, 1..6)) {
        let (catalog, scanner, all) = scanner();
        let found = find_in_pieces(scanner, all, &text, &cuts, true);
        let whole = find_in_pieces(scanner, all, &text, &[text.len() + 1], true);
        let (found, whole) = (put_together(catalog, &found), put_together(catalog, &whole));
        prop_assert!(found == whole, "in pieces {found:?}\nwhole {whole:?}\n{}", text.escape_ascii());
    }

    #[test]
    fn any_bytes_in_any_pieces(text in prop::collection::vec(any::<u8>(), 0..600), cuts in prop::collection::vec(1usize..200, 1..4)) {
        let (catalog, scanner, all) = scanner();
        let found = find_in_pieces(scanner, all, &text, &cuts, false);
        prop_assert_eq!(put_together(catalog, &found), find(&text));
    }
}

/// Found by the property test: more strings may end in a run of digits than are tried, and which are tried must not
/// depend on how much of the run is there.
#[test]
fn a_run_that_many_strings_could_end_in() {
    let (catalog, scanner, all) = scanner();
    let text = b"3782-822463-100054111 1111\x00\x003782-822463-100054111 1111 1111 1111\\eyJhbGciOiJIUzI1NiJ9\
        GB82WEST12345698765432(4+1-984-182-0190(415) 555-26714111111111111111";
    let whole = find_in_pieces(scanner, all, text, &[text.len() + 1], true);
    let whole = put_together(catalog, &whole);
    for first in 1..=text.len() {
        for cut in 1..80 {
            let found = find_in_pieces(scanner, all, text, &[first, cut], true);
            assert_eq!(put_together(catalog, &found), whole, "cut at {first}, then each {cut}");
        }
    }
}

#[test]
fn each_cut_of_a_long_body() {
    let (catalog, scanner, all) = scanner();
    let filler = "{\"status\":\"approved standard express\",\"total\":123.45},".repeat(20);
    let text =
        format!("{filler}{{\"pan\":\"4111 1111 1111 1111\",\"m\":\"bob@example.com\"}}{filler}");
    let whole = find(text.as_bytes());
    assert_eq!(whole.len(), 2);
    for cut in 1..text.len() {
        let found = find_in_pieces(scanner, all, text.as_bytes(), &[cut], false);
        assert_eq!(put_together(catalog, &found), whole, "cut at {cut}");
    }
}

#[test]
fn a_longer_candidate_than_is_held_is_still_found() {
    let mut catalog = Catalog::builtin();
    let kind = CustomKind::Regex("BEGIN[a-z]{600,800}END".to_owned());
    let custom = |name: &str, kind| CustomDetector {
        name: name.to_owned(),
        category: weir_inspect::detector::Category::Custom,
        kind,
        case_insensitive: false,
        max_len: 900,
        valid: None,
        conditions: None,
    };
    catalog.add_custom(custom("long", kind)).unwrap();
    let all = leaks(&catalog);
    let scanner = Scanner::new(&catalog, &all);
    let text = format!("xx BEGIN{}END yy", "q".repeat(700));
    let (mut state, mut found) = (ScanState::default(), Vec::new());
    for byte in text.as_bytes() {
        assert!(
            scanner.scan(&mut state, std::slice::from_ref(byte), false, &all, &mut found)
                <= MAX_HOLD
        );
    }
    scanner.scan(&mut state, b"", true, &all, &mut found);
    assert_eq!(put_together(&catalog, &found), [("long".to_owned(), 3, 711)]);
}

#[test]
fn custom_detectors_are_found_in_pieces() {
    let mut catalog = Catalog::builtin();
    for (name, kind, case_insensitive) in [
        ("project", CustomKind::Literals(vec!["Blue Heron".to_owned()]), true),
        ("ticket", CustomKind::Regex(r"\bINC-[0-9]{6}\b".to_owned()), false),
        ("anything", CustomKind::Regex(r"[a-f]+=[0-9]{3}z".to_owned()), false),
    ] {
        let category = weir_inspect::detector::Category::Custom;
        let custom = CustomDetector {
            name: name.to_owned(),
            category,
            kind,
            case_insensitive,
            max_len: 40,
            valid: None,
            conditions: None,
        };
        let id = catalog.add_custom(custom).unwrap();
        assert_eq!(catalog.is_slow(id), name == "anything");
    }
    let all = leaks(&catalog);
    let scanner = Scanner::new(&catalog, &all);
    let text = b"the bLuE hErOn: INC-123456, XINC-123456, INC-1234567; cafe=123z";
    for cut in 1..text.len() {
        let found = find_in_pieces(&scanner, &all, text, &[cut], false);
        let expected: Vec<_> = [("anything", 53, 62), ("project", 4, 14), ("ticket", 16, 26)]
            .map(|(n, s, e)| (n.to_owned(), s, e))
            .to_vec();
        let got = put_together(&catalog, &found);
        assert_eq!(got.iter().filter(|m| m.0 != "anything").count(), 2, "{got:?}");
        assert!(expected.iter().skip(1).all(|e| got.contains(e)), "{got:?}");
        assert!(got.iter().any(|m| m.0 == "anything"), "{got:?}");
    }
}

#[test]
fn an_attack_in_a_request_body_is_reported_once() {
    let catalog = Catalog::builtin();
    let mut attacks = DetectorSet::EMPTY;
    attacks.insert(catalog.by_name("sql-injection").unwrap().id);
    let scanner = Scanner::new(&catalog, &attacks);
    let body = b"name=ana&id=1%27+UNION+SELECT+user,pass+FROM+users--&again=1%27+UNION+SELECT+1--";
    for size in [1, 7, 40, 200] {
        let (mut state, mut found) = (ScanState::default(), Vec::new());
        for piece in body.chunks(size) {
            scanner.scan(&mut state, piece, false, &DetectorSet::EMPTY, &mut found);
        }
        assert_eq!(found, [], "a response is not searched for attacks");
        state.reset();
        state.set_attacks(&attacks);
        for piece in body.chunks(size) {
            scanner.scan(&mut state, piece, false, &DetectorSet::EMPTY, &mut found);
        }
        assert_eq!(found.len(), 1, "in pieces of {size}: {found:?}");
    }
}
