//! Base64 (RFC 4648 §4) as a stream, as gRPC-Web's text form sends it: what is padded may be followed by more.

use super::DecodeError;
use super::codec::Step;

/// A stream of base64 under way.
#[derive(Default)]
pub struct Base64 {
    bits: u32,
    /// How many bits of `bits` count.
    len: u32,
}

impl Base64 {
    /// As [`Codec::step`](super::codec::Codec::step). White space is passed over.
    pub fn step(&mut self, input: &[u8], out: &mut [u8]) -> Result<Step, DecodeError> {
        let mut step = Step::default();
        for byte in input {
            // A character gives one byte at most.
            if step.written == out.len() {
                return Ok(step);
            }
            let value = match byte {
                b'A'..=b'Z' => byte - b'A',
                b'a'..=b'z' => byte - b'a' + 26,
                b'0'..=b'9' => byte - b'0' + 52,
                b'+' | b'-' => 62,
                b'/' | b'_' => 63,
                b'=' => {
                    // Ends a group; a new one begins behind it.
                    self.len = 0;
                    step.read += 1;
                    continue;
                }
                b if b.is_ascii_whitespace() => {
                    step.read += 1;
                    continue;
                }
                _ => return step.unless(true),
            };
            step.read += 1;
            self.bits = self.bits << 6 | u32::from(value);
            self.len += 6;
            if self.len >= 8 {
                self.len -= 8;
                if let Some(slot) = out.get_mut(step.written) {
                    *slot = (self.bits >> self.len) as u8;
                    step.written += 1;
                }
            }
        }
        Ok(step)
    }
}
