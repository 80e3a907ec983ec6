//! Depthwise convolutions of 8-bit integers with AVX-512 VNNI.

use std::arch::x86_64::{
    __m512i, _mm512_alignr_epi64, _mm512_cvtepi32_ps, _mm512_cvtps_epi32, _mm512_dpbusd_epi32, _mm512_mul_ps,
    _mm512_packs_epi32, _mm512_packus_epi16, _mm512_setzero_si512, _mm512_unpackhi_epi8,
    _mm512_unpackhi_epi16, _mm512_unpacklo_epi8, _mm512_unpacklo_epi16,
};

use super::{load_bytes, load_floats, load_ints, load_some, store_some};
use crate::kernels::int8::{Depth64, Rows};

/// 64 values of three rows as groups of four (above, middle, below, 0), in the order of the sums.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn interleaved(rows: [&[u8]; 3], at: usize, count: usize) -> [__m512i; 4] {
    let above = load_some(&rows[0][at..], count);
    let middle = load_some(&rows[1][at..], count);
    let below = load_some(&rows[2][at..], count);
    let zero = _mm512_setzero_si512();
    let (low, high) = (_mm512_unpacklo_epi8(above, middle), _mm512_unpackhi_epi8(above, middle));
    let (low_below, high_below) = (_mm512_unpacklo_epi8(below, zero), _mm512_unpackhi_epi8(below, zero));
    [
        _mm512_unpacklo_epi16(low, low_below),
        _mm512_unpackhi_epi16(low, low_below),
        _mm512_unpacklo_epi16(high, high_below),
        _mm512_unpackhi_epi16(high, high_below),
    ]
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn biases(block: &Depth64) -> [__m512i; 4] {
    let mut sums = [_mm512_setzero_si512(); 4];
    for v in 0..4 {
        sums[v] = load_ints(&block.last[v].bias);
    }
    sums
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn add_column(sums: &mut [__m512i; 4], column: &[__m512i; 4], block: &Depth64, t: usize) {
    for v in 0..4 {
        sums[v] = _mm512_dpbusd_epi32(sums[v], column[v], load_bytes(&block.quads[t][v]));
    }
}

/// 16 or 32 channels, stride 1: a vector holds several pixels. The next column is `S1` times 8 bytes further, the
/// one after it `S2` times.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
pub(super) fn flat_row<const S1: i32, const S2: i32>(rows: Rows<'_>, block: &Depth64, out: &mut [u8]) {
    let len = rows.rows[0].len().min(rows.rows[1].len()).min(rows.rows[2].len());
    let mut first = [_mm512_setzero_si512(); 4];
    // One place that loads, else the compiler makes a function of it.
    for at in (0..out.len() + 64).step_by(64) {
        let from = at.min(len);
        let next = interleaved(rows.rows, from, (len - from).min(64));
        if at > 0 {
            let out = &mut out[at - 64..];
            let count = out.len().min(64);
            let mut sums = biases(block);
            add_column(&mut sums, &first, block, 0);
            add_column(&mut sums, &shifted::<S1>(&first, &next), block, 1);
            add_column(&mut sums, &shifted::<S2>(&first, &next), block, 2);
            finish_some(sums, block, &mut out[..count]);
        }
        first = next;
    }
}

/// What lies `S` times 8 bytes further in vectors that follow each other.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn shifted<const S: i32>(first: &[__m512i; 4], next: &[__m512i; 4]) -> [__m512i; 4] {
    if S == 8 {
        return *next;
    }
    let mut column = *first;
    for v in 0..4 {
        column[v] = _mm512_alignr_epi64::<S>(next[v], first[v]);
    }
    column
}

/// Stride 1: each column of the input goes to the sums of three pixels while it is in registers.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
pub(super) fn dense_row(rows: Rows<'_>, n: usize, blocks: &[Depth64], out: &mut [u8]) {
    for (b, block) in blocks.iter().enumerate() {
        let count = (n - b * 64).min(64);
        let [mut this, mut next] = [biases(block); 2];
        add_column(&mut this, &interleaved(rows.rows, b * 64, count), block, 0);
        let second = interleaved(rows.rows, n + b * 64, count);
        add_column(&mut this, &second, block, 1);
        add_column(&mut next, &second, block, 0);
        for (x, pixel) in out.chunks_exact_mut(n).enumerate() {
            let mut after = biases(block);
            let column = interleaved(rows.rows, (x + 2) * n + b * 64, count);
            add_column(&mut this, &column, block, 2);
            add_column(&mut next, &column, block, 1);
            add_column(&mut after, &column, block, 0);
            finish_some(this, block, &mut pixel[b * 64..b * 64 + count]);
            (this, next) = (next, after);
        }
    }
}

/// Any stride.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
pub(super) fn strided_row(rows: Rows<'_>, n: usize, blocks: &[Depth64], out: &mut [u8]) {
    for (b, block) in blocks.iter().enumerate() {
        let count = (n - b * 64).min(64);
        for (x, pixel) in out.chunks_exact_mut(n).enumerate() {
            let mut sums = biases(block);
            for t in 0..3 {
                let at = (x * rows.stride + t) * n + b * 64;
                add_column(&mut sums, &interleaved(rows.rows, at, count), block, t);
            }
            finish_some(sums, block, &mut pixel[b * 64..b * 64 + count]);
        }
    }
}

/// As [`finish`], for up to 64 values.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn finish_some(sums: [__m512i; 4], block: &Depth64, out: &mut [u8]) {
    let mut ints = [_mm512_setzero_si512(); 4];
    for v in 0..4 {
        let factor = load_floats(&block.last[v].factor);
        ints[v] = _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_cvtepi32_ps(sums[v]), factor));
    }
    let (low, high) = (_mm512_packs_epi32(ints[0], ints[1]), _mm512_packs_epi32(ints[2], ints[3]));
    let count = out.len();
    store_some(_mm512_packus_epi16(low, high), out, count);
}
