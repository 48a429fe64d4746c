//! What was forwarded and is not acknowledged yet (design rule 1): the only version of those bytes there is.

use std::collections::VecDeque;

/// Bytes of one direction from `start` on, as they were forwarded.
#[derive(Debug, Default)]
pub struct History {
    start: u64,
    bytes: VecDeque<u8>,
}

impl History {
    /// Bytes kept per direction by default. Beyond it the receiver's advertised window is lowered in place, so a
    /// sender that respects the window never gets there; one that does not meets the exception policy `memory`.
    pub const DEFAULT_CAP: usize = 256 * 1024;

    /// An empty history that begins at stream offset `start`.
    pub fn starting_at(start: u64) -> History {
        History { start, bytes: VecDeque::new() }
    }

    /// Stream offset just past the last byte.
    pub fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }

    /// How many bytes are kept.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether nothing is kept.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Appends what was forwarded next.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
    }

    /// Forgets everything before `acked`, which the receiver has acknowledged cumulatively.
    pub fn acknowledge(&mut self, acked: u64) {
        let n = acked.saturating_sub(self.start).min(self.bytes.len() as u64);
        self.bytes.drain(..n as usize);
        self.start += n;
    }

    /// Forgets the oldest bytes beyond `cap`, under an exception policy that lets a flow pass that keeps too much.
    pub fn forget_oldest(&mut self, cap: usize) {
        let excess = self.bytes.len().saturating_sub(cap);
        self.acknowledge(self.start + excess as u64);
    }

    /// Overwrites `bytes`, which claim to lie at `at`, with what was forwarded there. Bytes that are acknowledged and
    /// so forgotten become zero: a receiver that has acknowledged them discards them, and nobody may see another
    /// version. True if anything changed.
    pub fn rewrite(&self, at: u64, bytes: &mut [u8]) -> bool {
        let mut changed = false;
        let gone = self.start.saturating_sub(at).min(bytes.len() as u64) as usize;
        let (before, after) = bytes.split_at_mut(gone);
        for b in before {
            changed |= *b != 0;
            *b = 0;
        }
        let from = (at + gone as u64).saturating_sub(self.start) as usize;
        let (first, second) = self.bytes.as_slices();
        let head = first.get(from..).unwrap_or_default();
        let tail = second.get(from.saturating_sub(first.len())..).unwrap_or_default();
        let n = head.len().min(after.len());
        let (a, b) = after.split_at_mut(n);
        for (to, kept) in [(a, head), (b, tail)] {
            let n = to.len().min(kept.len());
            if let (Some(to), Some(kept)) = (to.get_mut(..n), kept.get(..n))
                && to != kept
            {
                to.copy_from_slice(kept);
                changed = true;
            }
        }
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn acknowledged_bytes_become_zero_and_kept_ones_the_first_version() {
        let mut h = History::starting_at(100);
        h.push(b"abcdef");
        h.acknowledge(102);
        let mut copy = *b"XXXXXX";
        assert!(h.rewrite(100, &mut copy));
        assert_eq!(&copy, b"\0\0cdef");
        assert!(!h.rewrite(100, &mut copy), "the same copy again changes nothing");
        let mut beyond = *b"efgh";
        assert!(!h.rewrite(104, &mut beyond), "bytes not forwarded yet are not touched");
        assert_eq!(&beyond, b"efgh");
    }

    proptest! {
        #[test]
        fn rewriting_yields_the_first_version(
            pieces in proptest::collection::vec(proptest::collection::vec(1u8.., 0..40), 1..30),
            acks in proptest::collection::vec(0u64..600, 0..10),
            at in 0u64..600, len in 0usize..200,
        ) {
            let mut h = History::starting_at(0);
            let mut all = Vec::new();
            let mut acked = 0;
            for (i, p) in pieces.iter().enumerate() {
                h.push(p);
                all.extend(p);
                if let Some(a) = acks.get(i) {
                    acked = acked.max((*a).min(all.len() as u64));
                    h.acknowledge(acked);
                }
            }
            let mut copy = vec![0xEE; len];
            h.rewrite(at, &mut copy);
            for (i, b) in copy.iter().enumerate() {
                let offset = at + i as u64;
                let expected = match all.get(offset as usize) {
                    _ if offset < acked => 0,
                    Some(b) => *b,
                    None => 0xEE,
                };
                prop_assert_eq!(*b, expected, "offset {}", offset);
            }
        }
    }
}
