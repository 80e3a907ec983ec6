//! Judges a folder of outputs, several pictures at a time.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{fs, io, thread};

use faceveil_data::dataset::Item;

use crate::pair::{PictureVerdict, judge_decoded, no_output};
use crate::picture::{JudgeError, Picture};

/// Why a folder cannot be judged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FolderError {
    /// A file or folder cannot be read.
    #[error("{}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A picture cannot be judged.
    #[error("{}", path.display())]
    Judge {
        /// The original or the output.
        path: PathBuf,
        /// Why.
        source: JudgeError,
    },
    /// Two outputs have one name.
    #[error("{} and {} are outputs of the same picture", first.display(), second.display())]
    Twice {
        /// One of them.
        first: PathBuf,
        /// The other.
        second: PathBuf,
    },
    /// Nobody said where the picture's faces are.
    #[error("{name:?} has no annotation")]
    NoTruth {
        /// The picture.
        name: String,
    },
}

/// Judges the outputs in `out` of all `items`, in their order, on `threads` threads (at least 1).
/// An output lies right in `out` under [`Item::flat_name`] with any picture suffix; a picture
/// without one counts as untouched.
///
/// # Errors
/// [`FolderError`] if a file cannot be read or decoded, or an item has no annotation.
pub fn judge_folder(items: &[Item], out: &Path, threads: usize) -> Result<Vec<PictureVerdict>, FolderError> {
    let outputs = outputs(out)?;
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(at) else { return done };
            done.push((at, judge_item(item, outputs.get(&item.flat_name()))));
        }
    };
    let mut done = thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let mut done = work();
        for other in others {
            done.extend(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        done
    });
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, verdict)| verdict).collect()
}

fn judge_item(item: &Item, output: Option<&PathBuf>) -> Result<PictureVerdict, FolderError> {
    let judge = |path: &Path| {
        let path = path.to_owned();
        move |source| FolderError::Judge { path, source }
    };
    let original = Picture::decode(&read(&item.image_path)?).map_err(judge(&item.image_path))?;
    let side = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let (width, height) = (side(original.width()), side(original.height()));
    let faces = item.faces(width, height).ok_or_else(|| FolderError::NoTruth { name: item.name.clone() })?;
    match output {
        None => Ok(no_output(width, height, &faces)),
        Some(path) => judge_decoded(&original, &read(path)?, &faces).map_err(judge(path)),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, FolderError> {
    fs::read(path).map_err(|source| FolderError::Io { path: path.to_owned(), source })
}

/// The pictures in a folder by their names without suffix.
fn outputs(folder: &Path) -> Result<HashMap<String, PathBuf>, FolderError> {
    let wrong = |source| FolderError::Io { path: folder.to_owned(), source };
    let mut outputs = HashMap::new();
    for entry in fs::read_dir(folder).map_err(wrong)? {
        let path = entry.map_err(wrong)?.path();
        let suffix = path.extension().and_then(|s| s.to_str()).map(str::to_ascii_lowercase);
        let picture = matches!(suffix.as_deref(), Some("jpg" | "jpeg" | "png" | "webp"));
        let Some(stem) = path.file_stem().and_then(|s| s.to_str()).filter(|_| picture) else { continue };
        if let Some(first) = outputs.insert(stem.to_owned(), path.clone()) {
            return Err(FolderError::Twice { first, second: path });
        }
    }
    Ok(outputs)
}
