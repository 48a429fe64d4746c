//! Protobuf (<https://protobuf.dev/programming-guides/encoding/>) without its descriptors: field numbers.
//!
//! Whether a length-delimited field holds a message or a text can't be told from its tag. So each is taken for a message
//! until its bytes can't be one; then it is text, and is passed over. A finding's bytes belong to one value: where a tag
//! would begin among them, what seemed a message was text after all.

use super::{CUT, MAX_DEPTH};

/// Bytes of a varint: a tag has at most five, a value ten.
const MAX_VARINT: u8 = 10;
/// Bytes of a finding that are looked at to tell text from messages.
const MAX_AHEAD: usize = 64;
/// Bytes in front of a message of gRPC.
const PREFIX: u8 = 5;

/// A message, or a group, that is open.
#[derive(Clone, Copy, Debug)]
struct Level {
    /// The field that it is.
    field: u32,
    /// Offset just behind it.
    end: u64,
    group: bool,
}

/// ```text
///   Prefix ──5 bytes──► Tag ─┬─0─► Varint ──► Tag
///   (gRPC)               ▲   ├─1, 5─► Skip (8, 4 bytes) ──► Tag
///                        │   ├─2─► Length ──► Tag, one level deeper ──no message──► Skip (its end)
///                        └───┴─3, 4─► Tag, one level deeper or higher
/// ```
#[derive(Clone, Copy, Debug)]
enum State {
    Prefix {
        read: u8,
        length: u64,
    },
    Tag {
        read: u8,
        value: u64,
    },
    Varint {
        read: u8,
    },
    Length {
        read: u8,
        value: u64,
    },
    /// Up to an offset.
    Skip(u64),
}

const TAG: State = State::Tag { read: 0, value: 0 };

/// Follows a message, or a stream of gRPC messages.
#[derive(Clone, Debug)]
pub(super) struct Protobuf {
    /// Offset of the next byte.
    at: u64,
    /// Offset at which the outermost message ends.
    end: u64,
    levels: Vec<Level>,
    state: State,
    /// The field whose value is read.
    field: u32,
    framed: bool,
    lengths: bool,
    /// What is open is no message at all.
    opaque: bool,
    /// The least depth at which a tag or a text began since this was reset.
    least: usize,
}

impl Protobuf {
    /// One message.
    pub fn message() -> Protobuf {
        Protobuf {
            at: 0,
            end: u64::MAX,
            levels: Vec::new(),
            state: TAG,
            field: 0,
            framed: false,
            lengths: true,
            opaque: false,
            least: usize::MAX,
        }
    }

    /// A stream of messages. Without `lengths` the prefix of each is zeros.
    pub fn grpc(lengths: bool) -> Protobuf {
        let state = State::Prefix { read: 0, length: 0 };
        Protobuf { state, framed: true, lengths, end: 0, ..Protobuf::message() }
    }

    pub fn feed(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some((b, after)) = rest.split_first() {
            rest = after;
            if let State::Skip(to) = self.state {
                // This byte and as many more as it has.
                let n = (to - self.at).min(rest.len() as u64 + 1).max(1);
                self.at += n;
                rest = rest.get(n as usize - 1..).unwrap_or_default();
                if self.at >= to {
                    self.state = TAG;
                }
            } else {
                self.at += 1;
                self.byte(*b);
            }
            self.leave();
        }
    }

    /// Leaves what ends here.
    fn leave(&mut self) {
        loop {
            let end = self.levels.last().map_or(self.end, |l| l.end);
            if self.at < end || matches!(self.state, State::Prefix { .. }) {
                return;
            }
            match (self.state, self.levels.last()) {
                (State::Tag { read: 0, .. }, Some(Level { group: false, .. })) => {
                    self.levels.pop();
                }
                (_, Some(_)) => self.is_text(),
                (_, None) if self.framed && self.lengths => {
                    self.opaque = false;
                    self.state = State::Prefix { read: 0, length: 0 };
                }
                (_, None) => return,
            }
        }
    }

    /// What seemed a message is none.
    fn is_text(&mut self) {
        while let Some(level) = self.levels.pop() {
            self.least = self.least.min(self.levels.len() + 1);
            if !level.group {
                self.field = level.field;
                self.state = if level.end > self.at { State::Skip(level.end) } else { TAG };
                return;
            }
        }
        self.opaque = true;
        self.least = 0;
        self.state = State::Skip(self.end);
    }

    fn byte(&mut self, b: u8) {
        match self.state {
            State::Prefix { read, length } => self.prefix(b, read, length),
            State::Tag { read, value } => {
                if read == 0 {
                    self.least = self.least.min(self.levels.len());
                }
                match varint(b, read, value) {
                    Varint::More(value) => self.state = State::Tag { read: read + 1, value },
                    Varint::Done(tag) => self.tag(tag),
                    Varint::Wrong => self.is_text(),
                }
            }
            State::Varint { read } => match varint(b, read, 0) {
                Varint::More(_) => self.state = State::Varint { read: read + 1 },
                Varint::Done(_) => self.state = TAG,
                Varint::Wrong => self.is_text(),
            },
            State::Length { read, value } => match varint(b, read, value) {
                Varint::More(value) => self.state = State::Length { read: read + 1, value },
                Varint::Done(length) => self.length(length),
                Varint::Wrong => self.is_text(),
            },
            State::Skip(_) => {}
        }
    }

    fn prefix(&mut self, b: u8, read: u8, length: u64) {
        let length = if read == 0 { 0 } else { length << 8 | u64::from(b) };
        // gRPC-Web's trailers are text.
        self.opaque = if read == 0 { b & 0x80 != 0 } else { self.opaque };
        self.state = State::Prefix { read: read + 1, length };
        if read + 1 == PREFIX {
            self.end = if self.lengths { self.at + length } else { u64::MAX };
            self.state = if self.opaque { State::Skip(self.end) } else { TAG };
            if length == 0 && self.lengths {
                self.state = State::Prefix { read: 0, length: 0 };
            }
        }
    }

    fn tag(&mut self, tag: u64) {
        let end = self.levels.last().map_or(self.end, |l| l.end);
        if tag == 0 && self.levels.is_empty() && self.framed && !self.lengths {
            // No field has the number 0: the next message begins.
            self.state = State::Prefix { read: 1, length: 0 };
            return;
        }
        let Some(field) = u32::try_from(tag >> 3).ok().filter(|n| (1..1 << 29).contains(n)) else {
            return self.is_text();
        };
        match tag & 7 {
            0 => self.state = State::Varint { read: 0 },
            1 if self.at + 8 <= end => self.state = State::Skip(self.at + 8),
            2 => self.state = State::Length { read: 0, value: 0 },
            3 if self.levels.len() < MAX_DEPTH => {
                self.levels.push(Level { field, end, group: true });
                self.state = TAG;
            }
            4 if self.levels.last().is_some_and(|l| l.group && l.field == field) => {
                self.levels.pop();
                self.state = TAG;
            }
            5 if self.at + 4 <= end => self.state = State::Skip(self.at + 4),
            _ => return self.is_text(),
        }
        self.field = field;
    }

    fn length(&mut self, length: u64) {
        let end = self.levels.last().map_or(self.end, |l| l.end);
        let Some(stop) = self.at.checked_add(length).filter(|stop| *stop <= end) else {
            return self.is_text();
        };
        self.state = TAG;
        if length > 0 && self.levels.len() < MAX_DEPTH {
            self.levels.push(Level { field: self.field, end: stop, group: false });
        } else if length > 0 {
            self.state = State::Skip(stop);
        }
    }

    /// Writes the path of the value that begins with the next byte, of which `ahead` is known.
    pub fn write(&self, ahead: &[u8], out: &mut String) {
        if self.opaque || matches!(self.state, State::Prefix { .. }) {
            return;
        }
        let mut fields: Vec<u32> = self.levels.iter().map(|l| l.field).collect();
        let deep = fields.len() >= MAX_DEPTH;
        if !matches!(self.state, State::Tag { read: 0, .. }) {
            fields.push(self.field);
        }
        let mut further = self.clone();
        further.least = usize::MAX;
        further.feed(ahead.get(..ahead.len().min(MAX_AHEAD)).unwrap_or_default());
        fields.truncate(further.least);
        for (i, field) in fields.iter().enumerate() {
            out.push(if i == 0 { '#' } else { '.' });
            out.push_str(&field.to_string());
        }
        if deep && !out.is_empty() {
            out.push(CUT);
        }
    }
}

enum Varint {
    More(u64),
    Done(u64),
    Wrong,
}

/// The next byte of a varint of which `read` bytes came before.
fn varint(b: u8, read: u8, value: u64) -> Varint {
    if read >= MAX_VARINT {
        return Varint::Wrong;
    }
    let value = value | u64::from(b & 0x7f).checked_shl(7 * u32::from(read)).unwrap_or(0);
    if b & 0x80 == 0 { Varint::Done(value) } else { Varint::More(value) }
}
