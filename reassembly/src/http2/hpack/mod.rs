//! Header compression (RFC 7541): header blocks → fields, and where in the block each of them is.
//!
//! The decoder keeps the **receiver's** view. Where the device changes a value on the wire, the entry that the
//! receiver inserts changes with it ([`Decoder::replace`]); lengths never change, so both ends evict alike.

mod fields;
pub mod huffman;
mod table;

use std::ops::Range;

pub use fields::{Field, Fields, Indexing, Name, Representation, StringLiteral};
pub(crate) use table::EntryId;
pub use table::{DEFAULT_SIZE, FIRST_DYNAMIC, OVERHEAD};

use fields::Place;
use table::Table;

/// Most octets of a decoded block, counted as SETTINGS_MAX_HEADER_LIST_SIZE does (RFC 9113 §6.5.2). Beyond it the
/// block is an error: without this, 64 KB of one-octet indices make 4 GB of fields.
pub const MAX_LIST_SIZE: usize = 256 * 1024;

/// Most fields of a block; beyond it the block is an error. (Envoy accepts 100 by default.)
pub const MAX_FIELDS: usize = 1000;

/// The largest dynamic table that is followed; an encoder that chooses a larger one is an error. Browsers offer
/// 65,536, most servers and libraries 4,096.
pub const MAX_TABLE_SIZE: u32 = 64 * 1024;

/// Why a header block cannot be decoded. Each is a connection error: the dynamic table is lost (RFC 9113 §4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HpackError {
    /// The block ends inside a representation.
    #[error("the header block ends inside a field")]
    Truncated,
    /// An integer beyond 32 bits, or longer than it needs five octets for (RFC 7541 §5.1).
    #[error("an integer of the header block is too large")]
    Integer,
    /// Index 0, or one beyond both tables (RFC 7541 §2.3.3, §6.1).
    #[error("index {0} is in neither table")]
    Index(u32),
    /// A Huffman-coded string that no encoder makes (RFC 7541 §5.2).
    #[error("a string of the header block is no Huffman code")]
    Huffman,
    /// A size update after a field, or beyond the limit (RFC 7541 §4.2, §6.3).
    #[error("the dynamic table is resized where or as it may not be")]
    SizeUpdate,
    /// More than [`MAX_LIST_SIZE`] octets or [`MAX_FIELDS`] fields.
    #[error("the header block decodes to more than {MAX_LIST_SIZE} octets or {MAX_FIELDS} fields")]
    ListTooLarge,
}

/// The decoding context of one direction of a connection (RFC 7541 §2.2).
pub struct Decoder {
    table: Table,
    limit: u32,
}

impl Default for Decoder {
    fn default() -> Decoder {
        Decoder::new()
    }
}

impl Decoder {
    /// A decoder with an empty table of [`DEFAULT_SIZE`].
    pub fn new() -> Decoder {
        Decoder { table: Table::new(), limit: DEFAULT_SIZE }
    }

    /// The receiver announced SETTINGS_HEADER_TABLE_SIZE: the encoder may choose any size up to that.
    ///
    /// A limit once announced stays allowed. The encoder obeys a lower one from its acknowledgement on, which the
    /// receiver enforces; a passive decoder only has to follow the sizes that the encoder then chooses.
    pub fn set_max_table_size(&mut self, size: u32) {
        self.limit = self.limit.max(size.min(MAX_TABLE_SIZE));
    }

    /// Octets of the dynamic table now (RFC 7541 §4.1).
    pub fn table_size(&self) -> usize {
        self.table.size()
    }

    /// The size that the encoder last chose for the dynamic table.
    pub fn max_table_size(&self) -> usize {
        self.table.max()
    }

    /// Decodes one whole header block into `fields`, whose former content goes.
    ///
    /// After an error the context no longer matches the encoder's, and no further block may be decoded.
    pub fn decode(&mut self, block: &[u8], fields: &mut Fields) -> Result<(), HpackError> {
        fields.clear();
        let mut block = Cursor { octets: block, at: 0 };
        while let Some(first) = block.peek() {
            let start = block.at;
            match first {
                0x80.. => self.indexed(&mut block, fields)?,
                0x40.. => self.literal(&mut block, 6, Indexing::Incremental, fields)?,
                0x20.. if fields.is_empty() => {
                    let size = block.integer(5)?;
                    if size > self.limit {
                        return Err(HpackError::SizeUpdate);
                    }
                    self.table.resize(size as usize);
                }
                0x20.. => return Err(HpackError::SizeUpdate),
                0x10.. => self.literal(&mut block, 4, Indexing::Never, fields)?,
                _ => self.literal(&mut block, 4, Indexing::Without, fields)?,
            }
            debug_assert!(block.at > start, "each representation has an octet or more");
        }
        Ok(())
    }

    /// The value of a dynamic entry was overwritten on the wire by one of the same length.
    pub(crate) fn replace(&mut self, entry: EntryId, value: &[u8]) {
        self.table.replace(entry, value);
    }

    /// Indexed header field (RFC 7541 §6.1).
    fn indexed(&self, block: &mut Cursor, fields: &mut Fields) -> Result<(), HpackError> {
        let start = block.at;
        let index = block.integer(7)?;
        let found = self.table.get(index).ok_or(HpackError::Index(index))?;
        fields.append(found.name)?;
        fields.append(found.value)?;
        fields.push(Place {
            name: found.name.len(),
            value: found.value.len(),
            wire: start..block.at,
            repr: Representation::Indexed { index },
            entry: found.entry,
        })
    }

    /// Literal header field, its index in `prefix` bits (RFC 7541 §6.2).
    fn literal(
        &mut self,
        block: &mut Cursor,
        prefix: u32,
        indexing: Indexing,
        fields: &mut Fields,
    ) -> Result<(), HpackError> {
        let start = block.at;
        let index = block.integer(prefix)?;
        let (name, name_len) = if index == 0 {
            let (literal, length) = block.string(fields)?;
            (Name::Literal(literal), length)
        } else {
            let found = self.table.get(index).ok_or(HpackError::Index(index))?;
            fields.append(found.name)?;
            (Name::Indexed(index), found.name.len())
        };
        let (value, value_len) = block.string(fields)?;
        let entry = match indexing {
            Indexing::Incremental => {
                let (name, value) = fields.last_octets(name_len, value_len);
                self.table.insert(name, value)
            }
            Indexing::Without | Indexing::Never => None,
        };
        fields.push(Place {
            name: name_len,
            value: value_len,
            wire: start..block.at,
            repr: Representation::Literal { indexing, name, value },
            entry,
        })
    }
}

/// Reads a header block from its beginning.
struct Cursor<'a> {
    octets: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    fn peek(&self) -> Option<u8> {
        self.octets.get(self.at).copied()
    }

    fn next(&mut self) -> Result<u8, HpackError> {
        let octet = self.peek().ok_or(HpackError::Truncated)?;
        self.at += 1;
        Ok(octet)
    }

    /// An integer whose first octet has `prefix` bits for it (RFC 7541 §5.1).
    fn integer(&mut self, prefix: u32) -> Result<u32, HpackError> {
        let max = 0xff_u8 >> (8 - prefix);
        let low = self.next()? & max;
        if low < max {
            return Ok(u32::from(low));
        }
        let mut value = u64::from(max);
        for shift in [0, 7, 14, 21, 28] {
            let octet = self.next()?;
            value += u64::from(octet & 0x7f) << shift;
            if octet & 0x80 == 0 {
                return u32::try_from(value).map_err(|_| HpackError::Integer);
            }
        }
        Err(HpackError::Integer)
    }

    /// A string literal (RFC 7541 §5.2): where it is, and how many octets were decoded to the end of `fields`.
    fn string(&mut self, fields: &mut Fields) -> Result<(StringLiteral, usize), HpackError> {
        let huffman = self.peek().is_some_and(|first| first & 0x80 != 0);
        let length = self.integer(7)? as usize;
        let wire: Range<usize> = self.at..self.at.saturating_add(length);
        let octets = self.octets.get(wire.clone()).ok_or(HpackError::Truncated)?;
        let decoded =
            if huffman { fields.append_huffman(octets)? } else { fields.append(octets)? };
        self.at = wire.end;
        Ok((StringLiteral { wire, huffman }, decoded))
    }
}
