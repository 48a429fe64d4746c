//! Who is behind what is beyond the usual.

use super::{NAMED, Scene};
use crate::learning::anomaly::record::{Caller, Sums};
use crate::learning::anomaly::service::By;

/// Callers that are named: one of so many, at least two, at most [`NAMED`].
const EACH: f64 = 8.0;
/// Few callers: those that are named have this share of what is beyond the usual.
pub(super) const FEW: f64 = 0.5;
/// The share of callers that are not known is this much above the usual…
const NEWER: f64 = 0.3;
/// …and at least this.
const MOSTLY_NEW: f64 = 0.5;

/// A caller with more than it used to have.
#[derive(Clone, Debug)]
pub struct Culprit {
    /// Its address.
    pub name: String,
    /// What it has beyond its habit.
    pub beyond: f64,
    /// All that is known of it.
    pub caller: Caller,
}

/// Who is behind what is beyond the usual.
#[derive(Clone, Debug, Default)]
pub struct Culprits {
    /// Those with the most, few of all.
    pub callers: Vec<Culprit>,
    /// Their share of what is beyond the usual.
    pub share: f64,
    /// The first of them has more than the heaviest caller usually has.
    pub heavier: bool,
    /// The share that callers have who were not known before, of what is beyond the usual.
    pub new: f64,
    /// That is more than usual.
    pub newer: bool,
    /// From this share on it is.
    pub many_new: f64,
}

impl Culprits {
    pub(super) fn few(&self) -> bool {
        self.share >= FEW && self.heavier
    }

    /// So much of what the few ask for fails in the server that they ask again.
    pub(super) fn try_again(&self) -> bool {
        let sum =
            |of: fn(&Sums) -> u64| self.callers.iter().map(|c| of(&c.caller.sums)).sum::<u64>();
        3 * sum(|s| s.server_errors) > sum(|s| s.requests)
    }

    /// What the few have comes from callers that were not known, more than is usual.
    pub(super) fn few_are_new(&self) -> bool {
        let beyond = |new_only: bool| -> f64 {
            let these = self.callers.iter().filter(|c| c.caller.new || !new_only);
            these.map(|c| c.beyond).sum()
        };
        beyond(true) > beyond(false) * self.many_new
    }
}

impl Scene<'_> {
    /// Who has most of what is so much beyond the usual.
    pub(super) fn culprits(&self, by: By, excess: f64) -> Culprits {
        let (top, habits, most) = self.callers().by(by);
        let amount = by.amount();
        let beyond = |hash, caller: &Caller| amount(&caller.sums) as f64 - habits.of(hash);
        let mut callers: Vec<Culprit> = top
            .iter()
            .map(|(hash, e)| Culprit {
                name: e.name.to_string(),
                beyond: beyond(hash, &e.stats),
                caller: e.stats,
            })
            .filter(|c| c.beyond > 0.0)
            .collect();
        callers.sort_by(|a, b| b.beyond.total_cmp(&a.beyond).then_with(|| a.name.cmp(&b.name)));
        let few = (self.record.sources.count() / EACH).clamp(2.0, NAMED as f64) as usize;
        callers.truncate(few);
        let share = callers.iter().map(|c| c.beyond).sum::<f64>() / excess.max(1.0);
        let (all, new) = (amount(&self.record.all) as f64, amount(&self.record.new) as f64);
        let usual_new = self.usual().new.usual();
        let new = (new - usual_new * (all - excess).max(0.0)) / excess.max(1.0);
        let new = new.clamp(0.0, 1.0);
        let many_new = (usual_new + NEWER).clamp(MOSTLY_NEW, 0.95);
        let newer = self.service.tells_newcomers() && new >= many_new;
        let first = callers.first().map_or(0.0, |c| c.beyond);
        let heavier = most.high().is_none_or(|high| first > high);
        Culprits { callers, share: share.min(1.0), heavier, new, newer, many_new }
    }
}
