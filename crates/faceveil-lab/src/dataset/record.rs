//! The lines of a dataset's files: what a picture is, and what is in it.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use faceveil_data::import::Drawn;
use faceveil_data::truth::TruthFace;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::fingerprint::Look;
use super::split::Part;

/// The file of a dataset's pictures, a JSON line each.
pub const MANIFEST: &str = "manifest.jsonl";

/// A face, in pixels of the picture that it is written with; a pixel `x` covers `x..x + 1`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FaceRecord {
    /// Centre from the left, centre from the top, two radii, angle of the first in radians.
    pub ellipse: [f64; 5],
    /// The smallest upright box: left, top, right, bottom.
    #[serde(rename = "box")]
    pub corners: [f64; 4],
    /// What the annotation drew: `ellipse`, `box` or `points`; `detected` for a detector's box.
    pub drawn: Origin,
    /// The detectors that found it, with their scores; empty for an annotation.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by: Vec<(String, f32)>,
}

/// Where a face comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// An annotated ellipse.
    Ellipse,
    /// An annotated box.
    Box,
    /// Annotated points.
    Points,
    /// A detector.
    Detected,
}

impl From<Drawn> for Origin {
    fn from(drawn: Drawn) -> Self {
        match drawn {
            Drawn::Ellipse => Self::Ellipse,
            Drawn::Points => Self::Points,
            _ => Self::Box,
        }
    }
}

impl FaceRecord {
    /// Of an ellipse, rounded to a thousandth of a pixel.
    pub fn new(face: &TruthFace, drawn: Origin, by: Vec<(String, f32)>) -> Self {
        let half = (face.sxx + face.syy) / 2.0;
        let apart = ((face.sxx - face.syy) / 2.0).hypot(face.sxy);
        let radius = |square: f64| square.max(0.0).sqrt();
        let angle = if apart < 1e-9 { 0.0 } else { 0.5 * (2.0 * face.sxy).atan2(face.sxx - face.syy) };
        let ellipse = [face.cx, face.cy, radius(half + apart), radius(half - apart), angle];
        let round = |v: f64, to: f64| (v * to).round() / to;
        Self {
            ellipse: [0, 1, 2, 3, 4].map(|i| round(ellipse[i], if i == 4 { 1e5 } else { 1e3 })),
            corners: face.corners().map(|v| round(v, 1e3)),
            drawn,
            by,
        }
    }

    /// The ellipse; `None` if its numbers are none that a face can have.
    pub fn face(&self) -> Option<TruthFace> {
        let [cx, cy, a, b, angle] = self.ellipse;
        let sound = self.ellipse.iter().all(|v| v.is_finite() && v.abs() <= 1e6) && a >= 0.0 && b >= 0.0;
        sound.then(|| TruthFace::from_ellipse(a, b, angle, cx, cy))
    }
}

/// Where labellers were not of one mind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Doubt {
    /// What is doubtful: left, top, right, bottom in pixels of the source picture.
    #[serde(rename = "box")]
    pub corners: [f64; 4],
    /// The detectors that see a face there, with their scores.
    pub seen_by: Vec<(String, f32)>,
    /// The detectors that do not.
    pub not_by: Vec<String>,
    /// Whether it counts as a face in the dataset.
    pub kept: bool,
}

/// A picture that was looked at: a line of the scan, in pixels of the source picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scanned {
    /// Its place in the order of all sources, from 0.
    pub n: u64,
    /// Number of its source.
    pub source: u32,
    /// The set it counts for: the source's label, or a public set's name.
    pub set: String,
    /// Its name in the source.
    pub name: String,
    /// Its file.
    pub path: PathBuf,
    /// What was found, or why it cannot be used.
    pub result: Result<Known, String>,
}

/// What is known of a picture that could be read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Known {
    /// SHA-256 of its file, in hexadecimal.
    pub sha256: String,
    /// What it looks like.
    pub look: Look,
    /// Width and height in pixels, upright.
    pub size: [u32; 2],
    /// Its faces.
    pub faces: Vec<FaceRecord>,
    /// Whether a detector labelled it.
    pub detected: bool,
    /// Where detectors were not of one mind.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub doubts: Vec<Doubt>,
    /// Who it shows or what it was made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
    /// What else is said of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Whether it may only be held against others.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub held_out: bool,
}

/// A picture of a dataset: a line of [`MANIFEST`], faces in pixels of the frame.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Its place in the order of all sources, from 0.
    pub n: u64,
    /// Its part.
    pub split: Part,
    /// The picture's file, from the dataset's folder; `/` between folders.
    pub file: String,
    /// The file of its blurred reference.
    pub blur: String,
    /// The file of its mask.
    pub mask: String,
    /// The set it counts for.
    pub set: String,
    /// Its name in its source.
    pub source: String,
    /// SHA-256 of the source's file, in hexadecimal.
    pub sha256: String,
    /// What the source looks like.
    pub look: Look,
    /// Width and height of the source, pixels.
    pub size: [u32; 2],
    /// Width and height of what the picture fills of its frame, from the top left; the rest is black.
    pub content: [u32; 2],
    /// The smallest number of its group: pictures of one group are in one part.
    pub group: u64,
    /// Who it shows or what it was made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
    /// Its faces.
    pub faces: Vec<FaceRecord>,
    /// Whether a detector labelled it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub detected: bool,
    /// What else is said of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
}

impl Record {
    /// The faces' ellipses, in pixels of the frame.
    pub fn ellipses(&self) -> Vec<TruthFace> {
        self.faces.iter().filter_map(FaceRecord::face).collect()
    }
}

/// A picture that is not in the dataset, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Skipped {
    /// Its place in the order of all sources.
    pub n: u64,
    /// The set it would have counted for.
    pub set: String,
    /// Its name in its source.
    pub source: String,
    /// Why.
    pub reason: String,
}

/// Why a file of lines cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LineError {
    /// The system refused.
    #[error("{}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A line is not what it should be.
    #[error("{}: line {line}: {problem}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: u64,
        /// What is wrong.
        problem: String,
    },
}

/// Longest line that is read, bytes: a crowd of a thousand faces has a tenth of it.
const LONGEST: u64 = 4 << 20;

/// Takes away what comes after a file's last line end: a run that was killed has cut it short, and what is added next would
/// stand on the same line.
///
/// # Errors
/// If the file cannot be read or written.
pub fn cut_the_broken_end(path: &Path) -> std::io::Result<()> {
    let bytes = std::fs::read(path)?;
    let end = bytes.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
    if end < bytes.len() {
        std::fs::OpenOptions::new().write(true).open(path)?.set_len(end as u64)?;
    }
    Ok(())
}

/// The lines of a file of JSON lines, one after the other. A last line without its end was cut short and is left out.
///
/// # Errors
/// [`LineError`] if there is no such file.
pub fn lines<T: DeserializeOwned>(
    path: &Path,
) -> Result<impl Iterator<Item = Result<T, LineError>> + use<T>, LineError> {
    let path = path.to_owned();
    let file = File::open(&path).map_err(|source| LineError::Io { path: path.clone(), source })?;
    let (mut reader, mut line, mut over) = (BufReader::new(file), 0, false);
    Ok(std::iter::from_fn(move || {
        if over {
            return None;
        }
        let mut bytes = Vec::new();
        line += 1;
        let problem = |problem: String| LineError::Line { path: path.clone(), line, problem };
        let read = io::Read::take(&mut reader, LONGEST).read_until(b'\n', &mut bytes);
        let result = match read {
            Err(source) => Err(LineError::Io { path: path.clone(), source }),
            Ok(n) if n as u64 == LONGEST => Err(problem(format!("longer than {LONGEST} bytes"))),
            Ok(_) if bytes.last() != Some(&b'\n') => return None,
            Ok(_) => serde_json::from_slice(&bytes).map_err(|e| problem(e.to_string())),
        };
        over = result.is_err();
        Some(result)
    }))
}

/// The pictures of the dataset in `folder`, in the order of its manifest.
///
/// # Errors
/// [`LineError`] if there is no manifest.
pub fn records(folder: &Path) -> Result<impl Iterator<Item = Result<Record, LineError>> + use<>, LineError> {
    lines(&folder.join(MANIFEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ellipse_survives_its_record() {
        for (a, b, angle) in [(30.0, 20.0, 0.4), (20.0, 30.0, -1.2), (25.0, 25.0, 0.0), (9.0, 0.0, 1.0)] {
            let face = TruthFace::from_ellipse(a, b, angle, 50.5, 60.25);
            let again = FaceRecord::new(&face, Origin::Ellipse, Vec::new()).face().unwrap();
            for (got, want) in again.corners().iter().zip(face.corners()) {
                assert!((got - want).abs() < 0.01, "{a} {b} {angle}: {got} {want}");
            }
            assert!((again.sxy - face.sxy).abs() < 0.1, "{again:?} {face:?}");
        }
        let mut bad = FaceRecord::new(&TruthFace::from_box(0.0, 0.0, 1.0, 1.0), Origin::Box, Vec::new());
        for wrong in [f64::NAN, f64::INFINITY, -1.0, 1e9] {
            bad.ellipse[2] = wrong;
            assert_eq!(bad.face(), None, "{wrong}");
        }
    }

    #[test]
    fn lines_are_read_until_one_is_wrong_and_a_cut_one_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.jsonl");
        let read = |text: &str| {
            std::fs::write(&path, text).unwrap();
            lines::<u32>(&path).unwrap().map(|l| l.map_err(|e| e.to_string())).collect::<Vec<_>>()
        };
        assert_eq!(read("1\n2\n3"), [Ok(1), Ok(2)]);
        let wrong = read("1\nx\n3\n");
        assert_eq!(wrong.len(), 2);
        assert!(wrong[1].as_ref().is_err_and(|e| e.contains("line 2")), "{wrong:?}");
        assert_eq!(read(""), []);
    }
}
