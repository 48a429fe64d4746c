//! What the scanner reports.

use super::view::Context;
use crate::detector::DetectorId;

/// One finding, or one part of a finding that is reported as a stream.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Found {
    /// Which detector.
    pub detector: DetectorId,
    /// Offset of its first byte in the message.
    pub start: u64,
    /// Offset after its last byte (so far, if `open`).
    pub end: u64,
    /// 0 to 1: how sure the detector is.
    pub confidence: f32,
    /// Where it stands; a mask needs it.
    pub context: Context,
    /// The commit point has passed and the match goes on; parts with `continued` follow until it ends.
    pub open: bool,
    /// This is a further part of the open match that was reported before; it begins where that part ended.
    pub continued: bool,
    /// It is written with escapes, so that its bytes in the message are not what was found: see
    /// [`super::ScanState::masked`].
    pub escaped: bool,
}

/// A match that was reported.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    pub detector: DetectorId,
    /// Where in the message what found it began; none for numbers and addresses, which are not found from their
    /// beginnings on.
    pub place: Option<u64>,
    pub start: u64,
    pub end: u64,
}

/// What became of a place that could be a match. Positions are in the window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Outcome {
    /// Certainly none, whatever follows.
    No,
    /// The next bytes will tell; the match would begin at `start`.
    More { start: usize },
    /// The next bytes will tell; the place is `start`, and the match would begin at `hold` or behind it.
    Later { start: usize, hold: usize },
    /// A match.
    Match { start: usize, end: usize, confidence: f32 },
    /// The commit point: what is there up to `end` belongs to it, and it goes on.
    Commit { start: usize, end: usize },
}
