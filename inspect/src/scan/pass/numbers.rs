//! Runs of digits, and varints.

use super::Pass;
use crate::scan::detectors::{card, ipv4, phone, ssn};
use crate::scan::found::Outcome;
use crate::scan::view::{View, is_separator};
use crate::scan::{Ends, wire};

/// Digits of a group that are counted; no number has more in one group.
const MAX_GROUP: usize = 24;

/// What decides whether a kind of number begins at a place.
type Rule = fn(&View, usize) -> Outcome;

impl Pass<'_> {
    /// Puts each group of the run that begins at `at` to the detectors of numbers.
    pub(super) fn groups(&mut self, at: usize) {
        let mut before = self.view.before(at, 1).unwrap_or(0);
        for (i, b) in self.view.bytes.iter().enumerate().skip(at) {
            if b.is_ascii_digit() {
                self.group(i, before);
            } else if !is_separator(*b) || is_separator(before) {
                return;
            }
            before = *b;
        }
    }

    /// Puts the digit at `at` to the detectors of numbers if a number can begin with it: behind
    /// anything but a digit, behind the digits of an escape (`\u0020`, `%20`), or behind the
    /// framing of a protobuf string.
    pub(super) fn group(&mut self, at: usize, before: u8) {
        let view = self.view;
        let framed = view.binary && wire::begins_string(view, at);
        if before.is_ascii_digit() && view.escape_before(at) == 0 && !framed {
            return;
        }
        let apply = |rule: Rule| {
            if view.binary { wire::number(view, at, rule) } else { rule(view, at) }
        };
        // The length of the first group rules most detectors out, before they look any further.
        let digits = view.bytes.iter().skip(at).take(MAX_GROUP).take_while(|b| b.is_ascii_digit());
        let length = digits.count();
        let open = !view.last && at + length == view.bytes.len();
        if open || length == 4 || length >= 12 {
            self.card(at);
        }
        if open || length == 3 {
            self.offer(self.scanner.ssn, |_| apply(ssn::evaluate));
        }
        if open || length <= 5 {
            self.offer(self.scanner.phone, |view| phone::grouped(view, at));
        }
        if open || length <= 3 {
            self.offer(self.scanner.ipv4, |_| apply(ipv4::evaluate));
        }
    }

    fn card(&mut self, at: usize) {
        let Some(id) = self.scanner.card.filter(|id| self.is_ready(*id)) else { return };
        let counts = self.ends != Ends::Perhaps;
        let outcome = match self.view.binary {
            true => {
                let outcome = wire::number(self.view, at, card::evaluate);
                let waits = matches!(outcome, Outcome::More { .. } | Outcome::Later { .. });
                match card::tagged_text(self.view, at).filter(|_| !waits) {
                    Some(tag) => {
                        let place = self.view.base + at as u64;
                        self.census.judge_tagged(tag, place, outcome, counts)
                    }
                    None => outcome,
                }
            }
            false => {
                let outcome = card::evaluate(self.view, at);
                self.census.judge(self.view, at, outcome, counts)
            }
        };
        self.offer(Some(id), |_| outcome);
    }

    /// A varint of protobuf that is long enough for a card, by its last byte.
    pub(super) fn varint(&mut self, last: usize) {
        let Some(id) = self.scanner.card.filter(|id| self.is_ready(*id)) else { return };
        let (tag, outcome) = card::varint(self.view, last);
        let place = self.view.base + last as u64;
        let outcome = match tag {
            Some(tag) => self.census.judge_tagged(tag, place, outcome, self.ends != Ends::Perhaps),
            None => outcome,
        };
        self.offer(Some(id), |_| outcome);
    }
}
