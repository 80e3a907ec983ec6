//! A convolution 1 × 1 that gives one channel, a mask say: sixteen places lie in a register.
#![allow(unused_unsafe, reason = "newer compilers take intrinsics in such functions as safe")]
#![allow(clippy::incompatible_msrv, reason = "only on PCs, which have the workspace's compiler")]

use core::arch::x86_64::*;

use super::groups::start;
use super::{Bounds, LANES, Scales};
use crate::kernels::requant::Layer;

/// Places that are computed together.
const PLACES: usize = 64;

/// The outputs of as many places as come to whole registers of bytes, and how many those are: none if the depth is not a
/// number of sixteens.
///
/// # Safety
/// AVX-512; the layer has one channel, and as many values as `depth` for each of the outputs.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
pub(super) unsafe fn single(layer: &Layer<'_>, values: &[i8], depth: usize, out: &mut [i8]) -> usize {
    let (&[bias], &[multiplier], &[shift]) = (layer.bias, layer.requant.multiplier, layer.requant.shift)
    else {
        return 0;
    };
    if depth % LANES != 0 {
        return 0;
    }
    assert!(values.len() == out.len() * depth && layer.weights.len() == depth);
    let total: i32 = layer.weights.iter().map(|&weight| i32::from(weight)).sum();
    // SAFETY: as promised; sixteen places of each four groups are read, and as many bytes written.
    unsafe {
        let start = start(_mm512_set1_epi32(bias), _mm512_set1_epi32(total));
        let shift = _mm512_set1_epi32(shift.into());
        let scales = Scales::new(_mm512_set1_epi32(multiplier), shift, layer.requant.out_zero, false);
        let bounds = Bounds::new(layer.requant.min, layer.requant.max);
        let mut done = 0;
        while done + PLACES <= out.len() {
            let mut four = [start; PLACES / LANES];
            let mut n = 0;
            while n < PLACES / LANES {
                let from = values.as_ptr().add((done + n * LANES) * depth);
                four[n] = scales.scale::<false>(_mm512_add_epi32(start, sums(layer.weights, from, depth)));
                n += 1;
            }
            _mm512_storeu_si512(out.as_mut_ptr().add(done).cast(), bounds.bytes(four));
            done += PLACES;
        }
        done
    }
}

/// The sums of products of sixteen places, 128 added to each value.
///
/// # Safety
/// AVX-512; the values of sixteen places can be read; `depth` is a number of sixteens.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn sums(weights: &[i8], from: *const i8, depth: usize) -> __m512i {
    // SAFETY: as promised.
    unsafe {
        // Quarter `q` of register `n` is of place `4 · q + n`.
        let mut parts = [_mm512_setzero_si512(); 4];
        for at in (0..depth).step_by(LANES) {
            let weights = _mm512_broadcast_i32x4(_mm_loadu_si128(weights.as_ptr().add(at).cast()));
            let mut n = 0;
            while n < 4 {
                let own = |q: usize| _mm_loadu_si128(from.add((4 * q + n) * depth + at).cast());
                let values = _mm512_castsi128_si512(own(0));
                let values = _mm512_inserti32x4(values, own(1), 1);
                let values = _mm512_inserti32x4(values, own(2), 2);
                let values = _mm512_inserti32x4(values, own(3), 3);
                let values = _mm512_xor_si512(values, _mm512_set1_epi8(-128));
                parts[n] = _mm512_dpbusd_epi32(parts[n], values, weights);
                n += 1;
            }
        }
        // The four words of each quarter are added up, and come to lie in the places' order.
        let add = |a: __m512i, b: __m512i| {
            _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b))
        };
        let (first, last) = (add(parts[0], parts[1]), add(parts[2], parts[3]));
        _mm512_add_epi32(_mm512_unpacklo_epi64(first, last), _mm512_unpackhi_epi64(first, last))
    }
}
