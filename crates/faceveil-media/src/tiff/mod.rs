//! TIFF in and out, with all its pages.

mod decode;
mod directory;
mod encode;

pub(crate) use decode::decode;
pub(crate) use directory::pieces;
pub(crate) use encode::encode;
