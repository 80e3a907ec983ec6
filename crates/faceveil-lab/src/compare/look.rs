//! A detector that looks at originals and outputs: whether a machine still finds the faces.

use std::path::Path;
use std::str::FromStr;

use anyhow::{Context, Result};
use faceveil::{DetectorName, EngineChoice, ModelKind, ModelOptions, OrtLibrary};
use faceveil_core::face::Face;
use faceveil_core::raster::RgbView;
use faceveil_eval::Picture;
use faceveil_infer::detectors::{BoxedDetector, OnnxDetector};
use faceveil_infer::weights::sha256_of;

/// A detection on the output is the same face from this overlap on.
const SAME: f32 = 0.4;

/// Which detector looks.
#[derive(Clone, Debug)]
pub struct Looker {
    /// What it is called.
    pub name: String,
    /// SHA-256 of its network.
    pub sha256: String,
    threshold: f32,
    source: Source,
    engine: EngineChoice,
}

#[derive(Clone, Debug)]
enum Source {
    Inside(DetectorName),
    File(Vec<u8>, ModelKind),
}

impl Looker {
    /// A detector of ours, or `FILE:KIND`; `None` for `none`.
    ///
    /// # Errors
    /// If there is no such detector or file.
    pub fn parse(text: &str, ort: Option<&Path>) -> Result<Option<Self>> {
        if text == "none" {
            return Ok(None);
        }
        let engine = engine(ort);
        if let Ok(name) = DetectorName::from_str(text) {
            let sha256 = name.weights().context("this build leaves it out")?.sha256.to_owned();
            let (source, threshold) = (Source::Inside(name), name.usual_threshold());
            return Ok(Some(Self { name: text.to_owned(), sha256, threshold, source, engine }));
        }
        let (path, kind) =
            text.rsplit_once(':').with_context(|| format!("{text:?} is neither a detector nor FILE:KIND"))?;
        let known = ModelKind::ALL.into_iter().find(|k| k.name() == kind);
        let kind = known.with_context(|| format!("{kind:?} is no family of detectors"))?;
        let bytes = std::fs::read(path).with_context(|| path.to_owned())?;
        let name = Path::new(path).file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let (sha256, threshold) = (sha256_of(&bytes), kind.usual_threshold());
        Ok(Some(Self { name, sha256, threshold, source: Source::File(bytes, kind), engine }))
    }

    /// The detector, for one thread.
    ///
    /// # Errors
    /// If the engine does not take it.
    pub fn load(&self) -> Result<Loaded> {
        let detector: BoxedDetector = match &self.source {
            Source::Inside(name) => name.load(&self.engine)?,
            Source::File(bytes, kind) => {
                let options = ModelOptions { kind: *kind, size: None, engine: self.engine.clone() };
                Box::new(OnnxDetector::new(&self.name, bytes, &options)?)
            }
        };
        Ok(Loaded { detector, threshold: self.threshold })
    }
}

/// The engine inside, or ONNX Runtime from that library.
pub fn engine(ort: Option<&Path>) -> EngineChoice {
    ort.map_or(EngineChoice::Inside, |path| {
        EngineChoice::Ort(OrtLibrary { path: path.to_owned(), provider: None })
    })
}

/// A detector ready to look.
pub struct Loaded {
    detector: BoxedDetector,
    threshold: f32,
}

impl Loaded {
    /// The faces that it finds.
    ///
    /// # Errors
    /// If it stops in the middle.
    pub fn faces(&mut self, picture: &Picture) -> Result<Vec<Face>> {
        let view = RgbView::new(picture.width() as u32, picture.height() as u32, picture.pixels());
        Ok(self.detector.detect(view.context("a picture's length follows from its size")?, self.threshold)?)
    }
}

/// How many of `before` are also in `after`.
pub fn still_there(before: &[Face], after: &[Face]) -> usize {
    before.iter().filter(|b| after.iter().any(|a| a.rect.iou(&b.rect) >= SAME)).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use faceveil_core::geom::RectF;

    #[test]
    fn what_can_look() {
        assert!(Looker::parse("none", None).unwrap().is_none());
        assert_eq!(Looker::parse("yunet", None).unwrap().unwrap().sha256.len(), 64);
        for bad in ["nobody", "no/such/file.onnx:scrfd", "a:nokind"] {
            assert!(Looker::parse(bad, None).is_err(), "{bad}");
        }
    }

    #[test]
    fn faces_are_the_same_where_they_overlap() {
        let face = |left: f32| Face {
            rect: RectF { left, top: 0.0, right: left + 10.0, bottom: 10.0 },
            score: 1.0,
            landmarks: None,
            also: Vec::new(),
        };
        assert_eq!(still_there(&[face(0.0), face(50.0)], &[face(2.0), face(57.0)]), 1);
        assert_eq!(still_there(&[], &[face(0.0)]), 0);
    }
}
