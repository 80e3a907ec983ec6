//! 8-bit integers with NEON: the values as signed ones, 128 less, which the biases make good (`Quantised::signed`), so that
//! a product of bytes with bytes is one of signed ones. Where the processor has no dot product, four products are
//! summed in 16 bits, which hold two of -128 × -127 and no more, so by pairs.

mod depth;

use std::arch::aarch64::{
    float32x4_t, int8x16_t, int16x8_t, int32x4_t, uint8x16_t, vaddq_f32, vcombine_s16, vcombine_u8,
    vcreate_u8, vcvtnq_s32_f32, vcvtq_f32_s32, vcvtq_f32_u32, vdupq_n_f32, vdupq_n_s32, vdupq_n_u8,
    vdupq_n_u32, veorq_u8, vget_high_u8, vget_high_u16, vget_low_s8, vget_low_u8, vget_low_u16, vld1q_f32,
    vld1q_s8, vld1q_s32, vld1q_u8, vmovl_u8, vmovl_u16, vmull_high_s8, vmull_s8, vmulq_f32, vpadalq_s16,
    vpaddq_s16, vqmovn_s32, vqmovun_s16, vreinterpretq_s8_u8, vreinterpretq_u8_u32, vst1_u8, vst1q_u8,
};
use std::arch::asm;

use super::{Neon, NeonDot};
use crate::kernels::int8::{self, Depth64, Panel, Rows, SumWeights, Windows};
use depth::depth_row;

/// How four products of bytes are summed.
trait Products: Copy {
    /// Each sum of `sums` plus the products of four values with its four weights.
    fn add(self, sums: int32x4_t, values: int8x16_t, weights: int8x16_t) -> int32x4_t;
}

impl Products for NeonDot {
    #[inline(always)]
    fn add(self, sums: int32x4_t, values: int8x16_t, weights: int8x16_t) -> int32x4_t {
        let mut sums = sums;
        // As an instruction of its own: the intrinsic came with Rust 1.98.
        // SAFETY: `self` exists only where the dot product does; nothing but registers is read or written.
        unsafe {
            asm!(
                ".arch_extension dotprod",
                "sdot {sums:v}.4s, {values:v}.16b, {weights:v}.16b",
                sums = inout(vreg) sums,
                values = in(vreg) values,
                weights = in(vreg) weights,
                options(pure, nomem, nostack, preserves_flags)
            );
        }
        sums
    }
}

impl Products for Neon {
    #[inline(always)]
    fn add(self, sums: int32x4_t, values: int8x16_t, weights: int8x16_t) -> int32x4_t {
        // SAFETY: `self` exists only where NEON does.
        unsafe {
            let low = vmull_s8(vget_low_s8(values), vget_low_s8(weights));
            vpadalq_s16(sums, vpaddq_s16(low, vmull_high_s8(values, weights)))
        }
    }
}

impl Neon {
    pub(in crate::kernels) fn windows_int8(
        self,
        x: Windows<'_>,
        panels: &[Panel],
        residual: Option<&[u8]>,
        out: &mut [u8],
    ) {
        // SAFETY: `self` exists only where NEON does.
        unsafe { windows(self, x, panels, residual, out) }
    }

    /// A row of `n` channels.
    pub(in crate::kernels) fn depth_row_int8(
        self,
        rows: Rows<'_>,
        n: usize,
        blocks: &[Depth64],
        out: &mut [u8],
    ) {
        // SAFETY: `self` exists only where NEON does.
        unsafe { depth_row(self, rows, n, blocks, out) }
    }

    pub(in crate::kernels) fn add_int8(self, weights: &SumWeights, a: &[u8], b: &[u8], out: &mut [u8]) {
        // SAFETY: `self` exists only where NEON does.
        unsafe { add(weights, a, b, out) }
    }
}

impl NeonDot {
    pub(in crate::kernels) fn windows_int8(
        self,
        x: Windows<'_>,
        panels: &[Panel],
        residual: Option<&[u8]>,
        out: &mut [u8],
    ) {
        // SAFETY: `self` exists only where the instructions do.
        unsafe { windows(self, x, panels, residual, out) }
    }

    /// A row of `n` channels.
    pub(in crate::kernels) fn depth_row_int8(
        self,
        rows: Rows<'_>,
        n: usize,
        blocks: &[Depth64],
        out: &mut [u8],
    ) {
        // SAFETY: `self` exists only where the instructions do.
        unsafe { depth_row(self, rows, n, blocks, out) }
    }
}

/// Pixels whose sums are made together: 4 × 4 vectors of sums, 4 of weights, and what the fallback needs.
const TILE: usize = 4;

#[inline]
#[target_feature(enable = "neon")]
fn windows<D: Products>(by: D, x: Windows<'_>, panels: &[Panel], residual: Option<&[u8]>, out: &mut [u8]) {
    for panel in panels {
        match (x.used, panel.width) {
            (1, 16) => tiles::<D, 1, 4>(by, x, panel, residual, out),
            (1, _) => tiles::<D, 1, 2>(by, x, panel, residual, out),
            (_, 16) => tiles::<D, 3, 4>(by, x, panel, residual, out),
            _ => tiles::<D, 3, 2>(by, x, panel, residual, out),
        }
    }
}

/// One panel of all pixels: its weights stay in the first-level cache.
#[inline]
#[target_feature(enable = "neon")]
fn tiles<D: Products, const R: usize, const V: usize>(
    by: D,
    x: Windows<'_>,
    panel: &Panel,
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
            TILE => tile::<D, R, TILE, V>(by, x, rows, panel, residual, out),
            _ => tile::<D, R, 1, V>(by, x, rows, panel, residual, out),
        }
        p += count;
    }
}

/// `V` vectors of four sums for each of `P` pixels.
#[inline]
#[target_feature(enable = "neon")]
fn tile<D: Products, const R: usize, const P: usize, const V: usize>(
    by: D,
    x: Windows<'_>,
    rows: [&[u8]; R],
    panel: &Panel,
    residual: Option<&[u8]>,
    out: &mut [u8],
) {
    let groups = x.len / 4;
    let last = &panel.last[0];
    let mut sums = [[vdupq_n_s32(0); V]; P];
    for sums in &mut sums {
        for v in 0..V {
            sums[v] = load_ints(&last.bias.as_chunks().0[v]);
        }
    }
    let mut quads = panel.quads.iter();
    for row in rows {
        let mut pixels: [&[[u8; 4]]; P] = [&[]; P];
        for (p, pixel) in pixels.iter_mut().enumerate() {
            *pixel = &row[p * x.step..][..groups * 4].as_chunks::<4>().0[..groups];
        }
        for (i, quads) in quads.by_ref().take(groups).enumerate() {
            let mut weights = [vreinterpretq_s8_u8(vdupq_n_u8(0)); V];
            for v in 0..V {
                weights[v] = load_weights(&quads.as_chunks().0[v]);
            }
            for p in 0..P {
                let four = signed(vreinterpretq_u8_u32(vdupq_n_u32(u32::from_le_bytes(pixels[p][i]))));
                for v in 0..V {
                    sums[p][v] = by.add(sums[p][v], four, weights[v]);
                }
            }
        }
    }
    for (p, sums) in sums.into_iter().enumerate() {
        let place = p * x.outputs + panel.at..p * x.outputs + panel.at + 4 * V;
        let mut values = [vdupq_n_f32(0.0); 4];
        for v in 0..V {
            values[v] = vmulq_f32(vcvtq_f32_s32(sums[v]), load_floats(&last.factor.as_chunks().0[v]));
        }
        if let Some(residual) = residual {
            let added = floats(load_some(&residual[place.clone()]));
            for v in 0..V {
                let factor = load_floats(&last.residual_factor.as_chunks().0[v]);
                values[v] = vaddq_f32(values[v], vmulq_f32(added[v], factor));
            }
        }
        store_some(bytes(values), &mut out[place]);
    }
}

/// 16 values at a time, the rest as the portable kernel does it.
#[target_feature(enable = "neon")]
fn add(weights: &SumWeights, a: &[u8], b: &[u8], out: &mut [u8]) {
    let (factor_a, factor_b, offset) = weights.parts();
    let (factor_a, factor_b) = (vdupq_n_f32(factor_a), vdupq_n_f32(factor_b));
    let offset = vdupq_n_f32(offset);
    let (a, rest_a) = a.as_chunks::<16>();
    let (b, rest_b) = b.as_chunks::<16>();
    let (out, rest_out) = out.as_chunks_mut::<16>();
    for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
        let (a, b) = (floats(load_some(a)), floats(load_some(b)));
        let mut values = [offset; 4];
        for v in 0..4 {
            let b = vaddq_f32(vmulq_f32(b[v], factor_b), offset);
            values[v] = vaddq_f32(vmulq_f32(a[v], factor_a), b);
        }
        store_some(bytes(values), out);
    }
    int8::add(weights, rest_a, rest_b, rest_out);
}

/// 128 less.
#[inline]
#[target_feature(enable = "neon")]
fn signed(values: uint8x16_t) -> int8x16_t {
    vreinterpretq_s8_u8(veorq_u8(values, vdupq_n_u8(0x80)))
}

#[inline]
#[target_feature(enable = "neon")]
fn floats(bytes: uint8x16_t) -> [float32x4_t; 4] {
    let (low, high) = (vmovl_u8(vget_low_u8(bytes)), vmovl_u8(vget_high_u8(bytes)));
    [
        vcvtq_f32_u32(vmovl_u16(vget_low_u16(low))),
        vcvtq_f32_u32(vmovl_u16(vget_high_u16(low))),
        vcvtq_f32_u32(vmovl_u16(vget_low_u16(high))),
        vcvtq_f32_u32(vmovl_u16(vget_high_u16(high))),
    ]
}

/// The nearest bytes, ties to even, saturated.
#[inline]
#[target_feature(enable = "neon")]
fn bytes(values: [float32x4_t; 4]) -> uint8x16_t {
    let [a, b, c, d] = values;
    vcombine_u8(vqmovun_s16(words(a, b)), vqmovun_s16(words(c, d)))
}

#[inline]
#[target_feature(enable = "neon")]
fn words(a: float32x4_t, b: float32x4_t) -> int16x8_t {
    vcombine_s16(vqmovn_s32(vcvtnq_s32_f32(a)), vqmovn_s32(vcvtnq_s32_f32(b)))
}

#[inline]
#[target_feature(enable = "neon")]
fn load_ints(from: &[i32; 4]) -> int32x4_t {
    // SAFETY: the array holds the 16 bytes that are read.
    unsafe { vld1q_s32(from.as_ptr()) }
}

#[inline]
#[target_feature(enable = "neon")]
fn load_floats(from: &[f32; 4]) -> float32x4_t {
    // SAFETY: as above.
    unsafe { vld1q_f32(from.as_ptr()) }
}

#[inline]
#[target_feature(enable = "neon")]
fn load_weights(from: &[i8; 16]) -> int8x16_t {
    // SAFETY: as above.
    unsafe { vld1q_s8(from.as_ptr()) }
}

/// 16 bytes, or 8 and zeros.
#[inline]
#[target_feature(enable = "neon")]
fn load_some(from: &[u8]) -> uint8x16_t {
    if let Some(all) = from.first_chunk::<16>() {
        // SAFETY: the array holds the 16 bytes that are read.
        unsafe { vld1q_u8(all.as_ptr()) }
    } else {
        let half: &[u8; 8] = from.first_chunk().expect("8 values");
        vcombine_u8(vcreate_u8(u64::from_le_bytes(*half)), vcreate_u8(0))
    }
}

/// All 16 bytes, or the first 8 where there are only 8.
#[inline]
#[target_feature(enable = "neon")]
fn store_some(bytes: uint8x16_t, to: &mut [u8]) {
    if let Some(all) = to.first_chunk_mut::<16>() {
        // SAFETY: the array holds the 16 bytes that are written.
        unsafe { vst1q_u8(all.as_mut_ptr(), bytes) }
    } else {
        let half: &mut [u8; 8] = to.first_chunk_mut().expect("8 values");
        // SAFETY: the array holds the 8 bytes that are written.
        unsafe { vst1_u8(half.as_mut_ptr(), vget_low_u8(bytes)) }
    }
}
