//! JPEG in and out.

mod bit_writer;
mod block;
mod coefficients;
mod decode;
mod encode;
mod entropy;
mod header;
mod huffman;
mod progressive;

pub(crate) use decode::decode;
pub(crate) use encode::encode;
