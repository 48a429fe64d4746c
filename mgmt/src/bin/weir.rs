//! `weir`: the operator's command line.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    weir_mgmt::cli::run(weir_mgmt::cli::Cli::parse())
}
