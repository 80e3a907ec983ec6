//! 8-bit integers with AVX2: widened to 16 bits, because the 8-bit product of this instruction set saturates.
//! A register holds four sums in two parts each, which are joined at the end.

use std::arch::x86_64::{
    __m128i, __m256, __m256i, _mm_cvtsi64_si128, _mm_loadu_ps, _mm_loadu_si128, _mm_packus_epi16,
    _mm_set1_epi32, _mm_setzero_si128, _mm_storeu_si128, _mm_unpackhi_epi8, _mm_unpackhi_epi16,
    _mm_unpacklo_epi8, _mm_unpacklo_epi16, _mm256_add_epi32, _mm256_add_ps, _mm256_castsi256_si128,
    _mm256_cvtepi8_epi16, _mm256_cvtepi32_ps, _mm256_cvtepu8_epi16, _mm256_cvtepu8_epi32, _mm256_cvtps_epi32,
    _mm256_extracti128_si256, _mm256_hadd_epi32, _mm256_madd_epi16, _mm256_mul_ps, _mm256_packs_epi32,
    _mm256_permute4x64_epi64, _mm256_set_m128, _mm256_set_m128i, _mm256_set1_ps, _mm256_setzero_si256,
};

use super::Avx2;
use crate::kernels::int8::{
    self, Depth64, DepthWeights, Last, Panel, PointWeights, Rows, SUMS, SumWeights, Windows, channel,
};

impl Avx2 {
    pub(in crate::kernels) fn windows_int8(
        self,
        x: Windows<'_>,
        weights: &PointWeights,
        residual: Option<&[u8]>,
        out: &mut [u8],
    ) {
        // SAFETY: `self` exists only where the instructions do.
        unsafe {
            match weights.rows() {
                1 => tiles::<1>(x, weights, residual, out),
                _ => tiles::<3>(x, weights, residual, out),
            }
        }
    }

    pub(in crate::kernels) fn depth_row_int8(self, rows: Rows<'_>, weights: &DepthWeights, out: &mut [u8]) {
        // SAFETY: `self` exists only where the instructions do.
        unsafe { depth_row(rows, weights, out) }
    }

    pub(in crate::kernels) fn add_int8(self, weights: &SumWeights, a: &[u8], b: &[u8], out: &mut [u8]) {
        // SAFETY: `self` exists only where the instructions do.
        unsafe { add(weights, a, b, out) }
    }
}

/// Eight values at a time, the rest as the portable kernel does it.
#[target_feature(enable = "avx2")]
fn add(weights: &SumWeights, a: &[u8], b: &[u8], out: &mut [u8]) {
    let (factor_a, factor_b, offset) = weights.parts();
    let (factor_a, factor_b) = (_mm256_set1_ps(factor_a), _mm256_set1_ps(factor_b));
    let offset = _mm256_set1_ps(offset);
    let (a, rest_a) = a.as_chunks::<16>();
    let (b, rest_b) = b.as_chunks::<16>();
    let (out, rest_out) = out.as_chunks_mut::<16>();
    for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
        let mut ints = [_mm256_setzero_si256(); 2];
        for half in 0..2 {
            let a = _mm256_mul_ps(eight_floats(&a.as_chunks::<8>().0[half]), factor_a);
            let b = _mm256_mul_ps(eight_floats(&b.as_chunks::<8>().0[half]), factor_b);
            ints[half] = _mm256_cvtps_epi32(_mm256_add_ps(a, _mm256_add_ps(b, offset)));
        }
        *out = packed(ints);
    }
    int8::add(weights, rest_a, rest_b, rest_out);
}

#[inline]
#[target_feature(enable = "avx2")]
fn eight_floats(bytes: &[u8; 8]) -> __m256 {
    _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_cvtsi64_si128(i64::from_le_bytes(*bytes))))
}

/// Pixels whose sums are made together: 3 × 4 registers.
const TILE: usize = 3;
/// Two parts of each of 16 sums.
type Parts = [__m256i; 4];

#[target_feature(enable = "avx2")]
fn tiles<const R: usize>(x: Windows<'_>, weights: &PointWeights, residual: Option<&[u8]>, out: &mut [u8]) {
    let n = weights.outputs();
    let pixels = out.len() / n;
    let mut p = 0;
    while p < pixels {
        let count = if pixels - p >= TILE { TILE } else { 1 };
        let x = x.starting_at(p);
        // No closures here and below: one that is not inlined is compiled without the vector instructions.
        let residual = match residual {
            Some(r) => Some(&r[p * n..(p + count) * n]),
            None => None,
        };
        let out = &mut out[p * n..(p + count) * n];
        for panel in weights.panels() {
            for v in 0..panel.vectors() {
                match count {
                    TILE => vector::<R, TILE>(x, weights, panel, v, residual, out),
                    _ => vector::<R, 1>(x, weights, panel, v, residual, out),
                }
            }
        }
        p += count;
    }
}

/// The sums of vector `v` of a panel for each of `P` pixels.
#[inline]
#[target_feature(enable = "avx2")]
fn vector<const R: usize, const P: usize>(
    x: Windows<'_>,
    weights: &PointWeights,
    panel: &Panel,
    v: usize,
    residual: Option<&[u8]>,
    out: &mut [u8],
) {
    let (n, groups, vectors) = (weights.outputs(), weights.row_len() / 4, panel.vectors());
    let mut sums: [Parts; P] = [[_mm256_setzero_si256(); 4]; P];
    for (r, row) in x.rows[..R].iter().enumerate() {
        let mut pixels: [&[[u8; 4]]; P] = [&[]; P];
        for (p, pixel) in pixels.iter_mut().enumerate() {
            *pixel = &row[p * x.step..][..groups * 4].as_chunks::<4>().0[..groups];
        }
        for i in 0..groups {
            let quads = panel.quads[(r * groups + i) * vectors + v].as_chunks::<16>().0;
            let mut columns = [_mm256_setzero_si256(); 4];
            for (column, quads) in columns.iter_mut().zip(quads) {
                *column = widened_weights(quads);
            }
            for p in 0..P {
                let four = _mm256_cvtepu8_epi16(_mm_set1_epi32(i32::from_le_bytes(pixels[p][i])));
                for q in 0..4 {
                    sums[p][q] = _mm256_add_epi32(sums[p][q], _mm256_madd_epi16(four, columns[q]));
                }
            }
        }
    }
    for (p, parts) in sums.iter().enumerate() {
        let place = p * n + panel.at..p * n + panel.at + panel.width;
        let residual = match residual {
            Some(r) => Some(&r[place.clone()]),
            None => None,
        };
        finish(parts, &panel.last[v], (vectors, v), residual, &mut out[place]);
    }
}

#[target_feature(enable = "avx2")]
fn depth_row(rows: Rows<'_>, weights: &DepthWeights, out: &mut [u8]) {
    let n = weights.channels();
    for (b, block) in weights.blocks().iter().enumerate() {
        let count = (n - b * 64).min(64);
        for (x, pixel) in out.chunks_exact_mut(n).enumerate() {
            let pixel = &mut pixel[b * 64..b * 64 + count];
            let at = x * rows.stride * n + b * 64;
            let mut columns = [[&[][..]; 3]; 3];
            for (t, column) in columns.iter_mut().enumerate() {
                for (to, row) in column.iter_mut().zip(rows.rows) {
                    *to = &row[at + t * n..][..count];
                }
            }
            depth_block(columns, block, pixel);
        }
    }
}

/// `columns` are the three rows of each of the three columns of a window.
#[inline]
#[target_feature(enable = "avx2")]
fn depth_block(columns: [[&[u8]; 3]; 3], block: &Depth64, out: &mut [u8]) {
    // Vector `v` has channels `16 l + 4 v + j`: 16 neighbouring channels lie in four vectors, one register each.
    for lane in 0..out.len().div_ceil(16) {
        let mut sums: Parts = [_mm256_setzero_si256(); 4];
        for (t, rows) in columns.iter().enumerate() {
            let quads = interleaved(rows, lane * 16);
            for v in 0..4 {
                let weights = widened_weights(&block.quads[t][v].as_chunks::<16>().0[lane]);
                let products = _mm256_madd_epi16(_mm256_cvtepu8_epi16(quads[v]), weights);
                sums[v] = _mm256_add_epi32(sums[v], products);
            }
        }
        let mut ints = joined(&sums);
        for (half, ints) in ints.iter_mut().enumerate() {
            let [a, b] = [&block.last[2 * half], &block.last[2 * half + 1]];
            let four = 4 * lane..4 * lane + 4;
            let bias = two_fours(&a.bias[four.clone()], &b.bias[four.clone()]);
            let factor = two_fours_ps(&a.factor[four.clone()], &b.factor[four]);
            let sum = _mm256_cvtepi32_ps(_mm256_add_epi32(*ints, bias));
            *ints = _mm256_cvtps_epi32(_mm256_mul_ps(sum, factor));
        }
        let bytes = packed(ints);
        let out = &mut out[lane * 16..];
        let count = out.len().min(16);
        out[..count].copy_from_slice(&bytes[..count]);
    }
}

/// 16 values (or 8, and zeros) of three rows as groups of four (above, middle, below, 0).
#[inline]
#[target_feature(enable = "avx2")]
fn interleaved(rows: &[&[u8]; 3], at: usize) -> [__m128i; 4] {
    let above = load_some(&rows[0][at..]);
    let middle = load_some(&rows[1][at..]);
    let below = load_some(&rows[2][at..]);
    let zero = _mm_setzero_si128();
    let (low, high) = (_mm_unpacklo_epi8(above, middle), _mm_unpackhi_epi8(above, middle));
    let (low_below, high_below) = (_mm_unpacklo_epi8(below, zero), _mm_unpackhi_epi8(below, zero));
    [
        _mm_unpacklo_epi16(low, low_below),
        _mm_unpackhi_epi16(low, low_below),
        _mm_unpacklo_epi16(high, high_below),
        _mm_unpackhi_epi16(high, high_below),
    ]
}

/// 16 bytes, or 8 and zeros.
#[inline]
#[target_feature(enable = "avx2")]
fn load_some(from: &[u8]) -> __m128i {
    if let Some(all) = from.first_chunk::<16>() {
        // SAFETY: the array holds the 16 bytes that are read; no alignment is needed.
        unsafe { _mm_loadu_si128(all.as_ptr().cast()) }
    } else {
        let half: &[u8; 8] = from.first_chunk().expect("8 values");
        _mm_cvtsi64_si128(i64::from_le_bytes(*half))
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn widened_weights(quads: &[i8; 16]) -> __m256i {
    // SAFETY: the array holds the 16 bytes that are read; no alignment is needed.
    _mm256_cvtepi8_epi16(unsafe { _mm_loadu_si128(quads.as_ptr().cast()) })
}

/// The 16 sums, in two registers.
#[inline]
#[target_feature(enable = "avx2")]
fn joined(parts: &Parts) -> [__m256i; 2] {
    let low = _mm256_hadd_epi32(parts[0], parts[1]);
    let high = _mm256_hadd_epi32(parts[2], parts[3]);
    [_mm256_permute4x64_epi64::<0b11_01_10_00>(low), _mm256_permute4x64_epi64::<0b11_01_10_00>(high)]
}

/// 16 integers as bytes, saturated.
#[inline]
#[target_feature(enable = "avx2")]
fn packed(ints: [__m256i; 2]) -> [u8; 16] {
    let words = _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_packs_epi32(ints[0], ints[1]));
    let bytes = _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256::<1>(words));
    let mut out = [0; 16];
    // SAFETY: the array holds the 16 bytes that are written; no alignment is needed.
    unsafe { _mm_storeu_si128(out.as_mut_ptr().cast(), bytes) }
    out
}

#[inline]
#[target_feature(enable = "avx2")]
fn two_fours(a: &[i32], b: &[i32]) -> __m256i {
    let (a, b) = (&a[..4], &b[..4]);
    // SAFETY: both slices hold the 16 bytes that are read; no alignment is needed.
    unsafe { _mm256_set_m128i(_mm_loadu_si128(b.as_ptr().cast()), _mm_loadu_si128(a.as_ptr().cast())) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn two_fours_ps(a: &[f32], b: &[f32]) -> __m256 {
    let (a, b) = (&a[..4], &b[..4]);
    // SAFETY: both slices hold the 16 bytes that are read; no alignment is needed.
    unsafe { _mm256_set_m128(_mm_loadu_ps(b.as_ptr()), _mm_loadu_ps(a.as_ptr())) }
}

/// From the sums of vector `v` of `vectors` to its bytes of the panel.
#[inline]
#[target_feature(enable = "avx2")]
fn finish(parts: &Parts, last: &Last, (vectors, v): (usize, usize), residual: Option<&[u8]>, out: &mut [u8]) {
    let fours = SUMS.min(out.len()) / 4;
    let mut added = [0u8; SUMS];
    if let Some(residual) = residual {
        for l in 0..fours {
            added[4 * l..4 * l + 4].copy_from_slice(&residual[channel(vectors, v, 4 * l)..][..4]);
        }
    }
    let mut ints = joined(parts);
    for (half, ints) in ints.iter_mut().enumerate() {
        let eight = 8 * half..8 * half + 8;
        let (bias, factor) = (&last.bias[eight.clone()], &last.factor[eight.clone()]);
        let sum = _mm256_add_epi32(*ints, two_fours(&bias[..4], &bias[4..]));
        let mut value = _mm256_mul_ps(_mm256_cvtepi32_ps(sum), two_fours_ps(&factor[..4], &factor[4..]));
        if residual.is_some() {
            let factor = &last.residual_factor[eight];
            let bytes = i64::from_le_bytes(added.as_chunks::<8>().0[half]);
            let residual = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_cvtsi64_si128(bytes)));
            let residual = _mm256_mul_ps(residual, two_fours_ps(&factor[..4], &factor[4..]));
            value = _mm256_add_ps(value, residual);
        }
        *ints = _mm256_cvtps_epi32(value);
    }
    let bytes = packed(ints);
    for l in 0..fours {
        out[channel(vectors, v, 4 * l)..][..4].copy_from_slice(&bytes[4 * l..4 * l + 4]);
    }
}
