//! The keys under which values are told apart without being told, and what comes of a value under each.

use std::fs::{self, File};
use std::hash::Hasher;
use std::io::{self, Read};
use std::path::Path;

use siphasher::sip::SipHasher24;
use weir_inspect::scan::Token;

/// 128 bits: what SipHash takes.
pub type Key = [u8; 16];

/// Microseconds after which events show other hashes of the same values, so that what leaks of them can't be put together
/// for longer.
const ROTATION: u64 = 24 * 3600 * 1_000_000;

/// The keys of one data plane, for all of its workers.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    /// Tells values and callers apart, for limits. Neither the key nor a hash under it leaves the process.
    pub values: Key,
    /// Makes the tokens that replace values on the wire.
    pub tokens: Key,
}

impl Keys {
    /// Keys that nobody knows and that end with the process; tokens may have a key that outlives it.
    pub fn random(tokens: Option<Key>) -> io::Result<Keys> {
        let key = || {
            let mut key = Key::default();
            File::open("/dev/urandom")?.read_exact(&mut key).map(|()| key)
        };
        Ok(Keys { values: key()?, tokens: tokens.map_or_else(key, Ok)? })
    }

    /// Tells equal values from others, as long as the process lives.
    pub fn hash(&self, value: &[u8]) -> u64 {
        let mut hasher = SipHasher24::new_with_key(&self.values);
        hasher.write(value);
        hasher.finish()
    }

    /// What an event shows of a hash: another number each day (`now`: microseconds since the Unix epoch).
    pub fn shown(&self, hash: u64, now: u64) -> u64 {
        let mut hasher = SipHasher24::new_with_key(&self.values);
        hasher.write_u64(now / ROTATION);
        hasher.write_u64(hash);
        hasher.finish()
    }

    /// What replaces a value.
    pub fn token(&self, value: &[u8]) -> Token {
        Token::new(&self.tokens, value)
    }
}

/// Reads a key file: 32 hexadecimal digits. The error says what is wrong with it.
pub fn read(file: &Path) -> Result<Key, String> {
    let shown = file.display();
    let text = fs::read_to_string(file).map_err(|e| format!("the key {shown}: {e}"))?;
    parse(&text).ok_or_else(|| {
        format!("the key {shown}: not 32 hexadecimal digits, as `openssl rand -hex 16` makes them")
    })
}

fn parse(text: &str) -> Option<Key> {
    let digits = text.trim();
    let good = digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    u128::from_str_radix(digits, 16).ok().filter(|_| good).map(u128::to_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_events_show_changes_each_day_and_not_before() {
        let keys = Keys { values: [1; 16], tokens: [2; 16] };
        let hash = keys.hash(b"078-05-1120");
        let noon = 12 * 3600 * 1_000_000;
        assert_eq!(keys.shown(hash, noon), keys.shown(hash, noon + 1));
        assert_ne!(keys.shown(hash, noon), keys.shown(hash, noon + ROTATION));
        assert_ne!(keys.shown(hash, noon), hash, "what limits count by never leaves");
    }

    #[test]
    fn a_key_file_holds_32_hexadecimal_digits() {
        let key = std::array::from_fn(|i| i as u8);
        assert_eq!(parse("000102030405060708090a0b0c0d0e0f\n"), Some(key));
        for text in ["000102030405060708090a0b0c0d0e", "+00102030405060708090a0b0c0d0e0f", ""] {
            assert_eq!(parse(text), None, "{text:?}");
        }
        assert!(read(Path::new("/nowhere/key")).unwrap_err().contains("/nowhere/key"));
    }
}
