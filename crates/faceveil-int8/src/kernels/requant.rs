//! From a sum of 32 bits to 8 bits.

use super::error::{KernelError, need};

/// How the sums of each output channel become 8 bits: see [`requantize`].
#[derive(Clone, Copy, Debug)]
pub struct Requant<'a> {
    /// A channel's multiplier, Q0.31, in `2^30..2^31`.
    pub multiplier: &'a [i32],
    /// A channel's shift to the right, `-30..=31`; the fast kernels want `1..=22`.
    pub shift: &'a [i8],
    /// The output's zero point.
    pub out_zero: i8,
    /// The least value that comes out: an activation's lower bound.
    pub min: i8,
    /// The largest value that comes out.
    pub max: i8,
}

/// The constants of a convolution.
#[derive(Clone, Copy, Debug)]
pub struct Layer<'a> {
    /// Weights, symmetric, `-127..=127`; their order is told by each operation.
    pub weights: &'a [i8],
    /// One an output channel, the input's zero point folded in.
    pub bias: &'a [i32],
    /// From sums to 8 bits.
    pub requant: Requant<'a>,
}

impl Layer<'_> {
    /// `depth` weights for each of `channels`.
    pub(super) fn check(&self, depth: usize, channels: usize) -> Result<(), KernelError> {
        need("weights", depth.saturating_mul(channels), self.weights.len())?;
        need("bias", channels, self.bias.len())?;
        need("multiplier", channels, self.requant.multiplier.len())?;
        need("shift", channels, self.requant.shift.len())
    }

    /// Bias, multiplier and shift of each output channel.
    pub(super) fn channels(&self) -> impl Iterator<Item = (i32, i32, i8)> {
        let scales = self.requant.multiplier.iter().zip(self.requant.shift);
        self.bias.iter().zip(scales).map(|(&bias, (&multiplier, &shift))| (bias, multiplier, shift))
    }
}

impl Requant<'_> {
    /// [`requantize`] and the bounds.
    pub(super) fn apply(&self, sum: i32, multiplier: i32, shift: i8) -> i8 {
        bound(scale(sum, multiplier, shift), self.out_zero, self.min, self.max)
    }
}

/// The sum times `multiplier * 2^(-31 - shift)`, rounded twice, not yet of 8 bits: first `floor(x * multiplier / 2^31 +
/// 1/2)` (ties go up), with `x` the sum shifted to the left by a negative shift, then divided by `2^shift` (ties go away
/// from zero).
///
/// Any `sum` is legal: with a `multiplier` in `0..2^31` the product and the rounding fit 64 bits, the first result 32. A
/// shift outside `-30..=31` counts as the nearest of those.
/// Source: TFLite, `MultiplyByQuantizedMultiplier` without `TFLITE_SINGLE_ROUNDING`, which is how LiteRT's reference
/// kernels are built: of 693 sums that were tried the other form differs on one.
#[inline(always)]
pub(super) fn scale(sum: i32, multiplier: i32, shift: i8) -> i32 {
    let left = i32::from(shift).clamp(-30, 0).unsigned_abs();
    let right = i32::from(shift).clamp(0, 31).unsigned_abs();
    let product = i64::from(sum.wrapping_shl(left)) * i64::from(multiplier);
    let high = ((product + (1 << 30)) >> 31) as i32;
    let mask = ((1u32 << right) - 1) as i32;
    let threshold = (mask >> 1) + i32::from(high < 0);
    (high >> right) + i32::from((high & mask) > threshold)
}

#[inline(always)]
pub(super) fn bound(value: i32, zero: i8, min: i8, max: i8) -> i8 {
    value.saturating_add(i32::from(zero)).max(i32::from(min)).min(i32::from(max)) as i8
}

/// `sum * multiplier / 2^(31 + shift) + zero`, rounded as TFLite does, saturated to `i8`: the contract of all kernels.
///
/// Two roundings: `sum * multiplier / 2^31` with ties up, then by `2^shift` with ties away from zero. Any `sum` is
/// legal; `multiplier` in `0..2^31`, `shift` in `-30..=31` (outside counts as the nearest; a negative one shifts the sum
/// to the left first). Source: TFLite, `MultiplyByQuantizedMultiplier` without `TFLITE_SINGLE_ROUNDING`.
pub fn requantize(sum: i32, multiplier: i32, shift: i8, zero: i8) -> i8 {
    bound(scale(sum, multiplier, shift), zero, i8::MIN, i8::MAX)
}
