//! GIF in and out: every frame as it is shown.

mod decode;
mod encode;
mod palette;
mod walk;

pub(crate) use decode::decode;
pub(crate) use encode::encode;
pub(crate) use walk::walk;
