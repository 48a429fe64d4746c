//! What is learnt from recorded requests: the APIs behind them.

pub mod endpoints;
pub mod requests;
