//! Which requests are told of to whoever learns: all of them while there are few, an even sample of many.

use std::time::Duration;

use weir_reassembly::time::Time;

/// A pause is made good for so long: a burst after it is told of in full.
const BURST: Duration = Duration::from_secs(1);

/// At most so many requests a second (the generic cell rate algorithm, ITU-T I.371). A request that is taken stands for those
/// that were passed over before it, so that sums stay right.
#[derive(Debug, Default)]
pub struct Sampling {
    per_second: u32,
    /// When the next one is due if they come evenly.
    due: Time,
    passed_over: u32,
}

impl Sampling {
    /// From now on so many; 0: none.
    pub fn set(&mut self, per_second: u32) {
        self.per_second = per_second;
    }

    /// Whether anybody asked.
    pub fn is_on(&self) -> bool {
        self.per_second > 0
    }

    /// Whether to take this one, and for how many it stands.
    pub fn take(&mut self, now: Time) -> Option<u32> {
        let every = 1_000_000_000_u64.checked_div(u64::from(self.per_second))?;
        self.passed_over = self.passed_over.saturating_add(1);
        if self.due > now {
            return None;
        }
        let earliest = now.0.saturating_sub(BURST.as_nanos() as u64);
        self.due = Time(self.due.0.max(earliest) + every);
        Some(std::mem::take(&mut self.passed_over))
    }

    /// Takes this one in any case: how many it stands for.
    pub fn take_anyway(&mut self) -> u32 {
        std::mem::take(&mut self.passed_over).max(1)
    }

    /// One that was taken found no room.
    pub fn give_back(&mut self, weight: u32) {
        self.passed_over = self.passed_over.saturating_add(weight);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_are_taken_and_of_many_a_share_that_stands_for_all() {
        let mut sampling = Sampling::default();
        assert_eq!(sampling.take(Time(0)), None, "nobody asked");
        sampling.set(100);
        let second = 1_000_000_000;
        let slow = (0..500).filter_map(|n| sampling.take(Time(10 * second + n * second / 50)));
        assert_eq!(slow.sum::<u32>(), 500, "each of fifty a second");
        let times = (0..100_000_u64).map(|n| Time(30 * second + n * second / 10_000));
        let taken: Vec<u32> = times.filter_map(|now| sampling.take(now)).collect();
        assert!((1000..=1101).contains(&taken.len()), "ten seconds: {}", taken.len());
        let sum: u32 = taken.iter().sum();
        assert!((99_800..=100_000).contains(&sum), "{sum}");
    }

    #[test]
    fn what_finds_no_room_is_counted_with_the_next() {
        let mut sampling = Sampling::default();
        sampling.set(1000);
        let now = Time(10_000_000_000);
        let weight = sampling.take(now).unwrap();
        sampling.give_back(weight);
        assert_eq!(sampling.take(now), Some(2));
    }
}
