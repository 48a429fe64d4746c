//! Ports, rings, workers, the XDP program and the editing of packets: the only crate that touches AF_XDP.

pub mod control;
pub mod engine;
pub mod linkstate;
pub mod port;
pub mod preflight;
pub mod reason;
pub mod replay;
pub mod settings;
pub mod worker;
pub mod xdp;
