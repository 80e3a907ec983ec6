//! Searching a whole photo with one detector and a threshold of its own, rather than with a level's several opinions
//! (`search`). The views are the same: the photo shrunk, tiles at full size, turned where nothing stands upright.

use faceveil_core::face::Face;
use faceveil_core::raster::Raster;

use crate::detectors::{BoxedDetector, DetectError};
use crate::search::{VIEW_PIXELS, Whole, moved, on_backdrops, tiles};
use crate::view::{Backdrop, RgbImage};

/// Sides of a tile at most, pixels. Smaller than a level's: several detectors shrink whatever they see to their input.
const TILE: u32 = 704;

/// One detector and the score from which a face counts.
pub struct SingleSearch {
    detector: BoxedDetector,
    threshold: f32,
    turned: bool,
}

impl SingleSearch {
    /// Faces that score at least `threshold` (`0.0..=1.0`) count.
    pub fn new(detector: BoxedDetector, threshold: f32) -> Self {
        Self { detector, threshold, turned: true }
    }

    /// Score from which a face counts.
    pub fn threshold(&self) -> f32 {
        self.threshold
    }

    /// Whether pictures in which nothing stands upright are searched turned, too.
    pub fn set_turned(&mut self, turned: bool) {
        self.turned = turned;
    }

    /// Every face of the picture, most certain first; a picture with transparent parts is searched as
    /// [`crate::search::Search::faces`] does.
    ///
    /// # Errors
    /// [`DetectError`] if a part could not be searched: the picture must not be published.
    pub fn faces(&mut self, raster: &Raster) -> Result<Vec<Face>, DetectError> {
        on_backdrops(raster, |backdrop| self.faces_on(raster, backdrop))
    }

    fn faces_on(&mut self, raster: &Raster, backdrop: Backdrop) -> Result<Vec<Face>, DetectError> {
        let whole = Whole::of(raster, backdrop, VIEW_PIXELS)?;
        let mut all = whole.enlarged(&self.turned_faces(&whole.view)?);
        if whole.shrink < 1.0 {
            for tile in tiles(raster.width(), raster.height(), TILE) {
                let part = RgbImage::crop(raster, tile, backdrop);
                let faces = self.detector.detect(part.view(), self.threshold)?;
                all.extend(faces.iter().map(|f| moved(f, tile)));
            }
        }
        Ok(all)
    }

    /// The faces of a view, which is searched turned as well if upright shows none. A turned view's faces count only
    /// if one of them is halfway from the threshold to certainty: photos lie on one side with all their faces, and
    /// three more searches would bring three times the false alarms.
    fn turned_faces(&mut self, view: &RgbImage) -> Result<Vec<Face>, DetectError> {
        let convincing = (1.0 + self.threshold) / 2.0;
        let mut faces = self.detector.detect(view.view(), self.threshold)?;
        if faces.is_empty() && self.turned {
            for quarters in 1..4 {
                let turned = self.detector.detect(view.turned(quarters).view(), self.threshold)?;
                if turned.iter().any(|f| f.score >= convincing) {
                    faces.extend(turned.iter().map(|f| view.turn_back(f, quarters)));
                }
            }
        }
        Ok(faces)
    }
}

impl std::fmt::Debug for SingleSearch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SingleSearch").field("threshold", &self.threshold).finish_non_exhaustive()
    }
}
