//! From float weights to integer ones, and from integer sums to 8-bit values.

/// What the 8-bit values of a picture of channels stand for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    /// Difference between neighbouring values, above 0.
    pub step: f32,
    /// The value that stands for 0.
    pub zero: u8,
}

impl Scale {
    /// Pictures as they are.
    pub const PIXELS: Self = Self { step: 1.0, zero: 0 };

    /// The finest scale that holds `low..=high` and 0.
    pub fn of_range(low: f32, high: f32) -> Self {
        let (low, high) = (low.min(0.0), high.max(0.0));
        let step = ((high - low) / 255.0).max(1e-6);
        Self { step, zero: (-low / step).round_ties_even().clamp(0.0, 255.0) as u8 }
    }

    /// What `q` stands for.
    pub fn value(self, q: u8) -> f32 {
        (f32::from(q) - f32::from(self.zero)) * self.step
    }
}

/// The float weights of a convolution and what goes in and comes out.
#[derive(Clone, Copy, Debug)]
pub struct Conv<'a> {
    /// `[outputs, taps]`
    pub weights: &'a [f32],
    /// `[outputs]`
    pub bias: &'a [f32],
    /// What the input's values stand for.
    pub input: Scale,
    /// What the output's values stand for, one a channel.
    pub outputs: &'a [Scale],
    /// What the values stand for that are added to the output.
    pub residual: Option<Scale>,
}

/// Integer weights: a sum of products plus `bias`, times `factor`, plus the residual times its factor, is the output.
#[derive(Clone, Debug, Default)]
pub(super) struct Quantised {
    /// As the floats: `[outputs, taps]`.
    pub weights: Vec<i8>,
    pub bias: Vec<i32>,
    pub factor: Vec<f32>,
    pub residual_factor: Vec<f32>,
}

/// Sums at most, in either direction, of `bias` and of what is folded into it.
const MAX_BIAS: f32 = (1 << 24) as f32;
/// The largest factor from a sum to an output; real ones are far below. With sums below 2^27 no product overflows.
const MAX_FACTOR: f32 = 15.0;

impl Quantised {
    /// The same for values that are 128 less: as signed bytes.
    #[cfg(target_arch = "aarch64")]
    pub fn signed(mut self) -> Self {
        let taps = self.weights.len() / self.bias.len();
        for (bias, row) in self.bias.iter_mut().zip(self.weights.chunks_exact(taps)) {
            *bias += 128 * row.iter().map(|&w| i32::from(w)).sum::<i32>();
        }
        self
    }
}

pub(super) fn quantise(conv: &Conv<'_>) -> Quantised {
    let taps = conv.weights.len() / conv.bias.len();
    let mut made = Quantised::default();
    for ((row, &bias), output) in conv.weights.chunks_exact(taps).zip(conv.bias).zip(conv.outputs) {
        let largest = row.iter().fold(0.0f32, |a, w| a.max(w.abs()));
        let residual_zero = conv.residual.map_or(0.0, |r| f32::from(r.zero) * r.step);
        // What the sum has to hold beside the products, in the units of the output.
        let offset = bias + f32::from(output.zero) * output.step - residual_zero;
        let least_step = (offset.abs() / (conv.input.step * MAX_BIAS)).max(1e-12);
        let step = (largest / 127.0).max(least_step);
        let unit = conv.input.step * step;
        let weights: Vec<i8> = row.iter().map(|w| (w / step + ROUND - ROUND) as i8).collect();
        let total: i32 = weights.iter().map(|&w| i32::from(w)).sum();
        made.bias.push((offset / unit).round_ties_even() as i32 - i32::from(conv.input.zero) * total);
        made.factor.push((unit / output.step).min(MAX_FACTOR));
        made.residual_factor.push(conv.residual.map_or(0.0, |r| r.step / output.step));
        made.weights.extend(weights);
    }
    made
}

/// Adding it to a number below 2^22 and taking it away again rounds to an integer, ties to even, as fast as the
/// processor adds.
const ROUND: f32 = 12_582_912.0;

/// From a sum of products to an output value.
#[inline(always)]
pub(super) fn requantise(sum: i32, factor: f32, residual: f32) -> u8 {
    rounded(sum as f32 * factor + residual)
}

/// The nearest 8-bit value, ties to even.
#[inline(always)]
pub(super) fn rounded(value: f32) -> u8 {
    (value.clamp(0.0, 255.0) + ROUND - ROUND) as u8
}
