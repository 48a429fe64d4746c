//! The callers of a service in a window, and what they used to do.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::super::baseline::{Deviation, Mean};
use super::super::record::{Caller, Callers, Sums};
use super::super::sketch::{Merge, Top};

/// Habits kept per window and measure; the smallest are forgotten.
const MAX_HABITS: usize = 128;
/// A habit is half forgotten after two weeks: a weekly job is known.
const HABIT_DECAY: f32 = 0.95;

/// Something of requests that is summed up.
pub type Amount = fn(&Sums) -> u64;

/// The most that callers used to have in a window, so that a batch job is not taken for an attack each night. It counts from the
/// next day on: nobody gets used to an attack while it goes on.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Habits {
    before: HashMap<u64, f32>,
    today: HashMap<u64, f32>,
}

impl Habits {
    /// The most that this caller used to have.
    pub fn of(&self, caller: u64) -> f64 {
        f64::from(self.before.get(&caller).copied().unwrap_or(0.0))
    }

    fn learn(&mut self, callers: &Top<Caller>, amount: Amount) {
        for (caller, entry) in callers.iter() {
            keep_most(&mut self.today, caller, amount(&entry.stats.sums) as f32);
        }
        shorten(&mut self.today);
    }

    /// A day is over.
    fn settle(&mut self) {
        self.before.values_mut().for_each(|most| *most *= HABIT_DECAY);
        for (caller, most) in std::mem::take(&mut self.today) {
            keep_most(&mut self.before, caller, most);
        }
        shorten(&mut self.before);
    }
}

fn keep_most(habits: &mut HashMap<u64, f32>, caller: u64, amount: f32) {
    let most = habits.entry(caller).or_default();
    *most = most.max(amount);
}

fn shorten(habits: &mut HashMap<u64, f32>) {
    while habits.len() > MAX_HABITS {
        let smallest = habits.iter().min_by(|a, b| a.1.total_cmp(b.1)).map(|(caller, _)| *caller);
        smallest.map(|caller| habits.remove(&caller));
    }
}

/// How much of the server's time the heaviest caller of a window takes beyond its habit, in microseconds: what one caller can take
/// without being seen among many.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Heaviest {
    habits: Habits,
    most: Mean,
}

impl Heaviest {
    /// What a caller takes beyond its habit, against what the heaviest usually does, if that is known.
    pub fn deviation(&self, hash: u64, caller: &Caller) -> Option<Deviation> {
        self.most.deviation(self.beyond(hash, caller))
    }

    fn beyond(&self, hash: u64, caller: &Caller) -> f64 {
        caller.sums.micros as f64 - self.habits.of(hash)
    }

    fn learn(&mut self, callers: &Top<Caller>) {
        let beyond = callers.iter().map(|(hash, entry)| self.beyond(hash, &entry.stats));
        let most = beyond.fold(0.0, f64::max);
        if most > 0.0 {
            self.most.learn(most);
        }
        self.habits.learn(callers, |sums| sums.micros);
    }
}

/// Something that callers may have the most of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum By {
    Requests,
    AuthFailures,
    Missing,
    Bytes,
    Micros,
    Sensitive,
}

impl By {
    /// What of the sums it is.
    pub fn amount(self) -> Amount {
        match self {
            By::Requests => |s| s.requests,
            By::AuthFailures => |s| s.auth_failures,
            By::Missing => |s| s.missing,
            By::Bytes => |s| s.bytes,
            By::Micros => |s| s.micros,
            By::Sensitive => |s| s.sensitive,
        }
    }
}

/// The callers of a window and their habits.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct CallersWindow {
    /// What was counted.
    pub callers: Callers,
    habits: [Habits; 6],
    /// What the heaviest caller usually has.
    most: [Mean; 6],
    /// The server's time that single callers take.
    pub costs: Heaviest,
}

impl CallersWindow {
    /// The heaviest callers by something, and what is usual for them.
    pub fn by(&self, by: By) -> (&Top<Caller>, &Habits, &Mean) {
        let Callers { busy, failing, drawing, costly, .. } = &self.callers;
        let [requests, auth, missing, bytes, micros, sensitive] = &self.habits;
        let most = &self.most;
        match by {
            By::Requests => (busy, requests, &most[0]),
            By::AuthFailures => (failing, auth, &most[1]),
            By::Missing => (failing, missing, &most[2]),
            By::Bytes => (drawing, bytes, &most[3]),
            By::Micros => (costly, micros, &most[4]),
            // Who is given much of it asks for much.
            By::Sensitive => (busy, sensitive, &most[5]),
        }
    }

    /// The window is judged: learns from it and begins another one.
    pub(super) fn turn(&mut self, learn: bool) {
        let callers = std::mem::take(&mut self.callers);
        if learn {
            let Callers { busy, failing, drawing, costly, .. } = &callers;
            let tables = [
                (busy, By::Requests),
                (failing, By::AuthFailures),
                (failing, By::Missing),
                (drawing, By::Bytes),
                (costly, By::Micros),
                (busy, By::Sensitive),
            ];
            let known = self.habits.iter_mut().zip(&mut self.most);
            for ((habits, most), (table, by)) in known.zip(tables) {
                let amounts = table.iter().map(|(_, e)| by.amount()(&e.stats.sums));
                most.learn(amounts.max().unwrap_or(0).max(1) as f64);
                habits.learn(table, by.amount());
            }
            self.costs.learn(costly);
        }
    }

    /// A day is over.
    pub(super) fn settle(&mut self) {
        self.habits.iter_mut().chain([&mut self.costs.habits]).for_each(Habits::settle);
    }
}

impl Merge for Habits {
    fn merge(&mut self, other: &Habits) {
        for (theirs, mine) in [(&other.before, &mut self.before), (&other.today, &mut self.today)] {
            theirs.iter().for_each(|(caller, most)| *mine.entry(*caller).or_default() += most);
            shorten(mine);
        }
    }
}

impl Merge for Heaviest {
    fn merge(&mut self, other: &Heaviest) {
        self.habits.merge(&other.habits);
        self.most.merge(&other.most);
    }
}

impl Merge for CallersWindow {
    fn merge(&mut self, other: &CallersWindow) {
        self.callers.merge(&other.callers);
        self.habits.iter_mut().zip(&other.habits).for_each(|(mine, theirs)| mine.merge(theirs));
        self.most.iter_mut().zip(&other.most).for_each(|(mine, theirs)| mine.merge(theirs));
        self.costs.merge(&other.costs);
    }
}
