//! A PC's processor with AVX2, asked at run time: eight output channels lie in a register.
//!
//! **Sums are doubled** from the beginning (inputs or weights are): the first rounding is then one of the upper words of
//! 64-bit products, which spares a shift. [`super::is_plain`] sees to it that twice a sum fits 32 bits.
#![allow(unused_unsafe, reason = "newer compilers take intrinsics in such functions as safe")]

use core::arch::x86_64::*;

use crate::kernels::requant::Requant;

mod depth;
mod point;
mod sum;

pub(in crate::kernels) use depth::{depthwise, depthwise_in_place};
pub(in crate::kernels) use point::{conv, first_layer, pack, pointwise};
pub(in crate::kernels) use sum::{add_in_place, add_upsampled_in_place};

/// Channels in a register.
const LANES: usize = 8;

/// Channels of a pair of registers.
const PAIR: usize = 2 * LANES;

pub(in crate::kernels) fn present() -> bool {
    std::is_x86_feature_detected!("avx2")
}

/// How eight doubled sums become 8 bits.
#[derive(Clone, Copy)]
struct Scales {
    multiplier: __m256i,
    /// Of the odd lanes, in the even ones.
    odd: __m256i,
    shift: __m256i,
    /// Half of what the second rounding divides by.
    half: __m256i,
    /// 31, which leaves the sign, where that is more than 1; else 32, which leaves nothing.
    sign: __m256i,
}

impl Scales {
    /// # Safety
    /// AVX2.
    #[target_feature(enable = "avx2")]
    unsafe fn new(multiplier: [i32; LANES], shift: [i32; LANES]) -> Self {
        // SAFETY: eight words are read of each array.
        unsafe {
            let multiplier = _mm256_loadu_si256(multiplier.as_ptr().cast());
            let shift = _mm256_loadu_si256(shift.as_ptr().cast());
            let divides = _mm256_cmpgt_epi32(shift, _mm256_setzero_si256());
            // Half of 2⁰ is none.
            let half = _mm256_srli_epi32(_mm256_sllv_epi32(_mm256_set1_epi32(1), shift), 1);
            let sign = _mm256_add_epi32(_mm256_set1_epi32(32), divides);
            Self { multiplier, odd: _mm256_srli_epi64(multiplier, 32), shift, half, sign }
        }
    }

    /// Of the channels that `order` tells, counted from `from`; behind the last one anything.
    ///
    /// # Safety
    /// AVX2.
    #[target_feature(enable = "avx2")]
    unsafe fn of(requant: &Requant<'_>, from: usize, order: &[usize; LANES]) -> Self {
        let mut multiplier = [0; LANES];
        let mut shift = [0; LANES];
        for (lane, &channel) in order.iter().enumerate() {
            multiplier[lane] = requant.multiplier.get(from + channel).copied().unwrap_or(0);
            shift[lane] = requant.shift.get(from + channel).copied().unwrap_or(0).into();
        }
        // SAFETY: as promised.
        unsafe { Self::new(multiplier, shift) }
    }

    /// Both roundings of doubled sums, as in [`crate::kernels::requant`].
    ///
    /// # Safety
    /// AVX2.
    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn scale(&self, sums: __m256i) -> __m256i {
        // SAFETY: arithmetic alone.
        unsafe {
            let nudge = _mm256_set1_epi64x(1 << 31);
            let even = _mm256_add_epi64(_mm256_mul_epi32(sums, self.multiplier), nudge);
            let odd = _mm256_mul_epi32(_mm256_srli_epi64(sums, 32), self.odd);
            let odd = _mm256_add_epi64(odd, nudge);
            let high = _mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xaa);
            // Ties go away from zero.
            let below = _mm256_srlv_epi32(high, self.sign);
            let rounded = _mm256_sub_epi32(_mm256_add_epi32(high, self.half), below);
            _mm256_srav_epi32(rounded, self.shift)
        }
    }
}

/// Zero point and bounds, in all lanes.
#[derive(Clone, Copy)]
struct Bounds {
    zero: __m256i,
    min: __m256i,
    max: __m256i,
}

impl Bounds {
    /// # Safety
    /// AVX2.
    #[target_feature(enable = "avx2")]
    unsafe fn new([zero, min, max]: [i8; 3]) -> Self {
        // SAFETY: arithmetic alone.
        unsafe {
            let zero = _mm256_set1_epi16(zero.into());
            Self { zero, min: _mm256_set1_epi8(min), max: _mm256_set1_epi8(max) }
        }
    }

    /// # Safety
    /// AVX2.
    #[target_feature(enable = "avx2")]
    unsafe fn of(requant: &Requant<'_>) -> Self {
        // SAFETY: as promised.
        unsafe { Self::new([requant.out_zero, requant.min, requant.max]) }
    }

    /// Two registers of scaled sums as words with the zero point: of each half of `a` four, then four of `b`. What
    /// saturates at 16 bits is outside 8 bits with any zero point.
    ///
    /// # Safety
    /// AVX2.
    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn words(&self, a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: arithmetic alone.
        unsafe { _mm256_adds_epi16(_mm256_packs_epi32(a, b), self.zero) }
    }

    /// Words as bytes within the bounds: of each half of `a` eight, then eight of `b`.
    ///
    /// # Safety
    /// AVX2.
    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn bytes(&self, a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: arithmetic alone.
        unsafe { _mm256_min_epi8(_mm256_max_epi8(_mm256_packs_epi16(a, b), self.min), self.max) }
    }

    /// The sixteen bytes of two registers of scaled sums, those of `a` first.
    ///
    /// # Safety
    /// AVX2.
    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn sixteen(&self, a: __m256i, b: __m256i) -> __m128i {
        // SAFETY: arithmetic alone.
        unsafe {
            let words = self.words(a, b);
            let bytes = _mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
            let bytes = _mm_max_epi8(bytes, _mm256_castsi256_si128(self.min));
            _mm_shuffle_epi32(_mm_min_epi8(bytes, _mm256_castsi256_si128(self.max)), 0b11_01_10_00)
        }
    }
}

/// `lanes` bytes, 16 at most; behind them 0.
///
/// # Safety
/// AVX2; as many can be read.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn load(from: *const i8, lanes: usize) -> __m128i {
    // SAFETY: as promised; the array has 16 bytes.
    unsafe {
        match lanes {
            PAIR.. => _mm_loadu_si128(from.cast()),
            LANES => _mm_loadl_epi64(from.cast()),
            _ => {
                let mut bytes = [0i8; PAIR];
                from.copy_to_nonoverlapping(bytes.as_mut_ptr(), lanes);
                _mm_loadu_si128(bytes.as_ptr().cast())
            }
        }
    }
}

/// The first `lanes` of 16 bytes.
///
/// # Safety
/// AVX2; as many can be written.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn store(bytes: __m128i, to: *mut i8, lanes: usize) {
    // SAFETY: as promised; the array has 16 bytes.
    unsafe {
        match lanes {
            PAIR.. => _mm_storeu_si128(to.cast(), bytes),
            LANES => _mm_storel_epi64(to.cast(), bytes),
            _ => {
                let mut all = [0i8; PAIR];
                _mm_storeu_si128(all.as_mut_ptr().cast(), bytes);
                to.copy_from_nonoverlapping(all.as_ptr(), lanes);
            }
        }
    }
}
