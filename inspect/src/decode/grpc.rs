//! The messages of a gRPC stream, each with a coding of its own ([protocol]: `grpc-encoding` names it, a flag before each
//! message says whether it is used).
//!
//! [protocol]: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md

use weir_reassembly::grpc::{Deframer, Event, PREFIX};

use super::DecodeError;
use super::codec::{Codec, Step};

/// Messages are not gathered, so their length needs no limit here.
const ANY_LENGTH: u32 = u32::MAX;

/// A stream of messages, some of them coded.
///
/// What comes out is what an uncoded stream would be, but for the lengths: [`PREFIX`] zeros stand before each message, so
/// that what ends one and what begins the next is not read as one.
pub struct Messages {
    coding: Vec<u8>,
    deframer: Deframer,
    /// Of the message under way, if it is coded.
    codec: Option<Codec>,
    /// Bytes of the message that its coding has not taken yet; no more than one piece has.
    waiting: Vec<u8>,
    /// Zeros yet to be given out.
    prefix: usize,
}

impl Messages {
    /// A stream whose coded messages are coded like this. None: the coding is not known.
    pub fn new(coding: &[u8]) -> Option<Messages> {
        Codec::named(coding)?;
        Some(Messages {
            coding: coding.to_vec(),
            deframer: Deframer::new(ANY_LENGTH),
            codec: None,
            waiting: Vec::new(),
            prefix: 0,
        })
    }

    /// As [`Codec::step`].
    pub fn step(&mut self, input: &[u8], out: &mut [u8]) -> Result<Step, DecodeError> {
        let mut step = Step::default();
        loop {
            step.written += self.give(out.get_mut(step.written..).unwrap_or_default())?;
            if step.written == out.len() {
                return Ok(step);
            }
            let framed = self.deframer.poll(0, input.get(step.read..).unwrap_or_default());
            step.read += framed.consumed;
            match framed.event {
                Some(Event::MessageStart { compressed, .. }) => {
                    self.codec = compressed.then(|| Codec::named(&self.coding)).flatten();
                    self.prefix = PREFIX;
                }
                Some(Event::Bytes { bytes, .. }) => self.waiting.extend_from_slice(bytes),
                Some(Event::MessageEnd) => self.codec = None,
                Some(Event::Error(_)) => return step.unless(true),
                None => return Ok(step),
            }
        }
    }

    /// Gives out what can be given out, as much as there is room for; less than that: nothing waits any more.
    fn give(&mut self, out: &mut [u8]) -> Result<usize, DecodeError> {
        let zeros = self.prefix.min(out.len());
        let (prefix, mut room) = out.split_at_mut(zeros);
        prefix.fill(0);
        self.prefix -= zeros;
        let mut written = zeros;
        while !room.is_empty() {
            let step = match &mut self.codec {
                Some(codec) => codec.step(&self.waiting, room)?,
                None => {
                    let n = self.waiting.len().min(room.len());
                    room.iter_mut().zip(&self.waiting).for_each(|(to, from)| *to = *from);
                    Step { read: n, written: n }
                }
            };
            self.waiting.drain(..step.read);
            written += step.written;
            room = room.get_mut(step.written..).unwrap_or_default();
            if step.read == 0 && step.written == 0 {
                return if self.waiting.is_empty() {
                    Ok(written)
                } else {
                    Err(DecodeError::Damaged)
                };
            }
        }
        Ok(written)
    }
}
