//! Scales: how a number becomes 8 bits, and the factor between two scales an integer and a shift. Training that rounds
//! in the loop calls these same functions, so that what it learned with is what is run.

use serde::{Deserialize, Serialize};

/// Scale and zero point of a value: an `i8` `q` stands for `(q - zero) * scale`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quant {
    /// What a step of one is; above 0.
    pub scale: f32,
    /// What 0 is.
    pub zero: i8,
}

/// The scale and zero point of the networks' input: a channel of 8 bits less 128.
pub const PIXELS: Quant = Quant { scale: 1.0 / 255.0, zero: -128 };
/// Those of a logistic function's output, which TFLite prescribes.
pub const LOGISTIC: Quant = Quant { scale: 1.0 / 256.0, zero: -128 };

/// The smallest range that is told apart from nothing.
const LEAST_RANGE: f32 = 1e-6;

impl Quant {
    /// For values of `low..=high`, extended to hold 0, which is exact. 256 steps; the zero point is rounded, and the
    /// range shifted by at most half a step for that. Source: Jacob 2018, section 3 <https://arxiv.org/abs/1712.05877>.
    pub fn of_range(low: f32, high: f32) -> Self {
        let (low, high) = (low.min(0.0), high.max(0.0).max(low.min(0.0) + LEAST_RANGE));
        let scale = (high - low) / 255.0;
        let zero = (-128.0 - low / scale).round().clamp(-128.0, 127.0) as i8;
        Self { scale, zero }
    }

    /// `round(value / scale) + zero`, ties away from zero, saturated. What is no number becomes the zero point.
    pub fn quantize(self, value: f32) -> i8 {
        let steps = (value / self.scale).round();
        // Saturated before the zero point is added, as one sum in floats would round.
        let steps = if steps.is_nan() { 0.0 } else { steps.clamp(-512.0, 512.0) } as i32;
        (steps + i32::from(self.zero)).clamp(-128, 127) as i8
    }

    /// `(q - zero) * scale`.
    pub fn value(self, q: i8) -> f32 {
        (f32::from(q) - f32::from(self.zero)) * self.scale
    }

    /// The least and the largest number that can be told.
    pub fn range(self) -> (f32, f32) {
        (self.value(i8::MIN), self.value(i8::MAX))
    }

    /// Each number becomes the one that its 8 bits stand for: the forward pass of training with rounding. Its gradient
    /// is that of a straight line within [`Self::range`], and nothing outside (see [`Self::passes`]).
    pub fn fake_quantize(self, values: &mut [f32]) {
        for value in values {
            *value = self.value(self.quantize(*value));
        }
    }

    /// Whether a gradient passes: the number is not cut off.
    pub fn passes(self, value: f32) -> bool {
        let (low, high) = self.range();
        value >= low - self.scale / 2.0 && value <= high + self.scale / 2.0
    }
}

/// The scale of one output channel's weights: symmetric, 127 steps to the largest; zero point 0.
pub fn weight_scale(channel: &[f32]) -> f32 {
    channel.iter().fold(0f32, |most, w| most.max(w.abs())).max(LEAST_RANGE) / 127.0
}

/// `round(weight / scale)`, ties away from zero, in `-127..=127`.
pub fn quantize_weight(weight: f32, scale: f32) -> i8 {
    let steps = (weight / scale).round();
    if steps.is_nan() { 0 } else { steps.clamp(-127.0, 127.0) as i8 }
}

/// Weights `[out, …]` of which each output channel has `each` become what their 8 bits stand for.
pub fn fake_quantize_weights(weights: &mut [f32], each: usize) {
    for channel in weights.chunks_mut(each.max(1)) {
        let scale = weight_scale(channel);
        for weight in channel {
            *weight = f32::from(quantize_weight(*weight, scale)) * scale;
        }
    }
}

/// A factor above 0 as an integer in `2^30..2^31` and a shift to the right: `multiplier / 2^(31 + shift)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Multiplier {
    /// Q0.31.
    pub multiplier: i32,
    /// To the right.
    pub shift: i8,
}

impl Multiplier {
    /// The nearest to `factor`; 0 for factors under 2^-32, `None` for those of 2^30 and more and what is no number.
    /// Source: TFLite, `QuantizeMultiplier`.
    pub fn of(factor: f64) -> Option<Self> {
        if !(0.0..f64::from(1 << 30)).contains(&factor) {
            return None;
        }
        let (mut mantissa, mut exponent) = split(factor);
        if mantissa == 1 << 31 {
            (mantissa, exponent) = (1 << 30, exponent + 1);
        }
        if factor == 0.0 || exponent < -31 {
            return Some(Self { multiplier: 0, shift: 0 });
        }
        Some(Self { multiplier: i32::try_from(mantissa).ok()?, shift: i8::try_from(-exponent).ok()? })
    }
}

/// `factor` as `mantissa / 2^31 * 2^exponent` with a mantissa of `2^30..=2^31`, ties away from zero.
fn split(factor: f64) -> (i64, i32) {
    if factor < f64::MIN_POSITIVE {
        return (0, 0);
    }
    // Above 0 and normal: the exponent's bits, and a fraction of 52.
    let exponent = ((factor.to_bits() >> 52) & 0x7FF) as i32 - 1022;
    let fraction = (factor.to_bits() & ((1 << 52) - 1) | 1 << 52) as i64;
    ((fraction + (1 << 21)) >> 22, exponent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_input_is_a_byte_less_128() {
        for byte in 0..=255u8 {
            assert_eq!(PIXELS.quantize(f32::from(byte) / 255.0), (byte ^ 0x80) as i8);
        }
    }

    #[test]
    fn ranges_become_scales() {
        for (low, high, scale, zero) in [
            (0.0, 6.0, 6.0 / 255.0, -128),
            (-1.0, 1.0, 2.0 / 255.0, 0),
            (1.0, 2.0, 2.0 / 255.0, -128),
            (-2.0, -1.0, 2.0 / 255.0, 127),
        ] {
            let quant = Quant::of_range(low, high);
            assert!(
                (quant.scale - scale).abs() < 1e-9 && (i32::from(quant.zero) - zero).abs() <= 1,
                "{low}..{high}: {quant:?}"
            );
        }
        let nothing = Quant::of_range(0.0, 0.0);
        assert!(nothing.scale > 0.0 && nothing.quantize(0.0) == nothing.zero);
    }

    #[test]
    fn multipliers_are_tflites() {
        for (factor, multiplier, shift) in [
            (0.5, 1 << 30, 0),
            (0.25, 1 << 30, 1),
            (0.75, 3 << 29, 0),
            (1.0, 1 << 30, -1),
            (1.0 - f64::EPSILON, 1 << 30, -1),
            (0.0, 0, 0),
            (1e-12, 0, 0),
        ] {
            assert_eq!(Multiplier::of(factor), Some(Multiplier { multiplier, shift }), "{factor}");
        }
        for bad in [-0.1, f64::NAN, f64::INFINITY, 1e10] {
            assert_eq!(Multiplier::of(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_is_no_number_is_nothing() {
        assert_eq!(PIXELS.quantize(f32::NAN), -128);
        assert_eq!(PIXELS.quantize(f32::INFINITY), 127);
        assert_eq!(quantize_weight(f32::NAN, 1.0), 0);
    }

    proptest! {
        #[test]
        fn rounding_is_off_by_half_a_step_at_most(low in -10f32..0.0, high in 0f32..10.0, at in 0f32..1.0) {
            let quant = Quant::of_range(low, high);
            let (least, most) = quant.range();
            let value = least + at * (most - least);
            prop_assert!((quant.value(quant.quantize(value)) - value).abs() <= 0.5001 * quant.scale);
            prop_assert_eq!(quant.value(quant.quantize(0.0)), 0.0);
            prop_assert!(quant.passes(value));
        }

        #[test]
        fn a_multiplier_is_its_factor(factor in 1e-8f64..1e6) {
            let Multiplier { multiplier, shift } = Multiplier::of(factor).unwrap();
            let got = f64::from(multiplier) / 2f64.powi(31 + i32::from(shift));
            prop_assert!((got / factor - 1.0).abs() < 1e-9);
            prop_assert!(multiplier >= 1 << 30);
        }
    }
}
