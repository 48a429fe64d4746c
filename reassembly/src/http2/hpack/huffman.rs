//! The Huffman code of HPACK (RFC 7541 §5.2, Appendix B).
//!
//! The code is canonical: codes count upwards by length, then by symbol. So the 256 lengths say everything, and the
//! tables below are computed from them at compile time. Decoding looks up 11 bits at a time, which usually hold two
//! symbols; the rare longer codes are found by their length.

use super::HpackError;

/// Bits of the code of each octet (RFC 7541 Appendix B). EOS is thirty ones.
#[rustfmt::skip]
const LENGTHS: [u8; 256] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
    28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
    6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
    5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
    13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5,
    6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
    21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
    19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
];

/// The shortest code is five bits long.
const SHORTEST: usize = 5;
/// The longest code is thirty bits long.
const LONGEST: u8 = 30;
/// Bits looked up at once: two symbols of text, in a table that fits a first-level cache.
const LOOKUP: u32 = 11;

/// What the next `LOOKUP` bits begin with: up to two symbols (`count`, 0 if the code is longer) in `bits` bits.
#[derive(Clone, Copy)]
struct Entry {
    symbols: [u8; 2],
    count: u8,
    bits: u8,
}

/// The codes of one length: `first`, `first + 1`, …, for `count` symbols from `SORTED[offset]` on.
#[derive(Clone, Copy)]
struct Length {
    first: u32,
    count: u32,
    offset: usize,
}

struct Tables {
    codes: [u32; 256],
    sorted: [u8; 256],
    lengths: [Length; LONGEST as usize + 1],
    lookup: [Entry; 1 << LOOKUP],
}

static TABLES: Tables = tables();

// Indexing in a const fn: out of bounds is an error at compile time, not a panic.
#[allow(clippy::indexing_slicing)]
const fn tables() -> Tables {
    let none = Length { first: 0, count: 0, offset: 0 };
    let mut codes = [0; 256];
    let mut sorted = [0; 256];
    let mut lengths = [none; LONGEST as usize + 1];
    let (mut code, mut placed, mut bits) = (0, 0, 1);
    while bits <= LONGEST {
        code <<= 1;
        lengths[bits as usize] = Length { first: code, count: 0, offset: placed };
        let mut symbol = 0;
        while symbol < 256 {
            if LENGTHS[symbol] == bits {
                codes[symbol] = code;
                sorted[placed] = symbol as u8;
                lengths[bits as usize].count += 1;
                code += 1;
                placed += 1;
            }
            symbol += 1;
        }
        bits += 1;
    }

    let mut lookup = [Entry { symbols: [0; 2], count: 0, bits: 0 }; 1 << LOOKUP];
    let mut index = 0;
    while index < lookup.len() {
        let mut entry = lookup[index];
        while entry.count < 2 {
            match shortest_code(index as u32, entry.bits, &lengths) {
                Some((length, rank)) => {
                    entry.symbols[entry.count as usize] = sorted[rank];
                    entry.bits += length;
                    entry.count += 1;
                }
                None => break,
            }
        }
        lookup[index] = entry;
        index += 1;
    }
    Tables { codes, sorted, lengths, lookup }
}

/// The code that begins after `skip` of the `LOOKUP` bits in `window`, if it ends there too: its length, and where
/// in the sorted order its symbol is.
#[allow(clippy::indexing_slicing)]
const fn shortest_code(
    window: u32,
    skip: u8,
    lengths: &[Length; LONGEST as usize + 1],
) -> Option<(u8, usize)> {
    let left = LOOKUP as u8 - skip;
    let mut bits = SHORTEST as u8;
    while bits <= left {
        let code = (window >> (left - bits)) & ((1 << bits) - 1);
        let length = lengths[bits as usize];
        if code >= length.first && code - length.first < length.count {
            return Some((bits, length.offset + (code - length.first) as usize));
        }
        bits += 1;
    }
    None
}

/// Appends the octets that `src` encodes to `out`.
///
/// Errors: a code that is cut short, EOS, or padding that is longer than seven bits or not all ones
/// ([`HpackError::Huffman`], as RFC 7541 §5.2 demands).
pub fn decode(src: &[u8], out: &mut Vec<u8>) -> Result<(), HpackError> {
    let begin = out.len();
    // Room for the longest result, and for the second symbol that each lookup writes whether it counts or not.
    out.resize(begin + src.len() * 8 / SHORTEST + 2, 0);
    let decoded = decode_into(src, out.get_mut(begin..).unwrap_or_default());
    out.truncate(begin + decoded.unwrap_or(0));
    decoded.map(|_| ())
}

/// Decodes into `out`, which is long enough, and says how many octets came out.
fn decode_into(src: &[u8], out: &mut [u8]) -> Result<usize, HpackError> {
    let mut left = src.len() * 8; // bits of `src` not yet decoded
    let mut window = Window { rest: src, bits: 0, count: 0 };
    let mut written = 0;
    loop {
        window.refill();
        if left < 8 && window.bits.leading_ones() as usize >= left {
            return Ok(written); // only padding is left
        }
        let index = (window.bits >> (64 - LOOKUP)) as usize;
        let entry = match TABLES.lookup.get(index) {
            Some(entry) if entry.count > 0 => *entry,
            _ => long_code(window.bits).ok_or(HpackError::Huffman)?,
        };
        // Past the end the window holds ones; a code that needs them was cut short.
        left = left.checked_sub(usize::from(entry.bits)).ok_or(HpackError::Huffman)?;
        window.skip(u32::from(entry.bits));
        if let Some(slot) = out.get_mut(written..written + 2) {
            slot.copy_from_slice(&entry.symbols);
        }
        written += usize::from(entry.count);
    }
}

/// The symbol whose code, longer than `LOOKUP` bits, is on top of `window`. EOS is none.
fn long_code(window: u64) -> Option<Entry> {
    for bits in LOOKUP as u8 + 1..=LONGEST {
        let code = (window >> (64 - u32::from(bits))) as u32;
        let length = TABLES.lengths.get(usize::from(bits))?;
        let rank = code.wrapping_sub(length.first);
        if rank < length.count {
            let symbol = *TABLES.sorted.get(length.offset + rank as usize)?;
            return Some(Entry { symbols: [symbol, 0], count: 1, bits });
        }
    }
    None
}

/// The next bits of a string, the first of them on top, followed by ones without end.
struct Window<'a> {
    rest: &'a [u8],
    bits: u64,
    count: u32,
}

impl Window<'_> {
    /// Makes sure that the longest code is within the window.
    fn refill(&mut self) {
        if self.count >= u32::from(LONGEST) {
            return;
        }
        if let Some((next, _)) = self.rest.split_first_chunk::<8>() {
            // Bits below `count` may be set already, by the same octets: they are read again next time.
            self.bits |= u64::from_be_bytes(*next) >> self.count;
            let octets = (63 - self.count) / 8;
            self.rest = self.rest.get(octets as usize..).unwrap_or_default();
            self.count += octets * 8;
            return;
        }
        while self.count <= 56 {
            let (octet, rest) = match self.rest.split_first() {
                Some((&octet, rest)) => (octet, rest),
                None => (0xff, self.rest),
            };
            self.bits |= u64::from(octet) << (56 - self.count);
            self.rest = rest;
            self.count += 8;
        }
    }

    fn skip(&mut self, bits: u32) {
        self.bits <<= bits;
        self.count -= bits;
    }
}

/// Appends the code of `src` to `out`, padded with ones to a whole octet.
pub fn encode(src: &[u8], out: &mut Vec<u8>) {
    let mut bits = 0u64; // the lowest `count` of them are not written yet
    let mut count = 0;
    for &symbol in src {
        let length = u32::from(code_length(symbol));
        let code = TABLES.codes.get(usize::from(symbol)).copied().unwrap_or_default();
        bits = bits << length | u64::from(code);
        count += length;
        while count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
        }
    }
    if count > 0 {
        out.push((bits << (8 - count)) as u8 | 0xff >> count);
    }
}

/// Bits of the code of `symbol`, 5 to 30.
// A u8 cannot be out of bounds of 256 entries.
#[allow(clippy::indexing_slicing)]
pub const fn code_length(symbol: u8) -> u8 {
    LENGTHS[symbol as usize]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decoded(src: &[u8]) -> Result<Vec<u8>, HpackError> {
        let mut out = Vec::new();
        decode(src, &mut out).map(|()| out)
    }

    /// RFC 7541 Appendix C.4 and C.6.
    #[test]
    fn examples_of_the_rfc() {
        let www = b"\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff";
        assert_eq!(decoded(www).unwrap(), b"www.example.com");
        assert_eq!(decoded(b"\x64\x02").unwrap(), b"302");
        assert_eq!(decoded(b"").unwrap(), b"");
    }

    #[test]
    fn the_code_is_complete() {
        // Kraft's sum of 256 symbols and EOS is exactly one: no bit string is left without a meaning.
        let sum: u64 = LENGTHS.iter().map(|&bits| 1u64 << (LONGEST - bits)).sum();
        assert_eq!(sum + 1, 1 << LONGEST);
        assert_eq!(TABLES.codes[usize::from(b'0')], 0);
        assert_eq!(TABLES.codes[usize::from(b'&')], 0xf8);
        assert_eq!(TABLES.codes[22], 0x3fff_fffe);
    }

    #[test]
    fn bad_padding_and_eos_are_errors() {
        assert!(decoded(b"\x64\x02\xff").is_err(), "eight bits of padding");
        assert!(
            decoded(b"\x1e").is_err(),
            "'3' (011001) would need padding 11; this is '0', then 110"
        );
        assert!(decoded(b"\xff\xff\xff\xff").is_err(), "EOS");
        assert!(decoded(b"\xff\xff\xff\xfc").is_err(), "EOS, then zeros");
        assert!(decoded(b"\xff\xc0").is_err(), "the first bits of a 13-bit code");
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding(src: Vec<u8>) {
            let mut wire = Vec::new();
            encode(&src, &mut wire);
            prop_assert_eq!(decoded(&wire), Ok(src));
        }

        #[test]
        fn text_too(src in "[ -~]{0,200}") {
            let mut wire = Vec::new();
            encode(src.as_bytes(), &mut wire);
            prop_assert_eq!(decoded(&wire).unwrap(), src.into_bytes());
        }

        /// What decodes at all has one encoding: edits rely on it.
        #[test]
        fn encoding_undoes_decoding(wire: Vec<u8>) {
            if let Ok(src) = decoded(&wire) {
                let mut again = Vec::new();
                encode(&src, &mut again);
                prop_assert_eq!(again, wire);
            }
        }
    }
}
