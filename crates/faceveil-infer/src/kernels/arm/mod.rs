//! The vector instructions of 64-bit ARM. Beside `x86` the only module with `unsafe`, for the same reasons. [`Neon`]
//! and [`NeonDot`] can only be had where the processor has them.
#![allow(unsafe_code)]
// A closure that is not inlined is compiled without the vector instructions of the function around it.
#![allow(clippy::manual_map, clippy::needless_range_loop)]

mod int8;

use std::arch::aarch64::{float32x4_t, vaddq_f32, vdupq_n_f32, vfmaq_f32, vld1q_f32, vmaxq_f32, vst1q_f32};

use super::lanes::Lanes;
use super::{DepthRows, DepthWeights, PointWeights, body};

/// Proof that this processor has NEON, as nearly all have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Neon(());

impl Neon {
    /// `None` where the processor lacks it.
    pub fn detect() -> Option<Self> {
        std::arch::is_aarch64_feature_detected!("neon").then_some(Self(()))
    }

    pub(super) fn point(self, x: &[f32], weights: &PointWeights, residual: Option<&[f32]>, out: &mut [f32]) {
        // SAFETY: `self` exists only where NEON does.
        unsafe { point(x, weights, residual, out) }
    }

    pub(super) fn full_row(self, rows: DepthRows<'_>, weights: &PointWeights, out: &mut [f32]) {
        // SAFETY: `self` exists only where NEON does.
        unsafe { full_row(rows, weights, out) }
    }

    pub(super) fn depth_row(self, rows: DepthRows<'_>, weights: &DepthWeights, out: &mut [f32]) {
        // SAFETY: `self` exists only where NEON does.
        unsafe { depth_row(rows, weights, out) }
    }
}

/// Proof that this processor has NEON and the dot product of bytes (all of ARMv8.4, most since 2018).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NeonDot(Neon);

impl NeonDot {
    /// `None` where the processor lacks either.
    pub fn detect() -> Option<Self> {
        let neon = Neon::detect()?;
        std::arch::is_aarch64_feature_detected!("dotprod").then_some(Self(neon))
    }

    /// What it has, too.
    pub fn neon(self) -> Neon {
        self.0
    }
}

#[target_feature(enable = "neon")]
fn point(x: &[f32], weights: &PointWeights, residual: Option<&[f32]>, out: &mut [f32]) {
    body::point::<Eight>(x, weights, residual, out);
}

#[target_feature(enable = "neon")]
fn full_row(rows: DepthRows<'_>, weights: &PointWeights, out: &mut [f32]) {
    body::full_row::<Eight>(rows, weights, out);
}

#[target_feature(enable = "neon")]
fn depth_row(rows: DepthRows<'_>, weights: &DepthWeights, out: &mut [f32]) {
    body::depth_row::<Eight>(rows, weights, out);
}

/// Private, so that nothing outside the three functions above can compute with it.
#[derive(Clone, Copy)]
struct Eight([float32x4_t; 2]);

impl Lanes for Eight {
    #[inline(always)]
    fn splat(value: f32) -> Self {
        // SAFETY: only reached from functions compiled for NEON; the same holds below.
        unsafe { Self([vdupq_n_f32(value); 2]) }
    }

    #[inline(always)]
    fn load(from: &[f32; 8]) -> Self {
        let [low, high] = halves(from);
        // SAFETY: as above, and each array holds the 16 bytes that are read.
        unsafe { Self([vld1q_f32(low.as_ptr()), vld1q_f32(high.as_ptr())]) }
    }

    #[inline(always)]
    fn store(self, to: &mut [f32; 8]) {
        let (low, high) = to.split_at_mut(4);
        // SAFETY: as above, and each half holds the 16 bytes that are written.
        unsafe {
            vst1q_f32(low.as_mut_ptr(), self.0[0]);
            vst1q_f32(high.as_mut_ptr(), self.0[1]);
        }
    }

    #[inline(always)]
    fn add_product(self, a: Self, b: Self) -> Self {
        // SAFETY: as in `splat`.
        unsafe { Self([vfmaq_f32(self.0[0], a.0[0], b.0[0]), vfmaq_f32(self.0[1], a.0[1], b.0[1])]) }
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: as in `splat`.
        unsafe { Self([vaddq_f32(self.0[0], other.0[0]), vaddq_f32(self.0[1], other.0[1])]) }
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        // SAFETY: as in `splat`.
        unsafe { Self([vmaxq_f32(self.0[0], other.0[0]), vmaxq_f32(self.0[1], other.0[1])]) }
    }
}

#[inline(always)]
fn halves(from: &[f32; 8]) -> [&[f32; 4]; 2] {
    [from.first_chunk().expect("8 values"), from.last_chunk().expect("8 values")]
}
