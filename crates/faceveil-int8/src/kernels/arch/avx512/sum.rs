//! Sums.
#![allow(unused_unsafe, reason = "newer compilers take intrinsics in such functions as safe")]
#![allow(clippy::incompatible_msrv, reason = "only on PCs, which have the workspace's compiler")]

use core::arch::x86_64::*;

use super::super::is_plain_sum;
use super::super::x86::add;
use super::{Bounds, HALF, LANES, Scales, load, present, quarters, store};
use crate::kernels::sum::{Sum, Term};

/// Whether a term is half its value, so that nothing is rounded: TFLite gives the larger scale this one.
fn is_half(term: &Term) -> bool {
    term.multiplier == 1 << 30 && term.shift == 0
}

/// One of the two of a sum, in registers. What is first rounded is `(q - zero) · multiplier / 2¹¹`: the values' 20 bits to the
/// left go off the 31 to the right. The multiplier's upper bits give whole numbers, its lower 11 bits small ones.
#[derive(Clone, Copy)]
struct Operand {
    zero: __m512i,
    upper: __m512i,
    lower: __m512i,
    /// Halves of what both roundings divide by, 1 less for the second one; for a half all that is added.
    nudge: __m512i,
    /// The least value that gets the 1 back, as in [`Scales`].
    back: __m512i,
    shift: __m512i,
}

/// Bits of a multiplier that give small numbers.
const LOWER: u32 = 11;

impl Operand {
    /// A half has `lift` added.
    ///
    /// # Safety
    /// AVX-512.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    unsafe fn new(term: &Term, lift: i32) -> Self {
        let zero = i32::from(term.zero);
        let half = 1 << term.shift >> 1;
        let (upper, lower, nudge) = if is_half(term) {
            // A byte is the upper half of an upper 16 bits.
            (0, 1 << (HALF_SHIFT - 8) << 16, lift.wrapping_sub(zero << HALF_SHIFT))
        } else {
            let lower = term.multiplier & ((1 << LOWER) - 1);
            (term.multiplier >> LOWER, lower, (half - 1) * (1 << LOWER) + (1 << (LOWER - 1)))
        };
        // SAFETY: arithmetic alone.
        unsafe {
            Self {
                zero: _mm512_set1_epi32(zero),
                upper: _mm512_set1_epi32(upper),
                lower: _mm512_set1_epi32(lower),
                nudge: _mm512_set1_epi32(nudge),
                back: _mm512_set1_epi32(if term.shift > 0 { 0 } else { i32::MIN }),
                shift: _mm512_set1_epi32(term.shift.into()),
            }
        }
    }

    /// The terms of sixteen values. `HALF` says that [`is_half`] is true.
    ///
    /// # Safety
    /// AVX-512.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    unsafe fn term<const HALF: bool>(&self, values: __m128i) -> __m512i {
        // SAFETY: arithmetic alone.
        unsafe {
            if HALF {
                let values = _mm512_shuffle_epi8(_mm512_broadcast_i32x4(values), at_the_top());
                return _mm512_dpwssd_epi32(self.nudge, values, self.lower);
            }
            let values = _mm512_sub_epi32(_mm512_cvtepi8_epi32(values), self.zero);
            let lower = _mm512_srai_epi32(_mm512_dpwssd_epi32(self.nudge, values, self.lower), LOWER);
            let high = _mm512_add_epi32(_mm512_mullo_epi32(values, self.upper), lower);
            let back = _mm512_cmpge_epi32_mask(values, self.back);
            let high = _mm512_mask_sub_epi32(high, back, high, _mm512_set1_epi32(-1));
            _mm512_srav_epi32(high, self.shift)
        }
    }
}

/// What a half is shifted to the left by.
const HALF_SHIFT: u32 = 19;

/// The order in which each of sixteen bytes, that lie in all four quarters, is the highest byte of a word.
///
/// # Safety
/// AVX-512.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn at_the_top() -> __m512i {
    // SAFETY: arithmetic alone. A number of 128 and more gives 0.
    unsafe {
        let first = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
        _mm512_or_si512(_mm512_slli_epi32(first, 24), _mm512_set1_epi32(0x0080_8080))
    }
}

/// A sum's constants in registers.
#[derive(Clone, Copy)]
struct Adder {
    a: Operand,
    b: Operand,
    scales: Scales,
    bounds: Bounds,
}

impl Adder {
    /// # Safety
    /// AVX-512.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    unsafe fn new(sum: &Sum) -> Self {
        // SAFETY: arithmetic alone.
        unsafe {
            let (multiplier, shift) =
                (_mm512_set1_epi32(sum.multiplier), _mm512_set1_epi32(sum.shift.into()));
            let scales = Scales::new(multiplier, shift, sum.out_zero, false);
            let bounds = Bounds::new(sum.min, sum.max);
            // The sum's 2³¹ come with a half if there is one.
            let (a, b) = match (is_half(&sum.a), is_half(&sum.b)) {
                (true, _) => (i32::MIN, 0),
                (_, true) => (0, i32::MIN),
                _ => (0, 0),
            };
            Self { a: Operand::new(&sum.a, a), b: Operand::new(&sum.b, b), scales, bounds }
        }
    }

    /// The values of sums. `lifted` says that they have 2³¹ added already.
    ///
    /// # Safety
    /// AVX-512.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    unsafe fn sum(&self, lifted: bool, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: arithmetic alone.
        unsafe {
            let sum = _mm512_add_epi32(a, b);
            if lifted {
                self.scales.scale::<false>(sum)
            } else {
                self.scales.scale::<false>(_mm512_xor_si512(sum, _mm512_set1_epi32(i32::MIN)))
            }
        }
    }

    /// # Safety
    /// AVX-512.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    unsafe fn add_plain<const A: bool, const B: bool>(&self, a: &[i8], b: &mut [i8]) {
        assert_eq!(a.len(), b.len());
        let (mut a, mut b) = (a.chunks_exact(4 * LANES), b.chunks_exact_mut(4 * LANES));
        // SAFETY: as many values are read and written.
        unsafe {
            for (a, b) in (&mut a).zip(&mut b) {
                let bytes = self.sixty_four::<A, B>(a.as_ptr(), b.as_ptr());
                _mm512_storeu_si512(b.as_mut_ptr().cast(), bytes);
            }
            let (a, b) = (a.remainder(), b.into_remainder());
            let lanes = (1 << a.len()) - 1;
            let mut rest = [[0i8; 4 * LANES]; 2];
            rest[0][..a.len()].copy_from_slice(a);
            rest[1][..a.len()].copy_from_slice(b);
            let bytes = self.sixty_four::<A, B>(rest[0].as_ptr(), rest[1].as_ptr());
            _mm512_mask_storeu_epi8(b.as_mut_ptr(), lanes, bytes);
        }
    }

    /// The sums of as many values.
    ///
    /// # Safety
    /// AVX-512; they can be read.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    unsafe fn sixty_four<const A: bool, const B: bool>(&self, a: *const i8, b: *const i8) -> __m512i {
        // SAFETY: as promised.
        unsafe {
            let mut values = [_mm512_setzero_si512(); 4];
            let mut n = 0;
            while n < 4 {
                let first = self.a.term::<A>(load(a.add(n * LANES), LANES));
                values[n] = self.sum(A || B, first, self.b.term::<B>(load(b.add(n * LANES), LANES)));
                n += 1;
            }
            self.bounds.bytes(values)
        }
    }

    /// # Safety
    /// AVX-512; `b` has four times as many values as `a`.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    unsafe fn add_upsampled<const A: bool, const B: bool>(
        &self,
        [_, w, c]: [usize; 3],
        a: &[i8],
        b: &mut [i8],
    ) {
        for (row, pair) in a.chunks_exact(w * c).zip(b.chunks_exact_mut(4 * w * c)) {
            for (x, place) in row.chunks_exact(c).enumerate() {
                // SAFETY: two places in each of two lines of `2 · w · c` values.
                unsafe {
                    let at = pair.as_mut_ptr().add(2 * x * c);
                    let below = at.add(2 * w * c);
                    self.add_four::<A, B>(place, [at, at.add(c), below, below.add(c)]);
                }
            }
        }
    }

    /// `b = a + b` for each of `b`'s places, which have as many values as `a`: a term of `a` serves all of them.
    ///
    /// # Safety
    /// AVX-512; the places can be read and written.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    unsafe fn add_four<const A: bool, const B: bool>(&self, a: &[i8], b: [*mut i8; 4]) {
        for at in (0..a.len()).step_by(LANES) {
            // SAFETY: as promised. What is constant is compiled without questions.
            unsafe {
                let (from, to) = (a.as_ptr().add(at), b.map(|to| to.wrapping_add(at)));
                match a.len() - at {
                    LANES.. => self.four::<A, B, LANES>(from, to, LANES),
                    HALF => self.four::<A, B, HALF>(from, to, HALF),
                    count => self.four::<A, B, 0>(from, to, count),
                }
            }
        }
    }

    /// # Safety
    /// As [`Self::add_four`], for `count` values.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    unsafe fn four<const A: bool, const B: bool, const COUNT: usize>(
        &self,
        a: *const i8,
        b: [*mut i8; 4],
        count: usize,
    ) {
        let count = if COUNT == 0 { count } else { COUNT };
        // SAFETY: as promised.
        unsafe {
            let first = self.a.term::<A>(load(a, count));
            let bytes = quarters(self.bounds.bytes([
                self.sum(A || B, first, self.b.term::<B>(load(b[0], count))),
                self.sum(A || B, first, self.b.term::<B>(load(b[1], count))),
                self.sum(A || B, first, self.b.term::<B>(load(b[2], count))),
                self.sum(A || B, first, self.b.term::<B>(load(b[3], count))),
            ]));
            let mut n = 0;
            while n < 4 {
                store(bytes[n], b[n], count);
                n += 1;
            }
        }
    }
}

pub(in crate::kernels) fn add_in_place(sum: &Sum, a: &[i8], b: &mut [i8]) -> bool {
    add!(sum, add_plain(a, b))
}

pub(in crate::kernels) fn add_upsampled_in_place(
    sum: &Sum,
    shape: [usize; 3],
    a: &[i8],
    b: &mut [i8],
) -> bool {
    add!(sum, add_upsampled(shape, a, b))
}
