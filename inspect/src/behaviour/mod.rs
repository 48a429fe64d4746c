//! Behaviour: how much a caller's requests, taken together, look like those of a scanner, a crawler, a flood, a guesser
//! of passwords or ids, or a client that eats a server's time; and why.
//!
//! | file | what |
//! |---|---|
//! | `shape` | what one URL says: its template, its ids, page, asset or API, odd values |
//! | `text` | hashes and looks of short texts, several bytes at a time |
//! | `recent` | what was seen lately, in fixed memory |
//! | `identity` | the fixed memory kept for a caller: sums that decay, recent sets |
//! | `highs` | whether what a caller takes becomes more from day to day |
//! | `measure` | the numbers taken from that memory |
//! | `judge` | from measures to kinds, a score and its reasons |
//! | `callers` | all of that of all callers, in a table of a fixed size that workers share |
//! | `targets` | places where callers log in, and whether many that were never let in fail there |
//! | `ladder` | what is done about a caller, step by step |
//! | `model` | what was learnt of a site: its templates, sequences and what is usual |
//!
//! Time is passed in, and nothing is allocated per request. Neither an address, a user agent nor a date is ever looked at: only
//! what a caller does counts.

mod callers;
mod highs;
mod identity;
mod judge;
mod ladder;
mod measure;
mod model;
mod recent;
mod shape;
mod targets;
mod text;

pub use callers::{Busy, CALLERS, Callers, Known};
pub use identity::{Identity, Seen, comes_from_elsewhere};
pub use judge::{Kind, Reason, Verdict, judge, score, stricter};
pub use ladder::{CHALLENGE, Ladder, MAX_STEPS, Mitigation, PATIENCE, Ruling, Standing, Step};
pub use measure::{MEASURES, Measure, Measures};
pub use model::{MAX_MODEL_BYTES, Model, ModelError, Norm, SiteModel, Template, measure_name};
pub use shape::{Shape, Surface, template};
pub use targets::{Targets, Try};

#[cfg(test)]
mod tests;
