//! Ports, rings, workers, the XDP program and the editing of packets: the only crate that touches AF_XDP.

pub mod engine;
pub mod reason;
pub mod xdp;
