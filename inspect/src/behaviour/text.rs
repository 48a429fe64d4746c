//! Short texts, looked at eight or sixteen bytes at a time: a request's URL is looked at for each caller's request.

/// A bit, and the highest bit, of each byte of a word.
const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x80 * ONES;
/// Letters in lower case; zeros become spaces.
const LOWER: u64 = 0x20 * ONES;
/// Any number will do to begin with; the factor is that of FxHash (Firefox, rustc).
pub const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const FACTOR: u64 = 0x517c_c1b7_2722_0a95;
/// Bytes that are looked at at once.
const LANES: usize = 16;

/// A name of at most seven letters and digits in lower case, as [`name`] gives it.
pub const fn named(text: &str) -> u64 {
    let (mut rest, mut word) = (text.as_bytes(), 0);
    while let [before @ .., last] = rest {
        word = word << 8 | *last as u64;
        rest = before;
    }
    word | LOWER
}

/// A short text as a number, whatever its case; that of no [`named`] if it is longer than any.
pub fn name(text: &[u8]) -> u64 {
    if text.len() < 8 { word(text) | LOWER } else { 0 }
}

/// The first eight bytes of a text, the first one lowest, and zeros for what is behind its end.
#[inline]
fn word(text: &[u8]) -> u64 {
    match (text.first_chunk(), text.first_chunk(), text.last_chunk()) {
        (Some(word), ..) => u64::from_le_bytes(*word),
        // Two halves, which overlap.
        (None, Some(first), Some(last)) => {
            let (first, last) = (u32::from_le_bytes(*first), u32::from_le_bytes(*last));
            u64::from(first) | u64::from(last) << (8 * (text.len() - 4))
        }
        _ => text.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    }
}

/// The highest bit of each byte that is this one.
const fn marks_of(word: u64, byte: u8) -> u64 {
    let apart = word ^ (byte as u64 * ONES);
    // No byte's sum goes on into the next one.
    !(((apart & !HIGH) + !HIGH) | apart) & HIGH
}

/// The same of each byte that is a digit.
const fn marks_of_digits(word: u64) -> u64 {
    let apart = word ^ (b'0' as u64 * ONES);
    // From ten on, a sum reaches the highest bit.
    !(((apart & !HIGH) + (0x80 - 10) * ONES) | apart) & HIGH
}

const fn count(marks: u64) -> usize {
    ((marks >> 7).wrapping_mul(ONES) >> 56) as usize
}

/// The number that so many bytes of a word, all of them digits, are: first pairs, then fours, then all.
const fn decimal(word: u64, length: usize) -> u64 {
    let digits = (word & (0x0f * ONES)) << (8 * (8 - length));
    let pairs = (digits * 10 + (digits >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs * 100 + (pairs >> 16)) & 0x0000_ffff_0000_ffff;
    (fours * 10_000 + (fours >> 32)) & 0xffff_ffff
}

/// How many bytes of a text are digits.
pub fn digits(text: &[u8]) -> usize {
    text.chunks(8).map(|chunk| count(marks_of_digits(word(chunk)))).sum()
}

/// The stem of a segment: what stands in front of its first dot, or all of it.
#[derive(Clone, Copy)]
pub struct Stem {
    /// How many bytes it has.
    pub length: usize,
    /// Those of them that fill no word: the first one lowest, and zeros behind the last one.
    pub last: u64,
    /// How many digits it holds.
    pub digits: usize,
    /// [`hash`], gone on by it.
    pub hash: u64,
}

impl Stem {
    /// Of the first one of these segments.
    #[inline]
    pub fn of(segments: &[u8], hash: u64) -> Stem {
        let mut stem = Stem { length: 0, last: 0, digits: 0, hash };
        let mut rest = segments;
        loop {
            let word = word(rest);
            // A dot and a slash differ in the lowest bit.
            let ends = marks_of(word | ONES, b'/');
            // Of all bits, or of those below the first end's mark.
            let stems = (ends & ends.wrapping_neg()).wrapping_sub(1);
            stem.digits += count(marks_of_digits(word) & stems);
            if ends == 0
                && let Some((_, after)) = rest.split_at_checked(8)
            {
                stem.hash = step(stem.hash, word);
                stem.length += 8;
                rest = after;
                continue;
            }
            let (length, word) = match ends {
                0 => (rest.len(), word),
                _ => (ends.trailing_zeros() as usize / 8, word & stems >> 7),
            };
            stem.length += length;
            stem.last = word;
            stem.hash = last_step(stem.hash, word, stem.length);
            return stem;
        }
    }

    /// What its [`named`] would be; that of none if it is longer than any.
    pub fn name(&self) -> u64 {
        if self.length < 8 { self.last | LOWER } else { 0 }
    }

    /// The number that it is, if it is a short one.
    pub fn number(&self) -> Option<u64> {
        let short = (1..8).contains(&self.length) && self.digits == self.length;
        short.then(|| decimal(self.last, self.length))
    }
}

/// Goes on from a hash, eight bytes at a time (FxHash).
pub fn hash(from: u64, text: &[u8]) -> u64 {
    let (words, rest) = text.as_chunks::<8>();
    let hash = words.iter().fold(from, |hash, word| step(hash, u64::from_le_bytes(*word)));
    last_step(hash, word(rest), text.len())
}

/// Goes on from a hash by eight bytes: a product, whose highest bits are the best ones.
pub fn step(hash: u64, word: u64) -> u64 {
    (hash.rotate_left(5) ^ word).wrapping_mul(FACTOR)
}

/// Of less than eight bytes, and of how many there were in all.
fn last_step(hash: u64, word: u64, length: usize) -> u64 {
    step(hash, word ^ (length as u64) << 56)
}

/// Whether a byte and the one behind it are `wanted` anywhere: [`LANES`] at a time, and the last ones once more where they overlap. Text that
/// is shorter has spaces behind it.
pub fn any_pair(text: &[u8], wanted: impl Fn(u8, u8) -> bool) -> bool {
    let mut found = [0; LANES];
    let mut look = |chunk: &[u8; LANES + 1]| {
        let (_, after) = chunk.split_at(1);
        for ((found, first), second) in found.iter_mut().zip(chunk).zip(after) {
            *found |= u8::from(wanted(*first, *second));
        }
    };
    if let Some(last) = text.last_chunk() {
        let mut rest = text;
        while let Some(chunk) = rest.first_chunk() {
            look(chunk);
            rest = rest.get(LANES..).unwrap_or_default();
        }
        look(last);
    } else {
        let mut padded = [b' '; LANES + 1];
        padded.iter_mut().zip(text).for_each(|(to, byte)| *to = *byte);
        look(&padded);
    }
    found != [0; LANES]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn words_are_what_bytes_say(text in "[a-zA-Z0-9./é\0]{0,40}") {
            let text = text.as_bytes();
            let mut bytes = text.iter().copied().chain(std::iter::repeat(0));
            let expected = u64::from_le_bytes(std::array::from_fn(|_| bytes.next().unwrap()));
            prop_assert_eq!(word(text), expected);
            prop_assert_eq!(digits(text), text.iter().filter(|b| b.is_ascii_digit()).count());
        }

        #[test]
        fn a_stem_is_what_bytes_say(path in "[0-9]{0,9}[a-z0-9./é\0]{0,40}") {
            let path = path.as_bytes();
            let expected = path.split(|b| b"./".contains(b)).next().unwrap();
            let stem = Stem::of(path, BASIS);
            prop_assert_eq!(stem.length, expected.len());
            prop_assert_eq!(stem.last, word(expected.chunks_exact(8).remainder()));
            let text = std::str::from_utf8(expected).ok().filter(|text| (1..8).contains(&text.len()));
            prop_assert_eq!(stem.number(), text.and_then(|text| text.parse().ok()));
            prop_assert_eq!(stem.digits, digits(expected));
            prop_assert_eq!(stem.hash, hash(BASIS, expected));
        }

        #[test]
        fn pairs_are_found_wherever_they_stand(text in "[ab]{0,60}") {
            let pair = |text: &str| any_pair(text.as_bytes(), |a, b| a == b'c' && b == b'd');
            prop_assert!(!pair(&text));
            for at in 0..=text.len() {
                let (before, after) = text.split_at(at);
                let with = format!("{}cd{}", before, after);
                prop_assert!(pair(&with), "{}", with);
            }
        }
    }
}
