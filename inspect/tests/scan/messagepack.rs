//! MessagePack: texts between bytes that look like letters and digits, and cards as numbers.

use proptest::prelude::*;
use weir_inspect::path::Paths;
use weir_inspect::scan::{Context, Found, Kept, ScanState, mask};

use super::{put_together, scanner};

const CARD: u64 = 4_539_148_803_436_467;

fn text(text: &str, out: &mut Vec<u8>) {
    match text.len() {
        short @ ..32 => out.push(0xa0 | short as u8),
        length => out.extend([0xd9, u8::try_from(length).unwrap()]),
    }
    out.extend(text.as_bytes());
}

fn find(content: &[u8], lengths: &[usize]) -> Vec<(Found, Vec<u8>)> {
    let (_, scanner, all) = scanner();
    let (mut state, mut found, mut at, mut left) = (ScanState::default(), Vec::new(), 0, 0);
    state.set_messagepack();
    for length in lengths.iter().cycle() {
        let to = (at + length).min(content.len());
        let mut new = Vec::new();
        let held = scanner.scan(&mut state, &content[at..to], to == content.len(), all, &mut new);
        assert!(new.iter().all(|f| f.start >= left), "{new:?} after {left}");
        found.extend(new.into_iter().map(|f| (f, state.matched(&f).to_vec())));
        (at, left) = (to, (to - held) as u64);
        if at == content.len() {
            break;
        }
    }
    found
}

/// What is found: detector, path, value.
fn told(content: &[u8]) -> Vec<(String, String, String)> {
    let (catalog, ..) = scanner();
    let mut paths = Paths::default();
    paths.begin(b"application/msgpack", false);
    let kept = Kept { base: 0, bytes: content };
    let found = find(content, &[content.len()]);
    let told = found.into_iter().map(|(f, matched)| {
        let name = catalog.get(f.detector).unwrap().name.clone();
        (name, paths.path(kept, f.start, f.end), String::from_utf8(matched).unwrap())
    });
    told.collect()
}

#[test]
fn a_card_is_found_as_a_number_of_any_form_and_masked() {
    let forms: [Vec<u8>; 3] = [
        [&[0xcf][..], &CARD.to_be_bytes()].concat(),
        [&[0xd3][..], &CARD.to_be_bytes()].concat(),
        [&[0xcb][..], &(CARD as f64).to_be_bytes()].concat(),
    ];
    for number in forms {
        // {"a": {"value": [1, CARD]}, "order_id": CARD}
        let mut content = vec![0x82, 0xa1, b'a', 0x81];
        text("value", &mut content);
        content.extend([0x92, 1]);
        content.extend(&number);
        let end = content.len();
        text("order_id", &mut content);
        content.extend(&number);
        let wanted = ("payment-card".into(), "$.a.value[1]".into(), CARD.to_string());
        assert_eq!(told(&content), [wanted]);
        for cut in 1..content.len() {
            let (f, matched) = find(&content, &[cut]).pop().unwrap();
            assert_eq!((f.start, f.end, f.context), (end as u64 - 8, end as u64, Context::Fixed));
            assert_eq!(matched, CARD.to_string().as_bytes());
            let mut bytes = content[end - 8..end].to_vec();
            mask(scanner().0.get(f.detector).unwrap(), f.context, &mut bytes);
            assert_eq!(bytes, [0; 8]);
        }
    }
}

#[test]
fn a_text_is_found_beside_every_length_and_small_number() {
    for (detector, value) in [
        ("payment-card", "4111 1111 1111 1111"),
        ("email", "ana@example.com"),
        ("aws-access-key", "AKIADQJ6PTGDFFWYX7A2"),
    ] {
        for length in value.len()..=200 {
            let padded = format!("{value}{}", " ".repeat(length - value.len()));
            for neighbour in [0x30, 0x39, b'A', b'z', b'_', b'-', b'.'] {
                let mut content = vec![0x93, neighbour];
                text(&padded, &mut content);
                content.push(neighbour);
                let wanted = (detector.to_owned(), "$[1]".to_owned(), value.to_owned());
                assert_eq!(told(&content), [wanted], "{length} {neighbour}");
            }
        }
    }
}

#[test]
fn what_a_name_tells_is_found_and_framing_is_never_in_a_match() {
    let mut content = vec![0x82];
    text("password", &mut content);
    text("Xk7!pq2mVw9z", &mut content);
    text("groups", &mut content);
    content.push(0x92);
    text("4111 1111", &mut content);
    text("1111 1111", &mut content);
    let wanted = ("password-value".into(), "$.password".into(), "Xk7!pq2mVw9z".into());
    assert_eq!(told(&content), [wanted]);
}

fn item() -> impl Strategy<Value = Vec<u8>> {
    let texts = [
        "4111111111111111",
        "4111 1111",
        "1111 1111",
        "a@x.org",
        "card",
        "password",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln",
    ];
    let text_item = |value: &str| {
        let mut out = Vec::new();
        text(value, &mut out);
        out
    };
    prop_oneof![
        4 => prop::sample::select(texts.to_vec()).prop_map(text_item),
        2 => Just([&[0xcf][..], &CARD.to_be_bytes()].concat()),
        1 => any::<u64>().prop_map(|n| [&[0xcf][..], &n.to_be_bytes()].concat()),
        1 => prop::collection::vec(any::<u8>(), 0..4),
        1 => prop::sample::select(vec![vec![0x91], vec![0x82], vec![0xdc, 0, 3], vec![0x07], vec![0xc0]]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn cuts_do_not_matter_in_messagepack(
        items in prop::collection::vec(item(), 1..24),
        lengths in prop::collection::vec(1usize..60, 1..6),
    ) {
        let content = items.concat();
        let matches = |lengths: &[usize]| {
            let found: Vec<_> = find(&content, lengths).into_iter().map(|(f, _)| f).collect();
            put_together(scanner().0, &found)
        };
        prop_assert_eq!(matches(&lengths), matches(&[content.len().max(1)]));
    }
}
