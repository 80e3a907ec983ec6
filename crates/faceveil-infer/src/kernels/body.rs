//! The kernels, written once for all instruction sets. Plain loops, no closures: a closure that the compiler
//! does not inline is compiled without the instructions of the function around it, and several times slower.

use super::lanes::Lanes;
use super::{DepthRows, DepthWeights, LANES, PANEL, PointWeights};

/// Pixels that a tile of the pointwise convolution computes together: 6 pixels × 16 channels fill
/// 12 of the 16 vector registers with sums.
const TILE: usize = 6;

/// See [`super::Isa::point`].
#[inline(always)]
pub(super) fn point<L: Lanes>(x: &[f32], weights: &PointWeights, residual: Option<&[f32]>, out: &mut [f32]) {
    tiles::<L, 1>(Windows { rows: [x], step: weights.inputs }, weights, residual, out);
}

/// See [`super::Isa::full_row`].
#[inline(always)]
pub(super) fn full_row<L: Lanes>(rows: DepthRows<'_>, weights: &PointWeights, out: &mut [f32]) {
    let step = rows.stride * weights.inputs / 9;
    tiles::<L, 3>(Windows { rows: rows.rows, step }, weights, None, out);
}

/// What each output pixel is computed from: a stretch of each of `R` rows, that of the next pixel `step` values
/// further.
#[derive(Clone, Copy)]
struct Windows<'a, const R: usize> {
    rows: [&'a [f32]; R],
    step: usize,
}

#[inline(always)]
fn tiles<L: Lanes, const R: usize>(
    x: Windows<'_, R>,
    weights: &PointWeights,
    residual: Option<&[f32]>,
    out: &mut [f32],
) {
    let n = weights.outputs;
    let pixels = out.len() / n;
    let mut p = 0;
    while p < pixels {
        // Few widths: each is a copy of the kernels for the compiler to unroll.
        let count = match pixels - p {
            0 | 1 => 1,
            2..TILE => 2,
            _ => TILE,
        };
        let mut rows = x.rows;
        for row in &mut rows {
            *row = &row[p * x.step..];
        }
        let x = Windows { rows, ..x };
        let residual = residual.map(|r| &r[p * n..(p + count) * n]);
        let out = &mut out[p * n..(p + count) * n];
        match count {
            TILE => panels::<L, R, TILE>(x, weights, residual, out),
            2 => panels::<L, R, 2>(x, weights, residual, out),
            _ => panels::<L, R, 1>(x, weights, residual, out),
        }
        p += count;
    }
}

/// All output channels of `P` pixels.
#[inline(always)]
fn panels<L: Lanes, const R: usize, const P: usize>(
    x: Windows<'_, R>,
    weights: &PointWeights,
    residual: Option<&[f32]>,
    out: &mut [f32],
) {
    let (k, n) = (weights.inputs, weights.outputs);
    let mut at = 0;
    while at + PANEL <= n {
        tile::<L, R, P, 2>(x, weights, &weights.panels[at * k..(at + PANEL) * k], residual, out, at);
        at += PANEL;
    }
    if at < n {
        tile::<L, R, P, 1>(x, weights, &weights.panels[at * k..n * k], residual, out, at);
    }
}

/// `V * 8` output channels, from channel `at` on, of `P` pixels.
#[inline(always)]
fn tile<L: Lanes, const R: usize, const P: usize, const V: usize>(
    x: Windows<'_, R>,
    weights: &PointWeights,
    panel: &[f32],
    residual: Option<&[f32]>,
    out: &mut [f32],
    at: usize,
) {
    let n = weights.outputs;
    let len = weights.inputs / R;
    let mut sums = [[L::splat(0.0); V]; P];
    for sums in &mut sums {
        for (v, sum) in sums.iter_mut().enumerate() {
            *sum = L::load(eight(&weights.bias, at + v * LANES));
        }
    }
    let mut columns = panel.as_chunks::<LANES>().0.chunks_exact(V);
    for row in x.rows {
        let mut pixels: [&[f32]; P] = [&[]; P];
        for (p, pixel) in pixels.iter_mut().enumerate() {
            *pixel = &row[p * x.step..][..len];
        }
        for (i, column) in columns.by_ref().take(len).enumerate() {
            let mut weights = [L::splat(0.0); V];
            for v in 0..V {
                weights[v] = L::load(&column[v]);
            }
            for p in 0..P {
                let value = L::splat(pixels[p][i]);
                for v in 0..V {
                    sums[p][v] = sums[p][v].add_product(value, weights[v]);
                }
            }
        }
    }
    for (p, sums) in sums.iter().enumerate() {
        for (v, &sum) in sums.iter().enumerate() {
            let place = p * n + at + v * LANES;
            let sum = match residual {
                Some(r) => sum.add(L::load(eight(r, place))),
                None => sum,
            };
            let sum = if weights.relu { sum.max(L::splat(0.0)) } else { sum };
            sum.store(eight_mut(out, place));
        }
    }
}

/// See [`super::Isa::depth_row`].
#[inline(always)]
pub(super) fn depth_row<L: Lanes>(rows: DepthRows<'_>, weights: &DepthWeights, out: &mut [f32]) {
    if rows.stride == 1 {
        strided_row::<L, 1>(rows, weights, out)
    } else {
        strided_row::<L, 2>(rows, weights, out)
    }
}

/// Common channel counts get code of their own, in which all distances are constants: without them, each of
/// the 36 loads of a step needs its own pointer and bounds check.
#[inline(always)]
fn strided_row<L: Lanes, const S: usize>(rows: DepthRows<'_>, weights: &DepthWeights, out: &mut [f32]) {
    match weights.channels / LANES {
        2 => blocked_row::<L, S, 2>(rows, weights, out),
        4 => blocked_row::<L, S, 4>(rows, weights, out),
        8 => blocked_row::<L, S, 8>(rows, weights, out),
        12 => blocked_row::<L, S, 12>(rows, weights, out),
        18 => blocked_row::<L, S, 18>(rows, weights, out),
        24 => blocked_row::<L, S, 24>(rows, weights, out),
        _ => blocked_row::<L, S, 0>(rows, weights, out),
    }
}

/// A row of `B * 8` channels, of any number if `B` is 0.
#[inline(always)]
fn blocked_row<L: Lanes, const S: usize, const B: usize>(
    rows: DepthRows<'_>,
    weights: &DepthWeights,
    out: &mut [f32],
) {
    let width = out.len() / weights.channels;
    let mut x = 0;
    while x + 4 <= width {
        depth_pixels::<L, S, B, 4>(rows, weights, out, x);
        x += 4;
    }
    while x < width {
        depth_pixels::<L, S, B, 1>(rows, weights, out, x);
        x += 1;
    }
}

/// `G` neighbouring output pixels, from `x` on: their windows overlap, so each input is loaded once.
#[inline(always)]
fn depth_pixels<L: Lanes, const S: usize, const B: usize, const G: usize>(
    rows: DepthRows<'_>,
    weights: &DepthWeights,
    out: &mut [f32],
    x: usize,
) {
    let blocks = if B == 0 { weights.channels / LANES } else { B };
    let first = x * S * blocks;
    let span = ((G - 1) * S + 3) * blocks;
    let mut lanes: [&[[f32; LANES]]; 3] = [&[]; 3];
    for (lane, row) in lanes.iter_mut().zip(rows.rows) {
        *lane = &row.as_chunks::<LANES>().0[first..][..span];
    }
    let out = &mut out.as_chunks_mut::<LANES>().0[x * blocks..][..G * blocks];
    let taps = &weights.taps.as_chunks::<LANES>().0[..9 * blocks];
    let bias = &weights.bias.as_chunks::<LANES>().0[..blocks];
    for c in 0..blocks {
        let mut sums = [L::load(&bias[c]); G];
        for (r, row) in lanes.iter().enumerate() {
            for t in 0..3 {
                let tap = L::load(&taps[(r * 3 + t) * blocks + c]);
                for (g, sum) in sums.iter_mut().enumerate() {
                    *sum = sum.add_product(L::load(&row[(g * S + t) * blocks + c]), tap);
                }
            }
        }
        for (g, sum) in sums.iter().enumerate() {
            let sum = if weights.relu { sum.max(L::splat(0.0)) } else { *sum };
            sum.store(&mut out[g * blocks + c]);
        }
    }
}

#[inline(always)]
fn eight(from: &[f32], at: usize) -> &[f32; LANES] {
    from[at..].first_chunk().expect("channels are padded to whole lanes")
}

#[inline(always)]
fn eight_mut(from: &mut [f32], at: usize) -> &mut [f32; LANES] {
    from[at..].first_chunk_mut().expect("channels are padded to whole lanes")
}
