//! Workers: one pinned thread for queue *i* of both ports, which runs each packet to completion.
//!
//! ```text
//! loop: heartbeat ─► receive A, B, handed over ─► engine ─► tick ─► rings ─► publish ─► poll (sends and sleeps)
//!                          │ another's flow
//!                          └─► the owner's ring
//! ```

mod clock;
mod handover;
mod owner;
mod report;
mod rest;
mod run;
mod start;
mod urgency;

pub use clock::now;
pub use report::{Report, Snapshot, samples};
pub use start::{WorkerError, Workers};
