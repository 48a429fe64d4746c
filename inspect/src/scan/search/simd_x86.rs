//! The vectorised search on x86-64. This file (and `literals_x86`) holds all of the crate's `unsafe` code: calling a function that needs a
//! processor feature, after that feature was found, and loading vectors from slices whose length was checked.

use std::arch::x86_64::*;

use super::simd::{
    BLOCK, Block, Classes, DIGIT, ESCAPE, Input, KINDS, KINDS_BY_BYTE, LETTER, LongRuns, PADDING,
    Runs, SEPARATOR, Search, Starts, Tables, Told, Varints,
};
use super::words::{Gathered, Words};

/// The variants that this processor has, the fastest last.
pub(in crate::scan) fn variants() -> Vec<(&'static str, Search)> {
    let mut all: Vec<(&'static str, Search)> = Vec::new();
    // The bit manipulation that the filter of words lives on; every processor with AVX2 has it.
    if !is_x86_feature_detected!("bmi1") || !is_x86_feature_detected!("bmi2") {
        return all;
    }
    if is_x86_feature_detected!("avx2") {
        all.push(("avx2", |tables, input, tell| {
            // SAFETY: this processor has AVX2 and BMI.
            unsafe { avx2(tables, input, tell) }
        }));
    }
    // Processors with AVX-512 but without VBMI (before Ice Lake) use AVX2.
    let needed = is_x86_feature_detected!("avx512bw") && is_x86_feature_detected!("avx512f");
    if needed && is_x86_feature_detected!("avx512vbmi") {
        all.push(("avx512vbmi", |tables, input, tell| {
            // SAFETY: this processor has AVX-512F, -BW, -VBMI and BMI.
            unsafe { avx512(tables, input, tell) }
        }));
    }
    all
}

/// [`Words::likely`]. Not inlined: with wider vectors at hand, the compiler fetches one number at a time into them.
#[inline(never)]
#[target_feature(enable = "bmi1,bmi2")]
fn likely(words: &Words, block: &[u8; PADDING], starts: u64) -> u64 {
    words.likely(block, starts)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
pub(in crate::scan) fn load512(bytes: &[u8; BLOCK]) -> __m512i {
    // SAFETY: the array has the 64 bytes that are loaded; an unaligned load asks for nothing else.
    unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
}

/// What 128 bytes are. Of an index, the highest bit is not looked at.
struct Table512(__m512i, __m512i);

/// What bytes are, those beyond ASCII together with their likes among ASCII's; and whether any of those beyond is something.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn folded512([[a, b], [c, d]]: &[[[u8; BLOCK]; 2]; 2]) -> (Table512, bool) {
    let [a, b, c, d] = [a, b, c, d].map(|quarter| load512(quarter));
    let beyond = _mm512_or_si512(c, d);
    let table = Table512(_mm512_or_si512(a, c), _mm512_or_si512(b, d));
    (table, _mm512_test_epi8_mask(beyond, beyond) != 0)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn look_up(table: &Table512, bytes: __m512i) -> __m512i {
    _mm512_permutex2var_epi8(table.0, bytes, table.1)
}

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,bmi1,bmi2")]
fn avx512(tables: &Tables, input: &Input, tell: &mut dyn FnMut(Told)) {
    let blocks = match (tables.words.is_empty(), input.binary, input.escapes) {
        (true, false, false) => avx512_blocks::<false, false, false>,
        (true, false, true) => avx512_blocks::<false, false, true>,
        (true, true, _) => avx512_blocks::<false, true, false>,
        (false, false, false) => avx512_blocks::<true, false, false>,
        (false, false, true) => avx512_blocks::<true, false, true>,
        (false, true, _) => avx512_blocks::<true, true, false>,
    };
    blocks(tables, input, tell);
}

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,bmi1,bmi2")]
fn avx512_blocks<const WORDS: bool, const BINARY: bool, const ESC: bool>(
    tables: &Tables,
    input: &Input,
    tell: &mut dyn FnMut(Told),
) {
    let [(first, beyond), (second, _), (third, _)] = tables.exact.each_ref().map(|t| folded512(t));
    let (kinds, _) = folded512(&KINDS_BY_BYTE);
    // Where nothing begins with a byte beyond ASCII, its like among ASCII's begins nothing.
    let beyond = if beyond { u64::MAX } else { 0 };
    let [letter, digit, escape, separator] =
        [LETTER, DIGIT, ESCAPE, SEPARATOR].map(|kind| _mm512_set1_epi8(kind as i8));
    let letters = _mm512_set1_epi8(26);
    let mut gathered = Gathered::new();
    let mut runs = Runs::default();
    let mut starts = if WORDS { Starts::at(input) } else { Starts::default() };
    let mut varints = Varints::default();
    let mut long_runs = if ESC { LongRuns::at(input) } else { LongRuns::default() };
    let mut at = input.from;
    while at < input.to {
        let block = input.padded.get(at..).and_then(|b| b.first_chunk::<PADDING>());
        let Some(block) = block else { break };
        let (Some(a), Some(b), Some(c)) = (
            block.first_chunk::<BLOCK>(),
            block.get(1..).and_then(|s| s.first_chunk::<BLOCK>()),
            block.get(2..).and_then(|s| s.first_chunk::<BLOCK>()),
        ) else {
            break;
        };
        let (a, b, c) = (load512(a), load512(b), load512(c));
        let ascii = !_mm512_movepi8_mask(a);
        let kinds = look_up(&kinds, a);
        let digits = _mm512_mask_test_epi8_mask(ascii, kinds, digit);
        let separators = _mm512_mask_test_epi8_mask(ascii, kinds, separator);
        let two = _mm512_and_si512(look_up(&first, a), look_up(&second, b));
        let points = _mm512_mask_test_epi8_mask(ascii | beyond, two, look_up(&third, c));
        let runs = runs.step(digits, separators);
        if WORDS {
            let letter = |v: __m512i, first: u8| {
                let first = _mm512_set1_epi8(first as i8);
                _mm512_cmplt_epu8_mask(_mm512_sub_epi8(v, first), letters)
            };
            let is = |b: u8| _mm512_cmpeq_epi8_mask(a, _mm512_set1_epi8(b as i8));
            let classes = Classes {
                letters: letter(_mm512_or_si512(a, _mm512_set1_epi8(0x20)), b'a'),
                capitals: letter(a, b'A'),
                digits,
                backslashes: is(b'\\'),
                percents: is(b'%'),
                tags: match BINARY {
                    true => _mm512_cmpeq_epi8_mask(
                        _mm512_and_si512(a, _mm512_set1_epi8(7)),
                        _mm512_set1_epi8(2),
                    ),
                    false => 0,
                },
            };
            gathered.push(at, likely(&tables.words, block, starts.step(classes)));
        }
        let varints = if BINARY { varints.step(!ascii) } else { 0 };
        let (mut escapes, mut letters) = (0, 0);
        if ESC {
            escapes = _mm512_mask_test_epi8_mask(ascii, kinds, escape);
            letters = long_runs.step(_mm512_mask_test_epi8_mask(ascii, kinds, letter));
        }
        let block = Block { at, runs, points, varints, escapes, letters };
        if !block.is_empty() {
            tell(Told::Block(block));
        }
        if WORDS && gathered.is_full() {
            tell(Told::Words(gathered.known(&tables.words, input)));
        }
        at += BLOCK;
    }
    if WORDS {
        tell(Told::Words(gathered.known(&tables.words, input)));
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn load256(bytes: &[u8; 32]) -> __m256i {
    // SAFETY: the array has the 32 bytes that are loaded; an unaligned load asks for nothing else.
    unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn table256(table: &[u8; 16]) -> __m256i {
    // SAFETY: the array has the 16 bytes that are loaded.
    _mm256_broadcastsi128_si256(unsafe { _mm_loadu_si128(table.as_ptr().cast()) })
}

#[target_feature(enable = "avx2,bmi1,bmi2")]
fn avx2(tables: &Tables, input: &Input, tell: &mut dyn FnMut(Told)) {
    let blocks = match (tables.words.is_empty(), input.binary, input.escapes) {
        (true, false, false) => avx2_blocks::<false, false, false>,
        (true, false, true) => avx2_blocks::<false, false, true>,
        (true, true, _) => avx2_blocks::<false, true, false>,
        (false, false, false) => avx2_blocks::<true, false, false>,
        (false, false, true) => avx2_blocks::<true, false, true>,
        (false, true, _) => avx2_blocks::<true, true, false>,
    };
    blocks(tables, input, tell);
}

#[target_feature(enable = "avx2,bmi1,bmi2")]
fn avx2_blocks<const WORDS: bool, const BINARY: bool, const ESC: bool>(
    tables: &Tables,
    input: &Input,
    tell: &mut dyn FnMut(Told),
) {
    let low = tables.low.each_ref().map(|t| table256(t));
    let high = tables.high.each_ref().map(|t| table256(t));
    let (kind_low, kind_high) = (table256(&KINDS.low), table256(&KINDS.high));
    let [letter, digit, escape] = [LETTER, DIGIT, ESCAPE].map(|kind| _mm256_set1_epi8(kind as i8));
    let nibble = _mm256_set1_epi8(15);
    let mut gathered = Gathered::new();
    let mut runs = Runs::default();
    let mut starts = if WORDS { Starts::at(input) } else { Starts::default() };
    let mut varints = Varints::default();
    let mut long_runs = if ESC { LongRuns::at(input) } else { LongRuns::default() };
    let mut at = input.from;
    while at < input.to {
        let block = input.padded.get(at..).and_then(|b| b.first_chunk::<PADDING>());
        let Some(block) = block else { break };
        let halves = |low: &__m256i, high: &__m256i, bytes: __m256i| {
            let upper = _mm256_and_si256(_mm256_srli_epi16::<4>(bytes), nibble);
            _mm256_and_si256(
                _mm256_shuffle_epi8(*low, _mm256_and_si256(bytes, nibble)),
                _mm256_shuffle_epi8(*high, upper),
            )
        };
        let buckets = |k: usize, bytes: __m256i| {
            let (Some(low), Some(high)) = (low.get(k), high.get(k)) else { return bytes };
            halves(low, high, bytes)
        };
        let (mut digits, mut separators, mut points, mut high) = (0, 0, 0, 0);
        let (mut escapes, mut letters) = (0, 0);
        let mut classes = Classes::default();
        for half in [0, 32] {
            let part = |by: usize| block.get(half + by..).and_then(|s| s.first_chunk::<32>());
            let (Some(a), Some(b), Some(c)) = (part(0), part(1), part(2)) else { return };
            let (a, b, c) = (load256(a), load256(b), load256(c));
            let mask = |v: __m256i| u64::from(_mm256_movemask_epi8(v) as u32) << half;
            if BINARY {
                high |= mask(a);
            }
            let kinds = halves(&kind_low, &kind_high, a);
            // One bit says a digit, and one a separator.
            let has = |bit| mask(_mm256_cmpeq_epi8(_mm256_and_si256(kinds, bit), bit));
            digits |= has(digit);
            const { assert!(SEPARATOR == 1 << 7, "the bit that makes a mask") };
            separators |= mask(kinds);
            if WORDS {
                let letter = |v: __m256i, first: u8| {
                    let value = _mm256_sub_epi8(v, _mm256_set1_epi8(first as i8));
                    let last = _mm256_set1_epi8(25);
                    mask(_mm256_cmpeq_epi8(_mm256_min_epu8(value, last), value))
                };
                let is = |b: u8| mask(_mm256_cmpeq_epi8(a, _mm256_set1_epi8(b as i8)));
                classes.letters |= letter(_mm256_or_si256(a, _mm256_set1_epi8(0x20)), b'a');
                classes.capitals |= letter(a, b'A');
                classes.backslashes |= is(b'\\');
                classes.percents |= is(b'%');
                if BINARY {
                    let wire_type = _mm256_and_si256(a, _mm256_set1_epi8(7));
                    classes.tags |= mask(_mm256_cmpeq_epi8(wire_type, _mm256_set1_epi8(2)));
                }
            }
            if ESC {
                let are = |bits| {
                    let none =
                        _mm256_cmpeq_epi8(_mm256_and_si256(kinds, bits), _mm256_setzero_si256());
                    !mask(none) & (u64::from(u32::MAX) << half)
                };
                escapes |= are(escape);
                letters |= are(letter);
            }
            let hits =
                _mm256_and_si256(_mm256_and_si256(buckets(0, a), buckets(1, b)), buckets(2, c));
            let none = mask(_mm256_cmpeq_epi8(hits, _mm256_setzero_si256()));
            points |= !none & (u64::from(u32::MAX) << half);
        }
        let runs = runs.step(digits, separators);
        if WORDS {
            let starts = starts.step(Classes { digits, ..classes });
            gathered.push(at, likely(&tables.words, block, starts));
        }
        let varints = if BINARY { varints.step(high) } else { 0 };
        let letters = if ESC { long_runs.step(letters) } else { 0 };
        let block = Block { at, runs, points, varints, escapes, letters };
        if !block.is_empty() {
            tell(Told::Block(block));
        }
        if WORDS && gathered.is_full() {
            tell(Told::Words(gathered.known(&tables.words, input)));
        }
        at += BLOCK;
    }
    if WORDS {
        tell(Told::Words(gathered.known(&tables.words, input)));
    }
}
