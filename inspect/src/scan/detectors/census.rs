//! Numbers of one message that look alike: where most of those under a name fail the check of a card, the name is that of ids,
//! and the tenth that passes is one of them.
//!
//! In constant memory, and the same however the message is cut: each place counts once, in order, when it is settled.

use super::card::only_looks_like_one;
use super::card_context::List;
use crate::scan::found::Outcome;
use crate::scan::view::View;

/// Names that are remembered of a message; a further one takes the place of the oldest.
const NAMES: usize = 16;
/// From this confidence on the name itself says that it is a card.
const CERTAIN: f32 = 0.95;

/// What was counted under a name.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    /// Hash of the name and the number of digits; 0 of none.
    name: u64,
    passed: u32,
    failed: u32,
}

/// The counts of a message.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::scan) struct Census {
    counts: [Count; NAMES],
    /// Which of them is the oldest.
    next: usize,
    /// Places before this offset are counted.
    until: u64,
}

impl Census {
    /// What becomes of a number at `at` by those before it that look like it. `counts`: the outcome is final.
    pub fn judge(&mut self, view: &View, at: usize, outcome: Outcome, counts: bool) -> Outcome {
        let (len, passed) = match outcome {
            Outcome::Match { confidence, start, end } if confidence < CERTAIN => {
                (end - start, true)
            }
            Outcome::No => match only_looks_like_one(view, at) {
                Some(len) => (len, false),
                None => return outcome,
            },
            _ => return outcome,
        };
        let Some(name) = name(view, at, len) else { return outcome };
        match self.is_card(name, view.base + at as u64, passed, counts) {
            true => outcome,
            false => Outcome::No,
        }
    }

    /// The same for a number in protobuf, as a varint or as all of a string: its name is its tag.
    pub fn judge_tagged(&mut self, tag: u8, place: u64, outcome: Outcome, counts: bool) -> Outcome {
        let passed = matches!(outcome, Outcome::Match { .. });
        match self.is_card(u64::from(tag) | 1 << 32, place, passed, counts) {
            true => outcome,
            false => Outcome::No,
        }
    }

    /// Whether a number is a card that passed the check or not; then it counts, too. One that counted before was answered then.
    fn is_card(&mut self, name: u64, place: u64, passed: bool, counts: bool) -> bool {
        if place < self.until {
            return false;
        }
        let found = self.counts.iter().position(|count| count.name == name);
        let i = found.unwrap_or(self.next);
        let before = found.and_then(|i| self.counts.get(i)).copied().unwrap_or_default();
        if counts {
            self.until = place + 1;
            if found.is_none() {
                self.next = (self.next + 1) % NAMES;
            }
            let (passes, fails) = (u32::from(passed), u32::from(!passed));
            self.counts.iter_mut().skip(i).take(1).for_each(|count| {
                *count =
                    Count { name, passed: before.passed + passes, failed: before.failed + fails };
            });
        }
        passed && before.failed <= before.passed
    }
}

/// What stands for the name of a number; none if it has none and is no element of a list.
fn name(view: &View, at: usize, len: usize) -> Option<u64> {
    let list = List::left_of(view, at, len);
    let is_list = list.is_some();
    let name = list.map_or_else(|| view.key(at), |list| list.name);
    if name.is_empty() && !is_list {
        return None;
    }
    // FNV-1a.
    let hash = |hash: u64, b: &u8| (hash ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3);
    let seed = 0xcbf2_9ce4_8422_2325 ^ (len as u64) << 8 ^ u64::from(is_list);
    Some(name.iter().fold(seed, hash) | 1 << 63)
}
