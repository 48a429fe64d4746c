//! `weir replay`: hands over to `weir-dataplane replay`, which has the engine.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args as ClapArgs;

use super::{Failure, Outcome};

const ENGINE: &str = "weir-dataplane";

#[derive(Debug, ClapArgs)]
#[command(disable_help_flag = true)]
pub(super) struct Args {
    /// FILE… [--policy P] [--events FILE|-]: as `weir-dataplane replay` takes them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<OsString>,
}

/// Becomes the other program, so that its exit status is ours; returns only if there is none.
pub(super) fn run(args: Args) -> Outcome {
    let program = engine();
    let error = Command::new(&program).arg("replay").args(args.rest).exec();
    Err(missing(&program, &error))
}

/// The program that has the engine: beside this one, or in the PATH.
pub(super) fn engine() -> PathBuf {
    let beside = std::env::current_exe().ok().map(|exe| exe.with_file_name(ENGINE));
    beside.filter(|p| p.is_file()).unwrap_or_else(|| PathBuf::from(ENGINE))
}

/// That it can't be run.
pub(super) fn missing(program: &Path, error: &std::io::Error) -> Failure {
    let program = program.display();
    Failure::new(format!(
        "can't run {program}: {error}; it should lie beside `weir` or in the PATH"
    ))
}
