//! Edits of a header block that keep its length and the dynamic table's (design.md, rule 3).
//!
//! They change the block that the last [`Http2::poll`] completed, in the decoder's own copy; [`Http2::edits`] then
//! says which octets to overwrite on the wire. A literal with incremental indexing becomes an entry of the
//! receiver's table, so the decoder's entry changes with it, and a later index of it gives the changed value.
//! The sender's table keeps the original; since lengths are equal, both evict alike and indices stay valid.

use std::ops::Range;

use super::connection::Http2;
use super::hpack::huffman::{code_length, encode};
use super::hpack::{EntryId, Indexing, Name, Representation, StringLiteral};

/// Requests for encoded content: blank them, and the answer comes readable.
pub const CODING_FIELDS: &[&[u8]] = &[b"accept-encoding", b"grpc-accept-encoding"];

/// Requests for a part of the content: blank them, and the answer comes whole.
pub const RANGE_FIELDS: &[&[u8]] = &[b"range", b"if-range"];

/// Requests for extensions of WebSocket (RFC 8441 §5): blank them, and the messages come readable.
pub const EXTENSION_FIELDS: &[&[u8]] = &[b"sec-websocket-extensions"];

/// No edit of that kind exists that keeps the length. The connection must be reset, or the block passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no edit of equal length is possible")]
pub struct NotEditable;

/// First octet of an indexed field; the index is in the other seven bits (RFC 7541 §6.1).
const INDEXED: u8 = 0x80;
/// `:path: /`
const PATH: u8 = 4;
/// `:scheme: http`
const SCHEME: u8 = 6;
/// `accept-charset:`, without a value, which says nothing.
const ACCEPT_CHARSET: u8 = 15;

/// Where the value of a literal field lies in the stream of octets, kept beyond its block: as long as it has not left, it
/// can be changed. See [`Http2::value_place`].
#[derive(Debug)]
pub struct ValuePlace {
    wire: Vec<Range<u64>>,
    huffman: bool,
    entry: Option<EntryId>,
}

impl ValuePlace {
    /// Offset of its first octet; none if it has none.
    pub fn at(&self) -> Option<u64> {
        self.wire.first().map(|range| range.start)
    }

    /// What to overwrite so that the value becomes `value`, by offset. Each of its octets must have a Huffman code as
    /// long as that of the octet before.
    pub fn octets(&self, value: &[u8]) -> Vec<(u64, Vec<u8>)> {
        let mut coded = Vec::new();
        if self.huffman {
            encode(value, &mut coded);
        } else {
            coded.extend_from_slice(value);
        }
        let mut rest = coded.into_iter();
        let piece = |range: &Range<u64>| {
            let length = (range.end - range.start) as usize;
            (range.start, rest.by_ref().take(length).collect())
        };
        self.wire.iter().map(piece).collect()
    }
}

impl Http2 {
    /// Where the value of a field of the last block lies; none if it is an entry of the table. Changing it there later
    /// is told by [`Http2::changed_value`].
    pub fn value_place(&self, field: usize) -> Option<ValuePlace> {
        let Representation::Literal { value, .. } = self.fields.get(field)?.repr else {
            return None;
        };
        let wire = self.header_block()?.wire_ranges(value.wire).collect();
        Some(ValuePlace { wire, huffman: value.huffman, entry: self.fields.entry(field) })
    }

    /// A value was changed on the wire after its block: the entry that it became changes with it.
    pub fn changed_value(&mut self, place: &ValuePlace, value: &[u8]) {
        if let Some(entry) = place.entry {
            self.decoder.replace(entry, value);
        }
    }

    /// Masks octets `range` of the decoded value of a field, the one at that place in the block. A Huffman-coded
    /// symbol becomes a neutral one whose code is as long (`0`, `-`, `x`, …), any other octet `*`.
    ///
    /// Error: the value is not in this block but in an entry of an earlier one.
    pub fn mask_value(&mut self, field: usize, range: Range<usize>) -> Result<(), NotEditable> {
        self.change_value(field, |value, huffman| {
            let before = range.start.checked_sub(1).and_then(|i| value.get(i)).copied();
            let mut lead = before.unwrap_or_default();
            for octet in value.get_mut(range.clone()).unwrap_or_default() {
                let original = *octet;
                *octet = if huffman { mask(lead, original) } else { b'*' };
                lead = original;
            }
        })
    }

    /// Blanks all fields of these names ([`CODING_FIELDS`], [`RANGE_FIELDS`], [`EXTENSION_FIELDS`]): their words become unknown ones of
    /// the same length, or the field another that says nothing. Gives how many had something to blank.
    ///
    /// Error: one of them cannot be blanked; the others are.
    pub fn blank(&mut self, names: &[&[u8]]) -> Result<usize, NotEditable> {
        let mut blanked = Ok(0);
        for place in 0..self.fields.len() {
            let field = self.fields.get(place).ok_or(NotEditable)?;
            if !names.contains(&field.name) || is_blank(field.value) {
                continue;
            }
            let wire = field.wire;
            let done = match field.repr {
                Representation::Indexed { .. } if wire.len() == 1 => {
                    self.overwrite(wire.start, INDEXED | ACCEPT_CHARSET)
                }
                _ => self.change_value(place, blank),
            };
            blanked = blanked.and_then(|n| done.map(|()| n + 1));
        }
        blanked
    }

    /// Makes a request malformed (RFC 9113 §8.1.1) by one octet, so that the server refuses it with its own answer
    /// and the connection lives: one field becomes a pseudo-header that the block has already, or one that comes
    /// after regular fields. No entry is inserted or left out by that.
    ///
    /// Error: all fields are literals that become entries, or are indexed by two octets.
    pub fn refuse_request(&mut self) -> Result<(), NotEditable> {
        let refusal = self.fields.iter().filter_map(|field| {
            let path = field.name == b":path";
            // A second :path; for :path itself a second :scheme, and no :path.
            let index = if path { SCHEME } else { PATH };
            let octet = match field.repr {
                Representation::Indexed { .. } if field.wire.len() == 1 => INDEXED | index,
                // The name's index is in the low four bits; fifteen would mean that more octets follow.
                Representation::Literal { indexing, name: Name::Indexed(1..=14), .. } => {
                    match indexing {
                        Indexing::Without => index,
                        Indexing::Never => 0x10 | index,
                        Indexing::Incremental => return None,
                    }
                }
                _ => return None,
            };
            // Best is what has been seen to work, and what leaves the request's log entry readable.
            let rank = match field.name {
                b":scheme" => 0,
                b":method" => 1,
                b":path" => 3,
                _ => 2,
            };
            Some((rank, field.wire.start, octet))
        });
        let (_, at, octet) = refusal.min().ok_or(NotEditable)?;
        self.overwrite(at, octet)
    }

    /// The edits made to the block: what to overwrite on the wire, by offset in the stream of octets.
    pub fn edits(&self) -> impl Iterator<Item = (u64, &[u8])> {
        self.edited.iter().flat_map(|range| self.gathered.pieces(range.clone()))
    }

    fn overwrite(&mut self, at: usize, octet: u8) -> Result<(), NotEditable> {
        if !self.complete {
            return Err(NotEditable);
        }
        let range = at..at + 1;
        self.gathered.octets_mut(range.clone()).ok_or(NotEditable)?.fill(octet);
        self.edited.push(range);
        Ok(())
    }

    /// Changes the value of a field where it is written: in its own literal, or in that of this block whose entry
    /// it is. `change` is told whether the value is Huffman-coded and must keep each code's length then.
    fn change_value(
        &mut self,
        field: usize,
        change: impl FnOnce(&mut [u8], bool),
    ) -> Result<(), NotEditable> {
        if !self.complete {
            return Err(NotEditable);
        }
        let found = self.fields.get(field).ok_or(NotEditable)?;
        let (field, found) = match found.repr {
            Representation::Literal { .. } => (field, found),
            Representation::Indexed { .. } => {
                let entry = self.fields.entry(field).ok_or(NotEditable)?;
                let literal = self.fields.inserted(entry).ok_or(NotEditable)?;
                (literal, self.fields.get(literal).ok_or(NotEditable)?)
            }
        };
        let Representation::Literal { value: StringLiteral { wire, huffman }, .. } = found.repr
        else {
            return Err(NotEditable);
        };
        let mut value = found.value.to_vec();
        change(&mut value, huffman);
        if value == found.value {
            return Ok(());
        }
        let mut coded = Vec::new();
        if huffman {
            encode(&value, &mut coded);
        } else {
            coded.extend_from_slice(&value);
        }
        let octets = self.gathered.octets_mut(wire.clone()).ok_or(NotEditable)?;
        if octets.len() != coded.len() {
            return Err(NotEditable);
        }
        octets.copy_from_slice(&coded);
        self.edited.push(wire);
        if let Some(entry) = self.fields.entry(field) {
            self.decoder.replace(entry, &value);
        }
        self.fields.replace(field, &value);
        Ok(())
    }
}

/// A neutral symbol whose Huffman code is as long as that of `octet`, which follows `lead`.
///
/// Control characters keep their value (no visible symbol has so long a code), and so does what a character beyond
/// ASCII begins with: its other octets become such octets again, so UTF-8 stays UTF-8. After four of these first
/// octets not all second ones are valid (RFC 3629 §4): there the second one stays as well.
fn mask(lead: u8, octet: u8) -> u8 {
    match octet {
        0..0x20 | 0x7f | 0xc0.. => octet,
        0x80..0xc0 if matches!(lead, 0xe0 | 0xed | 0xf0 | 0xf4) => octet,
        0x80..0xc0 => (0x80..0xc0).find(|&o| code_length(o) == code_length(octet)).unwrap_or(octet),
        0x20..0x7f => match code_length(octet) {
            5 => b'0',
            6 => b'-',
            7 => b'x',
            8 => b'X',
            10 => b'!',
            11 => b'+',
            12 => b'>',
            13 => b'$',
            14 => b'^',
            15 => b'`',
            _ => octet, // the backslash, alone with nineteen bits
        },
    }
}

/// Replaces words by unknown ones: neither a content coding nor a range unit has such a name. Separators stay, and
/// so do parameters (`;q=0.5`), whose value must remain a number.
fn blank(value: &mut [u8], huffman: bool) {
    let mut parameter = false;
    for octet in value {
        match *octet {
            b';' => parameter = true,
            b',' => parameter = false,
            b'*' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' if !parameter => {
                *octet = if huffman { mask(0, *octet) } else { b'x' };
            }
            _ => {}
        }
    }
}

/// Whether blanking it, in either way, would leave the value as it is.
fn is_blank(value: &[u8]) -> bool {
    let mut blanked = value.to_vec();
    blank(&mut blanked, true);
    blanked == value
}
