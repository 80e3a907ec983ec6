//! Searching a whole photo: which parts are shown to which detector at which size and turn, and how
//! their opinions are joined. The figures behind the numbers are in `docs/proof`.

use faceveil_core::face::{Detector, Face};
use faceveil_core::fusion::{join, joined_logit};
use faceveil_core::geom::{Point, Rect};
use faceveil_core::nms;
use faceveil_core::raster::{Raster, Samples};

#[cfg(feature = "centerface")]
use crate::detectors::CenterFace;
use crate::detectors::DetectError;
#[cfg(feature = "yunet")]
use crate::detectors::YuNet;
use crate::kernels::Isa;
use crate::view::{Backdrop, RgbImage, map_face};

/// A picture of more pixels is searched shrunk to about this many (for the large faces), and in tiles at
/// full size (for the small ones).
const VIEW_PIXELS: f64 = 1.6e6;
/// Sides of a tile, pixels.
const TILE: u32 = 1216;
/// Pixels that neighbouring tiles share: a face at a seam is whole in one of them unless it is larger,
/// and then the shrunk picture shows it.
const OVERLAP: u32 = 192;
/// Weakest opinions that the joining looks at.
const WEAKEST: f32 = 0.04;
/// Faces of different views that overlap more than this are the same. High: where boxes of two views
/// disagree, both are hidden.
const SAME_BOX_IOU: f32 = 0.65;

/// How to search.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SearchSettings {
    /// CenterFace looks at the view scaled by this (0 leaves it out).
    pub centerface_scale: f32,
    /// Least sum of the detectors' log-odds for a face.
    pub least_logit: f32,
    /// Where no face reaches this sum, the picture is searched turned by 90°, 180° and 270°, too.
    pub convincing_logit: f32,
    /// A turned picture's faces count only if one of them reaches this sum: photos lie on one side with
    /// all their faces, and three more searches would bring three times the false alarms.
    pub turned_logit: f32,
}

/// The detectors and what they need; one a thread.
#[derive(Clone, Debug)]
pub struct Search {
    #[cfg(feature = "yunet")]
    yunet: YuNet,
    #[cfg(feature = "centerface")]
    centerface: CenterFace,
    settings: SearchSettings,
}

impl Search {
    /// With the weights inside the binary and the fastest instructions of this processor.
    ///
    /// # Errors
    /// [`DetectError::Model`] if the weights are damaged.
    pub fn new(settings: SearchSettings) -> Result<Self, DetectError> {
        Self::with_isa(settings, Isa::detect())
    }

    /// As [`Self::new`], with the instructions of `isa`.
    ///
    /// # Errors
    /// [`DetectError::Model`] if the weights are damaged.
    pub fn with_isa(settings: SearchSettings, isa: Isa) -> Result<Self, DetectError> {
        Ok(Self {
            #[cfg(feature = "yunet")]
            yunet: YuNet::new(isa)?,
            #[cfg(feature = "centerface")]
            centerface: CenterFace::new(isa)?,
            settings,
        })
    }

    /// Every face of the picture, most certain first. A picture with transparent parts is searched as
    /// it would be shown on white, and once more for what lies hidden beneath.
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
        let mut faces = self.joined(&view, self.settings.least_logit)?;
        let reaches = |faces: &[Face], least| faces.iter().any(|f| joined_logit(f) >= least);
        if !reaches(&faces, self.settings.convincing_logit) {
            for quarters in 1..4 {
                let turned = self.joined(&view.turned(quarters), self.settings.least_logit)?;
                if reaches(&turned, self.settings.turned_logit) {
                    faces.extend(turned.iter().map(|f| view.turn_back(f, quarters)));
                }
            }
        }
        let (sx, sy) = (ratio(width, view.view().width()), ratio(height, view.view().height()));
        let mut all: Vec<Face> =
            faces.iter().map(|f| map_face(f, |p| Point { x: p.x * sx, y: p.y * sy })).collect();
        if shrink < 1.0 {
            for tile in tiles(width, height) {
                let faces =
                    self.joined(&RgbImage::crop(raster, tile, backdrop), self.settings.least_logit)?;
                let (left, top) = (tile.left as f32, tile.top as f32);
                all.extend(faces.iter().map(|f| map_face(f, |p| Point { x: p.x + left, y: p.y + top })));
            }
        }
        Ok(all)
    }

    /// Both detectors' opinions on one view, joined, in the view's coordinates.
    fn joined(&mut self, image: &RgbImage, least: f32) -> Result<Vec<Face>, DetectError> {
        let first = self.yunet_faces(image)?;
        let second = self.centerface_faces(image)?;
        Ok(join(&first, &second, least))
    }

    #[cfg(feature = "yunet")]
    fn yunet_faces(&mut self, image: &RgbImage) -> Result<Vec<Face>, DetectError> {
        self.yunet.detect(image.view(), WEAKEST)
    }

    #[cfg(not(feature = "yunet"))]
    fn yunet_faces(&mut self, _image: &RgbImage) -> Result<Vec<Face>, DetectError> {
        Ok(Vec::new())
    }

    #[cfg(feature = "centerface")]
    fn centerface_faces(&mut self, image: &RgbImage) -> Result<Vec<Face>, DetectError> {
        let scale = self.settings.centerface_scale;
        if scale <= 0.0 {
            return Ok(Vec::new());
        }
        if scale == 1.0 {
            return self.centerface.detect(image.view(), WEAKEST);
        }
        let (width, height) = (image.view().width(), image.view().height());
        let small = image.resized(scaled(width, scale), scaled(height, scale))?;
        let faces = self.centerface.detect(small.view(), WEAKEST)?;
        let (sx, sy) = (ratio(width, small.view().width()), ratio(height, small.view().height()));
        Ok(faces.iter().map(|f| map_face(f, |p| Point { x: p.x * sx, y: p.y * sy })).collect())
    }

    #[cfg(not(feature = "centerface"))]
    fn centerface_faces(&mut self, _image: &RgbImage) -> Result<Vec<Face>, DetectError> {
        Ok(Vec::new())
    }
}

fn scaled(side: u32, scale: f32) -> u32 {
    ((side as f32 * scale).round() as u32).max(1)
}

fn ratio(a: u32, b: u32) -> f32 {
    a as f32 / b as f32
}

fn is_transparent(raster: &Raster) -> bool {
    let channels = raster.color().channels();
    raster.color().has_alpha()
        && match raster.samples() {
            Samples::U8(v) => v.chunks_exact(channels).any(|p| p[channels - 1] != u8::MAX),
            Samples::U16(v) => v.chunks_exact(channels).any(|p| p[channels - 1] != u16::MAX),
        }
}

/// Tiles that cover the picture and share at least [`OVERLAP`] pixels with their neighbours.
fn tiles(width: u32, height: u32) -> impl Iterator<Item = Rect> {
    spans(height).flat_map(move |(top, bottom)| {
        spans(width).map(move |(left, right)| Rect { left, top, right, bottom })
    })
}

fn spans(side: u32) -> impl Iterator<Item = (i32, i32)> {
    let count = if side <= TILE { 1 } else { 1 + (side - TILE).div_ceil(TILE - OVERLAP) };
    let length = side.min(TILE);
    (0..count).map(move |i| {
        let start =
            if count == 1 { 0 } else { u64::from(side - length) * u64::from(i) / u64::from(count - 1) };
        (start as i32, start as i32 + length as i32)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_cover_every_pixel_and_overlap() {
        for side in [1, 1215, 1216, 1217, 2240, 2241, 4000, 12_000] {
            let all: Vec<_> = spans(side).collect();
            assert_eq!((all[0].0, all[all.len() - 1].1), (0, side as i32), "{side}");
            for pair in all.windows(2) {
                assert!(pair[0].1 - pair[1].0 >= OVERLAP as i32, "{side}: {pair:?}");
            }
        }
    }
}
