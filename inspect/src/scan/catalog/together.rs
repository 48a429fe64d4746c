//! Detectors that report several others' findings near each other: a name beside a number says more than either.
//!
//! What is reported is the finding that completes them in the order of the text, so that a mask on it keeps them apart. That is
//! decided from all findings that are near, in whatever order they arrive, so it does not depend on how the message is cut.

use crate::detector::{DetectorId, DetectorSet};
use crate::scan::found::Found;
use crate::scan::{ScanState, Scanner};

/// Most findings of a message that are remembered for others to come near; beyond it the oldest is forgotten.
const MAX_SEEN: usize = 64;

/// Detectors, and how near each other their findings must be.
#[derive(Debug)]
pub(crate) struct Together {
    /// One finding of each set is needed.
    pub members: Vec<DetectorSet>,
    /// Most bytes between the end of a finding and the beginning of the last one.
    pub within: u64,
}

/// The findings of a message that others may come near.
#[derive(Debug, Default)]
pub(in crate::scan) struct Near {
    seen: Vec<Found>,
    /// Those of the last call that were reported for several, and for which detector.
    reported: Vec<(DetectorId, Found)>,
}

impl Near {
    /// The finding of which one that the last call made is the copy.
    pub fn reported_for(&self, found: &Found) -> Option<&Found> {
        let is_it = |(id, f): &&(DetectorId, Found)| {
            *id == found.detector && (f.start, f.end) == (found.start, found.end)
        };
        self.reported.iter().find(is_it).map(|(_, last)| last)
    }
}

impl Together {
    fn has(&self, id: DetectorId) -> bool {
        self.members.iter().any(|set| set.contains(id))
    }

    /// Whether a finding of each member lies before `last`, or is it; `but` does not count.
    fn is_complete(&self, last: &Found, seen: &[Found], but: Option<&Found>) -> bool {
        let counts = |f: &&Found| {
            Some(*f) != but && f.start <= last.start && last.start <= f.end + self.within
        };
        let near = |set: &DetectorSet| seen.iter().filter(counts).any(|f| set.contains(f.detector));
        self.members.iter().all(near)
    }
}

impl Scanner {
    /// The detectors with those that they need to be looked for beside them.
    pub(in crate::scan) fn with_members(&self, wanted: &DetectorSet) -> DetectorSet {
        let needed = self.togethers.iter().filter(|(id, _)| wanted.contains(*id));
        let members = needed.flat_map(|(_, together)| &together.members);
        members.fold(*wanted, |all, set| all.union(set))
    }

    /// Adds to the findings from `known` on those of the detectors that report several together, and takes out what was only
    /// found for them: what is not `wanted`.
    pub(in crate::scan) fn combine(
        &self,
        state: &mut ScanState,
        known: usize,
        wanted: &DetectorSet,
        found: &mut Vec<Found>,
    ) {
        let new = found.split_off(known);
        let near = state.near.get_or_insert_default();
        near.reported.clear();
        for f in new {
            if wanted.contains(f.detector) {
                found.push(f);
            }
            let is_member = self.togethers.iter().any(|(_, t)| t.has(f.detector));
            if f.continued || !is_member {
                continue;
            }
            if near.seen.len() >= MAX_SEEN {
                near.seen.remove(0);
            }
            near.seen.push(f);
            for (id, together) in self.togethers.iter().filter(|(id, _)| wanted.contains(*id)) {
                let seen = &near.seen;
                let may_be_last =
                    |last: &&Found| last.start >= f.start && together.has(last.detector);
                for last in seen.iter().filter(may_be_last) {
                    let before = *last != f && together.is_complete(last, seen, Some(&f));
                    if together.has(f.detector) && !before && together.is_complete(last, seen, None)
                    {
                        found.push(Found { detector: *id, ..*last });
                        near.reported.push((*id, *last));
                    }
                }
            }
        }
    }
}
