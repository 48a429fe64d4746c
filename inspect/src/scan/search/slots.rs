//! Texts looked up by their first four bytes, and at once by what all those of the same four bytes go on with.

/// All texts with the same first four bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::scan) struct Slot {
    pub key: u32,
    /// Where in the list they begin, counted from 1; 0 where there are none.
    first: u32,
    /// What all of them have in the next eight bytes.
    rest: u64,
    mask: u64,
}

impl Slot {
    /// Where in the list they begin.
    pub fn first(&self) -> usize {
        (self.first as usize).saturating_sub(1)
    }

    /// Whether one of them may go on with these bytes, of which those in `there` are known.
    #[inline(always)]
    pub fn fits(&self, rest: u64, there: u64) -> bool {
        (rest ^ self.rest) & self.mask & there == 0
    }
}

/// An entry of the list: its key, what follows, and which bits of that are certain.
pub(in crate::scan) type Entry = (u32, u64, u64);

/// A table by the hash of the key, at most half full, so that a look-up ends soon.
#[derive(Clone, Debug, Default)]
pub(in crate::scan) struct Slots(Vec<Slot>);

/// Fibonacci hashing (Knuth, The Art of Computer Programming, volume 3, 6.4): the upper bits are the mixed ones.
#[inline(always)]
pub(in crate::scan) fn hash(key: u32) -> u32 {
    key.wrapping_mul(0x9e37_79b1)
}

/// The likeliest place of a key, before it is cut to a table's size.
#[inline(always)]
fn start(key: u32) -> usize {
    (hash(key) >> 8) as usize
}

/// The places of a table at which a key may stand, the likeliest first.
#[inline]
fn probe(key: u32, size: usize) -> impl Iterator<Item = usize> {
    let from = start(key);
    (0..size).map(move |i| (from + i) & (size - 1))
}

impl Slots {
    /// Of a list in the order of its keys.
    pub fn new(list: &[Entry]) -> Slots {
        let of_a_key = || list.chunk_by(|(a, ..), (b, ..)| a == b);
        let size = (2 * of_a_key().count()).next_power_of_two();
        let (mut table, mut first) = (vec![Slot::default(); size], 1);
        for entries in of_a_key() {
            let Some((key, ..)) = entries.first().copied() else { continue };
            let (rest, mask) = common(entries.iter().copied());
            let free = probe(key, size).find(|i| table.get(*i).is_some_and(|slot| slot.first == 0));
            let slot = free.and_then(|i| table.get_mut(i));
            slot.into_iter().for_each(|slot| *slot = Slot { key, first, rest, mask });
            first += entries.len() as u32;
        }
        Slots(table)
    }

    /// Whether one of the texts of a key may go on with these bytes, of which those in `there` are known. Looks at two places of the table and
    /// says yes where more may tell: without a branch.
    #[inline(always)]
    pub fn may_fit(&self, key: u32, rest: u64, there: u64) -> bool {
        let (at, mask) = (start(key), self.0.len().wrapping_sub(1));
        let two = (self.0.get(at & mask), self.0.get((at + 1) & mask));
        let (Some(first), Some(second)) = two else { return false };
        let fits = |slot: &Slot| (slot.key == key) & slot.fits(rest, there);
        let beyond =
            (first.key != key) & (second.key != key) & (first.first != 0) & (second.first != 0);
        fits(first) | fits(second) | beyond
    }

    /// The texts of a key.
    #[inline]
    pub fn find(&self, key: u32) -> Option<&Slot> {
        let mut likely = probe(key, self.0.len()).map_while(|i| self.0.get(i));
        likely.find(|slot| slot.key == key || slot.first == 0).filter(|slot| slot.first != 0)
    }
}

/// What all entries go on with, and which bits of that they have in common.
pub(in crate::scan) fn common(mut entries: impl Iterator<Item = Entry>) -> (u64, u64) {
    let Some((_, rest, mask)) = entries.next() else { return (0, 0) };
    let mask = entries.fold(mask, |mask, (_, r, m)| mask & m & !(r ^ rest));
    (rest & mask, mask)
}

/// Beginnings of texts, shorter than a key, each with the index of what begins with it.
#[derive(Clone, Debug, Default)]
pub(in crate::scan) struct Parts {
    /// In order.
    all: Vec<(u32, u16)>,
    slots: Slots,
}

impl Parts {
    pub fn new(mut all: Vec<(u32, u16)>) -> Parts {
        all.sort_unstable();
        all.dedup();
        let slots = Slots::new(&all.iter().map(|(part, _)| (*part, 0, 0)).collect::<Vec<_>>());
        Parts { all, slots }
    }

    /// What begins with this.
    pub fn of(&self, part: u32) -> impl Iterator<Item = u16> {
        let from = self.slots.find(part).map_or(usize::MAX, Slot::first);
        let same = self.all.iter().skip(from).take_while(move |(known, _)| *known == part);
        same.map(|(_, index)| *index)
    }
}

/// Covers the first bytes of eight.
#[inline(always)]
pub(in crate::scan) fn covers(bytes: usize) -> u64 {
    u64::MAX.checked_shr(64 - 8 * bytes.min(8) as u32).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_knows_what_all_of_its_key_have() {
        let list =
            [(1, 0x6261, covers(2)), (7, 0x61, covers(1)), (7, 0x62_0061, 0xff_00ff), (8, 0, 0)];
        let slots = Slots::new(&list);
        let firsts = [1, 7, 8].map(|key| slots.find(key).map(Slot::first));
        assert_eq!(firsts, [Some(0), Some(1), Some(3)]);
        assert!(slots.find(0).is_none() && slots.find(9).is_none());
        let fits = |key, rest, there| slots.find(key).unwrap().fits(rest, covers(there));
        assert!(fits(1, 0x6261, 8) && fits(1, 0x61, 1) && !fits(1, 0x61, 2));
        assert!(fits(7, 0x61, 8) && !fits(7, 0x62, 8) && fits(8, 0x62, 8));
    }
}
