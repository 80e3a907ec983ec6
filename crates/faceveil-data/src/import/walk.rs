//! The pictures under a folder, one after the other.

use std::fs::{self, FileType};
use std::path::{Path, PathBuf};

use super::ImportError;

/// Depth at which a folder is refused.
const DEEPEST: usize = 64;

/// The files under a folder whose name ends like a picture's, in the order of their names; only the lists of the folders on
/// the way are held. Links to folders are not followed, and neither are names that begin with a dot.
#[derive(Debug)]
pub struct Walk {
    /// Listings on the way, each with the last name first.
    open: Vec<Vec<(PathBuf, bool)>>,
    failed: Option<ImportError>,
}

impl Walk {
    /// Everything under `root`.
    pub fn new(root: &Path) -> Self {
        let mut walk = Self { open: Vec::new(), failed: None };
        walk.enter(root);
        walk
    }

    fn enter(&mut self, folder: &Path) {
        match list(folder) {
            Ok(listing) => self.open.push(listing),
            Err(source) => self.failed = Some(ImportError::Io { path: folder.to_owned(), source }),
        }
    }
}

/// What is in a folder: path, whether it is a folder; the last name first.
fn list(folder: &Path) -> std::io::Result<Vec<(PathBuf, bool)>> {
    let mut listing = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if name.as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let kind: FileType = entry.file_type()?;
        let path = entry.path();
        if kind.is_dir() || (is_picture(&path) && (kind.is_file() || path.is_file())) {
            listing.push((path, kind.is_dir()));
        }
    }
    listing.sort_unstable_by(|a, b| b.cmp(a));
    Ok(listing)
}

/// Whether a name ends like that of a picture; what the file is, only its content can say.
pub(super) fn is_picture(path: &Path) -> bool {
    let ending = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
    ["jpg", "jpeg", "jpe", "png", "webp"].iter().any(|e| ending.eq_ignore_ascii_case(e))
}

impl Iterator for Walk {
    type Item = Result<PathBuf, ImportError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(failed) = self.failed.take() {
                return Some(Err(failed));
            }
            match self.open.last_mut()?.pop() {
                None => drop(self.open.pop()),
                Some((path, false)) => return Some(Ok(path)),
                Some((path, true)) if self.open.len() >= DEEPEST => {
                    let source = std::io::Error::other(format!("more than {DEEPEST} folders deep"));
                    return Some(Err(ImportError::Io { path, source }));
                }
                Some((path, true)) => self.enter(&path),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_come_sorted_and_nothing_else_does() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for name in ["b/2.JPG", "b/10.png", "a.webp", "c.txt", ".hidden/x.jpg", "b/.y.jpg", "z.jpeg"] {
            let path = root.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, b"x").unwrap();
        }
        #[cfg(unix)]
        std::os::unix::fs::symlink(root, root.join("b/loop")).unwrap();
        let names: Vec<String> =
            Walk::new(root).map(|p| p.unwrap().strip_prefix(root).unwrap().display().to_string()).collect();
        assert_eq!(names, ["a.webp", "b/10.png", "b/2.JPG", "z.jpeg"]);
        assert!(Walk::new(&root.join("nowhere")).next().unwrap().is_err());
    }
}
