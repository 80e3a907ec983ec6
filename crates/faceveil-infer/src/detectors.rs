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
use crate::network::{ImportError, Input, Observer};
#[cfg(any(feature = "yunet", feature = "centerface"))]
use crate::network::{Network, Precision};

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

/// Writes the view at the top left of `[height, width, 3]`, black elsewhere; `order` says which sample of a
/// pixel becomes which channel.
fn fill_input(view: RgbView<'_>, width: usize, order: [usize; 3], to: Input<'_>) {
    match to {
        Input::Float(to) => fill(view, width, order, to),
        Input::Int8(to) => fill(view, width, order, to),
    }
}

fn fill<V: Copy + From<u8>>(view: RgbView<'_>, width: usize, order: [usize; 3], to: &mut [V]) {
    let row_len = view.width() as usize * 3;
    let mut rows = to.chunks_exact_mut(width * 3);
    for (from, to) in view.pixels().chunks_exact(row_len).zip(&mut rows) {
        let (used, rest) = to.split_at_mut(row_len);
        for (to, from) in used.as_chunks_mut::<3>().0.iter_mut().zip(from.as_chunks::<3>().0) {
            *to = order.map(|i| V::from(from[i]));
        }
        rest.fill(V::from(0));
    }
    rows.for_each(|row| row.fill(V::from(0)));
}

/// A bundled network in either precision.
#[cfg(any(feature = "yunet", feature = "centerface"))]
fn load_network(
    model: &crate::weights::ModelInfo,
    ranges: &str,
    isa: Isa,
    precision: Precision,
) -> Result<Network, ImportError> {
    match precision {
        Precision::Float => Network::from_onnx(model.bytes, 3, isa),
        Precision::Int8 => Network::from_onnx_int8(model.bytes, ranges, 3, isa),
    }
}

/// Watches a bundled network's values on a picture, for its ranges file; the order is that of the detector's colours.
///
/// # Errors
/// [`DetectError`] if the picture is too large.
pub fn observe(observer: &mut Observer, view: RgbView<'_>, order: [usize; 3]) -> Result<(), DetectError> {
    let (width, height) = padded_size(view)?;
    observer.observe(height, width, |to| fill_input(view, width, order, to));
    Ok(())
}
