//! Tables of 68 points a face.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use super::paired::sample;
use super::{Drawn, ImportError, Sample, Samples, files_in, find, name_of};
use crate::dataset::Labels;
use crate::truth::{self, TruthError};

pub(super) fn open(root: &Path) -> Result<Samples, ImportError> {
    let tables = files_in(root, |name| name.ends_with(".csv") && name.contains("keypoints"));
    if tables.is_empty() {
        return Err(ImportError::Missing { path: root.to_owned(), want: "table *keypoints*.csv" });
    }
    let root = root.to_owned();
    Ok(Box::new(tables.into_iter().flat_map(move |table| rows(&root, table))))
}

fn rows(root: &Path, table: PathBuf) -> impl Iterator<Item = Result<Sample, ImportError>> + Send + use<> {
    let root = root.to_owned();
    let stem = table.file_stem().and_then(|s| s.to_str()).unwrap_or_default();
    let part = stem.split_once('_').map_or(stem, |(part, _)| part);
    let folders = vec![root.join(part), root.join("images"), root.clone()];
    numbered(table.clone(), 1).map(move |row| {
        let (line, row) = row?;
        let (name, points) = truth::row_of_68(&row, line)
            .map_err(|source| ImportError::Truth { path: table.clone(), source })?;
        let path = find(&folders, name, &table)?;
        let labels = Labels::Absolute(vec![truth::face_of_68(&points)]);
        // YouTube Faces: the person, then the number of the video and of the frame.
        let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
        let identity = stem.rsplit_once('_').map(|(person, _)| person.to_owned());
        Ok(Sample { labels, drawn: Drawn::Points, identity, ..sample(name_of(&root, &path), path) })
    })
}

/// The lines of a file after the first `skip`, without empty ones, each with its number from 1; a line of more than
/// 64 KiB is an error, and so is a file that cannot be opened.
pub(super) fn numbered(
    path: PathBuf,
    skip: usize,
) -> impl Iterator<Item = Result<(usize, String), ImportError>> + Send {
    const LONGEST: usize = 64 << 10;
    let io = |path: &Path, source| ImportError::Io { path: path.to_owned(), source };
    let (mut reader, mut failed) = match File::open(&path) {
        Ok(file) => (Some(BufReader::new(file)), None),
        Err(e) => (None, Some(io(&path, e))),
    };
    let mut line = 0;
    std::iter::from_fn(move || {
        if let Some(e) = failed.take() {
            return Some(Err(e));
        }
        loop {
            let mut bytes = Vec::new();
            let read = std::io::Read::take(reader.as_mut()?, LONGEST as u64).read_until(b'\n', &mut bytes);
            line += 1;
            match read {
                Ok(0) => return None,
                Ok(LONGEST..) if bytes.last() != Some(&b'\n') => {
                    reader = None;
                    let source = TruthError::TooLong { line, bytes: LONGEST };
                    return Some(Err(ImportError::Truth { path: path.clone(), source }));
                }
                Ok(_) => {}
                Err(e) => {
                    reader = None;
                    return Some(Err(io(&path, e)));
                }
            }
            let text = String::from_utf8_lossy(&bytes);
            if line > skip && !text.trim().is_empty() {
                return Some(Ok((line, text.trim().to_owned())));
            }
        }
    })
}
