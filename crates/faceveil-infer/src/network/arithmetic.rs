//! What a network computes with. A plan is fused and run the same way for both.

use std::fmt::Debug;

use super::ops::{Conv, ValueId};
use super::ranges::Scales;
use crate::kernels::{self, DepthRows, DepthWeights, Isa, PointWeights, int8, padded};

/// A kind of number and the kernels for it.
pub(crate) trait Arithmetic: Clone + Debug {
    /// One value of one channel.
    type Value: Copy + Default + Debug + PartialOrd;
    /// Packed weights of a convolution over all channels.
    type Point: Clone + Debug;
    /// Packed weights of a depthwise convolution.
    type Depth: Clone + Debug;
    /// What it takes to add two values.
    type Sum: Clone + Debug;

    /// For 1×1, to whose result `residual` is added.
    fn pack_point(&self, conv: &Conv, ends: Ends, residual: Option<ValueId>) -> Self::Point;
    /// For 3×3 over all channels.
    fn pack_full(&self, conv: &Conv, ends: Ends, inputs: usize) -> Self::Point;
    /// For depthwise 3×3.
    fn pack_depth(&self, conv: &Conv, ends: Ends) -> Self::Depth;
    /// For the 2×2 transposed one: each of the four pixels has its own padded block of outputs.
    fn pack_double(&self, conv: &Conv, ends: Ends) -> Self::Point;
    /// For a sum.
    fn pack_sum(&self, a: ValueId, b: ValueId, output: ValueId) -> Self::Sum;

    /// Padded output channels.
    fn outputs(weights: &Self::Point) -> usize;
    /// What stands for 0 in the input of a convolution over all channels.
    fn point_pad(weights: &Self::Point) -> Self::Value;
    /// What stands for 0 in the input of a depthwise convolution.
    fn depth_pad(weights: &Self::Depth) -> Self::Value;

    /// 1×1.
    fn point(
        &self,
        x: &[Self::Value],
        weights: &Self::Point,
        residual: Option<&[Self::Value]>,
        out: &mut [Self::Value],
    );
    /// A row of a 3×3 convolution over all channels; the rows have a pixel of padding on both sides.
    fn full_row(
        &self,
        rows: [&[Self::Value]; 3],
        stride: usize,
        weights: &Self::Point,
        out: &mut [Self::Value],
    );
    /// A row of a depthwise 3×3 convolution.
    fn depth_row(
        &self,
        rows: [&[Self::Value]; 3],
        stride: usize,
        weights: &Self::Depth,
        out: &mut [Self::Value],
    );
    /// `a + b`
    fn add(&self, weights: &Self::Sum, a: &[Self::Value], b: &[Self::Value], out: &mut [Self::Value]);
}

/// The values that a convolution reads and makes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ends {
    pub from: ValueId,
    pub to: ValueId,
}

/// 32-bit floats.
#[derive(Clone, Debug)]
pub(crate) struct Float {
    pub isa: Isa,
}

impl Arithmetic for Float {
    type Value = f32;
    type Point = PointWeights;
    type Depth = DepthWeights;
    type Sum = ();

    fn pack_point(&self, conv: &Conv, _: Ends, _: Option<ValueId>) -> PointWeights {
        let inputs = conv.weights.len() / conv.bias.len();
        PointWeights::pack_padded(inputs, &conv.weights, &conv.bias, conv.relu)
    }

    fn pack_full(&self, conv: &Conv, ends: Ends, inputs: usize) -> PointWeights {
        let lanes = lanes(ends.from, inputs);
        PointWeights::pack_full(inputs, lanes, &conv.weights, &conv.bias, conv.relu)
    }

    fn pack_depth(&self, conv: &Conv, _: Ends) -> DepthWeights {
        DepthWeights::pack(&conv.weights, &conv.bias, conv.relu)
    }

    fn pack_double(&self, conv: &Conv, ends: Ends) -> PointWeights {
        self.pack_point(&four_blocks(conv), ends, None)
    }

    fn pack_sum(&self, _: ValueId, _: ValueId, _: ValueId) {}

    fn outputs(weights: &PointWeights) -> usize {
        weights.outputs()
    }

    fn point_pad(_: &PointWeights) -> f32 {
        0.0
    }

    fn depth_pad(_: &DepthWeights) -> f32 {
        0.0
    }

    fn point(&self, x: &[f32], weights: &PointWeights, residual: Option<&[f32]>, out: &mut [f32]) {
        self.isa.point(x, weights, residual, out);
    }

    fn full_row(&self, rows: [&[f32]; 3], stride: usize, weights: &PointWeights, out: &mut [f32]) {
        self.isa.full_row(DepthRows { rows, stride }, weights, out);
    }

    fn depth_row(&self, rows: [&[f32]; 3], stride: usize, weights: &DepthWeights, out: &mut [f32]) {
        self.isa.depth_row(DepthRows { rows, stride }, weights, out);
    }

    fn add(&self, _: &(), a: &[f32], b: &[f32], out: &mut [f32]) {
        for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
            *out = a + b;
        }
    }
}

/// 8-bit integers, with a scale for each value (and for each channel of a graph output).
#[derive(Clone, Debug)]
pub(crate) struct Int8 {
    pub isa: Isa,
    pub scales: Scales,
}

impl Int8 {
    /// `conv` with its ends' scales; its outputs repeat those of `ends.to`.
    fn conv<'a>(
        &self,
        conv: &'a Conv,
        ends: Ends,
        outputs: &'a [int8::Scale],
        residual: Option<ValueId>,
    ) -> int8::Conv<'a> {
        int8::Conv {
            weights: &conv.weights,
            bias: &conv.bias,
            input: self.scales.of(ends.from),
            outputs,
            residual: residual.map(|r| self.scales.of(r)),
        }
    }

    fn scales_of(&self, conv: &Conv, to: ValueId) -> Vec<int8::Scale> {
        (0..conv.bias.len()).map(|c| self.scales.of_channel(to, c)).collect()
    }
}

impl Arithmetic for Int8 {
    type Value = u8;
    type Point = int8::PointWeights;
    type Depth = int8::DepthWeights;
    type Sum = int8::SumWeights;

    fn pack_point(&self, conv: &Conv, ends: Ends, residual: Option<ValueId>) -> int8::PointWeights {
        int8::PointWeights::pack(&self.conv(conv, ends, &self.scales_of(conv, ends.to), residual), self.isa)
    }

    fn pack_full(&self, conv: &Conv, ends: Ends, inputs: usize) -> int8::PointWeights {
        let outputs = self.scales_of(conv, ends.to);
        int8::PointWeights::pack_full(
            &self.conv(conv, ends, &outputs, None),
            self.isa,
            inputs,
            lanes(ends.from, inputs),
        )
    }

    fn pack_depth(&self, conv: &Conv, ends: Ends) -> int8::DepthWeights {
        int8::DepthWeights::pack(&self.conv(conv, ends, &self.scales_of(conv, ends.to), None), self.isa)
    }

    fn pack_double(&self, conv: &Conv, ends: Ends) -> int8::PointWeights {
        let conv = four_blocks(conv);
        // A transposed convolution has one scale for all channels (`ranges::is_output`).
        let outputs = vec![self.scales.of(ends.to); conv.bias.len()];
        int8::PointWeights::pack(&self.conv(&conv, ends, &outputs, None), self.isa)
    }

    fn pack_sum(&self, a: ValueId, b: ValueId, output: ValueId) -> int8::SumWeights {
        int8::SumWeights::new(self.scales.of(a), self.scales.of(b), self.scales.of(output))
    }

    fn outputs(weights: &int8::PointWeights) -> usize {
        weights.outputs()
    }

    fn point_pad(weights: &int8::PointWeights) -> u8 {
        weights.pad()
    }

    fn depth_pad(weights: &int8::DepthWeights) -> u8 {
        weights.pad()
    }

    fn point(&self, x: &[u8], weights: &int8::PointWeights, residual: Option<&[u8]>, out: &mut [u8]) {
        self.isa.point_int8(x, weights, residual, out);
    }

    fn full_row(&self, rows: [&[u8]; 3], stride: usize, weights: &int8::PointWeights, out: &mut [u8]) {
        self.isa.full_row_int8(int8::Rows { rows, stride }, weights, out);
    }

    fn depth_row(&self, rows: [&[u8]; 3], stride: usize, weights: &int8::DepthWeights, out: &mut [u8]) {
        self.isa.depth_row_int8(int8::Rows { rows, stride }, weights, out);
    }

    fn add(&self, weights: &int8::SumWeights, a: &[u8], b: &[u8], out: &mut [u8]) {
        self.isa.add_int8(weights, a, b, out);
    }
}

/// Values from one pixel to the next: the picture itself has no padding channels.
fn lanes(value: ValueId, channels: usize) -> usize {
    if value == 0 { channels } else { kernels::padded(channels) }
}

/// A transposed convolution as a pointwise one to four padded blocks.
fn four_blocks(conv: &Conv) -> Conv {
    let inputs = conv.weights.len() / (4 * conv.bias.len());
    let (outputs, lanes) = (conv.bias.len(), padded(conv.bias.len()));
    let mut weights = vec![0.0; 4 * lanes * inputs];
    let mut bias = vec![0.0; 4 * lanes];
    for place in 0..4 {
        let (from, to) = (place * outputs * inputs, place * lanes * inputs);
        weights[to..to + outputs * inputs].copy_from_slice(&conv.weights[from..from + outputs * inputs]);
        bias[place * lanes..place * lanes + outputs].copy_from_slice(&conv.bias);
    }
    Conv { weights, bias, ..conv.clone() }
}
