//! Tells what became of each file: JSON on standard output, words on standard error, a progress bar
//! on a terminal.

use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use faceveil_media::JpegOutcome;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::choices::OnNoFace;
use crate::journal::texts;
use crate::outcome::{FaceLine, FileReport, Outcome, Status, Timings};
use crate::plan::Manner;

/// Prints reports as they come, and counts them.
#[derive(Debug)]
pub struct Reporter {
    manner: Manner,
    on_no_face: OnNoFace,
    outcome: Outcome,
    bar: Option<ProgressBar>,
    /// Standard output could not be written to; said once.
    mute: bool,
    /// Of all files together, if they are to be told.
    times: Option<Timings>,
}

/// A [`FileReport`] as a line of JSON.
#[derive(Serialize)]
struct Line<'a> {
    input: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    input_hex: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_hex: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sidecar: Option<String>,
    status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    faces: Option<Faces<'a>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    regions: &'a [[f32; 4]],
    #[serde(skip_serializing_if = "is_zero")]
    visible: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<[u32; 2]>,
    /// How many, if it is more than one picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pages: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<&'static str>,
    /// `kept` or `reencoded`.
    #[serde(skip_serializing_if = "Option::is_none")]
    jpeg: Option<&'static str>,
    /// Why it was encoded anew.
    #[serde(skip_serializing_if = "Option::is_none")]
    jpeg_reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frames: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frames_with_faces: Option<u64>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    dropped: &'a [&'static str],
    #[serde(skip_serializing_if = "is_nothing")]
    ms: Timings,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

/// How many, or for `detect` which.
#[derive(Serialize)]
#[serde(untagged)]
enum Faces<'a> {
    Count(usize),
    Each(&'a [FaceLine]),
}

fn is_zero(n: &usize) -> bool {
    *n == 0
}

fn is_nothing(ms: &Timings) -> bool {
    *ms == Timings::default()
}

impl Reporter {
    /// Tells in this manner; photos without faces are named if the policy says so.
    pub fn new(manner: Manner, on_no_face: OnNoFace) -> Self {
        let wanted = !manner.quiet && !manner.json && io::stderr().is_terminal();
        let bar = wanted.then(|| {
            let bar = ProgressBar::new_spinner();
            let style =
                ProgressStyle::with_template("{spinner} {pos} files, {elapsed}, {per_sec} {wide_msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        Self { manner, on_no_face, outcome: Outcome::default(), bar, mute: false, times: None }
    }

    /// Tells at the end how long each step took.
    pub fn with_times(self) -> Self {
        Self { times: Some(Timings::default()), ..self }
    }

    /// Where progress inside a file can be shown.
    pub fn bar(&self) -> Option<ProgressBar> {
        self.bar.clone()
    }

    /// Tells what became of a file.
    pub fn tell(&mut self, report: &FileReport) {
        self.outcome.count(report);
        self.times = self.times.map(|times| times.plus(report.ms));
        if self.manner.json {
            self.print(&json(report));
        }
        if let Some(words) = self.words(report) {
            self.say(&format!("{}: {words}", report.input.display()));
        }
        if let Some(bar) = &self.bar {
            bar.inc(1);
        }
    }

    /// Tells something that is no file's failure, unless quiet.
    pub fn note(&self, words: &str) {
        if !self.manner.quiet {
            self.say(words);
        }
    }

    /// Tells of something beside the photos that could not be done: the run is not a success.
    pub fn fail(&mut self, words: &str) {
        self.outcome.failed += 1;
        self.say(words);
    }

    /// Tells how it went as a whole.
    pub fn finish(self) -> ExitCode {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        self.note(&summary(&self.outcome));
        if let Some(times) = &self.times {
            self.say(&shares(times));
        }
        let mut outcome = self.outcome;
        // A reader of the JSON has not heard of every file.
        outcome.failed += u64::from(self.mute);
        outcome.exit_code()
    }

    fn words(&self, report: &FileReport) -> Option<String> {
        let why = report.error.as_deref().unwrap_or_default();
        let no_face = report.faces == Some(0) && self.on_no_face == OnNoFace::Warn;
        match report.status {
            Status::Failed => Some(why.to_owned()),
            Status::Skipped if !self.manner.quiet => Some(format!("skipped: {why}")),
            Status::NoFace if no_face => {
                Some("no face found; written with nothing hidden, without its metadata".to_owned())
            }
            Status::DryRun if no_face => Some(format!("no face found; would go {}", goes(report))),
            Status::DryRun if !self.manner.quiet => {
                let faces = report.faces.unwrap_or(0);
                Some(format!("{faces} {}, would go {}", plural(faces as u64, "face", "faces"), goes(report)))
            }
            Status::Ok if no_face && report.source.is_none() => {
                Some("no face found; only its zones are hidden".to_owned())
            }
            Status::Ok if report.visible > 0 && !self.manner.quiet => {
                let (n, what) = (report.visible, plural(report.visible as u64, "region", "regions"));
                Some(format!("{n} {what} left visible, as asked"))
            }
            _ => None,
        }
    }

    fn say(&self, words: &str) {
        let line = format!("faceveil: {}", without_controls(words));
        let print = || {
            // Nobody is left to be told.
            let _ = writeln!(io::stderr(), "{line}");
        };
        match &self.bar {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }

    fn print(&mut self, line: &str) {
        let mut out = io::stdout().lock();
        if let (false, Err(e)) = (self.mute, writeln!(out, "{line}").and_then(|()| out.flush())) {
            self.mute = true;
            self.say(&format!("standard output: {e}; going on without it"));
        }
    }
}

fn json(report: &FileReport) -> String {
    let (input, input_hex) = texts(&report.input);
    let (output, output_hex) = report.output.as_deref().map(texts).unzip();
    let (jpeg, jpeg_reason) = match report.jpeg {
        None => (None, None),
        Some(JpegOutcome::Kept) => (Some("kept"), None),
        Some(JpegOutcome::Reencoded(why)) => (Some("reencoded"), Some(why.to_string())),
    };
    let count = || report.faces.map(Faces::Count);
    let line = Line {
        input,
        input_hex,
        output,
        output_hex: output_hex.flatten(),
        source: report.source.as_deref().map(|p| p.to_string_lossy().into_owned()),
        sidecar: report.sidecar.as_deref().map(|p| p.to_string_lossy().into_owned()),
        status: report.status,
        faces: report.found.as_deref().map(Faces::Each).or_else(count),
        regions: &report.regions,
        visible: report.visible,
        size: report.size,
        pages: report.pages,
        format: report.format,
        jpeg,
        jpeg_reason,
        frames: report.frames,
        frames_with_faces: report.frames_with_faces,
        dropped: &report.dropped,
        ms: report.ms,
        error: report.error.as_deref(),
    };
    serde_json::to_string(&line).unwrap_or_else(|e| format!("{{\"error\":{:?}}}", e.to_string()))
}

fn goes(report: &FileReport) -> String {
    report
        .output
        .as_deref()
        .map_or_else(|| "to standard output".to_owned(), |o: &Path| format!("to {}", o.display()))
}

fn plural(n: u64, one: &'static str, many: &'static str) -> &'static str {
    if n == 1 { one } else { many }
}

fn summary(outcome: &Outcome) -> String {
    let Outcome { done, no_face, resumed, dry, failed, skipped, faces, visible, videos } = *outcome;
    let verb = if dry > 0 { "would be done" } else { "done" };
    let what = match videos {
        0 => plural(done, "photo", "photos"),
        n if n == done => plural(done, "video", "videos"),
        _ => "photos and videos",
    };
    let mut text = format!("{done} {what} {verb}, {faces} {}", plural(faces, "face", "faces"));
    let rest = [
        (visible, "left visible"),
        (no_face, "without a face"),
        (resumed, "by an earlier run"),
        (failed, "failed"),
        (skipped, "skipped"),
    ];
    for (n, what) in rest.into_iter().filter(|&(n, _)| n > 0) {
        text.push_str(&format!(", {n} {what}"));
    }
    text
}

/// How long each step took, and how much that is of all.
fn shares(times: &Timings) -> String {
    let steps = times.steps();
    let total: f64 = steps.iter().filter_map(|(_, ms)| *ms).sum();
    let step = |(name, ms): (&str, Option<f64>)| {
        ms.map(|ms| {
            format!("{name} {:.2} s ({:.0} %)", ms / 1000.0, 100.0 * ms / total.max(f64::MIN_POSITIVE))
        })
    };
    let steps: Vec<String> = steps.into_iter().filter_map(step).collect();
    if steps.is_empty() { "no time was spent on photos".to_owned() } else { steps.join(", ") }
}

/// A line on standard error with the program's name before it. Nobody may be left to be told.
pub fn complain(words: &str) {
    let _ = writeln!(io::stderr(), "faceveil: {}", without_controls(words));
}

/// A file's name must not be able to steer the terminal.
fn without_controls(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut line, c| {
        if c.is_control() {
            line.extend(c.escape_default());
        } else {
            line.push(c);
        }
        line
    })
}
