//! From a message to the rules that are about it, and from a finding to what is done about it.

use super::bits::Bits;
use super::rule::Rule;
use super::{Action, Mode, Part};
use crate::detector::DetectorSet;

/// A rule's index in its policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RuleId(pub u16);

/// What is done about a finding or a call, and which rule says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The rule that decided.
    pub rule: RuleId,
    /// What it says to do.
    pub action: Action,
    /// Whether to do it: the rule's mode and the policy's are both `enforce`. Otherwise it is only reported.
    pub enforced: bool,
}

impl Decision {
    pub(super) fn of(index: usize, rule: &Rule, policy: Mode) -> Decision {
        Decision {
            // An index is below MAX_RULES, so nothing is cut off.
            rule: RuleId(index as u16),
            action: rule.action,
            enforced: rule.mode == Mode::Enforce && policy == Mode::Enforce,
        }
    }

    /// Whether bytes are changed or a message is stopped.
    pub fn acts(&self) -> bool {
        self.enforced && self.action != Action::Alert
    }

    /// The stronger of two decisions: one that acts before one that only reports (a rule on trial must not weaken one
    /// in force), then the stronger [`Action`], then `first`.
    pub fn stronger(first: Decision, second: Decision) -> Decision {
        if second.strength() > first.strength() { second } else { first }
    }

    /// What [`Decision::stronger`] compares.
    pub(super) fn strength(&self) -> (bool, Action) {
        (self.acts(), self.action)
    }
}

/// The rules whose conditions hold for one message, and what follows from them all together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    pub(super) rules: Bits,
    /// Those that apply only to callers over a limit.
    pub(super) limited: Bits,
    wanted: [DetectorSet; 3],
    held: [DetectorSet; 3],
    verdict: Option<Decision>,
}

impl Selection {
    /// Adds a rule whose conditions hold.
    pub(super) fn add(&mut self, index: usize, rule: &Rule, policy: Mode) {
        let decision = Decision::of(index, rule, policy);
        if rule.limit.is_some() {
            self.limited.insert(index);
        }
        let Some(detectors) = &rule.detectors else {
            if rule.limit.is_some() {
                return;
            }
            let so_far = self.verdict.unwrap_or(decision);
            self.verdict = Some(Decision::stronger(so_far, decision));
            return;
        };
        if rule.limit.is_none() {
            self.rules.insert(index);
        }
        for part in [Part::Headers, Part::Url, Part::Body] {
            if !rule.parts.contains(part) {
                continue;
            }
            if let Some(wanted) = self.wanted.get_mut(part as usize) {
                *wanted = wanted.union(detectors);
            }
            if decision.acts()
                && let Some(held) = self.held.get_mut(part as usize)
            {
                *held = held.union(detectors);
            }
        }
    }

    /// Takes detectors out of all parts.
    pub(super) fn look_away(&mut self, detectors: &DetectorSet) {
        self.wanted.iter_mut().chain(&mut self.held).for_each(|set| *set = set.without(detectors));
    }

    /// What to look for in a part.
    pub fn detectors(&self, part: Part) -> &DetectorSet {
        self.wanted.get(part as usize).unwrap_or(&DetectorSet::EMPTY)
    }

    /// Of these, the detectors on which an enforced mask or block waits: a tail that may still become a match of one
    /// of them must not leave.
    pub fn held(&self, part: Part) -> &DetectorSet {
        self.held.get(part as usize).unwrap_or(&DetectorSet::EMPTY)
    }

    /// Whether a part is to be looked at.
    pub fn scans(&self, part: Part) -> bool {
        !self.detectors(part).is_empty()
    }

    /// Whether an enforced rule may mask or block by the body: then it must come readable (`Accept-Encoding`) and
    /// whole (`Range`).
    pub fn edits_body(&self) -> bool {
        !self.held(Part::Body).is_empty()
    }

    /// What the rules about the call itself say, whatever the message holds: an alert or a block.
    pub fn verdict(&self) -> Option<Decision> {
        self.verdict
    }

    /// Whether a rule with a limit is among them.
    pub fn is_limited(&self) -> bool {
        !self.limited.is_empty()
    }

    /// Whether no rule is about the message.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty() && self.limited.is_empty() && self.verdict.is_none()
    }
}
