//! Searching a whole photo: which parts are shown to which detector at which size and turn, and how
//! their opinions are joined. The figures behind the numbers are in `docs/proof`.

use faceveil_core::face::{Detector, Face};
use faceveil_core::fusion::{Pairing, join, logit};
use faceveil_core::geom::{Point, Rect};
use faceveil_core::nms;
use faceveil_core::raster::{Raster, Samples};

#[cfg(feature = "centerface")]
use crate::detectors::CenterFace;
use crate::detectors::DetectError;
#[cfg(feature = "yunet")]
use crate::detectors::YuNet;
use crate::kernels::Isa;
use crate::network::Precision;
use crate::suspects;
use crate::view::{Backdrop, RgbImage, map_face};

/// A photo of more pixels is searched shrunk to about this many (for the large faces), and in tiles at
/// full size (for the small ones). It also bounds the memory of the networks.
pub const VIEW_PIXELS: u32 = 500_000;
/// Sides of a tile at most, pixels.
const TILE: u32 = 1280;
/// Pixels that neighbouring tiles share: a face at a seam is whole in one of them unless it is larger,
/// and then the shrunk picture shows it.
const OVERLAP: u32 = 160;
/// A face found in a tile that is at least this large in the shrunk picture, pixels, should have been
/// seen there: it needs convincing odds to count.
const SEEN_SHRUNK: f32 = 32.0;
/// Weakest opinions that the joining looks at.
const WEAKEST: f32 = 0.04;
/// Faces of different views that overlap more than this are the same. High: where boxes of two views
/// disagree, both are hidden.
const SAME_BOX_IOU: f32 = 0.65;

/// How a view is shown to a detector.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Look {
    /// Its sides by the view's.
    pub scale: f32,
    /// Left and right changed over.
    pub mirrored: bool,
}

impl Look {
    /// The view as it is, at this scale.
    pub const fn at(scale: f32) -> Self {
        Self { scale, mirrored: false }
    }

    /// The view mirrored, at this scale.
    pub const fn mirrored(scale: f32) -> Self {
        Self { scale, mirrored: true }
    }
}

/// How each detector looks; every look is an opinion of its own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Looks {
    /// YuNet.
    pub yunet: &'static [Look],
    /// CenterFace.
    pub centerface: &'static [Look],
}

impl Looks {
    /// At nothing.
    pub const NONE: Self = Self { yunet: &[], centerface: &[] };

    fn is_none(&self) -> bool {
        self.yunet.is_empty() && self.centerface.is_empty()
    }
}

/// How to search. Odds are the mean log-odds of all opinions (`faceveil_core::fusion`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SearchSettings {
    /// A picture of more pixels is shrunk to about this many; what `tile` looks at is not.
    pub view_pixels: u32,
    /// At the whole picture.
    pub view: Looks,
    /// At the whole picture turned; [`Looks::NONE`] leaves that out.
    pub turned_view: Looks,
    /// At each tile of a large picture at full size; CenterFace only where YuNet suspects a face.
    pub tile: Option<Looks>,
    /// Weakest opinion of YuNet on a tile that counts as a suspicion, 0 to 1.
    pub suspect: f32,
    /// Which boxes are opinions on the same face.
    pub pairing: Pairing,
    /// Least odds of a face.
    pub least: f32,
    /// Where no face reaches these odds, the picture is searched turned by 90°, 180° and 270°, too.
    pub convincing: f32,
    /// A turned picture's faces count only if one of them reaches these odds: photos lie on one side with
    /// all their faces, and three more searches would bring three times the false alarms.
    pub turned: f32,
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
        Self::with_isa(settings, Isa::detect(), Precision::default())
    }

    /// As [`Self::new`], with the instructions of `isa`, in `precision`.
    ///
    /// # Errors
    /// [`DetectError::Model`] if the weights are damaged.
    pub fn with_isa(settings: SearchSettings, isa: Isa, precision: Precision) -> Result<Self, DetectError> {
        Ok(Self {
            #[cfg(feature = "yunet")]
            yunet: YuNet::new(isa, precision)?,
            #[cfg(feature = "centerface")]
            centerface: CenterFace::new(isa, precision)?,
            settings,
        })
    }

    /// Searches otherwise from now on.
    pub fn set(&mut self, settings: SearchSettings) {
        self.settings = settings;
    }

    /// Every face of the picture, most certain first. A picture with transparent parts is searched as
    /// it would be shown on white, and once more for what lies hidden beneath.
    ///
    /// # Errors
    /// [`DetectError`] if a part could not be searched: the picture must not be published.
    pub fn faces(&mut self, raster: &Raster) -> Result<Vec<Face>, DetectError> {
        on_backdrops(raster, |backdrop| self.faces_on(raster, backdrop))
    }

    fn faces_on(&mut self, raster: &Raster, backdrop: Backdrop) -> Result<Vec<Face>, DetectError> {
        let whole = Whole::of(raster, backdrop, self.settings.view_pixels)?;
        let mut all = whole.enlarged(&self.turned_faces(&whole.view)?);
        if let Some(looks) = self.settings.tile.filter(|_| whole.shrink < 1.0) {
            for tile in tiles(raster.width(), raster.height(), TILE) {
                let small = |f: &&Face| f.rect.short_side() * whole.shrink < SEEN_SHRUNK;
                let faces = self.tile_faces(&RgbImage::crop(raster, tile, backdrop), looks, small)?;
                let unseen = |f: &&Face| small(f) || logit(f.score) >= self.settings.convincing;
                all.extend(faces.iter().filter(unseen).map(|f| moved(f, tile)));
            }
        }
        Ok(all)
    }

    /// The faces of a view, which is searched turned as well if upright shows nothing convincing.
    fn turned_faces(&mut self, view: &RgbImage) -> Result<Vec<Face>, DetectError> {
        let reaches = |faces: &[Face], least| faces.iter().any(|f| logit(f.score) >= least);
        let mut faces = self.joined(view, self.settings.view)?;
        if !self.settings.turned_view.is_none() && !reaches(&faces, self.settings.convincing) {
            for quarters in 1..4 {
                let turned = self.joined(&view.turned(quarters), self.settings.turned_view)?;
                if reaches(&turned, self.settings.turned) {
                    faces.extend(turned.iter().map(|f| view.turn_back(f, quarters)));
                }
            }
        }
        Ok(faces)
    }

    /// All opinions on one view, joined, in the view's coordinates.
    fn joined(&mut self, image: &RgbImage, looks: Looks) -> Result<Vec<Face>, DetectError> {
        let mut opinions = self.yunet_opinions(image, looks.yunet)?;
        opinions.extend(self.centerface_opinions(image, looks.centerface)?);
        Ok(self.join(&opinions))
    }

    fn join(&self, opinions: &[Vec<Face>]) -> Vec<Face> {
        join(opinions, self.settings.least, self.settings.pairing)
    }

    /// As [`Self::joined`], but CenterFace sees only the parts where YuNet suspects a face that is `small`: on most
    /// tiles of most photos there is none, and larger ones it sees in the shrunk picture.
    fn tile_faces(
        &mut self,
        image: &RgbImage,
        looks: Looks,
        small: impl Fn(&&Face) -> bool,
    ) -> Result<Vec<Face>, DetectError> {
        let mut opinions = self.yunet_opinions(image, looks.yunet)?;
        if opinions.is_empty() {
            return self.joined(image, looks);
        }
        let least = self.settings.suspect;
        let suspects = opinions.iter().flatten().filter(|f| f.score >= least && small(f));
        let parts = suspects::parts(suspects, image.view().width(), image.view().height());
        if parts.is_empty() {
            return Ok(Vec::new());
        }
        // An opinion a look, from all parts together.
        let mut seen = Vec::new();
        for part in parts {
            let faces = self.centerface_opinions(&image.part(part), looks.centerface)?;
            seen.resize(faces.len(), Vec::new());
            for (all, faces) in seen.iter_mut().zip(faces) {
                all.extend(faces.iter().map(|f| moved(f, part)));
            }
        }
        opinions.extend(seen);
        Ok(self.join(&opinions))
    }

    #[cfg(feature = "yunet")]
    fn yunet_opinions(&mut self, image: &RgbImage, looks: &[Look]) -> Result<Vec<Vec<Face>>, DetectError> {
        looks.iter().map(|&look| faces_at(&mut self.yunet, image, look)).collect()
    }

    #[cfg(not(feature = "yunet"))]
    fn yunet_opinions(&mut self, _: &RgbImage, _: &[Look]) -> Result<Vec<Vec<Face>>, DetectError> {
        Ok(Vec::new())
    }

    #[cfg(feature = "centerface")]
    fn centerface_opinions(
        &mut self,
        image: &RgbImage,
        looks: &[Look],
    ) -> Result<Vec<Vec<Face>>, DetectError> {
        self.share_memory();
        let opinions = looks.iter().map(|&look| faces_at(&mut self.centerface, image, look)).collect();
        self.share_memory();
        opinions
    }

    #[cfg(not(feature = "centerface"))]
    fn centerface_opinions(&mut self, _: &RgbImage, _: &[Look]) -> Result<Vec<Vec<Face>>, DetectError> {
        Ok(Vec::new())
    }

    /// Both networks work in the same memory, one after the other.
    #[cfg(all(feature = "yunet", feature = "centerface"))]
    fn share_memory(&mut self) {
        std::mem::swap(self.yunet.memory(), self.centerface.memory());
    }

    #[cfg(all(feature = "centerface", not(feature = "yunet")))]
    fn share_memory(&mut self) {}
}

/// A whole picture as it is shown to a detector.
pub(crate) struct Whole {
    /// As large as asked for at most.
    pub view: RgbImage,
    /// Its side by the picture's, at most 1.
    pub shrink: f32,
    /// The picture's sides by its own.
    enlarge: (f32, f32),
}

impl Whole {
    /// Shrunk to about `pixels` if it has more.
    pub fn of(raster: &Raster, backdrop: Backdrop, pixels: u32) -> Result<Self, DetectError> {
        let (width, height) = (raster.width(), raster.height());
        let shrink = (f64::from(pixels) / (f64::from(width) * f64::from(height))).sqrt().min(1.0) as f32;
        let whole = Rect { left: 0, top: 0, right: width as i32, bottom: height as i32 };
        let view = if shrink < 1.0 {
            RgbImage::shrunk(raster, scaled(width, shrink), scaled(height, shrink), backdrop)?
        } else {
            RgbImage::crop(raster, whole, backdrop)
        };
        let enlarge = (ratio(width, view.view().width()), ratio(height, view.view().height()));
        Ok(Self { view, shrink, enlarge })
    }

    /// Faces of the view in the picture's coordinates.
    pub fn enlarged(&self, faces: &[Face]) -> Vec<Face> {
        let (sx, sy) = self.enlarge;
        faces.iter().map(|f| map_face(f, |p| Point { x: p.x * sx, y: p.y * sy })).collect()
    }
}

/// Searches a picture with transparent parts both ways; faces that are the same are one.
pub(crate) fn on_backdrops(
    raster: &Raster,
    mut search: impl FnMut(Backdrop) -> Result<Vec<Face>, DetectError>,
) -> Result<Vec<Face>, DetectError> {
    let mut faces = search(Backdrop::None)?;
    if is_transparent(raster) {
        faces.extend(search(Backdrop::White)?);
    }
    Ok(nms::suppress(faces, SAME_BOX_IOU))
}

/// A face of a part of a picture in the picture's coordinates.
pub(crate) fn moved(face: &Face, part: Rect) -> Face {
    let (left, top) = (part.left as f32, part.top as f32);
    map_face(face, |p| Point { x: p.x + left, y: p.y + top })
}

/// What a detector sees in `image` at a look, in the coordinates of `image`.
fn faces_at(
    detector: &mut impl Detector<Error = DetectError>,
    image: &RgbImage,
    look: Look,
) -> Result<Vec<Face>, DetectError> {
    if look == Look::at(1.0) {
        return detector.detect(image.view(), WEAKEST);
    }
    let (width, height) = (image.view().width(), image.view().height());
    let mut small = image.resized(scaled(width, look.scale), scaled(height, look.scale))?;
    if look.mirrored {
        small = small.mirrored();
    }
    let faces = detector.detect(small.view(), WEAKEST)?;
    let (sx, sy) = (ratio(width, small.view().width()), ratio(height, small.view().height()));
    let enlarged = |face: &Face| map_face(face, |p| Point { x: p.x * sx, y: p.y * sy });
    let upright = |face: &Face| if look.mirrored { small.mirror_back(face) } else { face.clone() };
    Ok(faces.iter().map(|face| enlarged(&upright(face))).collect())
}

fn scaled(side: u32, scale: f32) -> u32 {
    ((side as f32 * scale).round() as u32).max(1)
}

fn ratio(a: u32, b: u32) -> f32 {
    a as f32 / b as f32
}

pub(crate) fn is_transparent(raster: &Raster) -> bool {
    let channels = raster.color().channels();
    raster.color().has_alpha()
        && match raster.samples() {
            Samples::U8(v) => v.chunks_exact(channels).any(|p| p[channels - 1] != u8::MAX),
            Samples::U16(v) => v.chunks_exact(channels).any(|p| p[channels - 1] != u16::MAX),
        }
}

/// Tiles that cover the picture, with sides of at most `most`, and share at least [`OVERLAP`] pixels with their
/// neighbours.
pub(crate) fn tiles(width: u32, height: u32, most: u32) -> impl Iterator<Item = Rect> {
    spans(height, most).flat_map(move |(top, bottom)| {
        spans(width, most).map(move |(left, right)| Rect { left, top, right, bottom })
    })
}

fn spans(side: u32, most: u32) -> impl Iterator<Item = (i32, i32)> {
    let count = if side <= most { 1 } else { 1 + (side - most).div_ceil(most - OVERLAP) };
    let length = (side + (count - 1) * OVERLAP).div_ceil(count);
    let steps = u64::from(count - 1).max(1);
    let start = move |i| (u64::from(side - length) * u64::from(i) / steps) as i32;
    (0..count).map(move |i| (start(i), start(i) + length as i32))
}

#[cfg(test)]
mod tests {
    use super::*;
    use faceveil_core::geom::RectF;
    use faceveil_core::raster::RgbView;

    #[test]
    fn a_view_has_about_as_many_pixels_as_asked_for() {
        let color = faceveil_core::raster::Color::Rgb;
        let raster = Raster::new(400, 100, color, Samples::U8(vec![0; 120_000])).unwrap();
        for (pixels, want) in [(10_000, (200, 50)), (40_000, (400, 100)), (90_000, (400, 100))] {
            let view = Whole::of(&raster, Backdrop::None, pixels).unwrap().view;
            assert_eq!((view.view().width(), view.view().height()), want, "{pixels}");
        }
    }

    #[test]
    fn a_mirrored_look_tells_where_faces_are_in_the_picture() {
        struct Left;
        impl Detector for Left {
            type Error = DetectError;
            fn detect(&mut self, image: RgbView<'_>, _: f32) -> Result<Vec<Face>, DetectError> {
                // What is seen is the whole left half, its eyes at the bottom left and right.
                let (w, h) = (image.width() as f32, image.height() as f32);
                let rect = RectF { left: 0.0, top: 0.0, right: w / 2.0, bottom: h };
                let eye = |x: f32| Point { x, y: h };
                let landmarks = [eye(0.0), eye(w / 2.0), eye(9.0), eye(0.0), eye(w / 2.0)];
                Ok(vec![Face { rect, score: 0.5, landmarks: Some(landmarks), also: Vec::new() }])
            }
        }
        let raster =
            Raster::new(40, 20, faceveil_core::raster::Color::Rgb, Samples::U8(vec![0; 2400])).unwrap();
        let part = Rect { left: 0, top: 0, right: 40, bottom: 20 };
        let image = RgbImage::crop(&raster, part, Backdrop::None);
        for (look, left) in [(Look::at(0.5), 0.0), (Look::mirrored(0.5), 20.0), (Look::mirrored(1.0), 20.0)] {
            let face = &faces_at(&mut Left, &image, look).unwrap()[0];
            assert_eq!(face.rect, RectF { left, top: 0.0, right: left + 20.0, bottom: 20.0 }, "{look:?}");
            let eyes = face.landmarks.map(|[eye, other, ..]| (eye.x, other.x));
            assert_eq!(eyes, Some((left, left + 20.0)), "the eye on the picture's left is first, {look:?}");
        }
    }

    #[test]
    fn tiles_cover_every_pixel_and_overlap() {
        for most in [704, TILE] {
            for side in [1, most - 1, most, most + 1, 2 * most - OVERLAP, 2401, 4000, 12_000] {
                let all: Vec<_> = spans(side, most).collect();
                let case = format!("{side} in tiles of {most}: {all:?}");
                assert_eq!((all[0].0, all[all.len() - 1].1), (0, side as i32), "{case}");
                assert!(all.iter().all(|(start, end)| end - start <= most as i32), "{case}");
                assert!(all.windows(2).all(|pair| pair[0].1 - pair[1].0 >= OVERLAP as i32), "{case}");
            }
        }
    }
}
