//! `faceveil detect`: the faces of each photo as a line of JSON.

use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

use anyhow::Context;
use faceveil::{Anonymizer, Face};
use faceveil_media::{decode_album, files};

use crate::batch;
use crate::choices::OnNoFace;
use crate::outcome::{FaceLine, FileReport, Status};
use crate::plan::DetectPlan;
use crate::report::Reporter;
use crate::source::{self, Admission, corners};
use crate::walk::{Found, Kind, Walk};

/// Carries out a plan.
///
/// # Errors
/// Nothing was done: the models cannot be used.
pub fn run(plan: &DetectPlan) -> anyhow::Result<ExitCode> {
    let spare = Mutex::new(Some(Anonymizer::new(&plan.settings)?));
    let mut reporter = Reporter::new(plan.manner, OnNoFace::Copy);
    let search = |anonymizer: &mut Option<Anonymizer>, found: &Found| {
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

fn line(face: &Face, page: Option<usize>) -> FaceLine {
    FaceLine {
        page,
        rect: corners(&face.rect),
        score: face.score,
        landmarks: face.landmarks.map(|points| points.map(|p| [p.x, p.y])),
    }
}
