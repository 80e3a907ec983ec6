//! The files to be worked on, found lazily so that a million of them need no memory.
//! Not for opening them.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher};
use walkdir::{DirEntry, WalkDir};

use crate::sniff;

/// Names that start so are our own unfinished outputs.
pub const TEMPORARY_PREFIX: &str = ".faceveil-";

/// One INPUT, after a look at the file system.
#[derive(Clone, Debug)]
pub enum Input {
    /// `-`
    Stdin,
    /// Named itself, so it is tried whatever it is, even if it does not exist.
    File(PathBuf),
    /// Everything below.
    Folder(PathBuf),
    /// Everything below `base` that matches.
    Glob(Glob),
}

/// A pattern that the shell has not expanded.
#[derive(Clone, Debug)]
pub struct Glob {
    /// As typed, for messages.
    pub typed: PathBuf,
    /// The folder before the first wildcard.
    pub base: PathBuf,
    /// Matches paths relative to `base`.
    matcher: GlobMatcher,
    /// Path parts that a match has; `None` with `**`.
    parts: Option<usize>,
}

impl Input {
    /// Looks at what was typed. What neither exists nor is a pattern is taken for a file, so that
    /// reading it says what is wrong.
    pub fn look(typed: &Path) -> Self {
        let has_wildcards = || typed.as_os_str().as_encoded_bytes().iter().any(|b| b"*?[".contains(b));
        let file = || Self::File(typed.to_owned());
        if typed == Path::new("-") {
            Self::Stdin
        } else if typed.is_dir() {
            Self::Folder(typed.to_owned())
        } else if typed.symlink_metadata().is_ok() || !has_wildcards() {
            file()
        } else {
            Glob::new(typed).map_or_else(file, Self::Glob)
        }
    }

    /// The folder that is walked, if one is.
    pub fn root(&self) -> Option<&Path> {
        match self {
            Self::Folder(path) => Some(path),
            Self::Glob(glob) => Some(&glob.base),
            Self::Stdin | Self::File(_) => None,
        }
    }
}

impl Glob {
    fn new(typed: &Path) -> Option<Self> {
        let mut base = PathBuf::new();
        let mut pattern: Vec<&str> = Vec::new();
        for part in typed.components() {
            let part = part.as_os_str();
            let wild = part.as_encoded_bytes().iter().any(|b| b"*?[{".contains(b));
            if pattern.is_empty() && !wild {
                base.push(part);
            } else {
                pattern.push(part.to_str()?);
            }
        }
        let glob = GlobBuilder::new(&pattern.join("/")).literal_separator(true).build().ok()?;
        let matcher = glob.compile_matcher();
        let parts = (!pattern.contains(&"**")).then_some(pattern.len());
        if base.as_os_str().is_empty() {
            base.push(".");
        }
        Some(Self { typed: typed.to_owned(), base, matcher, parts })
    }

    /// Whether the path or a folder above it matches.
    fn takes(&self, relative: &Path) -> bool {
        relative.ancestors().any(|a| !a.as_os_str().is_empty() && self.matcher.is_match(a))
    }

    /// Whether nothing below this folder can match.
    fn is_too_deep(&self, relative: &Path) -> bool {
        self.parts.is_some_and(|parts| relative.components().count() >= parts) && !self.takes(relative)
    }
}

/// A file, or an entry that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Where it is; `-` for standard input.
    pub input: PathBuf,
    /// Where it is below the folder that was walked; the bare name for a file that was typed.
    pub relative: PathBuf,
    /// What is known of it without opening it.
    pub kind: Kind,
}

/// What is known of a file without opening it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Standard input.
    Stdin,
    /// It was typed, or its name says picture or video.
    Photo,
    /// Only its content can tell.
    Unsure,
    /// Neither file nor folder, and its name does not say photo.
    Special,
    /// It could not be reached, and why.
    Broken(String),
}

/// Walks inputs in the order given; folders in the order of the file system.
#[derive(Debug)]
pub struct Walk {
    inputs: VecDeque<Input>,
    tree: Option<Tree>,
    /// The output folder, resolved: it is never walked.
    output: Option<PathBuf>,
    /// Where the output folder was met inside an input.
    output_met: Option<PathBuf>,
}

#[derive(Debug)]
struct Tree {
    entries: walkdir::IntoIter,
    root: PathBuf,
    glob: Option<Glob>,
    matched: bool,
}

impl Tree {
    /// Whether an unreadable entry is, or could hold, a file that was asked for.
    fn concerns(&self, error: &walkdir::Error) -> bool {
        let (Some(glob), Some(path)) = (&self.glob, error.path()) else { return true };
        let relative = path.strip_prefix(&self.root).unwrap_or(path);
        glob.takes(relative) || path.is_dir() && !glob.is_too_deep(relative)
    }
}

impl Walk {
    /// Walks `inputs`, leaving out the folder `output` (a resolved path).
    pub fn new(inputs: Vec<Input>, output: Option<PathBuf>) -> Self {
        Self { inputs: inputs.into(), tree: None, output, output_met: None }
    }

    /// The output folder as it was met and left out, once.
    pub fn take_output_met(&mut self) -> Option<PathBuf> {
        self.output_met.take()
    }

    fn start(&mut self, input: Input) -> Option<Found> {
        let (root, glob) = match input {
            Input::Stdin => {
                let path = PathBuf::from("-");
                return Some(Found { input: path.clone(), relative: path, kind: Kind::Stdin });
            }
            Input::File(input) => {
                let relative = input.file_name().map_or_else(|| input.clone(), PathBuf::from);
                return Some(Found { input, relative, kind: Kind::Photo });
            }
            Input::Folder(root) => (root, None),
            Input::Glob(glob) => (glob.base.clone(), Some(glob)),
        };
        let entries = WalkDir::new(&root).follow_links(true).min_depth(1).into_iter();
        self.tree = Some(Tree { entries, root, glob, matched: false });
        None
    }

    /// Whether `entry` is the output folder, or a link into it.
    fn is_output(&self, entry: &DirEntry) -> bool {
        let Some(output) = &self.output else { return false };
        let suspect = entry.file_type().is_dir() || entry.path_is_symlink();
        suspect && entry.path().canonicalize().is_ok_and(|path| path.starts_with(output))
    }

    /// The next file of the tree, `None` at its end.
    fn next_in_tree(&mut self) -> Option<Found> {
        loop {
            let tree = self.tree.as_mut()?;
            let Some(entry) = tree.entries.next() else {
                let tree = self.tree.take()?;
                let glob = tree.glob.filter(|_| !tree.matched)?;
                return Some(broken(glob.typed, "no file matches".to_owned()));
            };
            let entry = match entry {
                Ok(entry) => entry,
                Err(e) if tree.concerns(&e) => {
                    tree.matched = true;
                    return Some(unreadable(&e, &tree.root));
                }
                Err(_) => continue,
            };
            let relative = entry.path().strip_prefix(&tree.root).unwrap_or(entry.path()).to_owned();
            let is_dir = entry.file_type().is_dir();
            if let Some(glob) = &tree.glob {
                if is_dir && glob.is_too_deep(&relative) {
                    tree.entries.skip_current_dir();
                    continue;
                }
                if !is_dir && !glob.takes(&relative) {
                    continue;
                }
            }
            if self.is_output(&entry) {
                self.output_met.get_or_insert_with(|| entry.path().to_owned());
                if let (true, Some(tree)) = (is_dir, &mut self.tree) {
                    tree.entries.skip_current_dir();
                }
                continue;
            }
            let ours = entry.file_name().as_encoded_bytes().starts_with(TEMPORARY_PREFIX.as_bytes());
            if !is_dir && !ours {
                self.tree.iter_mut().for_each(|tree| tree.matched = true);
                let kind = kind(&entry);
                return Some(Found { input: entry.into_path(), relative, kind });
            }
        }
    }
}

impl Iterator for Walk {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        loop {
            if self.tree.is_some() {
                if let Some(found) = self.next_in_tree() {
                    return Some(found);
                }
            } else {
                let input = self.inputs.pop_front()?;
                if let Some(found) = self.start(input) {
                    return Some(found);
                }
            }
        }
    }
}

fn kind(entry: &DirEntry) -> Kind {
    match (sniff::named_as_photo(entry.path()), entry.file_type().is_file()) {
        (true, _) => Kind::Photo,
        (false, true) => Kind::Unsure,
        (false, false) => Kind::Special,
    }
}

fn unreadable(error: &walkdir::Error, root: &Path) -> Found {
    let path = error.path().unwrap_or(root).to_owned();
    let why = match (error.loop_ancestor(), error.io_error()) {
        (Some(ancestor), _) => format!("a loop: it links back to {}", ancestor.display()),
        (None, Some(io)) => io.to_string(),
        (None, None) => error.to_string(),
    };
    broken(path, why)
}

fn broken(input: PathBuf, why: String) -> Found {
    Found { relative: input.clone(), input, kind: Kind::Broken(why) }
}
