//! Small networks in 8-bit integers, for microcontrollers and for comparing with them: `no_std`, no allocation, no
//! panic, and on every processor the same bits.
//!
//! Nothing here knows pictures, faces or training: integers in, integers out.
#![cfg_attr(not(test), no_std)]
#![deny(unsafe_code)]

#[cfg(target_endian = "big")]
compile_error!("networks are run where they lie, and their numbers are little-endian");

#[cfg(all(feature = "std", not(test)))]
extern crate std;

pub mod format;
pub mod kernels;
pub mod model;
#[cfg(any(feature = "std", test))]
mod prepared;
mod run;
mod step;

pub use kernels::{Frame, PixelFormat};
pub use model::{Aligned, Model, ModelError, Point, Tensor};
#[cfg(any(feature = "std", test))]
pub use prepared::Prepared;
pub use run::{Input, RunError};
