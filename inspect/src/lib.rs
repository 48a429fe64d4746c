//! Messages → findings → verdict: detectors, validators, policy. No I/O, no clock; `unsafe` only in the SIMD search.

pub mod attack_model;
pub mod decode;
pub mod detector;
pub mod duration;
pub mod path;
pub mod policy;
pub mod request;
pub mod scan;
pub mod score;
pub mod validate;
pub mod values;
