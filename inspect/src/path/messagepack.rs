//! MessagePack (<https://github.com/msgpack/msgpack/blob/master/spec.md>) as a stream: what each byte is, and to which member or
//! element it belongs.

use super::json::write_name;
use super::{CUT, MAX_DEPTH, Name};

/// What an item is to what it stands in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Role {
    #[default]
    Root,
    /// The name of a map's member.
    Key,
    Value,
    Element,
}

/// A part of the content.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Part<'a> {
    /// A byte that says what follows, or of a number.
    Framing,
    /// The same, and behind it a text begins.
    Before(Role),
    /// Bytes of a text, or of what may be one.
    Text(&'a [u8]),
    /// The last byte of a whole number that is not negative, which was also a `Framing`: its size in bytes, and the name that
    /// it or the array in which it stands has.
    Number { value: u64, size: usize, name: &'a [u8] },
}

/// A map or array that is open.
#[derive(Clone, Debug, Default)]
struct Level {
    map: bool,
    /// Items that are still to begin; names and values of a map are two.
    left: u64,
    /// Elements that have begun.
    begun: u64,
    /// The name of the map's current member.
    name: Name,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Extension,
    Array,
    Map,
    Unsigned,
    Signed,
    Float,
}

/// ```text
///          ┌──────────────────────────── text, and whatever is as long ◄─┐
///          ▼                                                             │
///   ──► Item ─┬─► Bytes (a length) ─┬─► Item (of an array or map)        │
///          ▲  │                     └─► Text ─────────────────────────────┘
///          └──┴── Bytes (a number)
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// An item begins.
    #[default]
    Item,
    /// So many of so many bytes of a number or length are to come.
    Bytes { left: usize, size: usize, value: u64, kind: Kind },
    /// So many bytes of a text.
    Text(u64),
    /// It is none, or too deep: everything may be text.
    Lost,
}

/// Reads a document, or several in a row, in constant memory.
#[derive(Clone, Debug, Default)]
pub(crate) struct MessagePack {
    state: State,
    levels: Vec<Level>,
    /// Of the item that was begun last.
    role: Role,
    /// Items at the root that have begun.
    documents: u64,
}

impl MessagePack {
    /// Takes the next bytes and says what they are.
    pub fn feed(&mut self, bytes: &[u8], tell: &mut impl FnMut(Part<'_>)) {
        let mut rest = bytes;
        while let Some((b, after)) = rest.split_first() {
            match self.state {
                State::Lost => return tell(Part::Text(rest)),
                State::Text(left) => {
                    let n = usize::try_from(left).unwrap_or(rest.len()).min(rest.len());
                    let (text, after) = rest.split_at_checked(n).unwrap_or((rest, &[]));
                    self.text(text, left);
                    tell(Part::Text(text));
                    rest = after;
                }
                State::Item => {
                    self.item(*b, tell);
                    rest = after;
                }
                State::Bytes { left, size, value, kind } => {
                    let value = value << 8 | u64::from(*b);
                    self.state = State::Bytes { left: left - 1, size, value, kind };
                    match left {
                        1 => self.complete(kind, size, value, tell),
                        _ => tell(Part::Framing),
                    }
                    rest = after;
                }
            }
        }
    }

    /// Bytes of a number that has begun and is not complete.
    pub fn open_number(&self) -> usize {
        match self.state {
            State::Bytes {
                left, size, kind: Kind::Unsigned | Kind::Signed | Kind::Float, ..
            } => size - left + 1,
            _ => 0,
        }
    }

    fn item(&mut self, b: u8, tell: &mut impl FnMut(Part<'_>)) {
        self.begin();
        let mut bytes = |size: usize, kind| {
            self.state = State::Bytes { left: size, size, value: 0, kind };
            tell(Part::Framing);
        };
        match b {
            0x00..=0x7f => self.number(b.into(), 1, tell),
            0x80..=0x8f => self.complete(Kind::Map, 0, u64::from(b & 15), tell),
            0x90..=0x9f => self.complete(Kind::Array, 0, u64::from(b & 15), tell),
            0xa0..=0xbf => self.complete(Kind::Text, 0, u64::from(b & 31), tell),
            0xc1 => {
                // The one byte that is never used.
                self.state = State::Lost;
                tell(Part::Framing);
            }
            0xc4..=0xc6 => bytes(1 << (b - 0xc4), Kind::Text),
            0xc7..=0xc9 => bytes(1 << (b - 0xc7), Kind::Extension),
            0xca | 0xcb => bytes(4 << (b - 0xca), Kind::Float),
            0xcc..=0xcf => bytes(1 << (b - 0xcc), Kind::Unsigned),
            0xd0..=0xd3 => bytes(1 << (b - 0xd0), Kind::Signed),
            0xd4..=0xd8 => self.complete(Kind::Extension, 0, 1 << (b - 0xd4), tell),
            0xd9..=0xdb => bytes(1 << (b - 0xd9), Kind::Text),
            0xdc | 0xdd => bytes(2 << (b - 0xdc), Kind::Array),
            0xde | 0xdf => bytes(2 << (b - 0xde), Kind::Map),
            0xc0 | 0xc2 | 0xc3 | 0xe0..=0xff => {
                self.end();
                tell(Part::Framing);
            }
        }
    }

    /// The last byte of a number or length was read.
    fn complete(&mut self, kind: Kind, size: usize, value: u64, tell: &mut impl FnMut(Part<'_>)) {
        match kind {
            Kind::Text => self.begin_text(value, tell),
            // A byte says of which type it is.
            Kind::Extension => self.begin_text(value + 1, tell),
            Kind::Array => self.open(Level { left: value, ..Level::default() }, tell),
            Kind::Map => self.open(Level { map: true, left: 2 * value, ..Level::default() }, tell),
            Kind::Unsigned => self.number(value, size, tell),
            Kind::Signed => {
                let shift = 64 - 8 * size as u32;
                let value = (value << shift) as i64 >> shift;
                match u64::try_from(value) {
                    Ok(value) => self.number(value, size, tell),
                    Err(_) => self.no_number(tell),
                }
            }
            Kind::Float => {
                let float = match size {
                    4 => f32::from_bits(value as u32).into(),
                    _ => f64::from_bits(value),
                };
                // What a float holds exactly (IEEE 754, 53 bits).
                match float.fract() == 0.0 && (0.0..9_007_199_254_740_992.0).contains(&float) {
                    true => self.number(float as u64, size, tell),
                    false => self.no_number(tell),
                }
            }
        }
    }

    fn number(&mut self, value: u64, size: usize, tell: &mut impl FnMut(Part<'_>)) {
        tell(Part::Framing);
        if self.role == Role::Key
            && let Some(level) = self.levels.last_mut()
        {
            level.name.extend(value.to_string().as_bytes());
        }
        let named = self.levels.iter().rev().find(|level| level.map);
        let name = named.map_or(&[][..], |level| &level.name.bytes);
        tell(Part::Number { value, size, name });
        self.end();
    }

    fn no_number(&mut self, tell: &mut impl FnMut(Part<'_>)) {
        self.end();
        tell(Part::Framing);
    }

    fn begin_text(&mut self, length: u64, tell: &mut impl FnMut(Part<'_>)) {
        tell(Part::Before(self.role));
        self.state = State::Text(length);
        if length == 0 {
            self.end();
        }
    }

    fn text(&mut self, text: &[u8], left: u64) {
        if self.role == Role::Key
            && let Some(level) = self.levels.last_mut()
        {
            level.name.extend(text);
        }
        self.state = State::Text(left - text.len() as u64);
        if left == text.len() as u64 {
            self.end();
        }
    }

    fn open(&mut self, level: Level, tell: &mut impl FnMut(Part<'_>)) {
        tell(Part::Framing);
        if self.levels.len() >= MAX_DEPTH {
            self.state = State::Lost;
            return;
        }
        self.levels.push(level);
        self.end();
    }

    /// An item begins.
    fn begin(&mut self) {
        let Some(level) = self.levels.last_mut() else {
            self.documents += 1;
            self.role = Role::Root;
            return;
        };
        self.role = match (level.map, level.left % 2) {
            (false, _) => Role::Element,
            (true, 0) => Role::Key,
            (true, _) => Role::Value,
        };
        level.left = level.left.saturating_sub(1);
        match self.role {
            Role::Element => level.begun += 1,
            Role::Key => level.name.clear(),
            _ => {}
        }
    }

    /// An item ends, or what was opened has nothing in it; so do those of which it was the last.
    fn end(&mut self) {
        self.state = State::Item;
        while self.levels.last().is_some_and(|level| level.left == 0) {
            self.levels.pop();
        }
    }

    /// Writes the path of the next byte, as that of JSON.
    pub fn write(&self, out: &mut String) {
        out.push('$');
        if self.documents > 1 {
            out.push_str(&format!("({})", self.documents));
        }
        for (i, level) in (1..).zip(&self.levels) {
            if !level.map {
                out.push_str(&format!("[{}]", level.begun.saturating_sub(1)));
            } else if i == self.levels.len() && self.role == Role::Key {
                out.push_str(".*~");
            } else {
                write_name(&String::from_utf8_lossy(&level.name.bytes), level.name.cut, out);
            }
        }
        if self.state == State::Lost {
            out.push(CUT);
        }
    }
}
