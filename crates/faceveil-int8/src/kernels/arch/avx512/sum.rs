//! Sums.
#![allow(unused_unsafe, reason = "newer compilers take intrinsics in such functions as safe")]
#![allow(clippy::incompatible_msrv, reason = "only on PCs, which have the workspace's compiler")]

use core::arch::x86_64::*;

use super::super::is_plain_sum;
use super::{Bounds, LANES, Scales, mask, present};
use crate::kernels::sum::Sum;

/// A sum's constants in registers.
struct Adder {
    zeros: [__m512i; 2],
    terms: [Scales; 2],
    scales: Scales,
    bounds: Bounds,
}

impl Adder {
    /// `None` if a step might overflow 32 bits.
    fn new(sum: &Sum) -> Option<Self> {
        // SAFETY: the processor was asked.
        (present() && is_plain_sum(sum)).then(|| unsafe { Self::load(sum) })
    }

    /// # Safety
    /// AVX-512.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    unsafe fn load(sum: &Sum) -> Self {
        // SAFETY: arithmetic alone.
        unsafe {
            let scales = |multiplier: i32, shift: i8| {
                Scales::new(_mm512_set1_epi32(multiplier), _mm512_set1_epi32(shift.into()))
            };
            Self {
                zeros: [_mm512_set1_epi32(sum.a.zero.into()), _mm512_set1_epi32(sum.b.zero.into())],
                terms: [scales(sum.a.multiplier, sum.a.shift), scales(sum.b.multiplier, sum.b.shift)],
                scales: scales(sum.multiplier, sum.shift),
                bounds: Bounds::new([sum.out_zero, sum.min, sum.max]),
            }
        }
    }

    /// # Safety
    /// AVX-512; `lanes` bytes can be read at `at`.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    unsafe fn term(&self, n: usize, at: *const i8, lanes: __mmask16) -> __m512i {
        // SAFETY: as promised.
        unsafe {
            let values = _mm512_cvtepi8_epi32(_mm_maskz_loadu_epi8(lanes, at));
            self.terms[n].scale(_mm512_slli_epi32(_mm512_sub_epi32(values, self.zeros[n]), 20))
        }
    }

    /// `b = a + b` for both of `b`'s lines, which have as many values as `a`: one term of `a` serves all of them.
    ///
    /// # Safety
    /// AVX-512.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    unsafe fn add<const N: usize>(&self, a: &[i8], b: [*mut i8; N]) {
        for at in (0..a.len()).step_by(LANES) {
            let lanes = mask(a.len(), at);
            // SAFETY: only lanes with values are read and written.
            unsafe {
                let first = self.term(0, a.as_ptr().add(at), lanes);
                let mut n = 0;
                while n < N {
                    let to = b[n].add(at);
                    let sums = _mm512_add_epi32(first, self.term(1, to, lanes));
                    self.bounds.store(&self.scales, sums, lanes, to);
                    n += 1;
                }
            }
        }
    }

    /// # Safety
    /// AVX-512; `b` has four times as many values as `a`.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    unsafe fn add_upsampled(&self, w: usize, c: usize, a: &[i8], b: &mut [i8]) {
        for (row, pair) in a.chunks_exact(w * c).zip(b.chunks_exact_mut(4 * w * c)) {
            for (x, place) in row.chunks_exact(c).enumerate() {
                // SAFETY: two places in each of two lines of `2 · w · c` values.
                unsafe {
                    let at = pair.as_mut_ptr().add(2 * x * c);
                    let below = at.add(2 * w * c);
                    self.add(place, [at, at.add(c), below, below.add(c)]);
                }
            }
        }
    }
}

pub(in crate::kernels) fn add_in_place(sum: &Sum, a: &[i8], b: &mut [i8]) -> bool {
    let Some(adder) = Adder::new(sum) else { return false };
    // SAFETY: the processor was asked; the caller has checked that both are as long.
    unsafe { adder.add(a, [b.as_mut_ptr()]) };
    true
}

pub(in crate::kernels) fn add_upsampled_in_place(
    sum: &Sum,
    [_, w, c]: [usize; 3],
    a: &[i8],
    b: &mut [i8],
) -> bool {
    let Some(adder) = Adder::new(sum) else { return false };
    // SAFETY: the processor was asked.
    unsafe { adder.add_upsampled(w, c, a, b) };
    true
}
