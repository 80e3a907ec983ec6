//! CelebA-HQ as CelebAMask-HQ publishes it, and CelebA, aligned or in the wild.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use super::keypoints::numbered;
use super::paired::sample;
use super::{Drawn, ImportError, Samples, Walk, files_in, name_of};
use crate::dataset::Labels;
use crate::truth::{self, CelebaTable, TruthError, TruthFace};

/// What lies where, most telling first: folder of pictures, then tables whose pixels are those of its pictures.
struct Kind {
    images: &'static str,
    attributes: &'static str,
    boxes: &'static str,
    /// A part of the name of the table of landmarks.
    landmarks: &'static str,
}

const KINDS: [Kind; 3] = [
    Kind {
        images: "CelebA-HQ-img",
        attributes: "CelebAMask-HQ-attribute-anno.txt",
        boxes: "list_bbox_celeba_hq.txt",
        landmarks: "hq",
    },
    Kind { images: "img_align_celeba", attributes: "list_attr_celeba.txt", boxes: "", landmarks: "align" },
    Kind {
        images: "img_celeba",
        attributes: "list_attr_celeba.txt",
        boxes: "list_bbox_celeba.txt",
        landmarks: "list_landmarks_celeba.txt",
    },
];

/// What the tables know, by the picture's file name. Attributes are a bit each.
#[derive(Default)]
struct Tables {
    faces: HashMap<Box<str>, (TruthFace, Drawn)>,
    attributes: HashMap<Box<str>, u64>,
    attribute_names: Vec<String>,
    /// From the picture to the person.
    people: HashMap<Box<str>, Box<str>>,
}

pub(super) fn open(root: &Path) -> Result<Samples, ImportError> {
    let kind =
        KINDS.iter().find(|kind| root.join(kind.images).is_dir()).ok_or_else(|| ImportError::Missing {
            path: root.to_owned(),
            want: "folder CelebA-HQ-img, img_align_celeba or img_celeba",
        })?;
    let tables = Arc::new(Tables::read(root, kind)?);
    let root = root.to_owned();
    Ok(Box::new(Walk::new(&root.join(kind.images)).map(move |path| {
        let path = path?;
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut found = sample(name_of(&root, &path), path);
        if let Some((face, drawn)) = tables.faces.get(file.as_str()) {
            (found.labels, found.drawn) = (Labels::Absolute(vec![*face]), *drawn);
        }
        found.identity = tables.people.get(file.as_str()).map(|person| person.to_string());
        let bits = tables.attributes.get(file.as_str()).copied().unwrap_or(0);
        let named = tables.attribute_names.iter().enumerate();
        found.tags = named.filter(|(at, _)| bits >> at & 1 == 1).map(|(_, name)| name.clone()).collect();
        Ok(found)
    })))
}

impl Tables {
    fn read(root: &Path, kind: &Kind) -> Result<Self, ImportError> {
        let mut tables = Self::default();
        let anno = [root.to_owned(), root.join("Anno")];
        let named = |name: &str| {
            let files = anno.iter().map(|folder| folder.join(name));
            files.into_iter().find(|path| !name.is_empty() && path.is_file())
        };
        if let Some(path) = named(kind.attributes) {
            tables.attribute_names = tables.attributes_of(&path)?;
        }
        // Boxes win over landmarks, which are only points on the face.
        let is_landmarks = |name: &str| {
            let name = name.to_lowercase();
            name.contains("landmark") && name.contains(kind.landmarks) && name.ends_with(".txt")
        };
        let landmarks = anno.iter().flat_map(|folder| files_in(folder, is_landmarks)).next();
        for (path, table, drawn) in [
            (landmarks, CelebaTable::Landmarks, Drawn::Points),
            (named(kind.boxes), CelebaTable::Boxes, Drawn::Box),
        ] {
            if let Some(path) = path {
                tables.faces_of(&path, table, drawn)?;
            }
        }
        let people = named("identity_CelebA.txt").map(|path| pairs(&path, 0, 1)).transpose()?;
        let originals =
            named("CelebA-HQ-to-CelebA-mapping.txt").map(|path| pairs(&path, 0, 2)).transpose()?;
        match (people, originals) {
            // CelebA-HQ's picture `7.jpg` is row 7 of the mapping, which names the file of CelebA.
            (Some(people), Some(originals)) => {
                tables.people = originals
                    .into_iter()
                    .filter_map(|(index, file)| {
                        Some((format!("{index}.jpg").into(), people.get(&file)?.clone()))
                    })
                    .collect();
            }
            (Some(people), None) if kind.images != "CelebA-HQ-img" => tables.people = people,
            _ => {}
        }
        Ok(tables)
    }

    fn attributes_of(&mut self, path: &Path) -> Result<Vec<String>, ImportError> {
        rows(path, |name, values, _| {
            let bits =
                values.iter().enumerate().filter(|(_, v)| **v > 0.0).fold(0, |bits, (at, _)| bits | 1 << at);
            self.attributes.insert(name.into(), bits);
            Ok(())
        })
    }

    fn faces_of(&mut self, path: &Path, table: CelebaTable, drawn: Drawn) -> Result<(), ImportError> {
        let columns = if table == CelebaTable::Boxes { 4 } else { 10 };
        let head = rows(path, |name, values, line| {
            // A box without area hides nothing and knows nothing: the picture counts as not labelled.
            let empty = columns == 4 && values.len() == 4 && (values[2] <= 0.0 || values[3] <= 0.0);
            if !empty {
                self.faces.insert(name.into(), (truth::celeba_face(values, line)?, drawn));
            }
            Ok(())
        })?;
        if head.len() != columns {
            let source = TruthError::field(2, "4 columns of boxes or 10 of landmarks", &head.join(" "));
            return Err(ImportError::Truth { path: path.to_owned(), source });
        }
        Ok(())
    }
}

/// Hands every row of a CelebA table on, and gives the names of its columns.
fn rows(
    path: &Path,
    mut take: impl FnMut(&str, &[f64], usize) -> Result<(), TruthError>,
) -> Result<Vec<String>, ImportError> {
    let wrong = |source| ImportError::Truth { path: path.to_owned(), source };
    let mut lines = numbered(path.to_owned(), 0);
    let mut next = || lines.next().transpose().map(|line| line.map_or_else(String::new, |(_, text)| text));
    let (first, second) = (next()?, next()?);
    let head = truth::celeba_head(&first, &second).map_err(wrong)?;
    let mut got = 0;
    for row in lines {
        let (line, row) = row?;
        let (name, values) = truth::celeba_row(&row, &head, line).map_err(wrong)?;
        take(name, &values, line).map_err(wrong)?;
        got += 1;
    }
    if got != head.rows {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        return Err(wrong(TruthError::Count { line: 1, name, need: head.rows, got }));
    }
    Ok(head.columns)
}

/// Two columns of a table without head; lines whose first column is not followed by the second are errors, and so is
/// nothing. The mapping's line of names is left out.
fn pairs(path: &Path, key: usize, value: usize) -> Result<HashMap<Box<str>, Box<str>>, ImportError> {
    let mut all = HashMap::new();
    for row in numbered(path.to_owned(), 0) {
        let (line, row) = row?;
        let fields: Vec<&str> = row.split_whitespace().collect();
        if fields.first() == Some(&"idx") {
            continue;
        }
        let (Some(key), Some(value)) = (fields.get(key), fields.get(value)) else {
            let source = TruthError::field(line, "a picture and what belongs to it", &row);
            return Err(ImportError::Truth { path: path.to_owned(), source });
        };
        all.insert(Box::from(*key), Box::from(*value));
    }
    Ok(all)
}
