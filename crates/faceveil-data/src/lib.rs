//! Ground truth for judging and training: readers of the common face annotations, and the fixed
//! split of the public pictures. Not for detections (those are
//! [`faceveil_core::face::Face`]), and it never decodes a picture except to rebuild the split.
#![forbid(unsafe_code)]

pub mod dataset;
pub mod import;
pub mod split;
pub mod truth;
