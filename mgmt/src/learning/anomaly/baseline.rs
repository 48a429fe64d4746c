//! What is usual, and how far from it something is.
//!
//! Three forms of a baseline, each with a band: a count that follows the hour of the week ([`Season`]), a share of the
//! requests ([`Share`]), and a mean ([`Level`]). All learn robustly: what lies beyond the band is clipped to it first, so
//! that an attack does not become what is usual. Bands are as wide as Poisson's law says for small counts, and wider by
//! the spread that was seen beyond it.

mod merge;

use serde::{Deserialize, Serialize};

/// Lengths of the windows in seconds, each a multiple of the one before.
pub const WINDOWS: [u64; 4] = [300, 1_800, 14_400, 86_400];
/// The band's half width in standard deviations: one window in 370 lies beyond it by chance.
const BAND: f64 = 3.0;
/// A count is known after a day of buckets: before, nobody can tell a morning from an attack.
const SEASON_READY: f64 = 288.0;
/// A share is known after two hours of buckets…
const SHARE_READY: f64 = 24.0;
/// …and so many requests.
const SHARE_REQUESTS: f64 = 100.0;
/// A mean is known after so many windows of its length.
const LEVEL_READY: f64 = 6.0;

/// How something compares with what is usual.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Deviation {
    /// The band's lower end.
    pub low: f64,
    /// What is usual.
    pub mid: f64,
    /// The band's upper end.
    pub high: f64,
    /// What was seen.
    pub seen: f64,
    /// Standard deviations above what is usual; negative below.
    pub z: f64,
}

impl Deviation {
    fn new(mid: f64, variance: f64, seen: f64) -> Deviation {
        let sd = variance.sqrt();
        let low = (mid - BAND * sd).max(0.0);
        Deviation { low, mid, high: mid + BAND * sd, seen, z: (seen - mid) / sd }
    }

    /// What was seen beyond what is usual.
    pub fn excess(&self) -> f64 {
        (self.seen - self.mid).max(0.0)
    }
}

/// The spread of a count beyond Poisson's, relative to its mean (squared), by window.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Spread {
    windows: f64,
    squared: f64,
}

/// A fifth, until more is known: like traffic of some hundred users.
const PRIOR_SPREAD: Spread = Spread { windows: 30.0, squared: 0.04 };
/// A spread remembers so many windows.
const SPREAD_MEMORY: f64 = 300.0;

impl Spread {
    fn deviation(&self, mid: f64, seen: f64) -> Deviation {
        // One more than Poisson's variance, since its tail above small means is heavier than the normal law's.
        Deviation::new(mid, mid + 1.0 + self.squared * mid * mid, seen)
    }

    fn learn(&mut self, mid: f64, seen: f64) {
        // The noise of a small count says nothing about the spread beyond it.
        if mid < 2.0 {
            return;
        }
        let most = BAND * BAND * (self.squared + 1.0 / mid);
        let beyond = (((seen - mid).powi(2) - mid) / (mid * mid)).clamp(-most, most);
        self.windows = (self.windows + 1.0).min(SPREAD_MEMORY);
        self.squared = (self.squared + (beyond - self.squared) / self.windows).max(0.0004);
    }
}

/// A mean that forgets: it never weighs more than `memory` values.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Cell {
    weight: f32,
    mean: f32,
}

impl Cell {
    fn learn(&mut self, value: f64, memory: f32) {
        self.weight = (self.weight + 1.0).min(memory);
        self.mean += (value as f32 - self.mean) / self.weight;
    }

    /// Its mean, drawn to `prior` as if that were the mean of [`SHRINKAGE`] values.
    fn shrunk_to(&self, prior: f64) -> f64 {
        (f64::from(self.weight * self.mean) + SHRINKAGE * prior)
            / (f64::from(self.weight) + SHRINKAGE)
    }
}

/// Half an hour's buckets.
const SHRINKAGE: f64 = 6.0;
/// Memories in buckets: four weeks of an hour of the week, ten days of an hour of the day, and a week.
const WEEK_MEMORY: f32 = 48.0;
const DAY_MEMORY: f32 = 120.0;
const OVERALL_MEMORY: f32 = 2_016.0;
/// The level follows the traffic with a time constant of 50 buckets (four hours).
const LEVEL_PACE: f64 = 0.02;

/// A count per bucket of 5 minutes: a profile by hour of the week, shrunk to the hour of the day and to the overall mean while
/// little is known, times a level that follows slow change.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Season {
    week: Vec<Cell>,
    day: Vec<Cell>,
    overall: Cell,
    level: f64,
    buckets: f64,
    spread: [Spread; WINDOWS.len()],
    peaks: [Peaks; WINDOWS.len()],
}

/// How many windows had how many times as much as expected, by powers of √2. It knows of peaks that come more often than an hour
/// of the week, such as those of jobs at five past each hour.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Peaks([f32; 24]);

/// So many windows before make a peak usual, and such a share of them: three of five minutes a day.
const OFTEN: f32 = 3.0;
const OFTEN_SHARE: f32 = 0.01;
/// A peak is half forgotten after 3,500 windows (twelve days of five minutes).
const PEAK_DECAY: f32 = 0.9998;

impl Peaks {
    fn cell(expected: f64, seen: f64) -> usize {
        let times = (seen + 1.0) / (expected + 1.0);
        (2.0 * times.max(1.0).log2()).round() as usize
    }

    fn had_often(&self, expected: f64, seen: f64) -> bool {
        let such: f32 = self.0.iter().skip(Peaks::cell(expected, seen)).sum();
        such >= OFTEN.max(OFTEN_SHARE * self.0.iter().sum::<f32>())
    }

    fn learn(&mut self, expected: f64, seen: f64) {
        self.0.iter_mut().for_each(|windows| *windows *= PEAK_DECAY);
        let last = self.0.len() - 1;
        let cell = self.0.get_mut(Peaks::cell(expected, seen).min(last));
        cell.into_iter().for_each(|windows| *windows += 1.0);
    }
}

impl Default for Season {
    fn default() -> Season {
        Season {
            week: vec![Cell::default(); 168],
            day: vec![Cell::default(); 24],
            overall: Cell::default(),
            level: 1.0,
            buckets: 0.0,
            spread: [PRIOR_SPREAD; WINDOWS.len()],
            peaks: Default::default(),
        }
    }
}

impl Season {
    /// Whether it knows enough to be asked.
    pub fn is_ready(&self) -> bool {
        self.buckets >= SEASON_READY
    }

    fn of_hour(&self, hour: u64) -> f64 {
        let cell = |cells: &[Cell]| cells.get(hour as usize % cells.len().max(1)).copied();
        let day = cell(&self.day).unwrap_or_default().shrunk_to(f64::from(self.overall.mean));
        cell(&self.week).unwrap_or_default().shrunk_to(day)
    }

    fn profile(&self, start: u64) -> f64 {
        // Between the middles of two hours, so that a morning has no steps. 1970 began on a Thursday; any week's beginning does.
        let position = start + WINDOWS[0] / 2 + 1_800;
        let (hour, part) = (position / 3_600, (position % 3_600) as f64 / 3_600.0);
        self.of_hour(hour + 167) * (1.0 - part) + self.of_hour(hour) * part
    }

    /// What is usual in the bucket that starts then.
    pub fn expected(&self, start: u64) -> f64 {
        self.profile(start) * self.level
    }

    /// Compares a window for whose buckets `expected` was the sum.
    pub fn deviation(&self, window: usize, expected: f64, seen: f64) -> Deviation {
        self.spread.get(window).unwrap_or(&PRIOR_SPREAD).deviation(expected, seen)
    }

    /// Learns from a bucket.
    pub fn learn(&mut self, start: u64, seen: f64) {
        let expected = self.expected(start);
        let band = self.deviation(0, expected, seen);
        // What comes often is no outlier: clipped, jobs at five past each hour would draw the mean below themselves.
        let usual = !self.is_ready() || self.had_often(0, expected, seen);
        let clipped = if usual { seen } else { seen.clamp(band.low, band.high) };
        let profile = self.profile(start);
        if self.buckets > 0.0 {
            let ratio = ((clipped + 1.0) / (profile + 1.0)).clamp(0.25, 4.0);
            self.level += LEVEL_PACE * (ratio - self.level);
        }
        self.buckets += 1.0;
        let hour = start / 3_600;
        let (week, day) = ((hour % 168) as usize, (hour % 24) as usize);
        self.week.get_mut(week).into_iter().for_each(|c| c.learn(clipped, WEEK_MEMORY));
        self.day.get_mut(day).into_iter().for_each(|c| c.learn(clipped, DAY_MEMORY));
        self.overall.learn(clipped, OVERALL_MEMORY);
    }

    /// Whether windows often had so many times as much as expected.
    pub fn had_often(&self, window: usize, expected: f64, seen: f64) -> bool {
        self.peaks.get(window).is_some_and(|peaks| peaks.had_often(expected, seen))
    }

    /// Learns the spread of a window.
    pub fn learn_spread(&mut self, window: usize, expected: f64, seen: f64) {
        self.spread.get_mut(window).into_iter().for_each(|s| s.learn(expected, seen));
        self.peaks.get_mut(window).into_iter().for_each(|peaks| peaks.learn(expected, seen));
    }
}

/// A share forgets by half in eight days of buckets.
const SHARE_DECAY: f64 = 0.9997;

/// A share of the requests, such as of those that fail.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Share {
    counted: f64,
    of: f64,
    buckets: f64,
    spread: [Spread; WINDOWS.len()],
}

impl Default for Share {
    fn default() -> Share {
        // A share's spread is wide until known: clients that fail come in groups.
        let prior = Spread { squared: 0.25, ..PRIOR_SPREAD };
        Share { counted: 0.0, of: 0.0, buckets: 0.0, spread: [prior; WINDOWS.len()] }
    }
}

impl Share {
    /// Whether it knows enough to be asked.
    pub fn is_ready(&self) -> bool {
        self.buckets >= SHARE_READY && self.of >= SHARE_REQUESTS
    }

    /// The usual share; half a request is put in where none was counted yet.
    pub fn usual(&self) -> f64 {
        ((self.counted + 0.5) / (self.of + 1.0)).min(1.0)
    }

    /// Compares the count among so many requests.
    pub fn deviation(&self, window: usize, counted: f64, of: f64) -> Deviation {
        let mid = self.usual() * of;
        let spread = self.spread.get(window).unwrap_or(&PRIOR_SPREAD);
        // What is known of the share itself is a count too.
        let uncertain = (self.counted + 0.5) * (of / (self.of + 1.0)).powi(2);
        let variance = mid + 1.0 + spread.squared * mid * mid + uncertain;
        Deviation::new(mid, variance, counted)
    }

    /// Learns from a bucket.
    pub fn learn(&mut self, counted: f64, of: f64) {
        let high = self.deviation(0, counted, of).high;
        let clipped = if self.is_ready() { counted.min(high) } else { counted };
        self.counted = self.counted * SHARE_DECAY + clipped;
        self.of = self.of * SHARE_DECAY + of;
        self.buckets += 1.0;
    }

    /// Learns the spread of a window.
    pub fn learn_spread(&mut self, window: usize, counted: f64, of: f64) {
        let mid = self.usual() * of;
        self.spread.get_mut(window).into_iter().for_each(|s| s.learn(mid, counted));
    }
}

/// A total of bytes or time, counted in requests' worth of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Total([Spread; WINDOWS.len()]);

impl Default for Total {
    fn default() -> Total {
        Total([PRIOR_SPREAD; WINDOWS.len()])
    }
}

/// Sizes vary among themselves: each counts as so many at once for the variance.
const CLUMP: f64 = 4.0;

impl Total {
    /// Compares a total with that of the requests expected, if one of them usually has `usual`.
    pub fn deviation(&self, window: usize, expected: f64, usual: f64, seen: f64) -> Deviation {
        let spread = self.0.get(window).unwrap_or(&PRIOR_SPREAD);
        let variance = CLUMP * (expected + 1.0) + spread.squared * expected * expected;
        Deviation::new(expected * usual, variance * usual * usual, seen)
    }

    /// Learns the spread of a window.
    pub fn learn_spread(&mut self, window: usize, expected: f64, usual: f64, seen: f64) {
        self.0.get_mut(window).into_iter().for_each(|s| s.learn(expected, seen / usual));
    }
}

/// A mean remembers so many windows of its length.
const LEVEL_MEMORY: f64 = 500.0;
/// A twentieth: smaller changes of a mean are no news, however steady it was.
const LEVEL_LEAST: f64 = 0.05;

/// The mean of something positive (seconds or bytes a request, requests a caller), by window. Its logarithm is learnt, since such means
/// change by factors.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Level([Mean; WINDOWS.len()]);

/// The mean of one length of window.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Mean {
    windows: f64,
    log: f64,
    deviation: f64,
}

impl Mean {
    fn is_ready(&self) -> bool {
        self.windows >= LEVEL_READY
    }

    fn spread(&self) -> f64 {
        // The mean absolute deviation of the normal law is 0.8 of its standard deviation. A mean known for few windows is wider.
        (self.deviation * 1.2533).max(LEVEL_LEAST) * (1.0 + 4.0 / self.windows.max(1.0))
    }

    /// The usual mean, if it is known.
    pub fn usual(&self) -> Option<f64> {
        self.is_ready().then(|| self.log.exp())
    }

    /// Compares something by its logarithm, if what is usual is known.
    pub fn deviation(&self, seen: f64) -> Option<Deviation> {
        let (mid, spread) = (self.usual()?, self.spread());
        let by = |z: f64| (self.log + z * spread).exp();
        let z = (seen.max(1e-9).ln() - self.log) / spread;
        Some(Deviation { low: by(-BAND), mid, high: by(BAND), seen, z })
    }

    /// What only one window in 40 is above, if that is known.
    pub fn high(&self) -> Option<f64> {
        self.is_ready().then(|| (self.log + 2.0 * self.spread()).exp())
    }

    /// Learns from a window.
    pub fn learn(&mut self, seen: f64) {
        let mut log = seen.max(1e-9).ln();
        if self.is_ready() {
            let most = BAND * self.spread();
            log = log.clamp(self.log - most, self.log + most);
        }
        self.windows = (self.windows + 1.0).min(LEVEL_MEMORY);
        if self.windows > 1.0 {
            self.deviation += ((log - self.log).abs() - self.deviation) / (self.windows - 1.0);
        }
        self.log += (log - self.log) / self.windows;
    }
}

impl Level {
    /// The usual mean, if it is known.
    pub fn usual(&self, window: usize) -> Option<f64> {
        self.0.get(window).and_then(Mean::usual)
    }

    /// Learns from a window.
    pub fn learn(&mut self, window: usize, seen: f64) {
        self.0.get_mut(window).into_iter().for_each(|mean| mean.learn(seen));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Requests per bucket of a service that sleeps at night and at weekends.
    fn usual(start: u64) -> f64 {
        let (hour, day) = (start / 3_600 % 24, start / 86_400 % 7);
        let hourly = if (8..20).contains(&hour) { 400.0 } else { 40.0 };
        if day >= 5 { hourly / 4.0 } else { hourly }
    }

    fn learnt(days: u64) -> Season {
        let mut season = Season::default();
        for bucket in 0..days * 288 {
            let start = bucket * 300;
            // A noise of a tenth that repeats.
            let noise = 1.0 + 0.1 * ((bucket % 7) as f64 / 3.0 - 1.0);
            let (expected, seen) = (season.expected(start), (usual(start) * noise).round());
            season.learn_spread(0, expected, seen);
            season.learn(start, seen);
        }
        season
    }

    #[test]
    fn the_hour_of_the_week_is_known_after_two_weeks() {
        let season = learnt(14);
        for (day, hour) in [(0, 12), (2, 3), (4, 15), (5, 12), (6, 3)] {
            let start = (14 + day) * 86_400 + hour * 3_600;
            let expected = season.expected(start);
            let off = (expected / usual(start) - 1.0).abs();
            assert!(off < 0.45, "day {day} hour {hour}: {expected} for {}", usual(start));
        }
    }

    #[test]
    fn nothing_is_known_before_a_day_has_passed() {
        assert!(!Season::default().is_ready() && learnt(1).is_ready());
        assert!(!Share::default().is_ready());
        assert_eq!(Level::default().usual(0), None);
    }

    #[test]
    fn an_attack_does_not_become_usual() {
        let mut season = learnt(14);
        let mut share = Share::default();
        (0..300).for_each(|_| share.learn(2.0, 100.0));
        let start = 14 * 86_400 + 12 * 3_600;
        for bucket in 0..12 {
            season.learn(start + bucket * 300, 40_000.0);
            share.learn(90.0, 100.0);
        }
        let again = start + 7 * 86_400;
        assert!(season.expected(again) < 3.0 * usual(again), "{}", season.expected(again));
        assert!(season.deviation(0, season.expected(again), 40_000.0).z > 20.0);
        assert!(share.usual() < 0.04 && share.deviation(0, 90.0, 100.0).z > 5.0, "{share:?}");
    }

    #[test]
    fn bands_of_small_counts_are_wide() {
        let mut share = Share::default();
        (0..300).for_each(|_| share.learn(0.0, 20.0));
        assert!(share.deviation(0, 3.0, 20.0).z < 5.0);
        assert!(share.deviation(0, 15.0, 20.0).z > 5.0);
        let few = Season::default().deviation(0, 2.0, 7.0);
        assert!(few.high > 6.0 && few.low == 0.0 && few.z < 3.0, "{few:?}");
    }

    #[test]
    fn a_mean_is_compared_by_factors() {
        let mut mean = Mean::default();
        (0..100).for_each(|i| mean.learn(if i % 2 == 0 { 0.09 } else { 0.11 }));
        let high = mean.high().unwrap();
        assert!(high > 0.11 && high < 0.2, "{high}");
        (0..10).for_each(|_| mean.learn(50.0));
        assert!(mean.usual().unwrap() < 0.15, "{:?}", mean.usual());
    }

    #[test]
    fn a_peak_that_comes_each_hour_is_usual() {
        let mut season = Season::default();
        for bucket in 0..400_u64 {
            let (start, seen) = (bucket * 300, if bucket % 12 == 0 { 120.0 } else { 0.0 });
            season.learn_spread(0, season.expected(start), seen);
            season.learn(start, seen);
        }
        let expected = season.expected(400 * 300);
        assert!((expected / 10.0 - 1.0).abs() < 0.5, "{expected}");
        assert!(season.had_often(0, expected, 120.0) && !season.had_often(0, expected, 900.0));
    }
}
