//! Looking for faces in the frames of a video: thoroughly every few frames, and at a glance in between.
//!
//! Tracks, and the veil that a track shares, are in [`crate::core::track`]; files and cameras are other crates' work.

use std::sync::Arc;

use faceveil_core::face::Face;
use faceveil_core::look::Look;
use faceveil_core::policy::{Outline, Policy};
use faceveil_core::raster::{Color, Raster, Samples};
use faceveil_core::redact::{Noise, SeededNoise};
use faceveil_core::track::{Likeness, Sighting};
use faceveil_infer::search::SearchSettings;

use crate::detection::Finder;
use crate::noise::SystemNoise;
use crate::people::{self, Embedder, People};
use crate::{Detection, Error, Level, Settings};

/// How much weaker than a face of its own a detection may be to continue a track, in log-odds.
const WEAKER: f32 = 1.0;
/// How much stronger than a face of a photo a detection must be to be a track alone, in log-odds.
const CERTAIN: f32 = 0.65;
/// Searches after which a picture is searched turned as well, where nothing stands upright.
const TURNED_EVERY: u32 = 8;

/// Pixels of a frame that is not searched from close, about.
const FRAME_PIXELS: u32 = 250_000;

/// How a level looks at a video.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// Frames from one search to the next.
    pub every: u32,
    /// Pixels of a frame that a search sees, about.
    pub pixels: u32,
    /// Searches from one that sees more to the next.
    pub close_every: u32,
    /// Pixels of a frame that such a search sees, about.
    pub close_pixels: u32,
    /// Pixels of a frame that is seen at a glance, between two searches, about; 0 for no glance.
    pub glance_pixels: u32,
}

impl Settings {
    /// How a video is looked at. The gate network looks at each frame: that costs less than any glance.
    pub const fn pace(&self) -> Pace {
        match self.detection {
            Detection::Gate { .. } => {
                Pace { every: 1, pixels: 150_000, close_every: 1, close_pixels: 150_000, glance_pixels: 0 }
            }
            _ => self.level.pace(),
        }
    }

    /// Size of a region as a multiple of the detected box. Where nobody chose one, less than in photos: tracks hide
    /// what was detected before and after as well.
    pub fn video_margin(&self) -> f32 {
        let usual = match self.detection {
            Detection::Level => self.level.video_margin(),
            _ => self.detection.margin(self.level),
        };
        self.margin.unwrap_or(usual)
    }

    /// What regions are made of a video's faces. A part of the gate's mask is hidden as a box: tracks know no others.
    ///
    /// # Errors
    /// [`Error::Policy`] if a setting is out of range.
    pub fn video_policy(&self) -> Result<Policy, Error> {
        let margin = self.video_margin();
        let outline =
            if matches!(self.detection, Detection::Gate { .. }) { Outline::Box } else { self.outline };
        Ok(Policy::new(outline, margin, self.feather)?)
    }
}

impl Level {
    /// How the level looks at a video. Small faces are only seen from close, and are found again after as many frames
    /// as a track may be lost for.
    pub const fn pace(self) -> Pace {
        let (pixels, close_pixels) = (FRAME_PIXELS, 2_100_000);
        match self {
            Self::Fast => Pace { every: 10, pixels, close_every: 2, close_pixels: 500_000, glance_pixels: 0 },
            Self::Balanced => Pace { every: 6, pixels, close_every: 2, close_pixels, glance_pixels: 60_000 },
            Self::Thorough => Pace {
                every: 2,
                pixels: close_pixels,
                close_every: 4,
                close_pixels: 8_400_000,
                glance_pixels: 250_000,
            },
        }
    }

    /// Size of a region in a video as a multiple of the detected box.
    const fn video_margin(self) -> f32 {
        match self {
            Self::Fast | Self::Balanced => 1.23,
            // Whoever takes this level would rather hide too much.
            Self::Thorough => 1.25,
        }
    }

    fn video_search(self, turned: bool, close: bool) -> SearchSettings {
        let photo = self.search_of_frames();
        let convincing = if turned { photo.convincing } else { f32::NEG_INFINITY };
        let view_pixels = match self {
            Self::Fast if !close => FRAME_PIXELS,
            // Tiles show what is smaller.
            Self::Balanced => FRAME_PIXELS,
            Self::Fast | Self::Thorough => photo.view_pixels,
        };
        SearchSettings {
            view_pixels,
            least: photo.least - WEAKER,
            convincing,
            tile: photo.tile.filter(|_| close),
            ..photo
        }
    }
}

/// Looks for faces in frames. Keep one a thread.
#[derive(Debug)]
pub struct FrameSearch {
    finder: Finder,
    level: Level,
    searches: u32,
    strong: f32,
    certain: f32,
    people: Option<(Arc<People>, Embedder)>,
}

impl FrameSearch {
    /// # Errors
    /// [`Error`] if the settings are out of range or need a detector that this build leaves out.
    pub fn new(settings: &Settings) -> Result<Self, Error> {
        let finder = settings.detection.finder(settings.level)?;
        let odds = settings.level.search_of_frames().least;
        let score = |odds: f32| 1.0 / (1.0 + (-odds).exp());
        let strong = match &finder {
            Finder::Level(_) => score(odds),
            Finder::One(search) => search.threshold(),
            Finder::Gate(gate, certain) => certain.unwrap_or(gate.point().certain),
        };
        let certain = if matches!(finder, Finder::Level(_)) { score(odds + CERTAIN) } else { strong };
        let people = people::ready(settings)?;
        Ok(Self { finder, level: settings.level, searches: 0, strong, certain, people })
    }

    /// Score from which a face starts a track.
    pub fn strong(&self) -> f32 {
        self.strong
    }

    /// Score from which a face seen once is a track.
    pub fn certain(&self) -> f32 {
        self.certain
    }

    /// As [`Self::faces`], each with whether it is somebody who is to stay visible.
    ///
    /// # Errors
    /// As [`Self::faces`], and [`Error::People`] if they could not be compared.
    pub fn compared(&mut self, look: Look, close: bool) -> Result<Vec<Sighting>, Error> {
        let (faces, raster) = self.search(look, close)?;
        let told = match &mut self.people {
            Some((people, embedder)) => people.look(embedder, &raster, &faces)?,
            None => vec![Likeness::Unknown; faces.len()],
        };
        let sighting = |(face, likeness)| Sighting { likeness, ..Sighting::from(face) };
        Ok(faces.into_iter().zip(told).map(sighting).collect())
    }

    /// The faces of a frame, those that are too weak to start a track included, in pixels of `look`; `close` looks for
    /// small ones in tiles as well.
    ///
    /// # Errors
    /// [`Error`] if the frame could not be searched: it must not be published.
    pub fn faces(&mut self, look: Look, close: bool) -> Result<Vec<Face>, Error> {
        Ok(self.search(look, close)?.0)
    }

    fn search(&mut self, look: Look, close: bool) -> Result<(Vec<Face>, Raster), Error> {
        let turned = self.searches.is_multiple_of(TURNED_EVERY);
        self.searches = self.searches.wrapping_add(1);
        let (width, height) = (look.width, look.height);
        let raster = Raster::new(width, height, Color::Rgb, Samples::U8(look.rgb));
        let raster = raster.map_err(|e| Error::PictureType(e.to_string()))?;
        match &mut self.finder {
            Finder::Level(search) => search.set(self.level.video_search(turned, close)),
            Finder::One(search) => search.set_turned(turned),
            // What is less certain continues tracks.
            Finder::Gate(gate, _) => {
                let faces = gate.faces(&raster, Some(gate.point().threshold))?;
                return Ok((faces, raster));
            }
        }
        Ok((self.finder.faces(&raster)?, raster))
    }
}

/// Sees at a glance where a face may be that no search has seen.
#[derive(Debug)]
pub struct Glance {
    #[cfg(feature = "yunet")]
    yunet: faceveil_infer::detectors::YuNet,
}

impl Glance {
    /// `None` if this build leaves the detector out.
    ///
    /// # Errors
    /// [`Error::Detect`] if its weights are damaged.
    #[cfg(feature = "yunet")]
    pub fn new() -> Result<Option<Self>, Error> {
        use faceveil_infer::{kernels::Isa, network::Precision};
        let yunet = faceveil_infer::detectors::YuNet::new(Isa::detect(), Precision::default())?;
        Ok(Some(Self { yunet }))
    }

    /// `None`: this build leaves the detector out.
    ///
    /// # Errors
    /// None.
    #[cfg(not(feature = "yunet"))]
    pub fn new() -> Result<Option<Self>, Error> {
        Ok(None)
    }

    /// Faces that score at least `least` (`0.0..=1.0`), in pixels of `look`.
    ///
    /// # Errors
    /// [`Error`] if the frame could not be searched.
    #[cfg(feature = "yunet")]
    pub fn faces(&mut self, look: &Look, least: f32) -> Result<Vec<Face>, Error> {
        use faceveil_core::face::Detector;
        let view = faceveil_core::raster::RgbView::new(look.width, look.height, &look.rgb);
        Ok(view.map_or_else(|| Ok(Vec::new()), |view| self.yunet.detect(view, least))?)
    }

    /// None.
    ///
    /// # Errors
    /// None.
    #[cfg(not(feature = "yunet"))]
    pub fn faces(&mut self, _: &Look, _: f32) -> Result<Vec<Face>, Error> {
        Ok(Vec::new())
    }
}

/// The noise of a video's veils: the operating system's, or a repeatable one.
pub fn noise(seed: Option<u64>) -> Box<dyn Noise + Send> {
    match seed {
        None => Box::new(SystemNoise),
        Some(seed) => Box::new(SeededNoise::new(seed)),
    }
}
