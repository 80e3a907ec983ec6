//! What looks for the faces: a level's detectors joined, or one detector with a threshold of its own.

use std::ffi::OsStr;
use std::path::Path;
use std::sync::Arc;

use faceveil_core::face::{Detector, Face};
use faceveil_core::raster::{Raster, RgbView};
use faceveil_infer::detectors::{BoxedDetector, DetectError, DetectorName, ModelOptions, OnnxDetector};
use faceveil_infer::engine::EngineChoice;
use faceveil_infer::gate::Gate;
use faceveil_infer::search::Search;
use faceveil_infer::single::SingleSearch;
use faceveil_infer::weights::{ModelInfo, models, sha256_of};

use crate::{Error, Level};

/// Size of a region as a multiple of a single detector's box. The boxes of different detectors differ by less than
/// their own errors.
const SINGLE_MARGIN: f32 = 1.5;

/// Sides of the picture that a user's model is tried on, pixels.
const TRIAL: u32 = 64;

/// What looks for the faces.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Detection {
    /// The detectors of the level, joined.
    #[default]
    Level,
    /// One detector inside the program, in the level's place.
    Detector {
        /// Which.
        name: DetectorName,
        /// Score from which a face is hidden, `0.0..=1.0`; `None` takes the detector's usual one.
        threshold: Option<f32>,
        /// What runs it.
        engine: EngineChoice,
    },
    /// A model of the user's, in the level's place.
    Model(UserModel),
    /// The small network inside the program that gives a mask. One look at the whole photo; what it covers is hidden
    /// as it is, without a margin.
    Gate {
        /// Value that a part of the mask must reach somewhere, `0.0..=1.0`; `None` takes the network's own.
        certain: Option<f32>,
    },
}

/// A face detector from a file.
#[derive(Clone, Debug, PartialEq)]
pub struct UserModel {
    /// What it is called in errors, such as its path.
    pub name: String,
    /// The ONNX file.
    pub bytes: Arc<[u8]>,
    /// What the file cannot say.
    pub options: ModelOptions,
    /// Score from which a face is hidden, `0.0..=1.0`; `None` takes the family's usual one.
    pub threshold: Option<f32>,
}

impl Detection {
    /// Size of a region as a multiple of the detected box, where nobody chose one.
    pub const fn margin(&self, level: Level) -> f32 {
        match self {
            Self::Level => level.margin(),
            Self::Detector { .. } | Self::Model(_) => SINGLE_MARGIN,
            Self::Gate { .. } => 1.0,
        }
    }

    /// Names and SHA-256, in hexadecimal, of the networks that look; a user's model has the name of its file.
    pub fn models(&self, level: Level) -> Vec<(String, String)> {
        let inside = |m: &ModelInfo| (m.name.to_owned(), m.sha256.to_owned());
        match self {
            Self::Level => level.models().map(inside).collect(),
            Self::Detector { name, .. } => name.weights().into_iter().map(inside).collect(),
            Self::Gate { .. } => gate_weights().into_iter().map(inside).collect(),
            Self::Model(model) => {
                let file = Path::new(&model.name).file_name().unwrap_or(OsStr::new("model"));
                vec![(file.to_string_lossy().into_owned(), sha256_of(&model.bytes))]
            }
        }
    }

    pub(crate) fn finder(&self, level: Level) -> Result<Finder, Error> {
        let one = |detector: BoxedDetector, threshold: f32| {
            if !(0.0..=1.0).contains(&threshold) {
                return Err(Error::Threshold { threshold });
            }
            Ok(Finder::One(Box::new(SingleSearch::new(detector, threshold))))
        };
        match self {
            Self::Level => {
                level.check_detectors()?;
                Ok(Finder::Level(Box::new(Search::new(level.search())?)))
            }
            Self::Detector { name, threshold, engine } => {
                one(name.load(engine)?, threshold.unwrap_or(name.usual_threshold()))
            }
            Self::Gate { certain } => {
                if let Some(threshold) = certain.filter(|c| !(0.0..=1.0).contains(c)) {
                    return Err(Error::Threshold { threshold });
                }
                let weights = gate_weights().ok_or(Error::NoGate)?;
                Ok(Finder::Gate(Box::new(Gate::new(weights.bytes)?), *certain))
            }
            Self::Model(model) => {
                let mut detector = OnnxDetector::new(&model.name, &model.bytes, &model.options)?;
                // What only running shows is an error now, and not of each photo.
                let grey = [127; (TRIAL * TRIAL * 3) as usize];
                if let Some(trial) = RgbView::new(TRIAL, TRIAL, &grey) {
                    detector.detect(trial, 1.0)?;
                }
                one(Box::new(detector), model.threshold.unwrap_or(model.options.kind.usual_threshold()))
            }
        }
    }
}

/// The gate's weights, if this build has them.
fn gate_weights() -> Option<&'static ModelInfo> {
    models().iter().find(|m| m.name == "gate")
}

/// A detection ready to search.
#[derive(Debug)]
pub(crate) enum Finder {
    Level(Box<Search>),
    One(Box<SingleSearch>),
    Gate(Box<Gate>, Option<f32>),
}

impl Finder {
    pub fn faces(&mut self, raster: &Raster) -> Result<Vec<Face>, DetectError> {
        match self {
            Self::Level(search) => search.faces(raster),
            Self::One(search) => search.faces(raster),
            Self::Gate(gate, certain) => gate.faces(raster, *certain),
        }
    }
}
