//! Convolutions of each channel by itself.
#![allow(unused_unsafe, reason = "newer compilers take intrinsics in such functions as safe")]

use core::arch::x86_64::*;

use super::super::is_plain;
use super::super::rows::{Rows, each_row, each_row_in_place};
use super::{LANES, Scales, bounds, load, narrow, present, store};
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

/// One row of outputs, from three rows of inputs, `None` outside the picture.
///
/// # Safety
/// AVX2.
#[target_feature(enable = "avx2")]
unsafe fn depth_row(shape: &DepthShape, rows: Rows<'_>, in_zero: i8, layer: &Layer<'_>, out: &mut [i8]) {
    let bounds = bounds(&layer.requant);
    for from in (0..shape.c).step_by(LANES) {
        let mut bias = [0; LANES];
        bias.iter_mut().zip(&layer.bias[from..]).for_each(|(to, &from)| *to = from);
        // SAFETY: as promised; all reads and writes are those of slices.
        unsafe {
            let scales = Scales::of(&layer.requant, from);
            let zero = _mm256_set1_epi32(in_zero.into());
            let start = _mm256_loadu_si256(bias.as_ptr().cast());
            // The upper half of a word is only the value's sign: it meets a weight of 0.
            let low = _mm256_set1_epi32(0xffff);
            let weights: [__m256i; 9] =
                core::array::from_fn(|tap| _mm256_and_si256(load(layer.weights, tap * shape.c + from), low));
            for x in 0..shape.out_w {
                let mut sum = start;
                for (tap, weights) in weights.iter().enumerate() {
                    let column = (x * shape.stride + tap % 3).wrapping_sub(shape.pad_left);
                    let values = match rows[tap / 3] {
                        Some(row) if column < shape.w => load(row, column * shape.c + from),
                        _ => zero,
                    };
                    sum = _mm256_add_epi32(sum, _mm256_madd_epi16(values, *weights));
                }
                let end = (from + LANES).min(shape.c);
                let to = &mut out[x * shape.c + from..x * shape.c + end];
                store(narrow(scales.scale(sum), bounds), to);
            }
        }
    }
}
