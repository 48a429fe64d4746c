//! The static and the dynamic table of HPACK (RFC 7541 §2.3).

use std::collections::VecDeque;

/// The static table, indices 1 to 61 (RFC 7541 Appendix A).
#[rustfmt::skip]
const STATIC: [(&[u8], &[u8]); 61] = [
    (b":authority", b""), (b":method", b"GET"), (b":method", b"POST"), (b":path", b"/"),
    (b":path", b"/index.html"), (b":scheme", b"http"), (b":scheme", b"https"), (b":status", b"200"),
    (b":status", b"204"), (b":status", b"206"), (b":status", b"304"), (b":status", b"400"),
    (b":status", b"404"), (b":status", b"500"), (b"accept-charset", b""),
    (b"accept-encoding", b"gzip, deflate"), (b"accept-language", b""), (b"accept-ranges", b""),
    (b"accept", b""), (b"access-control-allow-origin", b""), (b"age", b""), (b"allow", b""),
    (b"authorization", b""), (b"cache-control", b""), (b"content-disposition", b""),
    (b"content-encoding", b""), (b"content-language", b""), (b"content-length", b""),
    (b"content-location", b""), (b"content-range", b""), (b"content-type", b""), (b"cookie", b""),
    (b"date", b""), (b"etag", b""), (b"expect", b""), (b"expires", b""), (b"from", b""),
    (b"host", b""), (b"if-match", b""), (b"if-modified-since", b""), (b"if-none-match", b""),
    (b"if-range", b""), (b"if-unmodified-since", b""), (b"last-modified", b""), (b"link", b""),
    (b"location", b""), (b"max-forwards", b""), (b"proxy-authenticate", b""),
    (b"proxy-authorization", b""), (b"range", b""), (b"referer", b""), (b"refresh", b""),
    (b"retry-after", b""), (b"server", b""), (b"set-cookie", b""),
    (b"strict-transport-security", b""), (b"transfer-encoding", b""), (b"user-agent", b""),
    (b"vary", b""), (b"via", b""), (b"www-authenticate", b""),
];

/// The first index of the dynamic table.
pub const FIRST_DYNAMIC: u32 = STATIC.len() as u32 + 1;

/// What an entry costs beside its octets (RFC 7541 §4.1).
pub const OVERHEAD: usize = 32;

/// Size of the dynamic table until a size update says otherwise (RFC 9113 §6.5.2).
pub const DEFAULT_SIZE: u32 = 4096;

/// An entry as a lookup gives it.
#[derive(Clone, Copy)]
pub(super) struct Found<'a> {
    pub name: &'a [u8],
    pub value: &'a [u8],
    /// Which dynamic entry it is.
    pub entry: Option<EntryId>,
}

/// A dynamic entry, numbered in order of insertion; never used twice in a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EntryId(u64);

#[derive(Clone, Copy)]
struct Entry {
    /// Where its name begins in `Table::octets`; its value follows.
    start: usize,
    name: usize,
    value: usize,
}

impl Entry {
    fn size(&self) -> usize {
        self.name + self.value + OVERHEAD
    }
}

/// The index space of one direction: the static table, then the dynamic one, newest entry first.
///
/// The octets of all entries lie one after the other in one buffer; those of evicted entries are dropped when the
/// buffer has grown to twice what the table may hold. So inserting allocates nothing once the buffer has its size.
pub(super) struct Table {
    octets: Vec<u8>,
    entries: VecDeque<Entry>, // oldest first
    size: usize,
    max: usize,
    inserted: u64,
}

impl Table {
    pub fn new() -> Table {
        Table {
            octets: Vec::new(),
            entries: VecDeque::new(),
            size: 0,
            max: DEFAULT_SIZE as usize,
            inserted: 0,
        }
    }

    /// Octets of the dynamic table as RFC 7541 §4.1 counts them.
    pub fn size(&self) -> usize {
        self.size
    }

    /// The size that the encoder last chose.
    pub fn max(&self) -> usize {
        self.max
    }

    /// Follows a dynamic table size update (RFC 7541 §4.3).
    pub fn resize(&mut self, max: usize) {
        self.max = max;
        self.evict(max);
    }

    pub fn get(&self, index: u32) -> Option<Found<'_>> {
        let Some(age) = index.checked_sub(FIRST_DYNAMIC) else {
            let (name, value) = STATIC.get((index as usize).checked_sub(1)?)?;
            return Some(Found { name, value, entry: None });
        };
        let entry = self.entries.get(self.entries.len().checked_sub(age as usize + 1)?)?;
        let (name, rest) = self.octets.get(entry.start..)?.split_at_checked(entry.name)?;
        let id = EntryId(self.inserted - 1 - u64::from(age));
        Some(Found { name, value: rest.get(..entry.value)?, entry: Some(id) })
    }

    /// Inserts an entry and evicts what no longer fits. One larger than the whole table empties it and is none
    /// (RFC 7541 §4.4).
    pub fn insert(&mut self, name: &[u8], value: &[u8]) -> Option<EntryId> {
        let entry = Entry { start: 0, name: name.len(), value: value.len() };
        let Some(room) = self.max.checked_sub(entry.size()) else {
            self.evict(0);
            return None;
        };
        self.evict(room);
        if self.octets.len() + name.len() + value.len() > 2 * self.max {
            self.compact();
        }
        self.entries.push_back(Entry { start: self.octets.len(), ..entry });
        self.octets.extend_from_slice(name);
        self.octets.extend_from_slice(value);
        self.size += entry.size();
        self.inserted += 1;
        Some(EntryId(self.inserted - 1))
    }

    /// Gives the entry another value of the same length, unless it has been evicted.
    pub fn replace(&mut self, id: EntryId, value: &[u8]) {
        let Some(age) = self.inserted.checked_sub(id.0 + 1) else { return };
        let Some(place) = self.entries.len().checked_sub(age as usize + 1) else { return };
        let Some(entry) = self.entries.get(place) else { return };
        let start = entry.start + entry.name;
        if let Some(old) = self.octets.get_mut(start..start + entry.value)
            && old.len() == value.len()
        {
            old.copy_from_slice(value);
        }
    }

    fn evict(&mut self, room: usize) {
        while self.size > room
            && let Some(oldest) = self.entries.pop_front()
        {
            self.size -= oldest.size();
        }
        if self.entries.is_empty() {
            self.octets.clear();
        }
    }

    fn compact(&mut self) {
        let Some(dead) = self.entries.front().map(|oldest| oldest.start) else { return };
        self.octets.drain(..dead);
        for entry in &mut self.entries {
            entry.start -= dead;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_entry_comes_first_and_the_oldest_goes_first() {
        let mut table = Table::new();
        table.resize(3 * (OVERHEAD + 4));
        for n in 0..1000u32 {
            let name = [b'a' + (n % 26) as u8];
            table.insert(&name, format!("{:03}", n).as_bytes()).unwrap();
            assert_eq!(table.get(FIRST_DYNAMIC).unwrap().value, format!("{n:03}").as_bytes());
            assert_eq!(table.entries.len(), 3.min(n as usize + 1));
            assert!(table.octets.capacity() < 8 * table.max());
        }
        assert_eq!(table.get(FIRST_DYNAMIC + 2).unwrap().value, b"997");
        assert!(table.get(FIRST_DYNAMIC + 3).is_none());
        assert!(table.get(0).is_none());
        assert_eq!(table.get(16).unwrap().name, b"accept-encoding");
        assert_eq!(table.get(61).unwrap().name, b"www-authenticate");
    }

    #[test]
    fn an_entry_too_large_empties_the_table() {
        let mut table = Table::new();
        table.insert(b"a", b"b").unwrap();
        assert_eq!(table.size(), 34);
        assert_eq!(table.insert(b"a", &[b'x'; 4096 - 32]), None);
        assert_eq!(table.size(), 0);
        assert!(table.insert(b"", &[b'x'; 4096 - 32]).is_some());
        assert_eq!(table.size(), 4096);
    }

    #[test]
    fn a_replaced_value_is_found_by_index() {
        let mut table = Table::new();
        let first = table.insert(b"a", b"one").unwrap();
        table.insert(b"b", b"two");
        table.replace(first, b"***");
        assert_eq!(table.get(FIRST_DYNAMIC + 1).unwrap().value, b"***");
        assert_eq!(table.get(FIRST_DYNAMIC).unwrap().value, b"two");
        table.resize(0);
        table.replace(first, b"---");
        assert!(table.get(FIRST_DYNAMIC).is_none());
    }
}
