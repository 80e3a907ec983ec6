//! A PC's processor with AVX2, asked at run time: eight output channels lie in a register.
//!
//! **Sums are doubled** from the beginning (inputs or weights are): the first rounding is then one of the upper words of
//! 64-bit products, which spares a shift. [`super::is_plain`] sees to it that twice a sum fits 32 bits.
#![allow(unused_unsafe, reason = "newer compilers take intrinsics in such functions as safe")]

use core::arch::x86_64::*;

use crate::kernels::requant::Requant;

mod depth;
mod fetch;
mod point;
mod sum;

pub(in crate::kernels) use depth::{depthwise, depthwise_in_place};
pub(in crate::kernels) use point::{conv, first_layer, pack, pointwise};
pub(in crate::kernels) use sum::{add_in_place, add_upsampled_in_place};

/// Channels in a register.
const LANES: usize = 8;

/// Channels of a pair of registers.
const PAIR: usize = 2 * LANES;

/// Places of a convolution over channels that are computed together.
const TILE: usize = 4;

pub(in crate::kernels) fn present() -> bool {
    std::is_x86_feature_detected!("avx2")
}

/// How eight doubled sums become 8 bits.
#[derive(Clone, Copy)]
struct Scales {
    /// Of the even lanes and, in their places, the odd ones, as all that is of 64 bits.
    multiplier: [__m256i; 2],
    /// Half for the first rounding, and for the second one half of what it divides by, times 2³².
    nudge: [__m256i; 2],
    /// That half. Where nothing is divided no number is below this.
    half: __m256i,
    shift: __m256i,
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
            // Half of 2⁰ is none.
            let half = _mm256_srli_epi32(_mm256_sllv_epi32(_mm256_set1_epi32(1), shift), 1);
            let first = _mm256_set1_epi64x(1 << 31);
            let even = _mm256_or_si256(_mm256_slli_epi64(half, 32), first);
            let odd = _mm256_blend_epi32(first, half, 0xaa);
            let divides = _mm256_cmpgt_epi32(shift, _mm256_setzero_si256());
            Self {
                multiplier: [multiplier, _mm256_srli_epi64(multiplier, 32)],
                nudge: [even, odd],
                half: _mm256_blendv_epi8(_mm256_set1_epi32(i32::MIN), half, divides),
                shift,
            }
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
            let [even, odd] = self.multiplier;
            let even = _mm256_add_epi64(_mm256_mul_epi32(sums, even), self.nudge[0]);
            let odd = _mm256_mul_epi32(_mm256_srli_epi64(sums, 32), odd);
            let odd = _mm256_add_epi64(odd, self.nudge[1]);
            let rounded = _mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xaa);
            // Below zero before the half was added: ties go away from zero.
            let below = _mm256_cmpgt_epi32(self.half, rounded);
            _mm256_srav_epi32(_mm256_add_epi32(rounded, below), self.shift)
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
            1 => to.write(_mm_cvtsi128_si32(bytes) as i8),
            _ => {
                let mut all = [0i8; PAIR];
                _mm_storeu_si128(all.as_mut_ptr().cast(), bytes);
                to.copy_from_nonoverlapping(all.as_ptr(), lanes);
            }
        }
    }
}
