//! FDDB and WIDER FACE: text lists that name many pictures.

use std::path::{Path, PathBuf};

use super::paired::sample;
use super::{Drawn, ImportError, Sample, Samples, files_in, find, folders, read};
use crate::dataset::Labels;
use crate::truth::{self, ByPath, TruthError};

pub(super) fn fddb(root: &Path) -> Result<Samples, ImportError> {
    let is_list = |name: &str| name.ends_with("ellipseList.txt");
    let mut lists = files_in(&root.join("FDDB-folds"), is_list);
    lists.extend(files_in(root, is_list));
    let mut images = folders(root, &["images", "originalPics"]);
    images.push(root.to_owned());
    // FDDB's names have no ending.
    let parse = |text: &str| {
        Ok(truth::fddb(text)?.into_iter().map(|(name, faces)| (format!("{name}.jpg"), faces)).collect())
    };
    stream(root, lists, images, Drawn::Ellipse, "FDDB-folds/*-ellipseList.txt", parse)
}

pub(super) fn wider(root: &Path) -> Result<Samples, ImportError> {
    let is_list = |name: &str| name.contains("bbx_gt") && name.ends_with(".txt");
    let mut lists = files_in(&root.join("wider_face_split"), is_list);
    lists.extend(files_in(root, is_list));
    let parts = ["WIDER_train/images", "WIDER_val/images", "images", "train/images", "val/images"];
    stream(root, lists, folders(root, &parts), Drawn::Box, "wider_face_*_bbx_gt.txt", truth::wider_paths)
}

/// The pictures of each list, found in the first of the folders that has them.
fn stream(
    root: &Path,
    lists: Vec<PathBuf>,
    images: Vec<PathBuf>,
    drawn: Drawn,
    want: &'static str,
    parse: fn(&str) -> Result<ByPath, TruthError>,
) -> Result<Samples, ImportError> {
    if lists.is_empty() {
        return Err(ImportError::Missing { path: root.to_owned(), want });
    }
    if images.is_empty() {
        return Err(ImportError::Missing { path: root.to_owned(), want: "folder of pictures" });
    }
    Ok(Box::new(lists.into_iter().flat_map(move |list| {
        let entries = read(&list).and_then(|text| {
            parse(&text).map_err(|source| ImportError::Truth { path: list.clone(), source })
        });
        let images = images.clone();
        // A list that cannot be read is one error among the pictures of the others.
        let (entries, failed) = match entries {
            Ok(entries) => (entries, None),
            Err(e) => (Vec::new(), Some(Err(e))),
        };
        let found = entries.into_iter().map(move |(name, faces)| {
            let path = find(&images, &name, &list)?;
            Ok(Sample { labels: Labels::Absolute(faces), drawn, ..sample(name, path) })
        });
        failed.into_iter().chain(found)
    })))
}
