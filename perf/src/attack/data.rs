//! The requests that the attack model learns from, as the features of their values.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Read;
use std::path::Path;

use flate2::read::GzDecoder;
use serde_json::Value;
use weir_inspect::attack_model::observe;
use weir_inspect::request::Request;
use weir_inspect::scan::{Signature, judged, surest};
use weir_inspect::values::Text;

use super::filler::filler;
use super::generate::{Grammar, noise};
use crate::random::Random;

/// What the model sees of a value, or of a window of a long one.
#[derive(Debug)]
pub struct Seen {
    /// Buckets of the runs of tokens.
    pub runs: Box<[u16]>,
    /// How the value begins, for people.
    pub text: Box<str>,
    /// The signatures that fired.
    pub fired: Box<[Signature]>,
}

impl Seen {
    /// The confidence of the surest signature that fired.
    pub fn confidence(&self) -> f32 {
        surest(&self.fired)
    }
}

/// A request.
#[derive(Debug)]
pub struct Sample {
    /// The source that it is of.
    pub set: &'static str,
    /// What kind of attack it is; empty for a harmless one.
    pub class: String,
    /// The rule whose test it is, of those that come in tests.
    pub group: u64,
    /// Whether it is a test of a rule that CRS has on by default.
    pub default: bool,
    /// Whether it is an attack.
    pub attack: bool,
    /// Whether an equal request of its set came before.
    pub repeated: bool,
    /// Its values, as places in [`Data::seen`].
    pub values: Vec<u32>,
}

impl Sample {
    /// Its source and class.
    pub fn row(&self) -> String {
        let class = if self.attack { self.class.as_str() } else { "harmless" };
        format!("{}.{class}", self.set)
    }
}

/// All requests.
#[derive(Debug, Default)]
pub struct Data {
    /// The requests.
    pub samples: Vec<Sample>,
    /// What is seen of their values, each once.
    pub seen: Vec<Seen>,
    index: HashMap<u64, u32>,
    requests: HashSet<u64>,
    besides: HashMap<u32, usize>,
}

/// So much of a value is kept for people.
const TOLD: usize = 160;
/// So many tests send the same header only because all do.
const MANY: usize = 8;

/// A corpus file, the set that it is, and what it is without a label of its own.
const FILES: &[(&str, &str, &str)] = &[
    ("attack/crs.jsonl.gz", "crs", ""),
    ("attack/benign_legit6.jsonl.gz", "legit6", ""),
    ("attack/csic_normal.jsonl.gz", "csic", ""),
    ("attack/csic_anomalous.jsonl.gz", "csic", ""),
    ("attack/sqli_train.jsonl.gz", "sqli_train", ""),
    ("attack/libinjection_fp.jsonl", "libinjection_fp", ""),
    ("endpoints/datadog_requests.jsonl.gz", "datadog", "benign"),
];
/// Texts that no attack is in: the file, its set, and the field.
const TEXTS: &[(&str, &str, &str)] = &[
    ("detect/pii_texts.jsonl.gz", "prose", "text"),
    ("detect/datadog_bodies.jsonl.gz", "bodies", "body"),
];

/// The rules of CRS that are on by default; those of higher levels also take harmless texts for attacks, and say so.
const CRS_LEVEL_1: &str = include_str!("crs-level-1.txt");

/// The classes of the CRS tests, by the numbers of their rules; other tests are of no attack on an application.
const CRS_CLASSES: &[(&str, &str)] = &[
    ("913", "scanner"),
    ("920", "protocol"),
    ("921", "protocol-attack"),
    ("922", "protocol"),
    ("930", "traversal"),
    ("931", "inclusion"),
    ("932", "command"),
    ("933", "php"),
    ("934", "generic"),
    ("941", "xss"),
    ("942", "sqli"),
    ("943", "session-fixation"),
    ("944", "java"),
];

impl Data {
    /// Reads the corpora below `shared`, and generates `generated` attacks of each class, ten times as many harmless texts, four times as many random ones,
    /// and twice as many fillers.
    pub fn load(shared: &Path, generated: usize, seed: u64) -> Result<Data, String> {
        let mut data = Data::default();
        for (file, set, label) in FILES {
            for line in lines(&shared.join("corpora").join(file))? {
                data.labelled(set, label, &line).map_err(|e| format!("{file}: {e}"))?;
            }
        }
        for (file, set, field) in TEXTS {
            for line in lines(&shared.join("corpora").join(file))? {
                let row: Value = serde_json::from_slice(&line).map_err(|e| e.to_string())?;
                let text = row.get(*field).and_then(Value::as_str).unwrap_or_default();
                // A few of the texts quote an attack.
                if !text.contains("SELECT * FROM") {
                    data.text(set, "", Text::Body, text.as_bytes());
                }
            }
        }
        data.access_log(&lines(&shared.join("corpora/behaviour/elastic_access.log.gz"))?);
        data.templates(&lines(&shared.join("corpora/endpoints/openapi_paths.tsv.gz"))?);
        data.generate(generated, seed);
        Ok(data)
    }

    /// Targets, referring pages and user agents of a public site (combined log format).
    fn access_log(&mut self, lines: &[Vec<u8>]) {
        for line in lines {
            let mut quoted = line.split(|b| *b == b'"').skip(1).step_by(2);
            let target = quoted.next().and_then(|l| l.split(|b| *b == b' ').nth(1));
            let mut values = Vec::new();
            self.look(Text::Url, target.unwrap_or_default(), &mut values);
            quoted.for_each(|field| self.look(Text::Field, field, &mut values));
            self.harmless("access-log", values);
        }
    }

    /// Paths of public interfaces, with `1` for each parameter.
    fn templates(&mut self, lines: &[Vec<u8>]) {
        for line in lines {
            let template = line.split(|b| *b == b'\t').nth(2).unwrap_or_default();
            let (mut path, mut inside) = (Vec::new(), false);
            for byte in template {
                match byte {
                    b'{' => inside = true,
                    b'}' => {
                        path.push(b'1');
                        inside = false;
                    }
                    _ if !inside => path.push(*byte),
                    _ => {}
                }
            }
            let mut values = Vec::new();
            self.look(Text::Url, &path, &mut values);
            self.harmless("templates", values);
        }
    }

    fn harmless(&mut self, set: &'static str, values: Vec<u32>) {
        let class = String::new();
        self.sample(set, class, false, values);
    }

    fn sample(&mut self, set: &'static str, class: String, attack: bool, values: Vec<u32>) {
        let (group, default, repeated) = (0, false, false);
        self.samples.push(Sample { set, class, group, default, attack, repeated, values });
    }

    fn generate(&mut self, count: usize, seed: u64) {
        let mut random = Random::new(seed);
        let attacks = Grammar::attacks();
        for class in attacks.classes() {
            for _ in 0..count {
                let text = attacks.text(class, &mut random);
                self.text("generated", class, Text::Url, &as_parameter(&text));
            }
        }
        let benign = Grammar::benign();
        for _ in 0..count * 10 {
            let text = benign.text("benign", &mut random);
            self.text("generated", "", Text::Url, &as_parameter(&text));
        }
        for _ in 0..count * 4 {
            self.text("noise", "", Text::Url, &as_parameter(&noise(&mut random)));
        }
        for round in 0..count * 2 {
            let text = filler(&mut random);
            match round % 4 {
                0 => self.text(
                    "filler",
                    "",
                    Text::Url,
                    &as_parameter(&String::from_utf8_lossy(&text)),
                ),
                1 => self.text("filler", "", Text::JsonPiece, &text),
                _ => self.text("filler", "", Text::Body, &text),
            }
        }
    }

    /// A line of a corpus.
    fn labelled(&mut self, set: &'static str, label: &str, line: &[u8]) -> Result<(), String> {
        let row: Value = serde_json::from_slice(line).map_err(|e| e.to_string())?;
        let text = |key: &str| row.get(key).and_then(Value::as_str).unwrap_or_default();
        let attack = match if label.is_empty() { text("label") } else { label } {
            "attack" => true,
            "benign" => false,
            // What a test sends besides is no attack, if many do; the test itself may be one.
            "near-miss" => return self.besides(line),
            _ => return Ok(()),
        };
        let test = text("test_id");
        let class = match set {
            "crs" => {
                let known = CRS_CLASSES.iter().find(|(number, _)| test.starts_with(number));
                let Some((_, class)) = known.filter(|_| text("direction") == "request") else {
                    return Ok(());
                };
                *class
            }
            "csic" if attack => "csic-anomalous",
            _ if attack => "sqli",
            _ => "",
        };
        let request = Request::parse(line)?;
        let mut hasher = DefaultHasher::new();
        (set, &request.method, &request.url, &request.headers, &request.body).hash(&mut hasher);
        let repeated = !self.requests.insert(hasher.finish());
        let mut values = Vec::new();
        let url = if set == "crs" { without_server(&request.url) } else { &request.url };
        self.look(Text::Url, url.as_bytes(), &mut values);
        for (_, value) in &request.headers {
            self.look(Text::Field, value.as_bytes(), &mut values);
        }
        self.look(Text::Body, &request.body, &mut values);
        let group = test.split('-').next().and_then(|n| n.parse().ok()).unwrap_or(0);
        let class = class.to_owned();
        let rule = test.split('-').next().unwrap_or_default();
        let default = set == "crs" && is_default(rule);
        self.samples.push(Sample { set, class, group, default, attack, repeated, values });
        Ok(())
    }

    /// Counts the values of a request that is neither attack nor harmless; what many of them hold is harmless.
    fn besides(&mut self, line: &[u8]) -> Result<(), String> {
        let request = Request::parse(line)?;
        let mut values = Vec::new();
        for (_, value) in &request.headers {
            self.look(Text::Field, value.as_bytes(), &mut values);
        }
        // The paths of the server that tests ask, as they would stand in a document: as paths they are worth no look.
        let path = request.url.split('?').next().unwrap_or_default();
        self.look(Text::JsonPiece, format!("\"{path}\"").as_bytes(), &mut values);
        for value in values {
            let count = self.besides.entry(value).or_default();
            *count += 1;
            if *count == MANY {
                self.harmless("besides", vec![value]);
            }
        }
        Ok(())
    }

    /// A text that is a request by itself.
    fn text(&mut self, set: &'static str, class: &str, kind: Text, text: &[u8]) {
        let mut values = Vec::new();
        self.look(kind, text, &mut values);
        let attack = !class.is_empty();
        let class = class.to_owned();
        self.sample(set, class, attack, values);
    }

    fn look(&mut self, kind: Text, text: &[u8], values: &mut Vec<u32>) {
        judged(kind, text, &mut |normal, fired| {
            observe(normal, |runs| {
                let mut hasher = DefaultHasher::new();
                (runs, surest(fired).to_bits()).hash(&mut hasher);
                fired.iter().for_each(|s| (s.detector, s.name).hash(&mut hasher));
                let next = self.seen.len() as u32;
                let at = *self.index.entry(hasher.finish()).or_insert(next);
                if at == next {
                    let runs = runs.into();
                    let text = String::from_utf8_lossy(normal.get(..TOLD).unwrap_or(normal)).into();
                    self.seen.push(Seen { runs, text, fired: fired.into() });
                }
                if !values.contains(&at) {
                    values.push(at);
                }
            });
        });
    }
}

/// The target of a CRS test without the first segment of the path that its server answers at: otherwise `/get` is learnt for an attack.
fn without_server(target: &str) -> &str {
    match ["/get", "/post"].iter().find_map(|server| target.strip_prefix(server)) {
        Some("") => "/",
        Some(rest) if rest.starts_with(['/', '?']) => rest,
        _ => target,
    }
}

/// Whether CRS has that rule on by default.
fn is_default(rule: &str) -> bool {
    let rules = CRS_LEVEL_1.lines().filter(|l| !l.starts_with('#'));
    rules.flat_map(str::split_ascii_whitespace).any(|r| r == rule)
}

/// A text as a path or as a parameter of a URL, encoded as browsers do, and dots too: a value of nothing but letters and what
/// joins them is not looked at, so names with dots would not be learnt.
fn as_parameter(text: &str) -> Vec<u8> {
    let mut url = if text.starts_with('/') { Vec::new() } else { b"/?q=".to_vec() };
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'~' | b'/' => url.push(byte),
            b' ' => url.push(b'+'),
            _ => url.extend(format!("%{byte:02X}").into_bytes()),
        }
    }
    url
}

/// The lines of a file, unpacked if its name ends in `.gz`.
pub fn lines(path: &Path) -> Result<Vec<Vec<u8>>, String> {
    let wrong = |e: std::io::Error| format!("can't read {}: {e}", path.display());
    let mut bytes = std::fs::read(path).map_err(wrong)?;
    if path.extension().is_some_and(|e| e == "gz") {
        let packed = std::mem::take(&mut bytes);
        GzDecoder::new(packed.as_slice()).read_to_end(&mut bytes).map_err(wrong)?;
    }
    Ok(bytes.split(|b| *b == b'\n').filter(|l| !l.is_empty()).map(<[u8]>::to_vec).collect())
}
