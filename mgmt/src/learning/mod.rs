//! What is learnt from recorded requests: the APIs behind them, and what departs from the usual.

pub mod anomaly;
pub mod behaviour;
pub mod endpoints;
pub mod graph;
pub mod requests;
