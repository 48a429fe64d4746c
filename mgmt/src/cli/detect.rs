//! `weir detect`: what departs from what is usual in recorded requests.

use clap::Subcommand;

use super::{Outcome, anomaly, behaviour};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Of services and endpoints, over windows of 5 minutes to a day
    Anomaly(anomaly::Args),
    /// Score each caller by what it does: scanners, crawlers, floods, guessers of passwords and ids, …
    Behaviour(behaviour::DetectArgs),
}

pub(super) fn run(command: &Command) -> Outcome {
    match command {
        Command::Anomaly(args) => anomaly::run(args),
        Command::Behaviour(args) => behaviour::detect(args),
    }
}
