//! Whole connections on a virtual clock: smoltcp's TCP at both ends, a bad network, and Weir's engine in the middle.
//! A seed decides everything, so a failure is had again from its seed.
//!
//! `WEIR_SIM_SEEDS=10000` plays so many seeds, `WEIR_SIM_SEED=17` that one.
// clippy.toml allows these in #[test] functions; here they are in what the tests share.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod check;
mod content;
mod ends;
mod http1;
mod http2;
mod network;
mod packets;
mod script;
mod stream;
mod world;

use std::collections::BTreeSet;
use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use script::Script;
use world::World;

/// Seeds that `make test` plays.
const SEEDS: u64 = 300;
/// Seeds after which a long run says how far it is.
const TOLD: u64 = 500;

/// Plays the connection of one seed. The error tells the story.
fn play(seed: u64) -> Result<(), String> {
    let story = || -> Result<(), String> {
        let script = Script::of(seed);
        let mut world = World::new(seed, &script);
        let result = catch_unwind(AssertUnwindSafe(|| {
            let outcome = world.play()?;
            check::check(&script, &outcome)
        }));
        let error = match result {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => error,
            Err(_) => "it panicked".to_owned(),
        };
        let (setting, story) = (world.describe(), &script.story);
        Err(format!(
            "{error}\n{:?}, {story}\n{setting}\n{}",
            script.ending,
            world.trace().join("\n")
        ))
    };
    let result = catch_unwind(story).unwrap_or_else(|_| Err("its script panicked".to_owned()));
    result.map_err(|e| format!("seed {seed}: {e}"))
}

/// Plays many seeds on all cores.
fn play_all(seeds: std::ops::Range<u64>) {
    let next = AtomicU64::new(seeds.start);
    let cores = thread::available_parallelism().map_or(1, |n| n.get());
    let work = || {
        let mut failures = Vec::new();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return failures;
            }
            if seed > seeds.start && seed.is_multiple_of(TOLD) {
                eprintln!("{seed} of {} seeds", seeds.end);
            }
            failures.extend(play(seed).err().map(|e| (seed, e)));
        }
    };
    let mut failures: Vec<(u64, String)> = thread::scope(|scope| {
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|w| w.join().unwrap()).collect()
    });
    failures.sort();
    // One of each kind is enough to begin with: kinds differ in words, not in numbers.
    let mut kinds = BTreeSet::new();
    for (_, failure) in &failures {
        let head: Vec<&str> = failure.lines().take(4).collect();
        let kind: String = head.concat().chars().filter(|c| c.is_alphabetic()).take(30).collect();
        if kinds.insert(kind) {
            eprintln!("{}\n", head.join("\n"));
        }
    }
    let seeds: Vec<u64> = failures.iter().map(|f| f.0).collect();
    assert!(
        seeds.is_empty(),
        "{} seeds fail; see one with WEIR_SIM_SEED=n: {seeds:?}",
        seeds.len()
    );
}

fn number(name: &str) -> Option<u64> {
    env::var(name).ok().map(|value| value.parse().unwrap_or_else(|_| panic!("{name}={value}")))
}

#[test]
fn what_the_receivers_hear_obeys_the_rules_of_the_wire() {
    if let Some(seed) = number("WEIR_SIM_SEED") {
        return play(seed).unwrap_or_else(|failure| panic!("{failure}"));
    }
    play_all(0..number("WEIR_SIM_SEEDS").unwrap_or(SEEDS));
}
