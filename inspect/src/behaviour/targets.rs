//! Where callers log in, and how many of them fail: who guesses passwords from many addresses tries only a few with each, and what each
//! of them does says little.
//!
//! ```text
//!   a caller's first try at a place ─► tried, failed: decaying sums of callers ─► more fail than usual do ─► attacked
//!   let in after all                ─► failed less                                                              │
//!                                                        nothing of the kind for ten minutes ─► as before ◄─────┘
//! ```
//!
//! While a place is attacked, whoever fails there several times and was never let in is a [suspect](super::Standing::suspect). People who mistype are
//! let in at the second or third try, so a crowd of them does not count.

use std::sync::{Mutex, TryLockError};

use super::callers::Busy;

/// Places that are told apart; of more, the one that was asked for least lately is forgotten.
const TARGETS: usize = 64;
/// Callers are half forgotten after so long (milliseconds): those who spray a password are there within minutes.
const HALF_LIFE: f32 = 600_000.0;
/// Of those who come for the first time so many fail and give up, at most, on an ordinary day.
const USUAL: f32 = 0.2;
/// An attack is at least so many callers more, and so many standard deviations (of a Poisson distribution).
const CALLERS: f32 = 8.0;
const DEVIATIONS: f32 = 4.0;
/// For so long a place counts as attacked after it was last seen to be: milliseconds.
const LASTS: u64 = 600_000;

/// A caller has tried to log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Try {
    /// Where: its template.
    pub target: u64,
    /// It was refused.
    pub failed: bool,
    /// It has tried nothing before,
    pub first: bool,
    /// or it was refused before and is let in now, for the first time.
    pub at_last: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Target {
    /// 0: none.
    key: u64,
    /// When somebody tried last, in milliseconds.
    seen: u64,
    tried: f32,
    failed: f32,
    attacked_until: u64,
}

/// The places. All workers share them, and none waits for another.
#[derive(Debug)]
pub struct Targets(Mutex<[Target; TARGETS]>);

impl Default for Targets {
    fn default() -> Targets {
        Targets(Mutex::new([Target::default(); TARGETS]))
    }
}

impl Targets {
    /// Takes a try into account; whether its place is attacked.
    pub fn observe(&self, tried: Try, now: u64) -> Result<bool, Busy> {
        let mut targets = match self.0.try_lock() {
            Ok(targets) => targets,
            // Numbers, of which none depends on another: they are as good as before.
            Err(TryLockError::Poisoned(targets)) => targets.into_inner(),
            Err(TryLockError::WouldBlock) => return Err(Busy),
        };
        let known = targets.iter().position(|t| t.key == tried.target);
        let silent = || targets.iter().enumerate().min_by_key(|(_, t)| t.seen).map(|(at, _)| at);
        let Some(at) = known.or_else(silent) else { return Ok(false) };
        let Some(target) = targets.get_mut(at) else { return Ok(false) };
        if known.is_none() {
            *target = Target { key: tried.target, seen: now, ..Target::default() };
        }
        target.observe(tried, now);
        Ok(now < target.attacked_until)
    }
}

impl Target {
    fn observe(&mut self, tried: Try, now: u64) {
        let left = (-(now.saturating_sub(self.seen) as f32) / HALF_LIFE).exp2();
        self.seen = self.seen.max(now);
        self.tried = self.tried * left + f32::from(u8::from(tried.first));
        self.failed = self.failed * left + f32::from(u8::from(tried.first && tried.failed));
        if tried.at_last {
            self.failed = (self.failed - 1.0).max(0.0);
        }
        let usual = USUAL * self.tried;
        if self.failed - usual >= CALLERS.max(DEVIATIONS * usual.sqrt()) {
            self.attacked_until = now + LASTS;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1000;
    const FAILS: Try = Try { target: 7, failed: true, first: true, at_last: false };
    const LET_IN: Try = Try { failed: false, ..FAILS };

    #[test]
    fn many_callers_that_fail_are_an_attack_and_it_ends() {
        let targets = Targets::default();
        let spray = (0..30).map(|n| targets.observe(FAILS, n * 20 * SECOND).unwrap());
        let first = spray.collect::<Vec<_>>().iter().position(|attacked| *attacked);
        assert!(first.is_some_and(|n| (8..16).contains(&n)), "{first:?}");
        let other = Try { target: 8, ..FAILS };
        assert_eq!(targets.observe(other, 601 * SECOND), Ok(false), "only there");
        assert_eq!(targets.observe(LET_IN, 1_100 * SECOND), Ok(true));
        assert_eq!(targets.observe(LET_IN, 4_000 * SECOND), Ok(false));
    }

    #[test]
    fn a_crowd_that_mistypes_is_none() {
        let targets = Targets::default();
        for n in 0..2_000 {
            let now = n * SECOND / 4;
            // One in five, of whom most are let in at the second try.
            let mistypes = n % 5 == 0;
            assert_eq!(targets.observe(Try { failed: mistypes, ..FAILS }, now), Ok(false), "{n}");
            if mistypes && n % 3 != 0 {
                let again = Try { first: false, at_last: true, ..LET_IN };
                assert_eq!(targets.observe(again, now + 1), Ok(false), "{n}");
            }
        }
    }

    #[test]
    fn places_are_few_and_the_silent_go_first() {
        let targets = Targets::default();
        for key in 1..1_000 {
            targets.observe(Try { target: key, ..FAILS }, key).unwrap();
        }
        let held = targets.0.lock().unwrap();
        assert!(held.iter().all(|t| t.key > 1_000 - 1 - TARGETS as u64));
        assert_eq!(targets.observe(FAILS, 2_000), Err(Busy));
    }
}
