//! Trains the two networks of API discovery and writes their file. The same data and seed give the same file.
//!
//!     train-endpoints --shared ../shared --out mgmt/models/endpoints.bin
//!
//! The network of evidence is given what the network of characters says. Of words that it was trained on that network says more
//! than it will of others, so each half of the APIs is judged by a network that was trained on the other half.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use weir_mgmt::learning::endpoints::evidence::{BAGS, Child, Everywhere, NUMBERS};
use weir_mgmt::learning::endpoints::network::{Network, Shape};
use weir_mgmt::learning::endpoints::templates::{self, Networks};
use weir_mgmt::learning::endpoints::trie::{Limits, Method, NodeId, Trie};
use weir_mgmt::learning::endpoints::{characters, evidence};
use weir_perf_learning::corpus::{self, Api};
use weir_perf_learning::random::Random;
use weir_perf_learning::simulate::{self, Sample};
use weir_perf_learning::train::{Example, Plan, train};
use weir_perf_learning::value::Words;

const CHARACTERS: Shape =
    Shape { buckets: 8192, dim: 12, bags: 1, numbers: characters::SHAPE, hidden: 24 };
const EVIDENCE: Shape =
    Shape { buckets: 4096, dim: 8, bags: BAGS, numbers: evidence::NUMBERS, hidden: 48 };
/// One in so many providers is left out of training, to measure with.
const HELD_OUT: u32 = 5;

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
    /// The share of n-grams that it does not see of an example
    #[arg(long, default_value_t = 0.3)]
    drop: f64,
    #[arg(long, default_value_t = 4)]
    char_rounds: usize,
    #[arg(long, default_value_t = 0.35)]
    char_drop: f64,
    #[arg(long, default_value_t = 48)]
    hidden: usize,
    #[arg(long, default_value_t = 8)]
    dim: usize,
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

fn run(args: &Args) -> Result<(), String> {
    let mut apis = corpus::load(&args.shared)?;
    apis.retain(|api| api.fold(HELD_OUT) != 0);
    let (one, two): (Vec<Api>, Vec<Api>) = apis.into_iter().partition(|api| api.fold(2) == 0);
    let (one, two) = (recordings(&one, args, 1)?, recordings(&two, args, 2)?);
    let characters = |sets: &[&[Vec<Sample>]], rounds| {
        let plan = Plan { rounds, rate: 0.08, drop: args.char_drop, seed: args.seed };
        train(CHARACTERS, &character_examples(sets), &plan)
    };
    println!("characters, on each half");
    let of_one = characters(&[&one], args.char_rounds);
    let of_two = characters(&[&two], args.char_rounds);
    println!(
        "characters: right on the other half {:.4} {:.4}",
        right(&of_one, &two),
        right(&of_two, &one)
    );
    let networks = |characters: &Network, examples: &[Example]| {
        let plan = Plan { rounds: args.rounds, rate: 0.05, drop: args.drop, seed: args.seed };
        let shape = Shape { hidden: args.hidden, dim: args.dim, ..EVIDENCE };
        Networks { characters: characters.clone(), evidence: train(shape, examples, &plan) }
    };
    // What each half looks like to networks that have not seen it: first alone, then beside what these networks guess.
    let (first_one, first_two) =
        (evidence_examples(&one, &of_two, None), evidence_examples(&two, &of_one, None));
    let (guess_one, guess_two) = (networks(&of_two, &first_two), networks(&of_one, &first_one));
    let mut examples = evidence_examples(&one, &of_two, Some(&guess_one));
    examples.extend(evidence_examples(&two, &of_one, Some(&guess_two)));
    examples.extend(first_one.into_iter().chain(first_two));
    println!("evidence: {} examples", examples.len());
    let networks = networks(&characters(&[&one, &two], args.char_rounds), &examples);
    let mut file = Vec::new();
    networks.characters.write(&mut file);
    networks.evidence.write(&mut file);
    println!("{} bytes", file.len());
    std::fs::write(&args.out, file).map_err(|e| format!("can't write {}: {e}", args.out.display()))
}

/// Each half has words of its own, too.
fn recordings(apis: &[Api], args: &Args, half: u32) -> Result<Vec<Vec<Sample>>, String> {
    let words = Words::load(half, &args.shared)?;
    let mut random = Random::new(args.seed * 1000 + u64::from(half));
    let mut all = Vec::new();
    for api in apis {
        for _ in 0..args.recordings {
            let plan = simulate::Plan::random(&mut random);
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
            let vote = votes.entry(decoded.into_owned()).or_default();
            if *is_value { vote.0 += 1 } else { vote.1 += 1 }
        }
    }
    votes.into_iter().map(|(name, (values, names))| (name, values > names)).collect()
}

fn character_examples(sets: &[&[Vec<Sample>]]) -> Vec<Example> {
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

fn right(network: &Network, set: &[Vec<Sample>]) -> f64 {
    let examples = character_examples(&[set]);
    let right = examples.iter().filter(|e| (network.logit(&e.input) > 0.0) == e.is_value);
    right.map(|e| f64::from(e.weight)).sum::<f64>()
        / examples.iter().map(|e| f64::from(e.weight)).sum::<f64>()
}

/// What is known of each child while the true templates are found; after a guess of what its siblings are, if one is to be made.
fn evidence_examples(
    recordings: &[Vec<Sample>],
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
            trie.calls(path.last().copied().unwrap_or(Trie::ROOT), &method);
            for (node, is_value) in path.iter().zip(&sample.is_value) {
                let vote = votes.entry(*node).or_default();
                if *is_value { vote.0 += 1 } else { vote.1 += 1 }
            }
        }
        let mut everywhere = Everywhere::default();
        everywhere.add(&trie);
        templates::all(&trie, &everywhere, &mut |children| {
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
