//! Convolutions over channels whose weights were put in the order that the fast kernels want, once for many runs.

use std::vec::Vec;

use super::arch;
use super::error::{KernelError, need};
use super::frame::{self, Frame};
use super::requant::{Layer, Requant};
use super::shape::{ConvShape, PointShape};

/// The weights of a layer in that order. Each operation is the one of the same name, says whether it did the work, and
/// wants the layer that this was made of.
pub(crate) struct Packed(arch::Packed);

impl Packed {
    /// Of a layer whose sums have `depth` products; `None` where no fast kernel takes it.
    pub fn of(layer: &Layer<'_>, depth: usize) -> Option<Self> {
        layer.check(depth, layer.bias.len()).ok()?;
        arch::packed(layer, depth).map(Self)
    }

    pub fn pointwise(
        &self,
        shape: &PointShape,
        input: &[i8],
        layer: &Layer<'_>,
        out: &mut [i8],
    ) -> Result<bool, KernelError> {
        shape.check(input, out)?;
        layer.check(shape.c_in, shape.c_out)?;
        Ok(self.0.pointwise(shape, input, layer, out))
    }

    pub fn conv(
        &self,
        shape: &ConvShape,
        input: &[i8],
        in_zero: i8,
        layer: &Layer<'_>,
        out: &mut [i8],
    ) -> Result<bool, KernelError> {
        shape.check(input, out)?;
        layer.check(shape.depth(), shape.c_out)?;
        Ok(self.0.conv(shape, input, in_zero, layer, out))
    }

    pub fn first_layer(
        &self,
        frame: &Frame<'_>,
        block: usize,
        layer: &Layer<'_>,
        out: &mut [i8],
    ) -> Result<bool, KernelError> {
        frame::check_first(frame, block, layer, out)?;
        Ok(self.0.first_layer(frame, block, layer, out))
    }
}

/// A transposed convolution 2 × 2 with step 2 as two convolutions 1 × 1, one for each line of outputs that a line of inputs
/// gives: their channels are those of two outputs beside each other.
pub(crate) struct Transposed {
    /// Two.
    lines: Vec<Line>,
    out_zero: i8,
    min: i8,
    max: i8,
}

struct Line {
    weights: Vec<i8>,
    bias: Vec<i32>,
    multiplier: Vec<i32>,
    shift: Vec<i8>,
    packed: arch::Packed,
}

impl Transposed {
    /// Of a layer as [`super::transposed_conv2x2`] has it; `None` where no fast kernel takes it.
    pub fn of(layer: &Layer<'_>, c_in: usize, in_zero: i8) -> Option<Self> {
        layer.check(c_in.checked_mul(4)?, layer.bias.len()).ok()?;
        let Requant { out_zero, min, max, .. } = layer.requant;
        let lines = (0..2).map(|dy| Line::of(layer, c_in, in_zero, dy)).collect::<Option<_>>()?;
        Some(Self { lines, out_zero, min, max })
    }

    /// See [`super::transposed_conv2x2`]; `w` columns come in.
    pub fn run(
        &self,
        w: usize,
        shape: &PointShape,
        input: &[i8],
        out: &mut [i8],
    ) -> Result<bool, KernelError> {
        shape.check_sides()?;
        need("places", w.saturating_mul(shape.places / w.max(1)), shape.places)?;
        need("input", shape.places.saturating_mul(shape.c_in), input.len())?;
        need("out", shape.places.saturating_mul(shape.c_out).saturating_mul(4), out.len())?;
        let line = PointShape { places: w, c_in: shape.c_in, c_out: 2 * shape.c_out };
        let rows = input.chunks_exact(w * shape.c_in);
        for (row, pair) in rows.zip(out.chunks_exact_mut(4 * w * shape.c_out)) {
            for (own, out) in self.lines.iter().zip(pair.chunks_exact_mut(2 * w * shape.c_out)) {
                let layer = own.layer(self);
                layer.check(line.c_in, line.c_out)?;
                if !own.packed.pointwise(&line, row, &layer, out) {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }
}

impl Line {
    fn of(layer: &Layer<'_>, c_in: usize, in_zero: i8, dy: usize) -> Option<Self> {
        let channels = layer.bias.len();
        let (mut weights, mut bias) = (Vec::new(), Vec::new());
        for (dx, channel) in (0..2).flat_map(|dx| (0..channels).map(move |channel| (dx, channel))) {
            let own = layer.weights.chunks_exact(c_in).nth(4 * channel + 2 * dy + dx)?;
            let sum: i32 = own.iter().map(|&w| i32::from(w)).sum();
            bias.push(layer.bias.get(channel)?.wrapping_sub(i32::from(in_zero).wrapping_mul(sum)));
            weights.extend_from_slice(own);
        }
        let (multiplier, shift) = (layer.requant.multiplier.repeat(2), layer.requant.shift.repeat(2));
        let requant = Requant { multiplier: &multiplier, shift: &shift, ..layer.requant };
        let packed = arch::packed(&Layer { weights: &weights, bias: &bias, requant }, c_in)?;
        Some(Self { weights, bias, multiplier, shift, packed })
    }

    fn layer(&self, of: &Transposed) -> Layer<'_> {
        let (multiplier, shift) = (&self.multiplier, &self.shift);
        let requant = Requant { multiplier, shift, out_zero: of.out_zero, min: of.min, max: of.max };
        Layer { weights: &self.weights, bias: &self.bias, requant }
    }
}
