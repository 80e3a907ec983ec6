//! The comparison of a video with its result: every [`EVERY`]th frame as a picture of its own.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};
use faceveil::core::look::{Look, look};
use faceveil::{Anonymizer, Face};
use faceveil_core::raster::{Color, Raster, RgbView, Samples};
use faceveil_data::truth::TruthFace;
use faceveil_eval::{FaceVerdict, judge_frame};
use faceveil_media::files;
use faceveil_media::video::{Decoder, DecoderOptions, Frame, PixelLayout, Tools, leftovers, probe};

use super::look::{is_same, of_rect, still_found};
use super::{Finding, PairReport, Status, VerifyPlan};
use crate::sidecar;
use crate::source::corners;
use crate::video::keys::{self, Span};
use crate::video::record::VideoRecord;
use crate::video::{sha256, yuv_layout};

/// Frames from one that is looked at to the next.
const EVERY: u64 = 5;
/// Findings of a video that are told: the first ones.
const MOST_FINDINGS: usize = 100;
/// How long FFmpeg may make no progress.
const TIMEOUT: Duration = Duration::from_secs(120);

/// A video that is decoded.
struct Side {
    decoder: Decoder,
    layout: faceveil::core::redact::YuvLayout,
}

/// Looks at a video and its result.
///
/// # Errors
/// One of them cannot be read or searched.
pub fn check(
    plan: &VerifyPlan,
    anonymizer: &mut Anonymizer,
    original: &Path,
    result: &Path,
) -> anyhow::Result<PairReport> {
    let mut report = PairReport::new(original, result);
    let tools = Tools::find(|name| std::env::var_os(name), TIMEOUT)?;
    if files::same_file(original, result) {
        report.findings.push(Finding::SameFile);
    }
    let left = leftovers(&tools, result).with_context(|| result.display().to_string())?;
    report.findings.extend(left.into_iter().map(|part| Finding::Metadata { part, bytes: 0 }));
    let record = record(original, result, &mut report)?;
    let part = record.as_ref().map(|r| (r.encoding.start, r.encoding.end)).unwrap_or_default();
    let mut before = side(&tools, plan, original, part)?;
    let mut after = side(&tools, plan, result, (None, None))?;
    let (was, is) = (before.decoder.size(), after.decoder.size());
    if was != is {
        let (original, result) = ([was.0, was.1], [is.0, is.1]);
        report.findings.push(Finding::Size { original, result, page: None });
    }
    let shown = record.as_ref().map(shown).unwrap_or_default();
    for index in 0.. {
        let frames = (before.decoder.read()?, after.decoder.read()?);
        let (Some(old), Some(new)) = &frames else {
            ensure!(index > 0, "there are no frames");
            count(before, after, frames, &mut report)?;
            break;
        };
        if index % EVERY == 0 && was == is && report.findings.len() < MOST_FINDINGS {
            let looks = (before.look(old)?, after.look(new)?);
            compare(plan, anonymizer, index, looks, &shown, &mut report)?;
        }
        let (Some(old), Some(new)) = frames else { break };
        // Their memory is used again.
        let _ = (before.decoder.used().send(old), after.decoder.used().send(new));
    }
    report.status = match (report.findings.is_empty(), report.unjudged) {
        (false, _) => Status::Violation,
        (true, 0) => Status::Fine,
        (true, n) => {
            report.error = Some(format!("{n} faces are too small or too flat to tell whether they changed"));
            Status::Unchecked
        }
    };
    Ok(report)
}

impl Side {
    fn look(&self, frame: &Frame) -> anyhow::Result<Look> {
        look(&frame.samples, &self.layout, 1).context("a frame has too few samples")
    }
}

fn side(
    tools: &Tools,
    plan: &VerifyPlan,
    path: &Path,
    (start, end): (Option<f64>, Option<f64>),
) -> anyhow::Result<Side> {
    let place = || path.display().to_string();
    let probe = probe(tools, path).with_context(place)?;
    let layout = PixelLayout::for_source(&probe.video.pixels).with_context(place)?;
    let options =
        DecoderOptions { layout, max_pixels: plan.limits.max_pixels, keep_damaged: false, start, end };
    let decoder = Decoder::start(tools, path, &probe, options).with_context(place)?;
    let layout = yuv_layout(layout, decoder.size(), &probe.video.colours);
    Ok(Side { decoder, layout })
}

/// The sidecar beside the result, if there is one and it is of these very files.
fn record(original: &Path, result: &Path, report: &mut PairReport) -> anyhow::Result<Option<VideoRecord>> {
    let path = sidecar::path_of(result);
    if path.symlink_metadata().is_err() {
        return Ok(None);
    }
    let hash = |path: &Path| -> anyhow::Result<String> {
        let file = std::fs::File::open(path).with_context(|| path.display().to_string())?;
        sha256(file).with_context(|| path.display().to_string())
    };
    let why = match VideoRecord::read(&path) {
        Ok((record, _)) if record.source.sha256 != hash(original)? => {
            "it was written for another original".to_owned()
        }
        Ok((record, _)) if record.result.sha256 != hash(result)? => {
            "it was written for another result".to_owned()
        }
        Ok((record, _)) => return Ok(Some(record)),
        Err(e) => e.to_string(),
    };
    report.note = Some(format!("its sidecar is not believed: {why}"));
    Ok(None)
}

fn view(look: &Look) -> anyhow::Result<RgbView<'_>> {
    RgbView::new(look.width, look.height, &look.rgb).context("no pixels")
}

/// Tracks that somebody decided to show.
fn shown(record: &VideoRecord) -> Vec<Span> {
    record.tracks.iter().filter(|track| !track.hidden).flat_map(|track| track.keys()).collect()
}

/// One of them has ended: how many frames the other has.
fn count(
    mut before: Side,
    mut after: Side,
    frames: (Option<Frame>, Option<Frame>),
    report: &mut PairReport,
) -> anyhow::Result<()> {
    if frames.0.is_some() {
        while before.decoder.read()?.is_some() {}
    }
    if frames.1.is_some() {
        while after.decoder.read()?.is_some() {}
    }
    let [original, result] = [&before, &after].map(|side| side.decoder.count() as usize);
    if original != result {
        report.findings.push(Finding::Pages { original, result });
    }
    Ok(())
}

fn compare(
    plan: &VerifyPlan,
    anonymizer: &mut Anonymizer,
    index: u64,
    (old, new): (Look, Look),
    shown: &[Span],
    report: &mut PairReport,
) -> anyhow::Result<()> {
    let page = usize::try_from(index + 1).ok();
    let raster =
        |look: &Look| Raster::new(look.width, look.height, Color::Rgb, Samples::U8(look.rgb.clone()));
    let faces = anonymizer.detect(&raster(&old)?)?;
    let still = anonymizer.detect(&raster(&new)?)?;
    let known: Vec<Face> = shown.iter().filter_map(|span| keys::at(span, index)).collect();
    let (visible, hidden): (Vec<&Face>, Vec<&Face>) =
        faces.iter().partition(|face| known.iter().any(|k| is_same(k, face)));
    report.visible += visible.len();
    report.faces += faces.iter().filter(|face| face.score >= plan.min_score).count();
    let shapes: Vec<TruthFace> = hidden.iter().map(|face| of_rect(&face.rect)).collect();
    if !shapes.is_empty() {
        let (a, b) = (view(&old)?, view(&new)?);
        let verdict = judge_frame(a, b, &shapes);
        for (face, verdict) in hidden.iter().zip(&verdict.faces) {
            let &FaceVerdict { status, covered, kept, .. } = verdict;
            let counts = face.score >= plan.min_score;
            report.unjudged += usize::from(counts && !status.is_judged());
            if status.is_leak() {
                let (rect, score) = (corners(&face.rect), Some(face.score));
                let leak = Finding::Leak { rect, score, region: None, how: status, covered, kept, page };
                if counts { &mut report.findings } else { &mut report.doubtful }.push(leak);
            }
        }
    }
    still_found(&still, &hidden, page, report);
    report.doubtful.truncate(MOST_FINDINGS);
    Ok(())
}
