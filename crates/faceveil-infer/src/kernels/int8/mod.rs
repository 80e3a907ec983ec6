//! The same convolutions on 8-bit integers: unsigned values, signed weights, exact 32-bit sums. The results are
//! the same bits on every instruction set: only the last step, from a sum to 8 bits, computes with floats,
//! and takes one rounding each for the conversion, the product and the result, none fused.
//!
//! A value `q` stands for `(q - zero) * scale` (as in Jacob et al. 2018, <https://arxiv.org/abs/1712.05877>);
//! weights are symmetric, `-127..=127`, with a scale for each output channel.

mod pack;
#[cfg(target_arch = "x86_64")]
mod pairs;
mod quantise;
mod reference;
#[cfg(test)]
mod tests;

use super::{Isa, LANES, padded};
#[cfg(target_arch = "x86_64")]
pub(super) use pack::Last;
pub(super) use pack::{Depth64, Panel};
#[cfg(target_arch = "x86_64")]
pub(super) use pairs::{DepthPairs, PairPanel};
pub use quantise::{Conv, Scale};
use quantise::{quantise, requantise, rounded};

/// Packed weights of a pointwise convolution, or of a 3×3 over all channels as a pointwise one of three rows.
#[derive(Clone, Debug)]
pub struct PointWeights {
    rows: usize,
    /// Values that a pixel reads from each row, a multiple of 4.
    row_len: usize,
    /// Values from one pixel to the next.
    channels: usize,
    /// Padded.
    outputs: usize,
    pad: u8,
    panels: Panels,
    with_residual: bool,
}

/// The weights as the instructions want them that they are packed for.
#[derive(Clone, Debug)]
enum Panels {
    Fours(Vec<Panel>),
    #[cfg(target_arch = "x86_64")]
    Pairs(Vec<PairPanel>),
}

impl PointWeights {
    /// Packs `[outputs, inputs]` weights for the instructions of `isa`; the inputs lie padded to whole lanes.
    ///
    /// # Panics
    /// If the lengths do not fit together.
    pub fn pack(conv: &Conv<'_>, isa: Isa) -> Self {
        let inputs = conv.weights.len() / conv.bias.len();
        let channels = padded(inputs);
        let place = |o, i| (i < inputs).then_some(o * inputs + i);
        Self::pack_rows(conv, isa, (1, channels), channels, place)
    }

    /// Packs `[outputs, inputs, 3, 3]` weights of a convolution whose inputs lie `channels` apart.
    ///
    /// # Panics
    /// If the lengths do not fit together.
    pub fn pack_full(conv: &Conv<'_>, isa: Isa, inputs: usize, channels: usize) -> Self {
        let row_len = (3 * channels).next_multiple_of(4);
        Self::pack_rows(conv, isa, (3, row_len), channels, |o, i| {
            let (r, place) = (i / row_len, i % row_len);
            let (t, i) = (place / channels, place % channels);
            (t < 3 && i < inputs).then_some((o * inputs + i) * 9 + r * 3 + t)
        })
    }

    /// `place` says where the weight of an output and a value that it reads is among the floats.
    fn pack_rows(
        conv: &Conv<'_>,
        isa: Isa,
        (rows, row_len): (usize, usize),
        channels: usize,
        place: impl Fn(usize, usize) -> Option<usize>,
    ) -> Self {
        assert_eq!(conv.outputs.len(), conv.bias.len(), "a scale for each output");
        let quantised = quantise(conv);
        let outputs = padded(conv.bias.len());
        let panels = match isa {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2(_) => Panels::Pairs(pairs::panels(&quantised, outputs, rows * row_len, place)),
            #[cfg(target_arch = "aarch64")]
            Isa::Neon(_) | Isa::NeonDot(_) => {
                Panels::Fours(pack::panels(&quantised.signed(), 16, outputs, rows * row_len, place))
            }
            _ => Panels::Fours(pack::panels(&quantised, 64, outputs, rows * row_len, place)),
        };
        let with_residual = conv.residual.is_some();
        Self { rows, row_len, channels, outputs, pad: conv.input.zero, panels, with_residual }
    }

    /// Output channels, padded.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Input rows that an output row is computed from.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Values that a pixel reads from each row, a multiple of 4.
    pub fn row_len(&self) -> usize {
        self.row_len
    }

    /// The value that stands for 0 in the input.
    pub fn pad(&self) -> u8 {
        self.pad
    }
}

/// Packed weights of a depthwise 3×3 convolution.
#[derive(Clone, Debug)]
pub struct DepthWeights {
    /// Padded.
    channels: usize,
    pad: u8,
    blocks: Blocks,
}

/// As [`Panels`].
#[derive(Clone, Debug)]
enum Blocks {
    Fours(DepthFours),
    #[cfg(target_arch = "x86_64")]
    Pairs(Vec<DepthPairs>),
}

/// Depthwise weights for vectors of 64 bytes.
#[derive(Clone, Debug)]
pub(super) struct DepthFours {
    /// 64 channels each, the last filled up with zeros.
    pub blocks: Vec<Depth64>,
    /// Where 64 values hold several pixels: the weights for them, repeated.
    #[cfg_attr(not(target_arch = "x86_64"), expect(dead_code))]
    pub flat: Option<Box<Depth64>>,
}

impl DepthWeights {
    /// Packs `[channels, 3, 3]` weights for the instructions of `isa`.
    ///
    /// # Panics
    /// If the lengths do not fit together.
    pub fn pack(conv: &Conv<'_>, isa: Isa) -> Self {
        assert_eq!(conv.weights.len(), conv.bias.len() * 9, "{} channels of 3×3", conv.bias.len());
        assert_eq!(conv.outputs.len(), conv.bias.len(), "a scale for each output");
        let quantised = quantise(conv);
        #[cfg(target_arch = "aarch64")]
        let quantised = if isa == Isa::Portable { quantised } else { quantised.signed() };
        let channels = padded(conv.bias.len());
        let blocks = match isa {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2(_) => Blocks::Pairs(DepthPairs::pack(&quantised, channels)),
            _ => {
                let starts = (0..channels).step_by(64);
                let flat = 64usize.is_multiple_of(channels);
                Blocks::Fours(DepthFours {
                    blocks: starts.map(|at| Depth64::pack(&quantised, |i| at + i)).collect(),
                    flat: flat.then(|| Box::new(Depth64::pack(&quantised, |i| i % channels))),
                })
            }
        };
        Self { channels, pad: conv.input.zero, blocks }
    }

    /// Channels, padded.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// The value that stands for 0 in the input.
    pub fn pad(&self) -> u8 {
        self.pad
    }
}

/// The sum of two values.
#[derive(Clone, Copy, Debug)]
pub struct SumWeights {
    a: f32,
    b: f32,
    offset: f32,
}

impl SumWeights {
    /// For values of these scales.
    pub fn new(a: Scale, b: Scale, output: Scale) -> Self {
        let zero = |s: Scale| f32::from(s.zero) * s.step;
        let offset = f32::from(output.zero) - (zero(a) + zero(b)) / output.step;
        Self { a: a.step / output.step, b: b.step / output.step, offset }
    }

    /// Factors of both summands and the offset.
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    pub(super) fn parts(&self) -> (f32, f32, f32) {
        (self.a, self.b, self.offset)
    }
}

/// The input of one output row of a 3×3 convolution.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    /// Above, middle, below, each with a pixel of padding on both sides and [`SLACK`] values of anything.
    pub rows: [&'a [u8]; 3],
    /// Step from one output pixel to the next, in input pixels: 1 or 2.
    pub stride: usize,
}

/// Values that may be read, and are not used, behind the last pixel of a row.
pub const SLACK: usize = 3;

impl Isa {
    /// 1×1 convolution, plus `residual` where the weights are made for one.
    ///
    /// # Shapes
    /// `x`: `[pixels, inputs]`, `residual` and `out`: `[pixels, outputs]`, both padded counts.
    ///
    /// # Panics
    /// If the lengths do not fit together, or the weights are packed for other instructions.
    pub fn point_int8(self, x: &[u8], weights: &PointWeights, residual: Option<&[u8]>, out: &mut [u8]) {
        let pixels = out.len() / weights.outputs;
        assert_eq!(out.len(), pixels * weights.outputs, "output of {} channels", weights.outputs);
        assert_eq!((weights.rows, x.len()), (1, pixels * weights.channels), "input of {pixels} pixels");
        assert_eq!(residual.is_some(), weights.with_residual, "residual");
        assert!(residual.is_none_or(|r| r.len() == out.len()), "residual of {pixels} pixels");
        self.windows(Windows::of(weights, [x; 3], 1), weights, residual, out);
    }

    /// One row of a 3×3 convolution over all channels, with weights of [`PointWeights::pack_full`]; `out`: `[w, outputs]`.
    ///
    /// # Panics
    /// As [`Self::point_int8`].
    pub fn full_row_int8(self, rows: Rows<'_>, weights: &PointWeights, out: &mut [u8]) {
        let width = out.len() / weights.outputs;
        assert_eq!(out.len(), width * weights.outputs, "output of {} channels", weights.outputs);
        assert_eq!((weights.rows, weights.with_residual), (3, false), "weights of a 3×3 convolution");
        let need = (width.max(1) - 1) * rows.stride * weights.channels + weights.row_len;
        assert!(rows.rows.iter().all(|r| r.len() >= need), "rows of {need} values");
        self.windows(Windows::of(weights, rows.rows, rows.stride), weights, None, out);
    }

    fn windows(self, x: Windows<'_>, weights: &PointWeights, residual: Option<&[u8]>, out: &mut [u8]) {
        match (self, &weights.panels) {
            (Self::Portable, Panels::Fours(panels)) => reference::windows(x, panels, residual, out),
            #[cfg(target_arch = "x86_64")]
            (Self::Avx2(avx2), Panels::Pairs(panels)) => avx2.windows_int8(x, panels, residual, out),
            #[cfg(target_arch = "x86_64")]
            (Self::Avx512(avx512), Panels::Fours(panels)) => avx512.windows_int8(x, panels, residual, out),
            #[cfg(target_arch = "aarch64")]
            (Self::Neon(neon), Panels::Fours(panels)) => neon.windows_int8(x, panels, residual, out),
            #[cfg(target_arch = "aarch64")]
            (Self::NeonDot(dot), Panels::Fours(panels)) => dot.windows_int8(x, panels, residual, out),
            #[cfg(target_arch = "x86_64")]
            _ => panic!("weights packed for other instructions than {self:?}"),
        }
    }

    /// One row of a 3×3 convolution of each channel with its own weights; `out`: `[w, c]`.
    ///
    /// # Panics
    /// As [`Self::point_int8`].
    pub fn depth_row_int8(self, rows: Rows<'_>, weights: &DepthWeights, out: &mut [u8]) {
        let width = out.len() / weights.channels;
        assert_eq!(out.len(), width * weights.channels, "output of {} channels", weights.channels);
        let need = ((width.max(1) - 1) * rows.stride + 3) * weights.channels;
        assert!(rows.rows.iter().all(|r| r.len() >= need), "rows of {need} values");
        let n = weights.channels;
        match (self, &weights.blocks) {
            (Self::Portable, Blocks::Fours(fours)) => reference::depth_row(rows, n, &fours.blocks, out),
            #[cfg(target_arch = "x86_64")]
            (Self::Avx2(avx2), Blocks::Pairs(blocks)) => avx2.depth_row_int8(rows, n, blocks, out),
            #[cfg(target_arch = "x86_64")]
            (Self::Avx512(avx512), Blocks::Fours(fours)) => avx512.depth_row_int8(rows, n, fours, out),
            #[cfg(target_arch = "aarch64")]
            (Self::Neon(neon), Blocks::Fours(fours)) => neon.depth_row_int8(rows, n, &fours.blocks, out),
            #[cfg(target_arch = "aarch64")]
            (Self::NeonDot(dot), Blocks::Fours(fours)) => dot.depth_row_int8(rows, n, &fours.blocks, out),
            #[cfg(target_arch = "x86_64")]
            _ => panic!("weights packed for other instructions than {self:?}"),
        }
    }

    /// `a + b`, in the scales that the weights are made for.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn add_int8(self, weights: &SumWeights, a: &[u8], b: &[u8], out: &mut [u8]) {
        assert_eq!((a.len(), b.len()), (out.len(), out.len()), "summands");
        match self {
            Self::Portable => add(weights, a, b, out),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(avx2) => avx2.add_int8(weights, a, b, out),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(avx512) => avx512.avx2().add_int8(weights, a, b, out),
            #[cfg(target_arch = "aarch64")]
            Self::Neon(neon) => neon.add_int8(weights, a, b, out),
            #[cfg(target_arch = "aarch64")]
            Self::NeonDot(dot) => dot.neon().add_int8(weights, a, b, out),
        }
    }
}

/// What each output pixel is computed from: a stretch of each row, that of the next pixel `step` values further.
#[derive(Clone, Copy)]
pub(super) struct Windows<'a> {
    rows: [&'a [u8]; 3],
    /// How many of the rows count: 1 or 3.
    pub used: usize,
    /// Values of a stretch, a multiple of 4.
    pub len: usize,
    pub step: usize,
    /// Channels that a pixel of the output has.
    pub outputs: usize,
}

impl<'a> Windows<'a> {
    fn of(weights: &PointWeights, rows: [&'a [u8]; 3], stride: usize) -> Self {
        let PointWeights { rows: used, row_len, channels, outputs, .. } = *weights;
        Self { rows, used, len: row_len, step: stride * channels, outputs }
    }

    pub fn rows(&self) -> &[&'a [u8]] {
        &self.rows[..self.used]
    }

    /// The first `R` rows from pixel `p` on.
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    #[inline(always)]
    pub fn starting_at<const R: usize>(&self, p: usize) -> [&'a [u8]; R] {
        let mut rows: [&[u8]; R] = [&[]; R];
        for (to, from) in rows.iter_mut().zip(self.rows) {
            *to = &from[p * self.step..];
        }
        rows
    }
}

#[inline(always)]
pub(super) fn add(weights: &SumWeights, a: &[u8], b: &[u8], out: &mut [u8]) {
    for ((out, &a), &b) in out.iter_mut().zip(a).zip(b) {
        *out = rounded(f32::from(a) * weights.a + (f32::from(b) * weights.b + weights.offset));
    }
}

const _: () = assert!(LANES == 8, "blocks of 64 hold whole lanes");
