//! Convolutional networks: read from ONNX (`import`), fused into few steps (`plan`), run on a picture
//! of any size (`run`) in floats or in 8-bit integers (`arithmetic`), whose ranges are measured (`observe`)
//! and kept in a file (`ranges`).

mod arithmetic;
mod chain;
pub(crate) mod import;
mod observe;
pub(crate) mod plan;
mod ranges;
pub(crate) mod run;

pub use import::{ColorOrder, ImportError};
pub use observe::Observer;
pub use ranges::RangesError;
pub use run::{InputRow, Memory, Network, Output, Precision};
