//! Runs each fuzz target's function on its seeds and on seeded mutations of them, without a fuzzer.
//!
//! `WEIR_FUZZ_RUNS` sets how many mutations a target gets, `WEIR_FUZZ_SEED` which. A failure prints what to set to
//! have it again.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};

/// xorshift64*: the same numbers everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }
}

/// What is put into an input: bytes that parsers treat in a special way.
const TOKENS: [&[u8]; 20] = [
    b"\r\n",
    b"\n",
    b"\r",
    b" ",
    b"\t",
    b":",
    b";",
    b",",
    b"0",
    b"f",
    b"\0",
    b"\xff",
    b"\x80",
    b"\r\n\r\n",
    b"\x0b",
    b"ffffffff",
    b"0\r\n\r\n",
    b"Content-Length: 5\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"HTTP/1.1 ",
];

fn mutate(random: &mut Random, seeds: &[Vec<u8>]) -> Vec<u8> {
    let mut data = seeds[random.below(seeds.len())].clone();
    for _ in 0..=random.below(6) {
        let at = random.below(data.len() + 1);
        match random.below(6) {
            0 if at < data.len() => data[at] = random.next() as u8,
            1 if at < data.len() => data[at] ^= 1 << random.below(8),
            2 => drop(data.drain(at..(at + random.below(9)).min(data.len()))),
            3 => drop(data.splice(at..at, TOKENS[random.below(TOKENS.len())].iter().copied())),
            4 => {
                let other = &seeds[random.below(seeds.len())];
                let from = random.below(other.len() + 1);
                data.truncate(at);
                data.extend_from_slice(&other[from..]);
            }
            _ => data.truncate(at.max(2)),
        }
    }
    data
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |value| value.parse().expect(name))
}

fn smoke(target: &str, check: fn(&[u8]), seeds: &[Vec<u8>]) {
    assert!(!seeds.is_empty(), "{target}: no seeds");
    seeds.iter().for_each(|seed| check(seed));
    let first = setting("WEIR_FUZZ_SEED", 1);
    for run in first..first + setting("WEIR_FUZZ_RUNS", 20_000) {
        let mut random = Random(run.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let data = mutate(&mut random, seeds);
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| check(&data))) {
            eprintln!(
                "{target}: WEIR_FUZZ_SEED={run} WEIR_FUZZ_RUNS=1, input \"{}\"",
                data.escape_ascii()
            );
            resume_unwind(panic);
        }
    }
}

fn shared() -> PathBuf {
    let root = std::env::var_os("WEIR_SHARED").map(PathBuf::from);
    root.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"))
}

/// The inputs of llhttp's cases, as requests and as responses, and cut at different sizes.
fn http1_seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for (what, side) in [(0, "request"), (1, "response")] {
        let dir = shared().join("corpora/streams/llhttp").join(side);
        let files = std::fs::read_dir(&dir);
        for file in files.unwrap_or_else(|e| panic!("{}: {e} (set WEIR_SHARED)", dir.display())) {
            let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
            for block in text.split("```http\n").skip(1) {
                let input = block.split("\n```").next().unwrap().replace('\n', "\r\n");
                let cut = seeds.len() as u8;
                seeds.push([&[what, cut], input.as_bytes()].concat());
            }
        }
    }
    seeds
}

#[test]
fn http1() {
    smoke("http1", weir_fuzz::http1, &http1_seeds());
}
