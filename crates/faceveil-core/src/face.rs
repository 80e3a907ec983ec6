//! A detected face, and the trait of everything that detects faces.

use alloc::vec::Vec;

use crate::geom::{Point, RectF};
use crate::raster::RgbView;

/// Five landmarks: the eye on the picture's left, the other eye, nose tip, the mouth corner on the
/// picture's left, the other corner (for an upright face).
pub type Landmarks = [Point; 5];

/// A face that a detector found, in pixels of the picture it looked at.
#[derive(Clone, Debug, PartialEq)]
pub struct Face {
    /// The detector's box; it may reach outside the picture.
    pub rect: RectF,
    /// The detector's confidence, `0.0..=1.0`. Scores of different detectors do not compare.
    pub score: f32,
    /// Eyes, nose, mouth corners.
    pub landmarks: Option<Landmarks>,
    /// Boxes of other opinions on the same face.
    pub also: Vec<RectF>,
}

/// Finds faces in 8-bit RGB pictures of any size.
pub trait Detector {
    /// Why a picture could not be searched.
    type Error;

    /// The faces in `image` that score at least `min_score` (`0.0..=1.0`), best first, each once.
    ///
    /// # Errors
    /// An error means that the picture has not been searched: it must not be published.
    fn detect(&mut self, image: RgbView<'_>, min_score: f32) -> Result<Vec<Face>, Self::Error>;
}
