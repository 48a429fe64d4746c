//! Detectors that no pattern can say, each a pure function of the bytes around a place: cards, social security numbers, telephone numbers, IBANs,
//! e-mail and IPv4 addresses.
//!
//! What of these is a card is the hardest to tell from other numbers: `card_context` looks at names and neighbours, `census` at how many
//! numbers of a shape there are, and whether they all could be cards. `run` reads digits in groups.

pub(super) mod card;
mod card_context;
pub(super) mod census;
pub(super) mod email;
pub(super) mod iban;
pub(super) mod ipv4;
pub(super) mod phone;
mod run;
pub(super) mod ssn;
