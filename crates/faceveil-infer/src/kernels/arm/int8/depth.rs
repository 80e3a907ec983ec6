//! Depthwise convolutions of 8-bit integers with NEON.

use std::arch::aarch64::{
    int8x16_t, int32x4_t, vcvtq_f32_s32, vdupq_n_f32, vdupq_n_s32, vdupq_n_u8, vmulq_f32,
    vreinterpretq_u8_u16, vreinterpretq_u16_u8, vzip1q_u8, vzip1q_u16, vzip2q_u8, vzip2q_u16,
};

use super::{Products, bytes, load_floats, load_ints, load_some, load_weights, signed, store_some};
use crate::kernels::int8::{Depth64, Rows};

#[inline]
#[target_feature(enable = "neon")]
pub(super) fn depth_row<D: Products>(by: D, rows: Rows<'_>, n: usize, blocks: &[Depth64], out: &mut [u8]) {
    for (b, block) in blocks.iter().enumerate() {
        for lane in 0..(n - b * 64).min(64).div_ceil(16) {
            let sixteen = Sixteen { block, lane };
            let at = b * 64 + lane * 16;
            match rows.stride {
                1 => dense_row(by, rows.rows, n, at, sixteen, out),
                _ => strided_row(by, rows.rows, n, at, sixteen, out),
            }
        }
    }
}

/// 16 neighbouring channels of 64: four of each vector.
#[derive(Clone, Copy)]
struct Sixteen<'a> {
    block: &'a Depth64,
    lane: usize,
}

impl Sixteen<'_> {
    #[inline]
    #[target_feature(enable = "neon")]
    fn biases(self) -> [int32x4_t; 4] {
        let mut all = [vdupq_n_s32(0); 4];
        for v in 0..4 {
            all[v] = load_ints(&self.block.last[v].bias.as_chunks().0[self.lane]);
        }
        all
    }

    /// The sums plus those of column `t` of the window.
    #[inline]
    #[target_feature(enable = "neon")]
    fn add_column<D: Products>(self, by: D, sums: &mut [int32x4_t; 4], column: &[int8x16_t; 4], t: usize) {
        for v in 0..4 {
            let weights = load_weights(&self.block.quads[t][v].as_chunks().0[self.lane]);
            sums[v] = by.add(sums[v], column[v], weights);
        }
    }

    /// To the first 16 values of `out`, or all 8.
    #[inline]
    #[target_feature(enable = "neon")]
    fn finish(self, sums: [int32x4_t; 4], out: &mut [u8]) {
        let mut values = [vdupq_n_f32(0.0); 4];
        for v in 0..4 {
            let factor = load_floats(&self.block.last[v].factor.as_chunks().0[self.lane]);
            values[v] = vmulq_f32(vcvtq_f32_s32(sums[v]), factor);
        }
        store_some(bytes(values), out);
    }
}

/// 16 channels of a row, stride 1: each column of the input goes to the sums of three pixels while it is in registers.
#[inline]
#[target_feature(enable = "neon")]
fn dense_row<D: Products>(
    by: D,
    rows: [&[u8]; 3],
    n: usize,
    at: usize,
    weights: Sixteen<'_>,
    out: &mut [u8],
) {
    let [mut this, mut next] = [weights.biases(); 2];
    weights.add_column(by, &mut this, &interleaved(rows, at), 0);
    let second = interleaved(rows, n + at);
    weights.add_column(by, &mut this, &second, 1);
    weights.add_column(by, &mut next, &second, 0);
    for (x, pixel) in out.chunks_exact_mut(n).enumerate() {
        let mut after = weights.biases();
        let column = interleaved(rows, (x + 2) * n + at);
        weights.add_column(by, &mut this, &column, 2);
        weights.add_column(by, &mut next, &column, 1);
        weights.add_column(by, &mut after, &column, 0);
        weights.finish(this, &mut pixel[at..]);
        (this, next) = (next, after);
    }
}

/// 16 channels of a row, stride 2: every second column ends a pixel's sums and begins the next one's.
#[inline]
#[target_feature(enable = "neon")]
fn strided_row<D: Products>(
    by: D,
    rows: [&[u8]; 3],
    n: usize,
    at: usize,
    weights: Sixteen<'_>,
    out: &mut [u8],
) {
    let mut this = weights.biases();
    weights.add_column(by, &mut this, &interleaved(rows, at), 0);
    for (x, pixel) in out.chunks_exact_mut(n).enumerate() {
        let mut next = weights.biases();
        weights.add_column(by, &mut this, &interleaved(rows, (2 * x + 1) * n + at), 1);
        let shared = interleaved(rows, (2 * x + 2) * n + at);
        weights.add_column(by, &mut this, &shared, 2);
        weights.add_column(by, &mut next, &shared, 0);
        weights.finish(this, &mut pixel[at..]);
        this = next;
    }
}

/// 16 values (or 8, and anything) of three rows as groups of four: above, middle, below, and one without a weight.
#[inline]
#[target_feature(enable = "neon")]
fn interleaved(rows: [&[u8]; 3], at: usize) -> [int8x16_t; 4] {
    let above = load_some(&rows[0][at..]);
    let middle = load_some(&rows[1][at..]);
    let below = load_some(&rows[2][at..]);
    let none = vdupq_n_u8(0);
    let low = vreinterpretq_u16_u8(vzip1q_u8(above, middle));
    let high = vreinterpretq_u16_u8(vzip2q_u8(above, middle));
    let low_below = vreinterpretq_u16_u8(vzip1q_u8(below, none));
    let high_below = vreinterpretq_u16_u8(vzip2q_u8(below, none));
    [
        signed(vreinterpretq_u8_u16(vzip1q_u16(low, low_below))),
        signed(vreinterpretq_u8_u16(vzip2q_u16(low, low_below))),
        signed(vreinterpretq_u8_u16(vzip1q_u16(high, high_below))),
        signed(vreinterpretq_u8_u16(vzip2q_u16(high, high_below))),
    ]
}
