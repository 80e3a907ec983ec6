//! VGGFace2: a folder a person, and tables of boxes.

use std::path::Path;

use super::keypoints::numbered;
use super::paired::{sample, unlabelled};
use super::{ImportError, Sample, Samples, find, folders, name_of};
use crate::dataset::Labels;
use crate::truth;

pub(super) fn open(root: &Path) -> Result<Samples, ImportError> {
    let mut streams: Vec<Samples> = Vec::new();
    for part in ["train", "test"] {
        let images = folders(root, &[part, &format!("data/{part}"), &format!("data/vggface2_{part}/{part}")]);
        let Some(images) = images.into_iter().next() else { continue };
        let name = format!("loose_bb_{part}.csv");
        let tables = [
            root.join("bb_landmark").join(&name),
            root.join("data/bb_landmark").join(&name),
            root.join(&name),
        ];
        match tables.into_iter().find(|table| table.is_file()) {
            Some(table) => streams.push(Box::new(rows(root, &images, &table))),
            None => streams.push(people(root, &images)),
        }
    }
    if streams.is_empty() {
        return Err(ImportError::Missing { path: root.to_owned(), want: "folder train or test of people" });
    }
    Ok(Box::new(streams.into_iter().flatten()))
}

/// A row a picture, in the table's order.
fn rows(
    root: &Path,
    images: &Path,
    table: &Path,
) -> impl Iterator<Item = Result<Sample, ImportError>> + Send + use<> {
    let (root, folders, table) = (root.to_owned(), vec![images.to_owned()], table.to_owned());
    numbered(table.clone(), 1).map(move |row| {
        let (line, row) = row?;
        let (name, face) = truth::vggface2_row(&row, line)
            .map_err(|source| ImportError::Truth { path: table.clone(), source })?;
        let path = find(&folders, &format!("{name}.jpg"), &table)?;
        let identity = name.split_once('/').map(|(person, _)| person.to_owned());
        let labels = Labels::Absolute(vec![face]);
        Ok(Sample { labels, identity, ..sample(name_of(&root, &path), path) })
    })
}

/// Without a table the pictures are not labelled, but the folders still say who is who.
fn people(root: &Path, images: &Path) -> Samples {
    let (root, images) = (root.to_owned(), images.to_owned());
    Box::new(unlabelled(&images.clone(), Labels::Unknown, true).map(move |found| {
        let found = found?;
        Ok(Sample { name: name_of(&root, &found.path), ..found })
    }))
}
