//! How alike an embedder finds two pictures of one person, and of two: what `--keep-above` is chosen by (on the tune
//! part), and what it then lets through (on the report part, other people).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use faceveil::people::{EmbedderPixels, People};
use faceveil::{Anonymizer, Settings};
use faceveil_data::dataset;
use faceveil_data::split::{Part, Set};
use faceveil_media::{Limits, decode};

/// Cosines that are tried.
const TRIED: [f32; 8] = [0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.7];

/// What to try.
#[derive(Args, Clone, Debug)]
pub struct KeepTrial {
    /// The embedder.
    embedder: PathBuf,
    /// Its pixels are those of ImageNet.
    #[arg(long)]
    imagenet: bool,
    /// The part of the report.
    #[arg(long)]
    report: bool,
}

/// Prints a line for each cosine: the share of people's other pictures that are at least as like them, and of other
/// people's pictures.
///
/// # Errors
/// If the embedder or the pictures are not there.
pub fn run(shared: &Path, trial: &KeepTrial) -> Result<()> {
    let part = if trial.report { Part::Report } else { Part::Tune };
    let pixels = if trial.imagenet { EmbedderPixels::ImageNet } else { EmbedderPixels::ArcFace };
    let bytes = std::fs::read(&trial.embedder).with_context(|| trial.embedder.display().to_string())?;
    let mut embedder = People::new(bytes.into(), pixels, 1.0).embedder()?;
    let mut anonymizer = Anonymizer::new(&Settings::default())?;
    // By person and video: pictures of one video are alike for other reasons.
    let mut people: BTreeMap<String, Vec<(String, Vec<f32>)>> = BTreeMap::new();
    let (mut pictures, mut unclear) = (0, 0);
    for item in dataset::load(shared, Set::YoutubeKeypoints, part)? {
        let stem = item.image_path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let (person, number) = stem.rsplit_once('_').context("a name without a number")?;
        let video = number[..number.len() - 1].to_owned();
        let photo = decode(&std::fs::read(&item.image_path)?, &Limits::default())?;
        let faces = anonymizer.detect(&photo.raster)?;
        pictures += 1;
        match (faces.len(), faces.first()) {
            (1, Some(face)) => match embedder.embed(&photo.raster, face)? {
                Some(numbers) => people.entry(person.to_owned()).or_default().push((video, numbers)),
                None => unclear += 1,
            },
            _ => unclear += 1,
        }
    }
    let cosine = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    let (mut same, mut video, mut other) = (Vec::new(), Vec::new(), Vec::new());
    for (name, own) in &people {
        let Some((first, reference)) = own.first() else { continue };
        for (of, numbers) in &own[1..] {
            let alike = cosine(reference, numbers);
            if of == first { video.push(alike) } else { same.push(alike) }
        }
        let others = people.iter().filter(|(other, _)| *other != name).flat_map(|(_, theirs)| theirs);
        other.extend(others.map(|(_, numbers)| cosine(reference, numbers)));
    }
    println!(
        "{} part: {} people, {pictures} pictures, {unclear} without exactly one clear face; {} pairs of one person in \
         different videos, {} in one video, {} pairs of different people",
        part.name(),
        people.len(),
        same.len(),
        video.len(),
        other.len()
    );
    let share = |all: &[f32], from: f32| {
        100.0 * all.iter().filter(|c| **c >= from).count() as f64 / all.len().max(1) as f64
    };
    for tried in TRIED {
        println!(
            "from {tried:.2}: the same person {:.1} % (one video {:.1} %), somebody else {:.4} %",
            share(&same, tried),
            share(&video, tried),
            share(&other, tried)
        );
    }
    Ok(())
}
