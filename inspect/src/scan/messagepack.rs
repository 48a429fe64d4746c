//! MessagePack as the scanner sees it.
//!
//! Texts lie raw in it, between bytes that may look like letters and digits. So those are overwritten in what is scanned, byte for
//! byte, and what is found has its place on the wire: lines as `name=text`, and of an array each text in a line. Whole numbers have
//! no digits there; each that could be a card is judged by itself, as if it stood there in digits.

use super::catalog::MAX_MATCH;
use super::detectors::card::{self, USUAL};
use super::detectors::census::Census;
use super::found::{Found, Outcome};
use super::retained::Retained;
use super::view::{Context, View};
use crate::detector::DetectorId;
use crate::path::messagepack::{MessagePack, Part, Role};

/// How far back from the end of the content a match may begin: the longest one, and a piece that is scanned at once.
const BACK: u64 = (MAX_MATCH + super::STEP) as u64;
/// Bytes in front of the digits of a number that is judged: a name and what stands around it.
const MAX_NAME: usize = 80;

/// A number that could be a card.
#[derive(Clone, Debug)]
struct Number {
    start: u64,
    end: u64,
    /// It in digits behind its name.
    text: Vec<u8>,
}

/// The content of a message.
#[derive(Debug, Default)]
pub(super) struct Content {
    reader: MessagePack,
    /// Bytes of it so far.
    seen: u64,
    /// The end of it as it is, for paths.
    pub raw: Retained,
    /// What is scanned of the last piece.
    text: Vec<u8>,
    /// Where texts begin and end, as far back as a match may.
    texts: Vec<(u64, u64)>,
    /// The numbers in it.
    numbers: Vec<Number>,
    census: Census,
}

impl Content {
    /// Reads the next piece; what is to be scanned in its place, as long as it is.
    pub fn read(&mut self, piece: &[u8]) -> &[u8] {
        self.raw.push(piece);
        self.text.clear();
        self.numbers.clear();
        let (text, numbers, seen) = (&mut self.text, &mut self.numbers, self.seen);
        let texts = &mut self.texts;
        texts.retain(|(_, end)| end + BACK > seen);
        self.reader.feed(piece, &mut |part| match part {
            Part::Framing => text.push(b' '),
            Part::Before(Role::Value) => text.push(b'='),
            Part::Before(_) => text.push(b'\n'),
            Part::Text(bytes) => {
                let start = seen + text.len() as u64;
                text.extend_from_slice(bytes);
                let end = seen + text.len() as u64;
                match texts.last_mut().filter(|last| last.1 == start) {
                    Some(last) => last.1 = end,
                    None => texts.push((start, end)),
                }
            }
            Part::Number { value, size, name } => {
                let end = seen + text.len() as u64;
                numbers.extend(Number::new(value, name, end - size as u64, end));
            }
        });
        self.seen += piece.len() as u64;
        &self.text
    }

    /// The cards among the numbers of the last piece, each with its digits.
    pub fn cards(&mut self, detector: DetectorId, mut tell: impl FnMut(Found, &[u8])) {
        for number in &self.numbers {
            let view = View::new(&number.text, number.start, true, false);
            let outcome = card::evaluate(&view, MAX_NAME);
            let outcome = self.census.judge(&view, MAX_NAME, outcome, true);
            if let Outcome::Match { start, end, confidence } = outcome {
                let found = Found {
                    detector,
                    start: number.start,
                    end: number.end,
                    confidence,
                    context: Context::Fixed,
                    open: false,
                    continued: false,
                    escaped: false,
                };
                tell(found, number.text.get(start..end).unwrap_or(&[]));
            }
        }
    }

    /// Takes off a match what is framing, which a mask must not touch: of one that lies in several texts, the last counts.
    pub fn trim(&self, found: &mut Found) {
        let holds = |(start, end): &&(u64, u64)| *start < found.end && found.start < *end;
        if let Some((start, end)) = self.texts.iter().rev().find(holds) {
            (found.start, found.end) = (found.start.max(*start), found.end.min(*end));
        }
    }

    /// Bytes at the end of the content that may become a card.
    pub fn open(&self) -> usize {
        self.reader.open_number()
    }
}

impl Number {
    /// None if it can be no card: of the usual lengths alone, since longer and shorter numbers are ids and times.
    fn new(value: u64, name: &[u8], start: u64, end: u64) -> Option<Number> {
        let digits = value.to_string();
        if !USUAL.contains(&digits.len()) {
            return None;
        }
        // All digits stand at the same place, so that places in the census rise as they do in the content.
        let name = name.get(..MAX_NAME - 2).unwrap_or(name);
        let mut text = vec![b' '; MAX_NAME - 2 - name.len()];
        text.push(b'\n');
        text.extend_from_slice(name);
        text.push(b'=');
        text.extend_from_slice(digits.as_bytes());
        Some(Number { start, end, text })
    }
}
