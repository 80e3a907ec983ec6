//! Where outputs go, and that no two inputs go to the same place.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Component, Path, PathBuf};

use faceveil_media::Format;

/// Where outputs go.
#[derive(Clone, Debug)]
pub enum Destination {
    /// `-`
    Stdout,
    /// One file in the format of its ending.
    File {
        /// The file.
        path: PathBuf,
        /// What its ending says.
        format: Format,
    },
    /// One video, in the container of its ending.
    Video(PathBuf),
    /// A folder that gets the inputs' names and structure, each in its own format.
    Folder(PathBuf),
}

/// The format that the ending of `path` chooses.
pub fn format_of_ending(path: &Path) -> Option<Format> {
    path.extension().and_then(Format::from_extension)
}

/// Whether `path` is typed as a folder: it ends in a separator, `.` or `..`.
pub fn is_typed_as_folder(path: &Path) -> bool {
    let bytes = path.as_os_str().as_encoded_bytes();
    let separated = bytes.last().is_some_and(|&b| std::path::is_separator(char::from(b)));
    separated || path.file_name().is_none()
}

/// `path` with its existing part resolved; the rest will be made of real folders.
///
/// # Errors
/// What the system says if not even the root of `path` can be resolved.
pub fn resolve(path: &Path) -> io::Result<PathBuf> {
    let mut missing = Vec::new();
    let mut existing = std::path::absolute(path)?;
    loop {
        match existing.canonicalize() {
            Ok(mut resolved) => {
                resolved.extend(missing.iter().rev());
                return Ok(resolved);
            }
            Err(e) => {
                missing.push(existing.file_name().ok_or(e)?.to_owned());
                existing.pop();
            }
        }
    }
}

/// The outputs of a run that are taken. A path takes 16 bytes, however long it is.
#[derive(Debug, Default)]
pub struct Claims {
    taken: HashSet<u128>,
    /// The folder last resolved and what it resolved to: neighbours come one after the other.
    last: Option<(PathBuf, PathBuf)>,
}

/// An output may not be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClaimError {
    /// Two inputs have one output, or the output is an input.
    #[error("the output {0} is another input's already, or is an input itself")]
    Taken(String),
    /// The name would lead out of the output folder.
    #[error("its name would lead out of the output folder")]
    Escapes,
    /// A sidecar is called something else, so that its output has no name.
    #[error("its name does not end in .faceveil.json, so its output has no name: name the output itself")]
    NoSidecarName,
    /// The folder cannot be resolved.
    #[error("{0}")]
    Unresolved(String),
}

impl Claims {
    /// Takes the output `relative` below `folder`, and returns its path.
    ///
    /// # Errors
    /// [`ClaimError`] if it is taken, or does not lie below `folder`.
    pub fn take(&mut self, folder: &Path, relative: &Path) -> Result<PathBuf, ClaimError> {
        let plain = relative.components().all(|c| matches!(c, Component::Normal(_)));
        let name = relative.file_name().filter(|_| plain).ok_or(ClaimError::Escapes)?;
        let output = folder.join(relative);
        let parent = output.parent().unwrap_or(folder);
        let resolved = self.resolved(parent).map_err(|e| ClaimError::Unresolved(e.to_string()))?;
        if self.taken.insert(key(&resolved.join(name))) {
            Ok(output)
        } else {
            Err(ClaimError::Taken(output.display().to_string()))
        }
    }

    /// Takes a path that is itself an input, so that no other input replaces it.
    pub fn protect(&mut self, input: &Path) {
        if let Ok(resolved) = input.canonicalize() {
            self.taken.insert(key(&resolved));
        }
    }

    fn resolved(&mut self, folder: &Path) -> io::Result<PathBuf> {
        if let Some((_, resolved)) = self.last.as_ref().filter(|(from, _)| from == folder) {
            return Ok(resolved.clone());
        }
        let resolved = resolve(folder)?;
        self.last = Some((folder.to_owned(), resolved.clone()));
        Ok(resolved)
    }
}

/// 128 bits, so that a million different paths collide with probability 1e-27.
fn key(path: &Path) -> u128 {
    let half = |salt: u8| {
        let mut hasher = DefaultHasher::new();
        salt.hash(&mut hasher);
        // There, names that differ in case only are usually one file.
        if cfg!(any(windows, target_os = "macos")) {
            path.as_os_str().to_ascii_lowercase().hash(&mut hasher);
        } else {
            path.as_os_str().hash(&mut hasher);
        }
        u128::from(hasher.finish())
    };
    half(0) << 64 | half(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_output_is_taken_once_through_any_name() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("a")).unwrap();
        let mut claims = Claims::default();
        assert!(claims.take(folder.path(), Path::new("a/x.jpg")).is_ok());
        assert!(claims.take(folder.path(), Path::new("a/y.jpg")).is_ok());
        assert!(matches!(claims.take(folder.path(), Path::new("a/x.jpg")), Err(ClaimError::Taken(_))));
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink("a", folder.path().join("b")).unwrap();
            assert!(matches!(claims.take(folder.path(), Path::new("b/x.jpg")), Err(ClaimError::Taken(_))));
        }
    }

    #[test]
    fn no_output_leaves_its_folder() {
        for name in ["../x.jpg", "/x.jpg", "a/../../x.jpg", ""] {
            let got = Claims::default().take(Path::new("/tmp"), Path::new(name));
            assert_eq!(got, Err(ClaimError::Escapes), "{name:?}");
        }
    }

    #[test]
    fn a_folder_is_recognised_by_how_it_is_typed() {
        for (path, want) in
            [("out/", true), (".", true), ("..", true), ("a/..", true), ("out", false), ("a/b", false)]
        {
            assert_eq!(is_typed_as_folder(Path::new(path)), want, "{path}");
        }
    }
}
