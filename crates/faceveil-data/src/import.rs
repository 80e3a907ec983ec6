//! Sets of pictures in the layouts that people have, each as a stream: a picture's path and what is known of it, one
//! after the other, in the same order every time. No picture is opened here.
//!
//! What is wrong with one picture or its label is an [`ImportError`] in its place, and the stream goes on; what is wrong
//! with the set as a whole is an error of [`open`].

mod celeba;
mod coco;
mod keypoints;
mod lists;
mod paired;
mod shared;
mod vggface2;
mod walk;
mod yolo;

use std::fs::File;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

pub use self::shared::{Purpose, shared};
pub use self::walk::Walk;
pub use self::yolo::image_folders as yolo_image_folders;
use crate::dataset::Labels;
use crate::truth::TruthError;

/// Bytes of an annotation file that is read as a whole, at most.
pub const MAX_ANNOTATION_BYTES: u64 = 2 << 30;

/// A layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Layout {
    /// Pictures anywhere under a folder, without labels.
    Folder,
    /// The same, and the first folder of a picture's path is a person.
    People,
    /// The same as [`Self::Folder`], and it is known that nobody's face is in any of them.
    Faceless,
    /// CelebA-HQ (`CelebA-HQ-img/`), CelebA aligned (`img_align_celeba/`) or in the wild (`img_celeba/`), with whichever of
    /// the attribute, landmark, box and identity tables are there.
    CelebaHq,
    /// VGGFace2: `train/` and `test/` of a folder a person, and `bb_landmark/loose_bb_*.csv`.
    VggFace2,
    /// WIDER FACE: `*_bbx_gt.txt` in the root or `wider_face_split/`, pictures in `WIDER_*/images/` or `images/`.
    Wider,
    /// FDDB: `FDDB-folds/*-ellipseList.txt`, pictures in `images/`, `originalPics/` or the root.
    Fddb,
    /// YOLO: folders of `images/` and `labels/`, by `data.yaml` where there is one.
    Yolo,
    /// COCO: JSON files in `annotations/`, in the root, or beside their pictures.
    Coco,
    /// Pascal VOC: `Annotations/*.xml`, pictures in `JPEGImages/` or `images/`.
    Voc,
    /// Tables `*keypoints*.csv` of 68 points, pictures in the folder that the table is named after.
    Keypoints68,
}

impl Layout {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Folder,
        Self::People,
        Self::Faceless,
        Self::CelebaHq,
        Self::VggFace2,
        Self::Wider,
        Self::Fddb,
        Self::Yolo,
        Self::Coco,
        Self::Voc,
        Self::Keypoints68,
    ];

    /// Its name, as it is typed.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Folder => "folder",
            Self::People => "people",
            Self::Faceless => "faceless",
            Self::CelebaHq => "celeba-hq",
            Self::VggFace2 => "vggface2",
            Self::Wider => "wider",
            Self::Fddb => "fddb",
            Self::Yolo => "yolo",
            Self::Coco => "coco",
            Self::Voc => "voc",
            Self::Keypoints68 => "keypoints68",
        }
    }
}

/// What a face's annotation was before it became an ellipse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Drawn {
    /// An ellipse.
    Ellipse,
    /// A box.
    Box,
    /// Points on the face.
    Points,
}

/// A picture of a set and what is known of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Its name in the set, once only: its path from the root, folders divided by `/`.
    pub name: String,
    /// Its file.
    pub path: PathBuf,
    /// Its faces. Coordinates are as they were written.
    pub labels: Labels,
    /// What the faces were before they became ellipses.
    pub drawn: Drawn,
    /// Who it shows, or which photo it was made from: pictures with the same word must stay on one side of any split.
    pub identity: Option<String>,
    /// What else is said of it, such as `Eyeglasses`.
    pub tags: Vec<String>,
    /// Whether it may only ever be held against others, and not be used.
    pub held_out: bool,
}

/// Why a set or one of its pictures cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// A file or folder cannot be read.
    #[error("{}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// An annotation cannot be understood.
    #[error("{}", path.display())]
    Truth {
        /// Its file.
        path: PathBuf,
        /// Why.
        source: TruthError,
    },
    /// What makes a layout is not there.
    #[error("{}: no {want} is there", path.display())]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
        /// What was looked for.
        want: &'static str,
    },
    /// A list names a picture that is not there.
    #[error("{name:?} is listed in {}, but there is no such picture", path.display())]
    NoPicture {
        /// The list.
        path: PathBuf,
        /// The picture, as it is listed.
        name: String,
    },
    /// A list names a picture outside of its own folder.
    #[error("{name:?} in {} leads outside of its folder", path.display())]
    Outside {
        /// The list.
        path: PathBuf,
        /// The picture, as it is listed.
        name: String,
    },
    /// An annotation file is too large to be read as a whole.
    #[error("{} has {bytes} bytes, the limit is {MAX_ANNOTATION_BYTES}", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its bytes.
        bytes: u64,
    },
}

/// A stream of pictures.
pub type Samples = Box<dyn Iterator<Item = Result<Sample, ImportError>> + Send>;

/// The pictures under `root`. `categories` names the categories of a COCO set that are faces; if it is empty, those
/// whose name holds `face`.
///
/// # Errors
/// [`ImportError`] if the folder has not the layout at all.
pub fn open(layout: Layout, root: &Path, categories: &[String]) -> Result<Samples, ImportError> {
    if !root.is_dir() {
        return Err(ImportError::Missing { path: root.to_owned(), want: "folder" });
    }
    match layout {
        Layout::Folder => Ok(paired::unlabelled(root, Labels::Unknown, false)),
        Layout::People => Ok(paired::unlabelled(root, Labels::Unknown, true)),
        Layout::Faceless => Ok(paired::unlabelled(root, Labels::Absolute(Vec::new()), false)),
        Layout::CelebaHq => celeba::open(root),
        Layout::VggFace2 => vggface2::open(root),
        Layout::Wider => lists::wider(root),
        Layout::Fddb => lists::fddb(root),
        Layout::Yolo => yolo::open(root),
        Layout::Coco => coco::open(root, categories),
        Layout::Voc => paired::voc(root),
        Layout::Keypoints68 => keypoints::open(root),
    }
}

/// Reads an annotation file whole; what is not UTF-8 becomes replacement characters, which no reader takes for numbers.
fn read(path: &Path) -> Result<String, ImportError> {
    let io = |source| ImportError::Io { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(io)?;
    let bytes = file.metadata().map_err(io)?.len();
    if bytes > MAX_ANNOTATION_BYTES {
        return Err(ImportError::TooLarge { path: path.to_owned(), bytes });
    }
    let mut content = Vec::new();
    file.by_ref().take(MAX_ANNOTATION_BYTES).read_to_end(&mut content).map_err(io)?;
    Ok(String::from_utf8(content).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned()))
}

/// `name` under `folder`, if it stays there.
fn below(folder: &Path, name: &str, list: &Path) -> Result<PathBuf, ImportError> {
    let relative = Path::new(name);
    if relative.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) {
        return Ok(folder.join(relative));
    }
    Err(ImportError::Outside { path: list.to_owned(), name: name.to_owned() })
}

/// The first of `folders` that holds the file `name`.
fn find(folders: &[PathBuf], name: &str, list: &Path) -> Result<PathBuf, ImportError> {
    for folder in folders {
        let path = below(folder, name, list)?;
        if path.is_file() {
            return Ok(path);
        }
    }
    Err(ImportError::NoPicture { path: list.to_owned(), name: name.to_owned() })
}

/// `path` from `root`, folders divided by `/`.
fn name_of(root: &Path, path: &Path) -> String {
    let relative = path.strip_prefix(root).unwrap_or(path);
    let parts: Vec<_> = relative.components().map(|part| part.as_os_str().to_string_lossy()).collect();
    parts.join("/")
}

/// Those of the names under `root` that are folders.
fn folders(root: &Path, names: &[&str]) -> Vec<PathBuf> {
    names.iter().map(|name| root.join(name)).filter(|path| path.is_dir()).collect()
}

/// The files right in `folder` whose name passes, sorted; none if there is no such folder.
fn files_in(folder: &Path, passes: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.file_name().and_then(|name| name.to_str()).is_some_and(&passes) && path.is_file())
        .collect();
    files.sort();
    files
}
