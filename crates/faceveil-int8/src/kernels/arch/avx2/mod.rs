//! A PC's processor with AVX2, asked at run time: eight output channels lie in a register.
#![allow(unused_unsafe, reason = "newer compilers take intrinsics in such functions as safe")]

use core::arch::x86_64::*;

use crate::kernels::requant::Requant;

mod depth;
mod point;
mod sum;

pub(in crate::kernels) use depth::{depthwise, depthwise_in_place};
pub(in crate::kernels) use point::{conv, first_layer, pointwise};
pub(in crate::kernels) use sum::{add_in_place, add_upsampled_in_place};

/// Channels in a register.
const LANES: usize = 8;

pub(in crate::kernels) fn present() -> bool {
    std::is_x86_feature_detected!("avx2")
}

/// How eight sums become 8 bits.
#[derive(Clone, Copy)]
struct Scales {
    multiplier: __m256i,
    shift: __m256i,
    /// Half of what the second rounding divides by.
    half: __m256i,
    /// All ones where that is more than 1.
    divides: __m256i,
}

impl Scales {
    /// # Safety
    /// AVX2.
    #[target_feature(enable = "avx2")]
    unsafe fn new(multiplier: [i32; LANES], shift: [i32; LANES]) -> Self {
        let half = shift.map(|s| if s > 0 { 1 << (s - 1) } else { 0 });
        let divides = shift.map(|s| if s > 0 { -1 } else { 0 });
        let load = |values: [i32; LANES]| {
            // SAFETY: eight words are read.
            unsafe { _mm256_loadu_si256(values.as_ptr().cast()) }
        };
        Self { multiplier: load(multiplier), shift: load(shift), half: load(half), divides: load(divides) }
    }

    /// Of channels `from..`; behind the last one anything.
    ///
    /// # Safety
    /// AVX2.
    #[target_feature(enable = "avx2")]
    unsafe fn of(requant: &Requant<'_>, from: usize) -> Self {
        let mut multiplier = [0; LANES];
        let mut shift = [0; LANES];
        let channels = requant.multiplier.iter().zip(requant.shift).skip(from);
        for ((to, to_shift), (&from, &from_shift)) in multiplier.iter_mut().zip(&mut shift).zip(channels) {
            (*to, *to_shift) = (from, from_shift.into());
        }
        // SAFETY: as promised.
        unsafe { Self::new(multiplier, shift) }
    }

    /// Both roundings, as in [`crate::kernels::requant`].
    ///
    /// # Safety
    /// AVX2.
    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn scale(&self, sums: __m256i) -> __m256i {
        // SAFETY: arithmetic alone.
        unsafe {
            let nudge = _mm256_set1_epi64x(1 << 30);
            let even = _mm256_add_epi64(_mm256_mul_epi32(sums, self.multiplier), nudge);
            let (sums, multiplier) = (_mm256_srli_epi64(sums, 32), _mm256_srli_epi64(self.multiplier, 32));
            let odd = _mm256_add_epi64(_mm256_mul_epi32(sums, multiplier), nudge);
            let high = _mm256_blend_epi32(_mm256_srli_epi64(even, 31), _mm256_slli_epi64(odd, 1), 0xaa);
            let sign = _mm256_and_si256(_mm256_srai_epi32(high, 31), self.divides);
            let rounded = _mm256_add_epi32(_mm256_add_epi32(high, self.half), sign);
            _mm256_srav_epi32(rounded, self.shift)
        }
    }
}

/// Adds the zero point, and saturates to the bounds: eight bytes in the lower half.
///
/// # Safety
/// AVX2.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn narrow(values: __m256i, [zero, min, max]: [i8; 3]) -> __m128i {
    // SAFETY: arithmetic alone.
    unsafe {
        let values = _mm256_add_epi32(values, _mm256_set1_epi32(zero.into()));
        let values = _mm256_max_epi32(values, _mm256_set1_epi32(min.into()));
        let values = _mm256_min_epi32(values, _mm256_set1_epi32(max.into()));
        let words = _mm_packs_epi32(_mm256_castsi256_si128(values), _mm256_extracti128_si256(values, 1));
        _mm_packs_epi16(words, words)
    }
}

/// The first bytes of `out`, eight at most.
///
/// # Safety
/// AVX2.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn store(bytes: __m128i, out: &mut [i8]) {
    if out.len() >= LANES {
        // SAFETY: eight bytes are written.
        unsafe { _mm_storel_epi64(out.as_mut_ptr().cast(), bytes) };
        return;
    }
    let mut all = [0i8; 16];
    // SAFETY: the array has 16 bytes.
    unsafe { _mm_storeu_si128(all.as_mut_ptr().cast(), bytes) };
    for (i, out) in out.iter_mut().enumerate() {
        *out = all[i];
    }
}

/// Eight bytes from `at` on, as words; behind the end 0.
///
/// # Safety
/// AVX2.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn load(bytes: &[i8], at: usize) -> __m256i {
    if at + LANES <= bytes.len() {
        // SAFETY: eight bytes are there.
        return unsafe { _mm256_cvtepi8_epi32(_mm_loadl_epi64(bytes.as_ptr().add(at).cast())) };
    }
    let short = first_eight(bytes, at);
    // SAFETY: eight bytes are there.
    unsafe { _mm256_cvtepi8_epi32(_mm_loadl_epi64(short.as_ptr().cast())) }
}

#[cold]
fn first_eight(bytes: &[i8], at: usize) -> [i8; LANES] {
    let mut short = [0; LANES];
    let rest = bytes.get(at..).unwrap_or_default();
    short.iter_mut().zip(rest).for_each(|(to, &from)| *to = from);
    short
}

fn bounds(requant: &Requant<'_>) -> [i8; 3] {
    [requant.out_zero, requant.min, requant.max]
}
