//! What a policy says of its rules: their order, and of each what it does beside its action.

use super::behaviour::BEHAVIOUR_RULE;
use super::selection::{Decision, RuleId};
use super::{Action, Mode, Policy, RuleSeverity, TooLate};

/// A rule's place in the order in which rules decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleOrder<'p> {
    /// Its name.
    pub name: &'p str,
    /// Its conditions in words.
    pub about: &'p str,
    /// What it does,
    pub action: Action,
    /// if its mode and that of the whole let it.
    pub acts: bool,
}

impl Policy {
    /// The name of a rule.
    pub fn rule_name(&self, id: RuleId) -> &str {
        self.compiled.rules.get(usize::from(id.0)).map_or("", |r| &r.name)
    }

    /// All rules in the order in which they decide: of those that are about a finding or a call, the first one does.
    pub fn in_order(&self) -> Vec<RuleOrder<'_>> {
        let rules = self.compiled.rules.iter().enumerate();
        let mut order: Vec<_> = rules.map(|(i, r)| (Decision::of(i, r, self.mode), r)).collect();
        // A stable sort: of equals the first in the file stays the first.
        order.sort_by_key(|(decision, _)| std::cmp::Reverse(decision.strength()));
        let mut places = Vec::with_capacity(order.len());
        for (Decision { action, enforced: acts, .. }, rule) in order {
            places.push(RuleOrder { name: &rule.name, about: &rule.about, action, acts });
        }
        places
    }

    /// Whether the rule of this name acts, or the ladder ([`BEHAVIOUR_RULE`]): its own mode and that of the whole are `enforce`.
    pub fn enforces(&self, rule: &str) -> bool {
        match self.compiled.rules.iter().find(|r| r.name == rule) {
            Some(rule) => self.mode == Mode::Enforce && rule.mode == Mode::Enforce,
            None => rule == BEHAVIOUR_RULE && self.enforces_behaviour(),
        }
    }

    /// How much a rule matters to people.
    pub fn severity(&self, id: RuleId) -> RuleSeverity {
        self.compiled
            .rules
            .get(usize::from(id.0))
            .map_or_else(RuleSeverity::default, |r| r.severity)
    }

    /// For how many milliseconds a rule drops a caller's address.
    pub fn drops(&self, id: RuleId) -> Option<u64> {
        self.compiled.rules.get(usize::from(id.0)).and_then(|rule| rule.drops)
    }

    /// After how many seconds a caller that a rule refuses may try again, if the rule counts.
    pub fn retry_after(&self, id: RuleId) -> Option<u64> {
        let limit = self.compiled.rules.get(usize::from(id.0)).and_then(|r| r.limit.as_ref())?;
        Some(limit.lock.unwrap_or(limit.per).div_ceil(1000))
    }

    /// What a rule says of a response over HTTP/2 whose stream can't be ended any more.
    pub fn too_late(&self, id: RuleId) -> TooLate {
        self.compiled.rules.get(usize::from(id.0)).map_or_else(TooLate::default, |r| r.too_late)
    }
}
