//! The operations as their definitions say: the oracle of the fast kernels, and what runs where there is none.
//!
//! Not for direct use: lengths are not checked here. What does not fit is left out, without a panic.

use super::frame::{Frame, MOST_VALUES};
use super::requant::Layer;
use super::shape::{ConvShape, DepthShape, PointShape};
use super::sum::Sum;

fn dot(a: &[i8], b: &[i8]) -> i32 {
    a.iter().zip(b).fold(0i32, |sum, (&a, &b)| sum.wrapping_add(i32::from(a) * i32::from(b)))
}

/// See [`super::pointwise`].
pub fn pointwise(shape: &PointShape, input: &[i8], layer: &Layer<'_>, out: &mut [i8]) {
    for (place, out) in input.chunks_exact(shape.c_in.max(1)).zip(out.chunks_exact_mut(shape.c_out.max(1))) {
        channels(place, layer, out);
    }
}

/// All output channels of one place.
fn channels(place: &[i8], layer: &Layer<'_>, out: &mut [i8]) {
    let rows = layer.weights.chunks_exact(place.len().max(1));
    for ((out, row), (bias, multiplier, shift)) in out.iter_mut().zip(rows).zip(layer.channels()) {
        *out = layer.requant.apply(bias.wrapping_add(dot(place, row)), multiplier, shift);
    }
}

/// See [`super::conv`].
pub fn conv(shape: &ConvShape, input: &[i8], in_zero: i8, layer: &Layer<'_>, out: &mut [i8]) {
    for (place, out) in out.chunks_exact_mut(shape.c_out.max(1)).enumerate() {
        let (y, x) = (place / shape.out_w.max(1) * shape.stride, place % shape.out_w.max(1) * shape.stride);
        let rows = layer.weights.chunks_exact(shape.depth().max(1));
        for ((out, row), (bias, multiplier, shift)) in out.iter_mut().zip(rows).zip(layer.channels()) {
            let mut sum = bias;
            for (tap, weights) in row.chunks_exact(shape.c_in.max(1)).enumerate() {
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

/// See [`super::depthwise`].
pub fn depthwise(shape: &DepthShape, input: &[i8], in_zero: i8, layer: &Layer<'_>, out: &mut [i8]) {
    let row = shape.w * shape.c;
    for (y, out) in out.chunks_exact_mut((shape.out_w * shape.c).max(1)).enumerate() {
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
    for (x, out) in out.chunks_exact_mut(shape.c.max(1)).enumerate() {
        for (c, (out, (bias, multiplier, shift))) in out.iter_mut().zip(layer.channels()).enumerate() {
            let mut sum = bias;
            for (tap, weights) in layer.weights.chunks_exact(shape.c.max(1)).enumerate() {
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

/// See [`super::depthwise_in_place`]. Copies of the row above and of the current one are kept in `scratch` while the map's are overwritten.
pub fn depthwise_in_place(
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
    for (place, values) in input.chunks_exact(shape.c_in.max(1)).enumerate() {
        let (y, x) = (place / w, place % w);
        for tap in 0..4 {
            let place = (2 * y + tap / 2) * 2 * w + 2 * x + tap % 2;
            let Some(out) = out.chunks_exact_mut(shape.c_out.max(1)).nth(place) else { return };
            let rows = layer.weights.chunks_exact(depth);
            for ((out, row), (bias, multiplier, shift)) in out.iter_mut().zip(rows).zip(layer.channels()) {
                let weights = row.chunks_exact(shape.c_in.max(1)).nth(tap).unwrap_or_default();
                let zero = weights.iter().fold(0i32, |sum, &w| sum.wrapping_add(i32::from(w)));
                let sum = bias.wrapping_add(dot(values, weights));
                let sum = sum.wrapping_sub(zero.wrapping_mul(in_zero.into()));
                *out = layer.requant.apply(sum, multiplier, shift);
            }
        }
    }
}

/// See [`super::add_in_place`].
pub fn add_in_place(sum: &Sum, a: &[i8], b: &mut [i8]) {
    for (b, &a) in b.iter_mut().zip(a) {
        *b = sum.of(a, *b);
    }
}

/// See [`super::add_upsampled_in_place`].
pub fn add_upsampled_in_place(sum: &Sum, [_, w, c]: [usize; 3], a: &[i8], b: &mut [i8]) {
    let row = (w * c).max(1);
    for (row, pair) in a.chunks_exact(row).zip(b.chunks_exact_mut(4 * row)) {
        for line in pair.chunks_exact_mut(2 * row.len()) {
            for (place, square) in row.chunks_exact(c.max(1)).zip(line.chunks_exact_mut(2 * c.max(1))) {
                for b in square.chunks_exact_mut(c.max(1)) {
                    add_in_place(sum, place, b);
                }
            }
        }
    }
}

/// See [`super::first_layer`].
pub fn first_layer(frame: &Frame<'_>, block: usize, layer: &Layer<'_>, out: &mut [i8]) {
    let mut square = [0; MOST_VALUES];
    let Some(values) = square.get_mut(..3 * block * block) else { return };
    for (index, out) in out.chunks_exact_mut(layer.bias.len().max(1)).enumerate() {
        frame.square(block, index, values);
        channels(values, layer, out);
    }
}
