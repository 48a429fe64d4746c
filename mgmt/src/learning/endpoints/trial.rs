//! How much an allow-list would refuse, on requests that came after those it was learnt from.

use weir_inspect::policy::{Mode, Policy};
use weir_inspect::request::Request;

use super::{Learnt, allow_list, is_answered};
use crate::learning::requests::call::blocks_call;

/// Of so many requests the last one is held back: a policy is tried on a fifth.
pub const HELD_BACK: u64 = 5;
/// A trial begins with so many requests at least.
const FIRST: u64 = 50;

/// How much a policy refuses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Refused {
    /// Requests, and how many would be blocked.
    pub all: (u64, u64),
    /// Of them, those that the service answered as calls of an endpoint.
    pub answered: (u64, u64),
}

impl Refused {
    /// A request under a policy.
    pub fn add(&mut self, policy: &Policy, request: &Request) {
        let blocked = u64::from(blocks_call(policy, request));
        self.all = (self.all.0 + 1, self.all.1 + blocked);
        if is_answered(request.response.as_ref().map(|r| r.status)) {
            self.answered = (self.answered.0 + 1, self.answered.1 + blocked);
        }
    }
}

/// A running trial: what was learnt so far becomes a policy, which is tried on the next quarter as many requests, and so on.
#[derive(Debug, Default)]
pub struct Trial {
    policy: Option<Policy>,
    seen: u64,
    next: u64,
    running: Refused,
    /// Of the trial before.
    last: Option<Refused>,
}

impl Trial {
    /// A request, before it is learnt.
    pub fn add(&mut self, request: &Request) {
        self.seen += 1;
        if let Some(policy) = &self.policy {
            self.running.add(policy, request);
        }
    }

    /// Whether the next trial is due.
    pub fn is_due(&self) -> bool {
        self.seen >= self.next.max(FIRST)
    }

    /// Begins another one. A policy that does not compile, as one without rules, is tried on nothing.
    pub fn begin(&mut self, learnt: &Learnt) {
        if self.policy.is_some() {
            self.last = Some(std::mem::take(&mut self.running));
        }
        let compiled = Policy::compile(&allow_list::policy(learnt).0).ok();
        self.policy = compiled.map(|(policy, _)| policy.with_mode(Mode::Enforce));
        self.next = self.seen + (self.seen / (HELD_BACK - 1)).max(1);
    }

    /// What came of it: of the last one that is complete, else of the one that runs; none before there is any.
    pub fn refused(&self) -> Option<Refused> {
        self.last.or_else(|| self.policy.is_some().then_some(self.running))
    }
}
