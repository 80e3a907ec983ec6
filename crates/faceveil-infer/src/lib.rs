//! Face detectors, and the engines that run their networks. The small engine ([`network`]) is for YuNet and CenterFace
//! on the CPU: 32-bit floats, only the operations that these networks use, pictures of any size, no memory allocated
//! from picture to picture; a network with another operation is refused with its name. Other families and users'
//! own files run on a general one ([`mod@engine`]).
#![deny(unsafe_code)]

pub mod detectors;
pub mod engine;
pub mod gate;
pub mod heads;
pub mod kernels;
pub mod network;
pub mod onnx;
pub mod search;
pub mod single;
mod suspects;
pub mod view;
pub mod weights;
