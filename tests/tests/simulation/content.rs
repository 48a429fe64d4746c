//! Bodies with secrets at known places, and what a masked one looks like.

use std::ops::Range;
use std::sync::OnceLock;

use weir_inspect::policy::Policy;
use weir_inspect::scan::{ScanState, mask_range};
use weir_tests::bodies;
use weir_tests::rng::Rng;

/// The masking and the blocking policy of the tests on the wire.
pub const MASK: &str = include_str!("../../policies/mask.yaml");
pub const BLOCK: &str = include_str!("../../policies/block.yaml");

/// Longest body.
const LONGEST: u64 = 40_000;

/// A body.
#[derive(Clone, Debug, Default)]
pub struct Content {
    pub bytes: Vec<u8>,
    /// The same, masked.
    pub masked: Vec<u8>,
    pub secrets: Vec<Range<usize>>,
}

/// A body of random length with up to `most` secrets, some of them close to each other, to the beginning or the end.
pub fn random(rng: &mut Rng, most: u64) -> Content {
    let len = match rng.range(0, 9) {
        0 => 0,
        1..=4 => rng.range(1, 600),
        5..=7 => rng.range(600, 6_000),
        _ => rng.range(6_000, LONGEST),
    } as usize;
    let count = if rng.percent(60.0) { rng.range(0, most) } else { 0 };
    let mut places: Vec<usize> = (0..count)
        .map(|_| match rng.range(0, 3) {
            0 => 0,
            1 => len,
            _ => rng.range(0, len as u64) as usize,
        })
        .collect();
    places.sort_unstable();
    let mut content = Content::default();
    for place in places {
        filler(rng, &mut content.bytes, place);
        let (name, secret) = secret(rng);
        content.bytes.extend(format!("{{\"{name}\":\"").as_bytes());
        let start = content.bytes.len();
        content.bytes.extend(secret.as_bytes());
        content.secrets.push(start..content.bytes.len());
        content.bytes.extend(if rng.percent(80.0) { &b"\"} "[..] } else { b"\"" });
    }
    filler(rng, &mut content.bytes, len);
    content.masked = masked(&content.bytes);
    for (i, (sent, seen)) in content.bytes.iter().zip(&content.masked).enumerate() {
        let secret = content.secrets.iter().any(|s| s.contains(&i));
        assert!(secret || sent == seen, "a whole scan masks byte {i}, which is in no secret");
    }
    for secret in &content.secrets {
        let (sent, seen) = (&content.bytes[secret.clone()], &content.masked[secret.clone()]);
        assert!(
            !bodies::contains(seen, sent),
            "a whole scan misses {}",
            String::from_utf8_lossy(sent)
        );
    }
    content
}

/// Words up to a length.
fn filler(rng: &mut Rng, bytes: &mut Vec<u8>, upto: usize) {
    const WORDS: [&str; 8] =
        ["lorem ", "ipsum ", "dolor, ", "sit. ", "{\"n\": 17}, ", "\"amet\": ", "Grüße ", "\n"];
    while bytes.len() < upto {
        bytes.extend(rng.choice(&WORDS).as_bytes());
    }
}

fn secret(rng: &mut Rng) -> (&'static str, String) {
    match rng.range(0, 4) {
        0 => ("card", bodies::card(rng)),
        1 => ("ssn", bodies::ssn(rng)),
        2 => ("token", bodies::jwt(rng)),
        3 => ("key_id", bodies::aws_key(rng)),
        _ => ("private_key", bodies::pem(rng)),
    }
}

/// What one scan of the whole body masks.
pub fn masked(bytes: &[u8]) -> Vec<u8> {
    static POLICY: OnceLock<Policy> = OnceLock::new();
    let policy = POLICY.get_or_init(|| Policy::compile(MASK).expect("the masking policy").0);
    let mut found = Vec::new();
    let scanner = policy.scanner();
    scanner.scan(&mut ScanState::default(), bytes, true, scanner.wanted(), &mut found);
    let mut masked = bytes.to_vec();
    for f in &found {
        let detector = policy.catalog().get(f.detector).expect("a detector");
        let part = &mut masked[f.start as usize..f.end as usize];
        mask_range(detector.mask_style, f.context, part);
    }
    masked
}
