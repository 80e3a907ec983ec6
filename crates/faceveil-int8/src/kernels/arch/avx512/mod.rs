//! A PC's processor with AVX-512 and its dot products of bytes (VNNI), asked at run time: 16 output channels lie in a
//! register, and one instruction adds four products to each. Inputs are taken with 128 added, as the instruction wants
//! one factor without a sign; what that adds to a sum is the same for all places and goes off its start.
//!
//! **Sums have 2³¹ added** from the start, so that they have no sign: a product with twice the multiplier then fits 64 bits, and
//! the first rounding is one of its upper words, which spares a shift. What the 2³¹ add to a product is a number of upper words.
#![allow(unused_unsafe, reason = "newer compilers take intrinsics in such functions as safe")]
#![allow(clippy::incompatible_msrv, reason = "only on PCs, which have the workspace's compiler")]

use core::arch::x86_64::*;

use crate::kernels::requant::Requant;

mod column;
mod depth;
mod fetch;
mod groups;
mod point;
mod single;
mod sum;

pub(in crate::kernels) use depth::{depthwise, depthwise_in_place};
pub(in crate::kernels) use groups::pack;
pub(in crate::kernels) use point::{conv, first_layer, pointwise};
pub(in crate::kernels) use sum::{add_in_place, add_upsampled_in_place};

/// Channels in a register.
const LANES: usize = 16;

/// Half of them: so many channels, or fewer, lie in a register twice, for two places.
const HALF: usize = LANES / 2;

pub(in crate::kernels) fn present() -> bool {
    // Asked once, kept by the standard library.
    std::is_x86_feature_detected!("avx512f")
        && std::is_x86_feature_detected!("avx512bw")
        && std::is_x86_feature_detected!("avx512vl")
        && std::is_x86_feature_detected!("avx512vnni")
}

/// Some of a layer's channels, as they lie in a register.
#[derive(Clone, Copy)]
struct Channels {
    from: usize,
    count: usize,
}

impl Channels {
    /// As many as a register has, or are left of `channels`.
    fn new(channels: usize, from: usize) -> Self {
        Self { from, count: channels.saturating_sub(from).min(LANES) }
    }

    /// Whether they lie in both halves.
    fn twice(self) -> bool {
        self.count <= HALF
    }

    /// The words of these channels, 0 in lanes without one.
    ///
    /// # Safety
    /// AVX-512; the slice has a word for each channel.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    unsafe fn words(self, of: &[i32]) -> __m512i {
        // SAFETY: only lanes with channels are read.
        unsafe {
            let words = _mm512_maskz_loadu_epi32(mask(self.count), of.as_ptr().add(self.from));
            if self.twice() { _mm512_shuffle_i64x2(words, words, 0b01_00_01_00) } else { words }
        }
    }
}

/// The first `count` lanes.
fn mask(count: usize) -> __mmask16 {
    ((1u32 << count.min(LANES)) - 1) as __mmask16
}

/// Whether nothing below the zero point comes out, so that where ties go below it makes no difference: up, say.
fn rectified(requant: &Requant<'_>) -> bool {
    requant.min >= requant.out_zero
}

/// How sixteen sums, with 2³¹ added, become values with the zero point.
#[derive(Clone, Copy)]
struct Scales {
    /// Doubled; of the even lanes and, in their places, of the odd ones.
    multiplier: [__m512i; 2],
    /// What is added to the products: half of what the first rounding divides by; times 2³² half of what the second one
    /// divides by, less 1 unless all is [`rectified`], and the zero point; and what makes good for the sums' 2³¹.
    nudge: [__m512i; 2],
    /// The least sum that gets the 1 back. Where nothing is divided that is every sum, else those of 0 and more: ties go away
    /// from zero. (A sum below zero that the first rounding made 0 goes without: half less 1 is no more than half there.)
    back: __m512i,
    shift: __m512i,
}

impl Scales {
    /// # Safety
    /// AVX-512.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    unsafe fn new(multiplier: __m512i, shift: __m512i, zero: i8, rectified: bool) -> Self {
        // SAFETY: arithmetic alone.
        unsafe {
            let one = _mm512_set1_epi32(1);
            // Half of 2⁰ is none.
            let half = _mm512_srli_epi32(_mm512_sllv_epi32(one, shift), 1);
            let zero = _mm512_sllv_epi32(_mm512_set1_epi32(zero.into()), shift);
            let half = if rectified { half } else { _mm512_sub_epi32(half, one) };
            let upper = _mm512_sub_epi32(_mm512_add_epi32(half, zero), multiplier);
            let first = _mm512_set1_epi64(1 << 31);
            let even = _mm512_or_si512(_mm512_slli_epi64(upper, 32), first);
            let odd = _mm512_mask_mov_epi32(first, ODD, upper);
            let divides = _mm512_cmpgt_epi32_mask(shift, _mm512_setzero_si512());
            let doubled = _mm512_slli_epi32(multiplier, 1);
            Self {
                multiplier: [doubled, _mm512_srli_epi64(doubled, 32)],
                nudge: [even, odd],
                back: _mm512_maskz_set1_epi32(divides, i32::MIN),
                shift,
            }
        }
    }

    /// Of some channels, in other lanes anything.
    ///
    /// # Safety
    /// AVX-512; the constants are there for each channel.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    unsafe fn of(requant: &Requant<'_>, channels: Channels) -> Self {
        // SAFETY: only lanes with channels are read.
        unsafe {
            let shift = _mm_maskz_loadu_epi8(mask(channels.count), requant.shift.as_ptr().add(channels.from));
            let shift = if channels.twice() { _mm_unpacklo_epi64(shift, shift) } else { shift };
            let (multiplier, shift) = (channels.words(requant.multiplier), _mm512_cvtepi8_epi32(shift));
            Self::new(multiplier, shift, requant.out_zero, rectified(requant))
        }
    }

    /// Both roundings, as in [`crate::kernels::requant`], and the zero point. `RECTIFIED` says what these were made for.
    ///
    /// # Safety
    /// AVX-512.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    unsafe fn scale<const RECTIFIED: bool>(&self, sums: __m512i) -> __m512i {
        // SAFETY: arithmetic alone.
        unsafe {
            let even = _mm512_add_epi64(_mm512_mul_epu32(sums, self.multiplier[0]), self.nudge[0]);
            let odd = _mm512_mul_epu32(_mm512_shuffle_epi32(sums, 0b11_11_01_01), self.multiplier[1]);
            let odd = _mm512_add_epi64(odd, self.nudge[1]);
            // The upper words of both.
            let upper = _mm512_mask_shuffle_epi32(odd, !ODD, even, 0b11_11_01_01);
            if RECTIFIED {
                return _mm512_srav_epi32(upper, self.shift);
            }
            let back = _mm512_cmpge_epu32_mask(sums, self.back);
            let upper = _mm512_mask_sub_epi32(upper, back, upper, _mm512_set1_epi32(-1));
            _mm512_srav_epi32(upper, self.shift)
        }
    }
}

/// The odd lanes.
const ODD: __mmask16 = 0xaaaa;

/// Bounds, in all lanes, and how packed registers are put in order.
#[derive(Clone, Copy)]
struct Bounds {
    min: __m512i,
    max: __m512i,
    order: __m512i,
}

impl Bounds {
    /// # Safety
    /// AVX-512.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    unsafe fn new(min: i8, max: i8) -> Self {
        // SAFETY: arithmetic alone.
        unsafe { Self { min: _mm512_set1_epi8(min), max: _mm512_set1_epi8(max), order: transposed() } }
    }

    /// Four registers of values as bytes within the bounds, one after the other.
    ///
    /// # Safety
    /// AVX-512.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    unsafe fn bytes(&self, values: [__m512i; 4]) -> __m512i {
        // SAFETY: arithmetic alone. Each quarter is packed by itself: four bytes of each register.
        unsafe {
            let first = _mm512_packs_epi32(values[0], values[1]);
            let last = _mm512_packs_epi32(values[2], values[3]);
            let bytes = _mm512_packs_epi16(first, last);
            let bytes = _mm512_min_epi8(_mm512_max_epi8(bytes, self.min), self.max);
            _mm512_permutexvar_epi32(self.order, bytes)
        }
    }
}

/// The order of words, four of each quarter, in which word `n` of quarter `q` is word `q` of quarter `n`.
///
/// # Safety
/// AVX-512.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn transposed() -> __m512i {
    // SAFETY: arithmetic alone.
    unsafe { _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15) }
}

/// The four quarters of a register.
///
/// # Safety
/// AVX-512.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn quarters(bytes: __m512i) -> [__m128i; 4] {
    // SAFETY: arithmetic alone.
    unsafe {
        [
            _mm512_castsi512_si128(bytes),
            _mm512_extracti32x4_epi32(bytes, 1),
            _mm512_extracti32x4_epi32(bytes, 2),
            _mm512_extracti32x4_epi32(bytes, 3),
        ]
    }
}

/// `count` bytes, 16 at most; behind them 0.
///
/// # Safety
/// AVX-512; as many can be read.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn load(from: *const i8, count: usize) -> __m128i {
    // SAFETY: as promised.
    unsafe {
        match count {
            LANES.. => _mm_loadu_si128(from.cast()),
            HALF => _mm_loadl_epi64(from.cast()),
            _ => _mm_maskz_loadu_epi8(mask(count), from),
        }
    }
}

/// The first `count` of 16 bytes. Whole registers and halves are stored faster without a mask.
///
/// # Safety
/// AVX-512; as many can be written.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn store(bytes: __m128i, to: *mut i8, count: usize) {
    // SAFETY: as promised.
    unsafe {
        match count {
            LANES.. => _mm_storeu_si128(to.cast(), bytes),
            HALF => _mm_storel_epi64(to.cast(), bytes),
            _ => _mm_mask_storeu_epi8(to, mask(count), bytes),
        }
    }
}
