//! Values as their 8 bits will tell them, for training with rounding. Forward, weights and values are rounded by the functions
//! of `faceveil_quant::scale`; backward, a gradient passes as through a straight line wherever nothing is cut off (Bengio 2013,
//! section 4 <https://arxiv.org/abs/1308.3432>; Jacob 2018, section 3 <https://arxiv.org/abs/1712.05877>).
#![allow(clippy::needless_range_loop)]

use faceveil_net::{Activation, Graph};
use faceveil_quant::ranges;
use faceveil_quant::scale::{Quant, fake_quantize_weights};
use pulp::Simd;

use super::kernels::kernels;
use crate::net::layout::{Layout, Role};

kernels! {
    /// `x = min(max(x + b, low), high)`.
    Shift(x: &'a mut [f32], b: f32, low: f32, high: f32) -> () = shift;
    /// `x += b`, and `to` what 8 bits tell of `min(max(x, low), high)`.
    Round(x: &'a mut [f32], to: &'a mut [f32], b: f32, low: f32, high: f32, quant: Quant) -> () = round;
    /// Sets `d` to 0 where not `low < x < high`; gives `Σ d`.
    Inside(d: &'a mut [f32], x: &'a [f32], low: f32, high: f32) -> f32 = inside;
}

/// The scale of each node whose value is rounded. Of a graph without batch norms.
#[derive(Clone, Debug, PartialEq)]
pub struct Rounding {
    nodes: Vec<Option<Quant>>,
}

impl Rounding {
    /// From the range of each node's value, by its index; those of nodes that only move values are not looked at.
    ///
    /// # Panics
    /// If there are not as many ranges as nodes.
    pub fn new(graph: &Graph, ranges: &[(f32, f32)]) -> Self {
        assert_eq!(ranges.len(), graph.nodes().len(), "a range a node");
        let quant = |(id, &(low, high)): (usize, &(f32, f32))| {
            ranges::rounds(graph, id).then(|| Quant::of_range(low, high))
        };
        Self { nodes: ranges.iter().enumerate().map(quant).collect() }
    }

    /// The scale of a node's value.
    pub fn of(&self, node: usize) -> Option<Quant> {
        self.nodes[node]
    }

    /// `values` with the weights rounded, each output channel by its own scale; biases keep their 32 bits.
    pub fn weights(layout: &Layout, values: &[f32], to: &mut Vec<f32>) {
        to.clear();
        to.extend_from_slice(values);
        for param in layout.params.iter().filter(|p| p.role == Role::Weight) {
            let each = param.range.len() / param.shape[0];
            fake_quantize_weights(&mut to[param.range.clone()], each);
        }
    }
}

/// Between which sums a gradient passes: neither the activation nor the range of 8 bits cuts them off.
pub fn passes(activation: Activation, quant: Option<Quant>) -> (f32, f32) {
    let (low, high) = bounds(activation);
    let Some(quant) = quant else { return (low, high) };
    let (least, most) = quant.range();
    (low.max(least - quant.scale / 2.0), high.min(most + quant.scale / 2.0))
}

/// What an activation keeps a value within. A sigmoid is left to who reads the value.
pub fn bounds(activation: Activation) -> (f32, f32) {
    match activation {
        Activation::None | Activation::Sigmoid => (f32::NEG_INFINITY, f32::INFINITY),
        Activation::Relu => (0.0, f32::INFINITY),
        Activation::Relu6 => (0.0, 6.0),
    }
}

/// Added and taken away again, it leaves a number of at most 2^22 rounded.
const WHOLE: f32 = 12_582_912.0;

#[inline(always)]
fn shift<S: Simd>(simd: S, x: &mut [f32], b: f32, low: f32, high: f32) {
    let (x, rest) = S::as_mut_simd_f32s(x);
    let [vb, vl, vh] = [b, low, high].map(|v| simd.splat_f32s(v));
    for k in 0..x.len() {
        x[k] = simd.min_f32s(simd.max_f32s(simd.add_f32s(x[k], vb), vl), vh);
    }
    for k in 0..rest.len() {
        rest[k] = (rest[k] + b).max(low).min(high);
    }
}

#[inline(always)]
fn round<S: Simd>(simd: S, x: &mut [f32], to: &mut [f32], b: f32, low: f32, high: f32, quant: Quant) {
    let zero = f32::from(quant.zero);
    let (least, most, inverse) = (-128.0 - zero, 127.0 - zero, 1.0 / quant.scale);
    let (x, rest) = S::as_mut_simd_f32s(x);
    let (to, to_rest) = S::as_mut_simd_f32s(to);
    let [vb, vl, vh] = [b, low, high].map(|v| simd.splat_f32s(v));
    let [va, vz, vi, vs, vw] = [least, most, inverse, quant.scale, WHOLE].map(|v| simd.splat_f32s(v));
    for k in 0..x.len().min(to.len()) {
        let sum = simd.add_f32s(x[k], vb);
        x[k] = sum;
        let value = simd.min_f32s(simd.max_f32s(sum, vl), vh);
        let steps = simd.min_f32s(simd.max_f32s(simd.mul_f32s(value, vi), va), vz);
        to[k] = simd.mul_f32s(simd.sub_f32s(simd.add_f32s(steps, vw), vw), vs);
    }
    for k in 0..rest.len().min(to_rest.len()) {
        rest[k] += b;
        let steps = (rest[k].max(low).min(high) * inverse).max(least).min(most);
        to_rest[k] = (steps + WHOLE - WHOLE) * quant.scale;
    }
}

#[inline(always)]
fn inside<S: Simd>(simd: S, d: &mut [f32], x: &[f32], low: f32, high: f32) -> f32 {
    let (d, d_rest) = S::as_mut_simd_f32s(d);
    let (x, x_rest) = S::as_simd_f32s(x);
    let zero = simd.splat_f32s(0.0);
    let (vl, vh) = (simd.splat_f32s(low), simd.splat_f32s(high));
    let mut sums = zero;
    for k in 0..d.len().min(x.len()) {
        let within = simd.and_m32s(simd.less_than_f32s(vl, x[k]), simd.less_than_f32s(x[k], vh));
        d[k] = simd.select_f32s(within, d[k], zero);
        sums = simd.add_f32s(sums, d[k]);
    }
    let mut sum = simd.reduce_sum_f32s(sums);
    for k in 0..d_rest.len().min(x_rest.len()) {
        if !(x_rest[k] > low && x_rest[k] < high) {
            d_rest[k] = 0.0;
        }
        sum += d_rest[k];
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::random::Random;

    /// The vectors' rounding is the quantiser's; only a tie may go to the other side.
    #[test]
    fn values_are_rounded_as_the_quantiser_rounds() {
        let mut random = Random::new(4);
        for (low, high) in [(0.0, 6.0), (-3.0, 2.5), (-0.01, 0.0), (0.2, 9.0)] {
            let quant = Quant::of_range(low, high);
            let x: Vec<f32> = (0..1003).map(|_| (random.normal() * 4.0) as f32).collect();
            let mut want: Vec<f32> = x.iter().map(|v| (v + 0.25).clamp(0.0, 6.0)).collect();
            quant.fake_quantize(&mut want);
            let (mut sum, mut got) = (x.clone(), vec![0f32; x.len()]);
            let kernel = Round { x: &mut sum, to: &mut got, b: 0.25, low: 0.0, high: 6.0, quant };
            pulp::Arch::new().dispatch(kernel);
            for (i, (got, want)) in got.iter().zip(&want).enumerate() {
                assert!((got - want).abs() < 1e-5, "{low}..{high}, {}: {got} {want}", x[i]);
                assert_eq!(sum[i], x[i] + 0.25);
            }
        }
    }

    #[test]
    fn a_gradient_stops_where_a_value_is_cut_off() {
        let quant = Quant::of_range(0.0, 4.0);
        let (low, high) = passes(Activation::Relu6, Some(quant));
        let x: Vec<f32> = (0..200).map(|i| i as f32 * 0.05 - 2.0).collect();
        let mut d = vec![1.0; x.len()];
        let sum = pulp::Arch::new().dispatch(Inside { d: &mut d, x: &x, low, high });
        for (d, x) in d.iter().zip(&x) {
            assert_eq!(*d == 1.0, *x > 0.0 && *x < 6.0 && quant.passes(*x), "{x}");
        }
        assert_eq!(sum, d.iter().sum::<f32>());
        assert_eq!(passes(Activation::None, None), (f32::NEG_INFINITY, f32::INFINITY));
    }
}
