//! Cortex-M4 and M7: two products of 16 bits an instruction. The assembly lies in `dsp.s`.
//!
//! Convolutions over channels unpack a tile of places to 16 bits once, doubled so that the rounding multiplication
//! (SMMLAR) is the first of the two roundings, and let every output channel's weights run over it. Depthwise ones
//! unpack three rows of four channels into planes, where neighbours in a row lie in one word.

use core::arch::global_asm;

use super::{clamp, is_plain};
use crate::kernels::requant::Layer;

mod depth;
mod point;
mod sum;

pub(in crate::kernels) use depth::{depthwise, depthwise_in_place};
pub(in crate::kernels) use point::{conv, first_layer, pointwise};
pub(in crate::kernels) use sum::{add_in_place, add_upsampled_in_place};

global_asm!(include_str!("dsp.s"), options(raw));

pub(in crate::kernels) fn name() -> &'static str {
    "DSP"
}

/// Scratch as words: up to three bytes in front are left out.
fn words(scratch: &mut [i8]) -> &mut [u32] {
    // SAFETY: any bits are a word.
    unsafe { scratch.align_to_mut::<u32>().1 }
}

/// Twice the bias, multiplier, twice the rounding with the zero point, and shift.
fn entry(layer: &Layer<'_>, (bias, multiplier, shift): (i32, i32, i8)) -> [i32; 4] {
    let rounding = (2 * i32::from(layer.requant.out_zero) + 1) << shift;
    [2 * bias, multiplier, rounding, shift.into()]
}
