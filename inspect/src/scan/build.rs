//! How a scanner is put together: by what each of its detectors is found.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Scanner;
use super::attack::Attacks;
use super::catalog::pattern::{self, Begins, Matcher};
use super::catalog::{Catalog, Find};
use super::search::buckets::{self, Beginning};
use super::search::literals::Literals;
use super::search::prefixes::Prefixes;
use super::search::simd::{self, ByteSet, Tables};
use super::search::words::Words;
use crate::detector::DetectorSet;

/// So many words, told by three bytes, the eight buckets of the search for points still tell from ordinary text.
const FEW_WORDS: usize = 40;
/// So many patterns with keys the search for points may tell from ordinary text…
const FEW_KEYS: usize = 24;
/// …as long as they add no more than this share of all places to what it lets pass: looking all places up by keys costs as much as
/// putting one in a hundred to the patterns (measured with the packs `leakage` and `llm`, and a policy's own patterns).
const FEW_POINTS: f32 = 0.01;
impl Scanner {
    /// Puts the active detectors together.
    pub fn new(catalog: &Catalog, active: &DetectorSet) -> Scanner {
        let mut scanner = Scanner {
            wanted: *active,
            active: *active,
            search: simd::best(),
            tables: Tables::new(&[]),
            patterns: Vec::new(),
            besides: Vec::new(),
            togethers: Vec::new(),
            prefixes: Prefixes::new(Vec::new()),
            by_first: vec![Vec::new(); 256],
            few_words: false,
            literals: None,
            slow: Vec::new(),
            card: None,
            ssn: None,
            phone: None,
            iban: None,
            email: None,
            ipv4: None,
            attacks: Attacks::default(),
        };
        for detector in catalog.iter().filter(|d| active.contains(d.id)) {
            if let Find::Together(together) = &detector.find {
                scanner.togethers.push((detector.id, Arc::clone(together)));
            }
        }
        scanner.active = scanner.with_members(active);
        for detector in catalog.iter().filter(|d| scanner.active.contains(d.id)) {
            match &detector.find {
                Find::Together(_) => {}
                Find::Card => scanner.card = Some(detector.id),
                Find::Ssn => scanner.ssn = Some(detector.id),
                Find::Phone => scanner.phone = Some(detector.id),
                Find::Iban => scanner.iban = Some(detector.id),
                Find::Email => scanner.email = Some(detector.id),
                Find::Ipv4 => scanner.ipv4 = Some(detector.id),
                Find::Attack => scanner.attacks.add(detector.id, &detector.name),
                // Those of a policy were compiled when it was read, and a test says that those of the packs can be.
                Find::Pattern(pattern) => {
                    let matcher = pattern.matcher().ok().map(|m| (detector.id, Arc::clone(m)));
                    scanner.patterns.extend(matcher);
                }
                Find::Beside(beside) => scanner.besides.push((detector.id, Arc::clone(beside))),
            }
        }
        let words = scanner.sort_patterns();
        let beginnings = scanner.beginnings(|matcher| !scanner.has_key(matcher));
        scanner.tables = Tables::new(&buckets::distribute(beginnings));
        scanner.tables.words = words;
        scanner
    }

    /// The first three bytes of all words with which patterns begin.
    fn first_three(&self) -> BTreeSet<[u8; pattern::FINGERPRINT]> {
        let words = self.patterns.iter().filter_map(|(_, matcher)| match &matcher.begins {
            Begins::Words(words) => Some(words),
            _ => None,
        });
        words.flatten().filter_map(|word| word.first_chunk().copied()).collect()
    }

    /// Notes by what each pattern and each value beside a word is found; returns the words.
    fn sort_patterns(&mut self) -> Words {
        let (mut beginnings, mut prefixes) = (Vec::new(), Vec::new());
        self.few_words = self.besides.is_empty() && self.first_three().len() <= FEW_WORDS;
        self.literals = self.keys();
        for (i, (_, matcher)) in (0..).zip(&self.patterns) {
            if self.has_key(matcher) {
                continue;
            }
            match &matcher.begins {
                Begins::Words(words) if !self.few_words => {
                    beginnings.extend(words.iter().map(|w| (w.clone(), i)));
                }
                Begins::Literals(all) if all.iter().all(|p| p.len() == pattern::FINGERPRINT) => {
                    let whole = all.iter().filter_map(|p| p.first_chunk().copied());
                    prefixes.extend(whole.map(|prefix| (prefix, i)));
                }
                Begins::Words(_) | Begins::Literals(_) | Begins::Classes(_) => {
                    let lists = self.by_first.iter_mut().zip(matcher.first);
                    lists.filter(|(_, possible)| *possible).for_each(|(list, _)| list.push(i));
                }
                Begins::Anywhere => self.slow.push(i),
            }
        }
        for (i, (_, beside)) in (self.patterns.len() as u16..).zip(&self.besides) {
            beginnings.extend(beside.beginnings().into_iter().map(|b| (b, i)));
        }
        self.prefixes = Prefixes::new(prefixes);
        Words::new(beginnings.into_iter())
    }

    /// The keys of patterns, where it is better to look for those than for how the patterns begin.
    fn keys(&self) -> Option<Box<Literals>> {
        let keyed = (0..).zip(&self.patterns);
        let keyed = keyed.filter_map(|(i, (_, m))| Some((i, m.key.as_ref()?, &m.first)));
        let points = |by_key| {
            buckets::passing(self.beginnings(|matcher| !(by_key && matcher.key.is_some())))
        };
        let many = match keyed.clone().count() {
            0 => false,
            count => count > FEW_KEYS || points(false) - points(true) > FEW_POINTS,
        };
        many.then(|| Box::new(Literals::new(keyed)))
    }

    /// Whether a pattern is found by its key, and not by how it begins.
    fn has_key(&self, matcher: &Matcher) -> bool {
        self.literals.is_some() && matcher.key.is_some()
    }

    /// The first three bytes of everything that is looked for, but digit runs; of patterns only of those `told` so.
    fn beginnings(&self, told: impl Fn(&Matcher) -> bool) -> Vec<Beginning> {
        fn set(test: impl Fn(u8) -> bool) -> ByteSet {
            let mut set = [false; 256];
            (0..=u8::MAX).zip(set.iter_mut()).for_each(|(b, member)| *member = test(b));
            set
        }
        let is = |want: u8| set(move |b| b == want);
        let letter = |want: u8| set(move |b| b.eq_ignore_ascii_case(&want));
        let (any, digit) = (set(|_| true), set(|b| b.is_ascii_digit()));
        let upper = set(|b| b.is_ascii_uppercase());
        let mut all = Vec::new();
        if self.email.is_some() {
            all.push([is(b'@'), any, any]);
        }
        if self.phone.is_some() {
            let inside = set(|b| b"0123456789 -.()".contains(&b));
            all.push([set(|b| b == b'(' || b == b'+'), digit, inside]);
        }
        if self.iban.is_some() {
            all.push([upper, upper, digit]);
        }
        if self.ssn.is_some() {
            all.push([letter(b's'), letter(b's'), letter(b'n')]);
            all.push([letter(b's'), letter(b'o'), letter(b'c')]);
        }
        if self.few_words {
            all.extend(self.first_three().into_iter().map(|three| three.map(is)));
        }
        let patterns = || self.patterns.iter().filter(|(_, matcher)| told(matcher));
        let classes = patterns().filter_map(|(_, matcher)| match &matcher.begins {
            Begins::Classes(classes) => Some(**classes),
            _ => None,
        });
        all.extend(classes);
        let literals = patterns().filter_map(|(_, matcher)| match &matcher.begins {
            Begins::Literals(prefixes) => Some(prefixes),
            _ => None,
        });
        for prefix in literals.flatten() {
            let byte = |i: usize| prefix.get(i).map_or(any, |b| is(*b));
            all.push([byte(0), byte(1), byte(2)]);
        }
        all
    }
}
