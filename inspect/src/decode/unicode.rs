//! Text in UTF-16 or UTF-32 (Unicode 16 §3.10) as UTF-8: many parsers of JSON and XML tell by the first bytes what they read, whatever
//! the media type says, and so does this.

use super::DecodeError;
use super::codec::Step;

/// Most bytes that a character takes in UTF-8.
const MAX_UTF8: usize = 4;

/// A text under way.
#[derive(Clone, Debug)]
pub struct Unicode {
    /// Bytes of a code unit: 2 or 4.
    width: usize,
    big_endian: bool,
    /// So much of the next code unit has come, the highest byte first.
    unit: u32,
    have: usize,
    /// The first half of a surrogate pair.
    high: Option<u32>,
}

impl Unicode {
    /// So many bytes tell.
    pub const TOLD_BY: usize = 4;

    /// Of a text that begins so: with a byte order mark, or a character of ASCII among zeros (RFC 4627 §3). None: it is
    /// written otherwise.
    pub fn of(text: &[u8]) -> Option<Unicode> {
        let first = *text.first_chunk::<{ Unicode::TOLD_BY }>()?;
        let text = |b: u8| matches!(b, b' '..=b'~' | b'\t' | b'\r' | b'\n');
        let (width, big_endian) = match first {
            [0, 0, 0xfe, 0xff] => (4, true),
            [0xff, 0xfe, 0, 0] => (4, false),
            [0xfe, 0xff, ..] => (2, true),
            [0xff, 0xfe, ..] => (2, false),
            [0, 0, 0, b] if text(b) => (4, true),
            [b, 0, 0, 0] if text(b) => (4, false),
            [0, b, ..] if text(b) => (2, true),
            [b, 0, ..] if text(b) => (2, false),
            _ => return None,
        };
        Some(Unicode { width, big_endian, unit: 0, have: 0, high: None })
    }

    /// As [`Codec::step`](super::codec::Codec::step). What is no character is one that says so.
    pub fn step(&mut self, input: &[u8], out: &mut [u8]) -> Result<Step, DecodeError> {
        let mut step = Step::default();
        for byte in input {
            let Some(room) = out.get_mut(step.written..step.written + MAX_UTF8) else { break };
            step.read += 1;
            let place = if self.big_endian { self.width - 1 - self.have } else { self.have };
            self.unit |= u32::from(*byte) << (8 * place);
            self.have += 1;
            if self.have == self.width {
                let character = self.character();
                step.written += character.map_or(0, |c| c.encode_utf8(room).len());
            }
        }
        Ok(step)
    }

    /// The character that a whole code unit completes, if it does.
    fn character(&mut self) -> Option<char> {
        let unit = std::mem::take(&mut self.unit);
        self.have = 0;
        let code = match (self.high.take(), unit) {
            (Some(high), 0xdc00..=0xdfff) => 0x1_0000 + ((high - 0xd800) << 10) + (unit - 0xdc00),
            (_, 0xd800..=0xdbff) if self.width == 2 => {
                self.high = Some(unit);
                return None;
            }
            _ => unit,
        };
        Some(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A text in code units of this width.
    fn written(text: &str, width: usize, big_endian: bool) -> Vec<u8> {
        let bytes = |unit: u32| {
            let all = unit.to_be_bytes();
            let mut unit = all[4 - width..].to_vec();
            if !big_endian {
                unit.reverse();
            }
            unit
        };
        match width {
            2 => text.encode_utf16().flat_map(|unit| bytes(unit.into())).collect(),
            _ => text.chars().flat_map(|c| bytes(c.into())).collect(),
        }
    }

    #[test]
    fn each_form_is_told_by_its_beginning_and_read_in_every_cut() {
        for text in ["{\"note\":\"Zoë 名 😀\"}", "\u{feff}名,4111\n"] {
            for (width, big_endian) in [(2, false), (2, true), (4, false), (4, true)] {
                let coded = written(text, width, big_endian);
                for (cut, room) in (1..coded.len()).flat_map(|cut| [(cut, 4), (cut, 100)]) {
                    let mut unicode = Unicode::of(&coded).unwrap();
                    let mut all = Vec::new();
                    for mut piece in coded.chunks(cut) {
                        while !piece.is_empty() {
                            let mut out = vec![0; room];
                            let step = unicode.step(piece, &mut out).unwrap();
                            all.extend_from_slice(&out[..step.written]);
                            piece = &piece[step.read..];
                        }
                    }
                    assert_eq!(String::from_utf8(all).unwrap(), text, "{width} {big_endian} {cut}");
                }
            }
        }
    }

    #[test]
    fn what_is_no_character_hides_nothing_behind_it() {
        let mut unicode = Unicode::of(b"\"\0a\0").unwrap();
        let mut out = [0; 40];
        // Halves of pairs in no order.
        let step = unicode.step(b"\0\xdc\0\xd8\0\xd84\0", &mut out).unwrap();
        assert_eq!(String::from_utf8_lossy(&out[..step.written]), "\u{fffd}4");
        for plain in [*b"{\"a\"", *b"PK\x03\x04", [0; 4], [0x08, 0, 1, 0]] {
            assert!(Unicode::of(&plain).is_none(), "{plain:?}");
        }
    }
}
