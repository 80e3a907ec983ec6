//! Hide faces in photos on your own machine.
#![forbid(unsafe_code)]

pub use faceveil_core as core;

use faceveil_core::{face::Face, raster::Raster};

/// How thoroughly to look for faces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Level {
    /// One small detector.
    Fast,
    /// Two detectors joined.
    #[default]
    Balanced,
    /// Two detectors at full size.
    Thorough,
}

/// The outline of a region.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Outline {
    /// An ellipse, turned as the face is.
    #[default]
    Ellipse,
    /// An upright box.
    Box,
}

/// What to do to a photo.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How thoroughly to look.
    pub level: Level,
    /// Outline of the regions.
    pub outline: Outline,
    /// Size of a region as a multiple of the detected box; `None` takes the level's own.
    pub margin: Option<f32>,
    /// Width of the soft edge outside the region, as a share of the face's shorter side.
    pub feather: f32,
    /// A seed makes the noise repeatable, which is weaker; `None` takes the operating system's randomness.
    pub seed: Option<u64>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { level: Level::Balanced, outline: Outline::Ellipse, margin: None, feather: 0.1, seed: None }
    }
}

/// Why a photo was not anonymised.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Provisional.
    #[error("not built yet")]
    NotBuilt,
}

/// What was done to a photo.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The faces found.
    pub faces: Vec<Face>,
}

/// Finds and hides faces; keep one a thread, it reuses its memory from photo to photo.
#[derive(Debug)]
pub struct Anonymizer {}

impl Anonymizer {
    /// # Errors
    /// [`Error`] if the settings are out of range.
    pub fn new(_settings: &Settings) -> Result<Self, Error> {
        Ok(Self {})
    }

    /// Hides every face found in `raster`. On an error the raster must not be published.
    ///
    /// # Errors
    /// [`Error`] if detection or redaction could not be done.
    pub fn anonymize(&mut self, raster: &mut Raster) -> Result<Report, Error> {
        self.detect(raster).map(|faces| Report { faces })
    }

    /// The faces that [`Self::anonymize`] would hide.
    ///
    /// # Errors
    /// [`Error`] if the picture could not be searched.
    pub fn detect(&mut self, _raster: &Raster) -> Result<Vec<Face>, Error> {
        Err(Error::NotBuilt)
    }
}
