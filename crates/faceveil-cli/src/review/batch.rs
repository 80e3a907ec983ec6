//! The sidecars under review: found at once, read in the background, and told in short. A picture is named
//! by its number only, so that nothing that a client sends is ever a path.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context, bail, ensure};
use faceveil_media::{Limits, files};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::timeline;
use crate::choices::Choices;
use crate::destination::resolve;
use crate::plan::hex;
use crate::rerender::FromPlan;
use crate::sidecar::{self, Sidecar};
use crate::video::record::{MAX_BYTES, VideoRecord, is_of_video};
use crate::walk::{Found, Input, Kind, Walk};

/// The sidecars of a folder.
pub struct Batch {
    sidecars: Vec<Found>,
    from: FromPlan,
    known: Mutex<Known>,
}

/// What the background has read so far.
#[derive(Default)]
struct Known {
    summaries: Vec<Summary>,
    originals: HashSet<PathBuf>,
}

/// A sidecar in short.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// Its number in the batch.
    pub id: usize,
    /// The output's name below the folder.
    pub name: String,
    /// The weakest face's score, if there is a face.
    pub score: Option<f32>,
    /// Regions that are hidden.
    pub hidden: usize,
    /// Regions that are left visible.
    pub shown: usize,
    /// Why it cannot be reviewed.
    pub error: Option<String>,
}

/// A sidecar as it lies on the disk.
pub struct Opened {
    /// What it records.
    pub record: Record,
    /// SHA-256 of its bytes: which state of it this is.
    pub version: String,
    /// The same as JSON, as the page knows it.
    pub json: serde_json::Value,
}

/// What a sidecar records.
pub enum Record {
    /// Of a photo.
    Photo(Sidecar),
    /// Of a video.
    Video(VideoRecord),
}

impl Batch {
    /// Lists the sidecars below `folder`, by name; `originals` is where the photos are, if they are no longer
    /// where the sidecars say.
    ///
    /// # Errors
    /// There is no sidecar, or `originals` is no folder.
    pub fn new(folder: &Path, originals: Option<&Path>) -> anyhow::Result<Self> {
        let originals = originals.map(|folder| {
            ensure!(folder.is_dir(), "--originals {}: not a folder", folder.display());
            Ok(Input::Folder(folder.to_owned()))
        });
        let input = Input::look(folder);
        ensure!(!matches!(input, Input::Stdin), "sidecars cannot come from standard input");
        let is_sidecar =
            |f: &Found| matches!(f.kind, Kind::Broken(_)) || sidecar::output_of(&f.input).is_some();
        let mut sidecars: Vec<Found> = Walk::new(vec![input], None).filter(is_sidecar).collect();
        sidecars.sort_by(|a, b| a.relative.cmp(&b.relative));
        let ending = sidecar::ENDING;
        ensure!(
            !sidecars.is_empty(),
            "{}: no sidecars (*{ending}) are there; faceveil blur --sidecar writes them",
            folder.display()
        );
        let from = FromPlan {
            originals: originals.transpose()?,
            typed: Choices::default(),
            chosen: Choices::default(),
        };
        Ok(Self { sidecars, from, known: Mutex::default() })
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.sidecars.len()
    }

    /// Reads all sidecars, one after the other; for a thread of its own.
    pub fn read_all(&self) {
        for id in 0..self.count() {
            let (summary, original) = self.summary(id);
            let original = original.and_then(|path| resolve(&path).ok());
            let mut known = self.known();
            known.summaries.push(summary);
            known.originals.extend(original);
        }
    }

    /// How many are read; once all are, what they say, weakest first: those that cannot be read, then by the
    /// weakest face, then those without a face.
    pub fn overview(&self) -> (usize, Option<Vec<Summary>>) {
        let known = self.known();
        let read = known.summaries.len();
        if read < self.count() {
            return (read, None);
        }
        let mut summaries = known.summaries.clone();
        drop(known);
        let rank = |s: &Summary| (s.error.is_none(), s.score.is_none());
        summaries.sort_by(|a, b| {
            let scores = a.score.unwrap_or(0.0).total_cmp(&b.score.unwrap_or(0.0));
            rank(a).cmp(&rank(b)).then(scores).then(a.id.cmp(&b.id))
        });
        (read, Some(summaries))
    }

    /// Reads a sidecar again after it was written.
    pub fn refresh(&self, id: usize) -> Summary {
        let (summary, _) = self.summary(id);
        if let Some(known) = self.known().summaries.get_mut(id) {
            *known = summary.clone();
        }
        summary
    }

    /// Where the sidecar is.
    ///
    /// # Errors
    /// There is no such number, or the file system did not let it be found.
    pub fn sidecar(&self, id: usize) -> anyhow::Result<&Path> {
        let found = self.sidecars.get(id).context("there is no such picture")?;
        if let Kind::Broken(why) = &found.kind {
            bail!("{why}");
        }
        Ok(&found.input)
    }

    /// Where the output is that the sidecar belongs to.
    ///
    /// # Errors
    /// As [`Self::sidecar`].
    pub fn output(&self, id: usize) -> anyhow::Result<PathBuf> {
        sidecar::output_of(self.sidecar(id)?).context("its output has no name")
    }

    /// Where the original is.
    ///
    /// # Errors
    /// The sidecar cannot be read, or says nothing that helps.
    pub fn original(&self, id: usize) -> anyhow::Result<PathBuf> {
        self.sidecar(id)?;
        self.from.original_of(&self.sidecars[id])
    }

    /// Reads a sidecar.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn open(&self, id: usize) -> anyhow::Result<Opened> {
        let limits = Limits { max_file_bytes: MAX_BYTES, ..Limits::default() };
        let bytes = files::read_photo(self.sidecar(id)?, &limits)?;
        let version = hex(&Sha256::digest(&bytes));
        if is_of_video(&bytes) {
            let record = VideoRecord::parse(&bytes)?;
            let json = timeline::page(&record)?;
            return Ok(Opened { record: Record::Video(record), json, version });
        }
        let record = Record::Photo(Sidecar::parse(&bytes)?);
        Ok(Opened { record, json: serde_json::from_slice(&bytes)?, version })
    }

    /// Whether some sidecar of the batch names `path` as its original; also while that is not yet known.
    pub fn may_be_original(&self, path: &Path) -> bool {
        let known = self.known();
        let unknown = known.summaries.len() < self.count();
        unknown || resolve(path).map_or(true, |path| known.originals.contains(&path))
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A sidecar in short, and where its original is.
    fn summary(&self, id: usize) -> (Summary, Option<PathBuf>) {
        let found = &self.sidecars[id];
        let name = sidecar::output_of(&found.relative).unwrap_or_else(|| found.relative.clone());
        let name = name.display().to_string();
        let mut summary = Summary { id, name, score: None, hidden: 0, shown: 0, error: None };
        match self.open(id).map(|opened| opened.record) {
            Ok(Record::Photo(record)) => {
                summary.score = record.faces.iter().map(|f| f.face.score).reduce(f32::min);
                summary.hidden = record.regions.iter().filter(|r| r.hidden).count();
                summary.shown = record.regions.len() - summary.hidden;
                (summary, self.from.original(found, &record.source).ok())
            }
            Ok(Record::Video(record)) => {
                summary.score = record.tracks.iter().map(|t| t.score).reduce(f32::min);
                summary.hidden = record.tracks.iter().filter(|t| t.hidden).count();
                summary.shown = record.tracks.len() - summary.hidden;
                (summary, self.from.original(found, &record.source).ok())
            }
            Err(e) => {
                summary.error = Some(format!("{e:#}"));
                (summary, None)
            }
        }
    }
}
