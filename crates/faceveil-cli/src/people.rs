//! Who is left visible, from what was typed.

use std::path::Path;

use clap::ValueEnum;
use faceveil::people::{EmbedderPixels, People};
use faceveil::{Anonymizer, Settings};
use faceveil_media::{Limits, decode, files};

use crate::args::BlurArgs;
use crate::detection::read_model;
use crate::plan::{PlanError, in_range};

/// Least cosine for somebody to be left visible, unless chosen.
pub const ABOVE: f32 = 0.5;

/// How an embedder wants its pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Pixels {
    /// Red, green and blue, less 127.5, by 128
    Arcface,
    /// Red, green and blue from 0 to 1, less the mean of ImageNet, by its deviation
    Imagenet,
}

impl Pixels {
    fn pixels(self) -> EmbedderPixels {
        match self {
            Self::Arcface => EmbedderPixels::ArcFace,
            Self::Imagenet => EmbedderPixels::ImageNet,
        }
    }
}

/// The people of the pictures that were typed; `None` if there are none.
///
/// # Errors
/// [`PlanError`] if the embedder cannot be used, or a picture does not show exactly one face.
pub fn known(args: &BlurArgs, settings: &Settings, limits: &Limits) -> Result<Option<People>, PlanError> {
    let Some(path) = args.embedder.as_ref().filter(|_| !args.keep.is_empty()) else { return Ok(None) };
    let at = |path: &Path, reason: String| PlanError::People { path: path.display().to_string(), reason };
    let above = in_range("keep-above", args.keep_above, 0.3, 1.0, "0.3 to 1")?;
    let bytes = read_model(path).map_err(|reason| at(path, reason))?;
    let mut people = People::new(bytes, args.embedder_pixels.pixels(), above);
    let mut embedder = people.embedder().map_err(|e| at(path, e.to_string()))?;
    for picture in &args.keep {
        let add = |people: &mut People| -> anyhow::Result<()> {
            let photo = decode(&files::read_photo(picture, limits)?, limits)?;
            let faces = Anonymizer::new(settings)?.detect(&photo.raster)?;
            Ok(people.add(&mut embedder, &photo.raster, &faces)?)
        };
        let mut add = add;
        add(&mut people).map_err(|e| at(picture, format!("{e:#}")))?;
    }
    Ok(Some(people))
}
