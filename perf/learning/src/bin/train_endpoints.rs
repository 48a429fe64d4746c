//! Trains the two networks of API discovery and writes their file. The same data and seed give the same file.
//!
//!     train-endpoints --shared ../shared --out mgmt/models/endpoints.bin
//!
//! The network of evidence is given what the network of characters says. Of words that it was trained on that network says more
//! than it will of others, so each fold of the APIs, with words of its own, is judged by networks that were trained on the other folds.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use weir_inspect::endpoints::split_ending;
use weir_mgmt::learning::endpoints::edits::Edits;
use weir_mgmt::learning::endpoints::everywhere::Everywhere;
use weir_mgmt::learning::endpoints::evidence::{BAGS, Child, NUMBERS};
use weir_mgmt::learning::endpoints::network::{Network, Shape};
use weir_mgmt::learning::endpoints::templates::{self, Given, Networks};
use weir_mgmt::learning::endpoints::trie::{Limits, Method, NodeId, Trie};
use weir_mgmt::learning::endpoints::{characters, evidence};
use weir_perf::random::Random;
use weir_perf_learning::corpus::{self, Api};
use weir_perf_learning::simulate::{self, Sample};
use weir_perf_learning::train::{Example, Plan, train};
use weir_perf_learning::value::{PARTS, Words};

const CHARACTERS: Shape =
    Shape { buckets: 8192, dim: 12, bags: 1, numbers: characters::SHAPE, hidden: 24 };
const EVIDENCE: Shape =
    Shape { buckets: 4096, dim: 8, bags: BAGS, numbers: evidence::NUMBERS, hidden: 48 };
/// One in so many providers is left out of training, to measure with.
const HELD_OUT: u32 = 5;
/// Folds of the training.
const FOLDS: u32 = PARTS - 1;
/// Recordings that networks of evidence are trained on: calls of an operation on average, at most, and the share of parameters that have a
/// single value. Those of the second kind take words for values rather, and a word that stands alone; but names of an API that is seldom
/// called, too. Those of the first leave words as names. Together they do neither.
const RECORDINGS: [(f64, f64); 2] = [(20.0, 0.0), (50.0, 0.3)];
/// Rounds of the networks that guess what siblings are.
const GUESS_ROUNDS: usize = 2;

/// Train the networks of API discovery
#[derive(Debug, Parser)]
struct Args {
    /// The directory with `corpora`
    #[arg(long, default_value = "../shared", env = "WEIR_SHARED")]
    shared: PathBuf,
    /// Where the networks go
    #[arg(long, default_value = "mgmt/models/endpoints.bin")]
    out: PathBuf,
    /// For traffic, weights and order
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Recordings simulated of each API
    #[arg(long, default_value_t = 6)]
    recordings: usize,
    /// Rounds of the network of evidence
    #[arg(long, default_value_t = 6)]
    rounds: usize,
    /// Networks of evidence for each amount of traffic
    #[arg(long, default_value_t = 3)]
    members: u64,
    /// Leave out APIs whose name contains one of these, too
    #[arg(long)]
    without: Vec<String>,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(what) => {
            eprintln!("train-endpoints: {what}");
            ExitCode::FAILURE
        }
    }
}

/// How the network of evidence is trained. A step of 0.05 gave a network whose errors near the root changed with each training.
fn plan(seed: u64, rounds: usize) -> Plan {
    Plan { rounds, rate: 0.02, drop: 0.3, seed }
}

fn run(args: &Args) -> Result<(), String> {
    let mut apis = corpus::load(&args.shared)?;
    apis.retain(|api| api.fold(HELD_OUT) != 0);
    apis.retain(|api| !args.without.iter().any(|name| api.name.contains(name.as_str())));
    let [seldom, often] = RECORDINGS.map(|kind| trained(&apis, args, kind));
    let Networks { characters, mut evidence } = seldom?;
    evidence.extend(often?.evidence);
    let mut file = Vec::new();
    Networks { characters, evidence }.write(&mut file);
    println!("{} bytes", file.len());
    std::fs::write(&args.out, file).map_err(|e| format!("can't write {}: {e}", args.out.display()))
}

/// Networks trained on recordings of a kind.
fn trained(apis: &[Api], args: &Args, kind: (f64, f64)) -> Result<Networks, String> {
    let folds: Vec<Recordings> =
        (0..FOLDS).map(|fold| recordings(apis, args, fold, kind)).collect::<Result<_, _>>()?;
    let without = |fold: usize| -> Vec<&Recordings> {
        folds.iter().enumerate().filter(|(n, _)| *n != fold).map(|(_, f)| f).collect()
    };
    let characters = |sets: &[&Recordings]| {
        let plan = Plan { rounds: 4, rate: 0.08, drop: 0.35, seed: args.seed };
        train(CHARACTERS, &[&character_examples(sets)], &plan)
    };
    let mut others = Vec::new();
    let mut first = Vec::new();
    for (number, fold) in folds.iter().enumerate() {
        let network = characters(&without(number));
        println!("characters: right on fold {number}: {:.4}", right(&network, fold));
        first.push(evidence_examples(fold, &network, None));
        others.push(network);
    }
    let second: Vec<Vec<Example>> = std::thread::scope(|scope| {
        let tasks = folds.iter().zip(&others).enumerate().map(|(number, (fold, characters))| {
            let seen = first.iter().enumerate().filter(|(n, _)| *n != number);
            let seen: Vec<&[Example]> = seen.map(|(_, e)| e.as_slice()).collect();
            scope.spawn(move || {
                let evidence = vec![train(EVIDENCE, &seen, &plan(args.seed, GUESS_ROUNDS))];
                let guess = Networks { characters: characters.clone(), evidence };
                evidence_examples(fold, characters, Some(&guess))
            })
        });
        tasks.collect::<Vec<_>>().into_iter().filter_map(|task| task.join().ok()).collect()
    });
    let examples: Vec<&[Example]> = first.iter().chain(&second).map(Vec::as_slice).collect();
    println!("evidence: {} examples", examples.iter().map(|e| e.len()).sum::<usize>());
    let seeds = args.seed..args.seed + args.members;
    let (characters, evidence) = std::thread::scope(|scope| {
        let examples = &examples;
        let tasks: Vec<_> = seeds
            .map(|seed| scope.spawn(move || train(EVIDENCE, examples, &plan(seed, args.rounds))))
            .collect();
        let characters = characters(&folds.iter().collect::<Vec<_>>());
        (characters, tasks.into_iter().filter_map(|task| task.join().ok()).collect::<Vec<_>>())
    });
    Ok(Networks { characters, evidence })
}

/// Traffic of APIs.
type Recordings = Vec<Vec<Sample>>;

/// Of the APIs of a fold, with its words.
fn recordings(
    apis: &[Api],
    args: &Args,
    fold: u32,
    (most, single): (f64, f64),
) -> Result<Recordings, String> {
    let words = Words::load(fold + 1, &args.shared)?;
    let mut random = Random::new(args.seed * 1000 + u64::from(fold));
    let mut all = Vec::new();
    for api in apis.iter().filter(|api| api.fold(FOLDS) == fold) {
        for _ in 0..args.recordings {
            let plan = simulate::Plan::random(&mut random, most, single);
            all.push(simulate::simulate(api, plan, &words, &mut random));
        }
    }
    Ok(all)
}

/// Components of a recording, and whether each is a value. One that is both counts as what it is more often.
fn components(samples: &[Sample]) -> BTreeMap<String, bool> {
    let mut votes: BTreeMap<String, (u32, u32)> = BTreeMap::new();
    for sample in samples {
        for (component, is_value) in sample.path.iter().zip(&sample.is_value) {
            let decoded = weir_mgmt::learning::endpoints::paths::decoded(component);
            let vote = votes.entry(split_ending(&decoded).0.to_owned()).or_default();
            if *is_value { vote.0 += 1 } else { vote.1 += 1 }
        }
    }
    votes.into_iter().map(|(name, (values, names))| (name, values > names)).collect()
}

fn character_examples(sets: &[&Recordings]) -> Vec<Example> {
    let mut examples = Vec::new();
    for samples in sets.iter().copied().flatten() {
        let components = components(samples);
        let values = components.values().filter(|v| **v).count().max(1) as f32;
        let names = components.len() as f32 - values;
        for (name, is_value) in components {
            // An API counts by its size, and not by how many values were drawn.
            let weight = if is_value { (names / values).min(1.0) } else { 1.0 };
            examples.push(Example { input: characters::input(&name), is_value, weight });
        }
    }
    examples
}

fn right(network: &Network, set: &Recordings) -> f64 {
    let examples = character_examples(&[set]);
    let right = examples.iter().filter(|e| (network.logit(&e.input) > 0.0) == e.is_value);
    right.map(|e| f64::from(e.weight)).sum::<f64>()
        / examples.iter().map(|e| f64::from(e.weight)).sum::<f64>()
}

/// What is known of each child while the true templates are found; after a guess of what its siblings are, if one is to be made.
fn evidence_examples(
    recordings: &Recordings,
    characters: &Network,
    guess: Option<&Networks>,
) -> Vec<Example> {
    let mut examples = Vec::new();
    let limits = Limits {
        children: usize::MAX,
        most_children: usize::MAX,
        nodes: usize::MAX,
        depth: 64,
        methods: 64,
    };
    for samples in recordings {
        let mut trie = Trie::new(limits);
        let mut votes: BTreeMap<NodeId, (u32, u32)> = BTreeMap::new();
        for sample in samples {
            let decoded: Vec<_> = sample
                .path
                .iter()
                .map(|c| weir_mgmt::learning::endpoints::paths::decoded(c))
                .collect();
            let names: Vec<&str> = decoded.iter().map(AsRef::as_ref).collect();
            let mut path = Vec::new();
            trie.enter(&names, false, characters, &mut |_, _| Vec::new(), &mut path);
            let method = Method { name: sample.method.as_str().into(), operation: None };
            if let Some(calls) = trie.calls(path.last().copied().unwrap_or(Trie::ROOT), &method) {
                calls.add(&simulate::request(sample, ""));
            }
            // A component with an ending has two nodes, of which the second is not judged.
            let components = names.iter().zip(&sample.is_value);
            let judged = components.flat_map(|(name, is_value)| {
                let ending = (!split_ending(name).1.is_empty()).then_some(false);
                std::iter::once(*is_value).chain(ending)
            });
            for (node, is_value) in path.iter().zip(judged) {
                let vote = votes.entry(*node).or_default();
                if is_value { vote.0 += 1 } else { vote.1 += 1 }
            }
        }
        let mut everywhere = Everywhere::default();
        everywhere.add(&trie);
        let edits = Edits::default();
        let given = Given { trie: &trie, everywhere: &everywhere, edits: &edits, held: None };
        templates::judge_each(given, &mut |children| {
            if let Some(networks) = guess {
                networks.judge(children);
            }
            let truth = |child: &Child<'_>| {
                let votes = || child.ids.iter().filter_map(|id| votes.get(id));
                let values: u32 = votes().map(|v| v.0).sum();
                let names: u32 = votes().map(|v| v.1).sum();
                values > names
            };
            let of = |child: &Child<'_>| Example {
                input: child.input.clone(),
                is_value: truth(child),
                weight: 1.0,
            };
            examples.extend(children.list.iter().map(of));
            children.list.iter().map(|child| f32::from(u8::from(truth(child)))).collect()
        });
    }
    debug_assert!(examples.iter().all(|e| e.input.numbers.len() == NUMBERS));
    examples
}
