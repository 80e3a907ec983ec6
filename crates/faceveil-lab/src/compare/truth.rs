//! What the contestants are judged on: pictures with the faces that are known to be in them.

mod fairness;
mod masks;
mod public;
mod sample;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, Result, bail};
use faceveil_data::dataset::Labels;
use faceveil_data::truth::TruthFace;
use faceveil_media::files::write_atomically;
use serde::{Deserialize, Serialize};

use crate::dataset::record::{self, FaceRecord};
use crate::dataset::source;

pub use self::fairness::{AGES, GENDERS, RACES};

/// A picture to be judged.
#[derive(Clone, Debug)]
pub struct Case {
    /// Its set.
    pub set: String,
    /// What the set is for.
    pub role: Role,
    /// Its name in the set, without folders or suffix.
    pub name: String,
    /// Its file.
    pub path: PathBuf,
    /// Its faces.
    pub labels: Labels,
    /// What is known of each face, in the same order; empty if nothing is.
    pub tags: Vec<FaceTags>,
    /// Who it shows.
    pub person: Option<Person>,
}

/// What a set is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// It counts.
    Judged,
    /// It only tells groups of people apart.
    Fairness,
    /// It only shows what happens, and may be passed on.
    Shown,
}

/// What is known of a face beside its place.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FaceTags {
    /// Behind a mask, worn well or not.
    pub masked: Option<bool>,
    /// Looking at the camera: the nose is between the eyes.
    pub frontal: Option<bool>,
    /// Groups that it belongs to: `race`, `gender`, `age`.
    pub groups: BTreeMap<&'static str, &'static str>,
}

/// A known person.
#[derive(Clone, Debug, PartialEq)]
pub struct Person {
    /// Who.
    pub id: String,
    /// Which video the frame is from.
    pub video: u32,
    /// Eyes, nose, corners of the mouth, in pixels; the eye on the picture's left first.
    pub points: [(f64, f64); 5],
}

/// Where pictures come from, as it is typed.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// The public pictures that nothing was trained or chosen on.
    Public,
    /// Faces by group in pictures without faces.
    Fairness,
    /// Pictures made of the portrait in the repository.
    Sample,
    /// A dataset's folder.
    Dataset(PathBuf),
    /// Pictures and masks.
    Masks(PathBuf, PathBuf),
    /// A labelled source of `dataset build`.
    Layout(source::Source),
}

impl FromStr for Source {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        Ok(match text.split_once(':') {
            None if text == "public" => Self::Public,
            None if text == "fairness" => Self::Fairness,
            None if text == "sample" => Self::Sample,
            Some(("dataset", path)) if !path.is_empty() => Self::Dataset(path.into()),
            Some(("masks", paths)) => {
                let (pictures, masks) = paths.split_once('=').context("masks:PICTURES=MASKS")?;
                Self::Masks(pictures.into(), masks.into())
            }
            _ => Self::Layout(text.parse().context("and no truth either; see --help")?),
        })
    }
}

/// Where a source finds what it needs.
#[derive(Clone, Copy, Debug)]
pub struct Places<'a> {
    /// Folder that holds `faces/`.
    pub shared: &'a Path,
    /// The portrait in the repository.
    pub portrait: &'a Path,
    /// Folder for pictures that are made here.
    pub made: &'a Path,
}

impl Source {
    /// Its pictures, in the same order every time.
    ///
    /// # Errors
    /// If a picture or its label is missing: a truth is complete or not used at all.
    pub fn cases(&self, places: &Places<'_>) -> Result<Vec<Case>> {
        let cases = match self {
            Self::Public => public::cases(places.shared),
            Self::Fairness => fairness::cases(places.shared, &places.made.join("fairness")),
            Self::Sample => sample::cases(places.portrait, &places.made.join("sample")),
            Self::Dataset(folder) => dataset_cases(folder),
            Self::Masks(pictures, masks) => masks::cases(pictures, masks),
            Self::Layout(source) => layout_cases(source),
        }?;
        if cases.is_empty() {
            bail!("{self:?} holds no picture");
        }
        Ok(cases)
    }
}

impl Case {
    /// Of a picture of which only the faces are known.
    pub fn plain(set: &str, name: &str, path: PathBuf, labels: Labels) -> Self {
        let (set, name) = (set.to_owned(), name.replace(['/', '\\'], "_"));
        Self { set, role: Role::Judged, name, path, labels, tags: Vec::new(), person: None }
    }

    /// Its faces in pixels of the picture, once that has been decoded; `None` if nobody said where they are.
    pub fn faces_in(&self, picture: &faceveil_eval::Picture) -> Option<Vec<TruthFace>> {
        match &self.labels {
            Labels::Unknown => None,
            Labels::Absolute(faces) => Some(faces.clone()),
            Labels::Relative(boxes) => {
                let (width, height) = (picture.width() as u32, picture.height() as u32);
                Some(boxes.iter().map(|b| b.face(width, height)).collect())
            }
        }
    }
}

/// All parts of a dataset's `test`.
fn dataset_cases(folder: &Path) -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    for record in record::records(folder)? {
        let record = record?;
        if record.split != crate::dataset::split::Part::Test {
            continue;
        }
        let labels = Labels::Absolute(record.ellipses());
        cases.push(Case::plain(&record.set, &record.file, folder.join(&record.file), labels));
    }
    Ok(cases)
}

fn layout_cases(source: &source::Source) -> Result<Vec<Case>> {
    let most = source.limit.map_or(usize::MAX, |n| usize::try_from(n).unwrap_or(usize::MAX));
    let mut cases = Vec::new();
    for candidate in source.stream(&[])?.take(most) {
        let candidate = candidate?;
        let sample = candidate.sample;
        let labels = match candidate.labelled {
            Some(known) => Labels::Absolute(known.faces.iter().filter_map(FaceRecord::face).collect()),
            None => sample.labels,
        };
        if labels == Labels::Unknown {
            bail!(
                "{}: nobody said where the faces are; label it first with 'dataset label'",
                sample.path.display()
            );
        }
        let name = Path::new(&sample.name).with_extension("");
        cases.push(Case::plain(&source.set_of(&sample.name), &name.to_string_lossy(), sample.path, labels));
    }
    Ok(cases)
}

/// Writes every picture to `folder/SET/NAME.*`, unless it is there already.
///
/// # Errors
/// If a file cannot be read or written.
pub fn write_pictures(cases: &[Case], folder: &Path) -> Result<()> {
    for case in cases {
        let suffix = case.path.extension().map_or("jpg".to_owned(), |s| s.to_string_lossy().to_lowercase());
        let to = folder.join(&case.set).join(format!("{}.{suffix}", case.name));
        if to.is_file() {
            continue;
        }
        fs::create_dir_all(folder.join(&case.set))?;
        let bytes = fs::read(&case.path).with_context(|| case.path.display().to_string())?;
        write_atomically(&to, &bytes, true).with_context(|| to.display().to_string())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn truths_that_can_be_typed() {
        assert_eq!("public".parse::<Source>().unwrap(), Source::Public);
        assert_eq!("masks:a=b".parse::<Source>().unwrap(), Source::Masks("a".into(), "b".into()));
        assert_eq!("dataset:a:b".parse::<Source>().unwrap(), Source::Dataset("a:b".into()));
        assert!(matches!("5*mine=voc:x".parse::<Source>().unwrap(), Source::Layout(_)));
        for bad in ["", "nope", "masks:a", "dataset:", "nope:x"] {
            assert!(bad.parse::<Source>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_source_without_labels_is_no_truth() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.jpg"), b"x").unwrap();
        let source: Source = format!("folder:{}", folder.path().display()).parse().unwrap();
        let places = Places { shared: folder.path(), portrait: folder.path(), made: folder.path() };
        assert!(source.cases(&places).unwrap_err().to_string().contains("label it first"));
    }
}
