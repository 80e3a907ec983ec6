//! The public pictures of one part of the split, each with its annotated faces.

use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::split::{self, Part, Set};
use crate::truth::{self, RelativeBox, TruthError, TruthFace};

/// A picture and what is known of its faces.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// Name as in the split: a path without suffix, folders divided by `/`.
    pub name: String,
    /// The picture's file.
    pub image_path: PathBuf,
    /// What is known of its faces.
    pub labels: Labels,
}

/// What is known of a picture's faces.
#[derive(Clone, Debug, PartialEq)]
pub enum Labels {
    /// Nothing: faces are there, but nobody said where.
    Unknown,
    /// These faces, in pixels; none for a picture without faces.
    Absolute(Vec<TruthFace>),
    /// These faces, relative to the picture's size.
    Relative(Vec<RelativeBox>),
}

impl Item {
    /// The annotated faces, if the picture is of `width` × `height` pixels. `None` if it is not
    /// known where the faces are.
    pub fn faces(&self, width: u32, height: u32) -> Option<Vec<TruthFace>> {
        match &self.labels {
            Labels::Unknown => None,
            Labels::Absolute(faces) => Some(faces.clone()),
            Labels::Relative(boxes) => Some(boxes.iter().map(|b| b.face(width, height)).collect()),
        }
    }

    /// The name for a folder without sub-folders: `/` becomes `_`, as the referee wants it.
    pub fn flat_name(&self) -> String {
        self.name.replace('/', "_")
    }
}

/// Why a set cannot be loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatasetError {
    /// A file cannot be read.
    #[error("{}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// An annotation cannot be understood.
    #[error("{}", path.display())]
    Truth {
        /// The annotation file.
        path: PathBuf,
        /// Why.
        source: TruthError,
    },
    /// The split names a picture that the annotation does not know.
    #[error("{name:?} has no entry in {}", path.display())]
    Unlisted {
        /// The picture.
        name: String,
        /// The annotation file, or the folder of such files.
        path: PathBuf,
    },
    /// The split names a picture that is not there.
    #[error("{} is missing", path.display())]
    NoPicture {
        /// Where it should be.
        path: PathBuf,
    },
}

/// The folder that the names of a set's split are relative to. `faces` is the folder that holds
/// the sets.
pub fn image_root(faces: &Path, set: Set) -> PathBuf {
    let root = faces.join(set.name());
    match set {
        Set::Fddb | Set::MasksVoc | Set::WiderYolo => root.join("images"),
        Set::Negatives | Set::Utkface | Set::YoutubeKeypoints => root,
    }
}

/// The file of the picture `name`.
pub fn image_path(faces: &Path, set: Set, name: &str) -> PathBuf {
    image_root(faces, set).join(format!("{name}.jpg"))
}

/// The pictures of one part, in the order of their names. `shared` is the folder that holds
/// `faces/`.
///
/// # Errors
/// [`DatasetError`] if a picture or its annotation is missing or cannot be understood: a set is
/// complete or not loaded at all, so that figures stay comparable.
pub fn load(shared: &Path, set: Set, part: Part) -> Result<Vec<Item>, DatasetError> {
    load_names(shared, set, &split::names(set, part))
}

/// As [`load`], for any of a set's names.
///
/// # Errors
/// As [`load`].
pub fn load_names(shared: &Path, set: Set, names: &[&str]) -> Result<Vec<Item>, DatasetError> {
    let faces = shared.join("faces");
    let fddb = if set == Set::Fddb { fddb_lists(&faces)? } else { truth::ByName::new() };
    let points = if set == Set::YoutubeKeypoints { point_lists(&faces)? } else { truth::ByName::new() };
    let labels = |name: &str| {
        let root = faces.join(set.name());
        match set {
            Set::Fddb => match fddb.get(name) {
                Some(faces) => Ok(Labels::Absolute(faces.clone())),
                None => Err(DatasetError::Unlisted { name: name.to_owned(), path: root.join("FDDB-folds") }),
            },
            Set::MasksVoc => {
                read(root.join(format!("annotations/{name}.xml")), truth::voc).map(Labels::Absolute)
            }
            Set::WiderYolo => {
                read(root.join(format!("labels/{name}.txt")), truth::yolo).map(Labels::Relative)
            }
            Set::Negatives => Ok(Labels::Absolute(Vec::new())),
            Set::YoutubeKeypoints => match points.get(name) {
                Some(faces) => Ok(Labels::Absolute(faces.clone())),
                None => Err(DatasetError::Unlisted { name: name.to_owned(), path: root }),
            },
            Set::Utkface => Ok(Labels::Unknown),
        }
    };
    let item = |name: &&str| {
        let image_path = image_path(&faces, set, name);
        if !image_path.is_file() {
            return Err(DatasetError::NoPicture { path: image_path });
        }
        Ok(Item { name: (*name).to_owned(), image_path, labels: labels(name)? })
    };
    names.iter().map(item).collect()
}

fn fddb_lists(faces: &Path) -> Result<truth::ByName, DatasetError> {
    let mut all = truth::ByName::new();
    for fold in 1..=8 {
        let path = faces.join(format!("fddb/FDDB-folds/FDDB-fold-{fold:02}-ellipseList.txt"));
        all.extend(read(path, truth::fddb)?);
    }
    Ok(all)
}

/// The faces around the 68 points of YouTube Faces' frames, by `training/` or `test/` and the frame.
fn point_lists(faces: &Path) -> Result<truth::ByName, DatasetError> {
    let mut all = truth::ByName::new();
    for part in ["training", "test"] {
        let path = faces.join(format!("youtube_keypoints/{part}_frames_keypoints.csv"));
        let rows = read(path, |text| {
            let rows = text.lines().enumerate().skip(1).filter(|(_, row)| !row.trim().is_empty());
            rows.map(|(i, row)| truth::row_of_68(row, i + 1).map(|(name, p)| (name.to_owned(), p)))
                .collect::<Result<Vec<_>, _>>()
        })?;
        all.extend(rows.into_iter().map(|(name, points)| {
            let stem = name.rsplit_once('.').map_or(&*name, |(stem, _)| stem);
            (format!("{part}/{stem}"), vec![truth::face_of_68(&points)])
        }));
    }
    Ok(all)
}

fn read<T>(path: PathBuf, parse: fn(&str) -> Result<T, TruthError>) -> Result<T, DatasetError> {
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(source) => return Err(DatasetError::Io { path, source }),
    };
    parse(&text).map_err(|source| DatasetError::Truth { path, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_folder_is_an_error_not_an_empty_set() {
        for set in Set::ALL {
            assert!(load(Path::new("no such folder"), set, Part::Report).is_err(), "{set:?}");
        }
    }

    #[test]
    fn unknown_is_not_the_same_as_none() {
        let item = |labels| Item { name: "a/b".to_owned(), image_path: PathBuf::new(), labels };
        assert_eq!(item(Labels::Unknown).faces(9, 9), None);
        assert_eq!(item(Labels::Absolute(Vec::new())).faces(9, 9), Some(Vec::new()));
        let half = RelativeBox { cx: 0.5, cy: 0.5, w: 0.5, h: 0.5 };
        let want = TruthFace::from_box(2.0, 1.0, 6.0, 3.0);
        assert_eq!(item(Labels::Relative(vec![half])).faces(8, 4), Some(vec![want]));
        assert_eq!(item(Labels::Unknown).flat_name(), "a_b");
    }
}
