//! The weights of convolutions over channels and the constants that go with them, in the order in which they are read.
#![allow(unused_unsafe, reason = "newer compilers take intrinsics in such functions as safe")]
#![allow(clippy::incompatible_msrv, reason = "only on PCs, which have the workspace's compiler")]

use core::arch::x86_64::*;

use super::super::is_plain;
use super::{Channels, LANES, Scales, present};
use crate::kernels::requant::Layer;

/// The most groups of four products in a sum.
pub(super) const MOST_QUADS: usize = 576;

/// Bytes of a register.
pub(super) const REGISTER: usize = 4 * LANES;

/// Registers before a group's weights: [`Head`].
const HEAD: usize = size_of::<Head>() / REGISTER;

/// The constants of a group of channels.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct Head {
    pub start: __m512i,
    pub scales: Scales,
}

/// Bytes of a group of channels.
pub(super) const fn bytes(quads: usize) -> usize {
    (HEAD + quads) * REGISTER
}

/// A group that is laid out.
#[derive(Clone, Copy)]
pub(super) struct Group {
    pub head: *const Head,
    pub weights: *const __m512i,
    pub channels: Channels,
}

impl Group {
    /// The group of the channels `channels`, which lies in `bytes`.
    pub fn new(bytes: &[i8], channels: Channels) -> Self {
        let weights = bytes[HEAD * REGISTER..].as_ptr().cast();
        Self { head: bytes.as_ptr().cast(), weights, channels }
    }

    /// # Safety
    /// AVX-512; the bytes that this was made of are there.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    pub unsafe fn head(&self) -> Head {
        // SAFETY: as promised.
        unsafe { self.head.read_unaligned() }
    }
}

pub(super) fn takes(layer: &Layer<'_>, depth: usize) -> bool {
    present() && (1..=MOST_QUADS).contains(&depth.div_ceil(4)) && is_plain(layer, depth)
}

/// The groups of a layer as `Room::Packed` has them; `None` if this layer is left to another way.
pub(in crate::kernels) fn pack(layer: &Layer<'_>, depth: usize) -> Option<std::vec::Vec<i8>> {
    if !takes(layer, depth) {
        return None;
    }
    let channels = layer.bias.len();
    let group = bytes(depth.div_ceil(4));
    let mut packed = std::vec![0; channels.div_ceil(LANES) * group];
    for (n, group) in packed.chunks_exact_mut(group).enumerate() {
        // SAFETY: the processor was asked.
        unsafe { lay_out(layer, depth, Channels::new(channels, n * LANES), group) };
    }
    Some(packed)
}

/// Writes a group of channels.
///
/// # Safety
/// AVX-512; the layer has `depth` weights for each channel.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
pub(super) unsafe fn lay_out(layer: &Layer<'_>, depth: usize, channels: Channels, to: &mut [i8]) {
    let (head, weights) = to.split_at_mut(HEAD * REGISTER);
    arrange(layer.weights, depth, channels, weights);
    // SAFETY: whole registers are read, and the head is as long as its slice.
    unsafe {
        let mut total = _mm512_setzero_si512();
        for register in weights.chunks_exact(REGISTER) {
            let register = _mm512_loadu_si512(register.as_ptr().cast());
            total = _mm512_dpbusd_epi32(total, _mm512_set1_epi8(1), register);
        }
        if channels.twice() {
            total = _mm512_shuffle_i64x2(total, total, 0b01_00_01_00);
        }
        let start = start(channels.words(layer.bias), total);
        let scales = Scales::of(&layer.requant, channels);
        head.as_mut_ptr().cast::<Head>().write_unaligned(Head { start, scales });
    }
}

/// Where sums begin whose weights come to `total`: the inputs' 128 go off it, and 2³¹ are added.
///
/// # Safety
/// AVX-512.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
pub(super) unsafe fn start(bias: __m512i, total: __m512i) -> __m512i {
    // SAFETY: arithmetic alone.
    unsafe {
        let start = _mm512_sub_epi32(bias, _mm512_slli_epi32(total, 7));
        _mm512_xor_si512(start, _mm512_set1_epi32(i32::MIN))
    }
}

/// Lays weights out: four inputs of 16 channels a register, 0 where there are none.
fn arrange(weights: &[i8], depth: usize, channels: Channels, packed: &mut [i8]) {
    packed.fill(0);
    let rows = weights.chunks_exact(depth).skip(channels.from).take(channels.count);
    for (lane, row) in rows.enumerate() {
        let quads = row.chunks_exact(4);
        let rest = quads.remainder();
        for (quad, to) in quads.zip(packed.chunks_exact_mut(REGISTER)) {
            to[4 * lane..4 * lane + 4].copy_from_slice(quad);
        }
        if !rest.is_empty() {
            let at = depth / 4 * REGISTER + 4 * lane;
            packed[at..at + rest.len()].copy_from_slice(rest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// This is only a matter of bytes: it is seen without such a processor.
    #[test]
    fn weights_lie_in_groups_of_sixteen_channels_and_four_inputs() {
        for (channels, depth) in [(1usize, 1usize), (16, 4), (17, 7), (40, 24), (5, 66), (30, 12)] {
            let weights: Vec<i8> = (0..channels * depth).map(|i| (i * 37 % 251) as u8 as i8).collect();
            let quads = depth.div_ceil(4);
            for from in (0..channels).step_by(16) {
                let mut packed = vec![-1; quads * 64];
                let group = Channels::new(channels, from);
                arrange(&weights, depth, group, &mut packed);
                for (at, &weight) in packed.iter().enumerate() {
                    let (channel, k) = (from + at % 64 / 4, 4 * (at / 64) + at % 4);
                    let there = channel < channels && k < depth;
                    let want = if there { weights[channel * depth + k] } else { 0 };
                    assert_eq!(weight, want, "{channels} × {depth}: channel {channel}, input {k}");
                }
            }
        }
    }
}
