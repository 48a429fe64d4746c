//! What was found, and what of it goes on behind its commit point.

use super::Pass;
use crate::detector::DetectorId;
use crate::scan::Ends;
use crate::scan::catalog::Check;
use crate::scan::found::{Found, Known};
use crate::scan::stream::Open;
use crate::scan::view::Context;

/// Most matches of one message that go on at the same time; further ones are reported without what follows.
const MAX_OPEN: usize = 4;

impl Pass<'_> {
    /// Whether a match of the detector that overlaps the place was reported before.
    fn is_known(&self, id: DetectorId, start: u64, end: u64) -> bool {
        let closed = self.recent.iter().any(|k| k.detector == id && k.start < end && start < k.end);
        closed || self.open.iter().any(|o| o.detector == id && o.start < end && start < o.at)
    }

    pub(super) fn report(&mut self, detector: DetectorId, from: usize, to: usize, confidence: f32) {
        let (start, end) = (self.view.base + from as u64, self.view.base + to as u64);
        if self.is_known(detector, start, end) {
            return;
        }
        let place = self.place.map(|at| self.view.base + at as u64);
        self.recent.push(Known { detector, place, start, end });
        let varint = self.view.binary && self.view.bytes.get(from).is_some_and(|b| *b >= 0x80);
        let context = if varint && Some(detector) == self.scanner.card {
            Context::Varint
        } else {
            self.view.context(from)
        };
        self.found.push(Found {
            detector,
            start,
            end,
            confidence,
            context,
            open: false,
            continued: false,
            escaped: false,
        });
    }

    pub(super) fn commit(&mut self, detector: DetectorId, check: Check, from: usize, to: usize) {
        let (start, end) = (self.view.base + from as u64, self.view.base + to as u64);
        if self.is_known(detector, start, end) {
            return;
        }
        let text = self.view.bytes.get(from..to).unwrap_or(&[]);
        let mut open = Open::new(detector, check, start, text);
        let step = open.advance(self.view.bytes.get(to..).unwrap_or(&[]), self.ends == Ends::Here);
        let goes_on = !step.closed && self.open.len() < MAX_OPEN;
        self.found.push(Found {
            detector,
            start,
            end: open.at,
            confidence: 0.98,
            context: Context::InString,
            open: goes_on,
            continued: false,
            escaped: false,
        });
        if goes_on {
            self.hold_open(&open);
            self.open.push(open);
        } else {
            self.recent.push(Known { detector, place: Some(start), start, end: open.at });
        }
    }

    /// Follows matches whose commit point lies in earlier pieces.
    pub(super) fn follow_open(&mut self) {
        let mut open = std::mem::take(self.open);
        open.retain_mut(|match_| {
            let start = match_.at;
            let from = start.saturating_sub(self.view.base) as usize;
            let rest = self.view.bytes.get(from..).unwrap_or(&[]);
            let step = match_.advance(rest, self.ends == Ends::Here);
            if step.taken > 0 {
                self.found.push(Found {
                    detector: match_.detector,
                    start,
                    end: match_.at,
                    confidence: 0.98,
                    context: Context::InString,
                    open: !step.closed,
                    continued: true,
                    escaped: false,
                });
            }
            if step.closed {
                let (start, end) = (match_.start, match_.at);
                let detector = match_.detector;
                self.recent.push(Known { detector, place: Some(start), start, end });
            } else {
                self.hold_open(match_);
            }
            !step.closed
        });
        *self.open = open;
    }

    /// A backslash at the end of an open key waits for what it escapes.
    fn hold_open(&mut self, open: &Open) {
        let at = open.at.saturating_sub(self.view.base) as usize;
        self.unsettled = self.unsettled.min(at);
        if self.hold.contains(open.detector) {
            self.held = self.held.min(at);
        }
    }
}
