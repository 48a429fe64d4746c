//! Weeks of shops that differ in all that is drawn for them, attacked and not: how much is found, and what is told for nothing.
//! `perf/learning.sh` prints what it says. The detector's thresholds were not drawn from it, but its author is the same.

use std::collections::BTreeMap;

use super::*;

const BUCKET: u64 = 300;
/// Days that are learnt before anything happens.
const LEARN: u64 = 7;
const DAYS: u64 = 14;
/// Something happens every ten hours.
const EVERY: u64 = 36_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Happening {
    Attack(Kind),
    FlashCrowd,
    FaultyDeployment,
    SlowDeployment,
    DeadLinks,
    RetryStorm,
    ForgottenPasswords,
    ExpiredKey,
    Crawler,
    NewJob,
}

use Happening::*;

const HAPPENINGS: [Happening; 17] = [
    Attack(Kind::BruteForce),
    FlashCrowd,
    Attack(Kind::DistributedBruteForce),
    FaultyDeployment,
    Attack(Kind::AccountTakeover),
    SlowDeployment,
    Attack(Kind::Scanning),
    DeadLinks,
    Attack(Kind::HttpDos),
    RetryStorm,
    Attack(Kind::ComputeHeavy),
    ForgottenPasswords,
    Attack(Kind::DataHeavy),
    ExpiredKey,
    Attack(Kind::DataLeak),
    Crawler,
    NewJob,
];

/// An endpoint: how often it is asked, what it costs and sends.
struct Page {
    name: String,
    weight: u64,
    micros: u64,
    bytes: u64,
}

struct Shop {
    dice: Dice,
    pages: Vec<Page>,
    customers: u64,
    /// Sessions in five minutes at noon.
    sessions: u64,
    /// Percent of noon's at night, of a workday's at the weekend, of visitors never seen, of sessions that log in, of passwords
    /// mistyped, of links not there, of errors.
    night: u64,
    weekend: u64,
    strangers: u64,
    logins: u64,
    mistyped: u64,
    missing: u64,
    errors: u64,
    /// A job each hour that asks so many times.
    hourly: u64,
}

/// What goes on: of what strength, by how many, on which page.
#[derive(Clone, Debug)]
struct Event {
    what: Happening,
    start: u64,
    end: u64,
    strength: u64,
    bots: u64,
    page: usize,
}

impl Shop {
    fn new(seed: u64) -> Shop {
        let mut dice = Dice(seed);
        let pages = (0..8 + dice.roll(24)).map(|n| Page {
            name: format!("GET /{}{}", (b'a' + n as u8 % 26) as char, n),
            weight: 1 + 60 / (n + 1),
            micros: 2_000 << dice.roll(8),
            bytes: 300 << dice.roll(9),
        });
        let pages = pages.collect();
        Shop {
            pages,
            customers: 40 << dice.roll(6),
            sessions: 10 << dice.roll(4),
            night: 5 + dice.roll(40),
            weekend: 20 + dice.roll(120),
            strangers: 1 + dice.roll(40),
            logins: 10 + dice.roll(50),
            mistyped: 2 + dice.roll(12),
            missing: dice.roll(5),
            errors: dice.roll(3),
            hourly: dice.roll(3) * 40,
            dice,
        }
    }

    fn expected_sessions(&self, start: u64) -> f64 {
        let hour = (start % DAY) as f64 / 3_600.0;
        let day = (1.0 + ((hour - 13.0) / 24.0 * std::f64::consts::TAU).cos()) / 2.0;
        let night = self.night as f64 / 100.0;
        let weekend = if start.saturating_sub(MONDAY) / DAY % 7 >= 5 { self.weekend } else { 100 };
        self.sessions as f64 * (night + (1.0 - night) * day) * weekend as f64 / 100.0
    }

    fn request(&mut self, start: u64, source: &str, page: usize) -> Observation {
        let (micros, bytes) = (self.pages[page].micros, self.pages[page].bytes);
        // Times and sizes are spread over a factor of 16.
        let spread =
            |dice: &mut Dice, value: u64| (value << (dice.roll(8) / 2)) * (2 + dice.roll(3)) / 12;
        let mut o = request(
            start + self.dice.roll(BUCKET),
            source.to_owned(),
            &self.pages[page].name,
            Outcome::Ok,
        );
        (o.micros, o.bytes) = (Some(spread(&mut self.dice, micros)), spread(&mut self.dice, bytes));
        o.path = self.dice.roll(500);
        o
    }

    fn any_page(&mut self) -> usize {
        let all: u64 = self.pages.iter().map(|p| p.weight).sum();
        let mut left = self.dice.roll(all);
        let place = self.pages.iter().position(|p| {
            let here = left < p.weight;
            left = left.saturating_sub(p.weight);
            here
        });
        place.unwrap_or(0)
    }

    fn visitor(&mut self) -> String {
        match self.dice.chance(self.strangers) {
            true => format!("s{}", self.dice.roll(1 << 40)),
            // Some customers come much more often than others.
            false => {
                let most = 1 + self.dice.roll(self.customers);
                format!("c{}", self.dice.roll(most))
            }
        }
    }

    /// A visit of somebody, who may log in.
    fn visit(&mut self, start: u64, who: &str, first: usize) -> Vec<Observation> {
        let mut visit = vec![self.request(start, who, first)];
        // Every tenth stays long.
        let long = if self.dice.chance(10) { 25 } else { 5 };
        for _ in 0..self.dice.roll(long) {
            let page = self.any_page();
            visit.push(self.request(start, who, page));
        }
        for o in &mut visit {
            o.outcome = match self.dice.roll(100) {
                n if n < self.missing => Outcome::Missing,
                n if n < self.missing + self.errors => Outcome::ServerError,
                _ => Outcome::Ok,
            };
        }
        if self.dice.chance(self.logins) {
            for _ in 0..if self.dice.chance(self.mistyped) { 1 + self.dice.roll(3) } else { 0 } {
                visit.push(self.login(start, who, who, Outcome::AuthFailure));
            }
            visit.push(self.login(start, who, who, Outcome::LoggedIn));
        }
        visit
    }

    fn login(&mut self, start: u64, who: &str, account: &str, outcome: Outcome) -> Observation {
        let mut login =
            request(start + self.dice.roll(BUCKET), who.to_owned(), "POST /login", outcome);
        login.account = Some(hash(account.as_bytes()));
        login
    }

    fn visits(&mut self, start: u64, sessions: f64) -> Vec<Observation> {
        // Bursts: the number varies by a fifth beyond chance.
        let sessions = sessions * (80 + self.dice.roll(41)) as f64 / 100.0;
        let sessions = sessions.floor() as u64
            + u64::from(self.dice.roll(1_000) < (sessions.fract() * 1_000.0) as u64);
        let mut all = Vec::new();
        for _ in 0..sessions {
            let (who, page) = (self.visitor(), self.any_page());
            all.extend(self.visit(start, &who, page));
        }
        all
    }

    /// What comes in five minutes in which nothing happens.
    fn bucket(&mut self, start: u64) -> Vec<Observation> {
        let mut all = self.visits(start, self.expected_sessions(start));
        let last = self.pages.len() - 1;
        let jobs = [
            (start % 3_600 == 600, self.hourly, "hourly"),
            (start % DAY == 10_800, 400, "nightly"),
        ];
        for (_, n, who) in jobs.into_iter().filter(|(now, ..)| *now) {
            all.extend((0..n).map(|_| self.request(start, who, last)));
        }
        all
    }

    fn event(&mut self, what: Happening, start: u64) -> Event {
        let heavy = |of: fn(&Page) -> u64| {
            let all = self.pages.iter().enumerate();
            all.max_by_key(|(_, p)| of(p)).map_or(0, |(place, _)| place)
        };
        let page = match what {
            Attack(Kind::ComputeHeavy) => heavy(|p| p.micros),
            Attack(Kind::DataLeak) => heavy(|p| p.bytes),
            _ => 0,
        };
        let bots = match what {
            Attack(Kind::BruteForce | Kind::DataLeak) => 1 + self.dice.roll(4),
            Attack(Kind::ComputeHeavy | Kind::DataHeavy) => 2 + self.dice.roll(30),
            Attack(Kind::AccountTakeover) => 2 + self.dice.roll(40),
            Attack(Kind::Scanning) => 1 + self.dice.roll(2) * self.dice.roll(100),
            Attack(Kind::HttpDos) => 3 << self.dice.roll(8),
            _ => 30 << self.dice.roll(6),
        };
        let start = start + self.dice.roll(60) * BUCKET;
        let end = start + (4 + self.dice.roll(30)) * BUCKET;
        Event { what, start, end, strength: 1 + self.dice.roll(4), bots, page }
    }

    fn bot(&mut self, event: &Event) -> String {
        format!("b{}-{}", event.start, self.dice.roll(event.bots))
    }

    /// What an event adds to five minutes and changes in them. Strengths are multiples of what is usual.
    fn happen(&mut self, event: &Event, start: u64, all: &mut Vec<Observation>) {
        let usual = all.len() as u64 + 10;
        let times = event.strength;
        match event.what {
            Attack(kind) => self.attack(kind, event, start, all),
            FlashCrowd => {
                let sessions = self.expected_sessions(start) * (1 + 2 * times) as f64;
                for _ in 0..sessions as u64 {
                    let who = format!("s{}", self.dice.roll(1 << 40));
                    all.extend(self.visit(start, &who, 0));
                }
            }
            FaultyDeployment => {
                let page = self.pages[0].name.clone();
                let hit =
                    all.iter_mut().filter(|o| o.endpoint == page && self.dice.chance(30 * times));
                hit.for_each(|o| o.outcome = Outcome::ServerError);
            }
            SlowDeployment => {
                all.iter_mut().for_each(|o| o.micros = o.micros.map(|m| m * (1 + times)));
            }
            DeadLinks => {
                let page = self.pages[1].name.clone();
                for o in all.iter_mut().filter(|o| o.endpoint == page) {
                    o.endpoint = format!("GET /old/{}", self.dice.roll(3));
                    o.outcome = Outcome::Missing;
                }
            }
            RetryStorm => {
                let page = self.pages[0].name.clone();
                let hit: Vec<_> = all.iter().filter(|o| o.endpoint == page).cloned().collect();
                for o in hit {
                    let again = Observation { outcome: Outcome::ServerError, ..o };
                    all.extend((0..2 * times).map(|_| again.clone()));
                }
            }
            ForgottenPasswords => {
                for _ in 0..usual * times / 20 {
                    let n = self.dice.roll(self.customers);
                    let who = format!("c{n}");
                    let failed = self.login(start, &who, &who, Outcome::AuthFailure);
                    all.push(failed);
                }
            }
            ExpiredKey => {
                for _ in 0..10 * times {
                    let failed = self.login(start, "nightly", "nightly", Outcome::AuthFailure);
                    all.push(failed);
                }
            }
            Crawler => {
                for _ in 0..usual * times / 10 {
                    let page = self.dice.roll(self.pages.len() as u64) as usize;
                    let mut o = self.request(start, "crawler", page);
                    if self.dice.chance(3) {
                        o.outcome = Outcome::Missing;
                    }
                    all.push(o);
                }
            }
            NewJob => {
                let last = self.pages.len() - 1;
                all.extend((0..20 * times).map(|_| self.request(start, "nightly", last)));
            }
        }
    }

    fn attack(&mut self, kind: Kind, event: &Event, start: u64, all: &mut Vec<Observation>) {
        let usual = all.len() as u64 + 10;
        // Of noon, when a session has four requests: an attacker wants to be felt.
        let noon = |of: fn(&Page) -> u64| {
            let weights: u64 = self.pages.iter().map(|p| p.weight).sum();
            self.sessions * 4 * self.pages.iter().map(|p| p.weight * of(p)).sum::<u64>() / weights
        };
        let (bytes, micros) = (noon(|p| p.bytes), noon(|p| p.micros));
        let times = event.strength;
        match kind {
            Kind::BruteForce | Kind::DistributedBruteForce | Kind::AccountTakeover => {
                for _ in 0..8 + usual * times / 10 {
                    let right = kind == Kind::AccountTakeover && self.dice.chance(4);
                    let outcome = if right { Outcome::LoggedIn } else { Outcome::AuthFailure };
                    let (who, account) = (self.bot(event), format!("c{}", self.dice.roll(100_000)));
                    let guess = self.login(start, &who, &account, outcome);
                    all.push(guess);
                }
            }
            Kind::NewEdge | Kind::SensitiveData => {}
            Kind::Scanning => {
                for _ in 0..20 + usual * times / 10 {
                    let (who, path) =
                        (self.bot(event), format!("GET /{}.php", self.dice.roll(2_000)));
                    let mut probe =
                        request(start + self.dice.roll(BUCKET), who, &path, Outcome::Missing);
                    probe.path = hash(path.as_bytes());
                    all.push(probe);
                }
            }
            Kind::HttpDos => {
                for _ in 0..usual * (2 + 3 * times) + event.bots * 10 {
                    let who = self.bot(event);
                    all.push(self.request(start, &who, event.page));
                }
            }
            Kind::ComputeHeavy | Kind::DataLeak | Kind::DataHeavy => {
                let mut most: Vec<usize> = (0..self.pages.len()).collect();
                most.sort_by_key(|page| std::cmp::Reverse(self.pages[*page].bytes));
                let (mut spent, mut drawn) = (0, 0);
                while spent < micros * (1 + times)
                    && drawn < bytes * (1 + times)
                    && all.len() < 50_000
                {
                    let who = self.bot(event);
                    let many = most[self.dice.roll(6) as usize];
                    let page = if kind == Kind::DataHeavy { many } else { event.page };
                    let o = self.request(start, &who, page);
                    match kind {
                        Kind::ComputeHeavy => spent += o.micros.unwrap_or(0),
                        _ => drawn += o.bytes,
                    }
                    all.push(o);
                }
            }
            Kind::Load | Kind::Errors => {}
        }
    }
}

#[derive(Default)]
struct Tally {
    events: u64,
    found: u64,
    named: u64,
    /// Buckets from the beginning to the alarm, of those found.
    buckets: u64,
}

/// Plays two weeks; gives what happened and what was told.
fn two_weeks(seed: u64) -> (Vec<Event>, Vec<Report>) {
    let mut shop = Shop::new(seed);
    let times = (MONDAY + LEARN * DAY..MONDAY + DAYS * DAY - EVERY).step_by(EVERY as usize);
    let events: Vec<Event> = times
        .enumerate()
        .map(|(n, start)| shop.event(HAPPENINGS[(n + seed as usize * 5) % HAPPENINGS.len()], start))
        .collect();
    let mut engine = Engine::default();
    let mut told = Vec::new();
    for start in (MONDAY..MONDAY + DAYS * DAY).step_by(BUCKET as usize) {
        let mut all = shop.bucket(start);
        for event in events.iter().filter(|e| (e.start..e.end).contains(&start)) {
            shop.happen(event, start, &mut all);
        }
        all.sort_by(|a, b| a.ts.total_cmp(&b.ts));
        told.extend(all.iter().flat_map(|o| engine.observe(o)));
    }
    told.extend(engine.finish());
    told.retain(|r| r.state == State::End);
    (events, told)
}

#[test]
#[ignore = "minutes; perf/learning.sh runs it"]
fn weeks() {
    let number = |name: &str, default| std::env::var(name).map_or(default, |n| n.parse().unwrap());
    let (shops, seed) = (number("WEIR_SIM_SHOPS", 24), number("WEIR_SIM_SEED", 1));
    let verbose = std::env::var_os("WEIR_SIM_VERBOSE").is_some();
    let mut kinds: BTreeMap<Kind, Tally> = BTreeMap::new();
    let mut innocent: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    let mut told_for_nothing: BTreeMap<Kind, u64> = Kind::ALL.iter().map(|k| (*k, 0)).collect();
    for shop in 0..shops {
        let (events, told) = two_weeks(seed + shop);
        let overlaps =
            |e: &Event, r: &Report| r.window.start < e.end + BUCKET && r.window.end > e.start;
        for event in &events {
            let attacks: Vec<_> =
                told.iter().filter(|r| r.kind.is_attack() && overlaps(event, r)).collect();
            match event.what {
                Attack(kind) => {
                    let tally = kinds.entry(kind).or_default();
                    tally.events += 1;
                    if let Some(first) = attacks.first() {
                        tally.found += 1;
                        tally.named += u64::from(attacks.iter().any(|r| r.kind == kind));
                        tally.buckets += first.detected.saturating_sub(event.start) / BUCKET;
                    }
                    if verbose && !attacks.iter().any(|r| r.kind == kind) {
                        println!(
                            "shop {} missed {event:?}: {:?}",
                            seed + shop,
                            attacks.first().map(|r| &r.means)
                        );
                    }
                }
                what => {
                    let count = innocent.entry(format!("{what:?}")).or_default();
                    count.0 += 1;
                    count.1 += u64::from(!attacks.is_empty());
                }
            }
        }
        let is_attack = |e: &&Event| matches!(e.what, Attack(_));
        for report in &told {
            if !events.iter().filter(is_attack).any(|e| overlaps(e, report)) {
                *told_for_nothing.entry(report.kind).or_default() += 1;
                if verbose && report.kind.is_attack() {
                    let during = events.iter().find(|e| overlaps(e, report)).map(|e| e.what);
                    println!(
                        "shop {} during {during:?}: {} z {:?}",
                        seed + shop,
                        report.means,
                        report.window
                    );
                }
            }
        }
    }
    print(&kinds, &innocent, &told_for_nothing, (shops * (DAYS - LEARN)) as f64);
}

fn print(
    kinds: &BTreeMap<Kind, Tally>,
    innocent: &BTreeMap<String, (u64, u64)>,
    told_for_nothing: &BTreeMap<Kind, u64>,
    days: f64,
) {
    println!("attack                    events  found  named so  minutes");
    let mut sum = Tally::default();
    for (kind, t) in kinds {
        let minutes = (t.buckets * 5) as f64 / t.found.max(1) as f64;
        println!(
            "{:<25} {:>6} {:>6} {:>9} {minutes:>8.0}",
            kind.name(),
            t.events,
            t.found,
            t.named
        );
        sum.events += t.events;
        sum.found += t.found;
        sum.named += t.named;
    }
    println!("\ninnocent event            events  taken for an attack");
    for (what, (events, wrong)) in innocent {
        println!("{what:<25} {events:>6} {wrong:>20}");
    }
    println!();
    for (kind, t) in kinds {
        println!(
            "figure: anomaly.recall.{} {:.3} ratio",
            kind.name(),
            t.found as f64 / t.events as f64
        );
    }
    let share = |n: u64| n as f64 / sum.events.max(1) as f64;
    println!("figure: anomaly.recall {:.3} ratio", share(sum.found));
    println!("figure: anomaly.named_right {:.3} ratio", share(sum.named));
    let mut alarms = 0;
    for (kind, n) in told_for_nothing {
        println!(
            "figure: anomaly.false_alarms_per_day.{} {:.3} count",
            kind.name(),
            *n as f64 / days
        );
        alarms += if kind.is_attack() { *n } else { 0 };
    }
    println!("figure: anomaly.false_alarms_per_day {:.3} count", alarms as f64 / days);
}
