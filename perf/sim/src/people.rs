//! People: visits through day and week, workflows, think times, mistakes.

use crate::api::{Api, Ids};
use crate::random::Random;
use crate::record::{NORMAL, Record, Sender};
use crate::{BEGIN, DAY, Settings};

/// Visits by the hour of the day (UTC), of the busiest hour.
const HOURS: [f64; 24] = [
    0.10, 0.06, 0.04, 0.04, 0.05, 0.10, 0.25, 0.50, 0.80, 1.00, 1.00, 0.95, 0.85, 0.90, 0.95, 0.95,
    0.90, 0.80, 0.75, 0.75, 0.70, 0.55, 0.35, 0.20,
];
/// And by the day of the week, from Monday.
const DAYS: [f64; 7] = [1.0, 1.0, 0.95, 0.95, 0.85, 0.45, 0.40];
/// Visits of a person a weekday: the median; some come twenty times.
const VISITS: f64 = 1.2;
const VISITS_SPREAD: f64 = 0.8;
/// Seconds to think between two steps: median and deviation of the logarithm.
const THINK: f64 = 9.0;
const THINK_SPREAD: f64 = 1.1;
/// A page of the client's makes a second call at once, so often.
const AT_ONCE: f64 = 0.25;
/// A password is mistyped, an object is gone, the server fails, so often.
const MISTYPED: f64 = 0.08;
const GONE: f64 = 0.01;
const FAILS: f64 = 0.004;
/// The longest visit, in steps.
const MOST_STEPS: usize = 120;
/// Of ten people so many share an office's address.
const IN_OFFICES: f64 = 0.2;
const OFFICES: u64 = 4;

/// What all people send.
pub fn traffic(api: &Api, settings: &Settings, random: &mut Random) -> Vec<Record> {
    let mut records = Vec::new();
    for number in 0..settings.users {
        let mut random = random.part();
        let person = Person::new("user", u64::from(number), "", &mut random);
        let often = random.lognormal(VISITS, VISITS_SPREAD);
        for day in 0..settings.days {
            let weekday = DAYS.get(day as usize % 7).copied().unwrap_or(1.0);
            let mut time = 0.0;
            loop {
                // A Poisson process of the busiest hour's rate, thinned out by the hour of the day.
                time +=
                    random.exponential(DAY / (often * weekday * 24.0 / HOURS.iter().sum::<f64>()));
                if time >= DAY {
                    break;
                }
                let hour = HOURS.get((time / 3600.0) as usize).copied().unwrap_or(1.0);
                if random.chance(hour) {
                    person.visit(
                        api,
                        BEGIN + DAY * f64::from(day) + time,
                        &mut random,
                        &mut records,
                    );
                }
            }
        }
    }
    records
}

/// Somebody with an account.
pub struct Person {
    number: u64,
    sender: Sender,
    haste: f64,
}

impl Person {
    /// A person of a kind (`user`, `guest`), with an address.
    pub fn new(kind: &str, number: u64, level: &'static str, random: &mut Random) -> Person {
        let address = match random.chance(IN_OFFICES) {
            true => format!("198.51.100.{}", random.below(OFFICES) + 1),
            false => address(10, random),
        };
        let user = Some(format!("{kind}-{number:05}"));
        Person {
            number: number ^ random.bits() << 20,
            sender: Sender { address, user, label: NORMAL, level },
            // Some people are twice as quick as others.
            haste: random.lognormal(1.0, 0.35),
        }
    }

    /// A visit: login, then the workflow until it ends.
    pub fn visit(&self, api: &Api, begin: f64, random: &mut Random, records: &mut Vec<Record>) {
        let mut time = begin;
        let nobody = Sender { user: None, ..self.sender.clone() };
        let mut step =
            |place: usize, time: f64, sender: &Sender, status: u16, random: &mut Random| {
                let endpoint = api.at(place);
                let url = api.url(endpoint, self.id(endpoint.ids, random));
                records.push(Record::new((api, endpoint), (time, sender), (url, status), random));
            };
        while random.chance(MISTYPED) {
            step(0, time, &nobody, 401, random);
            time += random.lognormal(6.0, 0.5);
        }
        step(0, time, &nobody, 200, random);
        let mut place = 0;
        for _ in 0..MOST_STEPS {
            let Some(next) = next(api, place, random) else { break };
            place = next;
            time += match random.chance(AT_ONCE) {
                true => random.within(0.05, 0.4),
                false => random.lognormal(THINK / self.haste, THINK_SPREAD),
            };
            let has_id = api.at(place).ids != Ids::None;
            let status = match random.unit() {
                x if x < FAILS => 500,
                x if has_id && x < FAILS + GONE => 404,
                _ => 200,
            };
            step(place, time, &self.sender, status, random);
        }
    }

    fn id(&self, ids: Ids, random: &mut Random) -> u64 {
        match ids {
            Ids::None => 0,
            Ids::Public(n) => 1 + random.popular(n),
            Ids::Own(n) => own(self.number, random.popular(n)),
        }
    }
}

/// The number of an object of somebody's own: anywhere among all objects.
pub fn own(number: u64, object: u64) -> u64 {
    10_000 + Random::new(number.wrapping_mul(1_000_003) ^ object).below(900_000)
}

/// The step after a step; None: the visit ends.
fn next(api: &Api, place: usize, random: &mut Random) -> Option<usize> {
    let steps: Vec<_> = api.steps.iter().filter(|(from, ..)| *from == place).collect();
    let total: f64 = steps.iter().map(|(_, _, weight)| weight).sum();
    if !random.chance(total / 10.0) {
        return None;
    }
    let chosen = random.weighted(steps.iter().map(|(_, _, weight)| *weight));
    steps.get(chosen).map(|(_, to, _)| *to)
}

/// An address of a network of its own for each kind of sender.
pub fn address(network: u8, random: &mut Random) -> String {
    let bits = random.bits();
    format!("{network}.{}.{}.{}", bits & 255, (bits >> 8) & 255, 1 + (bits >> 16) % 254)
}
