//! Attacks in URLs, header fields and request bodies: text is normalised, then searched.
//!
//! The rules are signatures: general forms of an attack, not the payloads of one tool. What looks at
//! the whole of a request and weighs it is another part.

mod normalise;
mod rules;

use std::cell::Cell;

pub use normalise::decode_url;

use super::found::Found;
use super::view::Context;
use crate::detector::{DetectorId, DetectorSet};

thread_local! {
    /// The normalised text. One a thread, since it lives no longer than a call.
    static TEXT: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// The active attack detectors of a scanner.
#[derive(Debug, Default)]
pub(super) struct Attacks {
    active: Vec<(DetectorId, &'static str)>,
}

impl Attacks {
    /// Adds the detector of that name.
    pub fn add(&mut self, id: DetectorId, name: &str) {
        if let Some(name) = rules::NAMES.iter().find(|n| **n == name) {
            self.active.push((id, name));
        }
    }

    /// Searches a text, which begins at `base` of the message. Each detector reports at most once,
    /// for the whole of the text.
    pub fn find(&self, text: &[u8], base: u64, active: &DetectorSet, found: &mut Vec<Found>) {
        if !self.active.iter().any(|(id, _)| active.contains(*id)) {
            return;
        }
        let mut normal = TEXT.take();
        normalise::normalise(text, &mut normal);
        let suspicious = rules::any(&normal);
        for (id, name) in self.active.iter().filter(|(id, _)| suspicious && active.contains(*id)) {
            if let Some(confidence) = rules::confidence(name, &normal) {
                found.push(Found {
                    detector: *id,
                    start: base,
                    end: base + text.len() as u64,
                    confidence,
                    context: Context::Unknown,
                    open: false,
                    continued: false,
                });
            }
        }
        TEXT.set(normal);
    }
}
