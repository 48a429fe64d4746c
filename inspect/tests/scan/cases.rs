//! What is a match and what only looks like one.

use super::{find, texts};

const PEM: &str = "-----BEGIN RSA PRIVATE KEY-----\\nMIIEpQIBAAKCAQEAn6/O8li+SX4m98LLYt/PKSzEmQ++ZBD7\\nLoh9P13f4yQ92EF3yxR5MsXFu9PR\\n-----END RSA PRIVATE KEY-----";
const JWT: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U";

#[track_caller]
fn is_found(detector: &str, text: &str, part: &str) {
    assert_eq!(texts(text, detector), [part], "{detector} in {text}");
}

#[track_caller]
fn is_clean(text: &str) {
    assert_eq!(find(text.as_bytes()), [], "{text}");
}

#[test]
fn cards() {
    for card in [
        "4111111111111111",
        "4111 1111 1111 1111",
        "4111-1111-1111-1111",
        "5555555555554444",
        "2223003122003222",
        "378282246310005",
        "3782 822463 10005",
        "6011111111111117",
        "3530111333300000",
        "36227206271667",
        "6304000000000000",
    ] {
        for text in [
            card.to_owned(),
            format!("{{\"pan\": \"{card}\"}}"),
            format!("{{\"note\":\"card {card} 12/27\"}}"),
            format!("{{\"note\":\"line\\n{card}\\n\"}}"),
            format!("number={card}&cvc=123"),
            format!("<card>{card}</card>"),
            format!("a,{card},b"),
            format!("1 {card}."),
        ] {
            is_found("payment-card", &text, card);
        }
    }
    is_found("payment-card", "{\"pan\": 4111111111111111}", "4111111111111111");
    is_found("payment-card", "{\"a\":\"x\\u00204111111111111111\"}", "4111111111111111");
    is_found("payment-card", "4222222222222", "4222222222222");
}

#[test]
fn what_only_looks_like_a_card() {
    for text in [
        "4111111111111112",                       // Luhn
        "9111111111111111",                       // issuer
        "0.4111111111111111",                     // fraction
        "{\"v\": 4.4111111111111111}",            // fraction
        "x4111111111111111",                      // part of a word
        "4111111111111111a",                      // part of a word
        "44111111111111111",                      // 17 digits
        "12-4111111111111111",                    // an id in parts
        "4111111111111111-22",                    // an id in parts
        "9f8b4111111111111111cafe",               // hexadecimal
        "4111 1111-1111 1111",                    // mixed separators
        "4111  1111  1111  1111",                 // two spaces
        "1234 4111 1111 1111 1111",               // a column of numbers
        "4111 1111 1111 1111 1234",               // a column of numbers
        "{\"id\":4235118472410793}",              // an id that passes Luhn
        "{\"span_id\":\"6252933144469107600\"}",  // a 64-bit id that passes Luhn
        "capacity:4999991611392",                 // a measure
        "{\"created\":\"2024-01-02T03:04:05Z\"}", // a date
        "2024-01-02 03:04:05.123456",             // a date
        "{\"order\":4929386512,\"x\":1}",         // ten digits
    ] {
        is_clean(text);
    }
}

#[test]
fn what_stands_around_a_number_decides() {
    let card = "4539148803436467";
    for text in [
        format!("{{\"value\":{card}}}"),
        format!("{{\"ref\":\"{card}\"}}"),
        format!("[{card},17]"),
        format!("{{\"values\": [\n  \"378282246310\",\n  \"{card}\"\n]}}"),
        format!("{{\"note\":\"please charge {card} instead\"}}"),
        format!("{{\"note\":\"for order 17 I paid with the card {card}\"}}"),
        format!("{{\"order_card_number\":\"{card}\"}}"),
        format!("{{\"id\":\"{card}\",\"cvv\":\"123\",\"x\":1}}"),
        format!("{{\"expMonth\":\"12\",\"id\":\"{card}\"}}"),
    ] {
        is_found("payment-card", &text, card);
    }
    let grouped = "4539 1488 0343 6467";
    for text in [
        format!("{{\"order\":\"{card}\"}}"),
        format!("{{\"orderNumber\":{card}}}"),
        format!("{{\"tracking_no\":\"{grouped}\"}}"),
        format!("{{\"note\":\"Your order no. {card} was sent\"}}"),
        format!("{{\"note\":\"invoice is {grouped} now\"}}"),
        format!("{{\"order_ids\":[{card}]}}"),
        format!("{{\"a\":[4539148803436461,{card}]}}"),
        format!("{{\"a\":[\"{card}\", \"4539148803436461\"]}}"),
        format!("[{{\"v\":4539148803436461}},{{\"v\":{card}}}]"),
    ] {
        is_clean(&text);
    }
}

#[test]
fn social_security_numbers() {
    for text in ["460-89-9847", "\"ssn\": \"460-89-9847\"", "ssn=460-89-9847&x"] {
        is_found("us-ssn", text, "460-89-9847");
    }
    is_found("us-ssn", "{\"ssn\":\"460899847\"}", "460899847");
    is_found("us-ssn", "{\"ssn\":460899847}", "460899847");
    is_found("us-ssn", "SSN: 460 89 9847", "460 89 9847");
    is_found("us-ssn", "my social security number is 460 89 9847.", "460 89 9847");
    for text in [
        "000-89-9847",
        "666-89-9847",
        "900-89-9847",
        "460-00-9847",
        "460-89-0000",
        "460899847",
        "460 89 9847",
        "2460-89-9847",
        "460-89-98471",
        "460-89-9847-1",
        "{\"session\":460899847}",
    ] {
        is_clean(text);
    }
}

#[test]
fn bank_accounts() {
    for iban in ["GB82WEST12345698765432", "DE89370400440532013000", "NO9386011117947"] {
        is_found("iban", &format!("{{\"iban\":\"{iban}\"}}"), iban);
    }
    is_found("iban", "IBAN: GB82 WEST 1234 5698 7654 32.", "GB82 WEST 1234 5698 7654 32");
    for text in [
        "GB83WEST12345698765432",
        "XGB82WEST12345698765432",
        "GB82WEST123456987654321",
        "ZZ82WEST1234569876543",
    ] {
        is_clean(text);
    }
}

#[test]
fn addresses() {
    for (text, address) in [
        ("{\"email\": \"ana.lopez7@example.com\"}", "ana.lopez7@example.com"),
        ("write to bob@mail.example.co.uk.", "bob@mail.example.co.uk"),
        ("<bob@example.org>", "bob@example.org"),
        ("\"a\\nbob@example.org\"", "bob@example.org"),
        ("mailto:o.k+tag@example.org?x", "o.k+tag@example.org"),
        ("\\u003cbob@example.org\\u003e", "bob@example.org"),
    ] {
        is_found("email", text, address);
    }
    for text in [
        "icon@2x.png",
        "a@b",
        "@example.com",
        "https://user:pw@example.com/x",
        "bob@example",
        "a@@example.com",
    ] {
        is_clean(text);
    }
}

#[test]
fn phones() {
    for (text, phone) in [
        ("call 905-674-3793 now", "905-674-3793"),
        ("+1-984-182-0190", "+1-984-182-0190"),
        ("\"(415) 555-2671\"", "(415) 555-2671"),
        ("+41 (0)96 471 07 95", "+41 (0)96 471 07 95"),
        ("345-899-3560x4587", "345-899-3560"),
        ("+14155552671", "+14155552671"),
        ("0490 75 40 81", "0490 75 40 81"),
    ] {
        is_found("phone", text, phone);
    }
    for text in
        ["4155552671", "123-456-7890", "2024.01.02", "v10.11.12.13", "1+14155552671", "+0415555267"]
    {
        is_clean(text);
    }
}

#[test]
fn keys_and_tokens() {
    for (detector, text) in [
        ("aws-access-key", "AKIADQJ6PTGDFFWYX7A2"),
        ("aws-access-key", "ASIAOZW6VBVAZFJHJLQA"),
        ("gcp-api-key", "AIzaSyNHxIf32IQ1a1yjl3ZJIqKZqzLAK1XhDk-"),
        ("github-token", "ghp_XIxB7KMNdAr3zqWtQqhE94qglHqOzn1D1stg"),
        (
            "github-token",
            "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",
        ),
        ("slack-token", "xoxb-781236542736-2364535789652-GkwFDQoHqzXDVsC6GzqYUypD"),
        ("slack-token", "xoxp-41684372915-1320496754-45609968301-e708ba56e1517a99f6b5fb07349476ef"),
        ("stripe-key", "sk_live_dhhfUUyfrAace5dBAZ10JrAD"),
        ("jwt", JWT),
        ("private-key", PEM),
    ] {
        is_found(detector, &format!("{{\"k\":\"{text}\"}}"), text);
        is_found(detector, text, text);
    }
    is_found("private-key", &PEM.replace("\\n", "\n"), &PEM.replace("\\n", "\n"));
    let secret = "IwJz1SHMccAKUKuskdVoHFfkre73BTyF80nRmcWc";
    is_found("aws-secret-key", &format!("aws_secret_access_key = {secret}"), secret);
}

#[test]
fn what_only_looks_like_a_key() {
    for text in [
        "AKIAXXXXXXXXXXXXXXXX",
        "AKIAIOSFODNN7EXAMPLE",
        "XAKIADQJ6PTGDFFWYX7A2",
        "AKIADQJ6PTGDFFWYX7A2B",
        "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "xoxb-abcdef-abcdef",
        "task_live_dhhfUUyfrAace5dBAZ10JrAD",
        "-----BEGIN PUBLIC KEY-----\nMIIEpQIBAAKCAQEAn6/O8li+\n-----END PUBLIC KEY-----",
        "-----BEGIN PRIVATE KEY-----\\n-----END PRIVATE KEY-----",
        "eyJub3QiOiJhIGhlYWRlciJ9.eyJhIjoxfQ.abc",
    ] {
        is_clean(text);
    }
}

#[test]
fn a_key_ends_where_its_text_ends() {
    let cut = "{\"key\":\"-----BEGIN PRIVATE KEY-----\\nMIIEpQIBAAKCAQEAn6\",\"note\":\"x\"}";
    assert_eq!(texts(cut, "private-key"), ["-----BEGIN PRIVATE KEY-----\\nMIIEpQIBAAKCAQEAn6"]);
    let escaped_quote =
        "\"{\\\"key\\\":\\\"-----BEGIN PRIVATE KEY-----\\nMIIEpQIBAAKCAQEAn6\\\"}\"";
    assert_eq!(
        texts(escaped_quote, "private-key"),
        ["-----BEGIN PRIVATE KEY-----\\nMIIEpQIBAAKCAQEAn6"]
    );
}
