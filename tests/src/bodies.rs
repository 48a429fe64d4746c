//! The pages that tests and benchmarks serve: JSON order records of 1, 10 and 100 KB, a few of which leak.
//!
//! The shapes and shares are those with which other firewalls were measured, so that the figures compare:
//! 48 of 1,000 documents hold one or two secrets, 2 % of the rest a number that only looks like a card.
//! Unlike a list of expectations written by hand, each [`Doc`] knows the exact bytes of every secret in it.

use std::ops::Range;
use std::path::Path;
use std::{fs, io};

use crate::rng::Rng;

/// What a document may leak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A payment card number that passes Luhn, with or without separators.
    Card,
    /// A US social security number, `ddd-dd-dddd`.
    Ssn,
    /// A signed JSON web token.
    Jwt,
    /// An AWS access key id.
    Aws,
    /// An RSA private key in PEM, its newlines escaped as JSON does.
    Pem,
    /// An e-mail address.
    Email,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 6] =
        [Kind::Card, Kind::Ssn, Kind::Jwt, Kind::Aws, Kind::Pem, Kind::Email];
}

/// One secret and where it stands.
#[derive(Clone, Debug)]
pub struct Secret {
    /// What it is.
    pub kind: Kind,
    /// Its bytes within [`Doc::body`], without the JSON quotes.
    pub range: Range<usize>,
}

/// One JSON document.
#[derive(Clone, Debug)]
pub struct Doc {
    /// Its path on the server, `/10k/17.json`.
    pub path: String,
    /// Its bytes.
    pub body: Vec<u8>,
    /// Its secrets, in order of their place; empty in a clean document.
    pub secrets: Vec<Secret>,
}

impl Doc {
    /// Whether nothing in it may be touched.
    pub fn is_clean(&self) -> bool {
        self.secrets.is_empty()
    }

    /// The secret's own text.
    pub fn text(&self, secret: &Secret) -> &[u8] {
        self.body.get(secret.range.clone()).unwrap_or_default()
    }

    /// Whether any secret of the document stands in `bytes`, whole. A card also counts without its separators.
    pub fn leaks_in(&self, bytes: &[u8]) -> bool {
        self.secrets.iter().any(|s| contains(bytes, self.text(s)))
    }
}

/// Whether `needle` occurs in `haystack`.
pub fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    !needle.is_empty() && haystack.windows(needle.len()).any(|w| w == needle)
}

/// The three sizes: folder, bytes aimed at, number of documents.
pub const SIZES: [(&str, usize, usize); 3] =
    [("1k", 1_000, 400), ("10k", 10_000, 400), ("100k", 100_000, 200)];

/// How many documents of a site leak.
pub const LEAKING: usize = 48;

/// Requests that no service should have to answer.
pub const ATTACKS: [&str; 6] = [
    "/1k/0.json?id=1%27%20UNION%20SELECT%20user,pass%20FROM%20users--",
    "/1k/1.json?q=%3Cscript%3Ealert(1)%3C/script%3E",
    "/1k/2.json?f=../../../../etc/passwd",
    "/1k/3.json?id=1%20OR%201=1",
    "/1k/4.json?u=${jndi:ldap://a/b}",
    "/1k/5.json?c=;cat%20/etc/passwd",
];

/// Which documents a load asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mix {
    /// Only those of this folder of [`SIZES`].
    Only(&'static str),
    /// 60 % of 1 KB, 30 % of 10 KB, 10 % of 100 KB: 13.6 KB on average.
    Mixed,
}

/// All documents of a server, from one seed.
#[derive(Clone, Debug)]
pub struct Site {
    /// The documents, by size and number.
    pub docs: Vec<Doc>,
    seed: u64,
}

impl Site {
    /// The site of this seed: 1,000 documents, 14 MB.
    pub fn generate(seed: u64) -> Site {
        let mut rng = Rng::new(seed);
        let total = SIZES.iter().map(|s| s.2).sum();
        let mut leaking = vec![false; total];
        leaking.iter_mut().take(LEAKING).for_each(|l| *l = true);
        rng.shuffle(&mut leaking);
        let mut leaks = leaking.into_iter();
        let mut docs = Vec::with_capacity(total);
        for (folder, target, count) in SIZES {
            for number in 0..count {
                let leak = leaks.next().unwrap_or(false);
                docs.push(document(&mut rng, folder, target, number, leak));
            }
        }
        Site { docs, seed }
    }

    /// A site of documents made elsewhere.
    pub fn of(docs: Vec<Doc>) -> Site {
        Site { docs, seed: 0 }
    }

    /// The documents that leak, [`LEAKING`] of them.
    pub fn leaking(&self) -> impl Iterator<Item = &Doc> {
        self.docs.iter().filter(|d| !d.is_clean())
    }

    /// Every tenth of the clean documents: 96.
    pub fn clean_sample(&self) -> impl Iterator<Item = &Doc> {
        self.docs.iter().filter(|d| d.is_clean()).step_by(10)
    }

    /// Writes the documents under `root`, as a web server serves them.
    pub fn write(&self, root: &Path) -> io::Result<()> {
        for doc in &self.docs {
            let file = root.join(doc.path.trim_start_matches('/'));
            file.parent().map_or(Ok(()), fs::create_dir_all)?;
            fs::write(file, &doc.body)?;
        }
        Ok(())
    }

    /// `n` paths to ask for, drawn from the seed.
    pub fn paths(&self, mix: Mix, n: usize) -> Vec<String> {
        let mut rng = Rng::new(self.seed ^ 0x0075_7269);
        let draw = |rng: &mut Rng, name: &str| {
            let count = SIZES.iter().find(|s| s.0 == name).map_or(1, |s| s.2);
            format!("/{name}/{}.json", rng.range(0, count as u64 - 1))
        };
        (0..n)
            .map(|_| match mix {
                Mix::Only(name) => draw(&mut rng, name),
                Mix::Mixed => {
                    let name = match rng.range(1, 10) {
                        1..=6 => "1k",
                        7..=9 => "10k",
                        _ => "100k",
                    };
                    draw(&mut rng, name)
                }
            })
            .collect()
    }
}

/// Builds a document of about `target` bytes: records while they fit, then padding.
fn document(rng: &mut Rng, folder: &str, target: usize, number: usize, leak: bool) -> Doc {
    let mut records: Vec<String> = Vec::new();
    let mut length = 0;
    loop {
        let next = record(rng);
        if length + next.len() + 2 > target.saturating_sub(150) && !records.is_empty() {
            break;
        }
        length += next.len() + 2;
        records.push(next);
    }

    let mut extra: Vec<(usize, Option<Kind>, String, String)> = Vec::new();
    if leak {
        let mut kinds = Kind::ALL.to_vec();
        rng.shuffle(&mut kinds);
        kinds.truncate(if rng.percent(33.0) { 2 } else { 1 });
        if target < 2_000 {
            // A PEM key alone nearly fills such a document.
            kinds.retain(|k| *k != Kind::Pem);
            if kinds.is_empty() {
                kinds.push(Kind::Card);
            }
        }
        for kind in kinds {
            let at = rng.range(0, records.len() as u64 - 1) as usize;
            let (key, value) = secret(rng, kind);
            extra.push((at, Some(kind), key.to_owned(), value));
        }
    } else if rng.percent(2.0) {
        let at = rng.range(0, records.len() as u64 - 1) as usize;
        extra.push((at, None, "ref".to_owned(), innocent_number(rng)));
    }

    let mut body = format!("{{\"page\": {number}, \"items\": [");
    let mut secrets = Vec::new();
    for (i, record) in records.iter().enumerate() {
        if i > 0 {
            body.push_str(", ");
        }
        body.push_str(record.strip_suffix('}').unwrap_or(record));
        for (_, kind, key, value) in extra.iter().filter(|e| e.0 == i) {
            body.push_str(&format!(", \"{key}\": \""));
            let start = body.len();
            body.push_str(value);
            if let Some(kind) = *kind {
                secrets.push(Secret { kind, range: start..body.len() });
            }
            body.push('"');
        }
        body.push('}');
    }
    body.push(']');
    let pad = target.saturating_sub(body.len() + 12);
    if pad > 0 {
        let lorem = "lorem ipsum dolor sit amet ";
        body.push_str(", \"pad\": \"");
        body.extend(lorem.chars().cycle().take(pad));
        body.push('"');
    }
    body.push('}');
    Doc { path: format!("/{folder}/{number}.json"), body: body.into_bytes(), secrets }
}

const FIRST: &str = "Ana Ben Carla Dmitri Eve Farid Gita Hugo Ines Jun Kofi Lena Mateo Nora Omar Pia Quinn Rosa Sven Tara Uma Vito Wen Xenia Yuri Zoe";
const LAST: &str = "Adams Brown Costa Diaz Eriksen Fischer Garcia Haas Ivanov Jones Kim Lopez Meyer Novak Okafor Patel Quist Rossi Smith Tanaka Ueda Vance Weber Xu Young Zhang";
const WORDS: &str = "alpha shipment invoice pending archive customer region module latency gateway storage review approved standard express warehouse carton pallet forecast quarter revenue margin backlog ticket priority resolved escalated northbound southbound ledger balance credit debit transfer settlement";

fn word(rng: &mut Rng, list: &'static str) -> &'static str {
    let words: Vec<&str> = list.split(' ').collect();
    rng.choice(&words)
}

/// One order record, without secrets.
fn record(rng: &mut Rng) -> String {
    let id: String = rng.bytes(8).iter().map(|b| format!("{b:02x}")).collect();
    let order = rng.range(100_000_000, 10_000_000_000);
    let name = format!("{} {}", word(rng, FIRST), word(rng, LAST));
    let note: Vec<&str> = (0..rng.range(4, 14)).map(|_| word(rng, WORDS)).collect();
    let tags: Vec<String> =
        (0..rng.range(0, 4)).map(|_| format!("\"{}\"", word(rng, WORDS))).collect();
    let created = format!(
        "2024-{:02}-{:02}T{:02}:{:02}:{:02}Z",
        rng.range(1, 12),
        rng.range(1, 28),
        rng.range(0, 23),
        rng.range(0, 59),
        rng.range(0, 59)
    );
    format!(
        "{{\"id\": \"{id}\", \"order\": {order}, \"name\": \"{name}\", \"status\": \"{}\", \
         \"total\": {}.{:02}, \"currency\": \"{}\", \"created\": \"{created}\", \"note\": \"{}\", \
         \"tags\": [{}], \"active\": {}, \"address\": {{\"street\": \"{} {} St\", \"city\": \"{}ville\", \
         \"zip\": \"{:05}\"}}}}",
        word(rng, WORDS),
        rng.range(0, 999),
        rng.range(1, 99),
        rng.choice(&["USD", "EUR", "JPY"]),
        note.join(" "),
        tags.join(", "),
        rng.percent(50.0),
        rng.range(1, 999),
        word(rng, LAST),
        word(rng, LAST),
        rng.range(0, 99_999),
    )
}

/// A secret's JSON key and its value as it stands between the quotes.
fn secret(rng: &mut Rng, kind: Kind) -> (&'static str, String) {
    match kind {
        Kind::Card => (rng.choice(&["card", "pan", "payment_card"]), card(rng)),
        Kind::Ssn => ("ssn", ssn(rng)),
        Kind::Jwt => ("access_token", jwt(rng)),
        Kind::Aws => ("aws_access_key_id", aws_key(rng)),
        Kind::Pem => ("private_key", pem(rng)),
        Kind::Email => {
            let (first, last) = (word(rng, FIRST).to_lowercase(), word(rng, LAST).to_lowercase());
            ("email", format!("{first}.{last}{}@example.com", rng.range(1, 99)))
        }
    }
}

/// A card number: Visa, Mastercard, Amex or Discover, 3 in 10 of the 16-digit ones in groups of four.
pub fn card(rng: &mut Rng) -> String {
    let prefix = rng.choice(&["4", "51", "55", "34", "6011"]);
    let length = if prefix == "34" { 15 } else { 16 };
    let digits = with_check_digit(rng, prefix, length);
    if length == 16 && rng.percent(30.0) {
        let separator = rng.choice(&["-", " "]);
        let groups: Vec<&str> =
            [0..4, 4..8, 8..12, 12..16].map(|r| digits.get(r).unwrap_or("")).to_vec();
        groups.join(separator)
    } else {
        digits
    }
}

/// Sixteen digits of no brand, whose check digit is wrong as well.
fn innocent_number(rng: &mut Rng) -> String {
    let prefix = format!("9{}", rng.range(0, 9));
    let digits = with_check_digit(rng, &prefix, 16);
    let (head, last) = digits.split_at(15);
    let last = last.bytes().next().map_or(0, |b| (b - b'0' + 1) % 10);
    format!("{head}{last}")
}

/// `prefix`, random digits, and the check digit of ISO/IEC 7812-1 (Luhn).
fn with_check_digit(rng: &mut Rng, prefix: &str, length: usize) -> String {
    let mut digits = prefix.to_owned();
    while digits.len() < length - 1 {
        digits.push(char::from(b'0' + rng.range(0, 9) as u8));
    }
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(i, b)| match (i % 2, u32::from(b - b'0')) {
            (0, d) if d > 4 => d * 2 - 9,
            (0, d) => d * 2,
            (_, d) => d,
        })
        .sum();
    format!("{digits}{}", (10 - sum % 10) % 10)
}

/// A social security number with an area that is assigned (not 000, 666 or 900–999).
pub fn ssn(rng: &mut Rng) -> String {
    let area = match rng.range(1, 898) {
        a if a >= 666 => a + 1,
        a => a,
    };
    format!("{area:03}-{:02}-{:04}", rng.range(1, 99), rng.range(1, 9_999))
}

/// A JSON web token signed with 32 random bytes.
pub fn jwt(rng: &mut Rng) -> String {
    let claims = format!("{{\"sub\": \"{}\", \"iat\": 1516239022}}", rng.range(1, 1_000_000_000));
    format!(
        "{}.{}.{}",
        base64(br#"{"alg":"HS256","typ":"JWT"}"#, URL_SAFE, false),
        base64(claims.as_bytes(), URL_SAFE, false),
        base64(&rng.bytes(32), URL_SAFE, false)
    )
}

/// An AWS access key id: `AKIA` and 16 of its base-32 alphabet.
pub fn aws_key(rng: &mut Rng) -> String {
    let alphabet: Vec<&str> =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".split("").filter(|s| !s.is_empty()).collect();
    let tail: String = (0..16).map(|_| rng.choice(&alphabet)).collect();
    format!("AKIA{tail}")
}

/// A private key in PEM, newlines as `\n`.
pub fn pem(rng: &mut Rng) -> String {
    let lines: Vec<String> = (0..4).map(|_| base64(&rng.bytes(48), STANDARD, true)).collect();
    format!(
        "-----BEGIN RSA PRIVATE KEY-----\\n{}\\n-----END RSA PRIVATE KEY-----",
        lines.join("\\n")
    )
}

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL_SAFE: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Base 64 (RFC 4648 §4 and §5).
fn base64(data: &[u8], alphabet: &[u8; 64], padded: bool) -> String {
    let mut out = String::with_capacity(data.len() * 4 / 3 + 4);
    for chunk in data.chunks(3) {
        let word = (0..3).fold(0u32, |w, i| w << 8 | u32::from(chunk.get(i).copied().unwrap_or(0)));
        for i in 0..4 {
            if i <= chunk.len() {
                let symbol = alphabet.get((word >> (18 - 6 * i) & 63) as usize);
                out.push(char::from(symbol.copied().unwrap_or(b'=')));
            } else if padded {
                out.push('=');
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_has_the_promised_shares_and_knows_its_secrets() {
        for seed in [1, 2, 20_240_607] {
            let site = Site::generate(seed);
            assert_eq!(site.leaking().count(), 48);
            assert_eq!(site.clean_sample().count(), 96);
            for doc in &site.docs {
                serde_json::from_slice::<serde_json::Value>(&doc.body).expect("valid JSON");
                assert!(doc.secrets.iter().all(|s| doc.text(s).len() >= 11), "{doc:?}");
                assert_eq!(doc.leaks_in(&doc.body), !doc.is_clean());
            }
            let kinds: std::collections::BTreeSet<Kind> =
                site.leaking().flat_map(|d| d.secrets.iter().map(|s| s.kind)).collect();
            assert_eq!(kinds.len(), 6, "every kind leaks somewhere");
        }
    }

    #[test]
    fn sizes_are_as_named() {
        let site = Site::generate(7);
        for (folder, target, count) in SIZES {
            let lengths: Vec<usize> = site
                .docs
                .iter()
                .filter(|d| d.path.starts_with(&format!("/{folder}/")))
                .map(|d| d.body.len())
                .collect();
            assert_eq!(lengths.len(), count);
            assert!(
                lengths.iter().all(|l| (target * 9 / 10..target * 13 / 10).contains(l)),
                "{folder}"
            );
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes() {
        let (a, b) = (Site::generate(3), Site::generate(3));
        assert!(a.docs.iter().zip(&b.docs).all(|(a, b)| a.body == b.body));
        assert_ne!(a.docs[0].body, Site::generate(4).docs[0].body);
    }

    #[test]
    fn known_values() {
        assert_eq!(base64(b"any carnal pleas", STANDARD, true), "YW55IGNhcm5hbCBwbGVhcw==");
        assert!(with_check_digit(&mut Rng::new(1), "411111111111111", 16).ends_with('1'));
    }
}
