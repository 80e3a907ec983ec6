//! Batch norm with the activation after it, as one step in each direction.

use super::kernels::{Correct, Moments, Scale, Sums};
use super::{Buffers, EPSILON};

/// Mean and deviation over the batch.
pub fn norm_statistics(arch: pulp::Arch, own: &mut Buffers, channels: usize, places: usize) {
    let mut moments = vec![(0f64, 0f64); channels];
    for planes in own.sum.chunks_exact(channels * places) {
        for (plane, m) in planes.chunks_exact(places).zip(&mut moments) {
            let (sum, square) = arch.dispatch(Moments { x: plane });
            *m = (m.0 + sum, m.1 + square);
        }
    }
    let count = (own.sum.len() / channels) as f64;
    for ((sum, square), to) in moments.into_iter().zip(&mut own.statistics) {
        let mean = sum / count;
        let variance = (square / count - mean * mean).max(0.0);
        *to = (mean as f32, (1.0 / (variance + EPSILON).sqrt()) as f32);
    }
}

/// `relu6(scale · x̂ + shift)`, or without the cap.
pub fn norm_forward(
    arch: pulp::Arch,
    own: &mut Buffers,
    scale: &[f32],
    shift: &[f32],
    places: usize,
    capped: bool,
) {
    let channels = scale.len();
    let pictures = own.sum.chunks_exact(channels * places).zip(own.value.chunks_exact_mut(channels * places));
    for (sums, values) in pictures {
        for (c, (sum, value)) in sums.chunks_exact(places).zip(values.chunks_exact_mut(places)).enumerate() {
            let (mean, inverse) = own.statistics[c];
            let a = scale[c] * inverse;
            let b = shift[c] - mean * a;
            let (low, high) = if capped { (0.0, 6.0) } else { (f32::MIN, f32::MAX) };
            arch.dispatch(Scale { x: sum, to: value, a, b, low, high });
        }
    }
}

/// Turns the gradient of what came out into that of the sum: Ioffe 2015, section 3.
pub fn norm_backward(
    arch: pulp::Arch,
    own: &mut Buffers,
    scale: &[f32],
    scales: &mut [f32],
    shifts: &mut [f32],
    places: usize,
    capped: bool,
) {
    let channels = scale.len();
    let whole = channels * places;
    let count = (own.sum.len() / channels) as f32;
    for (n, gradients) in own.gradient.chunks_exact_mut(whole).enumerate() {
        for (c, d) in gradients.chunks_exact_mut(places).enumerate() {
            let at = n * whole + c * places;
            let (sum, value) = (&own.sum[at..][..places], &own.value[at..][..places]);
            let (mean, inverse) = own.statistics[c];
            let (ones, product) = arch.dispatch(Sums { d, x: sum, value, capped });
            shifts[c] += ones;
            scales[c] += (product - mean * ones) * inverse;
        }
    }
    for (n, gradients) in own.gradient.chunks_exact_mut(whole).enumerate() {
        for (c, d) in gradients.chunks_exact_mut(places).enumerate() {
            let sum = &own.sum[n * whole + c * places..][..places];
            let (mean, inverse) = own.statistics[c];
            let a = scale[c] * inverse;
            // a (d - shifts / count - x̂ scales / count) with x̂ = (sum - mean) inverse
            let slope = -a * inverse * scales[c] / count;
            let level = -a * shifts[c] / count - slope * mean;
            arch.dispatch(Correct { d, x: sum, a, slope, level });
        }
    }
}
