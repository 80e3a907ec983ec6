//! Convolutions over channels whose weights were put in the order that the fast kernels want, once for many runs.

use super::arch;
use super::error::KernelError;
use super::frame::{self, Frame};
use super::requant::Layer;
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
