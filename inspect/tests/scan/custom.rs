//! A policy's own detectors: with names, validators, words near by, exceptions, and several together.

use proptest::prelude::*;
use proptest::sample::select;
use weir_inspect::detector::DetectorSet;
use weir_inspect::policy::Policy;
use weir_inspect::scan::ScanState;

use super::{Match, put_together};

const POLICY: &str = r#"
version: 1
detectors:
  - name: member
    pattern: 'M-[0-9]{4}'
    context: {words: [member, insured person], within: 40}
    except: {literals: [M-0000], patterns: ['M-99[0-9]+']}
  - name: account
    pattern: 'AC(?<secret>[0-9]{8})'
    keys: [account_no, account]
    validator: luhn
  - name: tier
    literals: [gold tier, gold, platinum]
    case-insensitive: true
  - name: profile
    together: {of: [tier, email, member], within: 60}
rules:
  - {name: all, detect: [tier, profile, account], action: alert}
"#;

fn policy() -> Policy {
    Policy::compile(POLICY).unwrap_or_else(|errors| panic!("{errors:#?}")).0
}

/// What is found in a text that comes in pieces of these lengths, again and again. Asserts that nothing of it had left.
fn find(policy: &Policy, text: &[u8], lengths: &[usize]) -> Vec<Match> {
    let mut hold = DetectorSet::EMPTY;
    policy.scanner().wanted().iter().for_each(|id| hold.insert(id));
    let (mut state, mut all, mut at, mut left) = (ScanState::default(), Vec::new(), 0, 0);
    for length in lengths.iter().cycle() {
        let to = (at + length).min(text.len());
        let mut found = Vec::new();
        let held =
            policy.scanner().scan(&mut state, &text[at..to], to == text.len(), &hold, &mut found);
        for f in &found {
            assert!(f.end as usize > left, "{f:?} had left: {left}");
        }
        all.append(&mut found);
        (at, left) = (to, to - held);
        if at == text.len() {
            break;
        }
    }
    put_together(policy.catalog(), &all)
}

fn owned((name, value): (&str, &str)) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

fn names(text: &str) -> Vec<(String, String)> {
    let found = find(&policy(), text.as_bytes(), &[text.len().max(1)]);
    found.into_iter().map(|(n, s, e)| (n, text[s as usize..e as usize].to_owned())).collect()
}

#[test]
fn of_several_literals_the_longest_counts() {
    assert_eq!(names("Gold, GOLD TIER"), [("tier", "Gold"), ("tier", "GOLD TIER")].map(owned));
}

#[test]
fn a_validator_and_a_name_decide() {
    for (text, wanted) in [
        (r#"{"account_no": "AC12345674"}"#, true),
        (r#"{"accountNo": "AC12345674"}"#, true),
        (r#"{"account_no": "AC12345675"}"#, false),
        (r#"{"order_no": "AC12345674"}"#, false),
        ("AC12345674", false),
    ] {
        let found = wanted.then(|| owned(("account", "12345674")));
        assert_eq!(names(text), found.into_iter().collect::<Vec<_>>(), "{text}");
    }
}

#[test]
fn several_are_found_together_where_they_are_near() {
    let last = |text: &str| {
        let found = names(text);
        found.into_iter().find(|(name, _)| name == "profile").map(|(_, value)| value)
    };
    assert_eq!(last("member M-1234, bob@example.com, gold"), Some("gold".into()));
    assert_eq!(last("gold member M-1234, bob@example.com"), Some("bob@example.com".into()));
    // Not all, an exception, too far, and what needs a word near by.
    assert_eq!(last("member M-1234, gold"), None);
    assert_eq!(last("member M-0000, bob@example.com, gold"), None);
    assert_eq!(last(&format!("member M-1234, bob@example.com{}gold", " ".repeat(61))), None);
    assert_eq!(last("number M-1234, bob@example.com, gold"), None);
    // What is only looked for because of it is no finding of its own.
    assert_eq!(names("member M-1234, bob@example.com"), []);
}

/// Parts of what is looked for.
const FRAGMENTS: &[&str] = &[
    "M-1234",
    "M-0000",
    "M-9912",
    "M-12",
    "member ",
    "insured person",
    "member",
    "gold",
    "gold tier",
    "platin",
    "um",
    "bob@example.com",
    "@",
    "ann@x.org",
    " ",
    ", ",
    "\"account\": \"",
    "AC12345674",
    "\"",
    "0",
    " of no interest to anybody ",
];

/// Patterns as policies have them: with a key, so that nothing else is looked for, and without one; and parts of what they find.
const WITH_KEYS: &str = r#"
version: 1
detectors:
  - {name: dashed, pattern: 'EMP-[0-9]{3,5}'}
  - {name: behind, pattern: '[A-Z]{2}NAME[0-9]{3}'}
  - {name: either, pattern: 'case (no|id) [0-9]{2,4}', case-insensitive: true}
  - {name: inside, literals: [blueheron, "Blue Heron"], case-insensitive: true}
"#;
const WITHOUT: &str = r"
  - {name: bounded, pattern: '\bINC-[0-9]{4}\b'}
  - {name: short, pattern: 'q[0-9]'}
";
const TOUCHING: &[&str] = &[
    "EMP-",
    "emp-123",
    "EMP-12345",
    "1",
    "12",
    "A",
    "ABNAME",
    "XYNAME123",
    "NAME",
    "case no 12",
    "CASE ID 9",
    "Case ",
    "no ",
    "blueheron",
    "BLUE Her",
    "on",
    "INC-1234",
    "X",
    " ",
    "q7",
    "-",
    ",",
];

/// A policy of patterns with so many others that are in no text.
fn beside(without: &str, others: usize) -> Policy {
    let mut source = WITH_KEYS.trim_end().to_owned() + without.trim_end() + "\n";
    (0..others)
        .for_each(|i| source += &format!("  - {{name: o{i}, pattern: '~~{i:03}~[a-z]{{4}}'}}\n"));
    source += "rules: [{name: r, detect: ['category:custom'], action: alert}]\n";
    Policy::compile(&source).unwrap_or_else(|errors| panic!("{errors:#?}")).0
}

proptest! {
    /// Many patterns are found in another way than few.
    #[test]
    fn how_many_patterns_there_are_does_not_matter(
        parts in prop::collection::vec(select(TOUCHING), 0..30),
        lengths in prop::collection::vec(1usize..50, 1..6),
    ) {
        static POLICIES: std::sync::LazyLock<[[Policy; 2]; 2]> =
            std::sync::LazyLock::new(|| ["", WITHOUT].map(|without| [beside(without, 0), beside(without, 60)]));
        let text = parts.concat();
        for [few, many] in &*POLICIES {
            let wanted = find(few, text.as_bytes(), &[text.len().max(1)]);
            prop_assert_eq!(find(many, text.as_bytes(), &[text.len().max(1)]), wanted.clone());
            prop_assert_eq!(find(many, text.as_bytes(), &lengths), wanted);
        }
    }

    #[test]
    fn what_is_found_does_not_depend_on_the_cuts(
        parts in prop::collection::vec(select(FRAGMENTS), 0..30),
        lengths in prop::collection::vec(1usize..50, 1..6),
    ) {
        let policy = policy();
        let text = parts.concat();
        let whole = find(&policy, text.as_bytes(), &[text.len().max(1)]);
        prop_assert_eq!(find(&policy, text.as_bytes(), &lengths), whole);
    }
}
