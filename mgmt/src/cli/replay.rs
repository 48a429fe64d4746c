//! `weir replay`: hands over to `weir-dataplane replay`, which has the engine.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::Command;

use clap::Args as ClapArgs;

use super::{Failure, Outcome};
use crate::engine;

#[derive(Debug, ClapArgs)]
#[command(disable_help_flag = true)]
pub(super) struct Args {
    /// FILE… [--policy P] [--events FILE|-]: as `weir-dataplane replay` takes them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<OsString>,
}

/// Becomes the other program, so that its exit status is ours; returns only if there is none.
pub(super) fn run(args: Args) -> Outcome {
    let program = engine::program();
    let error = Command::new(&program).arg("replay").args(args.rest).exec();
    Err(Failure::new(engine::missing(&program, &error)))
}
