//! The slow, obvious form of each kernel: what the fast ones are tested against.

use super::padded;

/// `out[p, o] = relu?(sum over i of weights[o, i] * x[p, i] + bias[o] + residual[p, o])`
///
/// # Shapes
/// `x`: `[pixels, inputs]`, `weights`: `[outputs, inputs]`; the result has padded outputs, the padding is
/// what the residual holds there.
pub fn point(x: &[f32], weights: &[f32], bias: &[f32], residual: Option<&[f32]>, relu: bool) -> Vec<f32> {
    let (inputs, n) = (weights.len() / bias.len(), padded(bias.len()));
    let mut out = vec![0.0; x.len() / inputs * n];
    for (p, pixel) in x.chunks_exact(inputs).enumerate() {
        for o in 0..n {
            let sum: f32 = match bias.get(o) {
                Some(b) => b + pixel.iter().zip(&weights[o * inputs..]).map(|(x, w)| x * w).sum::<f32>(),
                None => 0.0,
            };
            let sum = sum + residual.map_or(0.0, |r| r[p * n + o]);
            out[p * n + o] = if relu { sum.max(0.0) } else { sum };
        }
    }
    out
}

/// `out[x, c] = relu?(sum over r, t of weights[c, r, t] * rows[r][x * stride + t, c] + bias[c])`
///
/// # Shapes
/// `rows`: padded channels; `weights`: `[channels, 3, 3]`; the result: `[width, padded channels]`.
pub fn depth_row(
    rows: [&[f32]; 3],
    stride: usize,
    weights: &[f32],
    bias: &[f32],
    width: usize,
    relu: bool,
) -> Vec<f32> {
    let n = padded(bias.len());
    let mut out = vec![0.0; width * n];
    for x in 0..width {
        for (c, &b) in bias.iter().enumerate() {
            let mut sum = b;
            for (r, row) in rows.iter().enumerate() {
                for t in 0..3 {
                    sum += weights[c * 9 + r * 3 + t] * row[(x * stride + t) * n + c];
                }
            }
            out[x * n + c] = if relu { sum.max(0.0) } else { sum };
        }
    }
    out
}

/// `out[x, o] = relu?(sum over r, t, i of weights[o, i, r, t] * rows[r][x * stride + t, i] + bias[o])`
///
/// # Shapes
/// `rows`: `[.., inputs]`; `weights`: `[outputs, inputs, 3, 3]`; the result: `[width, padded outputs]`.
pub fn full_row(
    rows: [&[f32]; 3],
    stride: usize,
    weights: &[f32],
    bias: &[f32],
    width: usize,
    relu: bool,
) -> Vec<f32> {
    let (inputs, n) = (weights.len() / bias.len() / 9, padded(bias.len()));
    let mut out = vec![0.0; width * n];
    for x in 0..width {
        for (o, &b) in bias.iter().enumerate() {
            let mut sum = b;
            for (place, &weight) in weights[o * inputs * 9..(o + 1) * inputs * 9].iter().enumerate() {
                let (i, r, t) = (place / 9, place / 3 % 3, place % 3);
                sum += weight * rows[r][(x * stride + t) * inputs + i];
            }
            out[x * n + o] = if relu { sum.max(0.0) } else { sum };
        }
    }
    out
}
