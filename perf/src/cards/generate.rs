//! Bodies like those of APIs: with cards where nothing names them, and without any but full of numbers.

use weir_tests::rng::Rng;

use super::numbers::{OTHERS, card, checked, digits, grouped, one_of};

/// A body and where the cards in it are.
#[derive(Debug)]
pub struct Body {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Whether it is protobuf.
    pub binary: bool,
    /// Ranges of bytes.
    pub cards: Vec<(usize, usize)>,
}

/// How a card stands in a body that does not say that it is one.
pub const WAYS: [&str; 11] = [
    "neutral key",
    "neutral key, number",
    "neutral key, spaced",
    "neutral key, dashed",
    "array of strings",
    "array of numbers",
    "prose",
    "prose, spaced",
    "form field",
    "protobuf string",
    "protobuf varint",
];

const NEUTRAL: &[&str] =
    &["value", "ref", "number", "data", "v", "content", "field2", "input", "answer", "result"];
const PROSE: &[&str] = &[
    "Please use {} for the booking, thanks.",
    "It is {} and it runs out next spring.",
    "She read me {} over the phone yesterday.",
    "the new one: {}",
    "I was charged twice on {} last week",
    "Try {}, the other one was declined.",
];
const WORDS: &[&str] = &[
    "blue", "north", "Maria", "active", "Lyon", "weekly", "pending", "EUR", "alpha", "street",
    "window", "garden",
];

/// A body with cards in one of the [`WAYS`].
pub fn with_cards(rng: &mut Rng, way: usize) -> Body {
    let number = card(rng);
    let key = one_of(rng, NEUTRAL);
    let mut body = Body { bytes: Vec::new(), binary: way >= 9, cards: Vec::new() };
    let filler = format!("{{\"name\":\"{}\",\"size\":{},", one_of(rng, WORDS), rng.range(1, 999));
    match way {
        0 => body.put(&[&filler, &format!("\"{key}\":\"")], &number, &["\",\"ok\":true}"]),
        1 => body.put(&[&filler, &format!("\"{key}\": ")], &number, &[",\"ok\":true}"]),
        2 => body.put(&[&filler, &format!("\"{key}\":\"")], &grouped(&number, " "), &["\"}"]),
        3 => body.put(&[&filler, &format!("\"{key}\":\"")], &grouped(&number, "-"), &["\"}"]),
        4 | 5 => {
            let quote = if way == 4 { "\"" } else { "" };
            body.put(&[&filler, &format!("\"{key}s\":[{quote}")], &number, &[quote]);
            for _ in 0..rng.range(0, 4) {
                body.put(&[",", quote], &card(rng), &[quote]);
            }
            body.text("],\"ok\":true}");
        }
        6 | 7 => {
            let number = if way == 6 { number } else { grouped(&number, " ") };
            let (before, after) = one_of(rng, PROSE).split_once("{}").unwrap_or(("", ""));
            body.put(&[&filler, "\"note\":\"", before], &number, &[after, "\"}"]);
        }
        8 => body.put(&[&format!("a=1&{key}=")], &number, &["&c=next"]),
        9 => {
            body.string(1, one_of(rng, WORDS));
            body.bytes.extend([0x12, number.len() as u8]);
            body.put(&[], &number, &[]);
            body.string(3, one_of(rng, WORDS));
        }
        _ => {
            body.string(1, one_of(rng, WORDS));
            body.bytes.push(0x10);
            let start = body.bytes.len();
            body.varint(number.parse().unwrap_or(0));
            body.cards.push((start, body.bytes.len()));
            body.string(3, one_of(rng, WORDS));
        }
    }
    body
}

/// A body of about so many bytes without a card: a list of records, each with the same fields.
pub fn without_cards(rng: &mut Rng, size: usize) -> Body {
    let binary = rng.percent(10.0);
    let mut body = Body { bytes: Vec::new(), binary, cards: Vec::new() };
    let fields: Vec<_> = (0..rng.range(2, 5))
        .map(|_| {
            let (names, make) = one_of(rng, OTHERS);
            (one_of(rng, names), make, rng.percent(50.0))
        })
        .collect();
    // One body in three lists its numbers under a name that tells nothing.
    let bare = rng.percent(30.0).then(|| one_of(rng, NEUTRAL));
    body.text(if binary { "" } else { "{\"items\":[" });
    while body.bytes.len() < size {
        let mut record = String::new();
        for (i, (name, make, quoted)) in fields.iter().enumerate() {
            let mut number = make(rng);
            // One in ten passes the check by itself; another one is made to.
            if rng.percent(10.0) && number.bytes().all(|b| b.is_ascii_digit()) {
                number = checked(number);
            }
            if binary {
                match number.parse() {
                    Ok(value) if !quoted => {
                        body.bytes.push((i as u8 + 2) << 3);
                        body.varint(value);
                    }
                    _ => body.string(i as u8 + 2, &number),
                }
                continue;
            }
            let plain = number.bytes().all(|b| b.is_ascii_digit() || b == b'.');
            let quote = if *quoted || !plain { "\"" } else { "" };
            record += &format!("\"{name}\":{quote}{number}{quote},");
        }
        if binary {
            body.string(1, one_of(rng, WORDS));
            continue;
        }
        if let Some(name) = bare {
            let begin = rng.range(3, 6).to_string();
            record += &format!("\"{name}\":{},", digits(rng, &begin, 16));
        }
        let list: Vec<String> = (0..rng.range(0, 6)).map(|_| digits(rng, "45", 16)).collect();
        record += &format!("\"members\":[{}],", list.join(","));
        let talk = ["order", "Order no.", "invoice", "tracking number", "ticket"];
        let told = digits(rng, "5", 16);
        record +=
            &format!("\"note\":\"{} {} is {}\"", one_of(rng, &talk), told, one_of(rng, WORDS));
        body.text(&format!("{{{record}}},"));
    }
    body.text(if binary { "" } else { "null]}" });
    body
}

impl Body {
    fn text(&mut self, text: &str) {
        self.bytes.extend(text.as_bytes());
    }

    /// A card between texts.
    fn put(&mut self, before: &[&str], card: &str, after: &[&str]) {
        before.iter().for_each(|text| self.text(text));
        let start = self.bytes.len();
        self.text(card);
        self.cards.push((start, self.bytes.len()));
        after.iter().for_each(|text| self.text(text));
    }

    /// A protobuf field with a string of up to 127 bytes.
    fn string(&mut self, field: u8, text: &str) {
        self.bytes.extend([field << 3 | 2, text.len() as u8]);
        self.text(text);
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_bodies_and_all_cards_are_in_them() {
        let bodies = |seed| {
            let mut rng = Rng::new(seed);
            (0..WAYS.len()).map(|way| with_cards(&mut rng, way)).collect::<Vec<_>>()
        };
        for (body, again) in bodies(7).iter().zip(bodies(7)) {
            assert_eq!(body.bytes, again.bytes);
            assert!(!body.cards.is_empty());
            for (start, end) in &body.cards {
                let digits = body.bytes[*start..*end].iter().filter(|b| b.is_ascii_digit()).count();
                assert!(body.binary || (14..=16).contains(&digits));
            }
        }
        assert!(without_cards(&mut Rng::new(1), 5000).bytes.len() >= 5000);
    }
}
