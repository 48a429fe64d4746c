//! Messages → findings → verdict: detectors, validators, policy. No I/O, no clock; `unsafe` only in the SIMD search.

pub mod decode;
pub mod detector;
pub mod policy;
pub mod scan;
pub mod validate;
