//! `weir replay`: hands over to `weir-dataplane replay`, which has the engine.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
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
    let beside = std::env::current_exe().ok().map(|exe| exe.with_file_name(ENGINE));
    let program = beside.filter(|p| p.is_file()).unwrap_or_else(|| PathBuf::from(ENGINE));
    let error = Command::new(&program).arg("replay").args(args.rest).exec();
    Err(Failure::new(format!(
        "can't run {}: {error}; it should lie beside `weir` or in the PATH",
        program.display()
    )))
}
