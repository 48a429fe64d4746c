//! The names of what happens.

use serde::{Deserialize, Serialize};

/// What an anomaly is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A service asks for the first time.
    NewEdge,
    /// Many requests, and nothing else is strange.
    Load,
    /// Many requests fail, and nothing else is strange.
    Errors,
    /// Attack on few endpoints that cost much time.
    ComputeHeavy,
    /// Attack by many requests.
    HttpDos,
    /// Attack on many endpoints that send much.
    DataHeavy,
    /// More requests than usual have sensitive data in them or in their answers.
    SensitiveData,
    /// Few callers draw much from few endpoints.
    DataLeak,
    /// Somebody looks for what is there.
    Scanning,
    /// Few callers guess passwords.
    BruteForce,
    /// Many callers guess passwords.
    DistributedBruteForce,
    /// Passwords are guessed, and some were right.
    AccountTakeover,
}

/// Kinds that may turn out to be one another: an event of a group has the worst kind that was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Group {
    Edges,
    Volume,
    Errors,
    Data,
    Sensitive,
    Scanning,
    Credentials,
}

/// How bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know.
    Low,
    /// An attack.
    High,
    /// An attack that had success.
    Critical,
}

impl Kind {
    /// Each kind, the mildest first.
    pub const ALL: [Kind; 12] = [
        Kind::NewEdge,
        Kind::Load,
        Kind::Errors,
        Kind::ComputeHeavy,
        Kind::HttpDos,
        Kind::DataHeavy,
        Kind::SensitiveData,
        Kind::DataLeak,
        Kind::Scanning,
        Kind::BruteForce,
        Kind::DistributedBruteForce,
        Kind::AccountTakeover,
    ];

    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Kind::NewEdge => "new-edge",
            Kind::SensitiveData => "sensitive-data",
            Kind::Load => "load",
            Kind::Errors => "errors",
            Kind::ComputeHeavy => "compute-heavy",
            Kind::HttpDos => "http-dos",
            Kind::DataHeavy => "data-heavy",
            Kind::DataLeak => "data-leak",
            Kind::Scanning => "scanning",
            Kind::BruteForce => "brute-force",
            Kind::DistributedBruteForce => "distributed-brute-force",
            Kind::AccountTakeover => "account-takeover",
        }
    }

    /// What it may turn out to be.
    pub fn group(self) -> Group {
        match self {
            Kind::NewEdge => Group::Edges,
            Kind::SensitiveData => Group::Sensitive,
            Kind::Load | Kind::ComputeHeavy | Kind::HttpDos => Group::Volume,
            Kind::Errors => Group::Errors,
            Kind::DataHeavy | Kind::DataLeak => Group::Data,
            Kind::Scanning => Group::Scanning,
            Kind::BruteForce | Kind::DistributedBruteForce | Kind::AccountTakeover => {
                Group::Credentials
            }
        }
    }

    /// How bad it is.
    pub fn severity(self) -> Severity {
        match self {
            Kind::NewEdge | Kind::Load | Kind::Errors => Severity::Low,
            Kind::DataLeak | Kind::AccountTakeover => Severity::Critical,
            _ => Severity::High,
        }
    }

    /// Somebody means harm.
    pub fn is_attack(self) -> bool {
        self.severity() > Severity::Low
    }
}
