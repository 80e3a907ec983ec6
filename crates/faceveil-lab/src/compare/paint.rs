//! Networks that give the picture itself, in 8 bits: the thesis's TFLite files, run by our own runtime.

use anyhow::{Context, Result, ensure};
use faceveil_core::raster::Raster;
use faceveil_int8::model::FileBytes;
use faceveil_int8::{Frame, Input, Model, PixelFormat, Tensor};
use faceveil_quant::{file, tflite};

use super::cost::Cost;
use super::maker::framed;
use crate::dataset::picture::Picture;

/// A network with a picture going in and one of the same size coming out.
#[derive(Clone, Debug)]
pub struct PaintingNet {
    file: FileBytes,
    input: Tensor,
    output: Tensor,
}

impl PaintingNet {
    /// From a TFLite file in int8.
    ///
    /// # Errors
    /// If it cannot be imported, or makes no square picture of a square picture.
    pub fn from_tflite(bytes: &[u8]) -> Result<Self> {
        Self::from_file(&file::write(&tflite::import::int8(bytes)?)?)
    }

    /// From a file of our runtime.
    ///
    /// # Errors
    /// As [`Self::from_tflite`].
    pub fn from_file(bytes: &[u8]) -> Result<Self> {
        let file = FileBytes::new(bytes);
        let model = Model::parse(file.bytes())?;
        let (input, output) = (model.input(), model.output(0).context("the network has no output")?);
        let square = input.channels == 3 && input.width == input.height && input.shape() == output.shape();
        ensure!(
            square,
            "the network makes {:?} of {:?}, not a square picture of one",
            output.shape(),
            input.shape()
        );
        Ok(Self { file, input, output })
    }

    /// What it costs as it is run here.
    ///
    /// # Errors
    /// None: the file was parsed before.
    pub fn cost(&self) -> Result<Cost> {
        let model = Model::parse(self.file.bytes())?;
        Ok(Cost {
            macs: Some(model.macs()),
            flash_bytes: Some(self.file.bytes().len() as u64),
            ram_bytes: Some(model.arena_len() as u64),
            ..Cost::default()
        })
    }

    /// What it makes of a picture, letterboxed in the middle of black as the thesis does it.
    ///
    /// # Errors
    /// If the picture cannot be shrunk.
    pub fn paint(&self, raster: &Raster) -> Result<Picture> {
        let side = u32::try_from(self.side())?;
        let shown = framed(raster, side)?;
        Picture::new(side, side, self.paint_framed(shown.pixels())?).context("as many samples as pixels need")
    }

    /// Side of its frame, pixels.
    pub fn side(&self) -> usize {
        self.input.width
    }

    /// What it makes of a picture in its own frame, RGB.
    ///
    /// # Errors
    /// If the length is another.
    pub fn paint_framed(&self, frame: &[u8]) -> Result<Vec<u8>> {
        let model = Model::parse(self.file.bytes())?;
        let value = |level: u8| model.quantize_input(f32::from(level) / 255.0);
        let values: Vec<i8> = frame.iter().map(|level| value(*level)).collect();
        let (width, height) = (self.input.width, self.input.height);
        // Where a level of grey is a value, the network may read pixels, and ours read nothing else.
        let pixels = (0..=255).all(|level| value(level) as u8 == level ^ 0x80);
        let input = if pixels {
            Input::Frame(Frame { format: PixelFormat::Rgb888, width, height, bytes: frame })
        } else {
            Input::Values(&values)
        };
        let mut arena = vec![0; model.arena_len()];
        let made = model.run(input, &mut arena)?;
        let sample = |q: &i8| (self.output.value(*q) * 255.0).round().clamp(0.0, 255.0) as u8;
        Ok(made.iter().map(sample).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use faceveil_core::raster::{Color, Samples};
    use std::path::Path;

    #[test]
    fn the_thesis_s_student_paints_nearly_what_it_sees() {
        let shared = std::env::var_os("FACEVEIL_SHARED")
            .map_or_else(|| "../../../shared".into(), std::path::PathBuf::from);
        let Ok(bytes) = std::fs::read(Path::new(&shared).join("models/thesis/studentv1_int8.tflite")) else {
            eprintln!("SKIPPED: painting: needs the thesis's networks");
            return;
        };
        let net = PaintingNet::from_tflite(&bytes).unwrap();
        assert!(net.cost().unwrap().macs.is_some_and(|n| n > 500_000_000), "{:?}", net.cost());
        let samples: Vec<u8> = (0..128 * 128 * 3).map(|i| (60 + i / 3 % 128) as u8).collect();
        let raster = Raster::new(128, 128, Color::Rgb, Samples::U8(samples.clone())).unwrap();
        let painted = net.paint(&raster).unwrap();
        let apart: u32 = painted.pixels().iter().zip(&samples).map(|(a, b)| u32::from(a.abs_diff(*b))).sum();
        let mean = f64::from(apart) / samples.len() as f64;
        assert!(mean < 40.0, "{mean} grey levels away from a picture without a face");
        assert!(PaintingNet::from_tflite(b"none").is_err());
    }
}
