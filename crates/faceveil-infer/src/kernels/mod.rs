//! Convolutions on pictures of interleaved channels (`[h, w, c]`), channels padded with zeros to a
//! multiple of 8. Each kernel exists once, generic over `Lanes`; [`Isa`] picks the fastest
//! that the processor has, and [`Isa::Portable`] is the oracle that tests hold the others against.

#[cfg(target_arch = "aarch64")]
mod arm;
mod body;
pub mod int8;
mod lanes;
pub mod reference;
#[cfg(target_arch = "x86_64")]
mod x86;

/// Floats computed together; channel counts are padded to a multiple of it.
pub const LANES: usize = 8;
/// Output channels that share a panel of packed pointwise weights.
const PANEL: usize = 2 * LANES;

/// `n` channels padded to whole lanes.
pub const fn padded(channels: usize) -> usize {
    channels.div_ceil(LANES) * LANES
}

/// Which instructions the kernels use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isa {
    /// What the target always has.
    Portable,
    /// AVX2 and FMA.
    #[cfg(target_arch = "x86_64")]
    Avx2(x86::Avx2),
    /// AVX-512 with VNNI, for integers.
    #[cfg(target_arch = "x86_64")]
    Avx512(x86::Avx512),
    /// NEON.
    #[cfg(target_arch = "aarch64")]
    Neon(arm::Neon),
    /// NEON with dot products, for integers.
    #[cfg(target_arch = "aarch64")]
    NeonDot(arm::NeonDot),
}

impl Isa {
    /// The fastest that this processor has.
    pub fn detect() -> Self {
        Self::all().pop().unwrap_or(Self::Portable)
    }

    /// All that this processor has, the fastest last.
    pub fn all() -> Vec<Self> {
        #[cfg(target_arch = "x86_64")]
        let fast = [x86::Avx2::detect().map(Self::Avx2), x86::Avx512::detect().map(Self::Avx512)];
        #[cfg(target_arch = "aarch64")]
        let fast = [arm::Neon::detect().map(Self::Neon), arm::NeonDot::detect().map(Self::NeonDot)];
        #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
        let fast = [None];
        std::iter::once(Self::Portable).chain(fast.into_iter().flatten()).collect()
    }

    /// 1×1 convolution: `out[p] = relu?(weights · x[p] + bias + residual[p])`.
    ///
    /// # Shapes
    /// `x`: `[pixels, inputs]`, `residual` and `out`: `[pixels, outputs]`, both padded counts.
    ///
    /// # Panics
    /// If the lengths do not fit together.
    pub fn point(self, x: &[f32], weights: &PointWeights, residual: Option<&[f32]>, out: &mut [f32]) {
        let pixels = out.len() / weights.outputs;
        assert_eq!(out.len(), pixels * weights.outputs, "output of {} channels", weights.outputs);
        assert_eq!(x.len(), pixels * weights.inputs, "input of {pixels} pixels");
        assert!(residual.is_none_or(|r| r.len() == out.len()), "residual of {pixels} pixels");
        match self {
            Self::Portable => body::point::<lanes::Portable>(x, weights, residual, out),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(avx2) => avx2.point(x, weights, residual, out),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(avx512) => avx512.avx2().point(x, weights, residual, out),
            #[cfg(target_arch = "aarch64")]
            Self::Neon(neon) => neon.point(x, weights, residual, out),
            #[cfg(target_arch = "aarch64")]
            Self::NeonDot(dot) => dot.neon().point(x, weights, residual, out),
        }
    }

    /// One row of a 3×3 convolution over all channels, with weights of [`PointWeights::pack_full`].
    ///
    /// # Shapes
    /// `rows` as for [`Self::depth_row`]; `out`: `[w, outputs]`.
    ///
    /// # Panics
    /// If the lengths do not fit together.
    pub fn full_row(self, rows: DepthRows<'_>, weights: &PointWeights, out: &mut [f32]) {
        let (width, channels) = (out.len() / weights.outputs, weights.inputs / 9);
        assert_eq!(out.len(), width * weights.outputs, "output of {} channels", weights.outputs);
        assert_eq!(weights.inputs, 9 * channels, "nine pixels of {channels} channels");
        let need = ((width.max(1) - 1) * rows.stride + 3) * channels;
        assert!(rows.rows.iter().all(|r| r.len() >= need), "rows of {need} values");
        match self {
            Self::Portable => body::full_row::<lanes::Portable>(rows, weights, out),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(avx2) => avx2.full_row(rows, weights, out),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(avx512) => avx512.avx2().full_row(rows, weights, out),
            #[cfg(target_arch = "aarch64")]
            Self::Neon(neon) => neon.full_row(rows, weights, out),
            #[cfg(target_arch = "aarch64")]
            Self::NeonDot(dot) => dot.neon().full_row(rows, weights, out),
        }
    }

    /// One row of a 3×3 convolution of each channel with its own weights.
    ///
    /// # Shapes
    /// `rows`: the three input rows, each with one pixel of padding before and at least one after:
    /// `[>= (w - 1) * stride + 3, c]`; `out`: `[w, c]`.
    ///
    /// # Panics
    /// If the lengths do not fit together.
    pub fn depth_row(self, rows: DepthRows<'_>, weights: &DepthWeights, out: &mut [f32]) {
        let width = out.len() / weights.channels;
        assert_eq!(out.len(), width * weights.channels, "output of {} channels", weights.channels);
        let need = ((width.max(1) - 1) * rows.stride + 3) * weights.channels;
        assert!(rows.rows.iter().all(|r| r.len() >= need), "rows of {need} values");
        match self {
            Self::Portable => body::depth_row::<lanes::Portable>(rows, weights, out),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(avx2) => avx2.depth_row(rows, weights, out),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(avx512) => avx512.avx2().depth_row(rows, weights, out),
            #[cfg(target_arch = "aarch64")]
            Self::Neon(neon) => neon.depth_row(rows, weights, out),
            #[cfg(target_arch = "aarch64")]
            Self::NeonDot(dot) => dot.neon().depth_row(rows, weights, out),
        }
    }
}

/// The input of one output row of a 3×3 convolution.
#[derive(Clone, Copy, Debug)]
pub struct DepthRows<'a> {
    /// Above, middle, below.
    pub rows: [&'a [f32]; 3],
    /// Step from one output pixel to the next, in input pixels: 1 or 2.
    pub stride: usize,
}

/// Packed weights of a pointwise convolution.
#[derive(Clone, Debug)]
pub struct PointWeights {
    inputs: usize,
    outputs: usize,
    /// Panels of 16 output channels (the last may have 8), each `[inputs][16]`.
    panels: Vec<f32>,
    bias: Vec<f32>,
    relu: bool,
}

impl PointWeights {
    /// Packs `weights` `[outputs, inputs]` and `bias` `[outputs]`. The inputs are taken as they are (the
    /// caller pads them), the outputs are padded with zeros.
    ///
    /// # Panics
    /// If the lengths do not fit together.
    pub fn pack(inputs: usize, weights: &[f32], bias: &[f32], relu: bool) -> Self {
        let outputs = padded(bias.len());
        assert_eq!(weights.len(), inputs * bias.len(), "{} outputs of {inputs} inputs", bias.len());
        let mut panels = Vec::with_capacity(outputs * inputs);
        for start in (0..outputs).step_by(PANEL) {
            let channels = start..(start + PANEL).min(outputs);
            for i in 0..inputs {
                panels.extend(channels.clone().map(|o| weights.get(o * inputs + i).copied().unwrap_or(0.0)));
            }
        }
        let mut bias = bias.to_vec();
        bias.resize(outputs, 0.0);
        Self { inputs, outputs, panels, bias, relu }
    }

    /// As [`Self::pack`], for inputs that lie padded to whole lanes: `weights` is `[outputs, inputs]`
    /// without padding.
    ///
    /// # Panics
    /// If the lengths do not fit together.
    pub fn pack_padded(inputs: usize, weights: &[f32], bias: &[f32], relu: bool) -> Self {
        assert_eq!(weights.len(), inputs * bias.len(), "{} outputs of {inputs} inputs", bias.len());
        let lanes = padded(inputs);
        let mut wide = vec![0.0; lanes * bias.len()];
        for (to, from) in wide.chunks_exact_mut(lanes).zip(weights.chunks_exact(inputs)) {
            to[..inputs].copy_from_slice(from);
        }
        Self::pack(lanes, &wide, bias, relu)
    }

    /// Packs `weights` `[outputs, inputs, 3, 3]` for [`Isa::full_row`]; the inputs lie padded to `lanes` channels.
    ///
    /// # Panics
    /// If the lengths do not fit together.
    pub fn pack_full(inputs: usize, lanes: usize, weights: &[f32], bias: &[f32], relu: bool) -> Self {
        assert_eq!(weights.len(), inputs * bias.len() * 9, "{} outputs of {inputs} inputs", bias.len());
        let mut wide = vec![0.0; bias.len() * 9 * lanes];
        for (o, block) in weights.chunks_exact(inputs * 9).enumerate() {
            for (i, nine) in block.chunks_exact(9).enumerate() {
                for (tap, &w) in nine.iter().enumerate() {
                    wide[(o * 9 + tap) * lanes + i] = w;
                }
            }
        }
        Self::pack(9 * lanes, &wide, bias, relu)
    }

    /// Input channels.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Output channels, padded.
    pub fn outputs(&self) -> usize {
        self.outputs
    }
}

/// Packed weights of a depthwise 3×3 convolution.
#[derive(Clone, Debug)]
pub struct DepthWeights {
    channels: usize,
    /// `[9, channels]`
    taps: Vec<f32>,
    bias: Vec<f32>,
    relu: bool,
}

impl DepthWeights {
    /// Packs `weights` `[channels, 3, 3]` and `bias` `[channels]`, channels padded with zeros.
    ///
    /// # Panics
    /// If the lengths do not fit together.
    pub fn pack(weights: &[f32], bias: &[f32], relu: bool) -> Self {
        let count = bias.len();
        assert_eq!(weights.len(), count * 9, "{count} channels of 3×3");
        let channels = padded(count);
        let mut taps = vec![0.0; 9 * channels];
        for (c, nine) in weights.chunks_exact(9).enumerate() {
            for (t, &w) in nine.iter().enumerate() {
                taps[t * channels + c] = w;
            }
        }
        let mut bias = bias.to_vec();
        bias.resize(channels, 0.0);
        Self { channels, taps, bias, relu }
    }

    /// Channels, padded.
    pub fn channels(&self) -> usize {
        self.channels
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Repeatable values in `-1.0..1.0`.
    fn values(count: usize, seed: u32) -> Vec<f32> {
        let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
        let next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        };
        std::iter::repeat_with(next).take(count).collect()
    }

    fn assert_close(got: &[f32], want: &[f32], case: &str) {
        for (i, (g, w)) in got.iter().zip(want).enumerate() {
            assert!((g - w).abs() <= 1e-4 * w.abs().max(1.0), "{case}: at {i} got {g}, want {w}");
        }
    }

    #[test]
    fn pointwise_equals_the_reference_for_every_tile_and_panel() {
        for isa in Isa::all() {
            for (pixels, inputs, outputs) in
                [(1, 8, 8), (7, 16, 24), (13, 27, 16), (6, 64, 64), (17, 24, 96), (5, 8, 10)]
            {
                let (x, w, b) = (values(pixels * inputs, 1), values(outputs * inputs, 2), values(outputs, 3));
                let residual = values(pixels * padded(outputs), 4);
                let packed = PointWeights::pack(inputs, &w, &b, true);
                let mut got = vec![0.0; pixels * padded(outputs)];
                isa.point(&x, &packed, Some(&residual), &mut got);
                let want = reference::point(&x, &w, &b, Some(&residual), true);
                assert_close(&got, &want, &format!("{isa:?} {pixels} px, {inputs} -> {outputs}"));
            }
        }
    }

    #[test]
    fn full_equals_the_reference_for_every_width_and_stride() {
        for isa in Isa::all() {
            for (width, inputs, outputs, stride) in
                [(1, 3, 8, 1), (7, 3, 16, 2), (13, 8, 24, 1), (6, 16, 8, 2)]
            {
                let row = |seed| values(((width - 1) * stride + 3) * inputs, seed);
                let rows = [row(1), row(2), row(3)];
                let (w, b) = (values(outputs * inputs * 9, 4), values(outputs, 5));
                let mut got = vec![0.0; width * padded(outputs)];
                let rows = DepthRows { rows: [&rows[0], &rows[1], &rows[2]], stride };
                isa.full_row(rows, &PointWeights::pack_full(inputs, inputs, &w, &b, true), &mut got);
                let want = reference::full_row(rows.rows, stride, &w, &b, width, true);
                let case = format!("{isa:?} {width} px, {inputs} -> {outputs}, stride {stride}");
                assert_close(&got, &want, &case);
            }
        }
    }

    #[test]
    fn depthwise_equals_the_reference_for_every_width_and_stride() {
        for isa in Isa::all() {
            for (width, channels, stride) in [
                (1, 8, 1),
                (4, 16, 1),
                (7, 24, 1),
                (9, 16, 2),
                (4, 10, 2),
                (5, 32, 1),
                (6, 64, 2),
                (5, 144, 1),
            ] {
                let c = padded(channels);
                let row = |seed| values(((width - 1) * stride + 3) * c, seed);
                let rows = [row(1), row(2), row(3)];
                let (w, b) = (values(channels * 9, 4), values(channels, 5));
                let mut got = vec![0.0; width * c];
                let rows = DepthRows { rows: [&rows[0], &rows[1], &rows[2]], stride };
                isa.depth_row(rows, &DepthWeights::pack(&w, &b, false), &mut got);
                let want = reference::depth_row(rows.rows, stride, &w, &b, width, false);
                assert_close(
                    &got,
                    &want,
                    &format!("{isa:?} {width} px, {channels} channels, stride {stride}"),
                );
            }
        }
    }
}
