//! Attacks in URLs, header fields and request bodies: texts are taken apart into values, normalised, searched for
//! signatures, and weighed by the learned model.
//!
//! The rules are signatures: general forms of an attack, not the payloads of one tool. Whether one that fires counts,
//! and what counts that no signature knows, the model decides ([`crate::attack_model`]).

mod encoded;
mod judge;
mod normalise;
mod rules;

use std::cell::Cell;

pub use judge::judged;
pub use normalise::decode_url;

use super::found::Found;
use super::view::Context;
use crate::attack_model::Model;
use crate::detector::{DetectorId, DetectorSet};
use crate::values::Text;

/// The detector of what the model finds, with or without a signature.
pub const MODEL: &str = "attack-model";
/// From this score on a value is taken for an attack.
pub const ATTACK_FROM: f32 = 0.5;

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

/// The confidence of the surest of some signatures.
pub fn surest(fired: &[Signature]) -> f32 {
    fired.iter().map(|s| s.confidence).fold(0.0, f32::max)
}

/// How much a normalised value looks like an attack, 0 to 1, given the signatures that fire on it.
fn weigh(normal: &[u8], fired: &[Signature]) -> f32 {
    let surest = surest(fired);
    Model::shipped().map_or(surest, |model| model.score(normal, surest))
}

/// Whether any signature fires on a text, or may fire on a value in it that the whole hides.
fn is_suspicious(text: &[u8]) -> bool {
    let mut normal = TEXT.take();
    let hid = normalise::normalise(text, &mut normal);
    let any = hid || rules::any(&normal);
    TEXT.set(normal);
    any
}

/// The active attack detectors of a scanner.
#[derive(Debug, Default)]
pub(super) struct Attacks {
    active: Vec<(DetectorId, &'static str)>,
    /// The same.
    pub set: DetectorSet,
}

/// What a search adds to.
struct Search<'a> {
    attacks: &'a Attacks,
    active: &'a DetectorSet,
    place: (u64, u64),
    found: &'a mut Vec<Found>,
    /// Findings of others before it.
    known: usize,
}

impl Attacks {
    /// Adds the detector of that name.
    pub fn add(&mut self, id: DetectorId, name: &str) {
        if let Some(name) = rules::detector(name).or((name == MODEL).then_some(MODEL)) {
            // Where a policy is compiled is the place to wait for this, and not where the first request passes.
            rules::prepare();
            Model::shipped();
            self.active.push((id, name));
            self.set.insert(id);
        }
    }

    /// Searches a text, which begins at `base` of its message. Each detector reports at most once, for the whole of
    /// the text. `whole`: it is all that there is. Of a piece the model alone says nothing: a value that is cut
    /// anywhere is built like no value.
    pub fn find(
        &self,
        kind: Text,
        text: &[u8],
        (base, whole): (u64, bool),
        active: &DetectorSet,
        found: &mut Vec<Found>,
    ) {
        if !self.set.intersects(active) {
            return;
        }
        let place = (base, base + text.len() as u64);
        let known = found.len();
        let mut search = Search { attacks: self, active, place, found, known };
        if !whole && !is_suspicious(text) {
            return;
        }
        judged(kind, text, &mut |normal, fired| {
            let score = weigh(normal, fired);
            if score >= ATTACK_FROM {
                fired.iter().for_each(|s| search.report(s.detector, score));
                search.report(MODEL, score);
            }
        });
    }
}

impl Search<'_> {
    fn report(&mut self, detector: &str, confidence: f32) {
        let is_it =
            |(id, name): &&(DetectorId, &str)| *name == detector && self.active.contains(*id);
        let Some((detector, _)) = self.attacks.active.iter().find(is_it) else { return };
        let mut own = self.found.iter_mut().skip(self.known);
        if let Some(same) = own.find(|f| f.detector == *detector) {
            same.confidence = same.confidence.max(confidence);
            return;
        }
        self.found.push(Found {
            detector: *detector,
            start: self.place.0,
            end: self.place.1,
            confidence,
            context: Context::Unknown,
            open: false,
            continued: false,
            escaped: false,
        });
    }
}
