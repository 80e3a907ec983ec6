//! 8-bit integers with AVX2: widened to 16 bits, because the 8-bit product of this instruction set saturates.

use std::arch::x86_64::{
    __m128i, __m256, __m256i, _mm_cvtsi64_si128, _mm_cvtsi128_si64, _mm_loadu_si128, _mm_packus_epi16,
    _mm_storeu_si128, _mm256_add_epi32, _mm256_add_ps, _mm256_and_si256, _mm256_castsi256_si128,
    _mm256_cvtepi32_ps, _mm256_cvtepu8_epi16, _mm256_cvtepu8_epi32, _mm256_cvtps_epi32,
    _mm256_extracti128_si256, _mm256_loadu_ps, _mm256_loadu_si256, _mm256_madd_epi16, _mm256_mul_ps,
    _mm256_packs_epi32, _mm256_permute4x64_epi64, _mm256_set1_epi16, _mm256_set1_epi32, _mm256_set1_ps,
    _mm256_setzero_si256, _mm256_srli_epi16, _mm256_unpackhi_epi16, _mm256_unpacklo_epi16,
};

use super::Avx2;
use crate::kernels::int8::{self, DepthPairs, Last, PairPanel, Rows, SumWeights, Windows};

impl Avx2 {
    pub(in crate::kernels) fn windows_int8(
        self,
        x: Windows<'_>,
        panels: &[PairPanel],
        residual: Option<&[u8]>,
        out: &mut [u8],
    ) {
        for panel in panels {
            // SAFETY: `self` exists only where the instructions do.
            unsafe {
                match (x.used, panel.last.len()) {
                    (1, 2) => tiles::<1, 2>(x, panel, residual, out),
                    (1, _) => tiles::<1, 1>(x, panel, residual, out),
                    (_, 2) => tiles::<3, 2>(x, panel, residual, out),
                    _ => tiles::<3, 1>(x, panel, residual, out),
                }
            }
        }
    }

    /// A row of `n` channels.
    pub(in crate::kernels) fn depth_row_int8(
        self,
        rows: Rows<'_>,
        n: usize,
        blocks: &[DepthPairs],
        out: &mut [u8],
    ) {
        for block in blocks {
            // SAFETY: `self` exists only where the instructions do.
            unsafe {
                match rows.stride {
                    1 => dense_row(rows.rows, n, block, out),
                    _ => strided_row(rows.rows, n, block, out),
                }
            }
        }
    }

    pub(in crate::kernels) fn add_int8(self, weights: &SumWeights, a: &[u8], b: &[u8], out: &mut [u8]) {
        // SAFETY: `self` exists only where the instructions do.
        unsafe { add(weights, a, b, out) }
    }
}

/// 16 values at a time, the rest as the portable kernel does it.
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
        // Neighbours, not in the order of sums.
        let words = _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_packs_epi32(ints[0], ints[1]));
        store_bytes(bytes(words), out);
    }
    int8::add(weights, rest_a, rest_b, rest_out);
}

#[inline]
#[target_feature(enable = "avx2")]
fn eight_floats(bytes: &[u8; 8]) -> __m256 {
    _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_cvtsi64_si128(i64::from_le_bytes(*bytes))))
}

/// Pixels whose sums are made together: 4 × 2 vectors of sums, 4 of weights, the even and the odd values of a pixel,
/// a product and a mask fill the 16 registers.
const TILE: usize = 4;

/// One panel of all pixels: its weights stay in the first-level cache.
#[target_feature(enable = "avx2")]
fn tiles<const R: usize, const V: usize>(
    x: Windows<'_>,
    panel: &PairPanel,
    residual: Option<&[u8]>,
    out: &mut [u8],
) {
    let n = x.outputs;
    let pixels = out.len() / n;
    let mut p = 0;
    while p < pixels {
        let count = if pixels - p >= TILE { TILE } else { 1 };
        let rows = x.starting_at::<R>(p);
        // No closures here and below: one that is not inlined is compiled without the vector instructions.
        let residual = match residual {
            Some(r) => Some(&r[p * n..(p + count) * n]),
            None => None,
        };
        let out = &mut out[p * n..(p + count) * n];
        match count {
            TILE => tile::<R, TILE, V>(x, rows, panel, residual, out),
            _ => tile::<R, 1, V>(x, rows, panel, residual, out),
        }
        p += count;
    }
}

/// `V` vectors of sums for each of `P` pixels.
#[inline]
#[target_feature(enable = "avx2")]
fn tile<const R: usize, const P: usize, const V: usize>(
    x: Windows<'_>,
    rows: [&[u8]; R],
    panel: &PairPanel,
    residual: Option<&[u8]>,
    out: &mut [u8],
) {
    let groups = x.len / 4;
    let last: &[Last<8>; V] = panel.last.as_slice().try_into().expect("a panel has its vectors");
    let mut sums = [[_mm256_setzero_si256(); V]; P];
    for sums in &mut sums {
        for v in 0..V {
            sums[v] = load_ints(&last[v].bias);
        }
    }
    let low_bytes = _mm256_set1_epi16(0xff);
    let mut pairs = panel.pairs.as_chunks::<V>().0.as_chunks::<2>().0.iter();
    for row in rows {
        let mut pixels: [&[[u8; 4]]; P] = [&[]; P];
        for (p, pixel) in pixels.iter_mut().enumerate() {
            *pixel = &row[p * x.step..][..groups * 4].as_chunks::<4>().0[..groups];
        }
        for (i, [even_pairs, odd_pairs]) in pairs.by_ref().take(groups).enumerate() {
            for p in 0..P {
                let four = _mm256_set1_epi32(i32::from_le_bytes(pixels[p][i]));
                let even = _mm256_and_si256(four, low_bytes);
                let odd = _mm256_srli_epi16::<8>(four);
                for v in 0..V {
                    sums[p][v] = plus_products(sums[p][v], even, &even_pairs[v]);
                    sums[p][v] = plus_products(sums[p][v], odd, &odd_pairs[v]);
                }
            }
        }
    }
    for (p, sums) in sums.into_iter().enumerate() {
        let place = p * x.outputs + panel.at..p * x.outputs + panel.at + 8 * V;
        let residual = match residual {
            Some(r) => Some(&r[place.clone()]),
            None => None,
        };
        finish(sums, last, residual, &mut out[place]);
    }
}

/// From sums to bytes; `out` and `residual` have 8 a vector.
#[inline]
#[target_feature(enable = "avx2")]
fn finish<const V: usize>(sums: [__m256i; V], last: &[Last<8>; V], residual: Option<&[u8]>, out: &mut [u8]) {
    let mut values = [_mm256_set1_ps(0.0); V];
    for v in 0..V {
        values[v] = _mm256_mul_ps(_mm256_cvtepi32_ps(sums[v]), load_floats(&last[v].factor));
    }
    if let Some(residual) = residual {
        let words = _mm256_cvtepu8_epi16(load_some(residual));
        let zero = _mm256_setzero_si256();
        let added = match V {
            2 => [_mm256_unpacklo_epi16(words, zero), _mm256_unpackhi_epi16(words, zero)],
            _ => [_mm256_cvtepu8_epi32(load_some(residual)), zero],
        };
        for v in 0..V {
            let factor = load_floats(&last[v].residual_factor);
            values[v] = _mm256_add_ps(values[v], _mm256_mul_ps(_mm256_cvtepi32_ps(added[v]), factor));
        }
    }
    let mut ints = [_mm256_setzero_si256(); 2];
    for v in 0..V {
        ints[v] = _mm256_cvtps_epi32(values[v]);
    }
    if V == 2 {
        store_some(bytes(_mm256_packs_epi32(ints[0], ints[1])), out);
    } else {
        let words = _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_packs_epi32(ints[0], ints[0]));
        store_some(bytes(words), &mut out[..8]);
    }
}

/// 16 channels of two neighbouring columns of the input, as pairs: the first 8 sums and the second.
struct Columns {
    /// Of the left column: (above, middle).
    left: [__m256i; 2],
    /// Of the right one.
    right: [__m256i; 2],
    /// Of both, below.
    below: [__m256i; 2],
}

impl Columns {
    /// Those at `left` and `right` of the rows.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn load(rows: [&[u8]; 3], left: usize, right: usize) -> Self {
        let mut words = [[_mm256_setzero_si256(); 3]; 2];
        for (words, at) in words.iter_mut().zip([left, right]) {
            for r in 0..3 {
                words[r] = _mm256_cvtepu8_epi16(load_some(&rows[r][at..]));
            }
        }
        let [left, right] = words;
        Self {
            left: interleaved(left[0], left[1]),
            right: interleaved(right[0], right[1]),
            below: interleaved(left[2], right[2]),
        }
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn interleaved(a: __m256i, b: __m256i) -> [__m256i; 2] {
    [_mm256_unpacklo_epi16(a, b), _mm256_unpackhi_epi16(a, b)]
}

#[inline]
#[target_feature(enable = "avx2")]
fn biases(block: &DepthPairs) -> [__m256i; 2] {
    [load_ints(&block.last[0].bias), load_ints(&block.last[1].bias)]
}

/// 16 channels of a row, stride 1. Two columns at a time go to the sums of the two outputs that end with them and of
/// the two that begin with them.
#[target_feature(enable = "avx2")]
fn dense_row(rows: [&[u8]; 3], n: usize, block: &DepthPairs, out: &mut [u8]) {
    let (width, at) = (out.len() / n, block.at);
    let DepthPairs { upper, below, last, .. } = block;
    let mut open = [biases(block); 2];
    for c in (0..width + 2).step_by(2) {
        // The last column may have none beside it; what stands for it reaches no output.
        let columns = Columns::load(rows, c * n + at, (c + 1).min(width + 1) * n + at);
        let mut begun = [biases(block); 2];
        for h in 0..2 {
            let Columns { left, right, below: under } = &columns;
            open[0][h] = plus_products(open[0][h], left[h], &upper[2][h]);
            open[0][h] = plus_products(open[0][h], under[h], &below[1][h]);
            open[1][h] = plus_products(open[1][h], left[h], &upper[1][h]);
            open[1][h] = plus_products(open[1][h], right[h], &upper[2][h]);
            open[1][h] = plus_products(open[1][h], under[h], &below[3][h]);
            begun[0][h] = plus_products(begun[0][h], left[h], &upper[0][h]);
            begun[0][h] = plus_products(begun[0][h], right[h], &upper[1][h]);
            begun[0][h] = plus_products(begun[0][h], under[h], &below[0][h]);
            begun[1][h] = plus_products(begun[1][h], right[h], &upper[0][h]);
            begun[1][h] = plus_products(begun[1][h], under[h], &below[2][h]);
        }
        if c >= 2 {
            finish_depth(open[0], last, &mut out[(c - 2) * n + at..(c - 1) * n]);
            if c - 1 < width {
                finish_depth(open[1], last, &mut out[(c - 1) * n + at..c * n]);
            }
        }
        open = begun;
    }
}

/// 16 channels of a row, stride 2: two columns begin an output, and the left one ends that before.
#[target_feature(enable = "avx2")]
fn strided_row(rows: [&[u8]; 3], n: usize, block: &DepthPairs, out: &mut [u8]) {
    let (width, at) = (out.len() / n, block.at);
    let DepthPairs { upper, below, last, .. } = block;
    let mut open = biases(block);
    for x in 0..=width {
        let columns = Columns::load(rows, 2 * x * n + at, (2 * x + 1).min(2 * width) * n + at);
        let mut begun = biases(block);
        for h in 0..2 {
            let Columns { left, right, below: under } = &columns;
            open[h] = plus_products(open[h], left[h], &upper[2][h]);
            open[h] = plus_products(open[h], under[h], &below[1][h]);
            begun[h] = plus_products(begun[h], left[h], &upper[0][h]);
            begun[h] = plus_products(begun[h], right[h], &upper[1][h]);
            begun[h] = plus_products(begun[h], under[h], &below[0][h]);
        }
        if x >= 1 {
            finish_depth(open, last, &mut out[(x - 1) * n + at..x * n]);
        }
        open = begun;
    }
}

/// To the first 16 values of `out`, or all 8.
#[inline]
#[target_feature(enable = "avx2")]
fn finish_depth(sums: [__m256i; 2], last: &[Last<8>; 2], out: &mut [u8]) {
    let mut ints = sums;
    for h in 0..2 {
        let factor = load_floats(&last[h].factor);
        ints[h] = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_cvtepi32_ps(sums[h]), factor));
    }
    store_some(bytes(_mm256_packs_epi32(ints[0], ints[1])), out);
}

/// `sums`, each plus the products of two values with two weights.
#[inline]
#[target_feature(enable = "avx2")]
fn plus_products(sums: __m256i, values: __m256i, weights: &[i16; 16]) -> __m256i {
    // SAFETY: the array holds the 32 bytes that are read; no alignment is needed.
    let weights = unsafe { _mm256_loadu_si256(weights.as_ptr().cast()) };
    _mm256_add_epi32(sums, _mm256_madd_epi16(values, weights))
}

#[inline]
#[target_feature(enable = "avx2")]
fn load_ints(from: &[i32; 8]) -> __m256i {
    // SAFETY: the array holds the 32 bytes that are read; no alignment is needed.
    unsafe { _mm256_loadu_si256(from.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn load_floats(from: &[f32; 8]) -> __m256 {
    // SAFETY: as above.
    unsafe { _mm256_loadu_ps(from.as_ptr()) }
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

/// 16-bit integers as bytes, saturated.
#[inline]
#[target_feature(enable = "avx2")]
fn bytes(words: __m256i) -> __m128i {
    _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256::<1>(words))
}

#[inline]
#[target_feature(enable = "avx2")]
fn store_bytes(bytes: __m128i, to: &mut [u8; 16]) {
    // SAFETY: the array holds the 16 bytes that are written; no alignment is needed.
    unsafe { _mm_storeu_si128(to.as_mut_ptr().cast(), bytes) }
}

/// All 16 bytes, or the first 8 where there are only 8.
#[inline]
#[target_feature(enable = "avx2")]
fn store_some(bytes: __m128i, to: &mut [u8]) {
    if let Some(all) = to.first_chunk_mut::<16>() {
        store_bytes(bytes, all);
    } else {
        let half: &mut [u8; 8] = to.first_chunk_mut().expect("8 values");
        *half = _mm_cvtsi128_si64(bytes).to_le_bytes();
    }
}
