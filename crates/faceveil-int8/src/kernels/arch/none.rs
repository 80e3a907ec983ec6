//! No fast kernels.

use crate::kernels::frame::Frame;
use crate::kernels::{ConvShape, DepthShape, Layer, PointShape, Sum};

pub(in crate::kernels) fn name() -> &'static str {
    "portable"
}

pub(in crate::kernels) fn pointwise(
    _: &PointShape,
    _: &[i8],
    _: &Layer<'_>,
    _: &mut [i8],
    _: &mut [i8],
) -> bool {
    false
}

pub(in crate::kernels) fn conv(
    _: &ConvShape,
    _: &[i8],
    _: i8,
    _: &Layer<'_>,
    _: &mut [i8],
    _: &mut [i8],
) -> bool {
    false
}

pub(in crate::kernels) fn depthwise(
    _: &DepthShape,
    _: &[i8],
    _: i8,
    _: &Layer<'_>,
    _: &mut [i8],
    _: &mut [i8],
) -> bool {
    false
}

pub(in crate::kernels) fn depthwise_in_place(
    _: &DepthShape,
    _: &mut [i8],
    _: i8,
    _: &Layer<'_>,
    _: &mut [i8],
) -> bool {
    false
}

pub(in crate::kernels) fn first_layer(
    _: &Frame<'_>,
    _: usize,
    _: &Layer<'_>,
    _: &mut [i8],
    _: &mut [i8],
) -> bool {
    false
}

pub(in crate::kernels) fn add_in_place(_: &Sum, _: &[i8], _: &mut [i8]) -> bool {
    false
}

pub(in crate::kernels) fn add_upsampled_in_place(_: &Sum, _: [usize; 3], _: &[i8], _: &mut [i8]) -> bool {
    false
}
