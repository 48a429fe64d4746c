//! The management process and the operator's command line. Neither is ever on the packet path.

pub mod cli;
pub mod daemon;
mod engine;
pub mod learning;

use weir_inspect::policy::Mode;

/// The mode as policies write it.
pub(crate) fn mode_name(mode: Mode) -> &'static str {
    match mode {
        Mode::Monitor => "monitor",
        Mode::Enforce => "enforce",
    }
}
