//! What is kept of all callers: a table of a fixed size that all workers share, and in which none ever waits for another.
//!
//! ```text
//!   caller ─► set of 4 ─► its memory and where it stands
//!                 │ none is the caller's
//!                 └─► the one that was silent longest is forgotten, of those that are on no step if there is one
//! ```
//!
//! A set is behind a lock that is only ever tried. Two workers meet there only if they have requests of the same four callers
//! within the same microsecond; then the second goes on as if it had seen nothing, and counts that.

use std::sync::{Mutex, OnceLock, TryLockError};

use super::identity::Identity;
use super::ladder::{Ladder, Standing};

/// Callers remembered where a policy says nothing else: 20 MB.
pub const CALLERS: u32 = 16_384;
/// Places in which a caller can be.
const WAYS: usize = 4;

/// What is kept of a caller.
#[derive(Debug, Default)]
#[repr(C)]
pub struct Known {
    /// What is done about it: beside what each request touches of the rest.
    pub standing: Standing,
    /// What it did.
    pub identity: Identity,
}

#[derive(Debug, Default)]
#[repr(C)]
struct Set {
    /// The callers; 0 is nobody.
    keys: [u64; WAYS],
    /// Milliseconds: when each asked last.
    seen: [u64; WAYS],
    known: [Known; WAYS],
}

/// Another worker has a hand on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Busy;

/// The table.
#[derive(Debug)]
pub struct Callers {
    most: u32,
    sets: OnceLock<Box<[Mutex<Set>]>>,
}

impl Callers {
    /// For at least so many callers. It takes its memory with [`Callers::prepare`].
    pub fn new(most: u32) -> Callers {
        Callers { most, sets: OnceLock::new() }
    }

    /// How many callers it remembers.
    pub fn most(&self) -> u32 {
        self.most
    }

    /// Takes its memory, which takes milliseconds: before packets are judged by it.
    pub fn prepare(&self) {
        let sets = (self.most as usize).div_ceil(WAYS).max(1);
        self.sets.get_or_init(|| (0..sets).map(|_| Mutex::default()).collect());
    }

    /// Does something with what is kept of a caller; none if nothing is.
    pub fn find<T>(&self, key: u64, with: impl FnOnce(&mut Known) -> T) -> Result<Option<T>, Busy> {
        self.with_set(key, |set| {
            let at = set.keys.iter().position(|k| *k == key)?;
            set.known.get_mut(at).map(with)
        })
    }

    /// The same; who is not known takes the place of the one that was silent longest. Also whether somebody was forgotten.
    pub fn enter<T>(
        &self,
        key: u64,
        now: u64,
        ladder: &Ladder,
        with: impl FnOnce(&mut Known) -> T,
    ) -> Result<Option<(T, bool)>, Busy> {
        self.with_set(key, |set| {
            let known = set.keys.iter().position(|k| *k == key);
            let at = known.unwrap_or_else(|| set.silent(now, ladder));
            let (place, seen) = (set.keys.get_mut(at)?, set.seen.get_mut(at)?);
            let kept = set.known.get_mut(at)?;
            let forgets = known.is_none() && *place != 0;
            if known.is_none() {
                (*place, *kept) = (key, Known::default());
            }
            *seen = now;
            Some((with(kept), forgets))
        })
    }

    fn with_set<T>(
        &self,
        key: u64,
        with: impl FnOnce(&mut Set) -> Option<T>,
    ) -> Result<Option<T>, Busy> {
        let Some(sets) = self.sets.get() else { return Ok(None) };
        let Some(set) = sets.get((key % sets.len() as u64) as usize) else { return Ok(None) };
        match set.try_lock() {
            Ok(mut set) => Ok(with(&mut set)),
            // Numbers, of which none depends on another: they are as good as before.
            Err(TryLockError::Poisoned(set)) => Ok(with(&mut set.into_inner())),
            Err(TryLockError::WouldBlock) => Err(Busy),
        }
    }
}

impl Set {
    /// The place of who was silent longest; nobody's place first, and that of one on a step last.
    fn silent(&self, now: u64, ladder: &Ladder) -> usize {
        let places = self.keys.iter().zip(&self.seen).zip(&self.known).enumerate();
        let order = |(_, ((key, seen), known)): &(usize, ((&u64, &u64), &Known))| {
            (**key != 0, known.standing.is_on_a_step(now, ladder), **seen)
        };
        places.min_by_key(order).map_or(0, |(at, _)| at)
    }
}

#[cfg(test)]
mod tests {
    use super::super::ladder::{Mitigation, Step};
    use super::*;

    fn ladder() -> Ladder {
        Ladder(vec![Step { score: 0.5, mitigation: Mitigation::Block, lasts: 1000 }])
    }

    fn enters(callers: &Callers, key: u64, now: u64) -> bool {
        callers.enter(key, now, &ladder(), |_| ()).unwrap().unwrap().1
    }

    #[test]
    fn a_full_set_forgets_the_silent_and_keeps_those_on_a_step() {
        let callers = Callers::new(4);
        callers.prepare();
        for key in 1..=4 {
            assert!(!enters(&callers, key, key));
        }
        callers.find(1, |known| known.standing.judged(0.9, false, 5, &ladder())).unwrap().unwrap();
        assert!(enters(&callers, 5, 10), "2 is forgotten, not 1 that is blocked");
        for (key, known) in [(1, true), (2, false), (3, true), (4, true), (5, true)] {
            assert_eq!(callers.find(key, |_| ()).unwrap().is_some(), known, "{key}");
        }
        assert!(enters(&callers, 6, 2000), "its step is over");
        assert_eq!(callers.find(1, |_| ()).unwrap(), None);
    }

    #[test]
    fn nobody_waits() {
        let callers = Callers::new(4);
        assert_eq!(callers.find(1, |_| ()), Ok(None), "before it has memory");
        callers.prepare();
        enters(&callers, 1, 1);
        let inner = callers.find(1, |_| callers.find(1, |_| ())).unwrap().unwrap();
        assert_eq!(inner, Err(Busy));
    }

    #[test]
    fn workers_share_what_they_see() {
        let callers = Callers::new(64);
        callers.prepare();
        let busy: u32 = std::thread::scope(|scope| {
            let worker = || {
                let count = |known: &mut Known| known.identity.close_page();
                (0..1000)
                    .filter(|n| callers.enter(n % 50 + 1, *n, &ladder(), count).is_err())
                    .count()
            };
            let workers: Vec<_> = (0..4).map(|_| scope.spawn(worker)).collect();
            workers.into_iter().map(|worker| worker.join().unwrap() as u32).sum()
        });
        assert!(busy < 4000);
        assert!((1..=50).all(|key| callers.find(key, |_| ()).unwrap().is_some()));
    }
}
