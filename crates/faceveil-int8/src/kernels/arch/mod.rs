//! The one place with unsafe code: kernels in assembly or with a processor's vector instructions. Each gives the same
//! bits as [`super::portable`], or says `false` and has done nothing: the caller then takes the portable one. Callers
//! have checked all lengths against the shape.
//!
//! A fast form may assume [`is_plain`], under which no step overflows 32 bits, so that the order of sums and the way of
//! rounding make no difference.
#![allow(unsafe_code)]

use super::requant::{Layer, Requant};
use super::sum::{Sum, Term};

#[cfg(all(target_arch = "x86_64", any(feature = "std", test)))]
mod avx2;
#[cfg(all(target_arch = "x86_64", any(feature = "std", test)))]
mod avx512;
#[cfg(all(target_arch = "arm", feature = "dsp", not(feature = "mve")))]
mod dsp;
#[cfg(all(target_arch = "arm", feature = "mve"))]
mod mve;
#[cfg(not(any(
    all(target_arch = "x86_64", any(feature = "std", test)),
    all(target_arch = "arm", any(feature = "dsp", feature = "mve"))
)))]
mod none;
#[cfg(all(target_arch = "x86_64", any(feature = "std", test)))]
mod rows;
#[cfg(all(not(target_arch = "x86_64"), any(feature = "std", test)))]
mod unpacked;
#[cfg(all(target_arch = "x86_64", any(feature = "std", test)))]
mod x86;

#[cfg(all(target_arch = "arm", feature = "dsp", not(feature = "mve")))]
pub(super) use dsp::*;
#[cfg(all(target_arch = "arm", feature = "mve"))]
pub(super) use mve::*;
#[cfg(not(any(
    all(target_arch = "x86_64", any(feature = "std", test)),
    all(target_arch = "arm", any(feature = "dsp", feature = "mve"))
)))]
pub(super) use none::*;
#[cfg(all(not(target_arch = "x86_64"), any(feature = "std", test)))]
pub(super) use unpacked::*;
#[cfg(all(target_arch = "x86_64", any(feature = "std", test)))]
pub(super) use x86::*;

/// Whether twice any sum of `depth` products fits 32 bits, and every shift lies in `0..=22`, so that roundings with the
/// zero point fit too.
#[allow(dead_code, reason = "not all processors have fast kernels")]
fn is_plain(layer: &Layer<'_>, depth: usize) -> bool {
    let Some(room) = depth.checked_mul(1 << 14).and_then(|most| (1usize << 30).checked_sub(most)) else {
        return false;
    };
    let fits = |(bias, multiplier, shift): (i32, i32, i8)| {
        (bias.unsigned_abs() as usize) < room && multiplier >= 0 && (0..=22).contains(&shift)
    };
    layer.channels().all(fits)
}

/// Whether no step of a sum overflows 32 bits. A term that is shifted further than this is next to nothing.
#[allow(dead_code, reason = "not all processors have fast kernels")]
fn is_plain_sum(sum: &Sum) -> bool {
    let small = |term: &Term| term.multiplier >= 0 && (0..=19).contains(&term.shift);
    (1..=22).contains(&sum.shift) && sum.multiplier >= 0 && small(&sum.a) && small(&sum.b)
}

/// Keeps values that were only saturated within the activation's bounds.
#[allow(dead_code, reason = "not all processors have fast kernels")]
fn clamp(out: &mut [i8], requant: &Requant<'_>) {
    if requant.min > i8::MIN || requant.max < i8::MAX {
        for value in out {
            *value = (*value).max(requant.min).min(requant.max);
        }
    }
}
