//! What is usual for two nodes together, from what is usual for each. Counts add up; what is relative is weighed by how much there is of it.

use super::super::sketch::Merge;
use super::{Cell, Level, Mean, Peaks, Season, Share, Spread, Total};

/// The mean of two values.
fn weighed(a: f64, of_a: f64, b: f64, of_b: f64) -> f64 {
    let all = of_a + of_b;
    if all > 0.0 { (a * of_a + b * of_b) / all } else { a }
}

impl Spread {
    /// Of the sum of two independent counts with these means.
    fn add(&mut self, mine: f64, other: &Spread, theirs: f64) {
        let all = (mine + theirs).powi(2);
        if all > 0.0 {
            self.squared = (self.squared * mine * mine + other.squared * theirs * theirs) / all;
        }
        self.windows = self.windows.max(other.windows);
    }
}

impl Merge for Cell {
    fn merge(&mut self, other: &Cell) {
        self.mean += other.mean;
        self.weight = self.weight.max(other.weight);
    }
}

impl Merge for Peaks {
    /// What was a peak of one may be none of both: what either had often is usual.
    fn merge(&mut self, other: &Peaks) {
        self.0.iter_mut().zip(other.0).for_each(|(mine, theirs)| *mine = mine.max(theirs));
    }
}

impl Merge for Season {
    fn merge(&mut self, other: &Season) {
        let (mine, theirs) = (f64::from(self.overall.mean), f64::from(other.overall.mean));
        let cells =
            self.week.iter_mut().zip(&other.week).chain(self.day.iter_mut().zip(&other.day));
        cells.for_each(|(mine, theirs)| mine.merge(theirs));
        self.overall.merge(&other.overall);
        self.level = weighed(self.level, mine, other.level, theirs);
        self.buckets = self.buckets.max(other.buckets);
        for (spread, others) in self.spread.iter_mut().zip(&other.spread) {
            spread.add(mine, others, theirs);
        }
        self.peaks.iter_mut().zip(&other.peaks).for_each(|(mine, theirs)| mine.merge(theirs));
    }
}

impl Merge for Share {
    fn merge(&mut self, other: &Share) {
        for (spread, others) in self.spread.iter_mut().zip(&other.spread) {
            spread.add(self.counted + 0.5, others, other.counted + 0.5);
        }
        self.counted += other.counted;
        self.of += other.of;
        self.buckets = self.buckets.max(other.buckets);
    }
}

impl Merge for Total {
    fn merge(&mut self, other: &Total) {
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            mine.squared = weighed(mine.squared, mine.windows, theirs.squared, theirs.windows);
            mine.windows = mine.windows.max(theirs.windows);
        }
    }
}

impl Merge for Mean {
    fn merge(&mut self, other: &Mean) {
        self.log = weighed(self.log, self.windows, other.log, other.windows);
        self.deviation = weighed(self.deviation, self.windows, other.deviation, other.windows);
        self.windows = self.windows.max(other.windows);
    }
}

impl Merge for Level {
    fn merge(&mut self, other: &Level) {
        self.0.iter_mut().zip(&other.0).for_each(|(mine, theirs)| mine.merge(theirs));
    }
}
