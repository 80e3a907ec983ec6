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
    let (k, n) = (weights.inputs, weights.outputs);
    let pixels = out.len() / n;
    let mut p = 0;
    while p < pixels {
        let count = (pixels - p).min(TILE);
        let x = &x[p * k..(p + count) * k];
        let residual = residual.map(|r| &r[p * n..(p + count) * n]);
        let out = &mut out[p * n..(p + count) * n];
        match count {
            6 => panels::<L, 6>(x, weights, residual, out),
            5 => panels::<L, 5>(x, weights, residual, out),
            4 => panels::<L, 4>(x, weights, residual, out),
            3 => panels::<L, 3>(x, weights, residual, out),
            2 => panels::<L, 2>(x, weights, residual, out),
            _ => panels::<L, 1>(x, weights, residual, out),
        }
        p += count;
    }
}

/// All output channels of `P` pixels.
#[inline(always)]
fn panels<L: Lanes, const P: usize>(
    x: &[f32],
    weights: &PointWeights,
    residual: Option<&[f32]>,
    out: &mut [f32],
) {
    let (k, n) = (weights.inputs, weights.outputs);
    let mut at = 0;
    while at + PANEL <= n {
        tile::<L, P, 2>(x, weights, &weights.panels[at * k..(at + PANEL) * k], residual, out, at);
        at += PANEL;
    }
    if at < n {
        tile::<L, P, 1>(x, weights, &weights.panels[at * k..n * k], residual, out, at);
    }
}

/// `V * 8` output channels, from channel `at` on, of `P` pixels.
#[inline(always)]
fn tile<L: Lanes, const P: usize, const V: usize>(
    x: &[f32],
    weights: &PointWeights,
    panel: &[f32],
    residual: Option<&[f32]>,
    out: &mut [f32],
    at: usize,
) {
    let (k, n) = (weights.inputs, weights.outputs);
    let mut rows: [&[f32]; P] = [&[]; P];
    for (p, row) in rows.iter_mut().enumerate() {
        *row = &x[p * k..(p + 1) * k];
    }
    let mut sums = [[L::splat(0.0); V]; P];
    for sums in &mut sums {
        for (v, sum) in sums.iter_mut().enumerate() {
            *sum = L::load(eight(&weights.bias, at + v * LANES));
        }
    }
    let (panel, _) = panel.as_chunks::<LANES>();
    for (i, column) in panel.chunks_exact(V).take(k).enumerate() {
        let mut weights = [L::splat(0.0); V];
        for v in 0..V {
            weights[v] = L::load(&column[v]);
        }
        for p in 0..P {
            let value = L::splat(rows[p][i]);
            for v in 0..V {
                sums[p][v] = sums[p][v].add_product(value, weights[v]);
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

#[inline(always)]
fn strided_row<L: Lanes, const S: usize>(rows: DepthRows<'_>, weights: &DepthWeights, out: &mut [f32]) {
    let width = out.len() / weights.channels;
    let mut x = 0;
    while x + 4 <= width {
        depth_pixels::<L, S, 4>(rows, weights, out, x);
        x += 4;
    }
    while x < width {
        depth_pixels::<L, S, 1>(rows, weights, out, x);
        x += 1;
    }
}

/// `G` neighbouring output pixels, from `x` on: their windows overlap, so each input is loaded once.
#[inline(always)]
fn depth_pixels<L: Lanes, const S: usize, const G: usize>(
    rows: DepthRows<'_>,
    weights: &DepthWeights,
    out: &mut [f32],
    x: usize,
) {
    let blocks = weights.channels / LANES;
    let first = x * S * blocks;
    let span = ((G - 1) * S + 3) * blocks;
    let mut lanes: [&[[f32; LANES]]; 3] = [&[]; 3];
    for (lane, row) in lanes.iter_mut().zip(rows.rows) {
        *lane = &row.as_chunks::<LANES>().0[first..first + span];
    }
    let out = &mut out.as_chunks_mut::<LANES>().0[x * blocks..(x + G) * blocks];
    let taps = weights.taps.as_chunks::<LANES>().0;
    let bias = weights.bias.as_chunks::<LANES>().0;
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
