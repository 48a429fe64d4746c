//! What must hold of a pattern's match beside the pattern: the name it has, words near it, and that it is no exception.
//!
//! Each is decided from a bounded number of bytes left and right of the match, so that the answer does not depend on how the
//! message is cut.

use regex_automata::dfa::{Automaton, StartKind, dense};
use regex_automata::util::{start, syntax};
use regex_automata::{Anchored, MatchKind, nfa::thompson};

use super::MAX_NEAR;
use crate::scan::view::{At, View};

/// Largest automaton of the exceptions of one detector, in bytes; more is refused as a policy error.
const DFA_BYTES: usize = 1 << 20;

/// What must hold of a match. Nothing does by default.
#[derive(Clone, Debug, Default)]
pub struct Conditions {
    /// Names of fields, one of which the value must have. Empty: any.
    keys: Vec<Vec<u8>>,
    /// Words, one of which must stand near the match. Empty: none.
    words: Vec<Vec<u8>>,
    /// How far from the match the words may stand, in bytes.
    within: usize,
    /// What is no finding.
    except: Option<dense::DFA<Vec<u32>>>,
}

/// Whether words stand near a match.
enum Near {
    Yes,
    No,
    /// The next bytes will tell.
    Unknown,
}

impl Conditions {
    /// The value must be that of a field of one of these names; case, `-` and `_` do not count.
    pub fn with_keys(mut self, keys: &[String]) -> Conditions {
        self.keys = keys.iter().map(|key| fold(key.as_bytes()).collect()).collect();
        self
    }

    /// One of these words must stand, whole and in either case, within so many bytes in front of the match or behind it;
    /// at most [`MAX_NEAR`] count.
    pub fn with_words(mut self, words: &[String], within: usize) -> Conditions {
        self.words = words.iter().map(|word| word.to_ascii_lowercase().into_bytes()).collect();
        self.within = within.min(MAX_NEAR);
        self
    }

    /// A value that is, whole, one of these regular expressions is no finding.
    ///
    /// # Errors
    /// A sentence if they become too large, or are none.
    pub fn with_exceptions(
        mut self,
        patterns: &[String],
        case_insensitive: bool,
    ) -> Result<Conditions, String> {
        let syntax =
            syntax::Config::new().unicode(false).utf8(false).case_insensitive(case_insensitive);
        // All ends of matches count, not the one that a search would prefer.
        let config = dense::Config::new()
            .start_kind(StartKind::Anchored)
            .match_kind(MatchKind::All)
            .dfa_size_limit(Some(DFA_BYTES))
            .determinize_size_limit(Some(2 * DFA_BYTES));
        let built = dense::Builder::new()
            .configure(config)
            .syntax(syntax)
            .thompson(thompson::Config::new().utf8(false).nfa_size_limit(Some(DFA_BYTES)))
            .build_many(patterns);
        self.except = Some(built.map_err(|e| format!("the exceptions become too large: {e}"))?);
        Ok(self)
    }

    /// How many bytes behind a match they may look at.
    pub fn reach(&self) -> usize {
        if self.words.is_empty() { 0 } else { self.within + 1 }
    }

    /// Whether they hold of the match `start..end`, of which `value` is what is reported; none if the next bytes must tell.
    pub(in crate::scan) fn hold(
        &self,
        view: &View,
        (start, end): (usize, usize),
        value: (usize, usize),
    ) -> Option<bool> {
        let named = || {
            let name = view.key(start);
            self.keys.iter().any(|key| fold(name).eq(key.iter().copied()))
        };
        if !self.keys.is_empty() && !named() || self.is_exception(view, value) {
            return Some(false);
        }
        match self.near(view, start, end) {
            Near::Yes => Some(true),
            Near::No => Some(false),
            Near::Unknown => None,
        }
    }

    fn is_exception(&self, view: &View, (start, end): (usize, usize)) -> bool {
        let Some(dfa) = &self.except else { return false };
        let begin = start::Config::new().anchored(Anchored::Yes);
        let Ok(mut state) = dfa.start_state(&begin) else { return false };
        for byte in view.bytes.get(start..end).unwrap_or(&[]) {
            state = dfa.next_state(state, *byte);
            if dfa.is_dead_state(state) {
                return false;
            }
        }
        dfa.is_match_state(dfa.next_eoi_state(state))
    }

    fn near(&self, view: &View, start: usize, end: usize) -> Near {
        if self.words.is_empty() {
            return Near::Yes;
        }
        let front = start.saturating_sub(self.within)..start;
        let behind = end..(end + self.within).min(view.bytes.len());
        if self.has_word(view, front) || self.has_word(view, behind) {
            return Near::Yes;
        }
        match view.at(end + self.within) {
            At::Unknown => Near::Unknown,
            _ => Near::No,
        }
    }

    /// Whether one of the words stands in a range of the window.
    fn has_word(&self, view: &View, range: std::ops::Range<usize>) -> bool {
        range.clone().any(|at| {
            let text = view.bytes.get(at..range.end).unwrap_or(&[]);
            self.words.iter().any(|word| {
                let begin = text.get(..word.len());
                // Where the next byte is not there yet, it is asked again.
                begin.is_some_and(|b| b.eq_ignore_ascii_case(word))
                    && !view.word_before(at)
                    && match view.at(at + word.len()) {
                        At::Byte(b) => !b.is_ascii_alphanumeric(),
                        At::End => true,
                        At::Unknown => false,
                    }
            })
        })
    }
}

/// A name without what differs between the ways in which names are written.
fn fold(name: &[u8]) -> impl Iterator<Item = u8> {
    name.iter().filter(|b| !matches!(b, b'-' | b'_')).map(u8::to_ascii_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|w| (*w).to_owned()).collect()
    }

    /// Whether the conditions hold of the `value` in a text; none if more must come.
    fn hold(conditions: &Conditions, text: &str, value: &str, last: bool) -> Option<bool> {
        let view = View::new(text.as_bytes(), 0, last, false);
        let start = text.find(value).unwrap();
        let place = (start, start + value.len());
        conditions.hold(&view, place, place)
    }

    #[test]
    fn names_count_however_they_are_written() {
        let keys = Conditions::default().with_keys(&words(&["account_no"]));
        for (text, wanted) in [
            (r#"{"accountNo": "A17"}"#, true),
            (r#"{"account-no":"A17"}"#, true),
            ("ACCOUNT_NO=A17", true),
            (r#"{"account": "A17"}"#, false),
            ("A17", false),
        ] {
            assert_eq!(hold(&keys, text, "A17", true), Some(wanted), "{text}");
        }
    }

    #[test]
    fn words_count_whole_and_within_their_distance_on_both_sides() {
        let near = Conditions::default().with_words(&words(&["Patient"]), 12);
        for (text, wanted) in [
            ("patient A17", Some(true)),
            ("inpatient A17", Some(false)),
            ("patients A17", Some(false)),
            ("patient 123456 A17", Some(false)),
            ("A17 (PATIENT)", Some(true)),
            ("A17 of 12 patient", Some(false)),
        ] {
            assert_eq!(hold(&near, text, "A17", true), wanted, "{text}");
        }
        assert_eq!(hold(&near, "A17 (PATIENT", "A17", false), None);
        assert_eq!(hold(&near, "A17 is the number", "A17", false), Some(false));
    }

    #[test]
    fn an_exception_is_the_whole_value() {
        let patterns = words(&["EMP-0+", "EMP-000(1|17)"]);
        let except = Conditions::default().with_exceptions(&patterns, true).unwrap();
        for (value, wanted) in
            [("EMP-0000", false), ("emp-0017", true), ("EMP-00017", false), ("EMP-000175", true)]
        {
            assert_eq!(
                hold(&except, &format!("x {value} y"), value, true),
                Some(wanted),
                "{value}"
            );
        }
    }
}
