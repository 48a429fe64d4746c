//! Who is behind an attack that anomalies tell of: named to the data plane, which judges just those more strictly for a time.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use crate::learning::anomaly::{NAMED_SOURCES, Report, State};

/// For so long after an event has named it an address is a suspect: seconds. An event that goes on is told of each hour.
const LASTS: u64 = 3_600;
/// Most addresses; of more, those that were named first are left out. An event names twenty.
const MOST: usize = 1_000;

/// Addresses, and until when (seconds since the Unix epoch).
pub(in crate::daemon) type Named = Arc<BTreeMap<IpAddr, u64>>;

/// Who is a suspect now.
#[derive(Debug, Default)]
pub(super) struct Suspects(Named);

impl Suspects {
    /// Takes reports that were made at this time.
    pub(super) fn add(&mut self, reports: &[Report], now: u64) {
        let goes_on = reports.iter().filter(|r| r.state != State::End);
        let found: Vec<IpAddr> = goes_on.flat_map(sources).collect();
        if found.is_empty() {
            return;
        }
        let named = Arc::make_mut(&mut self.0);
        named.retain(|_, until| *until > now);
        named.extend(found.into_iter().map(|ip| (ip, now + LASTS)));
        while named.len() > MOST {
            let first = named.iter().min_by_key(|(_, until)| **until).map(|(ip, _)| *ip);
            first.and_then(|ip| named.remove(&ip));
        }
    }

    /// Their addresses.
    pub(super) fn named(&self) -> &Named {
        &self.0
    }
}

/// The addresses that an attack names: all of a few, and else only those that were not known before it.
fn sources(report: &Report) -> impl Iterator<Item = IpAddr> {
    let recommended = report.recommend.as_ref();
    let few = recommended.is_some_and(|r| r.sources == NAMED_SOURCES);
    let top = recommended.map_or(&[][..], |_| &report.sources.top);
    top.iter().filter(move |s| few || s.new).filter_map(|s| s.source.parse().ok())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn report(state: &str, recommended: Option<&str>) -> Report {
        let source = |ip: &str, new: bool| json!({"source": ip, "new": new, "requests": 9, "beyond": 9.0, "endpoints": 1, "accounts": 9});
        let recommend = recommended.map(|sources| {
            json!({"sources": sources, "measure": "auth_failures", "most": 3, "seconds": 300, "endpoints": []})
        });
        serde_json::from_value(json!({
            "id": 1, "state": state, "kind": "distributed-brute-force", "severity": "high", "score": 0.9,
            "service": "shop", "endpoint": null, "endpoints": [], "window": {"start": 0, "end": 300, "seconds": 300},
            "detected": 300, "measure": "auth_failures", "expected": {"low": 0.0, "mid": 1.0, "high": 2.0},
            "seen": 90.0, "means": "", "spread": null, "recommend": recommend,
            "sources": {"count": 3, "usual": 3, "new_share": 0.9, "top_share": 0.9,
                "top": [source("10.0.0.1", false), source("10.0.0.2", true), source("nobody", true)]},
        }))
        .unwrap()
    }

    #[test]
    fn attacks_name_suspects_for_a_time() {
        let mut suspects = Suspects::default();
        let named = |suspects: &Suspects| {
            suspects.named().keys().map(ToString::to_string).collect::<Vec<_>>()
        };
        for (state, recommended) in [("start", None), ("end", Some(NAMED_SOURCES))] {
            suspects.add(&[report(state, recommended)], 1_000);
            assert!(named(&suspects).is_empty(), "{state}");
        }
        suspects.add(&[report("start", Some("new sources"))], 1_000);
        assert_eq!(named(&suspects), ["10.0.0.2"], "of many only those that were not known");
        suspects.add(&[report("update", Some(NAMED_SOURCES))], 1_000 + LASTS);
        assert_eq!(named(&suspects), ["10.0.0.1", "10.0.0.2"]);
        assert!(suspects.named().values().all(|until| *until == 1_000 + 2 * LASTS));
    }
}
