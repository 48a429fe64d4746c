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

/// A signature that a text matches.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Signature {
    /// The detector that it belongs to.
    pub detector: &'static str,
    /// Its name.
    pub name: &'static str,
    /// How sure it is by itself.
    pub confidence: f32,
}

/// Calls `each` with every signature that a text matches.
pub fn signatures(text: &[u8], mut each: impl FnMut(Signature)) {
    let mut normal = TEXT.take();
    normalise::normalise(text, &mut normal);
    if rules::any(&normal) {
        rules::each(&normal, |detector, rule| {
            each(Signature { detector, name: rule.name, confidence: rule.confidence });
        });
    }
    TEXT.set(normal);
}

/// The active attack detectors of a scanner.
#[derive(Debug, Default)]
pub(super) struct Attacks {
    active: Vec<(DetectorId, &'static str)>,
}

impl Attacks {
    /// Adds the detector of that name.
    pub fn add(&mut self, id: DetectorId, name: &str) {
        if let Some(name) = rules::detector(name) {
            self.active.push((id, name));
        }
    }

    /// Searches a text, which begins at `base` of the message. Each detector reports at most once,
    /// for the whole of the text.
    pub fn find(&self, text: &[u8], base: u64, active: &DetectorSet, found: &mut Vec<Found>) {
        if !self.active.iter().any(|(id, _)| active.contains(*id)) {
            return;
        }
        let known = found.len();
        signatures(text, |signature| {
            let is_it = |(id, name): &&(DetectorId, &str)| {
                *name == signature.detector && active.contains(*id)
            };
            let Some((detector, _)) = self.active.iter().find(is_it) else { return };
            let confidence = signature.confidence;
            let mut others = found.iter_mut().skip(known);
            if let Some(same) = others.find(|f| f.detector == *detector) {
                same.confidence = same.confidence.max(confidence);
                return;
            }
            found.push(Found {
                detector: *detector,
                start: base,
                end: base + text.len() as u64,
                confidence,
                context: Context::Unknown,
                open: false,
                continued: false,
            });
        });
    }
}
