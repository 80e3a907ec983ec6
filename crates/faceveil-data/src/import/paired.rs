//! Pictures that are walked, each with a label file of its own or none at all.

use std::path::{Path, PathBuf};

use super::{Drawn, ImportError, Sample, Samples, Walk, folders, name_of, read};
use crate::dataset::Labels;
use crate::truth::{self, TruthError};

/// Every picture under `root`, with the same labels.
pub(super) fn unlabelled(root: &Path, labels: Labels, people: bool) -> Samples {
    let root = root.to_owned();
    Box::new(Walk::new(&root).map(move |path| {
        let path = path?;
        let name = name_of(&root, &path);
        let identity = people.then(|| name.split_once('/').map(|(person, _)| person.to_owned())).flatten();
        Ok(Sample { identity, labels: labels.clone(), ..sample(name, path) })
    }))
}

/// Nothing known.
pub(super) fn sample(name: String, path: PathBuf) -> Sample {
    Sample {
        name,
        path,
        labels: Labels::Unknown,
        drawn: Drawn::Box,
        identity: None,
        tags: Vec::new(),
        held_out: false,
    }
}

/// Pascal VOC.
pub(super) fn voc(root: &Path) -> Result<Samples, ImportError> {
    let missing = |want| ImportError::Missing { path: root.to_owned(), want };
    let labels = folders(root, &["Annotations", "annotations"]).into_iter().next();
    let labels = labels.ok_or_else(|| missing("folder Annotations"))?;
    let images = folders(root, &["JPEGImages", "images"]).into_iter().next();
    let images = images.ok_or_else(|| missing("folder JPEGImages or images"))?;
    let parse = |text: &str| truth::voc(text).map(Labels::Absolute);
    Ok(Box::new(labelled(root, vec![(images, labels)], "xml", parse)))
}

/// The pictures of each folder of images, labelled by the file of the same name and the ending `ending` in the folder of
/// labels beside it. A picture without such a file is not labelled.
pub(super) fn labelled(
    root: &Path,
    pairs: Vec<(PathBuf, PathBuf)>,
    ending: &'static str,
    parse: fn(&str) -> Result<Labels, TruthError>,
) -> impl Iterator<Item = Result<Sample, ImportError>> + Send + 'static {
    let root = root.to_owned();
    pairs.into_iter().flat_map(move |(images, labels)| {
        let root = root.clone();
        Walk::new(&images).map(move |path| {
            let path = path?;
            let relative = path.strip_prefix(&images).unwrap_or(&path);
            let label = labels.join(relative).with_extension(ending);
            let name = name_of(&root, &path);
            if !label.is_file() {
                return Ok(sample(name, path));
            }
            let known = parse(&read(&label)?);
            let known = known.map_err(|source| ImportError::Truth { path: label, source })?;
            Ok(Sample { labels: known, ..sample(name, path) })
        })
    })
}
