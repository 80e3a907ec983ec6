//! Why a redaction did not happen.

use super::noise::NoiseError;

/// A region, a style or the noise cannot be used. The picture must not be published: some of its
/// regions may not be hidden.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RedactError {
    /// A region is not a place in any picture: a coordinate is not finite or beyond ±2^31 px, edges
    /// are crossed, a length is negative, or there is no shape at all.
    #[error("region {index}: {what} is {value}")]
    Region {
        /// Which of the regions, counted from 0.
        index: usize,
        /// What cannot be used.
        what: &'static str,
        /// Its value.
        value: f32,
    },
    /// A relative sigma outside `0.125..=1.0`.
    #[error("blur sigma is {share} of the frame, must be 0.125 to 1")]
    Strength {
        /// Share of the frame's shorter side that was asked for.
        share: f32,
    },
    /// A mosaic with no cells, or with so many that it shows the face.
    #[error("mosaic has {cells} cells across the frame, must be 1 to {max}")]
    Cells {
        /// Cells along the frame's shorter side that were asked for.
        cells: u8,
        /// The most that are allowed.
        max: u8,
    },
    /// The overlay's bytes do not fit its size.
    #[error("overlay of {width}×{height} pixels needs {need} bytes, got {got}")]
    Overlay {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// Bytes needed; `u64::MAX` if the product overflows or a side is 0.
        need: u64,
        /// Bytes given.
        got: u64,
    },
    /// No noise for a veil.
    #[error(transparent)]
    Noise(#[from] NoiseError),
}
