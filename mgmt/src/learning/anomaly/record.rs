//! What is counted of a service or an endpoint in a window. All of it adds up, over time and over nodes.

use serde::{Deserialize, Serialize};

use super::observation::{Observation, Outcome};
use super::sketch::{Bitmap, HyperLogLog, Merge, Top, hash};

/// Callers kept per measure of a service.
const CALLERS: usize = 32;

/// Sums of requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)] // named as Outcome's
pub struct Sums {
    pub requests: u64,
    pub logged_in: u64,
    pub auth_failures: u64,
    pub missing: u64,
    pub client_errors: u64,
    pub server_errors: u64,
    /// Bytes of the answers.
    pub bytes: u64,
    /// Microseconds that the server took.
    pub micros: u64,
    /// Requests whose time was measured.
    pub timed: u64,
    /// Requests in which sensitive data was found, or in their answers.
    pub sensitive: u64,
}

impl Sums {
    fn add(&mut self, o: &Observation) {
        let n = o.weight;
        self.requests += n;
        match o.outcome {
            Outcome::Ok => {}
            Outcome::LoggedIn => self.logged_in += n,
            Outcome::AuthFailure => self.auth_failures += n,
            Outcome::Missing => self.missing += n,
            Outcome::ClientError => self.client_errors += n,
            Outcome::ServerError => self.server_errors += n,
        }
        self.bytes += n * o.bytes;
        self.micros += n * o.micros.unwrap_or(0);
        self.timed += if o.micros.is_some() { n } else { 0 };
        self.sensitive += if o.sensitive { n } else { 0 };
    }
}

impl Merge for Sums {
    fn merge(&mut self, o: &Sums) {
        self.requests += o.requests;
        self.logged_in += o.logged_in;
        self.auth_failures += o.auth_failures;
        self.missing += o.missing;
        self.client_errors += o.client_errors;
        self.server_errors += o.server_errors;
        self.bytes += o.bytes;
        self.micros += o.micros;
        self.timed += o.timed;
        self.sensitive += o.sensitive;
    }
}

/// What is known of a caller in a window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Caller {
    /// What it asked for.
    pub sums: Sums,
    /// Different paths.
    pub paths: Bitmap,
    /// Different endpoints.
    pub endpoints: Bitmap,
    /// Different accounts.
    pub accounts: Bitmap,
    /// Accounts that it got into after it had failed with others.
    pub taken: Bitmap,
    /// It was not known before.
    pub new: bool,
}

/// A success for another account than the one that failed may be guessed. It counts where passwords are being guessed.
const GUESSED_ACCOUNTS: f64 = 1.5;

impl Caller {
    fn add(&mut self, o: &Observation, new: bool) {
        self.sums.add(o);
        self.paths.insert(o.path);
        self.endpoints.insert(hash(o.endpoint.as_bytes()));
        self.new = new;
        if let Some(account) = o.account {
            self.accounts.insert(account);
            let others = self.accounts.count() >= GUESSED_ACCOUNTS;
            if o.outcome == Outcome::LoggedIn && others && self.sums.auth_failures > 0 {
                self.taken.insert(account);
            }
        }
    }
}

impl Merge for Caller {
    fn merge(&mut self, o: &Caller) {
        self.sums.merge(&o.sums);
        self.paths.merge(&o.paths);
        self.endpoints.merge(&o.endpoints);
        self.accounts.merge(&o.accounts);
        self.taken.merge(&o.taken);
        self.new &= o.new;
    }
}

/// A window of an endpoint, or of a whole service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// All requests.
    pub all: Sums,
    /// Those of callers that were not known before.
    pub new: Sums,
    /// Different callers.
    pub sources: HyperLogLog,
}

impl Record {
    /// With 2^`bits` registers for callers.
    pub fn new(bits: u32) -> Record {
        Record { all: Sums::default(), new: Sums::default(), sources: HyperLogLog::new(bits) }
    }

    /// Counts a request of a caller.
    pub fn add(&mut self, o: &Observation, source: u64, new: bool) {
        self.all.add(o);
        if new {
            self.new.add(o);
        }
        if !o.source.is_empty() {
            self.sources.insert(source);
        }
    }
}

impl Merge for Record {
    fn merge(&mut self, o: &Record) {
        self.all.merge(&o.all);
        self.new.merge(&o.new);
        self.sources.merge(&o.sources);
    }
}

/// The callers of a service in a window: those with the most of each measure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Callers {
    /// By requests.
    pub busy: Top<Caller>,
    /// By requests that failed through their own fault.
    pub failing: Top<Caller>,
    /// By bytes drawn.
    pub drawing: Top<Caller>,
    /// By time of the server.
    pub costly: Top<Caller>,
    /// Accounts that somebody failed to get into.
    pub failed_accounts: HyperLogLog,
    /// Templates of what is not there.
    pub missing_templates: HyperLogLog,
}

impl Default for Callers {
    fn default() -> Callers {
        let top = || Top::new(CALLERS);
        Callers {
            busy: top(),
            failing: top(),
            drawing: top(),
            costly: top(),
            failed_accounts: HyperLogLog::new(8),
            missing_templates: HyperLogLog::new(8),
        }
    }
}

impl Callers {
    /// Counts a request of a caller.
    pub fn add(&mut self, o: &Observation, source: u64, new: bool) {
        let failed = match o.outcome {
            Outcome::AuthFailure => {
                o.account.into_iter().for_each(|a| self.failed_accounts.insert(a));
                o.weight
            }
            Outcome::Missing => {
                self.missing_templates.insert(hash(o.endpoint.as_bytes()));
                o.weight
            }
            _ => 0,
        };
        if o.source.is_empty() {
            return;
        }
        let tables = [
            (&mut self.busy, o.weight),
            (&mut self.failing, failed),
            (&mut self.drawing, o.weight * o.bytes),
            (&mut self.costly, o.weight * o.micros.unwrap_or(0)),
        ];
        for (table, weight) in tables {
            if let Some(caller) = table.add(source, &o.source, weight) {
                caller.add(o, new);
            }
        }
    }
}

impl Merge for Callers {
    fn merge(&mut self, o: &Callers) {
        self.busy.merge(&o.busy);
        self.failing.merge(&o.failing);
        self.drawing.merge(&o.drawing);
        self.costly.merge(&o.costly);
        self.failed_accounts.merge(&o.failed_accounts);
        self.missing_templates.merge(&o.missing_templates);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn observations() -> impl Strategy<Value = Vec<(Observation, bool)>> {
        let outcome = prop::sample::select(vec![
            Outcome::Ok,
            Outcome::LoggedIn,
            Outcome::AuthFailure,
            Outcome::Missing,
            Outcome::ClientError,
            Outcome::ServerError,
        ]);
        let one = (0..20_u8, 0..9_u64, outcome, 0..5_000_u64, any::<bool>()).prop_map(
            |(source, path, outcome, bytes, new)| {
                let o = Observation {
                    ts: 0.0,
                    service: "s".to_owned(),
                    endpoint: format!("GET /{}", path % 3),
                    path: hash(&path.to_le_bytes()),
                    source: format!("10.0.0.{source}"),
                    account: None,
                    caller: None,
                    sensitive: path == 3,
                    weight: 1 + path % 2,
                    outcome,
                    bytes,
                    micros: (bytes % 2 == 0).then_some(bytes * 3),
                };
                (o, new)
            },
        );
        prop::collection::vec(one, 0..200)
    }

    fn counted(all: &[(Observation, bool)]) -> (Record, Callers) {
        let mut counted = (Record::new(10), Callers::default());
        for (o, new) in all {
            // A caller is new or not for a whole window.
            let new = *new && o.bytes % 2 == 0;
            counted.0.add(o, hash(o.source.as_bytes()), new);
            counted.1.add(o, hash(o.source.as_bytes()), true);
        }
        counted
    }

    fn by_name(top: &Top<Caller>) -> Vec<(String, u64, String)> {
        let mut all: Vec<_> = top
            .iter()
            .map(|(_, e)| (e.name.to_string(), e.weight, format!("{:?}", e.stats)))
            .collect();
        all.sort();
        all
    }

    fn weights(top: &Top<Caller>) -> Vec<(String, u64)> {
        by_name(top).into_iter().map(|(name, weight, _)| (name, weight)).collect()
    }

    proptest! {
        #[test]
        fn nodes_add_up(a in observations(), b in observations()) {
            let all: Vec<_> = a.iter().chain(&b).cloned().collect();
            let ((mut record, mut callers), of_all) = (counted(&a), counted(&all));
            let (record_b, callers_b) = counted(&b);
            record.merge(&record_b);
            callers.merge(&callers_b);
            prop_assert_eq!(record, of_all.0);
            prop_assert_eq!(&callers.missing_templates, &of_all.1.missing_templates);
            prop_assert_eq!(by_name(&callers.busy), by_name(&of_all.1.busy));
            // A request of no weight counts for who is in the table already, so only weights are the same.
            for (merged, all) in [
                (&callers.failing, &of_all.1.failing),
                (&callers.drawing, &of_all.1.drawing),
                (&callers.costly, &of_all.1.costly),
            ] {
                prop_assert_eq!(weights(merged), weights(all));
            }
        }
    }
}
