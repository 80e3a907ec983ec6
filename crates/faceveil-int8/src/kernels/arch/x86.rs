//! A PC's processor: the widest instructions that it has.

use super::{avx2, avx512};
use crate::kernels::frame::Frame;
use crate::kernels::{ConvShape, DepthShape, Layer, PointShape, Sum};

/// The kernels of one set of instructions: each says whether it did the work, so that a test sees which way was taken.
#[allow(clippy::type_complexity, reason = "the kernels' own signatures")]
pub(in crate::kernels) struct Way {
    pub name: &'static str,
    pub present: fn() -> bool,
    pub pointwise: fn(&PointShape, &[i8], &Layer<'_>, &mut [i8], &mut [i8]) -> bool,
    pub conv: fn(&ConvShape, &[i8], i8, &Layer<'_>, &mut [i8], &mut [i8]) -> bool,
    pub depthwise: fn(&DepthShape, &[i8], i8, &Layer<'_>, &mut [i8], &mut [i8]) -> bool,
    pub depthwise_in_place: fn(&DepthShape, &mut [i8], i8, &Layer<'_>, &mut [i8]) -> bool,
    pub first_layer: fn(&Frame<'_>, usize, &Layer<'_>, &mut [i8], &mut [i8]) -> bool,
    pub add_in_place: fn(&Sum, &[i8], &mut [i8]) -> bool,
    pub add_upsampled_in_place: fn(&Sum, [usize; 3], &[i8], &mut [i8]) -> bool,
}

pub(in crate::kernels) static WAYS: [Way; 2] = [
    Way {
        name: "AVX-512 VNNI",
        present: avx512::present,
        pointwise: avx512::pointwise,
        conv: avx512::conv,
        depthwise: avx512::depthwise,
        depthwise_in_place: avx512::depthwise_in_place,
        first_layer: avx512::first_layer,
        add_in_place: avx512::add_in_place,
        add_upsampled_in_place: avx512::add_upsampled_in_place,
    },
    Way {
        name: "AVX2",
        present: avx2::present,
        pointwise: avx2::pointwise,
        conv: avx2::conv,
        depthwise: avx2::depthwise,
        depthwise_in_place: avx2::depthwise_in_place,
        first_layer: avx2::first_layer,
        add_in_place: avx2::add_in_place,
        add_upsampled_in_place: avx2::add_upsampled_in_place,
    },
];

/// The first of [`WAYS`] that this processor has.
pub(in crate::kernels) fn name() -> &'static str {
    WAYS.iter().find(|way| (way.present)()).map_or("portable", |way| way.name)
}

pub(in crate::kernels) fn pointwise(
    shape: &PointShape,
    input: &[i8],
    layer: &Layer<'_>,
    scratch: &mut [i8],
    out: &mut [i8],
) -> bool {
    WAYS.iter().any(|way| (way.pointwise)(shape, input, layer, scratch, out))
}

pub(in crate::kernels) fn conv(
    shape: &ConvShape,
    input: &[i8],
    zero: i8,
    layer: &Layer<'_>,
    scratch: &mut [i8],
    out: &mut [i8],
) -> bool {
    WAYS.iter().any(|way| (way.conv)(shape, input, zero, layer, scratch, out))
}

pub(in crate::kernels) fn depthwise(
    shape: &DepthShape,
    input: &[i8],
    zero: i8,
    layer: &Layer<'_>,
    scratch: &mut [i8],
    out: &mut [i8],
) -> bool {
    WAYS.iter().any(|way| (way.depthwise)(shape, input, zero, layer, scratch, out))
}

pub(in crate::kernels) fn depthwise_in_place(
    shape: &DepthShape,
    map: &mut [i8],
    zero: i8,
    layer: &Layer<'_>,
    scratch: &mut [i8],
) -> bool {
    WAYS.iter().any(|way| (way.depthwise_in_place)(shape, map, zero, layer, scratch))
}

pub(in crate::kernels) fn first_layer(
    frame: &Frame<'_>,
    block: usize,
    layer: &Layer<'_>,
    scratch: &mut [i8],
    out: &mut [i8],
) -> bool {
    WAYS.iter().any(|way| (way.first_layer)(frame, block, layer, scratch, out))
}

pub(in crate::kernels) fn add_in_place(sum: &Sum, a: &[i8], b: &mut [i8]) -> bool {
    WAYS.iter().any(|way| (way.add_in_place)(sum, a, b))
}

pub(in crate::kernels) fn add_upsampled_in_place(
    sum: &Sum,
    shape: [usize; 3],
    a: &[i8],
    b: &mut [i8],
) -> bool {
    WAYS.iter().any(|way| (way.add_upsampled_in_place)(sum, shape, a, b))
}
