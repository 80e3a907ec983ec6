//! The sidecar of an output: what was found in a photo and what was hidden, to be looked at, edited and
//! rendered again. `docs/sidecar.md` is the specification of the file.
//!
//! A [`Sidecar`] that was parsed or is about to be written keeps its promises (see [`Sidecar::check`]):
//! every number is in its range, ids are unique, and no face is without a region. So a face is shown only
//! where somebody set [`RegionRecord::hidden`] to `false`, never because a line got lost.
//! Not for finding the photo that a sidecar belongs to.

mod check;
mod error;
mod wire;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use faceveil::{Face, Region};
use faceveil_core::redact::Shape;
use faceveil_media::{Format, Limits, files};
use serde::{Deserialize, Serialize};

pub(crate) use check::{at_most, check_id};
pub use error::SidecarError;
pub(crate) use wire::{RegionLine, check_digest, check_settings};

use crate::choices::{self, Choices, KeepMetadata, Level, Rgb, StyleName};

/// What follows the output's name in the sidecar's.
pub const ENDING: &str = ".faceveil.json";
/// The version of a sidecar of a single picture.
pub const VERSION: u64 = 1;
/// The version of a sidecar of several pages or frames. These two are written and read, no others.
pub const VERSION_OF_PAGES: u64 = 2;
/// Bytes of a sidecar at most.
pub const MAX_BYTES: u64 = 16 << 20;
/// Pages or frames of a file at most.
pub const MAX_PAGES: usize = 10_000;
/// Faces of a file at most.
pub const MAX_FACES: usize = 10_000;
/// Regions of a file at most.
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
    /// Width and height in pixels of the upright picture, or of each page or frame; never empty.
    pub pages: Vec<[u32; 2]>,
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
    /// Page or frame, counted from 1.
    pub page: u32,
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
    /// Page or frame, counted from 1.
    pub page: u32,
    /// Where it comes from.
    pub origin: Origin,
    /// Id of the face that it hides.
    pub face: Option<String>,
    /// Whether it is hidden. A region that is shown stays in the file, so that one can see that somebody
    /// decided so.
    pub hidden: bool,
    /// Why, or whatever else is to be kept in mind; at most [`MAX_NOTE`] characters.
    pub note: Option<String>,
    /// Its shapes in pixels of the upright page, and the width of the soft edge.
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

    /// Adds a region that somebody has drawn on `page`, counted from 1, and returns its id, which no region ever
    /// had. `feather` in pixels. Removing it again is setting [`RegionRecord::hidden`] to `false`.
    pub fn add(&mut self, page: u32, shapes: Vec<Shape>, feather: f32) -> String {
        let id = format!("r{}", fresh_number(&self.regions));
        self.regions.push(RegionRecord {
            id: id.clone(),
            page,
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

    /// Width and height of a page, counted from 1, in pixels.
    pub fn size_of(&self, page: u32) -> Option<[u32; 2]> {
        self.pages.get(usize::try_from(page).ok()?.checked_sub(1)?).copied()
    }
}

/// One more than the largest number of an id `r1`, `r2`, ….
pub fn fresh_number(regions: &[RegionRecord]) -> u64 {
    let number = |r: &RegionRecord| r.id.strip_prefix('r')?.parse::<u32>().ok();
    let last = regions.iter().filter_map(number).max().unwrap_or(0);
    u64::from(last) + 1
}

#[cfg(test)]
mod tests;
