//! Attacks in URLs, header fields and request bodies: text is normalised, then searched.

mod normalise;

pub use normalise::decode_url;
