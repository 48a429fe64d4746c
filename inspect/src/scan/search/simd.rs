//! The vectorised search for places where a match could be.
//!
//! One pass over the bytes, 64 at a time, yields bit masks of each block:
//! - `runs`: a run of [`MIN_RUN`] digits and single separators is complete here for the first time. Found with shifts
//!   and ANDs over the mask of digits, carried from block to block, so it costs the same for any number of runs.
//! - `points`: three bytes here look like the beginning of something: a literal prefix, `@`, two capitals and a digit,
//!   `(dd`, `+d`. Each of eight buckets is a bit, and for each of the three bytes a table tells which buckets agree
//!   (Teddy, by Langdale; also in Hyperscan and the `memchr` crate). With AVX2 that is two tables of 16 entries, by low
//!   and high nibble; with AVX-512 VBMI one of 128. Both may err towards "yes".
//! - `escapes` and `letters`, where they are asked for: a byte that begins an escape, and a run of [`LONG_RUN`] letters of
//!   base64 that is complete here for the first time.
//!
//! And places where a letter begins a word that may be one that is looked for. They are looked up by their first bytes
//! ([`super::words`]): eight buckets cannot tell hundreds of names apart, but few bytes begin a word.
//!
//! All variants (AVX-512 VBMI, AVX2, portable) give the same masks, bit by bit, but for the points in which they err.

use super::words::{Gathered, Words};

/// Bytes a block.
pub(in crate::scan) const BLOCK: usize = 64;
/// Zero bytes that must follow the searched bytes, so that loads of whole blocks, and of a word's first twelve bytes at a block's
/// last one, stay inside the buffer.
pub(in crate::scan) const PADDING: usize = BLOCK + 12;
/// Shortest run that is reported: `123-45-6789`. Ten digits or a date are shorter, and they are what ordinary bodies
/// are full of.
pub(in crate::scan) const MIN_RUN: usize = 11;

/// Bytes in front of a letter that tell whether it begins a word: an escape's `\u0020`.
const REACH: usize = 6;

/// A set of bytes.
pub(in crate::scan) type ByteSet = [bool; 256];

/// A table by byte: ASCII and what is beyond, in halves, as vector registers hold them.
pub(in crate::scan) type ByByte = [[[u8; BLOCK]; 2]; 2];

/// What such a table says of a byte.
#[inline(always)]
fn of(table: &ByByte, b: u8) -> u8 {
    table.as_flattened().as_flattened().get(usize::from(b)).copied().unwrap_or(0)
}

/// The tables of the search for points.
#[derive(Clone, Debug)]
pub(in crate::scan) struct Tables {
    /// For each of the three bytes: its buckets.
    pub exact: [ByByte; 3],
    /// For each of the three bytes: buckets by low nibble, for AVX2.
    pub low: [[u8; 16]; 3],
    /// For each of the three bytes: buckets by high nibble, for AVX2.
    pub high: [[u8; 16]; 3],
    /// Whether anything may begin at a point.
    pub points: bool,
    /// Which words to look for.
    pub words: Words,
}

impl Tables {
    /// Tables for up to eight buckets; each is a list of three-byte patterns.
    pub fn new(buckets: &[Vec<[ByteSet; 3]>]) -> Tables {
        let mut exact = [[[[0; BLOCK]; 2]; 2]; 3];
        let (mut low, mut high) = ([[0; 16]; 3], [[0; 16]; 3]);
        for (bit, bucket) in buckets.iter().take(8).enumerate() {
            for sets in bucket {
                let nibbles = low.iter_mut().zip(&mut high);
                for ((set, exact), (low, high)) in sets.iter().zip(&mut exact).zip(nibbles) {
                    let entries = exact.as_flattened_mut().as_flattened_mut();
                    for (b, (_, entry)) in
                        set.iter().zip(entries).enumerate().filter(|(_, (member, _))| **member)
                    {
                        *entry |= 1 << bit;
                        low.get_mut(b & 15).into_iter().for_each(|l: &mut u8| *l |= 1 << bit);
                        high.get_mut(b >> 4).into_iter().for_each(|h: &mut u8| *h |= 1 << bit);
                    }
                }
            }
        }
        let points = buckets.iter().any(|bucket| !bucket.is_empty());
        Tables { exact, low, high, points, words: Words::new(std::iter::empty()) }
    }

    /// Whether something may begin with these bytes, of which there may be fewer than three.
    pub fn may_begin(&self, bytes: &[u8]) -> bool {
        let places = bytes.iter().zip(&self.exact);
        places.fold(u8::MAX, |buckets, (b, table)| buckets & of(table, *b)) != 0
    }
}

/// What is searched.
#[derive(Clone, Copy)]
pub(in crate::scan) struct Input<'a> {
    /// The bytes with [`PADDING`] zero bytes behind them.
    pub padded: &'a [u8],
    /// From where and how far to search.
    pub from: usize,
    pub to: usize,
    /// Whether it is protobuf, where framing in front of a word may look like letters.
    pub binary: bool,
    /// Whether escapes and runs of base64 are looked for. Not in protobuf.
    pub escapes: bool,
}

/// Letters of base64 in a row that are looked for: a card number has so many.
pub(in crate::scan) const LONG_RUN: usize = 22;

/// What a byte is, by the lower and the upper half of it: the bits that both have say it.
pub(in crate::scan) struct Halves {
    pub low: [u8; 16],
    pub high: [u8; 16],
}

/// The letters of base64 (RFC 4648, either alphabet): `+`, `/`, `-`; digits; `A` to `O` in either case; `P` to `Z` and
/// `_`; `p` to `z`. What begins an escape: `%` and `&`; the backslash. What separates digits: the blank, `-`, `.`.
// Grouped by what the bits say.
#[expect(clippy::unusual_byte_groupings)]
pub(in crate::scan) const KINDS: Halves = Halves {
    #[rustfmt::skip]
    low: [
        0b1_00_11010, 0b0_00_11110, 0b0_00_11110, 0b0_00_11110,
        0b0_00_11110, 0b0_01_11110, 0b0_01_11110, 0b0_00_11110,
        0b0_00_11110, 0b0_00_11110, 0b0_00_11100, 0b0_00_00101,
        0b0_10_00100, 0b1_00_00101, 0b1_00_00100, 0b0_00_01101,
    ],
    #[rustfmt::skip]
    high: [
        0, 0, 0b1_01_00001, 0b0_00_00010, 0b0_00_00100, 0b0_10_01000, 0b0_00_00100, 0b0_00_10000,
        0, 0, 0, 0, 0, 0, 0, 0,
    ],
};
/// The same by byte.
#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
pub(in crate::scan) const KINDS_BY_BYTE: ByByte = {
    let mut table = [[[0; BLOCK]; 2]; 2];
    let mut b = 0;
    while b < 256 {
        table[b >> 7][b >> 6 & 1][b & 63] = KINDS.low[b & 15] & KINDS.high[b >> 4];
        b += 1;
    }
    table
};
/// The bits of [`KINDS`] that say a letter.
pub(in crate::scan) const LETTER: u8 = 0b1_1111;
/// That of digits.
pub(in crate::scan) const DIGIT: u8 = 0b10;
/// Those that say what begins an escape.
pub(in crate::scan) const ESCAPE: u8 = 0b110_0000;
/// That of what separates digits.
pub(in crate::scan) const SEPARATOR: u8 = 1 << 7;

/// Whether it is a letter of base64.
pub(in crate::scan) fn is_letter(b: u8) -> bool {
    of(&KINDS_BY_BYTE, b) & LETTER != 0
}

/// One block that holds a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::scan) struct Block {
    /// Offset of its first byte.
    pub at: usize,
    /// Where a run becomes long enough.
    pub runs: u64,
    /// Where something may begin.
    pub points: u64,
    /// Where a varint of protobuf ends that is long enough for a card. Nothing in other content.
    pub varints: u64,
    /// Where an escape may begin.
    pub escapes: u64,
    /// Where a run of letters of base64 becomes long enough.
    pub letters: u64,
}

impl Block {
    /// Whether there is nothing in it.
    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        let Block { at: _, runs, points, varints, escapes, letters } = self;
        runs | points | varints | escapes | letters == 0
    }
}

/// What the search tells.
pub(in crate::scan) enum Told<'a> {
    /// A block that holds candidates, in the order of the text.
    Block(Block),
    /// Where one of the words may begin, in the order of the text; the blocks up to there were told before.
    Words(&'a [u32]),
}

/// What of a mask goes over into the next block when it is shifted. (Kept apart, and not as the mask itself: shifting two words as
/// one is slow on many processors.)
#[derive(Clone, Copy, Default)]
struct Carry(u64);

impl Carry {
    /// The mask, `by` places to the right in the text.
    #[inline(always)]
    fn shift(&mut self, mask: u64, by: u32) -> u64 {
        let shifted = mask << by | self.0;
        self.0 = mask >> (64 - by);
        shifted
    }
}

/// Finds where `N` places in a row have become full, from block to block.
#[derive(Clone, Copy, Default)]
struct InARow<const N: u32> {
    /// Full places at the end of the block before, `N` at most.
    open: u32,
}

impl<const N: u32> InARow<N> {
    /// Takes the mask of the next block.
    #[inline(always)]
    fn step(&mut self, full: u64) -> u64 {
        // Where as many as `length` begin, each made of two shorter ones.
        let (mut begin, mut length) = (full, 1);
        while length * 2 <= N {
            begin &= begin >> length;
            length *= 2;
        }
        begin &= begin >> (N - length);
        // What begins at the block's first place may go on from the block before.
        let inside = (begin & !(begin << 1) & !1) << (N - 1);
        let needed = N - self.open;
        let crosses = needed > 0 && full.trailing_ones() >= needed;
        let crossing = u64::from(crosses) << (needed.wrapping_sub(1) & 63);
        self.open = full.leading_ones().min(N);
        inside | crossing
    }
}

/// Carries the search for digit runs from block to block.
#[derive(Default)]
pub(in crate::scan) struct Runs {
    digits: Carry,
    row: InARow<{ MIN_RUN as u32 }>,
}

impl Runs {
    /// Takes the masks of digits and separators of the next block; returns where runs become [`MIN_RUN`] long.
    #[inline(always)]
    pub fn step(&mut self, digits: u64, separators: u64) -> u64 {
        self.row.step(digits | separators & self.digits.shift(digits, 1))
    }
}

/// Carries the search for long runs of letters from block to block.
#[derive(Default)]
pub(in crate::scan) struct LongRuns(InARow<{ LONG_RUN as u32 }>);

impl LongRuns {
    /// As it is in front of where the search begins.
    pub fn at(input: &Input) -> LongRuns {
        let near = input.padded.get(input.from.saturating_sub(LONG_RUN)..input.from);
        let letters = near.unwrap_or(&[]).iter().rev().take_while(|b| is_letter(**b)).count();
        LongRuns(InARow { open: letters as u32 })
    }

    /// Takes the mask of letters of the next block; returns where runs become [`LONG_RUN`] long.
    #[inline(always)]
    pub fn step(&mut self, letters: u64) -> u64 {
        self.0.step(letters)
    }
}

/// Carries the search for long varints from block to block.
#[derive(Default)]
pub(in crate::scan) struct Varints {
    h1: Carry,
    h2: Carry,
    h2_again: Carry,
    h6: Carry,
}

impl Varints {
    /// Takes the mask of bytes with the highest bit, which say that the number goes on; returns where seven bytes or more
    /// end it: cards of fourteen digits have seven.
    #[inline(always)]
    pub fn step(&mut self, high: u64) -> u64 {
        let h2 = high & self.h1.shift(high, 1);
        let h4 = h2 & self.h2.shift(h2, 2);
        let h6 = h4 & self.h2_again.shift(h2, 4);
        self.h6.shift(h6, 1) & !high
    }
}

/// The classes of bytes of a block that tell where words begin.
#[derive(Clone, Copy, Default)]
pub(in crate::scan) struct Classes {
    /// `A` to `Z` and `a` to `z`.
    pub letters: u64,
    /// `A` to `Z`.
    pub capitals: u64,
    /// `0` to `9`.
    pub digits: u64,
    /// Backslashes.
    pub backslashes: u64,
    /// Percent signs.
    pub percents: u64,
    /// What may be the tag of a string in protobuf: the wire type 2 in the lowest three bits. Nothing in other content.
    pub tags: u64,
}

/// Carries the search for the beginnings of words from block to block.
#[derive(Default)]
pub(in crate::scan) struct Starts {
    inner: Carry,
    capitals: Carry,
    /// Where something in the blocks before ends, behind which a word begins.
    behind: u64,
}

impl Starts {
    /// As it is in front of where the search begins.
    pub fn at(input: &Input) -> Starts {
        let mut before = Classes::default();
        let near = input.padded.get(input.from.saturating_sub(REACH)..input.from).unwrap_or(&[]);
        // The last byte before a block is the highest bit of the block before it.
        for (b, bit) in near.iter().rev().zip((0..64).rev()) {
            before.letters |= u64::from(b.is_ascii_alphabetic()) << bit;
            before.capitals |= u64::from(b.is_ascii_uppercase()) << bit;
            before.digits |= u64::from(b.is_ascii_digit()) << bit;
            before.backslashes |= u64::from(*b == b'\\') << bit;
            before.percents |= u64::from(*b == b'%') << bit;
            before.tags |= u64::from(input.binary && *b & 7 == 2) << bit;
        }
        let mut starts = Starts::default();
        starts.step(before);
        starts
    }

    /// Takes the classes of the next block; returns which letters begin a word: behind no letter or digit, a capital
    /// behind a small letter (`apiKey`), behind an escape (`\n`, `\u0020`, `%20`), or behind a tag of protobuf and a length
    /// of one or two bytes: the length may be a letter or digit.
    #[inline(always)]
    pub fn step(&mut self, now: Classes) -> u64 {
        let inner = self.inner.shift(now.letters | now.digits, 1);
        let capital = self.capitals.shift(now.capitals, 1);
        let mut behind = self.behind;
        self.behind = 0;
        // Most blocks have neither.
        if now.backslashes | now.percents | now.tags != 0 {
            for (mask, by) in [
                (now.backslashes, 2),
                (now.backslashes, 6),
                (now.percents, 3),
                (now.tags, 2),
                (now.tags, 3),
            ] {
                behind |= mask << by;
                self.behind |= mask >> (64 - by);
            }
        }
        now.letters & (!inner | now.capitals & !capital | behind)
    }
}

/// What a variant of the search is: the tables, what to search, and whom to tell.
pub(in crate::scan) type Search = fn(&Tables, &Input, &mut dyn FnMut(Told));

/// The fastest variant that this processor has.
pub(in crate::scan) fn best() -> Search {
    variants().pop().map_or(portable, |(_, search)| search)
}

/// All variants that this processor has, the fastest last.
pub(in crate::scan) fn variants() -> Vec<(&'static str, Search)> {
    let mut all: Vec<(&'static str, Search)> = vec![("portable", portable)];
    #[cfg(target_arch = "x86_64")]
    all.extend(super::simd_x86::variants());
    all
}

/// The search without vector instructions.
fn portable(tables: &Tables, input: &Input, tell: &mut dyn FnMut(Told)) {
    let mut gathered = Gathered::new();
    let mut runs = Runs::default();
    let mut starts = Starts::at(input);
    let mut varints = Varints::default();
    let mut long_runs = LongRuns::at(input);
    let mut at = input.from;
    while at < input.to {
        let bytes = input.padded.get(at..).and_then(|b| b.first_chunk::<PADDING>());
        let Some(bytes) = bytes else { break };
        let (mut digits, mut separators, mut points, mut high) = (0, 0, 0, 0);
        let (mut escapes, mut letters) = (0, 0);
        let mut classes = Classes::default();
        for (i, three) in bytes.windows(3).take(BLOCK).enumerate() {
            let [a, b, c] = three else { continue };
            digits |= u64::from(a.is_ascii_digit()) << i;
            classes.letters |= u64::from(a.is_ascii_alphabetic()) << i;
            classes.capitals |= u64::from(a.is_ascii_uppercase()) << i;
            classes.backslashes |= u64::from(*a == b'\\') << i;
            classes.percents |= u64::from(*a == b'%') << i;
            classes.tags |= u64::from(input.binary && a & 7 == 2) << i;
            high |= u64::from(input.binary && *a >= 0x80) << i;
            separators |= u64::from(crate::scan::view::is_separator(*a)) << i;
            escapes |= u64::from(input.escapes && matches!(a, b'\\' | b'%' | b'&')) << i;
            letters |= u64::from(input.escapes && is_letter(*a)) << i;
            let [first, second, third] = &tables.exact;
            let begins = of(first, *a) & of(second, *b) & of(third, *c) != 0;
            points |= u64::from(begins) << i;
        }
        let runs = runs.step(digits, separators);
        let starts = starts.step(Classes { digits, ..classes });
        gathered.push(at, tables.words.likely(bytes, starts));
        let varints = varints.step(high);
        let letters = long_runs.step(letters);
        let block = Block { at, runs, points, varints, escapes, letters };
        if !block.is_empty() {
            tell(Told::Block(block));
        }
        if gathered.is_full() {
            tell(Told::Words(gathered.known(&tables.words, input)));
        }
        at += BLOCK;
    }
    tell(Told::Words(gathered.known(&tables.words, input)));
}

#[cfg(test)]
mod tests;
