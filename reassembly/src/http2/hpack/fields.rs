//! The fields of one decoded header block.

use std::ops::Range;

use super::{EntryId, HpackError, MAX_FIELDS, MAX_LIST_SIZE, OVERHEAD, huffman};

/// A header field, and how the block holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// The name, as sent: pseudo-headers begin with `:`.
    pub name: &'a [u8],
    /// The value, as the receiver sees it.
    pub value: &'a [u8],
    /// The octets of the header block that are this field.
    pub wire: Range<usize>,
    /// What they are.
    pub repr: Representation,
}

/// How a field is represented (RFC 7541 §6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Representation {
    /// Indexed header field (§6.1): name and value of an entry.
    Indexed {
        /// Index into the static and dynamic table.
        index: u32,
    },
    /// Literal header field (§6.2).
    Literal {
        /// Whether it becomes an entry.
        indexing: Indexing,
        /// Where its name is from.
        name: Name,
        /// Where its value is.
        value: StringLiteral,
    },
}

/// What becomes of a literal field (RFC 7541 §6.2.1–6.2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Indexing {
    /// It is inserted into the dynamic table.
    Incremental,
    /// It is not inserted here, but may be at another hop.
    Without,
    /// It must never be inserted, at no hop.
    Never,
}

/// The name of a literal field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Name {
    /// That of an entry.
    Indexed(u32),
    /// A string.
    Literal(StringLiteral),
}

/// A string literal (RFC 7541 §5.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StringLiteral {
    /// The octets of its data in the header block.
    pub wire: Range<usize>,
    /// Whether they are Huffman-coded.
    pub huffman: bool,
}

/// What [`Fields`] knows of a field, besides its octets.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// Octets of the name.
    pub name: usize,
    /// Octets of the value.
    pub value: usize,
    pub wire: Range<usize>,
    pub repr: Representation,
    /// The dynamic entry that it was taken from, or that it became.
    pub entry: Option<EntryId>,
}

#[derive(Clone, Debug)]
struct Stored {
    start: usize,
    place: Place,
}

/// The fields of one header block, in order. Reused from block to block, so that decoding allocates nothing.
#[derive(Debug, Default)]
pub struct Fields {
    octets: Vec<u8>,
    stored: Vec<Stored>,
    size: usize,
}

/// Octets kept for the next block; what a larger one took is given back, or each idle connection would hold it.
const KEPT: usize = 8 * 1024;

impl Fields {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.stored.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.stored.is_empty()
    }

    /// The field of that place in the block.
    pub fn get(&self, index: usize) -> Option<Field<'_>> {
        self.stored.get(index).and_then(|stored| self.field(stored))
    }

    /// All fields, in order.
    pub fn iter(&self) -> impl Iterator<Item = Field<'_>> {
        self.stored.iter().filter_map(|stored| self.field(stored))
    }

    fn field<'a>(&'a self, stored: &Stored) -> Option<Field<'a>> {
        let (name, rest) = self.octets.get(stored.start..)?.split_at_checked(stored.place.name)?;
        Some(Field {
            name,
            value: rest.get(..stored.place.value)?,
            wire: stored.place.wire.clone(),
            repr: stored.place.repr.clone(),
        })
    }

    /// The dynamic entry that a field was taken from, or became.
    pub(crate) fn entry(&self, index: usize) -> Option<EntryId> {
        self.stored.get(index)?.place.entry
    }

    /// The literal of this block that became `entry`.
    pub(crate) fn inserted(&self, entry: EntryId) -> Option<usize> {
        self.stored.iter().position(|stored| {
            stored.place.entry == Some(entry)
                && matches!(stored.place.repr, Representation::Literal { .. })
        })
    }

    /// Gives a field, and those of the block that were taken from the entry that it became, a value of equal length.
    pub(crate) fn replace(&mut self, index: usize, value: &[u8]) {
        let entry = self.entry(index);
        for (place, stored) in self.stored.iter().enumerate() {
            if place != index && (entry.is_none() || stored.place.entry != entry) {
                continue;
            }
            let start = stored.start + stored.place.name;
            if let Some(old) = self.octets.get_mut(start..start + stored.place.value)
                && old.len() == value.len()
            {
                old.copy_from_slice(value);
            }
        }
    }

    pub(super) fn clear(&mut self) {
        self.octets.clear();
        self.octets.shrink_to(KEPT);
        self.stored.clear();
        self.stored.shrink_to(KEPT / OVERHEAD);
        self.size = 0;
    }

    /// Appends octets of the next field.
    pub(super) fn append(&mut self, octets: &[u8]) -> Result<usize, HpackError> {
        if self.octets.len() + octets.len() > MAX_LIST_SIZE {
            return Err(HpackError::ListTooLarge);
        }
        self.octets.extend_from_slice(octets);
        Ok(octets.len())
    }

    /// Appends what `octets` encode. They are bounded by the block, so the check of the sum may come after.
    pub(super) fn append_huffman(&mut self, octets: &[u8]) -> Result<usize, HpackError> {
        let before = self.octets.len();
        huffman::decode(octets, &mut self.octets)?;
        if self.octets.len() > MAX_LIST_SIZE {
            return Err(HpackError::ListTooLarge);
        }
        Ok(self.octets.len() - before)
    }

    /// The last `name` + `value` octets appended.
    pub(super) fn last_octets(&self, name: usize, value: usize) -> (&[u8], &[u8]) {
        let start = self.octets.len().saturating_sub(name + value);
        self.octets.get(start..).and_then(|last| last.split_at_checked(name)).unwrap_or_default()
    }

    /// Makes a field of the octets appended last.
    pub(super) fn push(&mut self, place: Place) -> Result<(), HpackError> {
        self.size += place.name + place.value + OVERHEAD;
        if self.stored.len() == MAX_FIELDS || self.size > MAX_LIST_SIZE {
            return Err(HpackError::ListTooLarge);
        }
        let start = self.octets.len().saturating_sub(place.name + place.value);
        self.stored.push(Stored { start, place });
        Ok(())
    }
}
