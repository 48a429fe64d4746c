//! What the characters of a path component say: n-grams and the shape, for the network that tells names of the API from values.

use super::network::Input;

/// Characters of a component that are looked at; a longer one is a value whatever comes behind.
const LONGEST: usize = 48;
/// Numbers of the shape.
pub const SHAPE: usize = 20;

/// FNV-1a, 32 bits: the same buckets on every machine and in every release.
pub fn hash(seed: u32, bytes: &[u8]) -> u32 {
    let start = 0x811c_9dc5 ^ seed.wrapping_mul(0x9e37_79b9);
    bytes.iter().fold(start, |h, b| (h ^ u32::from(*b)).wrapping_mul(0x0100_0193))
}

/// Appends the buckets of one to four characters in a row, and of the whole. Case is the shape's matter, and which digit it is
/// tells nothing.
pub fn grams(component: &str, into: &mut Vec<u32>) {
    let digit = |b: u8| if b.is_ascii_digit() { b'0' } else { b.to_ascii_lowercase() };
    let plain = component.bytes().take(LONGEST).map(digit);
    let text: Vec<u8> = std::iter::once(b'^').chain(plain).chain([b'$']).collect();
    for size in 1..=4 {
        into.extend(text.windows(size).map(|gram| hash(size as u32, gram)));
    }
    into.push(hash(9, &text));
}

/// The input for a component alone. It is taken percent-decoded.
pub fn input(component: &str) -> Input {
    let mut bag = Vec::new();
    grams(component, &mut bag);
    Input { bags: vec![bag], numbers: shape(component).to_vec() }
}

/// Lengths, shares of classes of characters, and forms that ids have.
pub fn shape(component: &str) -> [f32; SHAPE] {
    let bytes = component.as_bytes();
    let length = bytes.len().max(1) as f32;
    let count = |is: &dyn Fn(&u8) -> bool| bytes.iter().filter(|b| is(b)).count() as f32;
    let flag = |is: bool| f32::from(u8::from(is));
    let digits = count(&|b| b.is_ascii_digit());
    let upper = count(&|b| b.is_ascii_uppercase());
    let letters = count(&|b| b.is_ascii_alphabetic());
    let vowels = count(&|b| b"aeiouyAEIOUY".contains(b));
    let pairs = || bytes.iter().zip(bytes.iter().skip(1));
    let changes = pairs().filter(|(a, b)| a.is_ascii_digit() != b.is_ascii_digit()).count() as f32;
    let rises = pairs().filter(|(a, b)| a.is_ascii_lowercase() && b.is_ascii_uppercase()).count();
    let hexadecimal = bytes.iter().all(|b| b.is_ascii_hexdigit() || *b == b'-');
    let one = |b: u8| (count(&|c| *c == b) / 2.0).min(2.0);
    [
        length.ln(),
        (length / 16.0).min(3.0),
        digits / length,
        upper / length,
        letters / length,
        if letters > 0.0 { vowels / letters } else { 0.0 },
        (changes / 4.0).min(2.0),
        (rises as f32 / 2.0).min(2.0),
        flag(bytes.first().is_some_and(u8::is_ascii_uppercase)),
        flag(upper > 0.0 && upper == letters),
        flag(hexadecimal && bytes.len() >= 7 && digits > 0.0),
        flag(digits == length),
        flag(is_version(component)),
        one(b'-'),
        one(b'_'),
        one(b'.'),
        one(b':'),
        flag(bytes.contains(&b'@')),
        (count(&|b| !b.is_ascii_alphanumeric() && !b"-_.:@".contains(b)) / 2.0).min(2.0),
        flag(entropy(bytes) > 3.2),
    ]
}

/// Bits for a character, by the component's own frequencies.
fn entropy(bytes: &[u8]) -> f32 {
    let mut counts = [0u32; 256];
    for b in bytes {
        if let Some(count) = counts.get_mut(usize::from(*b)) {
            *count += 1;
        }
    }
    let all = bytes.len().max(1) as f32;
    let part = |n: &u32| (*n > 0).then(|| *n as f32 / all).map_or(0.0, |p| -p * p.log2());
    counts.iter().map(part).sum()
}

/// `v1`, `v2.1`, `V3beta`: a version of the API, which is never a parameter.
pub fn is_version(component: &str) -> bool {
    let rest = component.strip_prefix(['v', 'V']);
    rest.is_some_and(|rest| {
        rest.starts_with(|c: char| c.is_ascii_digit())
            && rest.len() <= 8
            && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.')
            && rest.bytes().filter(u8::is_ascii_digit).count() <= 4
    })
}

/// Digits in a row from which on a component is a value. Names have years and dates in pieces (`2010-04-01`).
const DIGITS: usize = 6;
/// Digits that are all of a component from which on it is a value: of 1,290 published descriptions three have such numbers in their
/// names, and versions (`/api/3`) are shorter.
const NUMBER: usize = 3;

/// A value, whatever stands beside it: it is a number, holds that of something which is not a version (`v20190125`), or is an e-mail address.
pub fn is_surely_value(component: &str) -> bool {
    let mut runs = component.as_bytes().chunk_by(|a, b| a.is_ascii_digit() == b.is_ascii_digit());
    let mut before = None;
    let is_address = || {
        let (local, domain) = component.split_once('@').unwrap_or_default();
        !local.is_empty() && domain.contains('.')
    };
    let is_numbered = runs.any(|run| {
        let version = matches!(before, Some(b'v' | b'V'));
        before = run.last().copied();
        let least = if run.len() == component.len() { NUMBER } else { DIGITS };
        run.len() >= least && run.iter().all(u8::is_ascii_digit) && !version
    });
    is_numbered || is_address()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_and_case_do_not_matter_to_n_grams() {
        let of = |text: &str| {
            let mut bag = Vec::new();
            grams(text, &mut bag);
            bag
        };
        assert_eq!(of("Ab1"), of("aB7"));
        assert_eq!(of("ab").len(), 4 + 3 + 2 + 1 + 1);
        assert!(of(&"x".repeat(10_000)).len() < 300);
    }

    #[test]
    fn numbers_and_addresses_are_values() {
        let values = ["35534610", "837", "TestReturns1652354850", "a-000017", "ann@a.example"];
        for value in values {
            assert!(is_surely_value(value), "{value}");
        }
        for other in
            ["2010-04-01", "v20190125", "iso8601", "oauth2", "Backup_v20210101", "3", "@me", "a@b"]
        {
            assert!(!is_surely_value(other), "{other}");
        }
    }

    #[test]
    fn versions() {
        for version in ["v1", "v2.1", "V3beta", "v1alpha1"] {
            assert!(is_version(version), "{version}");
        }
        for other in ["video", "v", "v12345678", "1v", "v1-test"] {
            assert!(!is_version(other), "{other}");
        }
    }
}
