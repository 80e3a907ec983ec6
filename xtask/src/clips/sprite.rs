//! Faces cut out of annotated photos, and backgrounds without any.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use faceveil_core::raster::{Color, Raster, Samples};
use faceveil_data::dataset;
use faceveil_data::split::{Part, Set};
use faceveil_data::truth::TruthFace;
use faceveil_media::Limits;

use super::{Dice, Picture};

/// A cut-out is the annotated ellipse grown by this, so that hair and chin come with the face.
const AROUND: f64 = 1.4;
/// The share of it that is a soft edge.
const SOFT: f64 = 0.1;
/// Annotated faces narrower than this are too blurred to be enlarged, pixels.
const NARROWEST: f64 = 70.0;
/// Cut-outs and backgrounds that are loaded.
const FACES: usize = 48;
const BACKGROUNDS: usize = 16;

/// A face with soft edges, at full size and halved again and again.
#[derive(Clone)]
pub struct Sprite {
    /// Red, green, blue, opacity (`0..=255`, not multiplied in).
    pub levels: Vec<(usize, usize, Vec<[f32; 4]>)>,
    /// The annotation in pixels of the largest level.
    pub face: TruthFace,
}

/// What clips are made of.
pub struct Cast {
    pub faces: Vec<Sprite>,
    pub backgrounds: Vec<Picture>,
}

impl Cast {
    /// The cast of a part, in an order that `seed` decides.
    ///
    /// # Errors
    /// If the public pictures are not there.
    pub fn load(shared: &Path, part: Part, seed: u64) -> Result<Self> {
        let mut dice = Dice::new(seed);
        let mut candidates = Vec::new();
        for item in dataset::load(shared, Set::Fddb, part)? {
            for face in item.faces(0, 0).unwrap_or_default() {
                if face.side() >= NARROWEST {
                    candidates.push((item.image_path.clone(), face));
                }
            }
        }
        shuffle(&mut candidates, &mut dice);
        let mut faces = Vec::new();
        for (path, face) in candidates {
            if faces.len() == FACES {
                break;
            }
            faces.extend(cut_out(&read(&path)?, &face));
        }
        let mut items = dataset::load(shared, Set::Negatives, part)?;
        shuffle(&mut items, &mut dice);
        let backgrounds =
            items.iter().take(BACKGROUNDS).map(|item| read(&item.image_path)).collect::<Result<Vec<_>>>()?;
        ensure!(faces.len() >= 8 && !backgrounds.is_empty(), "too few public pictures for a cast");
        Ok(Self { faces, backgrounds })
    }
}

fn shuffle<T>(items: &mut [T], dice: &mut Dice) {
    for i in (1..items.len()).rev() {
        items.swap(i, (dice.next() % (i as u64 + 1)) as usize);
    }
}

fn read(path: &Path) -> Result<Picture> {
    let photo = faceveil_media::decode(&std::fs::read(path)?, &Limits::default())
        .with_context(|| path.display().to_string())?;
    picture(&photo.raster).with_context(|| path.display().to_string())
}

fn picture(raster: &Raster) -> Result<Picture> {
    let Samples::U8(samples) = raster.samples() else { anyhow::bail!("not of 8 bits") };
    let pixels = match raster.color() {
        Color::Rgb => samples.iter().map(|&v| f32::from(v)).collect(),
        Color::Gray => samples.iter().flat_map(|&v| [f32::from(v); 3]).collect(),
        other => anyhow::bail!("{other:?} is not handled"),
    };
    Ok(Picture { width: raster.width() as usize, height: raster.height() as usize, pixels })
}

/// `None` where the face is too near the photo's edge.
fn cut_out(photo: &Picture, face: &TruthFace) -> Option<Sprite> {
    let grown = TruthFace {
        sxx: face.sxx * AROUND * AROUND,
        sxy: face.sxy * AROUND * AROUND,
        syy: face.syy * AROUND * AROUND,
        ..*face
    };
    let [left, top, right, bottom] = grown.corners();
    let inside =
        left >= 1.0 && top >= 1.0 && right < photo.width as f64 - 1.0 && bottom < photo.height as f64 - 1.0;
    if !inside {
        return None;
    }
    let (x0, y0) = (left as usize, top as usize);
    let (width, height) = (right as usize + 2 - x0, bottom as usize + 2 - y0);
    let det = (grown.sxx * grown.syy - grown.sxy * grown.sxy).max(1e-6);
    let pixel = |i: usize| {
        let (x, y) = (x0 + i % width, y0 + i / width);
        let (dx, dy) = (x as f64 - grown.cx, y as f64 - grown.cy);
        let norm = ((grown.syy * dx * dx - 2.0 * grown.sxy * dx * dy + grown.sxx * dy * dy) / det).sqrt();
        let opacity = (((1.0 - norm) / SOFT).clamp(0.0, 1.0) * 255.0) as f32;
        let at = (y.min(photo.height - 1) * photo.width + x.min(photo.width - 1)) * 3;
        [photo.pixels[at], photo.pixels[at + 1], photo.pixels[at + 2], opacity]
    };
    let mut levels = vec![(width, height, (0..width * height).map(pixel).collect::<Vec<_>>())];
    while let Some((width, height, pixels)) = levels.last().filter(|(w, h, _)| (*w).min(*h) > 8) {
        levels.push(halved(*width, *height, pixels));
    }
    let face = TruthFace { cx: face.cx - x0 as f64, cy: face.cy - y0 as f64, ..*face };
    Some(Sprite { levels, face })
}

fn halved(width: usize, height: usize, pixels: &[[f32; 4]]) -> (usize, usize, Vec<[f32; 4]>) {
    let (w, h) = (width / 2, height / 2);
    let mean = |i: usize| {
        let (x, y) = (2 * (i % w), 2 * (i / w));
        let four = [(x, y), (x + 1, y), (x, y + 1), (x + 1, y + 1)].map(|(x, y)| pixels[y * width + x]);
        std::array::from_fn(|c| four.iter().map(|p| p[c]).sum::<f32>() / 4.0)
    };
    (w, h, (0..w * h).map(mean).collect())
}
