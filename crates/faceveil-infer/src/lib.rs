//! Face detectors, and the small engine that runs their networks on the CPU: 32-bit floats, only the
//! operations that these networks use, pictures of any size, no memory allocated from picture to picture.
//! Not a general ONNX runtime: a network with another operation is refused with its name.
#![deny(unsafe_code)]

pub mod detectors;
pub mod kernels;
pub mod network;
pub mod onnx;
pub mod search;
pub mod view;
pub mod weights;
