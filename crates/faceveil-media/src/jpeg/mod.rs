//! JPEG in and out.

mod block;
mod coefficients;
mod decode;
mod encode;
mod entropy;
mod header;
mod huffman;

pub(crate) use decode::decode;
pub(crate) use encode::encode;
