//! Networks that turn an aligned face into numbers that are alike for one person.

use std::path::Path;

use anyhow::{Context, Result, bail};
use faceveil::EngineChoice;
use faceveil_infer::engine::sizes::Sizes;
use faceveil_infer::engine::{self, Engine};
use faceveil_infer::onnx::{Graph, without_shapes};
use faceveil_infer::weights::sha256_of;

use super::attack::unit;
use crate::compare::look;
use crate::dataset::augment::{Affine, draw};
use crate::dataset::picture::Picture;

/// Sides of an aligned face, pixels.
const SIDE: u32 = 112;
/// Where ArcFace's embedders expect eyes, nose and corners of the mouth: Deng 2019, <https://arxiv.org/abs/1801.07698>, code
/// of InsightFace.
const TEMPLATE: [(f64, f64); 5] =
    [(38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041)];

/// A network's file and how pixels become its numbers.
#[derive(Clone, Debug)]
pub struct Embedder {
    /// What it is called: its file's name.
    pub name: String,
    /// SHA-256 of its file.
    pub sha256: String,
    bytes: Vec<u8>,
    imagenet: bool,
    engine: EngineChoice,
}

impl Embedder {
    /// `FILE:arcface` or `FILE:imagenet`.
    ///
    /// # Errors
    /// If there is no such file or kind.
    pub fn parse(text: &str, ort: Option<&Path>) -> Result<Self> {
        let (path, kind) = text.rsplit_once(':').with_context(|| format!("{text:?} is not FILE:KIND"))?;
        let imagenet = match kind {
            "imagenet" => true,
            "arcface" => false,
            _ => bail!("{kind:?} is neither arcface nor imagenet"),
        };
        let bytes = std::fs::read(path).with_context(|| path.to_owned())?;
        let name = Path::new(path).file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { name, sha256: sha256_of(&bytes), bytes, imagenet, engine: look::engine(ort) })
    }

    /// The network, for one thread.
    ///
    /// # Errors
    /// If the engine does not take it.
    pub fn load(&self) -> Result<Loaded> {
        let sizes = Sizes::new(Graph::parse(&self.bytes)?)?;
        sizes.outputs(&[1, 3, SIDE as usize, SIDE as usize])?;
        let fixed = sizes.declared_input().is_some_and(|s| s.iter().all(Option::is_some));
        let bytes = if fixed { self.bytes.clone() } else { without_shapes(&self.bytes)? };
        let engine = engine::load(&self.engine, &bytes, sizes.input()).with_context(|| self.name.clone())?;
        Ok(Loaded { engine, imagenet: self.imagenet })
    }
}

/// An embedder ready to run.
#[derive(Debug)]
pub struct Loaded {
    engine: Box<dyn Engine>,
    imagenet: bool,
}

impl Loaded {
    /// Of a face of [`aligned`]; of unit length.
    ///
    /// # Errors
    /// If the engine stops in the middle, or gives no numbers.
    pub fn embed(&mut self, face: &Picture) -> Result<Vec<f32>> {
        let (mean, deviation) = if self.imagenet {
            ([0.485, 0.456, 0.406].map(|m| m * 255.0), [0.229, 0.224, 0.225].map(|d| d * 255.0))
        } else {
            ([127.5; 3], [128.0; 3])
        };
        let channel = |c: usize| {
            face.pixels().iter().skip(c).step_by(3).map(move |v| (f32::from(*v) - mean[c]) / deviation[c])
        };
        let input: Vec<f32> = (0..3).flat_map(channel).collect();
        let side = SIDE as usize;
        let mut made = self.engine.run([1, 3, side, side], &input)?.into_iter();
        let mut values =
            made.next().map(|v| v.data).filter(|v| !v.is_empty()).context("no embedding came out")?;
        unit(&mut values);
        Ok(values)
    }
}

/// The face turned, scaled and moved so that its points lie as near as can be to the template: the similarity of least
/// squares (Umeyama 1991, without mirroring). `points` are places of samples, in pixels of the picture.
pub fn aligned(picture: &Picture, points: &[(f64, f64); 5]) -> Picture {
    let mean = |p: &[(f64, f64); 5]| p.iter().fold((0.0, 0.0), |s, p| (s.0 + p.0 / 5.0, s.1 + p.1 / 5.0));
    let (from, to) = (mean(points), mean(&TEMPLATE));
    let (mut real, mut imaginary, mut size) = (0.0, 0.0, 1e-9);
    for (p, q) in points.iter().zip(&TEMPLATE) {
        let (x, y, u, v) = (p.0 - from.0, p.1 - from.1, q.0 - to.0, q.1 - to.1);
        real += x * u + y * v;
        imaginary += x * v - y * u;
        size += x * x + y * y;
    }
    let (a, b) = (real / size, imaginary / size);
    // A sample at `x` covers `x..x + 1` of the drawing's plane, so both sides are moved by half a pixel.
    let (cx, cy) = (from.0 + 0.5, from.1 + 0.5);
    let affine = Affine { x: [a, -b, to.0 + 0.5 - a * cx + b * cy], y: [b, a, to.1 + 0.5 - b * cx - a * cy] };
    let mut face = Picture::flat(SIDE, SIDE, [0; 3]);
    draw(&mut face, picture, &affine, [0, 0, SIDE, SIDE]);
    face
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_come_to_lie_on_the_template() {
        // A white dot at each point, of a face twice the size and turned by 30°.
        let (sin, cos) = std::f64::consts::FRAC_PI_6.sin_cos();
        let place =
            |(x, y): (f64, f64)| (120.0 + 2.0 * (x * cos - y * sin), 40.0 + 2.0 * (x * sin + y * cos));
        let points = TEMPLATE.map(place);
        let mut picture = Picture::flat(400, 400, [0; 3]);
        for (x, y) in points {
            for dy in -3..=3 {
                for dx in -3..=3 {
                    let at = (y.round() as i32 + dy) * 400 + x.round() as i32 + dx;
                    picture.pixels_mut()[at as usize] = [255; 3];
                }
            }
        }
        let face = aligned(&picture, &points);
        for (x, y) in TEMPLATE {
            assert!(face.at(x.round() as u32, y.round() as u32)[0] > 200, "({x}, {y})");
        }
        let bright = face.pixels().iter().filter(|v| **v > 128).count();
        assert!((3 * 5 * 6..3 * 5 * 25).contains(&bright), "{bright}");
    }
}
