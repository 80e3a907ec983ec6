//! Searching a whole photo with one detector and a threshold of its own, rather than with a level's several opinions
//! (`search`). The views are the same: the photo shrunk, tiles at full size, turned where nothing stands upright.

use faceveil_core::face::Face;
use faceveil_core::geom::{Point, Rect};
use faceveil_core::nms;
use faceveil_core::raster::Raster;

use crate::detectors::{BoxedDetector, DetectError};
use crate::search::{SAME_BOX_IOU, VIEW_PIXELS, is_transparent, ratio, scaled};
use crate::view::{Backdrop, RgbImage, map_face};

/// Sides of a tile at most, pixels. Smaller than a level's: several detectors shrink whatever they see to their input.
const TILE: u32 = 704;
/// Pixels that neighbouring tiles share at least.
const OVERLAP: u32 = 160;

/// One detector and the score from which a face counts.
pub struct SingleSearch {
    detector: BoxedDetector,
    threshold: f32,
}

impl SingleSearch {
    /// Faces that score at least `threshold` (`0.0..=1.0`) count.
    pub fn new(detector: BoxedDetector, threshold: f32) -> Self {
        Self { detector, threshold }
    }

    /// Every face of the picture, most certain first; a picture with transparent parts is searched as
    /// [`crate::search::Search::faces`] does.
    ///
    /// # Errors
    /// [`DetectError`] if a part could not be searched: the picture must not be published.
    pub fn faces(&mut self, raster: &Raster) -> Result<Vec<Face>, DetectError> {
        let mut faces = self.faces_on(raster, Backdrop::None)?;
        if is_transparent(raster) {
            faces.extend(self.faces_on(raster, Backdrop::White)?);
        }
        Ok(nms::suppress(faces, SAME_BOX_IOU))
    }

    fn faces_on(&mut self, raster: &Raster, backdrop: Backdrop) -> Result<Vec<Face>, DetectError> {
        let (width, height) = (raster.width(), raster.height());
        let shrink = (VIEW_PIXELS / (f64::from(width) * f64::from(height))).sqrt().min(1.0) as f32;
        let whole = Rect { left: 0, top: 0, right: width as i32, bottom: height as i32 };
        let view = if shrink < 1.0 {
            RgbImage::shrunk(raster, scaled(width, shrink), scaled(height, shrink), backdrop)?
        } else {
            RgbImage::crop(raster, whole, backdrop)
        };
        let (sx, sy) = (ratio(width, view.view().width()), ratio(height, view.view().height()));
        let enlarge = |p: Point| Point { x: p.x * sx, y: p.y * sy };
        let mut all: Vec<Face> = self.turned_faces(&view)?.iter().map(|f| map_face(f, enlarge)).collect();
        if shrink < 1.0 {
            for tile in tiles(width, height) {
                let part = RgbImage::crop(raster, tile, backdrop);
                let (left, top) = (tile.left as f32, tile.top as f32);
                let place = |p: Point| Point { x: p.x + left, y: p.y + top };
                let faces = self.detector.detect(part.view(), self.threshold)?;
                all.extend(faces.iter().map(|f| map_face(f, place)));
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
        if faces.is_empty() {
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

/// Tiles that cover the picture, evenly spread.
fn tiles(width: u32, height: u32) -> impl Iterator<Item = Rect> {
    spans(height).flat_map(move |(top, bottom)| {
        spans(width).map(move |(left, right)| Rect { left, top, right, bottom })
    })
}

/// Starts and ends of the tiles along a side.
fn spans(side: u32) -> impl Iterator<Item = (i32, i32)> {
    let length = side.min(TILE);
    let steps = (side - length).div_ceil(TILE - OVERLAP);
    let start = move |i| u64::from(side - length) * u64::from(i) / u64::from(steps.max(1));
    (0..=steps).map(move |i| (start(i) as i32, start(i) as i32 + length as i32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_cover_every_pixel_and_overlap() {
        for side in [1, 703, 704, 705, 1248, 1249, 4000, 12_000] {
            let all: Vec<_> = spans(side).collect();
            assert_eq!((all[0].0, all[all.len() - 1].1), (0, side as i32), "{side}");
            for pair in all.windows(2) {
                assert!(pair[0].1 - pair[1].0 >= OVERLAP as i32, "{side}: {pair:?}");
            }
        }
    }
}
