//! The contract between the data plane and the management process.
