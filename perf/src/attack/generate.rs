//! Texts made from a grammar: attacks of each class, and harmless ones that look like them.

use std::collections::HashMap;

use weir_inspect::attack_model::lexicon;

use crate::random::Random;

/// A grammar: names, and the alternatives of each.
#[derive(Debug)]
pub struct Grammar(HashMap<&'static str, Vec<&'static str>>);

/// How deep alternatives may name each other; deeper ones become empty.
const DEEPEST: usize = 12;

impl Grammar {
    /// The grammar of attacks.
    pub fn attacks() -> Grammar {
        Grammar::read(include_str!("attacks.txt"))
    }

    /// The grammar of harmless texts. Its `any` is any word of the model's lexicon: by itself none is an attack.
    pub fn benign() -> Grammar {
        let mut grammar = Grammar::read(include_str!("benign.txt"));
        grammar.0.insert("any", lexicon().collect());
        grammar
    }

    fn read(text: &'static str) -> Grammar {
        let mut all: HashMap<&str, Vec<&str>> = HashMap::new();
        let mut name = "";
        for line in text.lines().skip_while(|l| l.starts_with('#')) {
            let header = line.strip_prefix('[').and_then(|l| l.strip_suffix(']'));
            let is_name = |n: &&str| {
                !n.is_empty()
                    && n.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.')
                    && !n.bytes().all(|b| b.is_ascii_digit())
            };
            match header.filter(is_name) {
                Some(header) => name = header,
                None => all.entry(name).or_default().push(line),
            }
        }
        Grammar(all)
    }

    /// The classes: what is named `class.…`.
    pub fn classes(&self) -> Vec<&'static str> {
        let mut all: Vec<_> = self.0.keys().filter_map(|n| n.strip_prefix("class.")).collect();
        all.sort_unstable();
        all
    }

    /// A text of a class.
    pub fn text(&self, class: &str, random: &mut Random) -> String {
        let mut out = String::new();
        self.expand(&format!("class.{class}"), random, DEEPEST, &mut out);
        out
    }

    fn expand(&self, name: &str, random: &mut Random, depth: usize, out: &mut String) {
        let Some(alternatives) = self.0.get(name).filter(|_| depth > 0) else { return };
        let mut rest = alternatives.get(random.below(alternatives.len())).copied().unwrap_or("");
        while let Some(at) = rest.find('<') {
            let (before, from) = rest.split_at(at);
            out.push_str(before);
            let end = from.find('>').unwrap_or(0);
            let inner = from.get(1..end).unwrap_or("");
            if self.0.contains_key(inner) {
                self.expand(inner, random, depth - 1, out);
                rest = from.get(end + 1..).unwrap_or("");
            } else {
                out.push('<');
                rest = from.get(1..).unwrap_or("");
            }
        }
        out.push_str(rest);
    }
}

/// The alphabets of random texts: what can be printed, what programs make passwords of, base64, base85 (RFC 1924).
const ALPHABETS: [&str; 4] = [
    " !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~",
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!@#$%^&*()-_=+.?",
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz+/",
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~",
];

/// A text that means nothing: a password that a program made, a key, something encrypted. 6 to 35 characters, or up to 600.
pub fn noise(random: &mut Random) -> String {
    let alphabet = ALPHABETS.get(random.below(ALPHABETS.len())).unwrap_or(&"").as_bytes();
    let length = if random.below(4) == 0 { 36 + random.below(565) } else { 6 + random.below(30) };
    let letter = |_| alphabet.get(random.below(alphabet.len())).map(|b| char::from(*b));
    (0..length).filter_map(letter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_texts() {
        for grammar in [Grammar::attacks(), Grammar::benign()] {
            for class in grammar.classes() {
                let text = |seed| {
                    let mut random = Random::new(seed);
                    (0..50).map(|_| grammar.text(class, &mut random)).collect::<Vec<_>>()
                };
                assert_eq!(text(1), text(1));
                assert_ne!(text(1), text(2), "{class}");
            }
        }
    }
}
