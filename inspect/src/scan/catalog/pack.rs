//! Packs: detectors as data files, one for each field (`inspect/packs`), read when they are first needed.
//!
//! A detector is found in one of three ways: by a function of its own (`find`), by a pattern (`pattern`), or beside a
//! word that says what it is (`beside`). Its examples are tests, whole and cut at each byte.

use std::sync::Arc;

use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind};
use serde::Deserialize;

use super::beside::Beside;
use super::guess::Guess;
use super::pattern::{Compiled, Pattern, Place};
use super::{Check, Detector, Find, Kind, MAX_MATCH, MaskStyle};
use crate::detector::{Category, DetectorId};
use crate::policy::read_yaml;
use crate::scan::search::simd::ByteSet;

/// The packs, in the order of their detectors.
const PACKS: &[(&str, &str)] = &[
    ("pci.yaml", include_str!("../../../packs/pci.yaml")),
    ("pii.yaml", include_str!("../../../packs/pii.yaml")),
    ("national-ids.yaml", include_str!("../../../packs/national-ids.yaml")),
    ("health.yaml", include_str!("../../../packs/health.yaml")),
    ("network.yaml", include_str!("../../../packs/network.yaml")),
    ("secrets.yaml", include_str!("../../../packs/secrets.yaml")),
    ("leakage.yaml", include_str!("../../../packs/leakage.yaml")),
    ("llm.yaml", include_str!("../../../packs/llm.yaml")),
    ("service-keys.yaml", include_str!("../../../packs/service-keys.yaml")),
];

/// Fewest distinct characters of a pattern's match, unless the detector says something else.
const DISTINCT: u8 = 8;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pack {
    category: Category,
    detectors: Vec<Entry>,
}

/// A detector as a pack has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Entry {
    name: String,
    description: String,
    /// That of the pack if it is not given.
    category: Option<Category>,
    /// A function of this crate.
    find: Option<Finder>,
    /// A regular expression over bytes; a group named `secret` is what is reported.
    pattern: Option<String>,
    #[serde(default)]
    ignore_case: bool,
    /// Where a match may begin and end.
    #[serde(default)]
    place: Place,
    /// Fewest distinct characters of a match.
    distinct: Option<u8>,
    /// What goes on behind a match.
    follow: Option<Follow>,
    /// Words beside which the value stands.
    #[serde(default)]
    beside: Vec<String>,
    /// One class of characters, repeated: `[0-9a-f]{32}`.
    value: Option<String>,
    /// Of a value without a form of its own: what it probably is.
    guess: Option<Guess>,
    /// The kind that it is a valid value of ([`crate::validate`]).
    valid: Option<String>,
    /// What the pattern allows if it is not given.
    max_length: Option<usize>,
    #[serde(default)]
    mask: Mask,
    #[cfg_attr(not(test), allow(dead_code))]
    #[serde(default, rename = "match")]
    matches: Vec<String>,
    #[cfg_attr(not(test), allow(dead_code))]
    #[serde(default)]
    no_match: Vec<String>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Finder {
    Card,
    Ssn,
    Phone,
    Iban,
    Email,
    Ipv4,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Follow {
    Pem,
    Jwt,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Mask {
    #[default]
    All,
    Digits,
    Alphanumeric,
}

/// The detectors of all packs. What cannot be read is left out; a test says that all can.
pub(in crate::scan) fn builtin() -> Vec<Detector> {
    let packs = PACKS.iter().filter_map(|(_, source)| read(source).ok());
    let entries = packs.flat_map(|pack| {
        let category = pack.category;
        pack.detectors.into_iter().map(move |entry| (category, entry))
    });
    entries.filter_map(|(category, entry)| entry.detector(category).ok()).collect()
}

fn read(source: &str) -> Result<Pack, String> {
    serde_json::from_value(read_yaml(source)?).map_err(|e| e.to_string())
}

impl Entry {
    /// The detector; the catalogue gives it its id. The error says what is wrong with it.
    fn detector(self, category: Category) -> Result<Detector, String> {
        let at_fault = |e: String| format!("detector `{}`: {e}", self.name);
        let (find, longest) = match (self.find, &self.pattern, &self.value) {
            (Some(finder), None, None) => (finder.find(), None),
            (None, Some(pattern), None) => self.by_pattern(pattern).map_err(at_fault)?,
            (None, None, Some(value)) => self.by_word(value).map_err(at_fault)?,
            _ => {
                return Err(at_fault(
                    "give one of `find`, `pattern`, and `beside` with `value`".into(),
                ));
            }
        };
        let max_len = self.max_length.or(longest).filter(|n| (1..=MAX_MATCH).contains(n));
        let Some(max_len) = max_len else {
            return Err(at_fault("it has no longest match; give `max-length`".into()));
        };
        Ok(Detector {
            id: DetectorId(0),
            category: self.category.unwrap_or(category),
            kind: Kind::Leak,
            max_len,
            mask_style: match self.mask {
                Mask::All => MaskStyle::All,
                Mask::Digits => MaskStyle::Digits,
                Mask::Alphanumeric => MaskStyle::Alphanumeric,
            },
            name: self.name,
            description: self.description,
            places: Vec::new(),
            find,
        })
    }

    fn by_pattern(&self, regex: &str) -> Result<(Find, Option<usize>), String> {
        let longest = parse(regex)?.properties().maximum_len();
        let max_len = self.max_length.or(longest).filter(|n| *n <= MAX_MATCH);
        let pattern = Pattern {
            regex: regex.to_owned(),
            case_insensitive: self.ignore_case,
            check: match self.follow {
                Some(Follow::Pem) => Check::Pem,
                Some(Follow::Jwt) => Check::Jwt,
                None => Check::Varied(self.distinct.unwrap_or(DISTINCT)),
            },
            valid: self.valid.clone(),
            place: self.place,
            max_len: max_len.ok_or("it has no longest match; give `max-length`")?,
            conditions: None,
        };
        Ok((Find::Pattern(Arc::new(Compiled::later(pattern))), longest))
    }

    fn by_word(&self, value: &str) -> Result<(Find, Option<usize>), String> {
        let (chars, length) =
            repeated_class(&parse(value)?).ok_or("`value` is not a repeated class")?;
        let words: Vec<Vec<u8>> = self.beside.iter().map(|w| w.clone().into_bytes()).collect();
        let usable = |w: &Vec<u8>| {
            w.len() > 2
                && w.first().is_some_and(u8::is_ascii_lowercase)
                && !w.iter().any(u8::is_ascii_uppercase)
        };
        if words.is_empty() || !words.iter().all(usable) {
            return Err("`beside` takes words of three small letters or more".into());
        }
        let mut beside = Beside::new(words, chars, length);
        (beside.valid, beside.guess) = (self.valid.clone(), self.guess);
        Ok((Find::Beside(Arc::new(beside)), Some(length.1)))
    }
}

impl Finder {
    fn find(self) -> Find {
        match self {
            Finder::Card => Find::Card,
            Finder::Ssn => Find::Ssn,
            Finder::Phone => Find::Phone,
            Finder::Iban => Find::Iban,
            Finder::Email => Find::Email,
            Finder::Ipv4 => Find::Ipv4,
        }
    }
}

fn parse(regex: &str) -> Result<Hir, String> {
    let parsed = ParserBuilder::new().unicode(false).utf8(false).build().parse(regex);
    parsed.map_err(|e| format!("not a regular expression: {e}"))
}

/// The class, and how often it may stand.
fn repeated_class(hir: &Hir) -> Option<(ByteSet, (usize, usize))> {
    let HirKind::Repetition(repetition) = hir.kind() else { return None };
    let HirKind::Class(Class::Bytes(class)) = repetition.sub.kind() else { return None };
    let mut chars = [false; 256];
    for range in class.iter() {
        let members = chars.iter_mut().take(usize::from(range.end()) + 1);
        members.skip(usize::from(range.start())).for_each(|member| *member = true);
    }
    let longest = repetition.max? as usize;
    Some((chars, (repetition.min as usize, longest)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detector::DetectorSet;
    use crate::scan::{Catalog, Found, ScanState, Scanner};

    /// Characters at random, always the same ones for the same text: examples are not written out, or whatever looks for
    /// secrets in repositories would find them.
    fn random(class: &str, count: usize, seed: u64) -> String {
        let chars: &[u8] = match class {
            "hex" => b"0123456789abcdef",
            "num" => b"0123456789",
            "upper" => b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
            "lower" => b"abcdefghijklmnopqrstuvwxyz0123456789",
            "alpha" => b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
            "b32" => b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
            _ => b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
        };
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            char::from(chars[(state >> 33) as usize % chars.len()])
        };
        std::iter::repeat_with(next).take(count).collect()
    }

    /// An example with its `<40>`, `<hex:32>` and `<uuid>` filled in.
    fn filled(example: &str) -> String {
        let mut out = String::new();
        let mut rest = example;
        while let Some(open) = rest.find('<') {
            let (before, from) = rest.split_at(open);
            out.push_str(before);
            let inner = from[1..].split('>').next().unwrap_or("");
            let (class, count) = inner.split_once(':').unwrap_or(("", inner));
            let seed = 40 + (out.len() + example.len()) as u64;
            match (inner, count.parse()) {
                ("uuid", _) => {
                    let parts: Vec<_> =
                        (seed..).zip([8, 4, 4, 4, 12]).map(|(s, n)| random("hex", n, s)).collect();
                    out.push_str(&parts.join("-"));
                }
                (_, Ok(count)) => out.push_str(&random(class, count, seed)),
                _ => {
                    out.push('<');
                    rest = &from[1..];
                    continue;
                }
            }
            rest = &from[inner.len() + 2..];
        }
        out + rest
    }

    fn entries() -> Vec<(&'static str, Category, Entry)> {
        let packs = PACKS.iter().map(|(file, source)| match read(source) {
            Ok(pack) => (*file, pack),
            Err(error) => panic!("{file}: {error}"),
        });
        packs
            .flat_map(|(file, pack)| {
                pack.detectors.into_iter().map(move |entry| (file, pack.category, entry))
            })
            .collect()
    }

    #[test]
    fn every_detector_can_be_made_and_has_a_name_of_its_own() {
        let mut names = std::collections::HashSet::new();
        for (file, category, entry) in entries() {
            assert!(names.insert(entry.name.clone()), "{file}: `{}` is there twice", entry.name);
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            assert!(entry.name.chars().all(plain), "{file}: `{}` is no name", entry.name);
            assert!(!entry.description.is_empty() && !entry.matches.is_empty(), "{}", entry.name);
            match entry.detector(category).map(|d| d.find) {
                Ok(Find::Pattern(pattern)) => assert_eq!(pattern.matcher().err(), None, "{file}"),
                Ok(_) => {}
                Err(error) => panic!("{file}: {error}"),
            }
        }
        let catalog = Catalog::builtin();
        assert!(catalog.iter().filter(|d| d.kind == Kind::Leak).count() == names.len());
        let slow = |d: &&Detector| catalog.is_slow(d.id);
        let slow: Vec<_> = catalog.iter().filter(slow).map(|d| &d.name).collect();
        assert!(slow.is_empty(), "begin with nothing that can be searched for: {slow:?}");
    }

    fn find(
        scanner: &Scanner,
        all: &DetectorSet,
        pieces: [&str; 2],
    ) -> Vec<(DetectorId, u64, u64)> {
        let (mut state, mut found) = (ScanState::default(), Vec::new());
        scanner.scan(&mut state, pieces[0].as_bytes(), false, all, &mut found);
        scanner.scan(&mut state, pieces[1].as_bytes(), true, all, &mut found);
        let mut matches: Vec<(DetectorId, u64, u64)> = Vec::new();
        for Found { detector, start, end, continued, .. } in found {
            match matches.iter_mut().rev().find(|m| continued && m.0 == detector && m.2 == start) {
                Some(open) => open.2 = end,
                None => matches.push((detector, start, end)),
            }
        }
        matches.sort();
        matches
    }

    #[test]
    fn every_example_is_found_or_not_however_it_is_cut() {
        let catalog = Catalog::builtin();
        let mut all = DetectorSet::EMPTY;
        catalog.iter().for_each(|d| all.insert(d.id));
        let scanner = Scanner::new(&catalog, &all);
        let mut wrong = Vec::new();
        for (file, _, entry) in entries() {
            let id = catalog.by_name(&entry.name).unwrap().id;
            let wanted = entry.matches.iter().map(|e| (e, true));
            for (example, want) in wanted.chain(entry.no_match.iter().map(|e| (e, false))) {
                let text = filled(example);
                let whole = find(&scanner, &all, [&text, ""]);
                if whole.iter().any(|m| m.0 == id) != want {
                    let instead: Vec<_> =
                        whole.iter().map(|m| &catalog.get(m.0).unwrap().name).collect();
                    wrong.push(format!(
                        "{file}: `{}`: {want} of {example:?}: {text:?} {instead:?}",
                        entry.name
                    ));
                }
                for cut in (1..text.len()).filter(|cut| text.is_char_boundary(*cut)) {
                    let (a, b) = text.split_at(cut);
                    let names = |found: Vec<(DetectorId, u64, u64)>| -> Vec<_> {
                        found
                            .iter()
                            .map(|m| (catalog.get(m.0).unwrap().name.clone(), m.1, m.2))
                            .collect()
                    };
                    assert_eq!(
                        names(find(&scanner, &all, [a, b])),
                        names(whole.clone()),
                        "{text:?} cut at {cut}"
                    );
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}
