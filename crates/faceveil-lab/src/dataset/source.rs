//! Where a dataset's pictures come from.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use faceveil_data::dataset::Labels;
use faceveil_data::import::{self, Drawn, ImportError, Layout, Purpose, Sample};
use serde::{Deserialize, Serialize};

use super::record::{self, Known, LineError, Scanned};

/// What a folder or file is read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One of the layouts that people have.
    Layout(Layout),
    /// The public pictures for training, by the fixed split.
    Shared,
    /// The public pictures that are held out.
    HeldOut,
    /// Labels that `dataset label` wrote, corrected or not.
    Labels,
}

impl Kind {
    /// Its name, as it is typed.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Layout(layout) => layout.name(),
            Self::Shared => "shared",
            Self::HeldOut => "held-out",
            Self::Labels => "labels",
        }
    }

    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        Layout::ALL.into_iter().map(Self::Layout).chain([Self::Shared, Self::HeldOut, Self::Labels])
    }
}

/// A source as it is typed: `KIND:PATH`, or `LABEL=KIND:PATH`; `LIMIT*` before it takes so many pictures at most.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Source {
    /// What its pictures are counted under.
    pub label: Option<String>,
    /// What it is read as.
    pub kind: Kind,
    /// The folder or file.
    pub path: PathBuf,
    /// Pictures at most; which ones, the seed says.
    pub limit: Option<u64>,
}

/// Not a source.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no source: write KIND:PATH with a kind of {kinds}")]
pub struct SourceError {
    text: String,
    kinds: String,
}

impl FromStr for Source {
    type Err = SourceError;

    fn from_str(text: &str) -> Result<Self, SourceError> {
        let wrong = || SourceError {
            text: text.to_owned(),
            kinds: Kind::all().map(Kind::name).collect::<Vec<_>>().join(", "),
        };
        let (front, path) = text.split_once(':').ok_or_else(wrong)?;
        let (limit, front) = match front.split_once('*') {
            Some((limit, rest)) => (Some(limit.trim().parse().map_err(|_| wrong())?), rest),
            None => (None, front),
        };
        let (label, kind) = match front.split_once('=') {
            Some((label, kind)) => (Some(label), kind),
            None => (None, front),
        };
        let kind = Kind::all().find(|k| k.name() == kind).ok_or_else(wrong)?;
        let plain =
            |l: &str| !l.is_empty() && l.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
        if path.is_empty() || limit == Some(0) || label.is_some_and(|label| !plain(label)) {
            return Err(wrong());
        }
        Ok(Self { label: label.map(str::to_owned), kind, path: path.into(), limit })
    }
}

impl TryFrom<String> for Source {
    type Error = SourceError;

    fn try_from(text: String) -> Result<Self, SourceError> {
        text.parse()
    }
}

impl From<Source> for String {
    fn from(source: Source) -> Self {
        let label = source.label.map_or_else(String::new, |label| format!("{label}="));
        let limit = source.limit.map_or_else(String::new, |limit| format!("{limit}*"));
        format!("{limit}{label}{}:{}", source.kind.name(), source.path.display())
    }
}

/// Why a source gives nothing, or a picture of it cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StreamError {
    /// A set in some layout.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// A file of labels.
    #[error(transparent)]
    Line(#[from] LineError),
}

/// A picture to be looked at.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// What the importer says.
    pub sample: Sample,
    /// What an earlier look found, in the place of labels.
    pub labelled: Option<Known>,
}

/// A source's pictures.
pub type Stream = Box<dyn Iterator<Item = Result<Candidate, StreamError>> + Send>;

impl Source {
    /// What its pictures are counted under: its label, else its kind.
    pub fn set(&self) -> &str {
        self.label.as_deref().unwrap_or(self.kind.name())
    }

    /// The set of one of its pictures: the public ones count for their own sets.
    pub fn set_of(&self, name: &str) -> String {
        match self.kind {
            Kind::Shared | Kind::HeldOut if self.label.is_none() => {
                name.split_once('/').map_or(self.set(), |(set, _)| set).to_owned()
            }
            _ => self.set().to_owned(),
        }
    }

    /// The pictures, in the same order every time.
    ///
    /// # Errors
    /// [`StreamError`] if there is no such source.
    pub fn stream(&self, categories: &[String]) -> Result<Stream, StreamError> {
        let samples = match self.kind {
            Kind::Layout(layout) => import::open(layout, &self.path, categories)?,
            Kind::Shared => import::shared(&self.path, Purpose::Train)?,
            Kind::HeldOut => import::shared(&self.path, Purpose::Judge)?,
            Kind::Labels => return labelled(&self.path),
        };
        Ok(Box::new(samples.map(|sample| Ok(Candidate { sample: sample?, labelled: None }))))
    }
}

/// Lines that `dataset label` wrote. Paths are taken from the folder of the file.
fn labelled(path: &Path) -> Result<Stream, StreamError> {
    let folder = path.parent().unwrap_or(Path::new(".")).to_owned();
    let lines = record::lines::<Scanned>(path)?;
    Ok(Box::new(lines.filter_map(move |line| {
        let scanned = match line {
            Ok(scanned) => scanned,
            Err(e) => return Some(Err(e.into())),
        };
        let known = scanned.result.ok()?;
        let sample = Sample {
            name: scanned.name,
            path: folder.join(scanned.path),
            labels: Labels::Unknown,
            drawn: Drawn::Box,
            identity: known.identity.clone(),
            tags: known.tags.clone(),
            held_out: known.held_out,
        };
        Some(Ok(Candidate { sample, labelled: Some(known) }))
    })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_typed_and_written_the_same() {
        for text in
            ["yolo:/a/b", "300*celeba-hq:x", "5*mine=folder:a b:c", "shared:../shared", "labels:l.jsonl"]
        {
            let source: Source = text.parse().unwrap();
            assert_eq!(String::from(source), text);
        }
        let source: Source = "12*my.set=wider:w".parse().unwrap();
        assert_eq!((source.set(), source.limit), ("my.set", Some(12)));
        for bad in ["", "yolo", "yolo:", "nope:/a", "x*yolo:a", "0*yolo:a", "=yolo:a", "a/b=yolo:a"] {
            assert!(bad.parse::<Source>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn public_pictures_count_for_their_sets() {
        let source: Source = "shared:s".parse().unwrap();
        assert_eq!(source.set_of("fddb/images/2002/a.jpg"), "fddb");
        let source: Source = "folder:s".parse().unwrap();
        assert_eq!(source.set_of("fddb/a.jpg"), "folder");
    }
}
