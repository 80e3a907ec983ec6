//! What convolutions of each channel by itself compute with: sixteen channels of a column, and their constants.
#![allow(unused_unsafe, reason = "newer compilers take intrinsics in such functions as safe")]
#![allow(clippy::incompatible_msrv, reason = "only on PCs, which have the workspace's compiler")]

use core::arch::x86_64::*;
use core::mem::MaybeUninit;

use super::groups::start;
use super::{Channels, LANES, Scales, load, transposed};
use crate::kernels::requant::Layer;

/// Blocks of channels whose constants are kept at once.
pub(super) const BLOCKS: usize = 8;

/// Up to sixteen channels.
#[derive(Clone, Copy)]
pub(super) struct Block {
    /// Of each column of the kernel: the taps of the first three rows, those of the last three.
    taps: [[__m512i; 2]; 3],
    start: __m512i,
    scales: Scales,
    pub channels: Channels,
}

impl Block {
    /// # Safety
    /// AVX-512; the layer has nine weights a channel.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    unsafe fn new(layer: &Layer<'_>, from: usize) -> Self {
        let all = layer.bias.len();
        let channels = Channels { from, count: (all - from).min(LANES) };
        // SAFETY: only the weights of channels that are there are read.
        unsafe {
            let mut taps = [[_mm512_setzero_si512(); 2]; 3];
            let mut total = _mm512_setzero_si512();
            let mut kx = 0;
            while kx < 3 {
                let at = layer.weights.as_ptr().add(kx * all + from);
                let rows = [at, at.add(3 * all), at.add(6 * all)].map(|at| load(at, channels.count));
                let column = interleaved([rows[0], rows[1], rows[2], _mm_setzero_si128()]);
                taps[kx] = [column, _mm512_slli_epi32(column, 8)];
                total = _mm512_dpbusd_epi32(total, _mm512_set1_epi8(1), column);
                kx += 1;
            }
            let start = start(channels.words(layer.bias), total);
            Self { taps, start, scales: Scales::of(&layer.requant, channels), channels }
        }
    }

    /// The values of an output: those of a pair's first row, or its `second` one.
    ///
    /// # Safety
    /// AVX-512.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    pub unsafe fn values<const R: bool>(&self, columns: [__m512i; 3], second: usize) -> __m512i {
        // SAFETY: arithmetic alone.
        unsafe {
            let sum = _mm512_dpbusd_epi32(self.start, columns[0], self.taps[0][second]);
            let sum = _mm512_dpbusd_epi32(sum, columns[1], self.taps[1][second]);
            self.scales.scale::<R>(_mm512_dpbusd_epi32(sum, columns[2], self.taps[2][second]))
        }
    }
}

/// As many blocks as there is room for, of the channels from `from` on.
///
/// # Safety
/// AVX-512; the layer has nine weights a channel.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
pub(super) unsafe fn blocks<'r>(
    layer: &Layer<'_>,
    from: usize,
    room: &'r mut [MaybeUninit<Block>; BLOCKS],
) -> &'r [Block] {
    let mut count = 0;
    for (block, from) in room.iter_mut().zip((from..layer.bias.len()).step_by(LANES)) {
        // SAFETY: as promised.
        block.write(unsafe { Block::new(layer, from) });
        count += 1;
    }
    // SAFETY: as many were just written.
    unsafe { core::slice::from_raw_parts(room.as_ptr().cast(), count) }
}

/// Sixteen bytes of each of four rows: four beside each other, one of each row.
///
/// # Safety
/// AVX-512.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn interleaved(rows: [__m128i; 4]) -> __m512i {
    // SAFETY: arithmetic alone.
    unsafe {
        let all = _mm512_inserti32x4(_mm512_castsi128_si512(rows[0]), rows[1], 1);
        let all = _mm512_inserti32x4(_mm512_inserti32x4(all, rows[2], 2), rows[3], 3);
        let order = _mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
        _mm512_shuffle_epi8(_mm512_permutexvar_epi32(transposed(), all), _mm512_broadcast_i32x4(order))
    }
}

/// Four rows of inputs: where a column's channels of a block lie.
pub(super) struct Columns {
    /// First values, and values between columns: none where a row is outside the picture.
    pub rows: [(*const i8, usize); 4],
    pub columns: usize,
    pub outside: __m512i,
}

impl Columns {
    /// The values of a column, 128 added; the zero point outside the picture.
    ///
    /// # Safety
    /// AVX-512; `count` channels are there.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    pub unsafe fn at(&self, column: usize, count: usize) -> __m512i {
        if column >= self.columns {
            return self.outside;
        }
        // SAFETY: as promised.
        unsafe {
            let [a, b, c, d] = self.rows;
            let rows = [
                load(a.0.add(column * a.1), count),
                load(b.0.add(column * b.1), count),
                load(c.0.add(column * c.1), count),
                load(d.0.add(column * d.1), count),
            ];
            _mm512_xor_si512(interleaved(rows), _mm512_set1_epi8(-128))
        }
    }
}
