//! Hide faces in photos on your own machine.
//!
//! ```no_run
//! let mut photo = image::open("party.jpg")?;
//! let mut anonymizer = faceveil::Anonymizer::new(&faceveil::Settings::default())?;
//! let report = anonymizer.anonymize_image(&mut photo)?;
//! println!("{} faces hidden", report.faces.len());
//! photo.save("party-hidden.png")?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! This crate finds and hides; it does not read or write files. Reading with orientation, writing without
//! metadata and the batch are in `faceveil-media` and the `faceveil` program. What hiding can and cannot
//! protect against is in `docs/threat-model.md`.
#![forbid(unsafe_code)]

mod detection;
mod level;
mod noise;
pub mod people;
#[cfg(feature = "image")]
mod picture;
pub mod video;

pub use detection::{Detection, UserModel};
pub use faceveil_core as core;
pub use faceveil_core::face::Face;
pub use faceveil_core::policy::{Outline, PolicyError};
pub use faceveil_core::redact::{Overlay, Region, RelativeSigma, Style};
pub use faceveil_core::zone::Zones;
pub use faceveil_infer::detectors::{
    DetectError, DetectorName, MAX_INPUT_SIDE, MAX_MODEL_BYTES, ModelOptions,
};
pub use faceveil_infer::engine::{EngineChoice, OrtLibrary, OrtProvider};
pub use faceveil_infer::gate::GateError;
pub use faceveil_infer::heads::ModelKind;
pub use faceveil_infer::weights::{ModelInfo, models};
pub use level::Level;

use std::sync::Arc;

use detection::Finder;
use faceveil_core::policy::Policy;
use faceveil_core::raster::Raster;
use faceveil_core::redact::{RedactError, redact};
use faceveil_core::track::Likeness;
use faceveil_infer::gate;
use people::{Embedder, People, PeopleError};

/// What to do to a photo.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How thoroughly to look.
    pub level: Level,
    /// What looks: the level's detectors, or one in their place.
    pub detection: Detection,
    /// What to put over the faces.
    pub style: Style,
    /// Outline of the regions.
    pub outline: Outline,
    /// Size of a region as a multiple of the detected box, `1.0..=4.0`; `None` takes that of what looks.
    pub margin: Option<f32>,
    /// Width of the soft edge outside the region, as a share of the face's shorter side, `0.0..=1.0`.
    pub feather: f32,
    /// A seed makes the noise repeatable, which is weaker: whoever knows it can subtract the noise.
    /// `None` takes the operating system's randomness.
    pub seed: Option<u64>,
    /// Who is left visible; `None` hides everybody.
    pub people: Option<Arc<People>>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            level: Level::default(),
            detection: Detection::default(),
            style: Style::Veil,
            outline: Outline::Ellipse,
            margin: None,
            feather: 0.03,
            seed: None,
            people: None,
        }
    }
}

/// Why a photo was not anonymised.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting is out of range.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The picture could not be searched.
    #[error(transparent)]
    Detect(#[from] DetectError),
    /// The faces could not be hidden.
    #[error(transparent)]
    Redact(#[from] RedactError),
    /// The level needs a detector that this build leaves out.
    #[error("level {level} needs the {model} detector, which this build leaves out")]
    NoDetector {
        /// The level.
        level: Level,
        /// Name of the missing model.
        model: &'static str,
    },
    /// This build leaves the gate network out.
    #[error("this build leaves the gate network out")]
    NoGate,
    /// The gate network inside the program cannot be used.
    #[error(transparent)]
    Gate(#[from] GateError),
    /// People cannot be told from each other.
    #[error(transparent)]
    People(#[from] PeopleError),
    /// A detector's threshold is no score.
    #[error("the threshold is {threshold}, must be 0 to 1")]
    Threshold {
        /// What was asked for.
        threshold: f32,
    },
    /// The picture's colour model cannot be redacted in place.
    #[error("pictures of type {0} are not supported; convert to 8 or 16 bits a sample first")]
    PictureType(String),
}

/// What was done to a photo.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The faces found, most certain first.
    pub faces: Vec<Face>,
    /// What was hidden: one region a face, but for those of [`Settings::people`].
    pub regions: Vec<Region>,
}

/// Finds and hides faces. Keep one a thread: it reuses its memory from photo to photo.
#[derive(Debug)]
pub struct Anonymizer {
    finder: Finder,
    policy: Policy,
    feather: f32,
    style: Style,
    seed: Option<u64>,
    people: Option<(Arc<People>, Embedder)>,
}

impl Anonymizer {
    /// # Errors
    /// [`Error`] if the settings are out of range or need a detector that this build leaves out.
    pub fn new(settings: &Settings) -> Result<Self, Error> {
        let margin = settings.margin.unwrap_or(settings.detection.margin(settings.level));
        Ok(Self {
            policy: Policy::new(settings.outline, margin, settings.feather)?,
            feather: settings.feather,
            finder: settings.detection.finder(settings.level)?,
            style: settings.style.clone(),
            seed: settings.seed,
            people: people::ready(settings)?,
        })
    }

    /// Hides every face found in `raster`. On an error the raster must not be published.
    ///
    /// # Errors
    /// [`Error`] if the picture could not be searched or a face could not be hidden.
    pub fn anonymize(&mut self, raster: &mut Raster) -> Result<Report, Error> {
        let faces = self.detect(raster)?;
        let known = self.known(raster, &faces)?;
        let regions = self.regions(&faces).into_iter().zip(known);
        let regions: Vec<Region> = regions.filter(|(_, known)| !known).map(|(region, _)| region).collect();
        self.hide(raster, &regions)?;
        Ok(Report { faces, regions })
    }

    /// Which of these faces are surely people who are to stay visible.
    ///
    /// # Errors
    /// [`Error::People`] if they cannot be compared.
    pub fn known(&mut self, raster: &Raster, faces: &[Face]) -> Result<Vec<bool>, Error> {
        let Some((people, embedder)) = &mut self.people else { return Ok(vec![false; faces.len()]) };
        let told = people.look(embedder, raster, faces)?;
        Ok(told.into_iter().map(|likeness| likeness == Likeness::Known).collect())
    }

    /// The faces that are found, most certain first.
    ///
    /// # Errors
    /// [`Error`] if the picture could not be searched.
    pub fn detect(&mut self, raster: &Raster) -> Result<Vec<Face>, Error> {
        Ok(self.finder.faces(raster)?)
    }

    /// The regions that hide these faces.
    pub fn regions(&self, faces: &[Face]) -> Vec<Region> {
        match self.finder {
            Finder::Gate(..) => faces.iter().map(|f| gate::region(f, self.feather)).collect(),
            Finder::Level(_) | Finder::One(_) => self.policy.regions(faces),
        }
    }

    /// Hides the regions. On an error the raster must not be published.
    ///
    /// # Errors
    /// [`Error::Redact`] if a region cannot be hidden or there is no randomness.
    pub fn hide(&self, raster: &mut Raster, regions: &[Region]) -> Result<(), Error> {
        hide(raster, regions, &self.style, self.seed)
    }
}

/// Hides the regions in `style` without looking for faces; `seed` as in [`Settings::seed`]. On an error the
/// raster must not be published.
///
/// # Errors
/// [`Error::Redact`] if a region cannot be hidden or there is no randomness.
pub fn hide(raster: &mut Raster, regions: &[Region], style: &Style, seed: Option<u64>) -> Result<(), Error> {
    Ok(redact(raster, regions, style, &mut *noise::source(seed, raster))?)
}
