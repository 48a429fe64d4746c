//! Base64 (RFC 4648 §4) as a stream, as gRPC-Web's text form sends it: what is padded may be followed by more.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use memchr::memchr2;

use super::DecodeError;
use super::codec::Step;

/// Characters that are decoded at once if nothing is special about them: so many that the call costs little, and so few that
/// padding between them, which makes them go letter by letter, costs little too.
const RUN: usize = 512;

/// A stream of base64 under way.
#[derive(Default)]
pub struct Base64 {
    bits: u32,
    /// How many bits of `bits` count: two for each letter that its group of four lacks.
    len: u32,
}

impl Base64 {
    /// As [`Codec::step`](super::codec::Codec::step). White space is passed over.
    pub fn step(&mut self, input: &[u8], out: &mut [u8]) -> Result<Step, DecodeError> {
        let mut step = Step::default();
        loop {
            let rest = input.get(step.read..).unwrap_or_default();
            let most = if self.len == 0 { RUN } else { self.len as usize / 2 };
            let run = rest.get(..most.min(rest.len())).unwrap_or_default();
            let line = memchr2(b'\r', b'\n', run).map_or(run.len(), |at| at.max(1));
            let run = run.get(..line).unwrap_or_default();
            let room = out.get_mut(step.written..).unwrap_or_default();
            let (done, damaged) = match self.groups(run, room) {
                Some(done) => (done, false),
                None => self.letters(run, room),
            };
            step.read += done.read;
            step.written += done.written;
            if damaged || done.read == 0 {
                return step.unless(damaged);
            }
        }
    }

    /// Whole groups, if there is nothing else and room for them.
    fn groups(&self, run: &[u8], out: &mut [u8]) -> Option<Step> {
        let read = run.len() & !3;
        let groups = run.get(..read).filter(|groups| self.len == 0 && !groups.is_empty())?;
        let written = STANDARD.decode_slice(groups, out.get_mut(..read / 4 * 3)?).ok()?;
        Some(Step { read, written })
    }

    /// Letter by letter, as far as there is room; and whether something else stopped it.
    fn letters(&mut self, run: &[u8], out: &mut [u8]) -> (Step, bool) {
        let mut step = Step::default();
        for byte in run {
            // A character gives one byte at most.
            if step.written == out.len() {
                break;
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
                _ => return (step, true),
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
        (step, false)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// All that is decoded of these pieces, with so much room at a time; and whether it ended in damage.
    fn decoded<'a>(pieces: impl Iterator<Item = &'a [u8]>, room: usize) -> (Vec<u8>, bool) {
        let (mut base64, mut all) = (Base64::default(), Vec::new());
        for mut piece in pieces {
            while !piece.is_empty() {
                let mut out = vec![0; room];
                let Ok(step) = base64.step(piece, &mut out) else { return (all, true) };
                assert!(step.read > 0, "it goes on");
                all.extend_from_slice(&out[..step.written]);
                piece = &piece[step.read..];
            }
        }
        (all, false)
    }

    proptest! {
        #[test]
        fn lines_padding_and_pieces_make_no_difference(
            parts in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..900), 0_usize..90), 1..4),
            (size, room) in (1_usize..1500, 1_usize..1500),
            damage in prop::option::of(0_usize..3000),
        ) {
            let mut text = Vec::new();
            for (content, line) in &parts {
                let coded = STANDARD.encode(content).into_bytes();
                let lines: Vec<&[u8]> = coded.chunks((*line).max(1)).collect();
                text.extend(if *line == 0 { coded.clone() } else { lines.join(&b"\r\n"[..]) });
            }
            if let Some(at) = damage.filter(|at| *at < text.len()) {
                text[at] = b'!';
            }
            let letter_by_letter = decoded(text.chunks(1), 1);
            let content: Vec<u8> = parts.iter().flat_map(|(content, _)| content.clone()).collect();
            prop_assert_eq!(letter_by_letter.1, text.contains(&b'!'));
            prop_assert!(letter_by_letter.1 || letter_by_letter.0 == content);
            prop_assert_eq!(decoded(text.chunks(size), room), letter_by_letter);
        }
    }
}
