//! Labelled traffic to APIs, from a seed: people who follow workflows, attackers from blatant to slow, and events that look bad and
//! are not. A crate of its own, without Weir: what judges the detectors must not share code with them.
//!
//! | file | what |
//! |---|---|
//! | `api` | three APIs: endpoints with server time and sizes, and what people do after what |
//! | `people` | visits through day and week, think times, mistyped passwords |
//! | `attacks` | ten kinds, three levels each |
//! | `innocent` | flash crowd, deploy, retry storm, cron, Monday morning, good bots |
//! | `record` | a request with its answer, as the JSON line of the design |
//! | `send`, `serve` | sends the lines as real requests, each from its sender's address; answers them as the lines say |
//! | `score` | verdicts against labels |
//!
//! The same settings give the same lines.

pub mod api;
pub mod attacks;
pub mod innocent;
pub mod people;
pub mod random;
pub mod record;
pub mod score;
pub mod send;
pub mod serve;

use api::Api;
use random::Random;
use record::Record;

/// Monday, 2 March 2026, 00:00 UTC: when the simulated time begins. Seconds.
pub const BEGIN: f64 = 1_772_409_600.0;
/// Seconds of a day.
pub const DAY: f64 = 86_400.0;

/// What is generated.
pub struct Settings {
    /// Everything is drawn from it.
    pub seed: u64,
    /// Length.
    pub days: u32,
    /// People who may visit.
    pub users: u32,
    /// Attackers of each kind and level.
    pub attackers: u32,
    /// Kinds of attacks.
    pub attacks: Vec<attacks::Kind>,
    /// Innocent events.
    pub innocent: Vec<innocent::Event>,
}

/// Everything that is sent, in the order of time.
pub fn generate(api: &Api, settings: &Settings) -> Vec<Record> {
    let mut random = Random::new(settings.seed);
    let mut records = people::traffic(api, settings, &mut random.part());
    for event in &settings.innocent {
        event.happen(api, settings, &mut random.part(), &mut records);
    }
    for kind in &settings.attacks {
        kind.attack(api, settings, &mut random.part(), &mut records);
    }
    records.sort_by(|a, b| a.ts.total_cmp(&b.ts));
    records
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(seed: u64) -> Settings {
        Settings {
            seed,
            days: 1,
            users: 30,
            attackers: 1,
            attacks: attacks::Kind::ALL.to_vec(),
            innocent: innocent::Event::ALL.to_vec(),
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_lines() {
        let lines = |seed| -> Vec<String> {
            generate(&api::SHOP, &settings(seed)).iter().map(Record::line).collect()
        };
        assert_eq!(lines(1), lines(1));
        assert_ne!(lines(1), lines(2));
    }

    #[test]
    fn every_kind_and_level_is_there_and_time_goes_on() {
        for api in api::ALL {
            let records = generate(api, &settings(3));
            // A day is too short to grow.
            for kind in attacks::Kind::ALL.into_iter().filter(|k| *k != attacks::Kind::Growth) {
                for level in attacks::Level::ALL {
                    let of = |r: &&Record| r.label == kind.name() && r.level == level.name();
                    assert!(
                        records.iter().any(|r| of(&r)),
                        "{} {} {}",
                        api.name,
                        kind.name(),
                        level.name()
                    );
                }
            }
            assert!(records.windows(2).all(|w| w[0].ts <= w[1].ts && w[0].ts >= BEGIN));
            let normal = records.iter().filter(|r| r.label == record::NORMAL).count();
            assert!(normal > 300, "{normal}");
        }
    }

    #[test]
    fn a_client_that_grows_takes_more_each_day() {
        let growth = vec![attacks::Kind::Growth];
        let week = Settings { days: 7, users: 0, attacks: growth, innocent: vec![], ..settings(4) };
        let records = generate(&api::CLINIC, &week);
        for (level, least) in [("blatant", 3.0), ("moderate", 1.6), ("slow", 1.2)] {
            let of = |day: f64| {
                let begin = BEGIN + day * DAY;
                let on = |r: &&Record| r.level == level && (begin..begin + DAY).contains(&r.ts);
                records.iter().filter(on).count() as f64
            };
            assert!(of(6.0) > least * of(5.0) && of(5.0) > least * of(4.0), "{level}");
        }
    }
}
