//! Recorded traffic of an API, made from its description: operations by Zipf's law, entities that come again in many places,
//! values as people write them.

use std::collections::{BTreeMap, BTreeSet};

use weir_perf::random::Random;

use crate::corpus::{Api, Operation, Parameter};
use crate::value::{Maker, Taste, Words, maker, value};

/// A request, and where the parameters of its path are.
#[derive(Clone, Debug)]
pub struct Sample {
    /// `GET`.
    pub method: String,
    /// Components of the path.
    pub path: Vec<String>,
    /// Names in the query.
    pub query: Vec<String>,
    /// Which of them are values.
    pub is_value: Vec<bool>,
    /// The template, its parameters without names.
    pub template: String,
}

/// How much is recorded of each operation.
#[derive(Clone, Copy, Debug)]
pub enum Amount {
    /// By Zipf's law, so many on average.
    Average(f64),
    /// Exactly so many each.
    Each(usize),
}

/// A traffic to make.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// What values look like.
    pub taste: Taste,
    /// How much.
    pub amount: Amount,
    /// Different entities of a kind.
    pub pool: usize,
    /// Share of the kinds that have a single entity, whatever the others have: the one owner of many repositories.
    pub single: f64,
    /// Share of the operations that are called at all.
    pub called: f64,
}

impl Plan {
    /// One of many ways that traffic is recorded: tests that call each operation once or twice with a few entities, and
    /// production with thousands. No operation is called more than `most` times on average.
    pub fn random(random: &mut Random, most: f64, single: f64) -> Plan {
        let averages: Vec<f64> =
            [1.5, 3.0, 8.0, 20.0, 50.0].into_iter().filter(|average| *average <= most).collect();
        Plan {
            taste: *random
                .pick(&[Taste::Ids, Taste::Words, Taste::Words, Taste::Mixed])
                .unwrap_or(&Taste::Ids),
            amount: Amount::Average(*random.pick(&averages).unwrap_or(&3.0)),
            pool: *random.pick(&[1, 2, 4, 10, 40]).unwrap_or(&4),
            single,
            called: *random.pick(&[1.0, 0.8, 0.5]).unwrap_or(&1.0),
        }
    }
}

/// Values of a parameter of the API, and how they are made.
struct Entity {
    maker: Maker,
    /// Most of the pool.
    size: usize,
    pool: Vec<String>,
}

/// Makes traffic.
pub fn simulate(api: &Api, plan: Plan, words: &Words, random: &mut Random) -> Vec<Sample> {
    let mut called: Vec<&Operation> =
        api.operations.iter().filter(|_| random.chance(plan.called)).collect();
    for at in (1..called.len()).rev() {
        called.swap(at, random.below(at + 1));
    }
    let mut entities = BTreeMap::new();
    let names: BTreeSet<&str> = called
        .iter()
        .flat_map(|o| &o.parts)
        .filter(|part| !part.contains('{'))
        .map(String::as_str)
        .collect();
    let mut samples = Vec::new();
    let order: Vec<usize> = match plan.amount {
        Amount::Each(times) => (0..called.len() * times).map(|n| n % called.len()).collect(),
        Amount::Average(times) => {
            (0..(called.len() as f64 * times) as usize).map(|_| random.zipf(called.len())).collect()
        }
    };
    for operation in order.iter().filter_map(|at| called.get(*at)) {
        samples.push(sample(operation, plan, &mut entities, words, &names, random));
    }
    samples
}

fn sample(
    operation: &Operation,
    plan: Plan,
    entities: &mut BTreeMap<(String, String), Entity>,
    words: &Words,
    names: &BTreeSet<&str>,
    random: &mut Random,
) -> Sample {
    let (mut path, mut is_value, mut template) = (Vec::new(), Vec::new(), String::new());
    let mut last = "";
    for part in &operation.parts {
        template.push('/');
        let Some((before, rest)) = part.split_once('{') else {
            template.push_str(part);
            path.push(part.clone());
            is_value.push(false);
            last = part;
            continue;
        };
        let (name, after) = rest.split_once('}').unwrap_or((rest, ""));
        let plain = Parameter {
            name: name.to_owned(),
            kind: String::new(),
            format: String::new(),
            examples: Vec::new(),
        };
        let parameter = operation.parameters.get(name).unwrap_or(&plain);
        // `id` is another thing after another name; `owner` is the same everywhere.
        let generic = name.len() <= 4 || name == "name" || name == "slug";
        let key = (if generic { last.to_owned() } else { String::new() }, name.to_owned());
        let entity = entities.entry(key).or_insert_with(|| {
            let maker = maker(parameter, plan.taste, random);
            let single = plan.single > 0.0 && random.chance(plan.single);
            let size = if single { 1 } else { plan.pool };
            Entity { maker, size, pool: Vec::new() }
        });
        let text = entity.draw(parameter, words, names, random);
        let after = after.split('{').next().unwrap_or_default();
        path.push(format!("{before}{text}{after}"));
        template.push_str(&format!("{before}{{}}{after}"));
        is_value.push(true);
    }
    if template.is_empty() {
        template.push('/');
    }
    let query = operation.query.iter().filter(|_| random.chance(0.3)).cloned().collect();
    Sample { method: operation.method.clone(), path, query, is_value, template }
}

impl Entity {
    /// A value of the pool, which grows to its size first; the first ones come more often.
    fn draw(
        &mut self,
        parameter: &Parameter,
        words: &Words,
        names: &BTreeSet<&str>,
        random: &mut Random,
    ) -> String {
        let at = random.zipf(self.size);
        while self.pool.len() <= at {
            let mut fresh = value(self.maker, parameter, words, random);
            // An API does not call its things like its own resources, mostly.
            if names.contains(fresh.as_str()) && random.chance(0.9) {
                fresh = value(self.maker, parameter, words, random);
            }
            if fresh.is_empty() || fresh.contains('/') {
                fresh = "x1".to_owned();
            }
            self.pool.push(fresh);
        }
        self.pool.get(at).cloned().unwrap_or_default()
    }
}

/// A request line in the form that recordings have.
pub fn request(sample: &Sample, host: &str) -> weir_inspect::request::Request {
    weir_inspect::request::Request {
        method: sample.method.clone(),
        url: format!("/{}?{}", sample.path.join("/"), sample.query.join("=1&")),
        host: Some(host.to_owned()),
        response: Some(weir_inspect::request::Response { status: 200, ..Default::default() }),
        ..Default::default()
    }
}
