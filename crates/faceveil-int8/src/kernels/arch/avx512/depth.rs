//! Convolutions of each channel by itself with AVX-512: 16 channels a register, a tap's product in a lane of its own. With
//! step 1 a column of three values is read once and goes into the three outputs that it belongs to.
#![allow(unused_unsafe, reason = "newer compilers take intrinsics in such functions as safe")]
#![allow(clippy::incompatible_msrv, reason = "only on PCs, which have the workspace's compiler")]

use core::arch::x86_64::*;

use super::super::is_plain;
use super::super::rows::{Rows, each_row, each_row_in_place};
use super::{Bounds, LANES, Scales, mask, present};
use crate::kernels::requant::Layer;
use crate::kernels::shape::DepthShape;

fn takes(shape: &DepthShape, layer: &Layer<'_>) -> bool {
    present() && shape.kernel == 3 && is_plain(layer, 9)
}

pub(in crate::kernels) fn depthwise(
    shape: &DepthShape,
    input: &[i8],
    in_zero: i8,
    layer: &Layer<'_>,
    _: &mut [i8],
    out: &mut [i8],
) -> bool {
    // SAFETY: the processor was asked.
    takes(shape, layer)
        && each_row(shape, input, out, |rows, out| unsafe { depth_row(shape, rows, in_zero, layer, out) })
}

pub(in crate::kernels) fn depthwise_in_place(
    shape: &DepthShape,
    map: &mut [i8],
    in_zero: i8,
    layer: &Layer<'_>,
    scratch: &mut [i8],
) -> bool {
    // SAFETY: the processor was asked.
    takes(shape, layer)
        && each_row_in_place(shape, map, scratch, |rows, out| unsafe {
            depth_row(shape, rows, in_zero, layer, out);
        })
}

/// Three rows of inputs: where a column's 16 channels lie.
struct Columns<'r> {
    rows: Rows<'r>,
    zero: __m512i,
    columns: usize,
    channels: usize,
    from: usize,
    lanes: __mmask16,
}

impl Columns<'_> {
    /// The values of a column, one row after the other; the zero point outside the picture.
    ///
    /// # Safety
    /// AVX-512; the rows have `columns · channels` values.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    unsafe fn at(&self, column: usize) -> [__m512i; 3] {
        let mut values = [self.zero; 3];
        let mut ky = 0;
        while ky < 3 {
            if let (Some(row), true) = (self.rows[ky], column < self.columns) {
                // SAFETY: only lanes with channels are read.
                unsafe {
                    let at = row.as_ptr().add(column * self.channels + self.from);
                    values[ky] = _mm512_cvtepi8_epi32(_mm_maskz_loadu_epi8(self.lanes, at));
                }
            }
            ky += 1;
        }
        values
    }
}

/// Adds the products of a column with the taps of one column of the kernel.
///
/// # Safety
/// AVX-512.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn add(sum: __m512i, values: &[__m512i; 3], weights: &[__m512i; 9], kx: usize) -> __m512i {
    // SAFETY: arithmetic alone. The upper half of a word is only the value's sign: it meets a weight of 0.
    unsafe {
        let sum = _mm512_dpwssd_epi32(sum, values[0], weights[kx]);
        let sum = _mm512_dpwssd_epi32(sum, values[1], weights[3 + kx]);
        _mm512_dpwssd_epi32(sum, values[2], weights[6 + kx])
    }
}

/// One row of outputs, from three rows of inputs, `None` outside the picture.
///
/// # Safety
/// AVX-512.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn depth_row(shape: &DepthShape, rows: Rows<'_>, in_zero: i8, layer: &Layer<'_>, out: &mut [i8]) {
    let DepthShape { w, c, out_w, stride, pad_left, .. } = *shape;
    assert!(out.len() == out_w * c && rows.iter().flatten().all(|row| row.len() == w * c));
    let requant = &layer.requant;
    for from in (0..c).step_by(LANES) {
        let lanes = mask(c, from);
        // SAFETY: as promised; only lanes with channels are read and written.
        unsafe {
            let bounds = Bounds::new([requant.out_zero, requant.min, requant.max]);
            let scales = Scales::of(requant, from);
            let start = _mm512_maskz_loadu_epi32(lanes, layer.bias.as_ptr().add(from));
            let low = _mm512_set1_epi32(0xffff);
            let mut weights = [low; 9];
            let mut tap = 0;
            while tap < 9 {
                let at = layer.weights.as_ptr().add(tap * c + from);
                let words = _mm512_cvtepi8_epi32(_mm_maskz_loadu_epi8(lanes, at));
                weights[tap] = _mm512_and_si512(words, low);
                tap += 1;
            }
            let zero = _mm512_set1_epi32(in_zero.into());
            let columns = Columns { rows, zero, columns: w, channels: c, from, lanes };
            let to = out.as_mut_ptr().add(from);
            if stride == 1 && pad_left == 1 {
                // Outputs whose first column, and whose first two, were added already.
                let mut next = add(start, &columns.at(usize::MAX), &weights, 0);
                let mut after = add(start, &columns.at(0), &weights, 0);
                next = add(next, &columns.at(0), &weights, 1);
                for x in 0..out_w {
                    let values = columns.at(x + 1);
                    let sum = add(next, &values, &weights, 2);
                    next = add(after, &values, &weights, 1);
                    after = add(start, &values, &weights, 0);
                    bounds.store(&scales, sum, lanes, to.add(x * c));
                }
            } else {
                for x in 0..out_w {
                    let mut sum = start;
                    for kx in 0..3 {
                        let column = (x * stride + kx).wrapping_sub(pad_left);
                        sum = add(sum, &columns.at(column), &weights, kx);
                    }
                    bounds.store(&scales, sum, lanes, to.add(x * c));
                }
            }
        }
    }
}
