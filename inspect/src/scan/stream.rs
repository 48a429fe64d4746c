//! Matches that go on after their commit point: private keys and tokens, reported part by part.

use super::catalog::Check;
use crate::detector::DetectorId;

/// Longest private key or token that is followed, in bytes; after that the match is closed.
const MAX_STREAM: u64 = 64 << 10;

/// A match whose commit point has passed.
///
/// ```text
///   commit ──► body ──(END line | foreign character | MAX_STREAM)──► closed
/// ```
#[derive(Clone, Copy, Debug)]
pub(super) struct Open {
    pub detector: DetectorId,
    form: Form,
    /// Offset of its first byte in the message.
    pub start: u64,
    /// Offset up to which it was followed (and reported).
    pub at: u64,
}

#[derive(Clone, Copy, Debug)]
enum Form {
    /// `dashes`: dashes in a row just seen. `rows`: complete rows of five; the third and fourth frame the END line.
    Pem { dashes: u8, rows: u8 },
    /// `dots`: dots seen.
    Token { dots: u8 },
}

/// How far an open match goes in the bytes given.
pub(super) struct Advance {
    /// How many of the bytes belong to it.
    pub taken: usize,
    /// Whether it ends there.
    pub closed: bool,
}

impl Open {
    /// Opens a match at its commit point; `text` is what is there of it.
    pub fn new(detector: DetectorId, check: Check, start: u64, text: &[u8]) -> Open {
        let form = match check {
            Check::Pem => Form::Pem { dashes: 0, rows: 0 },
            _ => Form::Token { dots: text.iter().filter(|b| **b == b'.').count() as u8 },
        };
        Open { detector, form, start, at: start + text.len() as u64 }
    }

    /// Follows the match through the next bytes of the message. `last`: the message ends with them.
    pub fn advance(&mut self, bytes: &[u8], last: bool) -> Advance {
        let room = usize::try_from((self.start + MAX_STREAM).saturating_sub(self.at))
            .unwrap_or(usize::MAX);
        let (mut taken, mut closed) = match &mut self.form {
            Form::Pem { dashes, rows } => follow_pem(bytes, last, dashes, rows),
            Form::Token { dots } => follow_token(bytes, dots),
        };
        if taken >= room {
            (taken, closed) = (room, true);
        }
        self.at += taken as u64;
        Advance { taken, closed: closed || last }
    }
}

/// A key's text: base64, header lines, and line ends, also as JSON or shell escapes. A backslash is taken together
/// with what it escapes, so that a part never ends between the two.
fn follow_pem(bytes: &[u8], last: bool, dashes: &mut u8, rows: &mut u8) -> (usize, bool) {
    let mut i = 0;
    while let Some(b) = bytes.get(i) {
        match b {
            b'-' => {
                *dashes += 1;
                i += 1;
                if *dashes == 5 {
                    *dashes = 0;
                    *rows += 1;
                    if *rows == 2 {
                        return (i, true);
                    }
                }
                continue;
            }
            b'\\' => match bytes.get(i + 1) {
                Some(b'n' | b'r' | b't' | b'\\' | b'/') => i += 2,
                Some(_) => return (i, true),
                None => return (i, last),
            },
            b'A'..=b'Z'
            | b'a'..=b'z'
            | b'0'..=b'9'
            | b'+'
            | b'/'
            | b'='
            | b':'
            | b','
            | b'.'
            | b'('
            | b')' => i += 1,
            b' ' | b'\t' | b'\r' | b'\n' => i += 1,
            _ => return (i, true),
        }
        *dashes = 0;
    }
    (i, false)
}

/// The rest of a compact JWS or JWE: base64url parts, at most five (RFC 7515 §7.1, RFC 7516 §7.1).
fn follow_token(bytes: &[u8], dots: &mut u8) -> (usize, bool) {
    for (i, b) in bytes.iter().enumerate() {
        match b {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' => {}
            b'.' if *dots < 4 => *dots += 1,
            _ => return (i, true),
        }
    }
    (bytes.len(), false)
}

/// Whether the text in front of the first dot is base64url of a JSON object that names an algorithm (RFC 7515 §4.1.1).
pub(super) fn jwt_header(token: &[u8]) -> bool {
    let header = token.split(|b| *b == b'.').next().unwrap_or(&[]);
    let mut json = [0u8; super::catalog::MAX_MATCH];
    let Some(json) = decode_base64url(header, &mut json) else { return false };
    json.first() == Some(&b'{')
        && json.windows(5).any(|w| w == b"\"alg\"" || w == b"\"enc\"" || w == b"\"typ\"")
}

fn decode_base64url<'a>(text: &[u8], out: &'a mut [u8]) -> Option<&'a [u8]> {
    let (mut bits, mut have, mut n) = (0u32, 0, 0);
    for b in text {
        let value = match b {
            b'A'..=b'Z' => b - b'A',
            b'a'..=b'z' => b - b'a' + 26,
            b'0'..=b'9' => b - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        have += 6;
        if have >= 8 {
            have -= 8;
            *out.get_mut(n)? = (bits >> have) as u8;
            n += 1;
        }
    }
    out.get(..n)
}
