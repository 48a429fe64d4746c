//! The management process and the operator's command line. Neither is ever on the packet path.

pub mod cli;
pub mod daemon;
mod engine;
pub mod learning;
