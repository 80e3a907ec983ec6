//! The vector instructions of x86-64. The one module with `unsafe`: intrinsics that read and write memory, and
//! the calls into functions that need the instructions. [`Avx2`] and [`Avx512`] can only be had where the
//! processor has them. Floats are computed with AVX2 and FMA on both: wider registers gain nothing there.
#![allow(unsafe_code)]
// A closure that is not inlined is compiled without the vector instructions of the function around it.
#![allow(clippy::manual_map, clippy::needless_range_loop)]

mod avx2;
mod avx512;

pub use avx512::Avx512;

use std::arch::x86_64::{
    __m256, _mm256_add_ps, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_max_ps, _mm256_set1_ps, _mm256_storeu_ps,
};

use super::lanes::Lanes;
use super::{DepthRows, DepthWeights, PointWeights, body};

/// Proof that this processor has AVX2 and FMA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Avx2(());

impl Avx2 {
    /// `None` where the processor lacks either.
    pub fn detect() -> Option<Self> {
        (std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("fma")).then_some(Self(()))
    }

    pub(super) fn point(self, x: &[f32], weights: &PointWeights, residual: Option<&[f32]>, out: &mut [f32]) {
        // SAFETY: `self` exists only where AVX2 and FMA do.
        unsafe { point(x, weights, residual, out) }
    }

    pub(super) fn full_row(self, rows: DepthRows<'_>, weights: &PointWeights, out: &mut [f32]) {
        // SAFETY: `self` exists only where AVX2 and FMA do.
        unsafe { full_row(rows, weights, out) }
    }

    pub(super) fn depth_row(self, rows: DepthRows<'_>, weights: &DepthWeights, out: &mut [f32]) {
        // SAFETY: `self` exists only where AVX2 and FMA do.
        unsafe { depth_row(rows, weights, out) }
    }
}

#[target_feature(enable = "avx2,fma")]
fn point(x: &[f32], weights: &PointWeights, residual: Option<&[f32]>, out: &mut [f32]) {
    body::point::<Eight>(x, weights, residual, out);
}

#[target_feature(enable = "avx2,fma")]
fn full_row(rows: DepthRows<'_>, weights: &PointWeights, out: &mut [f32]) {
    body::full_row::<Eight>(rows, weights, out);
}

#[target_feature(enable = "avx2,fma")]
fn depth_row(rows: DepthRows<'_>, weights: &DepthWeights, out: &mut [f32]) {
    body::depth_row::<Eight>(rows, weights, out);
}

/// Private, so that nothing outside the three functions above can compute with it.
#[derive(Clone, Copy)]
struct Eight(__m256);

impl Lanes for Eight {
    #[inline(always)]
    fn splat(value: f32) -> Self {
        // SAFETY: only reached from functions compiled for AVX2 and FMA; the same holds below.
        unsafe { Self(_mm256_set1_ps(value)) }
    }

    #[inline(always)]
    fn load(from: &[f32; 8]) -> Self {
        // SAFETY: as above, and the array holds the 32 bytes that are read; no alignment is needed.
        unsafe { Self(_mm256_loadu_ps(from.as_ptr())) }
    }

    #[inline(always)]
    fn store(self, to: &mut [f32; 8]) {
        // SAFETY: as above, and the array holds the 32 bytes that are written.
        unsafe { _mm256_storeu_ps(to.as_mut_ptr(), self.0) }
    }

    #[inline(always)]
    fn add_product(self, a: Self, b: Self) -> Self {
        // SAFETY: as in `splat`.
        unsafe { Self(_mm256_fmadd_ps(a.0, b.0, self.0)) }
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: as in `splat`.
        unsafe { Self(_mm256_add_ps(self.0, other.0)) }
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        // SAFETY: as in `splat`.
        unsafe { Self(_mm256_max_ps(self.0, other.0)) }
    }
}
