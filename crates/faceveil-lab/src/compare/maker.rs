//! Our contestants at work: a picture in, the file that the program would have written out.

use anyhow::{Context, Result};
use faceveil::{Anonymizer, Detection, EngineChoice, Face, Level, Region, Settings, Style};
use faceveil_core::policy::{Outline, Policy};
use faceveil_core::raster::Raster;
use faceveil_data::truth::{Fit, TruthFace};
use faceveil_eval::Original;
use faceveil_infer::gate::{Gate, region};
use faceveil_media::{EncodeOptions, Format, Photo, Source};

use super::contestant::{Contestant, Spec, style};
use super::paint::PaintingNet;
use crate::dataset;
use crate::dataset::build::encode;
use crate::dataset::picture::Picture;
use crate::judge::direct::Direct;

/// The veil's noise must be the same in every run; who hides a face in earnest takes the system's randomness.
const SEED: u64 = 1;
/// Soft edge of a region, as a share of its shorter side: the program's own.
const FEATHER: f32 = 0.03;
/// How much larger than the true face the region of `truth` is.
const TRUTH_MARGIN: f32 = 1.3;

/// A contestant ready to hide faces; one for each thread.
#[derive(Debug)]
pub enum Maker {
    /// A level or a detector.
    Ours(Box<Anonymizer>),
    /// A gate network.
    Gate(Box<Gate>),
    /// A network that gives the picture itself, in floats.
    Direct(Box<Direct>),
    /// The same in 8 bits.
    Painting(Box<PaintingNet>),
    /// Nothing is done, but that the picture may be shrunk into a frame of that side.
    Nothing(Option<u32>),
    /// The true faces.
    Truth(Box<Policy>, Style),
}

impl Maker {
    /// `None` of another program.
    ///
    /// # Errors
    /// If this build cannot run it.
    pub fn new(contestant: &Contestant) -> Result<Option<Self>> {
        let ours = |level: Level, detection: Detection, named: &str| -> Result<Self> {
            let settings =
                Settings { level, detection, style: style(named)?, seed: Some(SEED), ..Settings::default() };
            Ok(Self::Ours(Box::new(Anonymizer::new(&settings)?)))
        };
        Ok(Some(match &contestant.spec {
            Spec::Level(level, style) => ours(*level, Detection::Level, style)?,
            Spec::Detector(name, threshold, style) => {
                let engine = EngineChoice::default();
                ours(
                    Level::Balanced,
                    Detection::Detector { name: *name, threshold: *threshold, engine },
                    style,
                )?
            }
            Spec::Gate(_) => {
                let bytes = contestant.file.as_ref().context("the gate was not read")?;
                Self::Gate(Box::new(Gate::new(bytes)?))
            }
            Spec::Direct(_, path) => Self::Direct(Box::new(Direct::load(path)?)),
            Spec::Tflite(..) => {
                let bytes = contestant.file.as_ref().context("the network was not read")?;
                Self::Painting(Box::new(PaintingNet::from_tflite(bytes)?))
            }
            Spec::Nothing(side) => Self::Nothing(*side),
            Spec::Truth(named) => {
                Self::Truth(Box::new(Policy::new(Outline::Ellipse, TRUTH_MARGIN, FEATHER)?), style(named)?)
            }
            Spec::Outputs(..) => return Ok(None),
        }))
    }

    /// Hides the faces, from pixels to pixels; `faces` are the true ones.
    ///
    /// # Errors
    /// If the picture could not be searched or redacted.
    pub fn hide(&mut self, raster: &mut Raster, faces: &[TruthFace]) -> Result<Vec<Region>> {
        let (regions, style) = match self {
            Self::Ours(anonymizer) => return Ok(anonymizer.anonymize(raster)?.regions),
            Self::Gate(gate) => {
                let found = gate.faces(raster, None)?;
                (found.iter().map(|f| region(f, FEATHER)).collect(), Style::Veil)
            }
            // Who asks for pixels in place wants to know how long it takes.
            Self::Direct(net) => {
                std::hint::black_box(net.paint(&raster.clone().into())?);
                return Ok(Vec::new());
            }
            Self::Painting(net) => {
                std::hint::black_box(net.paint(raster)?);
                return Ok(Vec::new());
            }
            Self::Nothing(_) => return Ok(Vec::new()),
            Self::Truth(policy, style) => {
                let face =
                    |f: &TruthFace| Face { rect: f.rect(), score: 1.0, landmarks: None, also: Vec::new() };
                (policy.regions(&faces.iter().map(face).collect::<Vec<_>>()), style.clone())
            }
        };
        faceveil::hide(raster, &regions, &style, Some(SEED))?;
        Ok(regions)
    }

    /// The file that is judged: a JPEG of a JPEG, else a PNG.
    ///
    /// # Errors
    /// As [`Self::hide`], or if it cannot be encoded.
    pub fn make(&mut self, mut photo: Photo, faces: &[TruthFace]) -> Result<Vec<u8>> {
        match self {
            Self::Nothing(Some(side)) => return png(&framed(&photo.raster, *side)?),
            Self::Direct(net) => {
                let painted = net.paint(&photo.raster.into())?;
                let side = u32::try_from(painted.width())?;
                let painted = Picture::new(side, side, painted.pixels().to_vec());
                return png(&painted.context("as many samples as pixels need")?);
            }
            Self::Painting(net) => return png(&net.paint(&photo.raster)?),
            _ => {}
        }
        let regions = self.hide(&mut photo.raster, faces)?;
        photo.mark_redacted(&regions);
        let format = if matches!(photo.source, Source::Jpeg(_)) { Format::Jpeg } else { Format::Png };
        Ok(faceveil_media::encode(
            &photo,
            &EncodeOptions { format: Some(format), keep_safe_metadata: false },
        )?)
    }
}

/// In the middle of a black square, as the thesis does it, and shrunk as the judge shrinks the original.
///
/// # Errors
/// If a side of the picture is none.
pub fn framed(raster: &Raster, side: u32) -> Result<Picture> {
    let picture = faceveil_eval::Picture::from(raster.clone());
    let (width, height) = (picture.width() as f64, picture.height() as f64);
    let scale = (f64::from(side) / width).min(f64::from(side) / height);
    let of = |len: f64| (len * scale).round_ties_even().max(1.0);
    let middle = |len: f64| ((f64::from(side) - of(len)) / 2.0) as u32;
    let fit = Fit { sx: of(width) / width, sy: of(height) / height, ox: middle(width), oy: middle(height) };
    let framed = Original::new(picture, Vec::new()).fitted(&fit, (side as usize, side as usize));
    let (width, height) = (framed.width() as u32, framed.height() as u32);
    Picture::new(width, height, framed.pixels().to_vec()).context("as many samples as pixels need")
}

fn png(picture: &Picture) -> Result<Vec<u8>> {
    Ok(encode(picture.pixels(), (picture.width(), picture.height()), false, dataset::build::Format::Png)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn maker(text: &str) -> Maker {
        let contestant = Contestant::load(Spec::parse(text).unwrap().remove(0)).unwrap();
        Maker::new(&contestant).unwrap().unwrap()
    }

    #[test]
    fn hiding_the_truth_hides_and_doing_nothing_does_not() {
        let drawing = crate::dataset::fixture::draw::drawing(
            (320, 240),
            1,
            &mut crate::dataset::random::Random::new(3),
        );
        let face = drawing.faces[0].truth();
        let png = png(&drawing.picture).unwrap();
        let photo = faceveil_media::decode(&png, &faceveil_media::Limits::default()).unwrap();
        let original = Original::new(faceveil_eval::Picture::decode(&png).unwrap(), vec![face]);
        for (text, hidden, size) in [
            ("truth", true, (320, 240)),
            ("truth,style=solid", true, (320, 240)),
            ("nothing", false, (320, 240)),
            ("nothing-128", false, (128, 128)),
        ] {
            let bytes = maker(text).make(photo.clone(), &[face]).unwrap();
            let judged = original.judge(&bytes).unwrap();
            assert_eq!(
                !judged.verdict.faces[0].status.is_leak(),
                hidden,
                "{text}: {:?}",
                judged.verdict.faces
            );
            assert_eq!(judged.output.size(), size, "{text}");
        }
    }
}
