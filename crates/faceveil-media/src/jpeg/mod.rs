//! JPEG in and out.

mod bit_writer;
mod block;
mod coefficients;
mod decode;
mod encode;
mod entropy;
mod fresh;
mod header;
mod huffman;
mod model;
mod original;
mod progressive;
mod segments;
mod sequential;
mod touched;
mod turn;
mod units;

pub(crate) use decode::decode;
pub(crate) use encode::encode;
pub(crate) use original::Original;
