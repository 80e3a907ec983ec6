//! Convolutions as their definitions say: the oracle of the fast kernels, and what runs where there is none. Shapes
//! were checked by the caller; no index can panic.

use super::requant::Layer;
use super::shape::{ConvShape, DepthShape, PointShape};

fn dot(a: &[i8], b: &[i8]) -> i32 {
    a.iter().zip(b).fold(0i32, |sum, (&a, &b)| sum.wrapping_add(i32::from(a) * i32::from(b)))
}

pub(super) fn pointwise(shape: &PointShape, input: &[i8], layer: &Layer<'_>, out: &mut [i8]) {
    for (place, out) in input.chunks_exact(shape.c_in).zip(out.chunks_exact_mut(shape.c_out)) {
        channels(place, layer, out);
    }
}

/// All output channels of one place.
pub(super) fn channels(place: &[i8], layer: &Layer<'_>, out: &mut [i8]) {
    let rows = layer.weights.chunks_exact(place.len().max(1));
    for ((out, row), (bias, multiplier, shift)) in out.iter_mut().zip(rows).zip(layer.channels()) {
        *out = layer.requant.apply(bias.wrapping_add(dot(place, row)), multiplier, shift);
    }
}

pub(super) fn conv(shape: &ConvShape, input: &[i8], in_zero: i8, layer: &Layer<'_>, out: &mut [i8]) {
    for (place, out) in out.chunks_exact_mut(shape.c_out).enumerate() {
        let (y, x) = (place / shape.out_w * shape.stride, place % shape.out_w * shape.stride);
        let rows = layer.weights.chunks_exact(shape.depth());
        for ((out, row), (bias, multiplier, shift)) in out.iter_mut().zip(rows).zip(layer.channels()) {
            let mut sum = bias;
            for (tap, weights) in row.chunks_exact(shape.c_in).enumerate() {
                let at = |start: usize, tap: usize, pad: usize, side: usize| {
                    (start + tap).checked_sub(pad).filter(|&i| i < side)
                };
                let row = at(y, tap / shape.kernel_w, shape.pad_top, shape.h);
                let column = at(x, tap % shape.kernel_w, shape.pad_left, shape.w);
                let values = row.zip(column).and_then(|(row, column)| {
                    let start = (row * shape.w + column) * shape.c_in;
                    input.get(start..start + shape.c_in)
                });
                sum = sum.wrapping_add(match values {
                    Some(values) => dot(values, weights),
                    None => weights.iter().map(|&w| i32::from(w) * i32::from(in_zero)).sum(),
                });
            }
            *out = layer.requant.apply(sum, multiplier, shift);
        }
    }
}

pub(super) fn depthwise(shape: &DepthShape, input: &[i8], in_zero: i8, layer: &Layer<'_>, out: &mut [i8]) {
    let row = shape.w * shape.c;
    for (y, out) in out.chunks_exact_mut(shape.out_w * shape.c).enumerate() {
        let rows = |ky: usize| {
            let y = (y * shape.stride + ky).checked_sub(shape.pad_top).filter(|&y| y < shape.h)?;
            input.get(y * row..(y + 1) * row)
        };
        depthwise_row(shape, rows, in_zero, layer, out);
    }
}

/// One row of outputs; `rows` gives the input's row of each row of the kernel, `None` outside the picture.
fn depthwise_row<'a>(
    shape: &DepthShape,
    rows: impl Fn(usize) -> Option<&'a [i8]>,
    in_zero: i8,
    layer: &Layer<'_>,
    out: &mut [i8],
) {
    for (x, out) in out.chunks_exact_mut(shape.c).enumerate() {
        for (c, (out, (bias, multiplier, shift))) in out.iter_mut().zip(layer.channels()).enumerate() {
            let mut sum = bias;
            for (tap, weights) in layer.weights.chunks_exact(shape.c).enumerate() {
                let column = (x * shape.stride + tap % shape.kernel).checked_sub(shape.pad_left);
                let column = column.filter(|&x| x < shape.w);
                let value = rows(tap / shape.kernel).zip(column);
                let value = value.and_then(|(row, x)| row.get(x * shape.c + c)).unwrap_or(&in_zero);
                let weight = weights.get(c).copied().unwrap_or(0);
                sum = sum.wrapping_add(i32::from(*value) * i32::from(weight));
            }
            *out = layer.requant.apply(sum, multiplier, shift);
        }
    }
}

/// Copies of the row above and of the current one are kept in `scratch` while the map's are overwritten.
pub(super) fn depthwise_in_place(
    shape: &DepthShape,
    map: &mut [i8],
    in_zero: i8,
    layer: &Layer<'_>,
    scratch: &mut [i8],
) {
    let row = shape.w * shape.c;
    let Some((mut above, rest)) = scratch.split_at_mut_checked(row) else { return };
    let Some(mut here) = rest.get_mut(..row) else { return };
    let mut rest = map;
    let mut first = true;
    while let Some((current, below)) = core::mem::take(&mut rest).split_at_mut_checked(row) {
        here.copy_from_slice(current);
        let (kept, held) = (&*above, &*here);
        let next = below.get(..row);
        let rows = |ky: usize| match ky {
            0 => (!first).then_some(kept),
            1 => Some(held),
            _ => next,
        };
        depthwise_row(shape, rows, in_zero, layer, current);
        core::mem::swap(&mut above, &mut here);
        (rest, first) = (below, false);
    }
}

pub(super) fn transposed_conv2x2(
    w: usize,
    shape: &PointShape,
    input: &[i8],
    in_zero: i8,
    layer: &Layer<'_>,
    out: &mut [i8],
) {
    let depth = 4 * shape.c_in;
    for (place, values) in input.chunks_exact(shape.c_in).enumerate() {
        let (y, x) = (place / w, place % w);
        for tap in 0..4 {
            let place = (2 * y + tap / 2) * 2 * w + 2 * x + tap % 2;
            let Some(out) = out.chunks_exact_mut(shape.c_out).nth(place) else { return };
            let rows = layer.weights.chunks_exact(depth);
            for ((out, row), (bias, multiplier, shift)) in out.iter_mut().zip(rows).zip(layer.channels()) {
                let weights = row.chunks_exact(shape.c_in).nth(tap).unwrap_or_default();
                let zero = weights.iter().fold(0i32, |sum, &w| sum.wrapping_add(i32::from(w)));
                let sum = bias.wrapping_add(dot(values, weights));
                let sum = sum.wrapping_sub(zero.wrapping_mul(in_zero.into()));
                *out = layer.requant.apply(sum, multiplier, shift);
            }
        }
    }
}
