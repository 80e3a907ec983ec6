//! Engines that run a whole network from an ONNX file: the general one inside the program, and ONNX Runtime where
//! the user has it. The engine of [`crate::network`] is faster where it fits, and is not among them: it knows only
//! the operations of YuNet and CenterFace.

#[cfg(feature = "general")]
mod general;
#[cfg(feature = "ort")]
mod runtime;
pub mod sizes;

use std::fmt;

use sizes::SizeError;

use crate::onnx::OnnxError;

/// What an engine made: a shape, and that many values.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Values {
    /// Sizes, outermost first.
    pub shape: Vec<usize>,
    /// The values.
    pub data: Vec<f32>,
}

/// A network ready to run.
pub trait Engine: fmt::Debug + Send {
    /// Runs the network on one picture of this shape; its outputs in the order of the file.
    ///
    /// # Errors
    /// [`EngineError`] if the engine refuses.
    fn run(&mut self, shape: [usize; 4], picture: &[f32]) -> Result<Vec<Values>, EngineError>;
}

/// Which engine runs a network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum EngineChoice {
    /// The one inside the program.
    #[default]
    Inside,
    /// ONNX Runtime from a library of the user's.
    Ort(OrtLibrary),
}

/// Where ONNX Runtime is, and on what it is to run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OrtLibrary {
    /// The library's file.
    pub path: std::path::PathBuf,
    /// The execution provider; `None` is the CPU.
    pub provider: Option<OrtProvider>,
}

/// Execution providers of ONNX Runtime; the user's library must have the one that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OrtProvider {
    /// NVIDIA's CUDA.
    Cuda,
    /// NVIDIA's TensorRT.
    TensorRt,
    /// Microsoft's DirectML.
    DirectMl,
    /// Apple's Core ML.
    CoreMl,
    /// Intel's OpenVINO.
    OpenVino,
    /// AMD's ROCm.
    Rocm,
    /// AMD's MIGraphX.
    MigraphX,
}

impl fmt::Display for OrtProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cuda => "cuda",
            Self::TensorRt => "tensorrt",
            Self::DirectMl => "directml",
            Self::CoreMl => "coreml",
            Self::OpenVino => "openvino",
            Self::Rocm => "rocm",
            Self::MigraphX => "migraphx",
        })
    }
}

/// Why a network cannot be run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// Not a readable ONNX file.
    #[error(transparent)]
    Onnx(#[from] OnnxError),
    /// It would not run within the limits.
    #[error(transparent)]
    Sizes(#[from] SizeError),
    /// The engine does not take the file.
    #[error("the {engine} engine does not take the model: {problem}")]
    Load {
        /// Name of the engine.
        engine: &'static str,
        /// What it says.
        problem: String,
    },
    /// The engine stopped in the middle.
    #[error("the {engine} engine stopped: {problem}")]
    Run {
        /// Name of the engine.
        engine: &'static str,
        /// What it says.
        problem: String,
    },
    /// ONNX Runtime is not there, or is not what it must be.
    #[error("ONNX Runtime at {path}: {problem}")]
    Library {
        /// Where it was looked for.
        path: String,
        /// What is wrong.
        problem: String,
    },
    /// ONNX Runtime is there, without the provider that was asked for.
    #[error("ONNX Runtime at {path} cannot use the provider {provider}: {problem}")]
    Provider {
        /// Where it is.
        path: String,
        /// The provider.
        provider: OrtProvider,
        /// What it says.
        problem: String,
    },
    /// This build has no such engine.
    #[error("this build leaves the {0} engine out")]
    LeftOut(&'static str),
}

/// Prepares a network whose sizes have been checked; `input` is the name of its picture input.
///
/// # Errors
/// [`EngineError`] if the engine does not take it.
pub fn load(choice: &EngineChoice, model: &[u8], input: &str) -> Result<Box<dyn Engine>, EngineError> {
    match choice {
        #[cfg(feature = "general")]
        EngineChoice::Inside => Ok(Box::new(general::General::load(model, input)?)),
        #[cfg(not(feature = "general"))]
        EngineChoice::Inside => {
            let _ = (model, input);
            Err(EngineError::LeftOut("general"))
        }
        #[cfg(feature = "ort")]
        EngineChoice::Ort(library) => Ok(Box::new(runtime::Runtime::load(library, model)?)),
        #[cfg(not(feature = "ort"))]
        EngineChoice::Ort(_) => Err(EngineError::LeftOut("ort")),
    }
}

/// What a panic said.
#[cfg(any(feature = "general", feature = "ort"))]
fn panic_words(payload: &(dyn std::any::Any + Send)) -> String {
    let words = payload.downcast_ref::<String>().map(String::as_str);
    words.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("a panic").to_owned()
}
