//! What looks bad and is not. Whoever takes part is labelled normal; the level names the event.

use crate::api::Api;
use crate::people::{Person, address};
use crate::random::Random;
use crate::record::{NORMAL, Record, Sender};
use crate::{BEGIN, DAY, Settings};

/// Addresses of good bots: `192.0.2.0/24` (RFC 5737), the list to give to `--good-bots`.
pub const GOOD_BOTS: &str = "192.0.2.0/24";
/// People of a flash crowd, for each person who visits anyway.
const CROWD: f64 = 2.0;

/// An event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Many new people within half an hour.
    FlashCrowd,
    /// Ten minutes of errors, then an endpoint that nobody knew.
    Deploy,
    /// Five minutes in which clients try again what fails.
    RetryStorm,
    /// A program of the operator's that works through a list each hour.
    Cron,
    /// Monday, eight to ten: everybody comes at once.
    Monday,
    /// A search engine that the operator knows by its addresses.
    GoodBots,
}

impl Event {
    /// All.
    pub const ALL: [Event; 6] = [
        Event::FlashCrowd,
        Event::Deploy,
        Event::RetryStorm,
        Event::Cron,
        Event::Monday,
        Event::GoodBots,
    ];

    /// Its name on the command line and in the records.
    pub fn name(self) -> &'static str {
        match self {
            Event::FlashCrowd => "flash-crowd",
            Event::Deploy => "deploy",
            Event::RetryStorm => "retry-storm",
            Event::Cron => "cron",
            Event::Monday => "monday",
            Event::GoodBots => "good-bot",
        }
    }

    /// Adds the event to what is sent, or changes what is sent by it.
    pub fn happen(
        self,
        api: &Api,
        settings: &Settings,
        random: &mut Random,
        records: &mut Vec<Record>,
    ) {
        let day = DAY * random.below(u64::from(settings.days)) as f64;
        let begin = BEGIN + day + random.within(DAY * 0.4, DAY * 0.7);
        match self {
            Event::FlashCrowd => {
                let crowd = (f64::from(settings.users) * CROWD) as u64;
                visits(("guest", self, crowd), (begin, 1800.0), api, random, records);
            }
            Event::Monday => {
                let (people, eight) = (u64::from(settings.users), BEGIN + 8.0 * 3600.0);
                visits(("early", self, people), (eight, 7200.0), api, random, records);
            }
            Event::Deploy => deploy(begin, random, records),
            Event::RetryStorm => retry(begin, random, records),
            Event::Cron => cron(api, settings, random, records),
            Event::GoodBots => good_bots(api, settings, random, records),
        }
    }
}

fn visits(
    (kind, event, people): (&str, Event, u64),
    (begin, length): (f64, f64),
    api: &Api,
    random: &mut Random,
    records: &mut Vec<Record>,
) {
    for number in 0..people {
        let mut random = random.part();
        let person = Person::new(kind, number, event.name(), &mut random);
        person.visit(api, begin + random.within(0.0, length), &mut random, records);
    }
}

fn deploy(begin: f64, random: &mut Random, records: &mut [Record]) {
    for record in records.iter_mut().filter(|r| r.ts >= begin) {
        if record.ts < begin + 600.0 {
            if random.chance(0.15) {
                (record.status, record.level) =
                    (if random.chance(0.5) { 502 } else { 503 }, Event::Deploy.name());
            }
        } else if record.method == "GET" && random.chance(0.1) {
            record.url = format!("{}/preview", record.url.split('?').next().unwrap_or("/"));
        }
    }
}

fn retry(begin: f64, random: &mut Random, records: &mut Vec<Record>) {
    let mut again = Vec::new();
    for record in records.iter_mut().filter(|r| r.ts >= begin && r.ts < begin + 300.0) {
        if random.chance(0.3) {
            continue;
        }
        (record.status, record.level) = (503, Event::RetryStorm.name());
        let (mut waited, mut pause) = (0.0, 0.5);
        for _ in 0..5 {
            let mut copy = record.clone();
            waited += pause;
            copy.ts += waited;
            pause *= 2.0;
            copy.status = if random.chance(0.5) { 200 } else { 503 };
            let done = copy.status == 200;
            again.push(copy);
            if done {
                break;
            }
        }
    }
    records.extend(again);
}

/// Each hour the same program asks for the list and the few dozen objects that it looks after.
fn cron(api: &Api, settings: &Settings, random: &mut Random, records: &mut Vec<Record>) {
    let user = Some("job-sync".to_owned());
    let level = Event::Cron.name();
    let sender = Sender { address: address(10, random), user, label: NORMAL, level };
    for hour in 0..settings.days * 24 {
        let mut time = BEGIN + 3600.0 * f64::from(hour);
        for object in 0..20 {
            let endpoint = api.at(if object == 0 { 1 } else { 2 });
            let url = api.url(endpoint, 500 + object);
            records.push(Record::new((api, endpoint), (time, &sender), (url, 200), random));
            time += random.within(1.8, 2.2);
        }
    }
}

fn good_bots(api: &Api, settings: &Settings, random: &mut Random, records: &mut Vec<Record>) {
    for bot in 1..=3u32 {
        let level = Event::GoodBots.name();
        let sender = Sender { address: format!("192.0.2.{bot}"), user: None, label: NORMAL, level };
        let mut time = BEGIN + random.within(0.0, DAY);
        for object in 0..200 * u64::from(settings.days) {
            let endpoint = api.at(if object % 10 == 0 { 1 } else { 2 });
            records.push(Record::new(
                (api, endpoint),
                (time, &sender),
                (api.url(endpoint, object), 200),
                random,
            ));
            time += random.exponential(DAY / 400.0);
        }
    }
}
