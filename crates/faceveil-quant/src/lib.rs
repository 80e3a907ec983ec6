//! From a network in floats to the same in 8-bit integers: [`calibrate`] sees what range each value has on pictures,
//! [`mod@quantize`] chooses scales and rounds, [`mod@file`] writes what `faceveil-int8` runs, [`tflite`] what everybody else
//! does and reads that back, [`c99`] a C file that needs nothing.
//!
//! The arithmetic is that of TFLite's int8 specification; `docs/int8.md` says which roundings its reference kernels
//! have. Training with rounded values in the loop is the lab's; it takes [`scale`] from here.
#![forbid(unsafe_code)]

pub mod c99;
pub mod calibrate;
pub mod file;
pub mod float;
pub mod logistic;
pub mod network;
pub mod plan;
pub mod quantize;
pub mod ranges;
pub mod scale;
pub mod tflite;

pub use calibrate::{Calibration, Observed};
pub use float::FloatNet;
pub use network::{IntNet, NetworkError};
pub use quantize::quantize;
pub use ranges::Ranges;
pub use scale::Quant;
