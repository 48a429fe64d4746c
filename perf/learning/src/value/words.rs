//! The words that names and texts are made of.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use flate2::read::GzDecoder;

use weir_mgmt::learning::endpoints::characters::hash;
use weir_perf::random::Random;

/// Parts of the words.
pub const PARTS: u32 = 5;

/// Words by kind (`words.txt`).
#[derive(Debug)]
pub struct Words(BTreeMap<&'static str, Vec<String>>);

/// Words of the texts in the shared corpora: 3 to 12 letters.
fn prose(shared: &Path) -> Result<BTreeSet<String>, String> {
    let file = shared.join("corpora/detect/pii_texts.jsonl.gz");
    let failed = |e: std::io::Error| format!("can't read {}: {e}", file.display());
    let mut words = BTreeSet::new();
    for line in BufReader::new(GzDecoder::new(File::open(&file).map_err(failed)?)).lines() {
        let line: serde_json::Value =
            serde_json::from_str(&line.map_err(failed)?).map_err(|e| e.to_string())?;
        let text = line.get("text").and_then(serde_json::Value::as_str).unwrap_or_default();
        let found = text.split(|c: char| !c.is_ascii_alphabetic());
        words.extend(found.filter(|w| (3..=12).contains(&w.len())).map(str::to_owned));
    }
    Ok(words)
}

impl Words {
    /// One of the parts: 0 is kept back to measure with, the others are for each fold of the training.
    pub fn load(part: u32, shared: &Path) -> Result<Words, String> {
        let mine = |word: &&str| hash(5, word.as_bytes()) / 3 % PARTS == part;
        let mut words: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        let mut kind = "";
        for line in include_str!("../../words.txt").lines().filter(|l| !l.starts_with('#')) {
            match line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
                Some(name) => kind = name,
                None => {
                    let list = words.entry(kind).or_default();
                    list.extend(line.split(' ').filter(mine).map(str::to_owned));
                }
            }
        }
        let prose = prose(shared)?;
        words.insert("prose", prose.into_iter().filter(|w| mine(&w.as_str())).collect());
        Ok(Words(words))
    }

    /// Any word of a kind.
    pub(super) fn of(&self, kind: &str, random: &mut Random) -> &str {
        self.0.get(kind).and_then(|words| random.pick(words)).map_or("x", String::as_str)
    }
}
