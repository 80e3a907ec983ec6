//! What looks for the faces, from what was chosen: a level, a detector inside the program, or a model of the user's.

use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use faceveil::{
    Detection, DetectorName, EngineChoice, MAX_INPUT_SIDE, MAX_MODEL_BYTES, ModelKind, ModelOptions,
    OrtLibrary, OrtProvider, UserModel,
};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::choices::Choices;
use crate::plan::hex;

/// The flags of `detect` that choose what looks; `blur` has them among its choices.
#[derive(Args, Clone, Debug, Default)]
pub struct DetectionArgs {
    /// Look with this detector alone, in the place of a level
    #[arg(long, value_name = "NAME")]
    pub detector: Option<Detector>,
    /// Look with this ONNX model alone, in the place of a level
    #[arg(long, value_name = "FILE.onnx")]
    pub model: Option<PathBuf>,
    /// Family of the model
    #[arg(long, value_name = "KIND")]
    pub model_kind: Option<Kind>,
    /// Size of the model's input in pixels [default: the file's, or the picture's own]
    #[arg(long, value_name = "WxH")]
    pub model_size: Option<InputSize>,
    /// Score from which a face counts, 0 to 1, with --detector or --model [default: the family's usual one]
    #[arg(long, value_name = "SCORE", alias = "model-threshold")]
    pub threshold: Option<f32>,
    /// What runs the detector or the model [default: built-in]
    #[arg(long, value_name = "ENGINE")]
    pub engine: Option<Engine>,
    /// ONNX Runtime's library, with --engine ort [default: $ORT_DYLIB_PATH]
    #[arg(long, value_name = "FILE")]
    pub ort_library: Option<PathBuf>,
    /// Execution provider of ONNX Runtime, with --engine ort [default: the CPU]
    #[arg(long, value_name = "PROVIDER")]
    pub ort_provider: Option<Provider>,
}

/// A detector inside the program.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Detector {
    /// YuNet_n, the one of every level
    Yunet,
    /// YuNet_s, the smaller one that OpenCV ships
    YunetS,
    /// CenterFace at full size
    Centerface,
    /// Ultra-Light RFB-320
    Ultraface,
    /// BlazeFace for faces near the camera
    BlazefaceShort,
    /// BlazeFace for faces farther away
    BlazefaceFull,
    /// BlazeFace for the back camera
    BlazefaceBack,
    /// RetinaFace mobilenet0.25
    Retinaface,
}

/// A family of models.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// YuNet of 2023 and later
    Yunet,
    /// SCRFD of InsightFace
    Scrfd,
    /// RetinaFace of Pytorch_Retinaface
    Retinaface,
    /// RetinaFace of Face-Detector-1MB-with-landmark, which has smaller anchors
    #[value(name = "retinaface-1mb")]
    #[serde(rename = "retinaface-1mb")]
    Retinaface1Mb,
    /// YOLOv5-face, v7-face, v8-face and later
    YoloFace,
    /// Ultra-Light-Fast-Generic-Face-Detector
    Ultraface,
    /// MediaPipe's BlazeFace
    Blazeface,
    /// CenterFace
    Centerface,
}

/// What runs a network.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Engine {
    /// The engines inside this program, on the CPU
    BuiltIn,
    /// ONNX Runtime, from a library of yours
    Ort,
    /// In a level's place, the small network that gives a mask: one quick look, large and middling faces only
    Gate,
}

/// An execution provider of ONNX Runtime.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, ValueEnum)]
#[serde(rename_all = "lowercase")]
#[value(rename_all = "lower")]
#[allow(missing_docs)]
pub enum Provider {
    Cuda,
    TensorRt,
    DirectMl,
    CoreMl,
    OpenVino,
    Rocm,
    MigraphX,
}

/// Width and height of a model's input, pixels.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(try_from = "String")]
pub struct InputSize(pub u32, pub u32);

/// A size is not two numbers with an x between them.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is not a size such as 640x480, of sides from 32 to {MAX_INPUT_SIDE}")]
pub struct NotASize(String);

impl FromStr for InputSize {
    type Err = NotASize;

    fn from_str(text: &str) -> Result<Self, NotASize> {
        let side = |s: &str| s.parse().ok().filter(|n| (32..=MAX_INPUT_SIDE).contains(n));
        let sides = text.split_once('x').and_then(|(w, h)| Some(Self(side(w)?, side(h)?)));
        sides.ok_or_else(|| NotASize(text.to_owned()))
    }
}

impl TryFrom<String> for InputSize {
    type Error = NotASize;

    fn try_from(text: String) -> Result<Self, NotASize> {
        text.parse()
    }
}

/// What was chosen to look cannot look.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DetectionError {
    /// Two of them were chosen in one place.
    #[error("--{0} and --{1} exclude each other: each says what looks for the faces")]
    Both(&'static str, &'static str),
    /// A flag without the one that it belongs to.
    #[error("--{flag} needs {needs}")]
    Needs {
        /// The flag without its dashes.
        flag: &'static str,
        /// What it needs.
        needs: &'static str,
    },
    /// A score out of range.
    #[error("--threshold is {0}, must be 0 to 1")]
    Threshold(f32),
    /// The model's file cannot be read.
    #[error("model {path}: {reason}")]
    Model {
        /// The file.
        path: String,
        /// What is wrong.
        reason: String,
    },
}

/// What looks, and what tells it from others in a journal.
pub struct Looking {
    /// What looks.
    pub detection: Detection,
    /// The choice in words, a model's SHA-256 included; empty for a level.
    pub fingerprint: String,
}

impl Looking {
    /// For what looks nowhere: faces are known already.
    pub fn nowhere() -> Self {
        Self { detection: Detection::Level, fingerprint: String::new() }
    }
}

impl Choices {
    /// These choices' way to look, or that of `lower` if there is none here: a level, a detector and a model exclude
    /// each other, and what belongs to one must not reach another.
    pub(crate) fn look_over(&self, lower: &mut Self) {
        let gate = self.engine == Some(Engine::Gate);
        if self.level.is_some() || self.detector.is_some() || self.model.is_some() || gate {
            if lower.engine == Some(Engine::Gate) {
                lower.engine = None;
            }
            lower.level = None;
            lower.detector = None;
            lower.model = None;
            lower.model_kind = None;
            lower.model_size = None;
            lower.threshold = None;
        }
        // A level has an engine of its own.
        if self.level.is_some() {
            lower.engine = None;
            lower.ort_library = None;
            lower.ort_provider = None;
        }
    }

    /// The same without a detector or a model in a level's place.
    pub(crate) fn without_detector(self) -> Self {
        let engine = self.engine.filter(|e| *e != Engine::Gate);
        Self { detector: None, model: None, engine, ..self }
    }

    /// What looks for the faces.
    ///
    /// # Errors
    /// [`DetectionError`] if the choices do not fit each other, or the model cannot be read.
    pub fn looking(&self, env: &impl Fn(&str) -> Option<OsString>) -> Result<Looking, DetectionError> {
        self.check_fit()?;
        let threshold = self.threshold;
        if let Some(t) = threshold.filter(|t| !(0.0..=1.0).contains(t)) {
            return Err(DetectionError::Threshold(t));
        }
        let engine = self.engine_choice(env)?;
        if self.engine == Some(Engine::Gate) {
            let fingerprint = format!("engine=gate threshold={threshold:?}");
            return Ok(Looking { detection: Detection::Gate { certain: threshold }, fingerprint });
        }
        let described = |what: String| format!("{what} threshold={threshold:?} engine={engine:?}");
        Ok(match (self.detector, &self.model) {
            (Some(detector), _) => {
                let name = detector.name();
                let fingerprint = described(format!("detector={name}"));
                Looking { detection: Detection::Detector { name, threshold, engine }, fingerprint }
            }
            (None, Some(path)) => {
                let needs = DetectionError::Needs { flag: "model", needs: "--model-kind" };
                let kind = self.model_kind.ok_or(needs)?.kind();
                let bytes = read_model(path)
                    .map_err(|reason| DetectionError::Model { path: path.display().to_string(), reason })?;
                let sha256 = hex(&Sha256::digest(&bytes));
                let size = self.model_size.map(|InputSize(w, h)| (w, h));
                let fingerprint = described(format!("model={sha256} kind={kind} size={size:?}"));
                let options = ModelOptions { kind, size, engine };
                let name = path.display().to_string();
                Looking {
                    detection: Detection::Model(UserModel { name, bytes, options, threshold }),
                    fingerprint,
                }
            }
            (None, None) => Looking::nowhere(),
        })
    }

    fn check_fit(&self) -> Result<(), DetectionError> {
        let gate = self.engine == Some(Engine::Gate);
        let ways = [
            ("level", self.level.is_some()),
            ("detector", self.detector.is_some()),
            ("model", self.model.is_some()),
            ("engine gate", gate),
        ];
        let mut chosen = ways.iter().filter(|(_, there)| *there).map(|(flag, _)| *flag);
        if let (Some(a), Some(b)) = (chosen.next(), chosen.next()) {
            return Err(DetectionError::Both(a, b));
        }
        let (single, model) = (self.detector.is_some() || self.model.is_some(), self.model.is_some());
        let ort = self.engine == Some(Engine::Ort);
        let one = "--detector or --model; the levels run on the engine made for their detectors";
        let table = [
            (
                "threshold",
                self.threshold.is_some(),
                single || gate,
                "--detector or --model; a level has its own",
            ),
            ("margin", gate && self.margin.is_some(), false, "a detector; a mask is hidden as it is"),
            ("shape", gate && self.shape.is_some(), false, "a detector; a mask is hidden as it is"),
            ("model-kind", self.model_kind.is_some(), model, "--model FILE.onnx"),
            ("model-size", self.model_size.is_some(), model, "--model FILE.onnx"),
            ("engine ort", ort, single, one),
            ("ort-library", self.ort_library.is_some(), ort, "--engine ort"),
            ("ort-provider", self.ort_provider.is_some(), ort, "--engine ort"),
        ];
        match table.into_iter().find(|&(_, given, has, _)| given && !has) {
            Some((flag, _, _, needs)) => Err(DetectionError::Needs { flag, needs }),
            None => Ok(()),
        }
    }

    fn engine_choice(&self, env: &impl Fn(&str) -> Option<OsString>) -> Result<EngineChoice, DetectionError> {
        if self.engine != Some(Engine::Ort) {
            return Ok(EngineChoice::Inside);
        }
        let from_env = || env("ORT_DYLIB_PATH").filter(|v| !v.is_empty()).map(PathBuf::from);
        let path = self.ort_library.clone().or_else(from_env).ok_or(DetectionError::Needs {
            flag: "engine ort",
            needs: "--ort-library FILE or $ORT_DYLIB_PATH, where ONNX Runtime's library is",
        })?;
        Ok(EngineChoice::Ort(OrtLibrary { path, provider: self.ort_provider.map(Provider::provider) }))
    }
}

/// The whole file, unless it is longer than any face detector or no file.
pub(crate) fn read_model(path: &Path) -> Result<Arc<[u8]>, String> {
    let there = path.metadata().map_err(|e| e.to_string())?;
    if !there.is_file() {
        return Err("is no regular file".to_owned());
    }
    let too_long = |bytes: u64| format!("is {bytes} bytes long or more, at most {MAX_MODEL_BYTES} are read");
    if there.len() > MAX_MODEL_BYTES {
        return Err(too_long(there.len()));
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|e| e.to_string())?;
    file.take(MAX_MODEL_BYTES + 1).read_to_end(&mut bytes).map_err(|e| e.to_string())?;
    if bytes.len() as u64 > MAX_MODEL_BYTES {
        return Err(too_long(bytes.len() as u64));
    }
    Ok(bytes.into())
}

impl Detector {
    fn name(self) -> DetectorName {
        match self {
            Self::Yunet => DetectorName::YuNet,
            Self::YunetS => DetectorName::YuNetS,
            Self::Centerface => DetectorName::CenterFace,
            Self::Ultraface => DetectorName::UltraFace,
            Self::BlazefaceShort => DetectorName::BlazeFaceShort,
            Self::BlazefaceFull => DetectorName::BlazeFaceFull,
            Self::BlazefaceBack => DetectorName::BlazeFaceBack,
            Self::Retinaface => DetectorName::RetinaFace,
        }
    }
}

impl Kind {
    fn kind(self) -> ModelKind {
        match self {
            Self::Yunet => ModelKind::YuNet,
            Self::Scrfd => ModelKind::Scrfd,
            Self::Retinaface => ModelKind::RetinaFace,
            Self::Retinaface1Mb => ModelKind::RetinaFaceSmall,
            Self::YoloFace => ModelKind::YoloFace,
            Self::Ultraface => ModelKind::UltraFace,
            Self::Blazeface => ModelKind::BlazeFace,
            Self::Centerface => ModelKind::CenterFace,
        }
    }
}

impl Provider {
    fn provider(self) -> OrtProvider {
        match self {
            Self::Cuda => OrtProvider::Cuda,
            Self::TensorRt => OrtProvider::TensorRt,
            Self::DirectMl => OrtProvider::DirectMl,
            Self::CoreMl => OrtProvider::CoreMl,
            Self::OpenVino => OrtProvider::OpenVino,
            Self::Rocm => OrtProvider::Rocm,
            Self::MigraphX => OrtProvider::MigraphX,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_library() {
        for name in Detector::value_variants() {
            let typed = name.to_possible_value().unwrap();
            assert_eq!(typed.get_name(), name.name().to_string());
        }
        for kind in Kind::value_variants() {
            assert_eq!(kind.to_possible_value().unwrap().get_name(), kind.kind().name());
        }
        for provider in Provider::value_variants() {
            assert_eq!(provider.to_possible_value().unwrap().get_name(), provider.provider().to_string());
        }
        assert_eq!(Detector::value_variants().len(), DetectorName::ALL.len());
        assert_eq!(Kind::value_variants().len(), ModelKind::ALL.len());
    }

    #[test]
    fn a_higher_layer_replaces_the_whole_way_to_look() {
        let model = Choices {
            model: Some("a.onnx".into()),
            model_kind: Some(Kind::Scrfd),
            threshold: Some(0.4),
            ..Choices::default()
        };
        let detector = Choices { detector: Some(Detector::Ultraface), ..Choices::default() };
        assert_eq!(detector.clone().over(model.clone()), detector);
        let threshold = Choices { threshold: Some(0.5), ..Choices::default() };
        assert_eq!(threshold.over(model.clone()), Choices { threshold: Some(0.5), ..model });
    }

    #[test]
    fn choices_that_do_not_fit_are_refused() {
        let of = |text: &str| Choices::from_toml(text).unwrap().looking(&|_| None).map(|l| l.detection);
        for (text, want) in [
            ("level = 'fast'\ndetector = 'yunet'", "--level and --detector exclude each other"),
            ("level = 'fast'\nengine = 'gate'", "--level and --engine gate exclude each other"),
            ("engine = 'gate'\nmargin = 1.2", "--margin needs a detector"),
            ("threshold = 0.5", "--threshold needs --detector or --model"),
            ("detector = 'yunet'\nthreshold = 1.5", "--threshold is 1.5, must be 0 to 1"),
            ("detector = 'yunet'\nmodel-kind = 'scrfd'", "--model-kind needs --model"),
            ("engine = 'ort'", "--engine ort needs --detector or --model"),
            (
                "detector = 'yunet'\nengine = 'ort'",
                "--engine ort needs --ort-library FILE or $ORT_DYLIB_PATH",
            ),
            ("detector = 'yunet'\nort-provider = 'cuda'", "--ort-provider needs --engine ort"),
            ("model = 'missing.onnx'", "--model needs --model-kind"),
            ("model = 'missing.onnx'\nmodel-kind = 'yunet'", "model missing.onnx: "),
            ("model = '.'\nmodel-kind = 'yunet'", "model .: is no regular file"),
        ] {
            let refusal = of(text).map(drop).unwrap_err().to_string();
            assert!(refusal.starts_with(want), "{text}: {refusal}");
        }
        assert_eq!(of("level = 'fast'").unwrap(), Detection::Level);
        let gate = Detection::Gate { certain: Some(0.5) };
        assert_eq!(of("engine = 'gate'\nthreshold = 0.5").unwrap(), gate);
        let size = |text| Choices::from_toml(&format!("model-size = '{text}'")).is_ok();
        assert!(size("640x480") && !size("640") && !size("8x8") && !size("640x99999"));
    }
}
