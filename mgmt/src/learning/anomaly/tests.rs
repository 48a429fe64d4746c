//! A small shop with some hundred customers, attacked and not: seeded, so that what is seen is the same in each run.

use std::sync::OnceLock;

use super::observation::Outcome;
use super::sketch::hash;
use super::*;

const DAY: u64 = 86_400;
/// A Monday at midnight.
const MONDAY: u64 = 1_700_438_400;
/// What is simulated after the days that are learnt.
const SCENARIO: u64 = MONDAY + 3 * DAY + 10 * 3_600;

/// SplitMix64 (Steele and others, 2014).
#[derive(Clone)]
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.roll(100) < percent
    }
}

fn request(ts: u64, source: String, endpoint: &str, outcome: Outcome) -> Observation {
    let (bytes, micros) = match endpoint {
        "GET /search" => (8_000, 300_000),
        "GET /export/{id}" => (200_000, 80_000),
        "GET /items" => (20_000, 30_000),
        _ => (1_500, 15_000),
    };
    Observation {
        caller: None,
        sensitive: false,
        weight: 1,
        ts: ts as f64,
        service: "shop.example".to_owned(),
        endpoint: endpoint.to_owned(),
        path: hash(endpoint.as_bytes()),
        account: None,
        source,
        outcome,
        bytes,
        micros: Some(micros),
    }
}

fn customer(dice: &mut Dice) -> String {
    let n = dice.roll(400);
    format!("10.1.{}.{}", n / 200, n % 200)
}

/// Customers in five minutes: more by day, some new, some who mistype passwords and links.
fn customers(dice: &mut Dice, start: u64, factor: f64) -> Vec<Observation> {
    let hour = (start / 3_600 % 24) as f64;
    let rate =
        25.0 * (1.6 - ((hour - 14.0) / 24.0 * std::f64::consts::TAU).cos().mul_add(-1.0, 0.4));
    let rate = (rate.max(8.0) * factor) as u64;
    let sessions = rate * 9 / 10 + dice.roll(rate / 5 + 1);
    let mut all = Vec::new();
    for _ in 0..sessions {
        let source = match dice.chance(6) {
            true => format!("172.16.{}.{}", dice.roll(250), dice.roll(250)),
            false => customer(dice),
        };
        let ts = start + dice.roll(290);
        let endpoint =
            ["GET /items", "GET /items/{id}", "GET /cart", "GET /search", "GET /export/{id}"];
        for i in 0..1 + dice.roll(5) {
            let name = match dice.roll(30) {
                0 => endpoint[4],
                1..=3 => endpoint[3],
                n => endpoint[n as usize % 3],
            };
            let outcome = match dice.roll(100) {
                0 => Outcome::Missing,
                1 => Outcome::ServerError,
                _ => Outcome::Ok,
            };
            all.push(request(ts + i, source.clone(), name, outcome));
        }
        if dice.chance(30) {
            let outcome = if dice.chance(10) { Outcome::AuthFailure } else { Outcome::LoggedIn };
            let mut login = request(ts, source.clone(), "POST /login", outcome);
            login.account = Some(hash(source.as_bytes()));
            all.push(login);
        }
    }
    all
}

/// Plays buckets from a time on; `change` may add to and alter each.
fn play(
    engine: &mut Engine,
    dice: &mut Dice,
    from: u64,
    to: u64,
    mut change: impl FnMut(&mut Dice, u64, &mut Vec<Observation>),
) -> Vec<Report> {
    let mut reports = Vec::new();
    for start in (from..to).step_by(300) {
        let mut all = customers(dice, start, 1.0);
        change(dice, start, &mut all);
        all.sort_by(|a, b| a.ts.total_cmp(&b.ts));
        reports.extend(all.iter().flat_map(|o| engine.observe(o)));
    }
    reports
}

/// Three days and ten hours of customers, learnt once.
fn learnt() -> (Engine, Dice) {
    static LEARNT: OnceLock<(Engine, Dice)> = OnceLock::new();
    let learn = || {
        let (mut engine, mut dice) = (Engine::default(), Dice(7));
        let said = play(&mut engine, &mut dice, MONDAY, SCENARIO, nightly_job);
        let said: Vec<_> = said.iter().map(|r| &r.means).collect();
        assert!(said.is_empty(), "of ordinary days: {said:#?}");
        (engine, dice)
    };
    LEARNT.get_or_init(learn).clone()
}

/// A batch job at three each night.
fn nightly_job(_: &mut Dice, start: u64, all: &mut Vec<Observation>) {
    if start % DAY / 300 == 36 {
        all.extend(
            (0..500).map(|i| {
                request(start + i % 290, "10.9.9.9".into(), "GET /export/{id}", Outcome::Ok)
            }),
        );
    }
}

/// What is said of two hours in which something goes on during the first.
fn said_of(mut change: impl FnMut(&mut Dice, u64, &mut Vec<Observation>)) -> Vec<Report> {
    let (mut engine, mut dice) = learnt();
    let mut said = play(&mut engine, &mut dice, SCENARIO, SCENARIO + 7_200, |dice, start, all| {
        if start < SCENARIO + 3_600 {
            change(dice, start, all);
        }
    });
    said.extend(engine.finish());
    said
}

/// It is told once, within so many buckets, as this kind, and it ends.
fn assert_attack(said: &[Report], kinds: &[Kind], buckets: u64) {
    let lines: Vec<_> = said.iter().map(|r| (r.state, r.detected, &r.means)).collect();
    let starts: Vec<_> =
        said.iter().filter(|r| r.state == State::Start && r.kind.is_attack()).collect();
    assert_eq!(starts.len(), 1, "{lines:#?}");
    assert!(starts[0].detected <= SCENARIO + buckets * 300, "{lines:#?}");
    let ends: Vec<_> =
        said.iter().filter(|r| r.state == State::End && r.kind.is_attack()).collect();
    assert_eq!(ends.len(), 1, "{lines:#?}");
    assert!(kinds.contains(&ends[0].kind), "{lines:#?}");
    assert!(
        ends[0].window.start <= SCENARIO + buckets * 300 && ends[0].window.end >= SCENARIO + 3_300
    );
    assert!(ends[0].recommend.is_some() && ends[0].seen > ends[0].expected.high, "{ends:#?}");
}

fn assert_no_attack(said: &[Report]) {
    let attacks: Vec<_> = said.iter().filter(|r| r.kind.is_attack()).collect();
    assert!(attacks.is_empty(), "{attacks:#?}");
}

fn bot(dice: &mut Dice, bots: u64) -> String {
    let n = dice.roll(bots);
    format!("203.{}.{}.9", n / 250, n % 250)
}

/// Failed logins of bots, each for another account; of so many a hundred one is right.
fn guesses(dice: &mut Dice, start: u64, all: &mut Vec<Observation>, bots: u64, n: u64, right: u64) {
    for _ in 0..n {
        let outcome = if dice.chance(right) { Outcome::LoggedIn } else { Outcome::AuthFailure };
        let mut login = request(start + dice.roll(290), bot(dice, bots), "POST /login", outcome);
        login.account = Some(hash(&dice.roll(5_000).to_le_bytes()));
        all.push(login);
    }
}

#[test]
fn distributed_brute_force() {
    let said = said_of(|dice, start, all| guesses(dice, start, all, 800, 150, 0));
    assert_attack(&said, &[Kind::DistributedBruteForce], 2);
    let slow = said_of(|dice, start, all| guesses(dice, start, all, 800, 12, 0));
    assert_attack(&slow, &[Kind::DistributedBruteForce], 7);
}

#[test]
fn what_was_stored_still_knows() {
    let (engine, mut dice) = learnt();
    let path = std::env::temp_dir().join(format!("weir-anomalies-{}", std::process::id()));
    save(&engine, &path).unwrap();
    let mut engine = load(&path).unwrap();
    std::fs::remove_file(path).unwrap();
    let mut said = play(&mut engine, &mut dice, SCENARIO, SCENARIO + 3_600, |dice, start, all| {
        guesses(dice, start, all, 800, 150, 0);
    });
    said.extend(engine.finish());
    assert_attack(&said, &[Kind::DistributedBruteForce], 2);
}

#[test]
fn brute_force_of_few() {
    let said = said_of(|dice, start, all| guesses(dice, start, all, 3, 60, 0));
    assert_attack(&said, &[Kind::BruteForce], 2);
    assert!(said.iter().all(|r| r.sources.top[0].source.starts_with("203.0.")));
}

#[test]
fn account_takeover() {
    let said = said_of(|dice, start, all| guesses(dice, start, all, 6, 100, 5));
    assert_attack(&said, &[Kind::AccountTakeover], 2);
}

#[test]
fn scanning() {
    let probe = |dice: &mut Dice, start: u64, source: String| {
        let path = format!("GET /{}.php", dice.roll(3_000));
        let mut probe = request(start + dice.roll(290), source, &path, Outcome::Missing);
        probe.path = hash(path.as_bytes());
        probe
    };
    let one = said_of(|dice, start, all| {
        all.extend((0..80).map(|_| probe(dice, start, "198.51.100.7".into())));
    });
    assert_attack(&one, &[Kind::Scanning], 2);
    let many = said_of(|dice, start, all| {
        all.extend((0..80).map(|_| {
            let source = bot(dice, 400);
            probe(dice, start, source)
        }));
    });
    assert_attack(&many, &[Kind::Scanning], 3);
}

#[test]
fn floods() {
    let few = said_of(|dice, start, all| {
        all.extend(
            (0..2_000)
                .map(|_| request(start + dice.roll(290), bot(dice, 5), "GET /items", Outcome::Ok)),
        );
    });
    assert_attack(&few, &[Kind::HttpDos], 2);
    let many =
        said_of(|dice, start, all| {
            all.extend((0..5_000).map(|_| {
                request(start + dice.roll(290), bot(dice, 300), "GET /items", Outcome::Ok)
            }));
        });
    assert_attack(&many, &[Kind::HttpDos], 2);
}

#[test]
fn few_requests_that_cost_much() {
    let said = said_of(|dice, start, all| {
        all.extend(
            (0..150)
                .map(|_| request(start + dice.roll(290), bot(dice, 4), "GET /search", Outcome::Ok)),
        );
    });
    assert_attack(&said, &[Kind::ComputeHeavy], 2);
}

#[test]
fn data_leak() {
    let said = said_of(|dice, start, all| {
        all.extend((0..60).map(|_| {
            request(start + dice.roll(290), "198.51.100.7".into(), "GET /export/{id}", Outcome::Ok)
        }));
    });
    assert_attack(&said, &[Kind::DataLeak], 3);
}

#[test]
fn a_flash_crowd_is_load() {
    let said = said_of(|dice, start, all| {
        let mut crowd = customers(dice, start, 6.0);
        for o in &mut crowd {
            o.source = format!(
                "100.{}.{}.{}",
                hash(o.source.as_bytes()) % 64,
                dice.roll(40),
                dice.roll(2)
            );
        }
        all.extend(crowd);
    });
    assert_no_attack(&said);
    assert!(said.iter().any(|r| r.kind == Kind::Load), "{said:#?}");
}

#[test]
fn a_deployment_with_a_fault_is_errors() {
    let said = said_of(|dice, _, all| {
        for o in all.iter_mut().filter(|o| o.endpoint == "GET /cart" && dice.chance(80)) {
            o.outcome = Outcome::ServerError;
            o.micros = Some(2_000_000);
        }
    });
    assert_no_attack(&said);
    assert!(said.iter().any(|r| r.kind == Kind::Errors), "{said:#?}");
    let links = said_of(|dice, _, all| {
        for o in all.iter_mut().filter(|o| o.endpoint == "GET /items" && dice.chance(60)) {
            o.endpoint = "GET /old/items".to_owned();
            o.outcome = Outcome::Missing;
        }
    });
    assert_no_attack(&links);
    let keys = said_of(|_, _, all| {
        for o in all.iter_mut().filter(|o| o.endpoint != "GET /items") {
            o.outcome = Outcome::AuthFailure;
        }
    });
    assert_no_attack(&keys);
}

#[test]
fn a_retry_storm_is_no_attack() {
    let said = said_of(|_, start, all| {
        let failed: Vec<_> = all
            .iter()
            .filter(|o| o.endpoint == "GET /items")
            .flat_map(|o| {
                (0..8).map(|_| Observation { outcome: Outcome::ServerError, ..o.clone() })
            })
            .collect();
        all.extend(failed.into_iter().filter(|o| o.ts < (start + 300) as f64));
    });
    assert_no_attack(&said);
}

#[test]
fn a_known_job_at_its_hour_is_no_attack() {
    let (mut engine, mut dice) = learnt();
    let said = play(&mut engine, &mut dice, SCENARIO, SCENARIO + 2 * DAY, nightly_job);
    assert!(said.iter().all(|r| !r.kind.is_attack()), "{said:#?}");
}

#[test]
fn a_monday_morning_is_no_attack() {
    let quiet_weekend = |dice: &mut Dice, start: u64, all: &mut Vec<Observation>| {
        nightly_job(dice, start, all);
        if (MONDAY + 5 * DAY..MONDAY + 7 * DAY).contains(&start) {
            all.retain(|_| dice.chance(15));
        }
    };
    let (mut engine, mut dice) = learnt();
    let said = play(&mut engine, &mut dice, SCENARIO, MONDAY + 8 * DAY, quiet_weekend);
    assert_no_attack(&said);
}

#[test]
fn a_pause_of_the_recording_is_no_news() {
    let (mut engine, mut dice) = learnt();
    let later = SCENARIO + 3 * DAY;
    let said = play(&mut engine, &mut dice, later, later + 7_200, |_, _, _| {});
    assert_no_attack(&said);
}

#[test]
fn nothing_is_said_before_enough_is_known() {
    let (mut engine, mut dice) = (Engine::default(), Dice(3));
    let said = play(&mut engine, &mut dice, MONDAY, MONDAY + 6 * 3_600, |dice, start, all| {
        if start == MONDAY + 3_600 {
            guesses(dice, start, all, 300, 900, 0);
        }
    });
    assert!(said.is_empty(), "{said:#?}");
}

#[test]
fn who_comes_each_week_stays_known() {
    let (mut engine, mut dice) = (Engine::default(), Dice(5));
    for hour in 0..24 * 23 {
        let start = MONDAY + hour * 3_600;
        let mut all = customers(&mut dice, start, 0.1);
        all.push(request(start, "10.9.9.9".into(), "GET /items", Outcome::Ok));
        all.iter().for_each(|o| drop(engine.observe(o)));
        let known = |n: &str| engine.services["shop.example"].knows(n);
        assert!(hour < 3 || known("10.9.9.9"), "hour {hour}");
        assert!(!known("10.9.9.8"));
    }
}

#[test]
fn caps_hold_and_what_is_beyond_is_counted_as_other() {
    let mut engine = Engine::default();
    for n in 0..1_000_u64 {
        let mut o = request(MONDAY + n, format!("10.0.0.{n}"), &format!("GET /{n}"), Outcome::Ok);
        engine.observe(&o);
        o.service = format!("{n}.example");
        engine.observe(&o);
    }
    assert_eq!(engine.services.len(), MAX_SERVICES + 1);
    let shop = &engine.services["shop.example"];
    assert_eq!(shop.endpoints.len(), service::MAX_ENDPOINTS + 1);
    assert!(shop.endpoints.contains_key(OTHER) && engine.services.contains_key(OTHER));
}

mod nodes;
mod weeks;
