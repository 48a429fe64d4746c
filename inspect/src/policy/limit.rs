//! Limits of rules: how much of something a caller may have in a time, and for how long it is locked out beyond it.

use std::sync::Arc;

use super::source::By;
use super::usage::Usage;
use super::{Caller, Decision, Part, Policy, RuleId, Selection};
use crate::detector::DetectorId;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Measure {
    /// Every time.
    Count,
    /// Different values only; of calls, different paths.
    Distinct,
}

/// A rule's limit: the rule applies only to whom is over it.
#[derive(Clone, Debug)]
pub(super) struct Limit {
    pub measure: Measure,
    /// As much as this is allowed.
    pub most: u32,
    /// In so many milliseconds.
    pub per: u64,
    pub by: By,
    /// Milliseconds for which who is over it is locked out.
    pub lock: Option<u64>,
    pub usage: Arc<Usage>,
}

impl Limit {
    /// Whether another limit counts the same, so that its usage can be gone on with.
    pub fn is_like(&self, other: &Limit) -> bool {
        (self.measure, self.per, self.by) == (other.measure, other.per, other.by)
    }

    fn key(&self, caller: Caller) -> u64 {
        match self.by {
            By::Identity => caller.identity,
            By::Source => caller.source,
        }
    }

    /// Counts; true: the caller is over the limit, or was and is locked out.
    fn count(&self, caller: Caller, value: u64, now: u64) -> bool {
        let key = self.key(caller);
        if self.usage.count(key, value, now) > self.most {
            if let Some(lock) = self.lock {
                self.usage.lock(key, now, now + lock);
            }
            return true;
        }
        self.lock.is_some() && self.usage.is_locked(key, now)
    }
}

/// What is counted under the limits of the rules about a message.
#[derive(Clone, Copy, Debug)]
pub enum Counted {
    /// The call itself, by a hash of its path.
    Call(u64),
    /// A value that a detector found, by its hash.
    Value(Part, DetectorId, u64),
}

impl Policy {
    /// Counts something under the limits of the selected rules, at `now` in milliseconds of any clock that does not go back.
    /// Says what the strongest of the rules does whose limit is exceeded. Takes no lock and allocates nothing.
    pub fn count(
        &self,
        selection: &Selection,
        caller: Caller,
        counted: Counted,
        now: u64,
    ) -> Option<Decision> {
        let mut strongest: Option<Decision> = None;
        for index in selection.limited.iter() {
            let Some(rule) = self.compiled.rules.get(index) else { continue };
            let Some(limit) = &rule.limit else { continue };
            let value = match (counted, &rule.detectors) {
                (Counted::Call(path), None) => path,
                (Counted::Value(part, detector, value), Some(detectors))
                    if rule.parts.contains(part) && detectors.contains(detector) =>
                {
                    value
                }
                _ => continue,
            };
            if limit.count(caller, value, now) {
                let decision = Decision::of(index, rule, self.mode);
                strongest =
                    Some(strongest.map_or(decision, |so_far| Decision::stronger(so_far, decision)));
            }
        }
        strongest
    }

    /// What is done about a finding, counting it under the limits of the rules about it; `value` tells its value from others.
    pub fn decide_for(
        &self,
        selection: &Selection,
        caller: Caller,
        (part, detector): (Part, DetectorId),
        value: impl FnOnce() -> u64,
        now: u64,
    ) -> Option<Decision> {
        let decision = self.decide(selection, part, detector);
        if !selection.is_limited() || !selection.detectors(part).contains(detector) {
            return decision;
        }
        let counted = Counted::Value(part, detector, value());
        let limited = self.count(selection, caller, counted, now);
        decision.into_iter().chain(limited).reduce(Decision::stronger)
    }

    /// How many milliseconds a call waits that is over the limit of a rule, `most` at most: calls over it follow each other as the
    /// limit allows, evenly.
    pub fn turn(&self, rule: RuleId, caller: Caller, now: u64, most: u64) -> u64 {
        let rule = self.compiled.rules.get(usize::from(rule.0));
        let Some(limit) = rule.and_then(|rule| rule.limit.as_ref()) else { return 0 };
        let step = limit.per.div_ceil(u64::from(limit.most.max(1)));
        limit.usage.turn(limit.key(caller), now, step, most)
    }

    /// What is done about a call of a caller that a rule about it has locked out.
    pub fn locked_out(&self, selection: &Selection, caller: Caller, now: u64) -> Option<Decision> {
        let locked = |index: &usize| {
            let limit = self.compiled.rules.get(*index).and_then(|rule| rule.limit.as_ref());
            limit.is_some_and(|l| l.lock.is_some() && l.usage.is_locked(l.key(caller), now))
        };
        let rules = selection.limited.iter().filter(locked);
        let decisions = rules.filter_map(|index| {
            Some(Decision::of(index, self.compiled.rules.get(index)?, self.mode))
        });
        decisions.reduce(Decision::stronger)
    }
}
