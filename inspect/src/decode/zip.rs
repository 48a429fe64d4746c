//! ZIP archives (PKWARE's APPNOTE 6.3), which office documents are too, read as they pass: the local headers, stored and
//! deflated entries. Receivers that seek go by the directory at the end; what stands between entries is damage here.

use flate2::Decompress;

use super::DecodeError;
use super::codec::{Step, inflate};

/// Fixed part of a local header (§4.3.7).
const HEADER: usize = 30;
/// Longest data descriptor (§4.3.9): signature, CRC-32, two sizes of 64 bits.
const DESCRIPTOR: usize = 24;
/// A size that stands in the ZIP64 extra field (§4.5.3).
const IN_EXTRA: u32 = u32::MAX;

/// An archive.
///
/// ```text
///   Header ─┬─► Stored ───────────────┬─► Header …        Header ──the directory──► Rest
///           └─► Deflated ─► Skip ─────┤
///                      └─► Descriptor ┘
/// ```
///
/// What comes out is each entry's name and content, a line feed behind each.
pub struct Zip {
    state: State,
    /// To be given out first.
    pending: Vec<u8>,
    failed: Option<DecodeError>,
}

enum State {
    /// A header so far.
    Header(Vec<u8>),
    /// Bytes still to come.
    Stored(u64),
    /// `left`: bytes still to come, if that was said; `described`: a descriptor follows.
    Deflated { inflater: Box<Decompress>, left: Option<u64>, described: bool },
    /// Bytes of the entry behind the end of its stream.
    Skip { left: u64, described: bool },
    /// The descriptor so far, and the next signature.
    Descriptor(Vec<u8>),
    /// The directory, and what follows.
    Rest,
}

/// What a signature begins.
enum Record {
    Entry,
    Directory,
}

impl Record {
    fn of(signature: &[u8]) -> Option<Record> {
        match signature {
            b"PK\x03\x04" => Some(Record::Entry),
            // Archive extra data, central directory, its end, and both of ZIP64 (§4.3).
            b"PK\x06\x08" | b"PK\x01\x02" | b"PK\x05\x06" | b"PK\x06\x06" | b"PK\x06\x07" => {
                Some(Record::Directory)
            }
            _ => None,
        }
    }
}

impl Zip {
    pub fn new() -> Zip {
        Zip { state: State::Header(Vec::new()), pending: Vec::new(), failed: None }
    }

    /// As [`Codec::step`](super::codec::Codec::step).
    pub fn step(&mut self, input: &[u8], out: &mut [u8]) -> Result<Step, DecodeError> {
        let mut step = Step::default();
        loop {
            let room = out.get_mut(step.written..).unwrap_or_default();
            let given = self.pending.len().min(room.len());
            room.iter_mut().zip(self.pending.drain(..given)).for_each(|(to, b)| *to = b);
            step.written += given;
            let room = out.get_mut(step.written..).unwrap_or_default();
            let rest = input.get(step.read..).unwrap_or_default();
            if room.is_empty() {
                return Ok(step);
            }
            if let Some(error) = self.failed {
                // What came before is content; the next step says of the damage.
                return if step.written > 0 { Ok(step) } else { Err(error) };
            }
            match self.advance(rest, room) {
                Err(error) => self.failed = Some(error),
                Ok(None) => return Ok(step),
                Ok(Some(next)) => {
                    step.read += next.read;
                    step.written += next.written;
                }
            }
        }
    }

    /// One step within a state. None: more input is needed.
    fn advance(&mut self, input: &[u8], out: &mut [u8]) -> Result<Option<Step>, DecodeError> {
        let progress = |read: usize, written: usize| Ok(Some(Step { read, written }));
        match &mut self.state {
            State::Header(header) => {
                let missing = header_length(header).saturating_sub(header.len());
                if missing == 0 {
                    let header = std::mem::take(header);
                    self.open(header)?;
                    return progress(0, 0);
                }
                let taken = missing.min(input.len());
                header.extend_from_slice(input.get(..taken).unwrap_or_default());
                if taken == 0 { Ok(None) } else { progress(taken, 0) }
            }
            State::Stored(0) => {
                self.end(false);
                progress(0, 0)
            }
            State::Stored(left) => {
                let n = copy(input, out, *left);
                *left -= n as u64;
                if n == 0 { Ok(None) } else { progress(n, n) }
            }
            State::Deflated { inflater, left, described } => {
                let most = left.map_or(input.len(), |left| most(input, left));
                let (step, ended) = inflate(inflater, input.get(..most).unwrap_or_default(), out)?;
                if let Some(left) = left {
                    *left -= step.read as u64;
                }
                match (ended, *left) {
                    (true, Some(left)) => self.state = State::Skip { left, described: *described },
                    (true, None) => self.end(true),
                    (false, Some(0)) if step.written == 0 => return Err(DecodeError::Damaged),
                    (false, _) if step.read == 0 && step.written == 0 => return Ok(None),
                    _ => {}
                }
                progress(step.read, step.written)
            }
            State::Skip { left: 0, described } => {
                let described = *described;
                self.end(described);
                progress(0, 0)
            }
            State::Skip { left, .. } => {
                let n = most(input, *left);
                *left -= n as u64;
                if n == 0 { Ok(None) } else { progress(n, 0) }
            }
            State::Descriptor(begun) => {
                let Some(b) = input.first() else { return Ok(None) };
                begun.push(*b);
                let signature = begun.len().checked_sub(4);
                if let Some(at) = signature
                    && begun.get(at..).is_some_and(|s| Record::of(s).is_some())
                {
                    self.state = State::Header(begun.split_off(at));
                } else if begun.len() >= DESCRIPTOR + 4 {
                    return Err(DecodeError::Damaged);
                }
                progress(1, 0)
            }
            State::Rest => {
                let n = copy(input, out, u64::MAX);
                if n == 0 { Ok(None) } else { progress(n, n) }
            }
        }
    }

    /// A header is complete.
    fn open(&mut self, header: Vec<u8>) -> Result<(), DecodeError> {
        let Some(Record::Entry) = header.get(..4).and_then(Record::of) else {
            if header.get(..4).and_then(Record::of).is_none() {
                return Err(DecodeError::Damaged);
            }
            self.pending = header;
            self.state = State::Rest;
            return Ok(());
        };
        let (flags, method, size) = (u16_at(&header, 6), u16_at(&header, 8), u32_at(&header, 18));
        let extra = HEADER + usize::from(u16_at(&header, 26));
        let name = header.get(HEADER..extra).unwrap_or_default();
        self.pending.extend_from_slice(name);
        self.pending.push(b'\n');
        let described = flags & 8 != 0;
        let size = match size {
            IN_EXTRA => size_in_extra(header.get(extra..).unwrap_or_default()),
            0 if described => None,
            size => Some(u64::from(size)),
        };
        let encrypted = flags & 1 != 0;
        self.state = match (method, size) {
            _ if encrypted => return Err(DecodeError::Unknown),
            (0, Some(size)) if !described => State::Stored(size),
            (8, left) => {
                State::Deflated { inflater: Box::new(Decompress::new(false)), left, described }
            }
            _ => return Err(DecodeError::Unknown),
        };
        Ok(())
    }

    /// An entry is complete.
    fn end(&mut self, described: bool) {
        self.pending.push(b'\n');
        self.state =
            if described { State::Descriptor(Vec::new()) } else { State::Header(Vec::new()) };
    }
}

/// How long a header is, as far as what is there of it tells.
fn header_length(header: &[u8]) -> usize {
    match header.get(..4).map(Record::of) {
        None => 4,
        Some(Some(Record::Entry)) if header.len() < HEADER => HEADER,
        Some(Some(Record::Entry)) => {
            HEADER + usize::from(u16_at(header, 26)) + usize::from(u16_at(header, 28))
        }
        Some(_) => 4,
    }
}

/// The compressed size in the ZIP64 extra field: 16 bits of id and length, then the size as it is and this one.
fn size_in_extra(mut extra: &[u8]) -> Option<u64> {
    while extra.len() >= 4 {
        let (id, length) = (u16_at(extra, 0), usize::from(u16_at(extra, 2)));
        if id == 1 {
            return extra.get(12..20).and_then(|b| b.try_into().ok()).map(u64::from_le_bytes);
        }
        extra = extra.get(4 + length..)?;
    }
    None
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..at + 2).and_then(|b| b.try_into().ok()).map_or(0, u16::from_le_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|b| b.try_into().ok()).map_or(0, u32::from_le_bytes)
}

fn most(input: &[u8], left: u64) -> usize {
    usize::try_from(left).unwrap_or(usize::MAX).min(input.len())
}

fn copy(input: &[u8], out: &mut [u8], left: u64) -> usize {
    let n = most(input, left).min(out.len());
    out.iter_mut().zip(input).take(n).for_each(|(to, b)| *to = *b);
    n
}
