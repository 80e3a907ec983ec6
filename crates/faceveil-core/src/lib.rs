//! The part of faceveil that is only arithmetic: faces as boxes, the policy that turns them into
//! regions, the redaction of regions in a picture, and the tracks of faces through a video. No input or
//! output, no inference engine, no randomness of its own; `no_std` with `alloc`.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod face;
pub mod fusion;
pub mod geom;
pub mod letterbox;
pub mod look;
pub mod nms;
pub mod policy;
pub mod raster;
pub mod redact;
pub mod track;
pub mod zone;
