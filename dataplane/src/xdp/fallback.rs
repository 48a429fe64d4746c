//! Tells of packets that crossed, or were dropped, because no worker was there to take them.

use std::sync::atomic::{AtomicU64, Ordering};

use weir_proto::Event;

use super::Stats;
use crate::control::system_event;

/// Remembers how many packets fell back when it was last asked.
#[derive(Debug, Default)]
pub struct FallbackWatch {
    told: AtomicU64,
}

impl FallbackWatch {
    /// The event of what fell back since the last one, if anything did; `stats` are those of all ports together, and
    /// count from when the program was attached, so that after a restart the first event tells of the gap.
    pub fn event(&self, stats: &[Stats], wall_us: u64) -> Option<Event> {
        let total: u64 = stats.iter().map(Stats::fallback).sum();
        let since = total.saturating_sub(self.told.swap(total, Ordering::Relaxed));
        let open: u64 = stats.iter().map(|s| s.get(super::Stat::FallbackOpen)).sum();
        let what = if open > 0 { "fallback_open" } else { "fallback_closed" };
        let detail = format!(
            "{since} packets found no live worker; {total} since the XDP program was attached"
        );
        (since > 0).then(|| system_event(what, detail, wall_us))
    }
}

#[cfg(test)]
mod tests {
    use weir_proto::event::Body;

    use super::*;
    use crate::xdp::Stat;

    #[test]
    fn each_packet_is_told_once() {
        let watch = FallbackWatch::default();
        let mut stats = Stats::default();
        assert!(watch.event(&[stats], 1).is_none());
        stats.add(Stat::FallbackOpen, 7);
        let told = watch.event(&[stats, Stats::default()], 2).unwrap();
        let Some(Body::Anomaly(anomaly)) = told.body else { panic!("{told:?}") };
        assert_eq!((told.timestamp_us, anomaly.event.as_str()), (2, "fallback_open"));
        assert!(anomaly.detail.starts_with("7 packets"), "{}", anomaly.detail);
        assert!(watch.event(&[stats], 3).is_none());
    }
}
