//! The siblings that seem to be values, or those that seem to be names, and how a child fits to them.

use std::collections::HashMap;

use super::flag;
use super::group::{Group, Shares};

/// Children that seem to be values, or those that seem to be names.
pub(super) struct Side {
    members: f32,
    /// How many of them each element follows.
    shared: HashMap<u64, f32>,
    methods: HashMap<u32, f32>,
    /// How much of what follows a member follows another one, too.
    pub(super) coherence: f32,
}

/// How a child fits to a side, itself left out.
pub(super) struct Fit {
    pub(super) members: f32,
    pub(super) amount: f32,
    pub(super) any: f32,
    pub(super) mean: f32,
    pub(super) methods: f32,
}

impl Side {
    pub(super) fn new(groups: &[Group<'_>], is_value: &[bool], wanted: bool) -> Side {
        let members =
            || groups.iter().zip(is_value).filter(|(_, is)| **is == wanted).map(|(g, _)| g);
        let mut side = Side {
            members: members().count() as f32,
            shared: HashMap::new(),
            methods: HashMap::new(),
            coherence: 0.0,
        };
        for group in members() {
            group.follow.keys().for_each(|e| *side.shared.entry(*e).or_default() += 1.0);
            *side.methods.entry(group.methods).or_default() += 1.0;
        }
        if side.members > 1.0 {
            side.coherence = members().map(|g| side.fit(g, true).any).sum::<f32>() / side.members;
        }
        side
    }

    pub(super) fn fit(&self, group: &Group<'_>, is_member: bool) -> Fit {
        let own = flag(is_member);
        let members = self.members - own;
        let Shares { amount, any, mean } = group.shares(&self.shared, own, members.max(1.0));
        let same = self.methods.get(&group.methods).copied().unwrap_or(0.0) - own;
        Fit { members, amount, any, mean, methods: same.max(0.0) / members.max(1.0) }
    }
}
