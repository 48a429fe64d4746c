//! The attack model: its data, how it is trained, and how it is judged.

pub mod data;
mod filler;
pub mod gate;
pub mod generate;
pub mod judge;
pub mod train;
