//! What the scanner remembers of a message between its pieces, and what can be asked of what was found in the last one.

use super::catalog::together;
use super::detectors::census;
use super::escaped::{Escapes, Writing};
use super::found::{self, Found};
use super::retained::{Kept, Retained};
use super::view::View;
use super::{MAX_MATCH, MaskStyle, messagepack, stream};
use crate::detector::{DetectorId, DetectorSet};

/// What the scanner remembers of a message between its pieces. Reusable with [`ScanState::reset`]; after the first
/// messages it allocates nothing.
#[derive(Debug, Default)]
pub struct ScanState {
    /// The end of the content so far.
    pub(super) content: Retained,
    /// Where in the content the window begins: what is not settled, and its left context.
    pub(super) window: u64,
    /// What its owner still needs of the content begins here.
    pub(super) keep_from: Option<u64>,
    /// Bytes of content so far.
    pub(super) seen: u64,
    /// Everything before this offset is settled.
    pub(super) settled: u64,
    /// Matches reported that the retained bytes still show.
    pub(super) recent: Vec<found::Known>,
    pub(super) open: Vec<stream::Open>,
    /// The numbers that looked like cards.
    pub(super) census: census::Census,
    pub(super) binary: bool,
    /// The attack detectors that have not reported yet; none unless it is a request's body.
    pub(super) attacks: DetectorSet,
    /// It began as JSON.
    pub(super) json: bool,
    /// Copies of what the last call found, for samples: detector, start, end, and where in `copies`.
    pub(super) copied: Vec<(DetectorId, u64, usize, usize)>,
    pub(super) copies: Vec<u8>,
    /// Findings that others may come near, where detectors are looked for together.
    pub(super) near: Option<Box<together::Near>>,
    /// The content is MessagePack.
    pub(super) messagepack: Option<Box<messagepack::Content>>,
    /// Looks for escapes, where that is asked for.
    pub(super) escapes: Option<Escapes>,
}

impl ScanState {
    /// Forgets the message and begins another.
    pub fn reset(&mut self) {
        self.content = Retained::default();
        self.recent.clear();
        self.open.clear();
        self.copied.clear();
        self.copies.clear();
        self.near = None;
        self.messagepack = None;
        (self.seen, self.settled, self.window, self.keep_from) = (0, 0, 0, None);
        (self.binary, self.json) = (false, false);
        self.attacks = DetectorSet::EMPTY;
        self.census = census::Census::default();
        self.escapes = None;
    }

    /// The end of the content so far: at least what was asked for by [`ScanState::keep_from`], and the last piece.
    pub fn content(&self) -> Kept<'_> {
        self.messagepack.as_ref().map_or(&self.content, |content| &content.raw).kept()
    }

    /// From the next piece on, the content is kept from here on; none: as much as the scanner itself needs.
    pub fn keep_from(&mut self, from: Option<u64>) {
        self.keep_from = from;
    }

    /// Bytes of memory that the content takes.
    pub fn memory(&self) -> usize {
        let raw = self.messagepack.as_ref().map_or(0, |content| content.raw.memory());
        let decoded = self.escapes.as_ref().map_or(0, Escapes::memory);
        self.content.memory() + raw + decoded
    }

    /// The next piece begins: what was found before is not asked for any more.
    pub(super) fn begin_piece(&mut self) {
        self.copied.clear();
        self.copies.clear();
        let mut needed = self.window.min(self.keep_from.unwrap_or(u64::MAX));
        if let Some(escapes) = &mut self.escapes {
            needed = needed.min(escapes.begin_piece(self.seen));
        }
        self.content.forget(needed);
        if let Some(content) = &mut self.messagepack {
            content.raw.forget(needed);
        }
    }

    /// The message is text: find also what is written with escapes.
    pub fn set_escapes(&mut self, writing: Writing) {
        self.escapes = Some(Escapes::new(writing));
    }

    /// What the bytes of a finding become that is written with escapes, when it is masked: as many, and still valid in what
    /// they are written in. Right after the call that found it; none if it has no escapes.
    pub fn masked(&self, found: &Found, style: MaskStyle) -> Option<Vec<u8>> {
        let escapes = self.escapes.as_ref().filter(|_| found.escaped)?;
        Some(escapes.masked(self.content.kept(), found, style))
    }

    /// The message is MessagePack. To be said before its first piece.
    pub fn set_messagepack(&mut self) {
        self.messagepack = Some(Box::default());
    }

    /// The message is protobuf (gRPC): bytes of framing next to a match may look like digits and letters.
    pub fn set_binary(&mut self, binary: bool) {
        self.binary = binary;
    }

    /// The message is a request: look for these attacks, too. Each is reported once for a message, with the place of
    /// the piece that showed it. Of an attack that lies in two pieces, [`super::view::LEFT_CONTEXT`] bytes of the
    /// first are seen together with the second.
    pub fn set_attacks(&mut self, attacks: &DetectorSet) {
        self.attacks = *attacks;
    }

    /// Bytes of content scanned so far.
    pub fn seen(&self) -> u64 {
        self.seen
    }

    /// The bytes of something that the last call found, up to [`MAX_MATCH`]; empty for the continued parts of a match.
    pub fn matched(&self, found: &Found) -> &[u8] {
        if let Some(last) = self.near.as_ref().and_then(|near| near.reported_for(found)) {
            return self.matched(last);
        }
        if found.escaped {
            return self
                .escapes
                .as_ref()
                .filter(|_| !found.continued)
                .map_or(&[], |e| e.matched(found));
        }
        let is_it = |detector, start| {
            detector == found.detector && start == found.start && !found.continued
        };
        let copy = self.copied.iter().find(|(detector, start, ..)| is_it(*detector, *start));
        copy.and_then(|(_, _, from, to)| self.copies.get(*from..*to)).unwrap_or(&[])
    }

    pub(super) fn copy(&mut self, found: &[Found], view: &View) {
        for f in found.iter().filter(|f| !f.continued) {
            let from = f.start.saturating_sub(view.base) as usize;
            let to = (f.end.saturating_sub(view.base) as usize).min(from + MAX_MATCH);
            self.copy_of(f, view.bytes.get(from..to).unwrap_or(&[]));
        }
    }

    pub(super) fn copy_of(&mut self, found: &Found, matched: &[u8]) {
        let at = self.copies.len();
        self.copies.extend_from_slice(matched);
        self.copied.push((found.detector, found.start, at, self.copies.len()));
    }
}
