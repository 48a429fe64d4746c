//! Where could something be? The search over all bytes; what it finds are places that detectors then look at.
//!
//! | file | what it looks for |
//! |---|---|
//! | `simd`, `simd_x86` | three bytes with which something may begin, runs of digits, escapes, beginnings of words: one pass, a block of 64 bytes at a time |
//! | `buckets` | how the three bytes of all detectors share the eight buckets of that pass |
//! | `prefixes` | which patterns begin with the three bytes at a place |
//! | `words` | words, of hundreds of names, that begin at a place |
//! | `literals`, `literals_x86` | four bytes that a pattern is certain to hold somewhere, in a pass of their own |
//! | `likely`, `slots` | the tables by which words and literals are looked up |

pub(super) mod buckets;
pub(super) mod likely;
pub(super) mod literals;
#[cfg(target_arch = "x86_64")]
mod literals_x86;
pub(super) mod prefixes;
pub(super) mod simd;
#[cfg(target_arch = "x86_64")]
mod simd_x86;
pub(super) mod slots;
pub(super) mod words;
