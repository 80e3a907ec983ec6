//! Processors whose kernels want no weights in another order.

use crate::kernels::frame::Frame;
use crate::kernels::{ConvShape, Layer, PointShape};

/// No weights are packed.
pub(in crate::kernels) enum Packed {}

impl Packed {
    pub fn pointwise(&self, _: &PointShape, _: &[i8], _: &Layer<'_>, _: &mut [i8]) -> bool {
        match *self {}
    }

    pub fn conv(&self, _: &ConvShape, _: &[i8], _: i8, _: &Layer<'_>, _: &mut [i8]) -> bool {
        match *self {}
    }

    pub fn first_layer(&self, _: &Frame<'_>, _: usize, _: &Layer<'_>, _: &mut [i8]) -> bool {
        match *self {}
    }
}

pub(in crate::kernels) fn packed(_: &Layer<'_>, _: usize) -> Option<Packed> {
    None
}
