//! A PC's processor with AVX-512 and its dot products of bytes (VNNI), asked at run time: 16 output channels lie in a
//! register, and one instruction adds four products to each. Inputs are taken with 128 added, as the instruction wants
//! one factor without a sign; what that adds to a sum is the same for all places and goes off its start.
#![allow(unused_unsafe, reason = "newer compilers take intrinsics in such functions as safe")]
#![allow(clippy::incompatible_msrv, reason = "only on PCs, which have the workspace's compiler")]

use core::arch::x86_64::*;

use crate::kernels::requant::Requant;

mod depth;
mod point;
mod sum;

pub(in crate::kernels) use depth::{depthwise, depthwise_in_place};
pub(in crate::kernels) use point::{conv, first_layer, pack, pointwise};
pub(in crate::kernels) use sum::{add_in_place, add_upsampled_in_place};

/// Channels in a register.
const LANES: usize = 16;

pub(in crate::kernels) fn present() -> bool {
    // Asked once, kept by the standard library.
    std::is_x86_feature_detected!("avx512f")
        && std::is_x86_feature_detected!("avx512bw")
        && std::is_x86_feature_detected!("avx512vl")
        && std::is_x86_feature_detected!("avx512vnni")
}

/// The lanes of the channels from `from` on.
fn mask(channels: usize, from: usize) -> __mmask16 {
    let count = channels.saturating_sub(from).min(LANES);
    ((1u32 << count) - 1) as __mmask16
}

/// How sixteen sums become 8 bits.
#[derive(Clone, Copy)]
struct Scales {
    multiplier: __m512i,
    /// Of the odd lanes, in the even ones.
    odd: __m512i,
    shift: __m512i,
    /// Half of what the second rounding divides by.
    half: __m512i,
    /// Lanes where that is more than 1.
    divides: __mmask16,
}

impl Scales {
    /// # Safety
    /// AVX-512.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    unsafe fn new(multiplier: __m512i, shift: __m512i) -> Self {
        // SAFETY: arithmetic alone.
        unsafe {
            let one = _mm512_set1_epi32(1);
            let divides = _mm512_cmpgt_epi32_mask(shift, _mm512_setzero_si512());
            let half = _mm512_maskz_sllv_epi32(divides, one, _mm512_sub_epi32(shift, one));
            Self { multiplier, odd: _mm512_srli_epi64(multiplier, 32), shift, half, divides }
        }
    }

    /// Of the channels from `from` on, behind the last one anything.
    ///
    /// # Safety
    /// AVX-512; the constants are there for each of `channels`.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    unsafe fn of(requant: &Requant<'_>, from: usize) -> Self {
        let lanes = mask(requant.multiplier.len().min(requant.shift.len()), from);
        // SAFETY: only lanes with channels are read.
        unsafe {
            let multiplier = _mm512_maskz_loadu_epi32(lanes, requant.multiplier.as_ptr().wrapping_add(from));
            let shift = _mm_maskz_loadu_epi8(lanes, requant.shift.as_ptr().wrapping_add(from));
            Self::new(multiplier, _mm512_cvtepi8_epi32(shift))
        }
    }

    /// Both roundings, as in [`crate::kernels::requant`].
    ///
    /// # Safety
    /// AVX-512.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    unsafe fn scale(&self, sums: __m512i) -> __m512i {
        // SAFETY: arithmetic alone.
        unsafe {
            let nudge = _mm512_set1_epi64(1 << 30);
            let even = _mm512_add_epi64(_mm512_mul_epi32(sums, self.multiplier), nudge);
            let odd = _mm512_mul_epi32(_mm512_srli_epi64(sums, 32), self.odd);
            let odd = _mm512_slli_epi64(_mm512_add_epi64(odd, nudge), 1);
            let high = _mm512_mask_mov_epi32(_mm512_srli_epi64(even, 31), 0xaaaa, odd);
            let rounded = _mm512_add_epi32(high, self.half);
            // Ties go away from zero.
            let minus = _mm512_set1_epi32(-1);
            let below = _mm512_mask_cmplt_epi32_mask(self.divides, high, _mm512_setzero_si512());
            let rounded = _mm512_mask_add_epi32(rounded, below, rounded, minus);
            _mm512_srav_epi32(rounded, self.shift)
        }
    }
}

/// Zero point and bounds, in all lanes.
#[derive(Clone, Copy)]
struct Bounds {
    zero: __m512i,
    min: __m512i,
    max: __m512i,
}

impl Bounds {
    /// # Safety
    /// AVX-512.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    unsafe fn new([zero, min, max]: [i8; 3]) -> Self {
        // SAFETY: arithmetic alone.
        let [zero, min, max] = [zero, min, max].map(|v| unsafe { _mm512_set1_epi32(v.into()) });
        Self { zero, min, max }
    }

    /// Scales sums and stores those of `lanes`.
    ///
    /// # Safety
    /// AVX-512; as many bytes as there are lanes can be written at `out`.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    unsafe fn store(&self, scales: &Scales, sums: __m512i, lanes: __mmask16, out: *mut i8) {
        // SAFETY: as promised.
        unsafe {
            let values = _mm512_add_epi32(scales.scale(sums), self.zero);
            let values = _mm512_min_epi32(_mm512_max_epi32(values, self.min), self.max);
            if lanes == !0 {
                // A whole register is stored faster without a mask.
                _mm_storeu_si128(out.cast(), _mm512_cvtepi32_epi8(values));
            } else {
                _mm512_mask_cvtepi32_storeu_epi8(out, lanes, values);
            }
        }
    }
}
