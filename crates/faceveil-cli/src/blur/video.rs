//! What `blur` does to one video.

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Context, bail};
use faceveil::Region;
use faceveil_core::raster::Raster;
use faceveil_media::files;
use faceveil_media::video::Container;

use super::{Work, elapsed_ms};
use crate::choices::OnNoFace;
use crate::destination::Destination;
use crate::jobs::Job;
use crate::journal::Entry;
use crate::outcome::{FileReport, Status};
use crate::preview::{self, Weakest};
use crate::sidecar::{self, Origin};
use crate::video::{Order, VideoTask};

/// Frames after which the progress of a video is shown anew.
const PROGRESS_EVERY: u64 = 5;

impl Work<'_> {
    /// The whole way of a video.
    pub(super) fn blur_video(&self, job: &Job, report: &mut FileReport) -> anyhow::Result<Status> {
        if matches!(self.plan.destination, Destination::File { .. }) {
            bail!("this is a video: let the output end in .mp4, .m4v, .mov, .mkv, .webm or .ts");
        }
        let Some(output) = report.output.clone() else {
            bail!("a video cannot go to standard output as a file")
        };
        let task = VideoTask::new(self.plan, &job.found)?;
        report.source = task.replay.as_ref().map(|_| task.input.clone());
        let place = || format!("the output {}", output.display());
        let stamp = self.stamp(&task.input)?;
        if let Some(faces) =
            self.check_output(&task.input, &task.recipe.fingerprint, stamp.as_ref(), &output)?
        {
            report.faces = Some(faces);
            return Ok(Status::Resumed);
        }
        if let (Destination::Folder(_), Some(folder), false) =
            (&self.plan.destination, output.parent(), self.plan.dry_run)
        {
            std::fs::create_dir_all(folder).with_context(place)?;
        }
        let start = Instant::now();
        let wanted = (!self.plan.dry_run).then_some(&*output);
        let recorded = self.plan.sidecar && !self.plan.dry_run;
        let tiles = Mutex::new(Weakest::default());
        let show = |picture: &Raster, region: &Region, id: &str, score: f32| {
            let tile = preview::tile(picture, region, &output, id, Origin::Detected, Some(score));
            tiles.lock().unwrap_or_else(PoisonError::into_inner).take(tile);
        };
        let made = self.videos.anonymize(&Order {
            video: &self.plan.video,
            hide_zones: &self.plan.hide_zones,
            keep_zones: &self.plan.keep_zones,
            thumbnails: self.plan.thumbnails,
            observe: &|_, _| (),
            show: self.preview.is_some().then_some(&show),
            recipe: &task.recipe,
            input: &task.input,
            output: wanted,
            hashed: stamp.is_some() || recorded,
            replay: task.replay.as_ref().map(|(record, _)| record),
            recorded: recorded || task.replay.is_some(),
            resume: self.plan.resume,
            progress: &|frames, of| self.show_progress(&job.found.input, start, frames, of),
        })?;
        self.progress(String::new());
        report.ms.encode = Some(elapsed_ms(start));
        report.size = Some(made.size);
        report.format = Container::of(&output).ok().map(Container::name);
        report.frames = Some(made.counts.frames);
        report.frames_with_faces = Some(made.counts.with_faces);
        report.dropped = made.dropped;
        let (hidden, visible) = (made.counts.hidden.len(), made.counts.visible.len());
        let seen = made.counts.hidden.union(&made.counts.visible).count();
        report.faces = Some(seen);
        report.visible = visible;
        if seen == 0 && self.plan.on_no_face == OnNoFace::Fail {
            bail!("no face found");
        }
        let Some(result) = made.result else { return Ok(Status::DryRun) };
        let record = made.record.filter(|_| recorded).map(|record| task.complete(record, &output, &result));
        // What cannot be recorded is not written either.
        let record = record.transpose().context("sidecar")?;
        let entry = match (&self.journal, stamp) {
            (Some(journal), Some(stamp)) => {
                let fingerprint = &task.recipe.fingerprint;
                let entry = journal.entry(&task.input, &stamp, &output, fingerprint, &[], seen);
                let (output_bytes, output_sha256) = (result.bytes, result.sha256.clone().unwrap_or_default());
                let entry = Entry { output_bytes, output_sha256, ..entry.context("journal")? };
                journal.add(&entry).context("journal")?;
                Some((journal, entry))
            }
            _ => None,
        };
        result.publish(&output, self.plan.overwrite).with_context(place)?;
        if let Some(json) = record {
            let sidecar = sidecar::path_of(&output);
            let written = files::write_atomically(&sidecar, &json, self.plan.overwrite);
            let place = || format!("it is written, but its sidecar {} cannot be", sidecar.display());
            written.with_context(place)?;
            report.sidecar = Some(sidecar);
        }
        if let Some((journal, entry)) = entry {
            let done = journal.add(&Entry { durable: true, ..entry });
            done.context("it is written, but the journal cannot be")?;
        }
        self.add_tiles(&tiles.into_inner().unwrap_or_else(PoisonError::into_inner).finish())?;
        let nothing = hidden == 0 && visible == 0 && self.plan.hide_zones.is_empty();
        Ok(if nothing { Status::NoFace } else { Status::Ok })
    }

    /// Shows how far a video is.
    fn show_progress(&self, input: &Path, start: Instant, frames: u64, of: Option<u64>) {
        if !frames.is_multiple_of(PROGRESS_EVERY) || self.bar.is_none() {
            return;
        }
        let seconds = start.elapsed().as_secs_f64().max(1e-3);
        let rate = frames as f64 / seconds;
        let name = input.file_name().unwrap_or_default().to_string_lossy();
        let name: String = name.chars().filter(|c| !c.is_control()).collect();
        let rest = match of.filter(|&of| of >= frames) {
            Some(of) => format!(
                "frame {frames} of {of} ({:.0} %), {:.0} s left",
                100.0 * frames as f64 / of.max(1) as f64,
                (of - frames) as f64 / rate
            ),
            None => format!("frame {frames}"),
        };
        self.progress(format!("{name}: {rest}, {rate:.0} frames/s"));
    }

    fn progress(&self, words: String) {
        if let Some(bar) = &self.bar {
            bar.set_message(words);
        }
    }
}
