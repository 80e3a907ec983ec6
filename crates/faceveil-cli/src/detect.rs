//! `faceveil detect`: the faces of each photo, and of each frame of a video, as a line of JSON.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, ensure};
use faceveil::core::track::{Presence, TrackedFace, TrackedFrame};
use faceveil::{Anonymizer, Face};
use faceveil_media::{decode_album, files};
use serde::Serialize;

use crate::batch;
use crate::choices::OnNoFace;
use crate::journal::texts;
use crate::outcome::{FaceLine, FileReport, Status};
use crate::plan::DetectPlan;
use crate::report::Reporter;
use crate::source::{self, Admission, corners};
use crate::video::{Order, Videos};
use crate::walk::{Found, Kind, Walk};

/// Carries out a plan.
///
/// # Errors
/// Nothing was done: the models cannot be used.
pub fn run(plan: &DetectPlan) -> anyhow::Result<ExitCode> {
    let spare = Mutex::new(Some(Anonymizer::new(&plan.settings)?));
    let videos = Videos::default();
    let mut reporter = Reporter::new(plan.manner, OnNoFace::Copy);
    let search = |anonymizer: &mut Option<Anonymizer>, found: &Found| {
        if matches!(source::admit(found)?, Admission::Try) && source::is_video(found)? {
            return detect_video(plan, &videos, found);
        }
        if anonymizer.is_none() {
            let spare = spare.lock().unwrap_or_else(PoisonError::into_inner).take();
            *anonymizer = Some(spare.map_or_else(|| Anonymizer::new(&plan.settings), Ok)?);
        }
        detect(plan, anonymizer.as_mut().context("no models")?, found)
    };
    batch::run(
        Walk::new(plan.inputs.clone(), None),
        plan.jobs,
        |anonymizer, found| {
            search(anonymizer, found).unwrap_or_else(|e| FileReport::failed(&found.input, format!("{e:#}")))
        },
        |found, why| FileReport::failed(&found.input, why),
        |report| reporter.tell(&report),
    );
    Ok(reporter.finish())
}

fn detect(plan: &DetectPlan, anonymizer: &mut Anonymizer, found: &Found) -> anyhow::Result<FileReport> {
    let mut report = FileReport::new(&found.input, Status::Ok);
    if let Admission::Skip(why) = source::admit(found)? {
        return Ok(FileReport { error: Some(why.to_owned()), status: Status::Skipped, ..report });
    }
    let bytes = match found.kind {
        Kind::Stdin => source::read_stdin(&plan.limits)?,
        _ => files::read_photo(&found.input, &plan.limits)?,
    };
    let album = decode_album(&bytes, &plan.limits)?;
    drop(bytes);
    let first = album.first();
    report.size = Some([first.raster.width(), first.raster.height()]);
    report.format = Some(first.source.format().name());
    report.pages = (!album.is_still()).then_some(album.pages().len());
    let mut lines = Vec::new();
    for (n, photo) in album.pages().iter().enumerate() {
        let page = (!album.is_still()).then_some(n + 1);
        lines.extend(anonymizer.detect(&photo.raster)?.iter().map(|face| line(face, page)));
    }
    report.faces = Some(lines.len());
    report.found = Some(lines);
    Ok(report)
}

/// A frame of a video in which there are faces.
#[derive(Serialize)]
struct FrameLine<'a> {
    input: &'a str,
    /// Counted from 0.
    frame: u64,
    /// From the file's start.
    seconds: f64,
    faces: Vec<TrackLine>,
}

/// A face of a track.
#[derive(Serialize)]
struct TrackLine {
    /// The same number is the same face.
    track: u64,
    #[serde(rename = "box")]
    rect: [f32; 4],
    score: f32,
    /// Why it is known to be there.
    presence: &'static str,
}

/// A line for each frame with faces at once, as a video may be long, and the report at the end.
fn detect_video(plan: &DetectPlan, videos: &Videos, found: &Found) -> anyhow::Result<FileReport> {
    let mut report = FileReport::new(&found.input, Status::Ok);
    let (input, _) = texts(&found.input);
    let mute = AtomicBool::new(false);
    let print = |tracked: &TrackedFrame, seconds: f64| {
        if tracked.faces.is_empty() || mute.load(Ordering::Relaxed) {
            return;
        }
        let faces = tracked.faces.iter().map(TrackLine::from).collect();
        let seconds = (seconds * 1e6).round() / 1e6;
        let line = FrameLine { input: &input, frame: tracked.index, seconds, faces };
        let line = serde_json::to_string(&line).unwrap_or_default();
        if writeln!(io::stdout().lock(), "{line}").is_err() {
            mute.store(true, Ordering::Relaxed);
        }
    };
    let made = videos.anonymize(&Order {
        video: &plan.video,
        hide_zones: &[],
        keep_zones: &[],
        thumbnails: false,
        recipe: &plan.recipe,
        input: &found.input,
        output: None,
        hashed: false,
        replay: None,
        recorded: false,
        resume: None,
        observe: &print,
        show: None,
        progress: &|_, _| (),
    })?;
    ensure!(!mute.into_inner(), "standard output took not all of its frames");
    report.size = Some(made.size);
    report.frames = Some(made.counts.frames);
    report.frames_with_faces = Some(made.counts.with_faces);
    report.faces = Some(made.counts.hidden.len());
    Ok(report)
}

impl From<&TrackedFace> for TrackLine {
    fn from(face: &TrackedFace) -> Self {
        let presence = match face.presence {
            Presence::Seen => "seen",
            Presence::Weak => "weak",
            Presence::Followed => "followed",
            Presence::Filled => "filled",
            Presence::Led => "led",
            Presence::Held => "held",
        };
        Self { track: face.track.0 + 1, rect: corners(&face.face.rect), score: face.face.score, presence }
    }
}

fn line(face: &Face, page: Option<usize>) -> FaceLine {
    FaceLine {
        page,
        rect: corners(&face.rect),
        score: face.score,
        landmarks: face.landmarks.map(|points| points.map(|p| [p.x, p.y])),
    }
}
