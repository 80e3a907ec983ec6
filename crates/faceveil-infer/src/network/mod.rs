//! Convolutional networks: read from ONNX (`import`), fused into few steps (`plan`), run on a picture
//! of any size (`run`).

mod chain;
pub(crate) mod import;
pub(crate) mod plan;
pub(crate) mod run;

pub use import::ImportError;
pub use run::{Memory, Network, Output};
