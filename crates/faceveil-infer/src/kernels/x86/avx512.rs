//! 8-bit integers with AVX-512 VNNI: 64 products a instruction, summed by fours.

mod depth;

use std::arch::x86_64::{
    __m128i, __m256i, __m512, __m512i, _mm_loadl_epi64, _mm_loadu_si128, _mm_storel_epi64, _mm_storeu_si128,
    _mm256_loadu_si256, _mm256_mask_storeu_epi8, _mm256_maskz_loadu_epi8, _mm256_storeu_si256, _mm512_add_ps,
    _mm512_cvtepi32_ps, _mm512_cvtepu8_epi16, _mm512_cvtepu8_epi32, _mm512_cvtps_epi32,
    _mm512_cvtusepi16_epi8, _mm512_cvtusepi32_epi8, _mm512_dpbusd_epi32, _mm512_loadu_ps, _mm512_loadu_si512,
    _mm512_mask_storeu_epi8, _mm512_maskz_loadu_epi8, _mm512_max_epi16, _mm512_max_epi32, _mm512_mul_ps,
    _mm512_packs_epi32, _mm512_packus_epi16, _mm512_permutexvar_epi32, _mm512_set1_epi32, _mm512_setr_epi32,
    _mm512_setzero_si512, _mm512_storeu_si512, _mm512_unpackhi_epi8, _mm512_unpackhi_epi16,
    _mm512_unpacklo_epi8, _mm512_unpacklo_epi16,
};

use super::Avx2;
use depth::{dense_row, flat_row, strided_row};

use crate::kernels::int8::{DepthFours, Last, Panel, Rows, Windows};

/// Proof that this processor has AVX-512 with VNNI, AVX2 and FMA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Avx512(Avx2);

impl Avx512 {
    /// `None` where the processor lacks any of it.
    pub fn detect() -> Option<Self> {
        let avx2 = Avx2::detect()?;
        let all = std::is_x86_feature_detected!("avx512f")
            && std::is_x86_feature_detected!("avx512bw")
            && std::is_x86_feature_detected!("avx512vl")
            && std::is_x86_feature_detected!("avx512vnni");
        all.then_some(Self(avx2))
    }

    /// What it has, too.
    pub fn avx2(self) -> Avx2 {
        self.0
    }

    pub(in crate::kernels) fn windows_int8(
        self,
        x: Windows<'_>,
        panels: &[Panel],
        residual: Option<&[u8]>,
        out: &mut [u8],
    ) {
        // SAFETY: `self` exists only where the instructions do.
        unsafe {
            match x.used {
                1 => tiles::<1>(x, panels, residual, out),
                _ => tiles::<3>(x, panels, residual, out),
            }
        }
    }

    /// A row of `n` channels.
    pub(in crate::kernels) fn depth_row_int8(
        self,
        rows: Rows<'_>,
        n: usize,
        weights: &DepthFours,
        out: &mut [u8],
    ) {
        // SAFETY: `self` exists only where the instructions do.
        unsafe {
            match (rows.stride, &weights.flat) {
                (1, Some(flat)) if n == 16 => flat_row::<2, 4>(rows, flat, out),
                (1, Some(flat)) if n == 32 => flat_row::<4, 8>(rows, flat, out),
                (1, _) => dense_row(rows, n, &weights.blocks, out),
                _ => strided_row(rows, n, &weights.blocks, out),
            }
        }
    }
}

/// Pixels whose sums are made together: 6 × 4 vectors fill 24 of the 32 registers.
const TILE: usize = 6;
/// The same where a pixel's sums are one vector: four pixels' bytes fill one.
const NARROW_TILE: usize = 8;

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn tiles<const R: usize>(x: Windows<'_>, all: &[Panel], residual: Option<&[u8]>, out: &mut [u8]) {
    let n = x.outputs;
    let pixels = out.len() / n;
    let mut p = 0;
    if let (16, None, [panel]) = (n, residual, all) {
        for out in out.chunks_exact_mut(NARROW_TILE * n) {
            narrow_tile::<R>(x, x.starting_at(p), panel, out);
            p += NARROW_TILE;
        }
    }
    while p < pixels {
        let count = match pixels - p {
            1 => 1,
            2 | 3 => 2,
            4 | 5 => 4,
            _ => TILE,
        };
        let rows = x.starting_at::<R>(p);
        // No closures here and below: one that is not inlined is compiled without the vector instructions.
        let residual = match residual {
            Some(r) => Some(&r[p * n..(p + count) * n]),
            None => None,
        };
        let out = &mut out[p * n..(p + count) * n];
        match count {
            TILE => panels::<R, TILE>(x, rows, all, residual, out),
            4 => panels::<R, 4>(x, rows, all, residual, out),
            2 => panels::<R, 2>(x, rows, all, residual, out),
            _ => panels::<R, 1>(x, rows, all, residual, out),
        }
        p += count;
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn panels<const R: usize, const P: usize>(
    x: Windows<'_>,
    rows: [&[u8]; R],
    panels: &[Panel],
    residual: Option<&[u8]>,
    out: &mut [u8],
) {
    for panel in panels {
        match panel.vectors() {
            4 => tile::<R, P, 4>(x, rows, panel, residual, out),
            2 => tile::<R, P, 2>(x, rows, panel, residual, out),
            _ => tile::<R, P, 1>(x, rows, panel, residual, out),
        }
    }
}

/// `V` vectors of bytes for each of `P` pixels.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn tile<const R: usize, const P: usize, const V: usize>(
    x: Windows<'_>,
    rows: [&[u8]; R],
    panel: &Panel,
    residual: Option<&[u8]>,
    out: &mut [u8],
) {
    let last = last_of::<V>(panel);
    let sums = sums::<R, P, V>(x, rows, panel);
    for p in 0..P {
        let place = p * x.outputs + panel.at..p * x.outputs + panel.at + panel.width;
        let residual = match residual {
            Some(r) => Some(&r[place.clone()]),
            None => None,
        };
        finish(sums[p], last, residual, &mut out[place]);
    }
}

/// Pixels of 16 channels follow each other: four of them fill a vector.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn narrow_tile<const R: usize>(x: Windows<'_>, rows: [&[u8]; R], panel: &Panel, out: &mut [u8]) {
    let [last] = last_of::<1>(panel);
    let sums = sums::<R, NARROW_TILE, 1>(x, rows, panel);
    let fours = out.as_chunks_mut::<64>().0;
    for f in 0..NARROW_TILE / 4 {
        let four = [sums[4 * f][0], sums[4 * f + 1][0], sums[4 * f + 2][0], sums[4 * f + 3][0]];
        finish_pixels(four, last, &mut fours[f]);
    }
}

#[inline]
fn last_of<const V: usize>(panel: &Panel) -> &[Last; V] {
    panel.last.as_slice().try_into().expect("a panel has its vectors")
}

/// `V` vectors of sums for each of `P` pixels.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn sums<const R: usize, const P: usize, const V: usize>(
    x: Windows<'_>,
    rows: [&[u8]; R],
    panel: &Panel,
) -> [[__m512i; V]; P] {
    let groups = x.len / 4;
    let last = last_of::<V>(panel);
    let mut sums = [[_mm512_setzero_si512(); V]; P];
    for sums in &mut sums {
        for v in 0..V {
            sums[v] = load_ints(&last[v].bias);
        }
    }
    let mut quads = panel.quads.as_chunks::<V>().0.iter();
    for row in rows {
        let mut pixels: [&[[u8; 4]]; P] = [&[]; P];
        for (p, pixel) in pixels.iter_mut().enumerate() {
            *pixel = &row[p * x.step..][..groups * 4].as_chunks::<4>().0[..groups];
        }
        for (i, quads) in quads.by_ref().take(groups).enumerate() {
            let mut columns = [_mm512_setzero_si512(); V];
            for v in 0..V {
                columns[v] = load_bytes(&quads[v]);
            }
            for p in 0..P {
                let four = _mm512_set1_epi32(i32::from_le_bytes(pixels[p][i]));
                for v in 0..V {
                    sums[p][v] = _mm512_dpbusd_epi32(sums[p][v], four, columns[v]);
                }
            }
        }
    }
    sums
}

/// From sums to bytes; `out` has 16 a vector, or 8 less.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn finish<const V: usize>(sums: [__m512i; V], last: &[Last; V], residual: Option<&[u8]>, out: &mut [u8]) {
    let mut ints = [_mm512_setzero_si512(); V];
    let added = match residual {
        Some(bytes) => widened::<V>(bytes),
        None => ints,
    };
    for v in 0..V {
        let mut value = _mm512_mul_ps(_mm512_cvtepi32_ps(sums[v]), load_floats(&last[v].factor));
        if residual.is_some() {
            let residual = _mm512_cvtepi32_ps(added[v]);
            value = _mm512_add_ps(value, _mm512_mul_ps(residual, load_floats(&last[v].residual_factor)));
        }
        ints[v] = _mm512_cvtps_epi32(value);
    }
    store(ints, out);
}

/// From the sums of four pixels of 16 channels to their 64 bytes.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn finish_pixels(sums: [__m512i; 4], last: &Last, out: &mut [u8; 64]) {
    let factor = load_floats(&last.factor);
    let mut ints = sums;
    for p in 0..4 {
        ints[p] = _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_cvtepi32_ps(sums[p]), factor));
    }
    let (low, high) = (_mm512_packs_epi32(ints[0], ints[1]), _mm512_packs_epi32(ints[2], ints[3]));
    // Each 128 bits hold four channels of all pixels: gather each pixel's.
    let order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    store_some(_mm512_permutexvar_epi32(order, _mm512_packus_epi16(low, high)), out, 64);
}

/// 8-bit values as 32-bit ones, in the order of the sums.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn widened<const V: usize>(bytes: &[u8]) -> [__m512i; V] {
    let zero = _mm512_setzero_si512();
    let mut wide = [zero; V];
    match V {
        4 => {
            let all = load_some(bytes, 64);
            let (low, high) = (_mm512_unpacklo_epi8(all, zero), _mm512_unpackhi_epi8(all, zero));
            wide[0] = _mm512_unpacklo_epi16(low, zero);
            wide[1] = _mm512_unpackhi_epi16(low, zero);
            wide[2] = _mm512_unpacklo_epi16(high, zero);
            wide[3] = _mm512_unpackhi_epi16(high, zero);
        }
        2 => {
            let words = _mm512_cvtepu8_epi16(load_half(bytes));
            wide[0] = _mm512_unpacklo_epi16(words, zero);
            wide[1] = _mm512_unpackhi_epi16(words, zero);
        }
        _ => wide[0] = _mm512_cvtepu8_epi32(load_quarter(bytes)),
    }
    wide
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn store<const V: usize>(ints: [__m512i; V], out: &mut [u8]) {
    let zero = _mm512_setzero_si512();
    match V {
        4 => store_some(
            _mm512_packus_epi16(_mm512_packs_epi32(ints[0], ints[1]), _mm512_packs_epi32(ints[2], ints[3])),
            out,
            64,
        ),
        2 => {
            let words = _mm512_max_epi16(_mm512_packs_epi32(ints[0], ints[1]), zero);
            store_half(_mm512_cvtusepi16_epi8(words), out);
        }
        _ => store_quarter(_mm512_cvtusepi32_epi8(_mm512_max_epi32(ints[0], zero)), out),
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn load_ints(from: &[i32; 16]) -> __m512i {
    // SAFETY: the array holds the 64 bytes that are read; no alignment is needed.
    unsafe { _mm512_loadu_si512(from.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn load_floats(from: &[f32; 16]) -> __m512 {
    // SAFETY: as above.
    unsafe { _mm512_loadu_ps(from.as_ptr()) }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn load_bytes(from: &[i8; 64]) -> __m512i {
    // SAFETY: as above.
    unsafe { _mm512_loadu_si512(from.as_ptr().cast()) }
}

/// The first `count` bytes, at most 64, and zeros.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn load_some(from: &[u8], count: usize) -> __m512i {
    let from = &from[..count];
    if let Some(all) = from.first_chunk::<64>() {
        // SAFETY: the array holds the 64 bytes that are read.
        unsafe { _mm512_loadu_si512(all.as_ptr().cast()) }
    } else {
        // SAFETY: only the `count` bytes that the slice holds are read.
        unsafe { _mm512_maskz_loadu_epi8(mask(count), from.as_ptr().cast()) }
    }
}

/// The first 32 bytes, or those that there are, and zeros.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn load_half(from: &[u8]) -> __m256i {
    if let Some(all) = from.first_chunk::<32>() {
        // SAFETY: the array holds the 32 bytes that are read.
        unsafe { _mm256_loadu_si256(all.as_ptr().cast()) }
    } else {
        // SAFETY: only the bytes that the slice holds are read.
        unsafe { _mm256_maskz_loadu_epi8(mask(from.len()) as u32, from.as_ptr().cast()) }
    }
}

/// 16 bytes, or 8 and zeros.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn load_quarter(from: &[u8]) -> __m128i {
    if let Some(all) = from.first_chunk::<16>() {
        // SAFETY: the array holds the 16 bytes that are read.
        unsafe { _mm_loadu_si128(all.as_ptr().cast()) }
    } else {
        let half: &[u8; 8] = from.first_chunk().expect("8 values");
        // SAFETY: the array holds the 8 bytes that are read.
        unsafe { _mm_loadl_epi64(half.as_ptr().cast()) }
    }
}

/// The first `count` bytes, at most 64.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn store_some(bytes: __m512i, to: &mut [u8], count: usize) {
    let to = &mut to[..count];
    if let Some(all) = to.first_chunk_mut::<64>() {
        // SAFETY: the array holds the 64 bytes that are written.
        unsafe { _mm512_storeu_si512(all.as_mut_ptr().cast(), bytes) }
    } else {
        // SAFETY: only the `count` bytes that the slice holds are written.
        unsafe { _mm512_mask_storeu_epi8(to.as_mut_ptr().cast(), mask(count), bytes) }
    }
}

/// The first 32 bytes, or as many as there is room for.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn store_half(bytes: __m256i, to: &mut [u8]) {
    if let Some(all) = to.first_chunk_mut::<32>() {
        // SAFETY: the array holds the 32 bytes that are written.
        unsafe { _mm256_storeu_si256(all.as_mut_ptr().cast(), bytes) }
    } else {
        // SAFETY: only as many bytes are written as the slice holds.
        unsafe { _mm256_mask_storeu_epi8(to.as_mut_ptr().cast(), mask(to.len()) as u32, bytes) }
    }
}

/// 16 bytes, or the first 8.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn store_quarter(bytes: __m128i, to: &mut [u8]) {
    if let Some(all) = to.first_chunk_mut::<16>() {
        // SAFETY: the array holds the 16 bytes that are written.
        unsafe { _mm_storeu_si128(all.as_mut_ptr().cast(), bytes) }
    } else {
        let half: &mut [u8; 8] = to.first_chunk_mut().expect("8 values");
        // SAFETY: the array holds the 8 bytes that are written.
        unsafe { _mm_storel_epi64(half.as_mut_ptr().cast(), bytes) }
    }
}

#[inline]
fn mask(count: usize) -> u64 {
    if count >= 64 { u64::MAX } else { (1 << count) - 1 }
}
