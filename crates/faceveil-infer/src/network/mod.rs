//! Convolutional networks: read from ONNX (`import`) to operations (`ops`), fused into few steps (`join`, `plan`), run
//! on a picture of any size (`run`) in floats or in 8-bit integers (`arithmetic`), whose ranges are measured
//! (`observe`) and kept in a file (`ranges`).

mod arithmetic;
mod chain;
pub(crate) mod import;
mod join;
mod observe;
mod ops;
pub(crate) mod plan;
mod ranges;
pub(crate) mod run;

pub use import::ImportError;
pub use observe::Observer;
pub use ops::ColorOrder;
pub use ranges::RangesError;
pub use run::{InputRow, Memory, Network, Output, Precision};
