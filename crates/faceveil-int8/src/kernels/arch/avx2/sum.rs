//! Sums.
#![allow(unused_unsafe, reason = "newer compilers take intrinsics in such functions as safe")]

use core::arch::x86_64::*;

use super::super::is_plain_sum;
use super::super::x86::add;
use super::{Bounds, LANES, PAIR, Scales, load, present, store};
use crate::kernels::sum::{Sum, Term};

/// One of the two of a sum, in registers.
#[derive(Clone, Copy)]
struct Operand {
    zero: __m256i,
    scales: Scales,
}

/// Whether a term is half its value, so that nothing is rounded: TFLite gives the larger scale this one.
fn is_half(term: &Term) -> bool {
    term.multiplier == 1 << 30 && term.shift == 0
}

impl Operand {
    /// # Safety
    /// AVX2.
    #[target_feature(enable = "avx2")]
    unsafe fn new(term: &Term) -> Self {
        // SAFETY: as promised.
        unsafe {
            let scales = Scales::new([term.multiplier; LANES], [term.shift.into(); LANES]);
            Self { zero: _mm256_set1_epi32(term.zero.into()), scales }
        }
    }

    /// The terms of sixteen values. `HALF` says that [`is_half`] is true.
    ///
    /// # Safety
    /// AVX2.
    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn terms<const HALF: bool>(&self, values: __m128i) -> [__m256i; 2] {
        // SAFETY: arithmetic alone.
        unsafe {
            let first = _mm256_sub_epi32(_mm256_cvtepi8_epi32(values), self.zero);
            let last = _mm256_sub_epi32(_mm256_cvtepi8_epi32(_mm_srli_si128(values, 8)), self.zero);
            if HALF {
                [_mm256_slli_epi32(first, 19), _mm256_slli_epi32(last, 19)]
            } else {
                // Doubled.
                let (first, last) = (_mm256_slli_epi32(first, 21), _mm256_slli_epi32(last, 21));
                [self.scales.scale(first), self.scales.scale(last)]
            }
        }
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
    /// AVX2.
    #[target_feature(enable = "avx2")]
    unsafe fn new(sum: &Sum) -> Self {
        // SAFETY: as promised.
        unsafe {
            let scales = Scales::new([sum.multiplier; LANES], [sum.shift.into(); LANES]);
            let bounds = Bounds::new([sum.out_zero, sum.min, sum.max]);
            Self { a: Operand::new(&sum.a), b: Operand::new(&sum.b), scales, bounds }
        }
    }

    /// `b = a + b` for each of `b`'s lines, which have as many values as `a`: one term of `a` serves all of them.
    ///
    /// # Safety
    /// AVX2; the lines can be read and written.
    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn add<const A: bool, const B: bool, const N: usize>(&self, a: &[i8], b: [*mut i8; N]) {
        let mut at = 0;
        while at < a.len() {
            let lanes = a.len() - at;
            // A line of 24, say, ends with one register.
            let lanes = if lanes < PAIR && lanes > LANES { LANES } else { lanes.min(PAIR) };
            // SAFETY: as promised.
            unsafe {
                let terms = self.a.terms::<A>(load(a.as_ptr().add(at), lanes));
                let mut n = 0;
                while n < N {
                    let to = b[n].add(at);
                    let others = self.b.terms::<B>(load(to, lanes));
                    let first = _mm256_add_epi32(terms[0], others[0]);
                    let last = _mm256_add_epi32(terms[1], others[1]);
                    let first = self.scales.scale(_mm256_add_epi32(first, first));
                    let last = self.scales.scale(_mm256_add_epi32(last, last));
                    store(self.bounds.sixteen(first, last), to, lanes);
                    n += 1;
                }
            }
            at += lanes;
        }
    }

    /// # Safety
    /// AVX2.
    #[target_feature(enable = "avx2")]
    unsafe fn add_plain<const A: bool, const B: bool>(&self, a: &[i8], b: &mut [i8]) {
        assert_eq!(a.len(), b.len());
        // SAFETY: as promised.
        unsafe { self.add::<A, B, 1>(a, [b.as_mut_ptr()]) };
    }

    /// # Safety
    /// AVX2.
    #[target_feature(enable = "avx2")]
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
                    self.add::<A, B, 4>(place, [at, at.add(c), below, below.add(c)]);
                }
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
