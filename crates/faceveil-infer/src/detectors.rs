//! The detectors: how each network's outputs are read.

#[cfg(feature = "centerface")]
mod centerface;
mod named;
mod onnx;
#[cfg(any(feature = "yunet", feature = "yunet-s"))]
mod yunet;

#[cfg(feature = "centerface")]
pub use centerface::CenterFace;
pub use named::{BoxedDetector, DetectorName};
pub use onnx::{MAX_INPUT_SIDE, MAX_MODEL_BYTES, ModelError, ModelOptions, OnnxDetector};
#[cfg(any(feature = "yunet", feature = "yunet-s"))]
pub use yunet::YuNet;

use faceveil_core::raster::RgbView;

#[cfg(any(feature = "yunet", feature = "centerface"))]
use crate::kernels::Isa;
#[cfg(any(feature = "yunet", feature = "centerface"))]
use crate::network::{ColorOrder, Network, Precision};
use crate::network::{ImportError, InputRow, Observer};

/// Pixels that a detector looks at in one piece; more must be tiled or shrunk by the caller.
pub const MAX_VIEW_PIXELS: u64 = 16 << 20;

/// Why a detector could not be had, or could not search a picture.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DetectError {
    /// The network's file does not fit.
    #[error("{model}: {source}")]
    Model {
        /// Name of the model.
        model: &'static str,
        /// What is wrong.
        source: ImportError,
    },
    /// A model that a general engine runs does not fit, or stopped working.
    #[error("{model}: {problem}")]
    Onnx {
        /// Name of the model or of its file.
        model: String,
        /// What is wrong.
        problem: Box<ModelError>,
    },
    /// This build has no such detector.
    #[error("this build leaves the detector {0} out")]
    LeftOut(DetectorName),
    /// The view is too large to be searched in one piece.
    #[error("a view of {width}×{height} pixels is over the limit of {MAX_VIEW_PIXELS}")]
    TooLarge {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
    },
    /// The picture could not be resized for the detector.
    #[error("resizing {width}×{height} pixels for detection: {problem}")]
    Resize {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// What the resizer says.
        problem: String,
    },
}

/// The view's size padded to multiples of 32, which the networks need.
fn padded_size(view: RgbView<'_>) -> Result<(usize, usize), DetectError> {
    let (width, height) = (view.width(), view.height());
    if u64::from(width) * u64::from(height) > MAX_VIEW_PIXELS {
        return Err(DetectError::TooLarge { width, height });
    }
    Ok(((width as usize).div_ceil(32) * 32, (height as usize).div_ceil(32) * 32))
}

/// Writes row `y` of the view that is padded with black to the right and below.
fn fill_row(view: RgbView<'_>, y: usize, to: InputRow<'_>) {
    let from = view.pixels().chunks_exact(view.width() as usize * 3).nth(y).unwrap_or_default();
    match to {
        InputRow::Float(to) => {
            let (used, rest) = to.split_at_mut(from.len());
            for (to, from) in used.iter_mut().zip(from) {
                *to = f32::from(*from);
            }
            rest.fill(0.0);
        }
        InputRow::Int8(to) => {
            let (used, rest) = to.split_at_mut(from.len());
            used.copy_from_slice(from);
            rest.fill(0);
        }
    }
}

/// A bundled network in either precision.
#[cfg(any(feature = "yunet", feature = "centerface"))]
fn load_network(
    model: &crate::weights::ModelInfo,
    ranges: &str,
    order: ColorOrder,
    isa: Isa,
    precision: Precision,
) -> Result<Network, ImportError> {
    match precision {
        Precision::Float => Network::from_onnx(model.bytes, order, isa),
        Precision::Int8 => Network::from_onnx_int8(model.bytes, ranges, order, isa),
    }
}

/// Watches a bundled network's values on a picture, for its ranges file.
///
/// # Errors
/// [`DetectError`] if the picture is too large.
pub fn observe(observer: &mut Observer, view: RgbView<'_>) -> Result<(), DetectError> {
    let (width, height) = padded_size(view)?;
    observer.observe(height, width, |y, to| fill_row(view, y, to));
    Ok(())
}
