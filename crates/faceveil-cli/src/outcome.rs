//! What became of each file, and of all of them.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use faceveil_media::JpegOutcome;
use serde::Serialize;

/// What became of one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Written, with at least one face hidden; or searched, for `detect`.
    Ok,
    /// Written without its metadata; no face was found, and nothing else was to be hidden.
    NoFace,
    /// Not written.
    Failed,
    /// Neither photo nor video, so left out.
    Skipped,
    /// Done by an earlier run.
    Resumed,
    /// Would have been written.
    DryRun,
}

/// Milliseconds spent on each step; `None` if the step was not reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Timings {
    /// Reading the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read: Option<f64>,
    /// Decoding and turning upright.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decode: Option<f64>,
    /// Finding faces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detect: Option<f64>,
    /// Hiding them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redact: Option<f64>,
    /// Encoding.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encode: Option<f64>,
    /// Writing until it is durable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub write: Option<f64>,
}

impl Timings {
    /// The steps by name, in their order.
    pub fn steps(&self) -> [(&'static str, Option<f64>); 6] {
        [
            ("read", self.read),
            ("decode", self.decode),
            ("detect", self.detect),
            ("redact", self.redact),
            ("encode", self.encode),
            ("write", self.write),
        ]
    }

    /// The sums with another's.
    pub fn plus(self, other: Self) -> Self {
        let sum = |a: Option<f64>, b: Option<f64>| a.map_or(b, |a| Some(a + b.unwrap_or(0.0)));
        Self {
            read: sum(self.read, other.read),
            decode: sum(self.decode, other.decode),
            detect: sum(self.detect, other.detect),
            redact: sum(self.redact, other.redact),
            encode: sum(self.encode, other.encode),
            write: sum(self.write, other.write),
        }
    }
}

/// A face for the reader of the JSON, in pixels of the upright picture.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FaceLine {
    /// Its page or frame, counted from 1, if there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page: Option<usize>,
    /// Left, top, right, bottom; it may reach outside the picture.
    #[serde(rename = "box")]
    pub rect: [f32; 4],
    /// `0.0..=1.0`
    pub score: f32,
    /// Eyes, nose, mouth corners as `[x, y]`.
    pub landmarks: Option<[[f32; 2]; 5]>,
}

/// What became of one file, as printed.
#[derive(Clone, Debug, PartialEq)]
pub struct FileReport {
    /// The file as it was found; `-` for standard input.
    pub input: PathBuf,
    /// The photo, if the input is a sidecar.
    pub source: Option<PathBuf>,
    /// Where it went or would go.
    pub output: Option<PathBuf>,
    /// The sidecar beside it, once it is written.
    pub sidecar: Option<PathBuf>,
    /// What became of it.
    pub status: Status,
    /// Number of faces, if it was searched.
    pub faces: Option<usize>,
    /// The hidden regions' boxes: left, top, right, bottom in pixels of the upright picture.
    pub regions: Vec<[f32; 4]>,
    /// Number of regions that are left visible, in a keep zone or by a sidecar.
    pub visible: usize,
    /// The faces, for `detect`.
    pub found: Option<Vec<FaceLine>>,
    /// Width and height of the upright picture in pixels.
    pub size: Option<[u32; 2]>,
    /// How many pages or frames there are, if it is no single picture.
    pub pages: Option<usize>,
    /// Format of the output.
    pub format: Option<&'static str>,
    /// Of a JPEG that came from a JPEG: what became of its coefficients.
    pub jpeg: Option<JpegOutcome>,
    /// Frames of a video.
    pub frames: Option<u64>,
    /// Frames of a video in which a face is hidden.
    pub frames_with_faces: Option<u64>,
    /// What of a video's file is not in the output.
    pub dropped: Vec<&'static str>,
    /// How long each step took.
    pub ms: Timings,
    /// Why it failed or was skipped.
    pub error: Option<String>,
}

impl FileReport {
    /// A report of `status` that knows nothing else yet.
    pub fn new(input: &Path, status: Status) -> Self {
        Self {
            input: input.to_owned(),
            source: None,
            output: None,
            sidecar: None,
            status,
            faces: None,
            regions: Vec::new(),
            visible: 0,
            found: None,
            size: None,
            pages: None,
            format: None,
            jpeg: None,
            frames: None,
            frames_with_faces: None,
            dropped: Vec::new(),
            ms: Timings::default(),
            error: None,
        }
    }

    /// A report of a file that was not written.
    pub fn failed(input: &Path, why: impl ToString) -> Self {
        Self { error: Some(why.to_string()), ..Self::new(input, Status::Failed) }
    }
}

/// How many files met which end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Files with an anonymised output, those of earlier and dry runs included.
    pub done: u64,
    /// Those of [`Self::done`] in which no face was found.
    pub no_face: u64,
    /// Those of [`Self::done`] that an earlier run did.
    pub resumed: u64,
    /// Those of [`Self::done`] that were only tried.
    pub dry: u64,
    /// Photos without an output.
    pub failed: u64,
    /// Files that are no photos.
    pub skipped: u64,
    /// Faces found.
    pub faces: u64,
    /// Regions left visible on purpose.
    pub visible: u64,
    /// Those of [`Self::done`] that are videos.
    pub videos: u64,
}

impl Outcome {
    /// Counts one file.
    pub fn count(&mut self, report: &FileReport) {
        match report.status {
            Status::Ok => self.done += 1,
            Status::DryRun => {
                self.done += 1;
                self.dry += 1;
            }
            Status::NoFace => {
                self.done += 1;
                self.no_face += 1;
            }
            Status::Resumed => {
                self.done += 1;
                self.resumed += 1;
            }
            Status::Failed => self.failed += 1,
            Status::Skipped => self.skipped += 1,
        }
        let done = matches!(report.status, Status::Ok | Status::DryRun | Status::NoFace);
        self.videos += u64::from(done && report.frames.is_some());
        self.faces += report.faces.unwrap_or(0) as u64;
        self.visible += report.visible as u64;
    }

    /// 0 only if every photo has an anonymised output and there is at least one: a script may then
    /// delete the originals.
    pub fn exit_code(&self) -> ExitCode {
        match (self.done, self.failed) {
            (1.., 0) => ExitCode::SUCCESS,
            (1.., _) => ExitCode::from(2),
            (0, _) => ExitCode::from(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_add_up_and_what_was_not_reached_stays_out() {
        let a = Timings { read: Some(1.0), decode: Some(2.0), ..Timings::default() };
        let b = Timings { read: Some(4.0), write: Some(0.5), ..Timings::default() };
        let want = [Some(5.0), Some(2.0), None, None, None, Some(0.5)];
        assert_eq!(a.plus(b).steps().map(|(_, ms)| ms), want);
        assert_eq!(b.plus(a), a.plus(b));
    }

    #[test]
    fn exit_codes_fail_closed() {
        let cases = [((0, 0, 0), 1), ((0, 0, 3), 1), ((0, 1, 0), 1), ((1, 0, 5), 0), ((1, 1, 0), 2)];
        for ((done, failed, skipped), want) in cases {
            let outcome = Outcome { done, failed, skipped, ..Outcome::default() };
            assert_eq!(outcome.exit_code(), ExitCode::from(want), "{outcome:?}");
        }
    }
}
