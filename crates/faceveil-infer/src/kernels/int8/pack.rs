//! How integer weights lie in memory: fours of inputs, in the order in which vectors of 64 bytes read them. The
//! portable kernels read the same; `pairs` has what AVX2 wants.
//!
//! Sums are made 16 at a time. Packing four vectors of 32-bit sums to one of bytes (and unpacking bytes the
//! other way) works within each 128 bits, so sum `j` of lane `l` of vector `v` of 64 channels is channel
//! `16 l + 4 v + j`, of 32 channels (two vectors) `8 l + 4 v + j`, of 16 `4 l + j`.

use super::quantise::Quantised;

/// Sums that are made together.
pub(crate) const SUMS: usize = 16;

/// The channel of sum `i` of vector `v`, of `vectors`.
pub(crate) fn channel(vectors: usize, v: usize, i: usize) -> usize {
    i / 4 * 4 * vectors + 4 * v + i % 4
}

/// What follows the sums of `N` channels.
#[derive(Clone, Debug)]
pub(crate) struct Last<const N: usize = SUMS> {
    pub bias: [i32; N],
    pub factor: [f32; N],
    pub residual_factor: [f32; N],
}

impl<const N: usize> Last<N> {
    pub(super) fn pack(from: &Quantised, channel: impl Fn(usize) -> usize) -> Self {
        fn pick<T: Copy + Default>(list: &[T], at: usize) -> T {
            list.get(at).copied().unwrap_or_default()
        }
        Self {
            bias: std::array::from_fn(|i| pick(&from.bias, channel(i))),
            factor: std::array::from_fn(|i| pick(&from.factor, channel(i))),
            residual_factor: std::array::from_fn(|i| pick(&from.residual_factor, channel(i))),
        }
    }
}

/// The weights of one of [`WIDTHS`] of output channels (24 lie as the first of 32, 8 as the first of 16).
#[derive(Clone, Debug)]
pub(crate) struct Panel {
    /// First output channel.
    pub at: usize,
    /// Output channels.
    pub width: usize,
    /// `[groups of four inputs][vectors][16 sums][4]`
    pub quads: Vec<[i8; 64]>,
    /// One a vector.
    pub last: Vec<Last>,
}

impl Panel {
    /// Vectors of sums.
    pub fn vectors(&self) -> usize {
        self.last.len()
    }
}

/// Output channels of a panel.
const WIDTHS: [usize; 5] = [64, 32, 24, 16, 8];

/// Panels of at most `widest` channels. `place(o, i)` says where the weight of output `o` for the `i`-th value that it
/// reads is among the floats.
pub(super) fn panels(
    from: &Quantised,
    widest: usize,
    outputs: usize,
    reads: usize,
    place: impl Fn(usize, usize) -> Option<usize>,
) -> Vec<Panel> {
    let mut panels = Vec::new();
    let mut at = 0;
    while at < outputs {
        let width = WIDTHS.into_iter().find(|w| *w <= widest && at + w <= outputs).unwrap_or(8);
        let vectors = width.div_ceil(SUMS);
        let output = |v, i| at + channel(vectors, v, i);
        let weight = |o: usize, i| {
            let known = (o < at + width && o < from.bias.len()).then(|| place(o, i)).flatten();
            known.map_or(0, |p| from.weights[p])
        };
        let mut quads = Vec::with_capacity(reads / 4 * vectors);
        for group in 0..reads / 4 {
            for v in 0..vectors {
                quads.push(std::array::from_fn(|b| weight(output(v, b / 4), 4 * group + b % 4)));
            }
        }
        let last = (0..vectors).map(|v| Last::pack(from, |i| output(v, i))).collect();
        panels.push(Panel { at, width, quads, last });
        at += width;
    }
    panels
}

/// Depthwise weights of 64 values.
#[derive(Clone, Debug)]
pub(crate) struct Depth64 {
    /// `[column][vector][16 sums][row above, middle, below, 0]`
    pub quads: [[[i8; 64]; 4]; 3],
    pub last: [Last; 4],
}

impl Depth64 {
    /// `channel_of` says which channel each of the 64 values is.
    pub(super) fn pack(from: &Quantised, channel_of: impl Fn(usize) -> usize) -> Self {
        let weight = |column: usize, v: usize, b: usize| {
            let c = channel_of(channel(4, v, b / 4));
            let row = b % 4;
            if row == 3 || c >= from.bias.len() { 0 } else { from.weights[c * 9 + row * 3 + column] }
        };
        Self {
            quads: std::array::from_fn(|t| std::array::from_fn(|v| std::array::from_fn(|b| weight(t, v, b)))),
            last: std::array::from_fn(|v| Last::pack(from, |i| channel_of(channel(4, v, i)))),
        }
    }
}
