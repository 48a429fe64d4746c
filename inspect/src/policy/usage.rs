//! How much each caller has used of a limit: counts, or how many different values, over a sliding window, in fixed memory.
//!
//! ```text
//!   caller ─► set of 4 slots ─► slot: key │ locked until │ 8 windows of time, each: count, or a bitmap of values
//!                 │ none is the caller's
//!                 └─► the one that was silent longest is forgotten
//! ```
//!
//! All workers share a table, and none waits: every field is an atomic of its own. Where two workers meet on one slot at the
//! same moment, a count or a value can be lost; a limit is never wrong by more than that.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU32, AtomicU64};

use crate::linear_counting;

/// Callers that are remembered per limit. Beyond it, of four that fall into one set, the one that was silent longest is
/// forgotten, and begins again.
pub const CALLERS: usize = 8192;
/// Slots in which a caller can be.
const WAYS: usize = 4;
/// Windows into which a limit's time is cut; what is older than all but one of them counts no more.
const WINDOWS: usize = 8;
/// Bits of a window's bitmap of values. Linear counting (Whang et al. 1990) in 1,024 bits tells 500 different values with
/// a standard error of 1.7 %.
const BITS: usize = 1024;
const WORDS: usize = BITS / 64;
/// Most different values that a limit can be about.
pub const MAX_DISTINCT: u32 = 500;

#[derive(Debug, Default)]
struct Slot {
    /// The caller; 0 is nobody.
    key: AtomicU64,
    /// Milliseconds: when it was last counted, and until when it is locked out.
    seen: AtomicU64,
    locked: AtomicU64,
    windows: [Window; WINDOWS],
}

#[derive(Debug, Default)]
struct Window {
    /// Which stretch of time it is about, counted from the beginning.
    epoch: AtomicU64,
    count: AtomicU32,
}

/// The usage of all callers under one limit.
#[derive(Debug)]
pub(super) struct Usage {
    slots: Box<[Slot]>,
    /// Bitmaps of the slots' windows; none where things are only counted.
    values: Box<[AtomicU64]>,
    /// Milliseconds of a window.
    window: u64,
}

impl Usage {
    /// An empty table for a limit over `per` milliseconds.
    pub fn new(per: u64, distinct: bool) -> Usage {
        let words = if distinct { CALLERS * WINDOWS * WORDS } else { 0 };
        Usage {
            slots: (0..CALLERS).map(|_| Slot::default()).collect(),
            values: (0..words).map(|_| AtomicU64::new(0)).collect(),
            window: (per / (WINDOWS as u64 - 1)).max(1),
        }
    }

    /// Counts once for a caller at `now` (milliseconds); with bitmaps, only what it has not had yet. Returns how much it has
    /// now.
    pub fn count(&self, key: u64, value: u64, now: u64) -> u32 {
        let Some((index, slot)) = self.slot(key, now) else { return 0 };
        let epoch = now / self.window + 1;
        let at = (epoch % WINDOWS as u64) as usize;
        let Some(window) = slot.windows.get(at) else { return 0 };
        let bitmap = self.bitmap(index, at);
        if window.epoch.swap(epoch, Relaxed) != epoch {
            window.count.store(0, Relaxed);
            bitmap.iter().for_each(|word| word.store(0, Relaxed));
        }
        window.count.fetch_add(1, Relaxed);
        let bit = (value % BITS as u64) as usize;
        if let Some(word) = bitmap.get(bit / 64) {
            word.fetch_or(1 << (bit % 64), Relaxed);
        }
        self.total(index, slot, epoch)
    }

    /// Locks a caller out until then.
    pub fn lock(&self, key: u64, now: u64, until: u64) {
        if let Some((_, slot)) = self.slot(key, now) {
            slot.locked.fetch_max(until, Relaxed);
        }
    }

    /// Takes a caller's next turn, `step` milliseconds after the one before and `most` from now at most. Says how long it is until
    /// then. (What waits for its turn is kept where a lock is: who has turns to come is not forgotten for others.)
    pub fn turn(&self, key: u64, now: u64, step: u64, most: u64) -> u64 {
        let Some((_, slot)) = self.slot(key, now) else { return 0 };
        let next = |before: u64| before.max(now).saturating_add(step).min(now + most);
        let before = slot.locked.fetch_update(Relaxed, Relaxed, |before| Some(next(before)));
        next(before.unwrap_or(now)) - now
    }

    /// Whether a caller is locked out.
    pub fn is_locked(&self, key: u64, now: u64) -> bool {
        self.set(key).is_some_and(|(_, set)| {
            set.iter().any(|s| s.key.load(Relaxed) == key && s.locked.load(Relaxed) > now)
        })
    }

    fn set(&self, key: u64) -> Option<(usize, &[Slot])> {
        let first = (key % (CALLERS / WAYS) as u64) as usize * WAYS;
        Some((first, self.slots.get(first..first + WAYS)?))
    }

    /// The caller's slot; the one that was silent longest becomes it. One that is locked out is not forgotten for another.
    fn slot(&self, key: u64, now: u64) -> Option<(usize, &Slot)> {
        let (first, set) = self.set(key)?;
        if let Some(at) = set.iter().position(|s| s.key.load(Relaxed) == key) {
            let slot = set.get(at)?;
            slot.seen.store(now, Relaxed);
            return Some((first + at, slot));
        }
        let silent = |(_, s): &(usize, &Slot)| (s.locked.load(Relaxed) > now, s.seen.load(Relaxed));
        let (at, slot) = set.iter().enumerate().min_by_key(silent)?;
        slot.key.store(key, Relaxed);
        slot.seen.store(now, Relaxed);
        slot.locked.store(0, Relaxed);
        slot.windows.iter().for_each(|w| w.epoch.store(0, Relaxed));
        Some((first + at, slot))
    }

    fn bitmap(&self, slot: usize, window: usize) -> &[AtomicU64] {
        let at = (slot * WINDOWS + window) * WORDS;
        self.values.get(at..at + WORDS).unwrap_or_default()
    }

    fn total(&self, index: usize, slot: &Slot, epoch: u64) -> u32 {
        let recent = |w: &Window| w.epoch.load(Relaxed) + WINDOWS as u64 > epoch;
        let windows = || slot.windows.iter().enumerate().filter(|(_, w)| recent(w));
        if self.values.is_empty() {
            return windows().fold(0, |sum, (_, w)| sum.saturating_add(w.count.load(Relaxed)));
        }
        let mut all = [0u64; WORDS];
        for (at, _) in windows() {
            for (word, bits) in all.iter_mut().zip(self.bitmap(index, at)) {
                *word |= bits.load(Relaxed);
            }
        }
        linear_counting::distinct(&all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: u64 = 60_000;

    /// A hash that is good enough for a test (splitmix64).
    fn hash(n: u64) -> u64 {
        let mut z = n.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    #[test]
    fn counts_slide_with_time() {
        let usage = Usage::new(10 * MINUTE, false);
        for n in 1..=5 {
            assert_eq!(usage.count(7, 0, n * MINUTE), n as u32);
        }
        assert_eq!(usage.count(8, 0, 5 * MINUTE), 1, "another caller");
        // Nothing that is older than the time counts, and nothing younger than seven eighths of it is left out.
        assert!((3..=5).contains(&usage.count(7, 0, 12 * MINUTE)));
        assert_eq!(usage.count(7, 0, 60 * MINUTE), 1);
    }

    #[test]
    fn only_different_values_count() {
        let usage = Usage::new(10 * MINUTE, true);
        for n in 0..1000 {
            assert_eq!(usage.count(7, hash(3), n), 1);
        }
        for many in [20, 100, 500] {
            let usage = Usage::new(10 * MINUTE, true);
            let counted = (0..many).fold(0, |_, n| usage.count(7, hash(n), n));
            let error = f64::from(counted) / many as f64 - 1.0;
            assert!(error.abs() < 0.06, "{counted} for {many}");
        }
    }

    #[test]
    fn whoever_is_locked_out_is_so_until_then_and_is_not_pushed_out_by_others() {
        let usage = Usage::new(MINUTE, false);
        usage.lock(hash(0), 0, MINUTE);
        for n in 1..5 * CALLERS as u64 {
            usage.count(hash(n), 0, 1 + n % 1000);
        }
        assert!(usage.is_locked(hash(0), MINUTE - 1));
        assert!(!usage.is_locked(hash(0), MINUTE));
        assert!(!usage.is_locked(hash(1), 5));
    }

    #[test]
    fn turns_follow_each_other_at_an_even_pace() {
        let usage = Usage::new(MINUTE, false);
        let turn = |now| usage.turn(7, now, 100, 350);
        assert_eq!(
            [0, 0, 0, 0, 0].map(turn),
            [100, 200, 300, 350, 350],
            "no longer than is bearable"
        );
        assert_eq!(turn(300), 150, "behind the last of them");
        assert_eq!(turn(1000), 100);
        assert_eq!(usage.turn(8, 1000, 100, 350), 100, "another caller");
    }

    #[test]
    fn a_crowd_pushes_out_those_who_are_silent() {
        let usage = Usage::new(MINUTE, false);
        usage.count(hash(0), 0, 0);
        for n in 1..20 * CALLERS as u64 {
            usage.count(hash(n), 0, 1);
        }
        assert_eq!(usage.count(hash(0), 0, 2), 1, "forgotten, and begun again");
    }

    #[test]
    fn several_workers_count_together() {
        let usage = Usage::new(MINUTE, false);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..1000 {
                        usage.count(7, 0, 5);
                    }
                });
            }
        });
        // At the very beginning of a window one may clear what another has just counted.
        assert!((3990..=4001).contains(&usage.count(7, 0, 5)));
    }
}
