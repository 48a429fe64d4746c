//! The lexicon: which words mean something in attacks, and what they are.

use std::sync::OnceLock;

/// Slots of the table: more than twice the words, so that a search is short.
const SLOTS: usize = 1 << 12;

/// A word of the lexicon in the table: its hash (0: none), and its class.
type Slot = (u32, u8);

/// The lexicon, compiled.
struct Lexicon {
    slots: Vec<Slot>,
    classes: Vec<&'static str>,
}

/// Continues the hash of a word (FNV-1a) by a byte; it begins with [`SEED`].
pub(super) fn hash(so_far: u32, byte: u8) -> u32 {
    (so_far ^ u32::from(byte)).wrapping_mul(0x0100_0193)
}

/// The hash of no bytes.
pub(super) const SEED: u32 = 0x811c_9dc5;

/// The words, for whoever makes texts of them.
pub fn all() -> impl Iterator<Item = &'static str> {
    let lines = include_str!("words.txt").lines().filter(|l| !l.starts_with('#'));
    lines.flat_map(|l| l.split_whitespace().skip(1))
}

/// The class of the word with this hash, from 0; none for a word that means nothing here. (Words are told apart by
/// their hashes alone: of a million others, less than one in two hundred shares one.)
pub(super) fn class(word: u32) -> Option<u8> {
    let slots = &lexicon().slots;
    let from = word as usize % SLOTS;
    let (front, back) = slots.split_at_checked(from)?;
    let mut chain = back.iter().chain(front).take_while(|(hash, _)| *hash != 0);
    chain.find(|(hash, _)| *hash == word).map(|(_, class)| *class)
}

/// What a class is called.
pub(super) fn name(class: u8) -> &'static str {
    lexicon().classes.get(usize::from(class)).copied().unwrap_or_default()
}

fn lexicon() -> &'static Lexicon {
    static LEXICON: OnceLock<Lexicon> = OnceLock::new();
    LEXICON.get_or_init(|| {
        let mut lexicon = Lexicon { slots: vec![(0, 0); SLOTS], classes: Vec::new() };
        for line in include_str!("words.txt").lines().filter(|l| !l.starts_with('#')) {
            let Some((class, words)) = line.split_once(':') else { continue };
            if lexicon.classes.last() != Some(&class) {
                lexicon.classes.push(class);
            }
            let class = lexicon.classes.len().saturating_sub(1) as u8;
            for word in words.split_whitespace() {
                let word = word.bytes().fold(SEED, hash);
                let from = word as usize % SLOTS;
                let (front, back) = lexicon.slots.split_at_mut(from);
                let mut chain = back.iter_mut().chain(front);
                if let Some(slot) = chain.find(|(hash, _)| *hash == 0 || *hash == word)
                    && slot.0 == 0
                {
                    *slot = (word, class);
                }
            }
        }
        lexicon
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_have_the_class_that_names_them_first() {
        let class_of = |word: &str| class(word.bytes().fold(SEED, hash)).map(name);
        for (word, class) in [
            ("select", Some("sql-verb")),
            ("or", Some("sql-operator")),
            ("onerror", Some("event")),
            ("curl", Some("command")),
            ("table", Some("sql-clause")),
            ("banana", None),
            ("", None),
        ] {
            assert_eq!(class_of(word), class, "{word}");
        }
        let words = include_str!("words.txt").lines().filter(|l| !l.starts_with('#'));
        let words = words.flat_map(|l| l.split_whitespace().skip(1)).count();
        let taken = lexicon().slots.iter().filter(|(hash, _)| *hash != 0).count();
        assert!(taken == words && words * 2 < SLOTS, "{words} words, {taken} slots");
    }
}
