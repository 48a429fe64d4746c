//! The whole-system test harness: networks of namespaces, real servers and clients, and the pages they exchange.

pub mod bodies;
pub mod rng;
