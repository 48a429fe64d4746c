//! The program that has the engine, which the command line runs on captures.

use std::path::{Path, PathBuf};

const ENGINE: &str = "weir-dataplane";

/// Beside this program, or in the PATH.
pub(crate) fn program() -> PathBuf {
    let beside = std::env::current_exe().ok().map(|exe| exe.with_file_name(ENGINE));
    beside.filter(|p| p.is_file()).unwrap_or_else(|| PathBuf::from(ENGINE))
}

/// That it can't be run.
pub(crate) fn missing(program: &Path, error: &std::io::Error) -> String {
    let program = program.display();
    format!("can't run {program}: {error}; it should lie beside `weir` or in the PATH")
}
