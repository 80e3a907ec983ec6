//! The sidecar of an output: what was found in a photo and what was hidden, to be looked at, edited and
//! rendered again. `docs/sidecar.md` is the specification of the file.
//!
//! A [`Sidecar`] that was parsed or is about to be written keeps its promises (see [`Sidecar::check`]):
//! every number is in its range, ids are unique, and no face is without a region. So a face is shown only
//! where somebody set [`RegionRecord::hidden`] to `false`, never because a line got lost.
//! Not for finding the photo that a sidecar belongs to.

mod error;
mod wire;

use std::collections::HashSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use faceveil::{Face, Region};
use faceveil_core::redact::Shape;
use faceveil_media::{Format, Limits, files};
use serde::{Deserialize, Serialize};

pub use error::SidecarError;
pub(crate) use wire::{RegionLine, check_digest, check_settings};

use crate::choices::{self, Choices, KeepMetadata, Level, Rgb, StyleName};

/// What follows the output's name in the sidecar's.
pub const ENDING: &str = ".faceveil.json";
/// The version of the format that is written, and the only one that is read.
pub const VERSION: u64 = 1;
/// Bytes of a sidecar at most.
pub const MAX_BYTES: u64 = 16 << 20;
/// Faces of a photo at most.
pub const MAX_FACES: usize = 10_000;
/// Regions of a photo at most.
pub const MAX_REGIONS: usize = 20_000;
/// Shapes of a region, and other opinions on a face, at most.
pub const MAX_SHAPES: usize = 64;
/// Coordinates and lengths are at most this many pixels from 0.
pub const FARTHEST: f32 = 1e6;
/// Characters of a note at most.
pub const MAX_NOTE: usize = 500;

/// What is recorded of one output.
#[derive(Clone, Debug, PartialEq)]
pub struct Sidecar {
    /// Version of the program that wrote it.
    pub program: String,
    /// The original.
    pub source: Source,
    /// The output.
    pub result: Output,
    /// Width and height of the upright picture in pixels.
    pub size: [u32; 2],
    /// The models that looked for faces.
    pub models: Vec<Model>,
    /// What was chosen.
    pub settings: Settings,
    /// The faces found, most certain first.
    pub faces: Vec<FaceRecord>,
    /// What is hidden, or was and is shown now.
    pub regions: Vec<RegionRecord>,
    /// SHA-256 of the sidecar that this one was rendered from.
    pub previous: Option<String>,
}

/// The original.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Where it was, relative to the sidecar's folder; `None` if it came from standard input, or its name
    /// is not UTF-8.
    pub path: Option<String>,
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256 in lower-case hexadecimal.
    pub sha256: String,
}

/// The output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// Its format.
    pub format: Format,
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256 in lower-case hexadecimal.
    pub sha256: String,
}

/// A model that looked for faces.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// Its short name.
    pub name: String,
    /// SHA-256 of its file in lower-case hexadecimal.
    pub sha256: String,
}

/// What was chosen. A seed is not recorded: it is to be kept as secret as the original.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// How thoroughly faces were looked for.
    pub level: Level,
    /// How regions are hidden.
    pub style: StyleName,
    /// Cells of the style `pixelate`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cells: Option<u8>,
    /// Sigma of the style `blur`, as a share of the shorter side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sigma: Option<f32>,
    /// Colour of the style `solid`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub color: Option<Rgb>,
    /// SHA-256 of the picture of the style `image`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overlay_sha256: Option<String>,
    /// Outline of the regions of detected faces.
    pub shape: choices::Shape,
    /// Size of such a region as a multiple of the face's box.
    pub margin: f32,
    /// Width of the soft edge as a share of the face's shorter side.
    pub feather: f32,
    /// Which metadata survives.
    pub keep_metadata: KeepMetadata,
}

impl Settings {
    /// The same as a layer of choices, to lie under all others.
    pub fn choices(&self) -> Choices {
        Choices {
            level: Some(self.level),
            style: Some(self.style),
            cells: self.cells,
            sigma: self.sigma,
            color: self.color,
            shape: Some(self.shape),
            margin: Some(self.margin),
            feather: Some(self.feather),
            keep_metadata: Some(self.keep_metadata),
            ..Choices::default()
        }
    }
}

/// A face that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct FaceRecord {
    /// Names it for good within the sidecar.
    pub id: String,
    /// Box, score, landmarks, boxes of other opinions.
    pub face: Face,
}

/// Where a region comes from.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// A detector found a face.
    Detected,
    /// Somebody added it.
    Added,
    /// A zone that is always hidden.
    Zone,
}

/// A part of the picture that is hidden, or is deliberately not.
#[derive(Clone, Debug, PartialEq)]
pub struct RegionRecord {
    /// Names it for good within the sidecar.
    pub id: String,
    /// Where it comes from.
    pub origin: Origin,
    /// Id of the face that it hides.
    pub face: Option<String>,
    /// Whether it is hidden. A region that is shown stays in the file, so that one can see that somebody
    /// decided so.
    pub hidden: bool,
    /// Why, or whatever else is to be kept in mind; at most [`MAX_NOTE`] characters.
    pub note: Option<String>,
    /// Its shapes in pixels of the upright picture, and the width of the soft edge.
    pub region: Region,
}

/// Where the sidecar of an output is.
pub fn path_of(output: &Path) -> PathBuf {
    let mut name = output.as_os_str().to_owned();
    name.push(ENDING);
    PathBuf::from(name)
}

/// The name of the output that a sidecar belongs to; `None` if the name is not that of a sidecar.
pub fn output_of(sidecar: &Path) -> Option<PathBuf> {
    let name = sidecar.file_name()?.to_str()?.strip_suffix(ENDING).filter(|name| !name.is_empty())?;
    Some(sidecar.with_file_name(OsStr::new(name)))
}

impl Sidecar {
    /// Reads a sidecar that may hold anything.
    ///
    /// # Errors
    /// [`SidecarError`] says what is wrong: with the file, with its JSON, or with what it records.
    pub fn parse(bytes: &[u8]) -> Result<Self, SidecarError> {
        wire::parse(bytes)
    }

    /// Reads the sidecar in a file; gives its bytes as well, for their hash.
    ///
    /// # Errors
    /// As [`Self::parse`], or the file cannot be read.
    pub fn read(path: &Path) -> Result<(Self, Vec<u8>), SidecarError> {
        let limits = Limits { max_file_bytes: MAX_BYTES, ..Limits::default() };
        let bytes = files::read_photo(path, &limits)?;
        Ok((Self::parse(&bytes)?, bytes))
    }

    /// The file: UTF-8 JSON, a face or region a line.
    ///
    /// # Errors
    /// As [`Self::check`]: what could not be read again is not written.
    pub fn to_json(&self) -> Result<Vec<u8>, SidecarError> {
        self.check()?;
        let bytes = wire::write(self)?;
        let limit = MAX_BYTES;
        if bytes.len() as u64 > limit {
            return Err(SidecarError::TooLarge { bytes: bytes.len() as u64, limit });
        }
        Ok(bytes)
    }

    /// Writes the file whole or not at all.
    ///
    /// # Errors
    /// As [`Self::to_json`], or the file cannot be written, or is there and is not to be replaced.
    pub fn write(&self, path: &Path, overwrite: bool) -> Result<(), SidecarError> {
        Ok(files::write_atomically(path, &self.to_json()?, overwrite)?)
    }

    /// Adds a region that somebody has drawn, and returns its id, which no region ever had. `feather` in
    /// pixels. Removing it again is setting [`RegionRecord::hidden`] to `false`.
    pub fn add(&mut self, shapes: Vec<Shape>, feather: f32) -> String {
        let id = fresh_id(&self.regions);
        self.regions.push(RegionRecord {
            id: id.clone(),
            origin: Origin::Added,
            face: None,
            hidden: true,
            note: None,
            region: Region::around(shapes, feather),
        });
        id
    }

    /// The region of this id, to be moved, hidden or shown.
    pub fn region_mut(&mut self, id: &str) -> Option<&mut RegionRecord> {
        self.regions.iter_mut().find(|r| r.id == id)
    }

    /// The face of this id.
    pub fn face(&self, id: &str) -> Option<&Face> {
        self.faces.iter().find(|f| f.id == id).map(|f| &f.face)
    }

    /// What is to be hidden.
    pub fn hidden(&self) -> Vec<Region> {
        self.regions.iter().filter(|r| r.hidden).map(|r| r.region.clone()).collect()
    }

    /// Whether it keeps the format's promises.
    ///
    /// # Errors
    /// [`SidecarError`] names the first place that does not.
    pub fn check(&self) -> Result<(), SidecarError> {
        at_most("faces", self.faces.len(), MAX_FACES)?;
        at_most("regions", self.regions.len(), MAX_REGIONS)?;
        if self.size.contains(&0) {
            return Err(SidecarError::number("size", 0.0, "at least 1"));
        }
        wire::check_settings(&self.settings)?;
        let mut faces = HashSet::new();
        for face in &self.faces {
            check_id(&face.id, &mut faces)?;
            check_face(face)?;
        }
        let mut regions = HashSet::new();
        let mut covered = HashSet::new();
        for region in &self.regions {
            check_id(&region.id, &mut regions)?;
            self.check_region(region)?;
            if let Some(face) = &region.face {
                let known = faces.contains(&**face);
                let unknown = || SidecarError::UnknownFace { region: region.id.clone(), face: face.clone() };
                known.then(|| covered.insert(&**face)).ok_or_else(unknown)?;
            }
        }
        let alone = self.faces.iter().find(|f| !covered.contains(&*f.id));
        alone.map_or(Ok(()), |f| Err(SidecarError::Uncovered { face: f.id.clone() }))
    }

    fn check_region(&self, record: &RegionRecord) -> Result<(), SidecarError> {
        let id = &record.id;
        let RegionRecord { region, note, .. } = record;
        at_most("shapes of a region", region.shapes.len(), MAX_SHAPES)?;
        at_most("characters of a note", note.as_ref().map_or(0, |n| n.chars().count()), MAX_NOTE)?;
        if region.shapes.is_empty() {
            return Err(SidecarError::Empty { region: id.clone() });
        }
        ranged(&format!("the feather of {id}"), region.feather, 0.0, FARTHEST, "0 to 1000000")?;
        region.shapes.iter().try_for_each(|shape| check_shape(id, shape))?;
        // A detector's own box may lie outside; a region that somebody put there was meant to hide something.
        let bounds = region.bounds();
        let inside = bounds.pixels(self.size[0], self.size[1]).is_some();
        if record.hidden && record.origin != Origin::Detected && !inside {
            return Err(SidecarError::Outside { region: id.clone(), size: self.size });
        }
        Ok(())
    }
}

/// `r1`, `r2`, …: one more than the largest number that an id has.
pub fn fresh_id(regions: &[RegionRecord]) -> String {
    let number = |r: &RegionRecord| r.id.strip_prefix('r')?.parse::<u32>().ok();
    let last = regions.iter().filter_map(number).max().unwrap_or(0);
    format!("r{}", u64::from(last) + 1)
}

pub(crate) fn check_id<'a>(id: &'a str, taken: &mut HashSet<&'a str>) -> Result<(), SidecarError> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    if !(1..=64).contains(&id.len()) || !id.bytes().all(plain) {
        return Err(SidecarError::Id { id: id.chars().take(80).collect() });
    }
    taken.insert(id).then_some(()).ok_or_else(|| SidecarError::Duplicate { id: id.to_owned() })
}

fn check_face(record: &FaceRecord) -> Result<(), SidecarError> {
    let FaceRecord { id, face } = record;
    at_most("opinions on a face", face.also.len(), MAX_SHAPES)?;
    ranged(&format!("the score of {id}"), face.score, 0.0, 1.0, "0 to 1")?;
    for rect in std::iter::once(&face.rect).chain(&face.also) {
        check_rect(id, rect)?;
    }
    let points = face.landmarks.iter().flatten().flat_map(|p| [p.x, p.y]);
    points.into_iter().try_for_each(|v| place(id, v))
}

fn check_shape(id: &str, shape: &Shape) -> Result<(), SidecarError> {
    match shape {
        Shape::Box(rect) => check_rect(id, rect),
        Shape::Ellipse(e) => {
            place(id, e.centre.x)?;
            place(id, e.centre.y)?;
            for radius in [e.radius_x, e.radius_y] {
                let what = format!("a half axis of {id}");
                ranged(&what, radius, f32::MIN_POSITIVE, FARTHEST, "more than 0 and at most 1000000")?;
            }
            let degrees = e.angle.to_degrees();
            // A hair more, for the rounding of the way there and back.
            ranged(&format!("the angle of {id}"), degrees, -360.01, 360.01, "-360 to 360")
        }
    }
}

fn check_rect(id: &str, rect: &faceveil_core::geom::RectF) -> Result<(), SidecarError> {
    for edge in [rect.left, rect.top, rect.right, rect.bottom] {
        place(id, edge)?;
    }
    let least = (rect.right - rect.left).min(rect.bottom - rect.top);
    ranged(&format!("a width or height of {id}"), least, f32::MIN_POSITIVE, f32::MAX, "more than 0")
}

fn place(id: &str, value: f32) -> Result<(), SidecarError> {
    ranged(&format!("a coordinate of {id}"), value, -FARTHEST, FARTHEST, "-1000000 to 1000000")
}

fn ranged(what: &str, value: f32, low: f32, high: f32, range: &'static str) -> Result<(), SidecarError> {
    let inside = (low..=high).contains(&value);
    inside.then_some(()).ok_or_else(|| SidecarError::number(what, f64::from(value), range))
}

pub(crate) fn at_most(what: &'static str, got: usize, limit: usize) -> Result<(), SidecarError> {
    if got > limit { Err(SidecarError::TooMany { what, got, limit }) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
