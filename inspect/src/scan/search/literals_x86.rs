//! The filter of [`super::literals`] in AVX-512 with byte permutations (VBMI): 64 places at a time.
//!
//! Written without closures and adapters: the compiler does not inline those into functions with processor features.

use std::arch::x86_64::*;

use super::literals::{BYTES, Filter, KEY};
use super::simd::{BLOCK, PADDING};
use super::simd_x86::load512;

/// Whether this processor has it.
pub(in crate::scan) fn is_there() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vbmi")
}

/// Where in each block of the bytes a key may stand; only where [`is_there`]. As long as there are [`PADDING`] bytes.
pub(in crate::scan) fn places(filter: &Filter, bytes: &[u8], places: &mut [u64]) {
    // SAFETY: this processor has AVX-512F, BW and VBMI.
    unsafe { vbmi(filter, bytes, places) }
}

/// The random bytes for each of the four bytes of a key.
struct Hash(__m512i, __m512i, __m512i, __m512i);

/// A table of the filter in quarters.
struct Table(__m512i, __m512i, __m512i, __m512i);

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn vbmi(filter: &Filter, bytes: &[u8], places: &mut [u64]) {
    let [first, second] = &filter.random;
    let (first, second) = (hash(first), hash(second));
    let [by_first, by_second, by_sum] = &filter.tables;
    let (by_first, by_second, by_sum) = (table(by_first), table(by_second), table(by_sum));
    let mut rest = bytes;
    for places in places {
        let Some(block) = rest.first_chunk::<PADDING>() else { return };
        let (a, b, c, d) = (folded(block, 0), folded(block, 1), folded(block, 2), folded(block, 3));
        let one = hashed(&first, a, b, c, d);
        let other = hashed(&second, a, b, c, d);
        *places = is_in(&by_first, one, other)
            & is_in(&by_second, other, one)
            & is_in(&by_sum, _mm512_add_epi8(one, other), other);
        rest = rest.get(BLOCK..).unwrap_or(&[]);
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn hash([a, b, c, d]: &[[u8; 64]; KEY]) -> Hash {
    Hash(load512(a), load512(b), load512(c), load512(d))
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn table(table: &[u8; BYTES]) -> Table {
    Table(quarter(table, 0), quarter(table, 1), quarter(table, 2), quarter(table, 3))
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn quarter(table: &[u8; BYTES], n: usize) -> __m512i {
    match table.get(n * 64..).and_then(|t| t.first_chunk::<64>()) {
        Some(quarter) => load512(quarter),
        None => _mm512_setzero_si512(),
    }
}

/// The bytes from the `n`-th on, letters in one case.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn folded(block: &[u8; PADDING], n: usize) -> __m512i {
    let case = _mm512_set1_epi8(0x20);
    match block.get(n..n + BLOCK).and_then(|b| b.first_chunk::<BLOCK>()) {
        Some(bytes) => _mm512_or_si512(load512(bytes), case),
        None => case,
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn hashed(hash: &Hash, a: __m512i, b: __m512i, c: __m512i, d: __m512i) -> __m512i {
    let ab =
        _mm512_xor_si512(_mm512_permutexvar_epi8(a, hash.0), _mm512_permutexvar_epi8(b, hash.1));
    let cd =
        _mm512_xor_si512(_mm512_permutexvar_epi8(c, hash.2), _mm512_permutexvar_epi8(d, hash.3));
    _mm512_xor_si512(ab, cd)
}

/// Where the bit of `bits` is set in the byte of `by`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn is_in(table: &Table, by: __m512i, bits: __m512i) -> u64 {
    let low = _mm512_permutex2var_epi8(table.0, by, table.1);
    let high = _mm512_permutex2var_epi8(table.2, by, table.3);
    let byte = _mm512_mask_blend_epi8(_mm512_movepi8_mask(by), low, high);
    let powers = _mm512_set1_epi64(i64::from_le_bytes([1, 2, 4, 8, 16, 32, 64, 128]));
    let bit = _mm512_shuffle_epi8(powers, _mm512_and_si512(bits, _mm512_set1_epi8(7)));
    _mm512_test_epi8_mask(byte, bit)
}
