//! Values of parameters as people and programs write them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use flate2::read::GzDecoder;

use weir_mgmt::learning::endpoints::characters::hash;
use weir_perf::random::Random;

use crate::corpus::Parameter;

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
        for line in include_str!("../words.txt").lines().filter(|l| !l.starts_with('#')) {
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

    fn of(&self, kind: &str, random: &mut Random) -> &str {
        self.0.get(kind).and_then(|words| random.pick(words)).map_or("x", String::as_str)
    }
}

/// What the ids of an API look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taste {
    /// Numbers, UUIDs, hashes.
    Ids,
    /// Names and words wherever the description does not say a type.
    Words,
    /// Either, by parameter.
    Mixed,
}

/// Draws values of one parameter of an API.
#[derive(Clone, Copy, Debug)]
pub enum Maker {
    /// One of the examples.
    Example,
    /// A number below this.
    Integer(usize),
    /// A fixed form.
    Form(&'static str),
}

/// How an API writes a parameter.
pub fn maker(parameter: &Parameter, taste: Taste, random: &mut Random) -> Maker {
    const IDS: [&str; 16] = [
        "uuid",
        "uuid",
        "hex24",
        "hex32",
        "hex40",
        "hex8",
        "base62",
        "base64url",
        "prefixed",
        "ticket",
        "triple",
        "upper",
        "digits-long",
        "integer-mixed",
        "slug-number",
        "snowflake",
    ];
    const WORDS: [&str; 16] = [
        "user",
        "user",
        "person",
        "organisation",
        "project",
        "project",
        "package",
        "noun",
        "adjective-noun",
        "city",
        "Camel",
        "test-name",
        "word",
        "word-word",
        "title",
        "branch",
    ];
    const OPEN: [(&[&str], &[&str]); 15] = [
        (
            &["date", "day", "since", "until"],
            &["date", "date", "date-compact", "datetime", "integer-mixed"],
        ),
        (&["mail"], &["email"]),
        (
            &["country", "region", "city", "location", "place"],
            &["country", "city", "setting", "setting"],
        ),
        (&["lang", "locale", "currency", "culture"], &["setting"]),
        (
            &["user", "owner", "login", "author", "member", "person", "assignee", "customer"],
            &["user", "user", "user", "person", "email"],
        ),
        (
            &["org", "company", "team", "workspace", "tenant", "realm", "group"],
            &["organisation", "organisation", "user", "adjective-noun", "package"],
        ),
        (
            &["repo", "project", "package", "app", "module", "service"],
            &["project", "project", "package", "Camel", "adjective-noun"],
        ),
        (
            &["branch", "ref", "tag", "version", "release"],
            &["branch", "branch", "version", "hex40"],
        ),
        (&["sha", "hash", "digest", "commit"], &["hex40", "hex32", "hex8"]),
        (&["file", "path", "image"], &["file"]),
        (&["season", "year"], &["year"]),
        (&["ip", "host", "domain", "address"], &["ip", "domain"]),
        (&["phone", "number"], &["phone", "integer-mixed", "ticket"]),
        (
            &["type", "status", "category", "kind", "key", "code", "label", "format", "symbol"],
            &["setting", "noun", "word", "upper", "word-word"],
        ),
        (&["name", "slug", "title", "topic"], &WORDS),
    ];
    if !parameter.examples.is_empty() && random.chance(0.4) {
        return Maker::Example;
    }
    let name = parameter.name.to_ascii_lowercase();
    match (parameter.kind.as_str(), parameter.format.as_str()) {
        ("integer" | "number", _) if taste != Taste::Words || random.chance(0.3) => {
            return Maker::Integer(*random.pick(&[10, 1_000, 1_000_000]).unwrap_or(&10));
        }
        (_, "uuid" | "guid") => return Maker::Form("uuid"),
        (_, "date") => return Maker::Form("date"),
        (_, "date-time") => return Maker::Form("datetime"),
        _ => {}
    }
    let is_id = name.ends_with("id") || name.ends_with("sid") || name.contains("uuid");
    let words = match taste {
        Taste::Ids => random.chance(if is_id { 0.02 } else { 0.4 }),
        Taste::Words => random.chance(0.93),
        Taste::Mixed => random.chance(if is_id { 0.3 } else { 0.8 }),
    };
    if !words {
        if random.chance(0.3) {
            return Maker::Integer(*random.pick(&[10, 1_000, 100_000_000]).unwrap_or(&10));
        }
        return Maker::Form(random.pick(&IDS).unwrap_or(&"uuid"));
    }
    let open = OPEN.iter().find(|(names, _)| names.iter().any(|n| name.contains(n)));
    let forms = open.map_or(&WORDS[..], |(_, forms)| forms);
    Maker::Form(random.pick(forms).unwrap_or(&"word"))
}

/// A value.
pub fn value(maker: Maker, parameter: &Parameter, words: &Words, random: &mut Random) -> String {
    match maker {
        Maker::Example => random.pick(&parameter.examples).cloned().unwrap_or_default(),
        Maker::Integer(below) => (random.below(below) + 1).to_string(),
        Maker::Form(form) => of_form(form, words, random),
    }
}

fn letters(alphabet: &str, count: usize, random: &mut Random) -> String {
    let alphabet = alphabet.as_bytes();
    (0..count).map(|_| random.pick(alphabet).map_or('x', |b| char::from(*b))).collect()
}

const HEX: &str = "0123456789abcdef";
const LOWER: &str = "abcdefghijklmnopqrstuvwxyz0123456789";
const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
const BASE62: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const BASE64: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const DIGITS: &str = "0123456789";

fn capital(word: &str) -> String {
    let mut chars = word.chars();
    let first = chars.next().map(|c| c.to_uppercase().collect::<String>());
    first.unwrap_or_default() + chars.as_str()
}

fn of_form(form: &str, words: &Words, random: &mut Random) -> String {
    let date = |random: &mut Random| {
        let (year, month, day) =
            (random.below(15) + 2012, random.below(12) + 1, random.below(28) + 1);
        format!("{year}-{month:02}-{day:02}")
    };
    match form {
        "uuid" => {
            let sizes = [8, 4, 4, 4, 12];
            sizes.map(|n| letters(HEX, n, random)).join("-")
        }
        "hex8" => letters(HEX, random.below(6) + 7, random),
        "hex24" => letters(HEX, 24, random),
        "hex32" => letters(HEX, 32, random),
        "hex40" => letters(HEX, 40, random),
        "base62" => letters(BASE62, random.below(16) + 6, random),
        "base64url" => letters(BASE64, random.below(24) + 10, random),
        "prefixed" => {
            let prefix = letters("abcdefghijklmnopqrstuvwxyz", random.below(4) + 2, random);
            format!("{prefix}_{}", letters(BASE62, random.below(14) + 8, random))
        }
        "ticket" => format!(
            "{}-{}",
            letters("ABCDEFGHIJKLMNOPQRSTUVWXYZ", random.below(4) + 2, random),
            random.below(100_000)
        ),
        "triple" => [3, 3, 3].map(|n| letters(LOWER, n, random)).join("-"),
        "upper" => letters(UPPER, random.below(10) + 2, random),
        "digits-long" => letters(DIGITS, random.below(10) + 8, random),
        "snowflake" => format!("1{}", letters(DIGITS, 17, random)),
        "integer-mixed" => {
            let digits = random.below(6) as u32 + 1;
            random.below(10usize.pow(digits)).to_string()
        }
        "slug-number" => format!("{}-{}", of_form("word", words, random), random.below(100_000)),
        "date" => date(random),
        "date-compact" => date(random).replace('-', ""),
        "datetime" => format!("{}T{:02}:00:00Z", date(random), random.below(24)),
        "year" => (random.below(30) + 1998).to_string(),
        "email" => {
            let user = of_form("user", words, random);
            format!(
                "{user}@{}.{}",
                words.of("organisation", random),
                random.pick(&["com", "org", "example"]).unwrap_or(&"com")
            )
        }
        "ip" => [(); 4].map(|()| random.below(256).to_string()).join("."),
        "domain" => format!(
            "{}.{}",
            of_form("adjective-noun", words, random),
            random.pick(&["com", "io", "net"]).unwrap_or(&"com")
        ),
        "phone" => format!("+{}", letters(DIGITS, 11, random)),
        "version" => format!("{}.{}.{}", random.below(9), random.below(20), random.below(20)),
        "file" => format!(
            "{}.{}",
            of_form(
                random.pick(&["word", "word-word", "Camel", "package"]).unwrap_or(&"word"),
                words,
                random
            ),
            random.pick(&["md", "txt", "json", "yaml", "pdf", "py", "rs", "jpg"]).unwrap_or(&"md")
        ),
        "user" => user(words, random),
        "person" => format!(
            "{}{}{}",
            capital(words.of("first", random)),
            random.pick(&["", "-", "_", "."]).unwrap_or(&""),
            capital(words.of("last", random))
        ),
        "organisation" => {
            let name = words.of("organisation", random);
            match random.below(6) {
                0 => capital(name),
                1 => format!("{name}-{}", words.of("project", random)),
                2 => format!(
                    "{}{}",
                    capital(words.of("adjective", random)),
                    capital(words.of("noun", random))
                ),
                3 => format!(
                    "{name}{}",
                    random.pick(&["inc", "hq", "-labs", "corp", "-io"]).unwrap_or(&"")
                ),
                _ => name.to_owned(),
            }
        }
        "project" => match random.below(6) {
            0 => words.of("package", random).to_owned(),
            1 => format!("{}-{}", words.of("noun", random), words.of("project", random)),
            2 => format!(
                "{}{}",
                capital(words.of("noun", random)),
                capital(words.of("project", random))
            ),
            3 => format!(
                "{}-{}",
                capital(words.of("adjective", random)),
                capital(words.of("project", random))
            ),
            4 => format!(
                "{}.{}",
                words.of("noun", random),
                random.pick(&["js", "py", "github.io", "net"]).unwrap_or(&"js")
            ),
            _ => {
                words.of("project", random).to_owned()
                    + random.pick(&["", "-1", "2", "-test", "_old"]).unwrap_or(&"")
            }
        },
        "package" => words.of("package", random).to_owned(),
        "city" => words.of("city", random).to_owned(),
        "country" => match random.chance(0.5) {
            true => letters("ABCDEFGHIJKLMNOPQRSTUVWXYZ", random.below(2) + 2, random),
            false => words.of("country", random).to_owned(),
        },
        "setting" => words.of("setting", random).to_owned(),
        "branch" => words.of("branch", random).replace('/', "-"),
        "adjective-noun" => {
            let between = random.pick(&["-", "-", "_", ""]).unwrap_or(&"-");
            format!("{}{between}{}", words.of("adjective", random), words.of("noun", random))
        }
        "Camel" => format!(
            "{}{}",
            capital(words.of("adjective", random)),
            capital(words.of("noun", random))
        ),
        "title" => capital(&of_form("word", words, random)),
        "test-name" => format!(
            "{}{}{}",
            random.pick(&["test", "Test", "my", "tmp", "example", "new"]).unwrap_or(&"test"),
            random.pick(&["-", "_", ""]).unwrap_or(&"-"),
            of_form(
                random.pick(&["word", "word-word", "integer-mixed"]).unwrap_or(&"word"),
                words,
                random
            )
        ),
        "word-word" => {
            let between = random.pick(&["-", "_", "-", "%20"]).unwrap_or(&"-");
            format!("{}{between}{}", of_form("word", words, random), of_form("word", words, random))
        }
        "noun" => words.of("noun", random).to_owned(),
        _ => {
            let kinds = [
                "prose",
                "prose",
                "prose",
                "noun",
                "adjective",
                "first",
                "last",
                "city",
                "package",
            ];
            words.of(random.pick(&kinds).unwrap_or(&"noun"), random).to_owned()
        }
    }
}

/// As people name themselves.
fn user(words: &Words, random: &mut Random) -> String {
    let (first, last) = (words.of("first", random), words.of("last", random));
    let initial: String = first.chars().take(1).collect();
    let number = random.below(1000);
    match random.below(12) {
        0 => first.to_owned(),
        1 => format!("{first}{last}"),
        2 => format!("{initial}{last}"),
        3 => format!("{first}.{last}"),
        4 => format!("{first}-{last}"),
        5 => format!("{first}{}", number % 100),
        6 => format!("{last}{number}"),
        7 => format!("{}{}", words.of("adjective", random), words.of("noun", random)),
        8 => format!("{}{}", capital(first), capital(last)),
        9 => format!("{}{}", words.of("noun", random), number % 100),
        10 => format!("{first}_{}", words.of("noun", random)),
        _ => words.of("noun", random).to_owned(),
    }
}
