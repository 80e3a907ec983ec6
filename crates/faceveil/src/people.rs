//! People who are to stay visible, told from others by a network of the user's that turns an aligned face into
//! numbers (an embedder). None is inside the program: those that are at hand were trained on pictures whose terms do
//! not allow it, or say nothing of them. Off unless asked for; whoever is not surely one of them is hidden.

use std::sync::Arc;

use faceveil_core::face::{Face, Landmarks};
use faceveil_core::geom::Point;
use faceveil_core::raster::Raster;
use faceveil_core::track::Likeness;
use faceveil_infer::engine::sizes::Sizes;
use faceveil_infer::engine::{self, Engine, EngineChoice, EngineError};
use faceveil_infer::onnx::{Graph, without_shapes};
use faceveil_infer::weights::sha256_of;

use crate::Settings;

/// Sides of an aligned face, pixels.
const SIDE: usize = 112;
/// Where ArcFace's embedders expect eyes, nose and corners of the mouth: Deng 2019, <https://arxiv.org/abs/1801.07698>,
/// code of InsightFace.
const TEMPLATE: [(f32, f32); 5] =
    [(38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041)];
/// Eyes that are nearer to each other tell nobody, pixels.
const LEAST_EYES: f32 = 14.0;
/// How much less alike than [`People::above`] a face may be and still be somebody's: in between nothing is known.
const DOUBT: f32 = 0.2;
/// Samples of a pixel of the aligned face, at most, to each side.
const MOST_SAMPLES: usize = 6;

/// How an embedder's file wants its pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EmbedderPixels {
    /// `(value - 127.5) / 128`.
    #[default]
    ArcFace,
    /// Less the mean of ImageNet's pixels, by their deviation.
    ImageNet,
}

/// Why people cannot be told from each other.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PeopleError {
    /// The embedder cannot be used.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// It gives no numbers, or such that are none.
    #[error("the embedder gives no numbers for a face of {SIDE}×{SIDE} pixels")]
    Nothing,
    /// A picture of a person does not show exactly one face.
    #[error("it shows {0} faces instead of one: cut it to the person")]
    Faces(usize),
    /// The face is too small, or its eyes, nose and mouth were not found.
    #[error("the face in it is too small, or its eyes, nose and mouth are not seen")]
    Unclear,
}

/// Who is to stay visible.
#[derive(Clone, Debug)]
pub struct People {
    embedder: Arc<[u8]>,
    pixels: EmbedderPixels,
    /// Least cosine with a picture of somebody who is to stay visible, `0.0..=1.0`.
    above: f32,
    /// What the embedder makes of each picture, and the number of the person that it shows.
    known: Vec<(Vec<f32>, usize)>,
}

impl People {
    /// Nobody yet. `embedder` is an ONNX file whose input is a picture of `1×3×112×112`, and whose first output is
    /// compared by its cosine.
    pub fn new(embedder: Arc<[u8]>, pixels: EmbedderPixels, above: f32) -> Self {
        Self { embedder, pixels, above, known: Vec::new() }
    }

    /// The embedder, for one thread.
    ///
    /// # Errors
    /// [`PeopleError`] if the engine inside the program does not take it.
    pub fn embedder(&self) -> Result<Embedder, PeopleError> {
        let sizes = Sizes::new(Graph::parse(&self.embedder).map_err(EngineError::from)?);
        let sizes = sizes.map_err(EngineError::from)?;
        sizes.outputs(&[1, 3, SIDE, SIDE]).map_err(EngineError::from)?;
        let fixed = sizes.declared_input().is_some_and(|s| s.iter().all(Option::is_some));
        let without =
            if fixed { None } else { Some(without_shapes(&self.embedder).map_err(EngineError::from)?) };
        let bytes = without.as_deref().unwrap_or(&self.embedder);
        let engine = engine::load(&EngineChoice::Inside, bytes, sizes.input())?;
        Ok(Embedder { engine, pixels: self.pixels })
    }

    /// Adds somebody by a picture in which `faces` were found. Pictures that are alike are of one person.
    ///
    /// # Errors
    /// [`PeopleError`] if the picture does not show exactly one face, or not clearly.
    pub fn add(
        &mut self,
        embedder: &mut Embedder,
        picture: &Raster,
        faces: &[Face],
    ) -> Result<(), PeopleError> {
        let [face] = faces else { return Err(PeopleError::Faces(faces.len())) };
        let numbers = embedder.embed(picture, face)?.ok_or(PeopleError::Unclear)?;
        let (person, likeness) = self.nearest(&numbers);
        let person = if likeness >= self.above { person } else { self.known.len() };
        self.known.push((numbers, person));
        Ok(())
    }

    /// Tells who is in `picture`, face by face. Two faces that look like one person are both unknown: one of them is
    /// somebody else.
    ///
    /// # Errors
    /// [`PeopleError`] if the embedder stops: nobody may be shown.
    pub fn look(
        &self,
        embedder: &mut Embedder,
        picture: &Raster,
        faces: &[Face],
    ) -> Result<Vec<Likeness>, PeopleError> {
        let mut told = Vec::with_capacity(faces.len());
        for face in faces {
            let nearest = embedder.embed(picture, face)?.map(|numbers| self.nearest(&numbers));
            told.push(match nearest {
                Some((person, likeness)) if likeness >= self.above => (Likeness::Known, person),
                Some((_, likeness)) if likeness >= self.above - DOUBT => (Likeness::Unknown, usize::MAX),
                // Not a number is not alike, either.
                Some(_) => (Likeness::Other, usize::MAX),
                None => (Likeness::Unknown, usize::MAX),
            });
        }
        let twice =
            |person: usize| told.iter().filter(|(l, p)| *l == Likeness::Known && *p == person).count() > 1;
        let sure = |&(likeness, person): &(Likeness, usize)| {
            if likeness == Likeness::Known && twice(person) { Likeness::Unknown } else { likeness }
        };
        Ok(told.iter().map(sure).collect())
    }

    /// SHA-256 of all that decides who is visible, in hexadecimal.
    pub fn fingerprint(&self) -> String {
        let numbers = self.known.iter().flat_map(|(numbers, _)| numbers.iter().flat_map(|n| n.to_le_bytes()));
        let mut all: Vec<u8> = self.embedder.to_vec();
        all.extend(format!("{:?} {}", self.pixels, self.above).bytes());
        all.extend(numbers);
        sha256_of(&all)
    }

    /// The most alike person, and the cosine; below every cosine if there is nobody.
    fn nearest(&self, numbers: &[f32]) -> (usize, f32) {
        let cosine = |known: &[f32]| known.iter().zip(numbers).map(|(a, b)| a * b).sum::<f32>();
        let all = self.known.iter().map(|(known, person)| (*person, cosine(known)));
        all.max_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or((usize::MAX, -2.0))
    }
}

/// Who is left visible, and what tells them, if anybody is.
pub(crate) fn ready(settings: &Settings) -> Result<Option<(Arc<People>, Embedder)>, PeopleError> {
    let ready = |people: &Arc<People>| Ok((people.clone(), people.embedder()?));
    settings.people.as_ref().map(ready).transpose()
}

/// An embedder ready to run.
#[derive(Debug)]
pub struct Embedder {
    engine: Box<dyn Engine>,
    pixels: EmbedderPixels,
}

impl Embedder {
    /// The numbers of a face, of length 1; `None` if it is too small or its landmarks are not known.
    ///
    /// # Errors
    /// [`PeopleError`] if the engine stops.
    pub fn embed(&mut self, picture: &Raster, face: &Face) -> Result<Option<Vec<f32>>, PeopleError> {
        let Some(marks) = face.landmarks.filter(|marks| eyes(marks) >= LEAST_EYES) else { return Ok(None) };
        let input = aligned(picture, &marks, self.pixels);
        let made = self.engine.run([1, 3, SIDE, SIDE], &input)?.into_iter().next();
        let mut numbers = made.map(|values| values.data).unwrap_or_default();
        let length = numbers.iter().map(|n| n * n).sum::<f32>().sqrt();
        if !(length.is_finite() && length > 1e-6) {
            return Err(PeopleError::Nothing);
        }
        numbers.iter_mut().for_each(|n| *n /= length);
        Ok(Some(numbers))
    }
}

fn eyes(marks: &Landmarks) -> f32 {
    (marks[1].x - marks[0].x).hypot(marks[1].y - marks[0].y)
}

/// The face turned, scaled and moved so that its points lie as near as can be to the template (the similarity of least
/// squares, Umeyama 1991, without mirroring), as planes of red, green and blue.
fn aligned(picture: &Raster, marks: &Landmarks, pixels: EmbedderPixels) -> Vec<f32> {
    let centre =
        |points: [(f32, f32); 5]| points.iter().fold((0.0, 0.0), |s, p| (s.0 + p.0 / 5.0, s.1 + p.1 / 5.0));
    let points = marks.map(|Point { x, y }| (x, y));
    let (there, here) = (centre(points), centre(TEMPLATE));
    // From the template to the picture.
    let (mut real, mut imaginary, mut size) = (0.0, 0.0, 1e-9);
    for (p, q) in TEMPLATE.iter().zip(&points) {
        let (x, y, u, v) = (p.0 - here.0, p.1 - here.1, q.0 - there.0, q.1 - there.1);
        real += x * u + y * v;
        imaginary += x * v - y * u;
        size += x * x + y * y;
    }
    let (a, b) = (real / size, imaginary / size);
    let samples = (a.hypot(b).ceil() as usize).clamp(1, MOST_SAMPLES);
    let (mean, deviation) = match pixels {
        EmbedderPixels::ArcFace => ([127.5; 3], [128.0; 3]),
        EmbedderPixels::ImageNet => {
            ([0.485, 0.456, 0.406].map(|m| m * 255.0), [0.229, 0.224, 0.225].map(|d| d * 255.0))
        }
    };
    let mut planes = vec![0.0; 3 * SIDE * SIDE];
    for (i, (row, column)) in (0..SIDE).flat_map(|y| (0..SIDE).map(move |x| (y, x))).enumerate() {
        let mut sum = [0.0f32; 3];
        for sample in 0..samples * samples {
            let inside = |n: usize| (n as f32 + 0.5) / samples as f32 - 0.5;
            let x = column as f32 + inside(sample % samples) - here.0;
            let y = row as f32 + inside(sample / samples) - here.1;
            let pixel = between(picture, there.0 + a * x - b * y, there.1 + b * x + a * y);
            sum.iter_mut().zip(pixel).for_each(|(sum, value)| *sum += value);
        }
        for c in 0..3 {
            let value = sum[c] / (samples * samples) as f32;
            planes[c * SIDE * SIDE + i] = (value - mean[c]) / deviation[c];
        }
    }
    planes
}

/// The picture between its pixels; black outside.
fn between(picture: &Raster, x: f32, y: f32) -> [f32; 3] {
    let (left, top) = (x.floor(), y.floor());
    let (s, t) = (x - left, y - top);
    let at = |dx: f32, dy: f32| -> [f32; 3] {
        let (x, y) = (left + dx, top + dy);
        let inside = x >= 0.0 && y >= 0.0 && x < picture.width() as f32 && y < picture.height() as f32;
        if inside { picture.rgb8(x as u32, y as u32).map(f32::from) } else { [0.0; 3] }
    };
    let (a, b, c, d) = (at(0.0, 0.0), at(1.0, 0.0), at(0.0, 1.0), at(1.0, 1.0));
    std::array::from_fn(|i| {
        let (above, below) = (a[i] + (b[i] - a[i]) * s, c[i] + (d[i] - c[i]) * s);
        above + (below - above) * t
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use faceveil_core::raster::{Color, Samples};

    #[test]
    fn points_come_to_lie_on_the_template() {
        // A white dot at each point, of a face of two and a half times the size, turned by 30°.
        let (sin, cos) = std::f32::consts::FRAC_PI_6.sin_cos();
        let place =
            |(x, y): (f32, f32)| (120.0 + 2.5 * (x * cos - y * sin), 40.0 + 2.5 * (x * sin + y * cos));
        let points = TEMPLATE.map(place);
        let mut samples = vec![0u8; 500 * 500 * 3];
        for (x, y) in points {
            for (dx, dy) in (-3..=3).flat_map(|dy| (-3..=3).map(move |dx| (dx, dy))) {
                let at = ((y.round() as i32 + dy) * 500 + x.round() as i32 + dx) as usize * 3;
                samples[at..at + 3].fill(255);
            }
        }
        let picture = Raster::new(500, 500, Color::Rgb, Samples::U8(samples)).unwrap();
        let face = aligned(&picture, &points.map(|(x, y)| Point { x, y }), EmbedderPixels::ArcFace);
        for (x, y) in TEMPLATE {
            let value = face[y.round() as usize * SIDE + x.round() as usize];
            assert!(value > 0.6, "({x}, {y}): {value}");
        }
        let bright = face[..SIDE * SIDE].iter().filter(|v| **v > 0.0).count();
        assert!((5 * 4..5 * 16).contains(&bright), "{bright}");
    }

    #[test]
    fn nobody_is_known_where_nobody_was_added() {
        let people = People::new([].into(), EmbedderPixels::ArcFace, 0.5);
        assert_eq!(people.nearest(&[1.0, 0.0]), (usize::MAX, -2.0));
        assert!(people.embedder().is_err(), "an empty file is no network");
    }
}
