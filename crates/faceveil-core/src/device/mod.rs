//! Hiding on the device itself, in place on the camera's frame: no memory of its own, whole numbers alone, so that a
//! microcontroller and a PC give the same bits.
//!
//! A gate network's mask is interpolated to one value a pixel, thresholded, and grown ([`Hidden`]); where it holds, the
//! [`Veil`] is switched in. Inside the opacity is 1: not a bit of a hidden pixel stays.
//!
//! # What can remain
//! The veil knows the frame by 16 mean lumas and two mean chromas of what is hidden, each with uniform noise and
//! rounded to few levels, with the constants of [the PC's veil](crate): at most 53 bits a drawing. A veil may be painted
//! into many frames: they then tell no more than the one that it was drawn from.

mod frame;
mod grid;
mod hidden;
mod spread;
#[cfg(test)]
mod tests;
mod veil;

pub use frame::{CameraFrame, FrameError, PixelLayout};
pub use hidden::{GridMask, Hidden, HiddenError, Rule};
pub use veil::{NOISE_WORDS, Veil};
