//! COCO sets: JSON files and the folders that their pictures are in.

use std::path::{Path, PathBuf};

use super::paired::sample;
use super::{ImportError, Sample, Samples, files_in, find, name_of, read};
use crate::dataset::Labels;
use crate::truth;

pub(super) fn open(root: &Path, categories: &[String]) -> Result<Samples, ImportError> {
    // Captions and key points of bodies have no boxes of faces.
    let is_list = |name: &str| {
        name.ends_with(".json") && !name.starts_with("captions_") && !name.starts_with("person_keypoints_")
    };
    let mut lists = files_in(&root.join("annotations"), is_list);
    lists.extend(files_in(root, is_list));
    for part in ["train", "valid", "val", "test"] {
        // Roboflow's COCO export has a file beside the pictures of each part.
        lists.extend(files_in(&root.join(part), |name| name.ends_with(".coco.json")));
    }
    if lists.is_empty() {
        return Err(ImportError::Missing { path: root.to_owned(), want: "annotations/*.json" });
    }
    let (root, categories) = (root.to_owned(), categories.to_vec());
    Ok(Box::new(lists.into_iter().flat_map(move |list| {
        let pictures = read(&list).and_then(|text| {
            truth::coco(&text, &categories)
                .map_err(|source| ImportError::Truth { path: list.clone(), source })
        });
        let (pictures, failed) = match pictures {
            Ok(pictures) => (pictures, None),
            Err(e) => (Vec::new(), Some(Err(e))),
        };
        let (root, folders) = (root.clone(), folders_of(&root, &list));
        let found = pictures.into_iter().map(move |picture| {
            let path = find(&folders, &picture.name, &list)?;
            let name = name_of(&root, &path);
            Ok(Sample { labels: Labels::Absolute(picture.faces), ..sample(name, path) })
        });
        failed.into_iter().chain(found)
    })))
}

/// Where the pictures of `…_train2017.json` may lie: beside it, or in `train2017`, `images/train2017`, `images`, the root.
fn folders_of(root: &Path, list: &Path) -> Vec<PathBuf> {
    let stem = list.file_stem().and_then(|s| s.to_str()).unwrap_or_default();
    let part = stem.rsplit_once('_').map_or(stem, |(_, part)| part);
    let mut folders =
        vec![root.join(part), root.join("images").join(part), root.join("images"), root.to_owned()];
    if let Some(beside) = list.parent() {
        folders.insert(0, beside.to_owned());
    }
    folders.retain(|folder| folder.is_dir());
    folders
}
