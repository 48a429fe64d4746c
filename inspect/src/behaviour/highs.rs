//! Whether what a caller takes becomes more from day to day: by the days on which it took more than ever before, one after the other.
//!
//! ```text
//!   what it takes lately (half forgotten after a day) ─► a fifth more than the highest so far, and a day since ─► one more day of growth
//!                                                                 two days without one ─► it has grown up: what it takes now is usual
//! ```
//!
//! A weekly rhythm comes to no new height, a busy day to one, and who comes back to what it did before to none.

/// Seconds.
const DAY: f64 = 24.0 * 3600.0;
/// A height is a fifth more than the one before, and a day later at the earliest: smaller steps are chance.
const STEP: f32 = 1.2;
/// Growth has gone on for so many days before it counts: chance comes to three now and then.
const DAYS: u8 = 4;
/// It is over after so long without a new height. Seconds.
const OVER: f64 = 2.0 * DAY;
/// Whoever took less than a minute a day before it grew is taken to have taken that: of nothing everything is infinitely many times as much.
const LEAST: f32 = 60.0 / DAY as f32;

/// What is kept of it.
#[derive(Clone, Debug, Default)]
pub struct Highs {
    /// The highest so far, and when that was.
    high: f32,
    at: f64,
    /// What it was before it began to grow, and the days that it has grown since.
    before: f32,
    days: u8,
}

impl Highs {
    /// So much is usual: whoever is not known for long enough has no heights yet.
    pub fn begin(&mut self, taken: f32, now: f64) {
        *self = Highs { high: taken, at: now, before: taken, days: 0 };
    }

    /// What is taken a second now.
    pub fn take(&mut self, taken: f32, now: f64) {
        if now - self.at >= OVER {
            (self.before, self.days) = (self.high, 0);
        }
        if taken >= STEP * self.high && now - self.at >= DAY {
            (self.high, self.at, self.days) = (taken, now, self.days.saturating_add(1));
        }
    }

    /// How many times as much is taken now as before it began to grow; natural logarithm.
    pub fn growth(&self, taken: f32) -> f32 {
        if self.days < DAYS { 0.0 } else { (taken / self.before.max(LEAST)).ln().max(0.0) }
    }
}
