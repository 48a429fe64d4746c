//! The whole-system test harness: networks of namespaces, real servers and clients, and the pages they exchange.
//!
//! A [`net::Topology`] is three namespaces, client — middle — server, joined by two veth pairs. Real programs run in the
//! outer two ([`servers`], [`clients`]); Weir, a bridge or another forwarder joins them in the middle. Dropping the
//! topology kills every process in it and deletes it, and a topology left behind by a killed test run is deleted
//! by the next one.

pub mod bodies;
pub mod clients;
mod namespace;
pub mod net;
pub mod orders;
pub mod process;
pub mod relay;
pub mod rng;
pub mod servers;
pub mod weir;

/// Why a step of a test could not be done, as a sentence.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Error(pub String);

impl Error {
    /// The error with what was being done in front of it.
    pub fn at(context: impl std::fmt::Display, error: impl std::fmt::Display) -> Error {
        Error(format!("{context}: {error}"))
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Error {
        Error(error.to_string())
    }
}

/// Shorthand for the harness's results.
pub type Result<T> = std::result::Result<T, Error>;

/// The path of a program of this workspace, built beside the one that runs.
pub fn program(name: &str) -> Result<String> {
    let own = std::env::current_exe()?;
    // Tests run from target/PROFILE/deps, programs from target/PROFILE.
    let found = own.ancestors().skip(1).take(2).map(|d| d.join(name)).find(|p| p.exists());
    match found {
        Some(path) => Ok(path.display().to_string()),
        None => Err(Error(format!("{name} is not built; `make build` builds it"))),
    }
}

/// Returns early with an [`Error`] made like `format!`.
#[macro_export]
macro_rules! fail {
    ($($arg:tt)*) => {
        return Err($crate::Error(format!($($arg)*)))
    };
}
