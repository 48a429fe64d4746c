//! One side's stream while it is put together: what is sent, what must arrive, and where the secrets are.

use std::ops::Range;

use weir_tests::rng::Rng;

use crate::content::Content;
use crate::script::{Expected, Leave, Pace, Secret, Talk, Write};

/// Where the pieces of a body's secrets lie in the stream.
pub struct Places(Vec<Vec<Range<usize>>>);

impl Places {
    /// None yet.
    pub fn of(content: &Content) -> Places {
        Places(vec![Vec::new(); content.secrets.len()])
    }
}

/// A side's stream.
#[derive(Default)]
pub struct Stream {
    pub sent: Vec<u8>,
    pub expected: Vec<u8>,
    pub secrets: Vec<Secret>,
    blanks: Vec<Range<usize>>,
    refused: Vec<(usize, usize)>,
    free: Vec<Range<usize>>,
    writes: Vec<Write>,
}

impl Stream {
    /// What Weir leaves as it is.
    pub fn push(&mut self, bytes: &[u8]) {
        self.sent.extend(bytes);
        self.expected.extend(bytes);
    }

    /// What Weir overwrites as long as it is held.
    pub fn blanked(&mut self, sent: &[u8], expected: &[u8]) {
        self.blanks.push(self.sent.len()..self.sent.len() + sent.len());
        self.sent.extend(sent);
        self.expected.extend(expected);
    }

    /// A byte by which Weir makes what ends at `end` malformed.
    pub fn refused(&mut self, place: usize, octet: u8, end: usize) {
        self.expected[place] = octet;
        self.refused.push((place, end));
    }

    /// What Weir may overwrite with anything.
    pub fn free(&mut self, bytes: &[u8]) {
        self.free.push(self.sent.len()..self.sent.len() + bytes.len());
        self.push(bytes);
    }

    /// A part of a body, whose secrets' places are noted.
    pub fn content(&mut self, content: &Content, part: Range<usize>, places: &mut Places) {
        let begin = self.sent.len();
        for (secret, pieces) in content.secrets.iter().zip(&mut places.0) {
            let (from, to) = (secret.start.max(part.start), secret.end.min(part.end));
            if from < to {
                pieces.push(begin + from - part.start..begin + to - part.start);
            }
        }
        self.sent.extend(&content.bytes[part.clone()]);
        self.expected.extend(&content.masked[part]);
    }

    /// The secrets of a body that is complete.
    pub fn hide(&mut self, places: Places) {
        self.secrets.extend(places.0.into_iter().map(|pieces| Secret { pieces }));
    }

    /// Cuts what was pushed since `from` into writes that begin when `needs` bytes were heard.
    pub fn write(&mut self, rng: &mut Rng, from: usize, needs: usize) {
        let range = from..self.sent.len();
        let pieces = self.secrets.iter().flat_map(|s| s.pieces.iter().cloned());
        let near: Vec<_> = pieces.filter(|p| p.start >= from).collect();
        let pace = Pace::random(rng, range.len());
        pace.steps(rng, range, needs, &near, &mut self.writes);
    }

    /// What its sender says.
    pub fn talk(&self, leave: Leave) -> Talk {
        Talk { bytes: self.sent.clone(), writes: self.writes.clone(), leave }
    }

    /// What its receiver hears.
    pub fn hear(self, fence: Option<usize>) -> Expected {
        Expected {
            bytes: self.expected,
            secrets: self.secrets,
            blanks: self.blanks,
            refused: self.refused,
            free: self.free,
            fence,
        }
    }
}
