//! Sums.
#![allow(unused_unsafe, reason = "newer compilers take intrinsics in such functions as safe")]

use core::arch::x86_64::*;

use super::super::is_plain_sum;
use super::{LANES, Scales, load, narrow, present, store};
use crate::kernels::sum::{Sum, Term};

/// One of the two of a sum, in registers.
#[derive(Clone, Copy)]
struct Operand {
    zero: __m256i,
    scales: Scales,
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

    /// # Safety
    /// AVX2.
    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn scaled(&self, values: __m256i) -> __m256i {
        // SAFETY: arithmetic alone.
        unsafe { self.scales.scale(_mm256_slli_epi32(_mm256_sub_epi32(values, self.zero), 20)) }
    }
}

/// A sum's constants in registers.
#[derive(Clone, Copy)]
struct Adder {
    a: Operand,
    b: Operand,
    scales: Scales,
    bounds: [i8; 3],
}

impl Adder {
    /// `None` if a step might overflow 32 bits.
    fn new(sum: &Sum) -> Option<Self> {
        let bounds = [sum.out_zero, sum.min, sum.max];
        // SAFETY: the processor was asked.
        (present() && is_plain_sum(sum)).then(|| unsafe {
            let scales = Scales::new([sum.multiplier; LANES], [sum.shift.into(); LANES]);
            Self { a: Operand::new(&sum.a), b: Operand::new(&sum.b), scales, bounds }
        })
    }

    /// `b = a + b`.
    ///
    /// # Safety
    /// AVX2.
    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn add(&self, a: &[i8], b: &mut [i8]) {
        for at in (0..b.len()).step_by(LANES) {
            let end = (at + LANES).min(b.len());
            // SAFETY: as promised; reads and writes are those of slices.
            unsafe {
                let sum = _mm256_add_epi32(self.a.scaled(load(a, at)), self.b.scaled(load(b, at)));
                store(narrow(self.scales.scale(sum), self.bounds), &mut b[at..end]);
            }
        }
    }

    /// # Safety
    /// AVX2.
    #[target_feature(enable = "avx2")]
    unsafe fn add_upsampled(&self, w: usize, c: usize, a: &[i8], b: &mut [i8]) {
        for (row, pair) in a.chunks_exact(w * c).zip(b.chunks_exact_mut(4 * w * c)) {
            for line in pair.chunks_exact_mut(2 * w * c) {
                for (place, square) in row.chunks_exact(c).zip(line.chunks_exact_mut(2 * c)) {
                    for b in square.chunks_exact_mut(c) {
                        // SAFETY: as promised.
                        unsafe { self.add(place, b) };
                    }
                }
            }
        }
    }
}

pub(in crate::kernels) fn add_in_place(sum: &Sum, a: &[i8], b: &mut [i8]) -> bool {
    let Some(adder) = Adder::new(sum) else { return false };
    // SAFETY: the processor was asked.
    unsafe { adder.add(a, b) };
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
