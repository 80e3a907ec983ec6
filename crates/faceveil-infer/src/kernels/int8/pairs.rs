//! How integer weights lie in memory for AVX2, whose exact product is that of two 16-bit numbers with two others:
//! widened, in pairs, 8 sums a vector.
//!
//! A vector of 16 sums is two of 8; packing their 32-bit sums to 16 bits works within each 128 bits, so sum `i` of
//! vector `v` is channel `channel(2, v, i)`.

use super::pack::{Last, channel};
use super::quantise::Quantised;

/// 8 sums, a pair each.
type Pairs = [i16; 16];

/// The weights of 16 or 8 output channels.
#[derive(Clone, Debug)]
pub(crate) struct PairPanel {
    /// First output channel.
    pub at: usize,
    /// `[groups of four inputs][inputs 0 and 2, inputs 1 and 3][vectors]`: the even and the odd bytes of four are
    /// had at once.
    pub pairs: Vec<Pairs>,
    /// One a vector: two for 16 channels, one for 8.
    pub last: Vec<Last<8>>,
}

/// As [`super::pack::panels`].
pub(super) fn panels(
    from: &Quantised,
    outputs: usize,
    reads: usize,
    place: impl Fn(usize, usize) -> Option<usize>,
) -> Vec<PairPanel> {
    let panel = |at: usize| {
        let vectors = (outputs - at).min(16) / 8;
        let output = |v, i| at + channel(vectors, v, i);
        let weight = |o: usize, i| {
            let known = (o < from.bias.len()).then(|| place(o, i)).flatten();
            known.map_or(0, |p| i16::from(from.weights[p]))
        };
        let mut pairs = Vec::with_capacity(reads / 2 * vectors);
        for first in (0..reads).step_by(4).flat_map(|group| [group, group + 1]) {
            for v in 0..vectors {
                pairs.push(std::array::from_fn(|i| weight(output(v, i / 2), first + i % 2 * 2)));
            }
        }
        PairPanel { at, pairs, last: (0..vectors).map(|v| Last::pack(from, |i| output(v, i))).collect() }
    };
    (0..outputs).step_by(16).map(panel).collect()
}

/// Depthwise weights of 16 channels, two vectors.
#[derive(Clone, Debug)]
pub(crate) struct DepthPairs {
    /// First channel. Where the count is no multiple of 16, the last block overlaps the one before.
    pub at: usize,
    /// `[column]`: (above, middle).
    pub upper: [[Pairs; 2]; 3],
    /// Below, for two columns of the input that lie side by side: as columns (0, 1), (2, none), (none, 0) and (1, 2)
    /// of a window.
    pub below: [[Pairs; 2]; 4],
    pub last: [Last<8>; 2],
}

impl DepthPairs {
    pub(super) fn pack(from: &Quantised, channels: usize) -> Vec<Self> {
        let block = |at: usize| {
            let at = at.min(channels.saturating_sub(16));
            let weight = |channel: usize, row: usize, column: Option<usize>| match column {
                Some(t) if channel < from.bias.len() => i16::from(from.weights[channel * 9 + row * 3 + t]),
                _ => 0,
            };
            let pairs = |ends: [(usize, Option<usize>); 2]| {
                let vector = |v| {
                    std::array::from_fn(|i| {
                        let (row, column) = ends[i % 2];
                        weight(at + channel(2, v, i / 2), row, column)
                    })
                };
                [vector(0), vector(1)]
            };
            let below = [(Some(0), Some(1)), (Some(2), None), (None, Some(0)), (Some(1), Some(2))];
            Self {
                at,
                upper: [0, 1, 2].map(|t| pairs([(0, Some(t)), (1, Some(t))])),
                below: below.map(|(left, right)| pairs([(2, left), (2, right)])),
                last: [0, 1].map(|v| Last::pack(from, |i| at + channel(2, v, i))),
            }
        };
        (0..channels).step_by(16).map(block).collect()
    }
}
