//! Messages → findings → verdict: detectors, validators, policy. No I/O but for reading the files of a policy, and no
//! clock but when one is compiled; `unsafe` only in the SIMD search.

pub mod attack_model;
pub mod behaviour;
pub mod clean;
pub mod decode;
pub mod detector;
pub mod duration;
pub mod endpoints;
pub mod evidence;
pub mod graphql;
pub mod linear_counting;
pub mod path;
pub mod policy;
pub mod request;
pub mod scan;
pub mod score;
pub mod shape;
pub mod validate;
pub mod values;
