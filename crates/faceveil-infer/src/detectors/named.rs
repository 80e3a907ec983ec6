//! The detectors inside the program by their names.

use std::fmt;
use std::str::FromStr;

use faceveil_core::face::Detector;

use super::{DetectError, ModelOptions, OnnxDetector};
use crate::engine::EngineChoice;
use crate::heads::ModelKind;
#[cfg(any(feature = "yunet", feature = "centerface"))]
use crate::network::Precision;
use crate::weights::{ModelInfo, models};

/// Any detector, to be kept by one thread at a time.
pub type BoxedDetector = Box<dyn Detector<Error = DetectError> + Send>;

/// A detector inside the program; a build may leave some out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DetectorName {
    /// YuNet_n.
    YuNet,
    /// YuNet_s.
    YuNetS,
    /// CenterFace.
    CenterFace,
    /// Ultra-Light-Fast-Generic-Face-Detector, RFB-320.
    UltraFace,
    /// BlazeFace, short range.
    BlazeFaceShort,
    /// BlazeFace, full range.
    BlazeFaceFull,
    /// BlazeFace, back camera.
    BlazeFaceBack,
    /// RetinaFace mobilenet0.25.
    RetinaFace,
}

impl DetectorName {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::YuNet,
        Self::YuNetS,
        Self::CenterFace,
        Self::UltraFace,
        Self::BlazeFaceShort,
        Self::BlazeFaceFull,
        Self::BlazeFaceBack,
        Self::RetinaFace,
    ];

    /// The name, as in options and in the list of models.
    pub const fn name(self) -> &'static str {
        match self {
            Self::YuNet => "yunet",
            Self::YuNetS => "yunet-s",
            Self::CenterFace => "centerface",
            Self::UltraFace => "ultraface",
            Self::BlazeFaceShort => "blazeface-short",
            Self::BlazeFaceFull => "blazeface-full",
            Self::BlazeFaceBack => "blazeface-back",
            Self::RetinaFace => "retinaface",
        }
    }

    /// The score from which its faces are hidden if nobody names another: about the lowest at which at most every fifth
    /// picture without a face has a false one, on the `tune` part of the public pictures (`docs/detectors.md`).
    pub const fn usual_threshold(self) -> f32 {
        match self {
            Self::YuNet | Self::YuNetS | Self::CenterFace => 0.2,
            Self::BlazeFaceFull => 0.35,
            Self::UltraFace | Self::BlazeFaceShort | Self::RetinaFace => 0.4,
            Self::BlazeFaceBack => 0.45,
        }
    }

    /// The family.
    pub const fn kind(self) -> ModelKind {
        match self {
            Self::YuNet | Self::YuNetS => ModelKind::YuNet,
            Self::CenterFace => ModelKind::CenterFace,
            Self::UltraFace => ModelKind::UltraFace,
            Self::BlazeFaceShort | Self::BlazeFaceFull | Self::BlazeFaceBack => ModelKind::BlazeFace,
            Self::RetinaFace => ModelKind::RetinaFaceSmall,
        }
    }

    /// The weights, if this build has them.
    pub fn weights(self) -> Option<&'static ModelInfo> {
        models().iter().find(|m| m.name == self.name())
    }

    /// The detector, ready to search. Inside the program YuNet and CenterFace run on the engine made for them, in
    /// floats: their boxes are those of the originals.
    ///
    /// # Errors
    /// [`DetectError`] if this build leaves it out or the engine cannot be used.
    pub fn load(self, engine: &EngineChoice) -> Result<BoxedDetector, DetectError> {
        let weights = self.weights().ok_or(DetectError::LeftOut(self))?;
        if *engine == EngineChoice::Inside
            && let Some(ours) = self.ours()
        {
            return ours;
        }
        let options = ModelOptions { kind: self.kind(), size: None, engine: engine.clone() };
        Ok(Box::new(OnnxDetector::new(self.name(), weights.bytes, &options)?))
    }

    /// The detector on our own engine, if that can run it.
    fn ours(self) -> Option<Result<BoxedDetector, DetectError>> {
        #[cfg(any(feature = "yunet", feature = "yunet-s", feature = "centerface"))]
        fn boxed(
            detector: Result<impl Detector<Error = DetectError> + Send + 'static, DetectError>,
        ) -> Option<Result<BoxedDetector, DetectError>> {
            Some(detector.map(|d| Box::new(d) as BoxedDetector))
        }
        match self {
            #[cfg(feature = "yunet")]
            Self::YuNet => boxed(super::YuNet::new(crate::kernels::Isa::detect(), Precision::Float)),
            #[cfg(feature = "yunet-s")]
            Self::YuNetS => boxed(super::YuNet::small(crate::kernels::Isa::detect())),
            #[cfg(feature = "centerface")]
            Self::CenterFace => {
                boxed(super::CenterFace::new(crate::kernels::Isa::detect(), Precision::Float))
            }
            _ => None,
        }
    }
}

impl fmt::Display for DetectorName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// No detector has this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no detector; there are {all}", all = DetectorName::ALL.map(DetectorName::name).join(", "))]
pub struct UnknownDetector(String);

impl FromStr for DetectorName {
    type Err = UnknownDetector;

    fn from_str(name: &str) -> Result<Self, UnknownDetector> {
        Self::ALL.into_iter().find(|d| d.name() == name).ok_or_else(|| UnknownDetector(name.to_owned()))
    }
}
