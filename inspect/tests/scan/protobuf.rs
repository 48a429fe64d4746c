//! Strings in protobuf messages, next to framing bytes that look like digits and letters.

use weir_inspect::scan::{ScanState, mask, sample};

use super::{Match, put_together, scanner};

fn find(bytes: &[u8]) -> Vec<Match> {
    let (catalog, scanner, all) = scanner();
    let mut state = ScanState::default();
    state.set_binary(true);
    let mut found = Vec::new();
    scanner.scan(&mut state, bytes, true, all, &mut found);
    put_together(catalog, &found)
}

fn varint(mut n: usize, out: &mut Vec<u8>) {
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

fn string(field: usize, text: &str, out: &mut Vec<u8>) {
    varint(field << 3 | 2, out);
    varint(text.len(), out);
    out.extend_from_slice(text.as_bytes());
}

#[test]
fn a_value_beside_every_field_and_length() {
    let values = [
        ("payment-card", "4111111111111111"),
        ("payment-card", "4111 1111 1111 1111"),
        ("us-ssn", "460-89-9847"),
        ("email", "ana@example.com"),
        ("iban", "DE89370400440532013000"),
        ("aws-access-key", "AKIADQJ6PTGDFFWYX7A2"),
        ("stripe-key", "sk_live_dhhfUUyfrAace5dBAZ10JrAD"),
    ];
    for (detector, value) in values {
        for field in 1..=40 {
            for neighbour in ["", "7", "0123456789", &"x".repeat(48), &"y".repeat(57)] {
                for lead in ["", "card: ", &"z".repeat(33), &"long text ".repeat(20)] {
                    let mut message = Vec::new();
                    string(field, neighbour, &mut message);
                    let text = format!("{lead}{value}");
                    string(
                        field + 1,
                        if lead.starts_with('z') { value } else { &text },
                        &mut message,
                    );
                    let end = message.len() as u64;
                    string(field + 2, neighbour, &mut message);
                    varint((field + 3) << 3, &mut message);
                    message.push(b'5');
                    let expected = (detector.to_owned(), end - value.len() as u64, end);
                    let found = find(&message);
                    assert!(
                        found.contains(&expected),
                        "{detector} in field {} after {lead:?} beside {neighbour:?}: {found:?} for {expected:?} in {}",
                        field + 1,
                        message.escape_ascii(),
                    );
                }
            }
        }
    }
}

#[test]
fn a_number_after_a_number_field() {
    // field 6 varint '5' (0x30 0x35), then field 2: a card.
    let mut message = vec![0x30, 0x35];
    string(2, "4111111111111111", &mut message);
    // field 6 (tag '2') and a string of 57 ('9') characters that begins with a card.
    string(6, "4111111111111111 is the number of the card, it expires so", &mut message);
    let cards: Vec<_> = find(&message).into_iter().filter(|m| m.0 == "payment-card").collect();
    assert_eq!(cards.len(), 2, "{cards:?}");
}

#[test]
fn a_card_as_a_varint_is_found_and_masked_as_one() {
    let mut message = Vec::new();
    string(1, "Maria", &mut message);
    varint(2 << 3, &mut message);
    let start = message.len();
    varint(4_539_148_803_436_467, &mut message);
    let end = message.len();
    string(3, "Lyon", &mut message);
    let (catalog, scanner, all) = scanner();
    let (mut state, mut found) = (ScanState::default(), Vec::new());
    state.set_binary(true);
    scanner.scan(&mut state, &message, true, all, &mut found);
    let card = catalog.by_name("payment-card").unwrap();
    let [one] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((one.detector, one.start, one.end), (card.id, start as u64, end as u64));
    assert_eq!(sample(card, &message[start..end]), "********");
    mask(card, one.context, &mut message[start..end]);
    let mut zero = vec![0x80; end - start];
    zero[end - start - 1] = 0;
    assert_eq!(message[start..end], zero);
    // The first whose check digit is wrong makes an id of the next with the same tag.
    let mut ids = Vec::new();
    for id in [4_539_148_803_436_461, 4_539_148_803_436_467] {
        varint(2 << 3, &mut ids);
        varint(id, &mut ids);
    }
    assert_eq!(find(&ids), []);
}

#[test]
fn a_part_of_a_string_of_digits_is_no_card() {
    // The first 15 digits pass all checks of a card, and what follows them could be a tag.
    for (number, cards) in
        [("371449635398431", 1), ("3714496353984312", 0), ("37144963539843125", 0)]
    {
        let mut message = Vec::new();
        string(1, "north", &mut message);
        string(3, number, &mut message);
        string(1, "south", &mut message);
        let found = find(&message);
        let found = found.iter().filter(|m| m.0 == "payment-card").count();
        assert_eq!(found, cards, "{number}");
    }
}
