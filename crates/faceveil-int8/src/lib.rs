//! Small networks in 8-bit integers, for microcontrollers and for comparing with them: `no_std`, no allocation, no
//! panic, and on every processor the same bits.
//!
//! Nothing here knows pictures, faces or training: integers in, integers out.
#![cfg_attr(not(test), no_std)]
#![deny(unsafe_code)]

#[cfg(all(feature = "std", not(test)))]
extern crate std;

pub mod kernels;
