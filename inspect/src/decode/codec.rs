//! The codings themselves, by well-kept libraries, behind one step: some bytes in, some bytes out.

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};
use flate2::{Decompress, FlushDecompress, Status};
use zstd::stream::raw::{DParameter, Decoder as Zstandard, InBuffer, Operation, OutBuffer};

use super::DecodeError;
use super::base64::Base64;
use super::grpc::Messages;
use super::gzip::Gzip;
use super::unicode::Unicode;
use super::zip::Zip;

/// Base-2 logarithm of the largest window of zstd as a content coding: 8 MB (RFC 9659 §3).
const ZSTD_WINDOW: u32 = 23;

/// Brotli's state with the allocators that its library asks for.
type Brotli = BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>;

/// One content coding under way.
pub enum Codec {
    Gzip(Gzip),
    /// RFC 9110 §8.4.1.2: zlib's format (RFC 1950); many servers send bare DEFLATE (RFC 1951), so the first byte tells.
    Deflate {
        state: Option<Decompress>,
        ended: bool,
    },
    /// Messages of WebSocket, one after the other (RFC 7692 §7.2): bare DEFLATE that refers to earlier messages.
    WebSocket(Box<Decompress>),
    /// RFC 7932.
    Brotli {
        state: Box<Brotli>,
        ended: bool,
    },
    /// RFC 8878: frames in a row.
    Zstd(Zstandard<'static>),
    /// Messages of gRPC with codings of their own.
    Grpc(Box<Messages>),
    /// RFC 4648.
    Base64(Base64),
    /// An archive.
    Zip(Box<Zip>),
    /// UTF-16, UTF-32.
    Unicode(Unicode),
}

/// What one step came to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Step {
    /// Bytes of the input that it took.
    pub read: usize,
    /// Bytes of the output that it filled.
    pub written: usize,
}

impl Step {
    /// What came before the damage is content; the next step says of the damage.
    pub fn unless(self, damaged: bool) -> Result<Step, DecodeError> {
        if damaged && self.written == 0 { Err(DecodeError::Damaged) } else { Ok(self) }
    }
}

impl Codec {
    /// The coding of this name (RFC 9110 §8.4.1 and IANA's registry).
    pub fn named(name: &[u8]) -> Option<Codec> {
        let is = |names: &[&str]| names.iter().any(|n| name.eq_ignore_ascii_case(n.as_bytes()));
        if is(&["gzip", "x-gzip"]) {
            return Some(Codec::Gzip(Gzip::new()));
        }
        if is(&["deflate", "x-deflate"]) {
            return Some(Codec::Deflate { state: None, ended: false });
        }
        if is(&["br"]) {
            let alloc = StandardAlloc::default;
            let state = Box::new(BrotliState::new(alloc(), alloc(), alloc()));
            return Some(Codec::Brotli { state, ended: false });
        }
        if is(&["zstd"]) {
            let mut decoder = Zstandard::new().ok()?;
            decoder.set_parameter(DParameter::WindowLogMax(ZSTD_WINDOW)).ok()?;
            return Some(Codec::Zstd(decoder));
        }
        None
    }

    /// Undoes some of `input` into `out`.
    pub fn step(&mut self, input: &[u8], out: &mut [u8]) -> Result<Step, DecodeError> {
        match self {
            Codec::Gzip(gzip) => gzip.step(input, out),
            Codec::Deflate { state: None, .. } if input.is_empty() => Ok(Step::default()),
            Codec::Deflate { state, ended } => {
                if *ended {
                    return behind_the_end(input);
                }
                // CMF of RFC 1950: method 8, and a window of at most 32 KB.
                let zlib = input.first().is_some_and(|b| b & 0x0f == 8 && b >> 4 <= 7);
                let state = state.get_or_insert_with(|| Decompress::new(zlib));
                let step;
                (step, *ended) = inflate(state, input, out)?;
                Ok(step)
            }
            Codec::WebSocket(state) => {
                let (step, ended) = inflate(state, input, out)?;
                if ended {
                    // The next block begins anew (§7.2.3.4).
                    state.reset(false);
                }
                Ok(step)
            }
            Codec::Brotli { state, ended } => unbrotli(state, ended, input, out),
            Codec::Zstd(decoder) => {
                let (mut from, mut to) = (InBuffer::around(input), OutBuffer::around(out));
                let result = decoder.run(&mut from, &mut to);
                let step = Step { read: from.pos, written: to.pos() };
                step.unless(result.is_err())
            }
            Codec::Grpc(messages) => messages.step(input, out),
            Codec::Base64(text) => text.step(input, out),
            Codec::Zip(zip) => zip.step(input, out),
            Codec::Unicode(text) => text.step(input, out),
        }
    }
}

/// Something behind the end: who reads it, and as what, nobody knows.
fn behind_the_end(input: &[u8]) -> Result<Step, DecodeError> {
    if input.is_empty() { Ok(Step::default()) } else { Err(DecodeError::Damaged) }
}

/// DEFLATE (RFC 1951), bare or in zlib's format. Returns also whether it has ended.
pub fn inflate(
    state: &mut Decompress,
    input: &[u8],
    out: &mut [u8],
) -> Result<(Step, bool), DecodeError> {
    let (read, written) = (state.total_in(), state.total_out());
    let status = state.decompress(input, out, FlushDecompress::None);
    let read = (state.total_in() - read) as usize;
    let step = Step { read, written: (state.total_out() - written) as usize };
    Ok((step.unless(status.is_err())?, matches!(status, Ok(Status::StreamEnd))))
}

fn unbrotli(
    state: &mut Brotli,
    ended: &mut bool,
    input: &[u8],
    out: &mut [u8],
) -> Result<Step, DecodeError> {
    if *ended {
        return behind_the_end(input);
    }
    let (mut left, mut read) = (input.len(), 0);
    let (mut room, mut written, mut total) = (out.len(), 0, 0);
    let result = BrotliDecompressStream(
        &mut left,
        &mut read,
        input,
        &mut room,
        &mut written,
        out,
        &mut total,
        state,
    );
    *ended = matches!(result, BrotliResult::ResultSuccess);
    Step { read, written }.unless(matches!(result, BrotliResult::ResultFailure))
}
