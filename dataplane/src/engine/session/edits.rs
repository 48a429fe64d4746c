//! What is to be overwritten on the wire, by stream offsets. Lengths never change (design rule 3).

use weir_inspect::scan::{Context as Surroundings, MaskStyle, Token, mask_range};
use weir_reassembly::websocket::Mask;

/// One range of a direction's stream to overwrite.
#[derive(Clone, Debug)]
pub struct Edit {
    /// Stream offset of its first byte.
    pub at: u64,
    len: u64,
    how: How,
    /// The masking key of the WebSocket frame in which it lies.
    mask: Option<Mask>,
}

#[derive(Clone, Debug)]
enum How {
    /// These bytes, as many as the range is long.
    Bytes(Vec<u8>),
    /// The same byte everywhere.
    Fill(u8),
    /// A finding, masked by its detector's rule.
    Mask { style: MaskStyle, surroundings: Surroundings },
    /// A finding, replaced by its token. `skip`: bytes of the match before this range.
    Tokenize { style: MaskStyle, token: Token, skip: u64 },
}

impl Edit {
    /// Overwrites with the given bytes.
    pub fn bytes(at: u64, bytes: &[u8]) -> Edit {
        Edit { at, len: bytes.len() as u64, how: How::Bytes(bytes.to_vec()), mask: None }
    }

    /// Overwrites `len` bytes with one byte.
    pub fn fill(at: u64, len: u64, byte: u8) -> Edit {
        Edit { at, len, how: How::Fill(byte), mask: None }
    }

    /// Masks a part of a match.
    pub fn mask(at: u64, len: u64, style: MaskStyle, surroundings: Surroundings) -> Edit {
        Edit { at, len, how: How::Mask { style, surroundings }, mask: None }
    }

    /// Replaces a part of a match by the same part of its token: the part has `len` bytes, and `skip` bytes of the match come
    /// before it.
    pub fn tokenize(at: u64, len: u64, skip: u64, style: MaskStyle, token: Token) -> Edit {
        Edit { at, len, how: How::Tokenize { style, token, skip }, mask: None }
    }

    /// The same in a frame with this masking key, if it has one.
    pub fn under(self, mask: Option<Mask>) -> Edit {
        Edit { mask, ..self }
    }

    /// Stream offset just past the range.
    pub fn end(&self) -> u64 {
        self.at + self.len
    }

    /// Overwrites `bytes`, which lie at stream offset `from` within the range.
    pub fn write(&self, from: u64, bytes: &mut [u8]) {
        self.mask.iter().for_each(|mask| mask.apply(from, bytes));
        self.write_plain(from, bytes);
        self.mask.iter().for_each(|mask| mask.apply(from, bytes));
    }

    fn write_plain(&self, from: u64, bytes: &mut [u8]) {
        let skipped = from.saturating_sub(self.at);
        match &self.how {
            How::Fill(byte) => bytes.fill(*byte),
            How::Bytes(new) => {
                let new = new.get(skipped as usize..).unwrap_or_default();
                for (to, new) in bytes.iter_mut().zip(new) {
                    *to = *new;
                }
            }
            How::Mask { style, surroundings } => {
                mask_range(*style, *surroundings, bytes);
            }
            How::Tokenize { style, token, skip } => token.write(*style, skip + skipped, bytes),
        }
    }
}
