//! The part of faceveil that is only arithmetic: faces as boxes, the policy that turns them into
//! regions, the redaction of regions in a picture, and the tracks of faces through a video. No input or
//! output, no inference engine, no randomness of its own; `no_std` with `alloc`. Without the feature `alloc` only
//! [`device`] is left, for microcontrollers.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(feature = "alloc")]
extern crate alloc;

pub mod device;
#[cfg(feature = "alloc")]
pub mod face;
#[cfg(feature = "alloc")]
pub mod fusion;
#[cfg(feature = "alloc")]
pub mod geom;
#[cfg(feature = "alloc")]
pub mod letterbox;
#[cfg(feature = "alloc")]
pub mod look;
#[cfg(feature = "alloc")]
pub mod nms;
#[cfg(feature = "alloc")]
pub mod policy;
#[cfg(feature = "alloc")]
pub mod raster;
#[cfg(feature = "alloc")]
pub mod redact;
#[cfg(feature = "alloc")]
mod shrink;
#[cfg(feature = "alloc")]
pub mod track;
#[cfg(feature = "alloc")]
pub mod zone;
