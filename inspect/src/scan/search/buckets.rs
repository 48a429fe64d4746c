//! Which beginnings share a bucket of the vectorised search.
//!
//! A bucket answers "yes" for every combination of the first, second and third bytes of its
//! beginnings: with `ssn` and `soc` also for `son`. Beginnings are put together so that as few such
//! combinations as possible are common in text.

use super::simd::ByteSet;

/// Three bytes that something may begin with, each one of a set.
pub(in crate::scan) type Beginning = [ByteSet; 3];

/// Buckets that the search has: bits in a byte.
const BUCKETS: usize = 8;

/// Distributes the beginnings over at most eight buckets.
pub(in crate::scan) fn distribute(beginnings: Vec<Beginning>) -> Vec<Vec<Beginning>> {
    clusters(beginnings).into_iter().map(|c| c.members).collect()
}

/// The share of places in ordinary text that the search lets pass for these beginnings in its buckets, roughly.
pub(in crate::scan) fn passing(beginnings: Vec<Beginning>) -> f32 {
    clusters(beginnings).iter().map(|c| c.cost).sum()
}

fn clusters(beginnings: Vec<Beginning>) -> Vec<Cluster> {
    let mut clusters: Vec<Cluster> = Vec::new();
    for beginning in beginnings {
        clusters.push(Cluster::new(beginning));
        while clusters.len() > BUCKETS && merge_cheapest(&mut clusters) {}
    }
    clusters
}

struct Cluster {
    members: Vec<Beginning>,
    /// What the search cannot tell from the members.
    all: Beginning,
    cost: f32,
}

impl Cluster {
    fn new(beginning: Beginning) -> Cluster {
        let all = beginning.map(|set| closure(&set));
        Cluster { members: vec![beginning], cost: cost(&all), all }
    }

    fn merged(&self, other: &Cluster) -> Beginning {
        let mut all = self.all;
        for (mine, theirs) in all.iter_mut().zip(&other.all) {
            mine.iter_mut().zip(theirs).for_each(|(m, t)| *m |= t);
            *mine = closure(mine);
        }
        all
    }
}

/// Merges the two clusters that raise the fewest candidates; false if there are no two.
fn merge_cheapest(clusters: &mut Vec<Cluster>) -> bool {
    let mut best: Option<(f32, usize, usize)> = None;
    for (j, b) in clusters.iter().enumerate() {
        for (i, a) in clusters.iter().enumerate().take(j) {
            let more = cost(&a.merged(b)) - a.cost - b.cost;
            if best.is_none_or(|(least, ..)| more < least) {
                best = Some((more, i, j));
            }
        }
    }
    let Some((_, i, j)) = best else { return false };
    let from = clusters.swap_remove(j);
    if let Some(into) = clusters.get_mut(i) {
        into.all = into.merged(&from);
        into.cost = cost(&into.all);
        into.members.extend(from.members);
    }
    true
}

/// All bytes whose low and high nibble both occur in the set: the search sees no more of a byte.
fn closure(set: &ByteSet) -> ByteSet {
    let (mut low, mut high) = (0u16, 0u16);
    for (b, _) in set.iter().enumerate().filter(|(_, member)| **member) {
        low |= 1 << (b & 15);
        high |= 1 << (b >> 4);
    }
    let mut all = [false; 256];
    for (b, member) in all.iter_mut().enumerate() {
        *member = low >> (b & 15) & 1 == 1 && high >> (b >> 4) & 1 == 1;
    }
    all
}

/// The share of places in ordinary text that the search lets pass for this beginning, roughly.
pub(in crate::scan) fn share(beginning: &Beginning) -> f32 {
    cost(&beginning.map(|set| closure(&set)))
}

/// How often three bytes of ordinary text fall into the sets, roughly.
fn cost(beginning: &Beginning) -> f32 {
    let frequency = |b: usize| match b as u8 {
        b'e' | b't' | b'a' | b'o' | b'i' | b'n' | b's' | b'r' => 0.06,
        b'a'..=b'z' => 0.02,
        b' ' | b'"' => 0.08,
        b'0'..=b'9' => 0.015,
        b'!'..=b'~' => 0.004,
        _ => 0.0005,
    };
    let share = |set: &ByteSet| -> f32 {
        set.iter().enumerate().filter(|(_, member)| **member).map(|(b, _)| frequency(b)).sum()
    };
    beginning.iter().map(share).product()
}
