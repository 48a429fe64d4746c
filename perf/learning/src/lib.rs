//! Training and measuring what Weir learns from recorded requests.

pub mod corpus;
pub mod score;
pub mod simulate;
pub mod train;
pub mod value;
