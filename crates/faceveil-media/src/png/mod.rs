//! PNG in and out.

mod animate;
mod decode;
mod encode;

pub(crate) use animate::encode as encode_animation;
pub(crate) use decode::decode;
pub(crate) use encode::encode;
