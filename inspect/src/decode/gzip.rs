//! gzip (RFC 1952), read as leniently as browsers do: reserved flags, header checksums and trailers are not looked at,
//! so that nobody hides from Weir behind what a receiver forgives.

use flate2::Decompress;

use super::DecodeError;
use super::codec::{Step, inflate};

/// Longest member header; names and comments are unbounded in the format.
const MAX_HEADER: usize = 64 << 10;
/// CRC-32 and length behind each member (§2.3.1).
const TRAILER: usize = 8;

/// Members in a row.
///
/// ```text
///   Header ──► Content ──► Trailer ──► Header …
/// ```
pub enum Gzip {
    /// The header so far.
    Header(Vec<u8>),
    Content(Decompress),
    /// Bytes of the trailer still to come.
    Trailer(usize),
}

impl Gzip {
    pub fn new() -> Gzip {
        Gzip::Header(Vec::new())
    }

    /// Undoes some of `input` into `out`.
    pub fn step(&mut self, input: &[u8], out: &mut [u8]) -> Result<Step, DecodeError> {
        match self {
            Gzip::Header(header) => {
                let before = header.len();
                let room = MAX_HEADER.saturating_sub(before);
                header.extend_from_slice(input.get(..input.len().min(room)).unwrap_or_default());
                match length(header)? {
                    Some(length) => {
                        *self = Gzip::Content(Decompress::new(false));
                        Ok(Step { read: length.saturating_sub(before), written: 0 })
                    }
                    None if room == 0 => Err(DecodeError::Damaged),
                    None => Ok(Step { read: input.len().min(room), written: 0 }),
                }
            }
            Gzip::Content(state) => {
                let (step, ended) = inflate(state, input, out)?;
                if ended {
                    *self = Gzip::Trailer(TRAILER);
                }
                Ok(step)
            }
            Gzip::Trailer(left) => {
                let read = input.len().min(*left);
                *left -= read;
                if *left == 0 {
                    *self = Gzip::new();
                }
                Ok(Step { read, written: 0 })
            }
        }
    }
}

/// Length of a member's header (§2.3), if it is there whole.
fn length(header: &[u8]) -> Result<Option<usize>, DecodeError> {
    let magic = [0x1f, 0x8b, 8];
    if header.iter().zip(magic).any(|(b, want)| *b != want) {
        return Err(DecodeError::Damaged);
    }
    let Some(flags) = header.get(3) else { return Ok(None) };
    let mut at = 10;
    if flags & 4 != 0 {
        let Some(&[low, high]) = header.get(at..at + 2) else { return Ok(None) };
        at += 2 + usize::from(u16::from_le_bytes([low, high]));
    }
    // A name and a comment, each up to a zero.
    for flag in [8, 16] {
        if flags & flag != 0 {
            let rest = header.get(at..).unwrap_or_default();
            let Some(zero) = rest.iter().position(|b| *b == 0) else { return Ok(None) };
            at += zero + 1;
        }
    }
    if flags & 2 != 0 {
        at += 2;
    }
    Ok((at <= header.len()).then_some(at))
}
