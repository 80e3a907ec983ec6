//! The operations on 8-bit values, batch 1, channels last (`[h, w, c]`).
//!
//! Every operation has a portable form, plain loops that say what is meant; the fast forms give the same bits, and
//! tests hold them to that. Which one runs is decided here, by target and features.
//!
//! # Arithmetic
//! A value `q` stands for `(q - zero) * scale`. Sums are of 32 bits and wrap, which no network whose model was checked
//! can bring about. **The bias holds the input's zero point already**: `bias - in_zero * sum(weights of the channel)`; a
//! place outside the picture counts as `in_zero`. From a sum to 8 bits see [`requantize`].
//!
//! # Memory
//! Some operations want `scratch`, whose least length a function of the same name with `_scratch` tells; it depends on
//! shapes alone, not on the processor. What it holds before and after means nothing.

mod arch;
mod error;
mod frame;
mod moves;
#[cfg(any(feature = "std", test))]
mod packed;
pub mod portable;
mod requant;
mod shape;
mod sum;
#[cfg(test)]
mod tests;

pub use error::KernelError;
pub use frame::{Frame, PixelFormat, first_layer, first_layer_scratch, unshuffle};
pub use moves::{concat, lookup, lookup_in_place, max_pool2x2, max_pool2x2_in_place, shuffle, upsample2x2};
#[cfg(any(feature = "std", test))]
pub(crate) use packed::{Packed, Transposed};
pub use requant::{Layer, Requant, requantize};
pub use shape::{ConvShape, DepthShape, PointShape};
pub use sum::{Sum, Term, add, add_in_place, add_upsampled, add_upsampled_in_place};

use error::need;

/// The instructions that the fast kernels use on this processor: `AVX-512 VNNI`, `AVX2`, `DSP`, `MVE`, or `portable` where
/// there are none.
pub fn instructions() -> &'static str {
    arch::name()
}

/// A convolution 1 × 1 with step 1. Weights `[c_out][c_in]`.
///
/// # Errors
/// [`KernelError`] if a length does not fit the shape; nothing is written then.
pub fn pointwise(
    shape: &PointShape,
    input: &[i8],
    layer: &Layer<'_>,
    scratch: &mut [i8],
    out: &mut [i8],
) -> Result<(), KernelError> {
    shape.check(input, out)?;
    layer.check(shape.c_in, shape.c_out)?;
    need("scratch", pointwise_scratch(shape), scratch.len())?;
    if !arch::pointwise(shape, input, layer, scratch, out) {
        portable::pointwise(shape, input, layer, out);
    }
    Ok(())
}

/// Bytes of scratch for [`pointwise`].
pub const fn pointwise_scratch(shape: &PointShape) -> usize {
    shape::tile_bytes(shape.c_in, shape.c_out)
}

/// A convolution over all channels. Weights `[c_out][kernel_h][kernel_w][c_in]`.
///
/// # Errors
/// As [`pointwise`].
pub fn conv(
    shape: &ConvShape,
    input: &[i8],
    in_zero: i8,
    layer: &Layer<'_>,
    scratch: &mut [i8],
    out: &mut [i8],
) -> Result<(), KernelError> {
    shape.check(input, out)?;
    layer.check(shape.depth(), shape.c_out)?;
    need("scratch", conv_scratch(shape), scratch.len())?;
    if !arch::conv(shape, input, in_zero, layer, scratch, out) {
        portable::conv(shape, input, in_zero, layer, out);
    }
    Ok(())
}

/// Bytes of scratch for [`conv`].
pub const fn conv_scratch(shape: &ConvShape) -> usize {
    shape::tile_bytes(shape.depth(), shape.c_out)
}

/// A convolution of each channel by itself. Weights `[kernel · kernel][c]`.
///
/// # Errors
/// As [`pointwise`].
pub fn depthwise(
    shape: &DepthShape,
    input: &[i8],
    in_zero: i8,
    layer: &Layer<'_>,
    scratch: &mut [i8],
    out: &mut [i8],
) -> Result<(), KernelError> {
    shape.check(input, out)?;
    shape.check_layer(layer)?;
    need("scratch", depthwise_scratch(shape), scratch.len())?;
    if !arch::depthwise(shape, input, in_zero, layer, scratch, out) {
        portable::depthwise(shape, input, in_zero, layer, out);
    }
    Ok(())
}

/// [`depthwise`] into the values that it reads: 3 × 3, step 1, one row and column of padding all round.
///
/// # Errors
/// As [`pointwise`], and for other kernels, steps and paddings.
pub fn depthwise_in_place(
    shape: &DepthShape,
    map: &mut [i8],
    in_zero: i8,
    layer: &Layer<'_>,
    scratch: &mut [i8],
) -> Result<(), KernelError> {
    shape.check_in_place(map)?;
    shape.check_layer(layer)?;
    need("scratch", depthwise_scratch(shape), scratch.len())?;
    if !arch::depthwise_in_place(shape, map, in_zero, layer, scratch) {
        portable::depthwise_in_place(shape, map, in_zero, layer, scratch);
    }
    Ok(())
}

/// Bytes of scratch for [`depthwise`] and [`depthwise_in_place`].
pub const fn depthwise_scratch(shape: &DepthShape) -> usize {
    let rows = shape.w.saturating_mul(shape.c).saturating_mul(2);
    let ring = shape::ring_bytes(shape.w);
    let (_, plane) = shape::plane_bytes(shape);
    let most = if rows > ring { rows } else { ring };
    if most > plane { most } else { plane }
}

/// A transposed convolution 2 × 2 with step 2, which doubles both sides: no two inputs meet in an output. Weights
/// `[c_out][2][2][c_in]`. Unlike elsewhere `layer.bias` is the plain one, without the input's zero point.
///
/// # Errors
/// As [`pointwise`]; `shape` is that of the input.
pub fn transposed_conv2x2(
    (h, w): (usize, usize),
    shape: &PointShape,
    input: &[i8],
    in_zero: i8,
    layer: &Layer<'_>,
    out: &mut [i8],
) -> Result<(), KernelError> {
    need("places", h.saturating_mul(w), shape.places)?;
    need("input", shape.places.saturating_mul(shape.c_in), input.len())?;
    need("out", shape.places.saturating_mul(shape.c_out).saturating_mul(4), out.len())?;
    shape.check_sides()?;
    layer.check(shape.c_in.saturating_mul(4), shape.c_out)?;
    portable::transposed_conv2x2(w, shape, input, in_zero, layer, out);
    Ok(())
}
