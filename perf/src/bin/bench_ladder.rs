//! How far callers of simulated traffic (`sim`) climb the ladder of a policy that acts: each request is first refused or let
//! through by its caller's step, and then taken into account, as in the data plane. What is refused is not sent again.

use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Parser;
use serde_json::Value;
use weir_inspect::behaviour::{Mitigation, Model, Seen};
use weir_inspect::policy::{Caller, Direction, Message, Policy};
use weir_inspect::request::Request;

/// As published.
const POLICY: &str = include_str!("../../../configs/policy-behaviour.yaml");
/// Where the policy's services are.
const SERVICE: [u8; 4] = [203, 0, 113, 1];
const PORT: u16 = 80;
const NORMAL: &str = "normal";

#[derive(Parser)]
struct Args {
    /// What `weir learn behaviour` wrote
    #[arg(long)]
    model: Option<PathBuf>,
    /// In the names of figures
    #[arg(long, default_value = "ladder")]
    name: String,
    /// Labelled requests of `sim`, a file an API
    requests: Vec<PathBuf>,
}

/// What became of a caller.
#[derive(Default)]
struct Climber {
    /// Its label and level.
    kind: (String, String),
    requests: u32,
    refused: u32,
    /// The highest step, from 1.
    highest: u8,
    blocked: bool,
    dropped: bool,
}

/// What became of those of one kind.
#[derive(Default)]
struct Row {
    callers: u32,
    alerted: u32,
    blocked: u32,
    dropped: u32,
    requests: u32,
    refused: u32,
}

fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let model = match &args.model {
        Some(file) => Model::parse(&fs::read(file)?)?,
        None => Model::generic(),
    };
    let model = Arc::new(model);
    let mut rows: BTreeMap<(String, String), Row> = BTreeMap::new();
    for file in &args.requests {
        for climber in replay(&fs::read(file)?, &model)?.into_values() {
            rows.entry(climber.kind.clone()).or_default().add(&climber);
        }
    }
    println!("{:26} callers alert block  drop  refused", args.name);
    for ((label, level), row) in &rows {
        let Row { callers, alerted, blocked, dropped, .. } = row;
        let kind = format!("{label} {level}");
        println!("{kind:26} {callers:7} {alerted:5} {blocked:5} {dropped:5}  {:.2}", row.share());
    }
    let of = |normal: bool| rows.iter().filter(move |((l, _), _)| (l == NORMAL) == normal);
    let sum =
        |normal: bool, what: fn(&Row) -> u32| of(normal).map(|(_, row)| what(row)).sum::<u32>();
    let share = |what: fn(&Row) -> u32| {
        f64::from(sum(false, what)) / f64::from(sum(false, |row| row.callers).max(1))
    };
    let name = &args.name;
    println!("figure: behaviour.{name}.blocked {:.3} ratio", share(|row| row.blocked));
    println!("figure: behaviour.{name}.dropped {:.3} ratio", share(|row| row.dropped));
    let wronged = sum(true, |row| row.refused);
    println!("figure: behaviour.{name}.refused_of_people {wronged} count");
    Ok(())
}

impl Row {
    fn add(&mut self, climber: &Climber) {
        self.callers += 1;
        self.alerted += u32::from(climber.highest > 0);
        self.blocked += u32::from(climber.blocked);
        self.dropped += u32::from(climber.dropped);
        self.requests += climber.requests;
        self.refused += climber.refused;
    }

    /// Of the requests, what was refused.
    fn share(&self) -> f64 {
        f64::from(self.refused) / f64::from(self.requests.max(1))
    }
}

fn replay(lines: &[u8], model: &Arc<Model>) -> Result<HashMap<String, Climber>, Box<dyn Error>> {
    let (policy, _) = Policy::compile(POLICY).map_err(|errors| format!("{errors:?}"))?;
    let policy = policy.with_model(Arc::clone(model));
    policy.prepare();
    let keys = RandomState::new();
    let mut climbers: HashMap<String, Climber> = HashMap::new();
    for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let (request, labels) = (Request::parse(line)?, serde_json::from_slice::<Value>(line)?);
        let source = request.src.clone().ok_or("a request without a source")?;
        let caller = request.user.clone().unwrap_or_else(|| source.clone());
        let text = |name: &str| labels.get(name).and_then(Value::as_str).unwrap_or_default();
        let climber = climbers.entry(caller.clone()).or_default();
        if climber.kind.0.is_empty() || text("label") != NORMAL {
            climber.kind = (text("label").to_owned(), text("level").to_owned());
        }
        let key = |name: &str| keys.hash_one(name).max(1);
        let caller = Caller { identity: key(&caller), source: key(&source) };
        climber.send(&request, caller, source.parse()?, &policy);
    }
    Ok(climbers)
}

impl Climber {
    fn send(&mut self, request: &Request, caller: Caller, source: IpAddr, policy: &Policy) {
        let host = request.host.as_deref().unwrap_or_default().as_bytes();
        let (method, target) = (request.method.as_bytes(), request.url.as_bytes());
        let message = Message {
            host: Some(host),
            method,
            ..Message::new(Direction::Request, source, SERVICE.into(), PORT)
        };
        if !policy.watches(&message) {
            return;
        }
        self.requests += 1;
        let time = request.ts.unwrap_or(0.0);
        let now = (time * 1000.0) as u64;
        let (refusal, _) = policy.refusal(caller, &message, now);
        let answer = request.response.as_ref().filter(|_| refusal.is_none());
        let seen = Seen {
            time,
            method,
            host,
            target,
            endpoint: None,
            referer: None,
            status: answer.map_or(0, |a| a.status),
            bytes: answer.map_or(0, |a| a.length),
            duration: answer.and_then(|a| a.duration),
        };
        let observed = match refusal {
            Some(refusal) => {
                self.refused += 1;
                policy.observe_refused(&refusal, &seen, now)
            }
            None => policy.observe(caller, &seen, now),
        };
        if let Some(rise) = observed.rise {
            self.highest = self.highest.max(rise.level);
            self.dropped |= rise.mitigation == Mitigation::DropSource;
            self.blocked |= matches!(rise.mitigation, Mitigation::Block | Mitigation::DropSource);
        }
    }
}
