//! The pictures that are trained on: what the lab's split does not hold out of the public sets, and further public
//! pictures labelled by detectors. What is held out is never read here.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use faceveil_data::dataset::{self, Item};
use faceveil_data::split::{Set, lab};
use faceveil_data::truth::TruthFace;
use faceveil_eval::Picture;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::photo::Photo;

/// Pictures of one kind.
#[derive(Debug)]
pub struct Source {
    /// Name of the set.
    pub name: &'static str,
    /// How often a picture is taken from here, beside the others.
    pub share: f64,
    /// To train on.
    pub train: Vec<Photo>,
    /// To choose on.
    pub valid: Vec<Photo>,
}

/// Scores from which a detector's box is a face; below it is vague.
const SURE: f32 = 0.3;

/// One line of `faceveil detect`.
#[derive(Deserialize)]
struct Detected {
    input: PathBuf,
    #[serde(default)]
    faces: Vec<DetectedFace>,
}

#[derive(Deserialize)]
struct DetectedFace {
    #[serde(rename = "box")]
    corners: [f64; 4],
    score: f32,
}

/// Reads everything; pictures stay in memory with at most `longest` pixels a side, and `limit` of a set. `labels` is what
/// `faceveil detect` said of `utkface`, `crops_web` and `roboflow_yolo`.
///
/// # Errors
/// If a picture or an annotation is missing or damaged, or nothing is left to train on.
pub fn load(shared: &Path, labels: Option<&Path>, limit: usize, longest: usize) -> Result<Vec<Source>> {
    let mut sources = Vec::new();
    for (set, share) in
        [(Set::Fddb, 0.35), (Set::MasksVoc, 0.19), (Set::Negatives, 0.23), (Set::YoutubeKeypoints, 0.10)]
    {
        let mut items = dataset::load_names(shared, set, &lab::training(set))?;
        items.truncate(limit);
        let mut source = Source { name: set.name(), share, train: Vec::new(), valid: Vec::new() };
        for item in items {
            let photo = annotated(&item, longest)?;
            source.push(set, &item.name, photo);
        }
        sources.push(source);
    }
    if let Some(labels) = labels {
        sources.extend(detected(labels, limit, longest)?);
    }
    if sources.iter().all(|source| source.train.is_empty()) {
        bail!("no picture to train on under {}, with at most {limit} a set", shared.display());
    }
    for source in &sources {
        eprintln!(
            "{:<18} {:>5} to train on, {:>4} to choose on",
            source.name,
            source.train.len(),
            source.valid.len()
        );
    }
    Ok(sources)
}

/// Sets how often the pictures of the named sets are taken.
///
/// # Errors
/// If there is no set of that name, or no picture would ever be taken.
pub fn share_out(sources: &mut [Source], shares: &[(String, f64)]) -> Result<()> {
    for (name, share) in shares {
        let Some(source) = sources.iter_mut().find(|s| s.name == name) else {
            let known: Vec<_> = sources.iter().map(|s| s.name).collect();
            bail!("no set {name} to take a share of; there are {}", known.join(", "));
        };
        source.share = *share;
    }
    if !sources.iter().any(|s| s.share > 0.0 && !s.train.is_empty()) {
        bail!("all shares are 0: nothing would be trained on");
    }
    Ok(())
}

impl Source {
    fn push(&mut self, set: Set, name: &str, photo: Photo) {
        let side = if is_valid(set, name) { &mut self.valid } else { &mut self.train };
        side.push(photo);
    }
}

/// SHA-256 over the smallest size of all pictures and their faces, in hexadecimal: two runs with the same saw the same.
pub fn fingerprint(sources: &[Source]) -> String {
    let mut hash = Sha256::new();
    for source in sources {
        hash.update(source.name);
        for (kind, photos) in [(0u8, &source.train), (1, &source.valid)] {
            for photo in photos {
                hash.update([kind]);
                if let Some(level) = photo.levels.last() {
                    hash.update(&level.pixels);
                }
                for face in photo.faces.iter().chain(&photo.vague) {
                    for number in [face.cx, face.cy, face.sxx, face.sxy, face.syy] {
                        hash.update(number.to_le_bytes());
                    }
                }
            }
        }
    }
    hash.finalize().iter().map(|b| format!("{b:02x}")).collect()
}

/// The pictures of a set that are kept to choose on.
///
/// # Errors
/// If a picture or its annotation is missing or cannot be understood.
pub fn kept(shared: &Path, set: Set) -> Result<Vec<Item>> {
    let mut items = dataset::load_names(shared, set, &lab::training(set))?;
    items.retain(|item| is_valid(set, &item.name));
    Ok(items)
}

/// A tenth is kept to choose on: whole days of fddb, whole persons of youtube.
pub fn is_valid(set: Set, name: &str) -> bool {
    let group = match set {
        Set::Fddb => name.rsplit_once("/big").map_or(name, |(day, _)| day),
        Set::YoutubeKeypoints => name.rsplit_once('_').map_or(name, |(person, _)| person),
        _ => name,
    };
    let mut hash = 0xCBF2_9CE4_8422_2325u64;
    for byte in group.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
    }
    (hash >> 32).is_multiple_of(10)
}

fn read(path: &Path) -> Result<Picture> {
    let bytes = fs::read(path).with_context(|| path.display().to_string())?;
    Picture::decode(&bytes).with_context(|| path.display().to_string())
}

fn annotated(item: &Item, longest: usize) -> Result<Photo> {
    let picture = read(&item.image_path)?;
    let Some(faces) = item.faces(picture.width() as u32, picture.height() as u32) else {
        bail!("{}: nobody said where the faces are", item.name);
    };
    Ok(Photo::new(&picture, &faces, &[], longest))
}

/// Pictures that detectors labelled. Those in which they are sure of nothing are left out.
fn detected(labels: &Path, limit: usize, longest: usize) -> Result<Vec<Source>> {
    let text = fs::read_to_string(labels).with_context(|| labels.display().to_string())?;
    let tune: std::collections::HashSet<_> = lab::training(Set::Utkface).into_iter().collect();
    let mut sources = [("crops_web", 0.07), ("utkface", 0.04), ("roboflow_yolo", 0.02)]
        .map(|(name, share)| Source { name, share, train: Vec::new(), valid: Vec::new() });
    for line in text.lines() {
        let found: Detected = serde_json::from_str(line).with_context(|| labels.display().to_string())?;
        let Some(source) =
            sources.iter_mut().find(|s| found.input.components().any(|part| part.as_os_str() == s.name))
        else {
            continue;
        };
        let stem = found.input.file_stem().and_then(|s| s.to_str()).unwrap_or("");
        let sure = found.faces.iter().any(|f| f.score >= 0.5);
        if !sure || source.train.len() >= limit || (source.name == "utkface" && !tune.contains(stem)) {
            continue;
        }
        let picture = read(&found.input)?;
        let place = |f: &DetectedFace| {
            let [x0, y0, x1, y1] = f.corners;
            let (w, h) = (x1 - x0, y1 - y0);
            TruthFace::from_box(x0 - 0.02 * w, y0 - 0.08 * h, x1 + 0.02 * w, y1 + 0.02 * h)
        };
        let (sure, vague): (Vec<_>, Vec<_>) = found.faces.iter().partition(|f| f.score >= SURE);
        let [sure, vague] = [sure, vague].map(|faces| faces.into_iter().map(place).collect::<Vec<_>>());
        source.train.push(Photo::new(&picture, &sure, &vague, longest));
    }
    Ok(sources.into_iter().collect())
}
