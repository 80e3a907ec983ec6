//! What a comparison found, as it is told.

use std::fmt;
use std::path::{Path, PathBuf};

use faceveil_eval::Status as Hidden;
use serde::Serialize;

/// How a pair came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Nothing was found.
    Fine,
    /// Something was found.
    Violation,
    /// Nothing was found, but not everything could be looked at.
    Unchecked,
}

/// A violation. Boxes are left, top, right, bottom in pixels of the original.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Finding {
    /// The result is the original, perhaps by a link.
    SameFile,
    /// The result is of another size, width then height.
    Size {
        /// The original's, upright.
        original: [u32; 2],
        /// The result's, upright.
        result: [u32; 2],
        /// Of which page or frame, if there are several.
        #[serde(skip_serializing_if = "Option::is_none")]
        page: Option<usize>,
    },
    /// The result has another number of pages or frames.
    Pages {
        /// The original's.
        original: usize,
        /// The result's.
        result: usize,
    },
    /// The result's file has a part that is neither picture nor colour.
    Metadata {
        /// The part's name.
        part: String,
        /// Its bytes, with its header; 0 in a video.
        bytes: usize,
    },
    /// What was to be hidden is not, by the rule of `faceveil-eval`.
    Leak {
        /// Where.
        #[serde(rename = "box")]
        rect: [f32; 4],
        /// The face's score in the original.
        #[serde(skip_serializing_if = "Option::is_none")]
        score: Option<f32>,
        /// The region's id, if only the sidecar knows of it.
        #[serde(skip_serializing_if = "Option::is_none")]
        region: Option<String>,
        /// In which way it is not hidden.
        how: Hidden,
        /// Share of its pixels that changed.
        covered: Option<f32>,
        /// Energy share of its pattern that is left.
        kept: Option<f32>,
        /// Of which page or frame, if there are several.
        #[serde(skip_serializing_if = "Option::is_none")]
        page: Option<usize>,
    },
    /// A detector still sees a face where the original has one.
    StillFound {
        /// Where, in pixels of the result.
        #[serde(rename = "box")]
        rect: [f32; 4],
        /// Its score in the result.
        score: f32,
        /// Of which page or frame, if there are several.
        #[serde(skip_serializing_if = "Option::is_none")]
        page: Option<usize>,
    },
}

/// What became of a pair.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PairReport {
    /// The original's path.
    #[serde(serialize_with = "shown")]
    pub original: PathBuf,
    /// The result's path.
    #[serde(serialize_with = "shown")]
    pub result: PathBuf,
    /// How it came out.
    pub status: Status,
    /// Faces found in the original that count.
    pub faces: usize,
    /// Those of them that a sidecar says are left visible on purpose.
    pub visible: usize,
    /// Faces too small or too flat to tell whether they changed.
    pub unjudged: usize,
    /// What was found.
    pub findings: Vec<Finding>,
    /// What would be a violation, were it surer that it is about a face.
    pub doubtful: Vec<Finding>,
    /// Something to know that is no violation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Why not everything could be looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

fn shown<S: serde::Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&path.to_string_lossy())
}

impl PairReport {
    /// A report that knows of no violation yet.
    pub fn new(original: &Path, result: &Path) -> Self {
        Self {
            original: original.to_owned(),
            result: result.to_owned(),
            status: Status::Fine,
            faces: 0,
            visible: 0,
            unjudged: 0,
            findings: Vec::new(),
            doubtful: Vec::new(),
            note: None,
            error: None,
        }
    }

    /// A report of a pair that could not be looked at.
    pub fn unchecked(original: &Path, result: &Path, why: String) -> Self {
        Self { status: Status::Unchecked, error: Some(why), ..Self::new(original, result) }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::Size { page: Some(n), .. }
        | Self::Leak { page: Some(n), .. }
        | Self::StillFound { page: Some(n), .. } = self
        {
            write!(f, "page or frame {n}: ")?;
        }
        match self {
            Self::Pages { original, result } => {
                write!(f, "has {result} pages or frames, the original {original}")
            }
            Self::SameFile => f.write_str("this is the original itself"),
            Self::Size { original: [w, h], result: [x, y], .. } => {
                write!(f, "has {x}×{y} pixels, the original {w}×{h}")
            }
            Self::Metadata { part, bytes: 0 } => write!(f, "has {part}, which is neither picture nor sound"),
            Self::Metadata { part, bytes } => {
                write!(f, "has {bytes} bytes of {part}, which is neither picture nor colour")
            }
            Self::Leak { rect, score, region, how, covered, kept, .. } => {
                let how = match how {
                    Hidden::Untouched => "is untouched",
                    Hidden::Partial => "is hidden in part only",
                    _ => "is changed, but its pattern is left",
                };
                match region {
                    Some(region) => write!(f, "region {region}")?,
                    None => f.write_str("a face")?,
                }
                write!(f, " at {} {how} (", place(rect))?;
                if let Some(score) = score {
                    write!(f, "score {score:.2}, ")?;
                }
                let percent = |share: &Option<f32>| share.unwrap_or(0.0) * 100.0;
                write!(f, "{:.0} % changed, {:.0} % of the pattern kept)", percent(covered), percent(kept))
            }
            Self::StillFound { rect, score, .. } => {
                write!(f, "a face is still found at {} (score {score:.2})", place(rect))
            }
        }
    }
}

fn place(&[left, top, right, bottom]: &[f32; 4]) -> String {
    format!("{left:.0},{top:.0} of {:.0}×{:.0} pixels", right - left, bottom - top)
}
