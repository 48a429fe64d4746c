//! Attacks, each blatant, moderate and slow. A level changes pace, number and disguise; nothing names itself.

use crate::api::{Api, Endpoint, Ids};
use crate::people::{Person, address, own};
use crate::random::Random;
use crate::record::{Record, Sender};
use crate::{BEGIN, DAY, Settings};

/// Parts of URLs that scanners try: names of files and panels, and values that break things.
const PROBES: [&str; 16] = [
    "/.env",
    "/.git/config",
    "/admin",
    "/backup.zip",
    "/phpinfo.php",
    "/wp-login.php",
    "/server-status",
    "/actuator/health",
    "/swagger.json",
    "/debug",
    "/old/",
    "/test.php",
    "/config.yml",
    "/console",
    "/api/internal/users",
    "/.well-known/security.txt",
];
const VALUES: [&str; 6] = [
    "%27%20or%201=1--",
    "%3Cscript%3E",
    "..%2f..%2fetc%2fpasswd",
    "%00",
    "1%22;--",
    "%24%7Bjndi%7D",
];
/// A client that takes more from day to day shows after so many days: with fewer there is none.
const GROWTH_DAYS: u32 = 7;
/// Its calls on the last day, at irregular times: as many as a client may send that always did.
const GROWN: f64 = 15_000.0;
/// Addresses of one spraying campaign.
const SPRAYERS: u64 = 30;

/// A kind of attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Tries what may exist, and values that break things.
    Scanner,
    /// Goes through all that can be reached.
    Crawler,
    /// Scans, guesses a password, then goes through ids.
    MultiVector,
    /// The same dear call, many times a second.
    Flood,
    /// Takes the public catalogue.
    Scraping,
    /// Many passwords for one account.
    BruteForce,
    /// One password for many accounts, from many addresses.
    Spraying,
    /// Other people's objects by counting.
    Enumeration,
    /// A client with an account that makes the server work.
    Exhaustion,
    /// A client with an account that takes more of the server's time from day to day, each call like those of all others.
    Growth,
}

/// How much of it shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// As fast as it goes.
    Blatant,
    /// Seconds between requests.
    Moderate,
    /// Minutes between requests, at irregular times.
    Slow,
}

impl Level {
    /// All.
    pub const ALL: [Level; 3] = [Level::Blatant, Level::Moderate, Level::Slow];

    /// Its name in the records.
    pub fn name(self) -> &'static str {
        match self {
            Level::Blatant => "blatant",
            Level::Moderate => "moderate",
            Level::Slow => "slow",
        }
    }

    /// One of three values.
    fn of<T>(self, blatant: T, moderate: T, slow: T) -> T {
        match self {
            Level::Blatant => blatant,
            Level::Moderate => moderate,
            Level::Slow => slow,
        }
    }

    /// A pause, in seconds: blatant ones are a program's, slow ones as irregular as a person's.
    fn pause(self, random: &mut Random) -> f64 {
        match self {
            Level::Blatant => random.within(0.02, 0.2),
            Level::Moderate => random.within(1.0, 4.0),
            Level::Slow => random.lognormal(90.0, 0.9),
        }
    }
}

impl Kind {
    /// All.
    pub const ALL: [Kind; 10] = [
        Kind::Scanner,
        Kind::Crawler,
        Kind::MultiVector,
        Kind::Flood,
        Kind::Scraping,
        Kind::BruteForce,
        Kind::Spraying,
        Kind::Enumeration,
        Kind::Exhaustion,
        Kind::Growth,
    ];

    /// Its name on the command line and in the records.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Scanner => "scanner",
            Kind::Crawler => "crawler",
            Kind::MultiVector => "multi-vector",
            Kind::Flood => "flood",
            Kind::Scraping => "scraping",
            Kind::BruteForce => "brute-force",
            Kind::Spraying => "spraying",
            Kind::Enumeration => "enumeration",
            Kind::Exhaustion => "exhaustion",
            Kind::Growth => "growth",
        }
    }

    /// Adds the attacks of this kind, each at a time of its own.
    pub fn attack(
        self,
        api: &Api,
        settings: &Settings,
        random: &mut Random,
        records: &mut Vec<Record>,
    ) {
        if self == Kind::Growth && settings.days < GROWTH_DAYS {
            return;
        }
        for level in Level::ALL {
            let attackers =
                if self == Kind::Spraying { SPRAYERS } else { settings.attackers.into() };
            let day = DAY * random.below(u64::from(settings.days)) as f64;
            let campaign = BEGIN + day + random.within(0.0, DAY * 0.6);
            for number in 0..attackers {
                let mut random = random.part();
                let begin = match self {
                    Kind::Spraying => campaign + random.within(0.0, 600.0),
                    _ => BEGIN + day + random.within(0.0, DAY * 0.6),
                };
                let sender = Sender {
                    address: address(172, &mut random),
                    user: self.account(level, number),
                    label: self.name(),
                    level: level.name(),
                };
                let mut attacker = Attacker { api, level, sender, time: begin, random, records };
                attacker.run(self, settings.days);
            }
        }
    }

    /// These come with an account, stolen or their own.
    fn account(self, level: Level, number: u64) -> Option<String> {
        let has = matches!(
            self,
            Kind::Scraping | Kind::Enumeration | Kind::Exhaustion | Kind::Growth | Kind::Crawler
        );
        // Names like those of people: nothing is to be learnt from them.
        let number = 70_000 + self as u64 * 1000 + level.of(0, 100, 200) + number;
        has.then(|| format!("user-{number:05}"))
    }
}

struct Attacker<'a> {
    api: &'a Api,
    level: Level,
    sender: Sender,
    time: f64,
    random: Random,
    records: &'a mut Vec<Record>,
}

impl Attacker<'_> {
    fn run(&mut self, kind: Kind, days: u32) {
        let level = self.level;
        match kind {
            Kind::Scanner => self.scan(level.of(800, 300, 120)),
            Kind::Crawler => self.crawl(level.of(1500, 400, 200)),
            Kind::MultiVector => {
                self.scan(level.of(200, 80, 40));
                self.guess(level.of(150, 60, 30));
                self.enumerate(level.of(300, 100, 60));
            }
            Kind::Flood => self.flood(),
            Kind::Scraping => self.scrape(level.of(3000, 700, 300)),
            Kind::BruteForce => self.guess(level.of(2000, 300, 80)),
            Kind::Spraying => self.guess(level.of(40, 12, 4)),
            Kind::Enumeration => self.enumerate(level.of(2000, 400, 150)),
            Kind::Exhaustion => self.exhaust(),
            Kind::Growth => self.grow(days),
        }
    }

    fn send(&mut self, endpoint: &Endpoint, url: String, status: u16) {
        let by = (self.time, &self.sender);
        self.records.push(Record::new((self.api, endpoint), by, (url, status), &mut self.random));
    }

    fn pause(&mut self) {
        self.time += self.level.pause(&mut self.random);
    }

    fn scan(&mut self, requests: u32) {
        for i in 0..requests {
            let endpoint =
                self.api.at(1 + self.random.below(self.api.endpoints.len() as u64 - 1) as usize);
            let (url, status) = match self.random.below(3) {
                0 => {
                    let probe = self.random.choice(&PROBES).copied().unwrap_or("/");
                    (format!("{probe}{}", if i % 2 == 0 { "" } else { "~" }), 404)
                }
                1 => {
                    let value = self.random.choice(&VALUES).copied().unwrap_or_default();
                    let path =
                        endpoint.path.split('?').next().unwrap_or("/").replace("{id}", value);
                    let status = if self.random.chance(0.3) { 500 } else { 400 };
                    (format!("{path}?x={value}"), status)
                }
                _ => (self.api.url(endpoint, self.random.below(1_000_000)), 401),
            };
            self.send(endpoint, url, status);
            self.pause();
        }
    }

    /// All endpoints in turn, with public ids in their order.
    fn crawl(&mut self, requests: u64) {
        for i in 0..requests {
            let endpoint = self.api.at(1 + (i % (self.api.endpoints.len() as u64 - 1)) as usize);
            let (id, status) = match endpoint.ids {
                Ids::None => (0, 200),
                Ids::Public(n) => (1 + (i / 3) % n, 200),
                Ids::Own(n) => {
                    (own(self.records.len() as u64, i % n), if i % 5 == 0 { 403 } else { 404 })
                }
            };
            let (url, status) = match endpoint.method {
                "GET" => (self.api.url(endpoint, id), status),
                _ => continue,
            };
            self.send(endpoint, url, status);
            self.pause();
        }
    }

    fn flood(&mut self) {
        let (seconds, rate) = self.level.of((120.0, 80.0), (600.0, 8.0), (3600.0, 1.5));
        let end = self.time + seconds;
        while self.time < end {
            let place = 1 + self.random.below(3) as usize;
            let endpoint = self.api.at(place);
            let id = self.random.below(50) + 1;
            let status = if self.random.chance(0.2) { 503 } else { 200 };
            self.send(endpoint, self.api.url(endpoint, id), status);
            self.time += self.random.exponential(1.0 / rate);
        }
    }

    /// The list, then object by object: all that is public, or else what the account may see, page by page.
    fn scrape(&mut self, requests: u64) {
        let with_ids: Vec<&Endpoint> =
            self.api.endpoints.iter().filter(|e| e.ids != Ids::None).collect();
        let public = with_ids.iter().find(|e| matches!(e.ids, Ids::Public(_)));
        let Some(endpoint) = public.or(with_ids.first()).copied() else { return };
        for i in 0..requests {
            let endpoint = if i % 50 == 0 { self.api.at(1) } else { endpoint };
            let id = 1 + (i * 7) % 1900;
            self.send(endpoint, self.api.url(endpoint, id), 200);
            self.pause();
        }
    }

    fn guess(&mut self, tries: u32) {
        let login = self.api.login();
        for i in 0..tries {
            let status = match self.random.unit() {
                x if x < 0.01 => 200,
                x if x < 0.15 && i > 20 => 429,
                _ => 401,
            };
            self.send(login, login.path.to_owned(), status);
            self.pause();
        }
    }

    /// Ids of other people: in order if blatant, else at random within a region.
    fn enumerate(&mut self, requests: u64) {
        let endpoints: Vec<&Endpoint> = self
            .api
            .endpoints
            .iter()
            .filter(|e| matches!(e.ids, Ids::Own(_)) && e.method == "GET")
            .collect();
        let Some(endpoint) = self.random.choice(&endpoints).copied() else { return };
        let first = 10_000 + self.random.below(800_000);
        for i in 0..requests {
            let id = self.level.of(first + i, first + i, first + self.random.below(5_000));
            let status = match self.random.unit() {
                x if x < 0.45 => 200,
                x if x < 0.70 => 403,
                _ => 404,
            };
            self.send(endpoint, self.api.url(endpoint, id), status);
            self.pause();
        }
    }

    /// Calls the same list through all days, each day so many times as often as the day before.
    fn grow(&mut self, days: u32) {
        let times = self.level.of(4.0, 2.0, 1.5f64);
        let end = BEGIN + DAY * f64::from(days);
        self.time = BEGIN;
        while self.time < end {
            let endpoint = self.api.at(1 + self.random.below(3) as usize);
            let id = own(9, self.random.below(3));
            self.send(endpoint, self.api.url(endpoint, id), 200);
            let a_day = (GROWN * times.powf((self.time - end) / DAY)).max(20.0);
            self.time += self.random.exponential(DAY / a_day);
        }
    }

    /// Visits as anybody, and calls what is dear between them.
    fn exhaust(&mut self) {
        let (calls, pause) = self.level.of((300, 0.5), (300, 6.0), (150, 60.0));
        let dear = self.api.dear();
        for _ in 0..calls {
            let id = own(7, self.random.below(3));
            self.send(dear, self.api.url(dear, id), 200);
            self.time += self.random.lognormal(pause, 0.5);
        }
        let mut random = self.random.part();
        let person = Person::new("user", random.below(1000), "", &mut random);
        let from = self.records.len();
        person.visit(self.api, self.time, &mut random, self.records);
        for record in self.records.iter_mut().skip(from) {
            record.sender = self.sender.clone();
            (record.label, record.level) = (self.sender.label, self.sender.level);
        }
    }
}
