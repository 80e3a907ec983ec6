//! `faceveil blur`: what is done to one file, and to all of them.

mod video;

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Context, anyhow, bail};
use faceveil::Anonymizer;
use faceveil_media::{Album, EncodeOptions, Format, Photo, decode_album, encode_album, files};
use indicatif::ProgressBar;

use crate::batch;
use crate::choices::OnNoFace;
use crate::destination::Destination;
use crate::jobs::{Job, Jobs};
use crate::journal::{Entry, Journal, Known, Stamp};
use crate::marks::Marks;
use crate::outcome::{FileReport, Status};
use crate::pages;
use crate::plan::BlurPlan;
use crate::preview::{Preview, Tile};
use crate::report::Reporter;
use crate::sidecar;
use crate::source::{self, Admission, corners};
use crate::task::{Original, Task};
use crate::video::Videos;
use crate::video::record::is_video_sidecar;
use crate::walk::Kind;
use crate::zones;

/// Carries out a plan.
///
/// # Errors
/// Nothing was done: the models, the journal or the output folder cannot be used.
pub fn run(plan: &BlurPlan) -> anyhow::Result<ExitCode> {
    let journal = plan.journal.as_ref().map(|path| open_journal(path, plan)).transpose()?;
    let preview = plan.preview.as_ref().map(|path| Preview::new(path, plan.overwrite));
    let preview = preview.transpose().context("preview")?.map(Mutex::new);
    // Sidecars are rendered without looking for faces.
    let first = plan.from.is_none().then(|| Anonymizer::new(&plan.recipe.settings)).transpose()?;
    let jobs = Jobs::new(plan)?;
    let mut reporter = Reporter::new(plan.manner, plan.on_no_face);
    let bar = reporter.bar();
    let work = Work { plan, journal, preview, spare: Mutex::new(first), videos: Videos::default(), bar };
    if plan.timings {
        reporter = reporter.with_times();
    }
    let output_met = jobs.output_met();
    batch::run(
        jobs,
        plan.jobs,
        |anonymizer, job| work.report(anonymizer, job),
        |job, why| FileReport::failed(&job.found.input, why),
        |report| reporter.tell(&report),
    );
    if let Some(folder) = output_met.lock().unwrap_or_else(PoisonError::into_inner).take() {
        reporter.note(&format!("{}: the output folder, not walked", folder.display()));
    }
    if let Some(preview) = work.preview {
        match preview.into_inner().unwrap_or_else(PoisonError::into_inner).finish() {
            Ok(words) => reporter.note(&words),
            Err(e) => reporter.fail(&format!("preview: {e:#}")),
        }
    }
    Ok(reporter.finish())
}

/// Carries out a plan of a single file without journal and preview, and tells nobody.
///
/// # Errors
/// There is nothing to do, or the output folder cannot be used; what goes wrong with the file is in its report.
pub fn one(plan: &BlurPlan) -> anyhow::Result<FileReport> {
    let spare = Mutex::new(None);
    let work = Work { plan, journal: None, preview: None, spare, videos: Videos::default(), bar: None };
    let job = Jobs::new(plan)?.next().context("there is nothing to do")?;
    Ok(work.report(&mut None, &job))
}

fn open_journal(path: &Path, plan: &BlurPlan) -> anyhow::Result<Journal> {
    let open = if plan.dry_run { Journal::peek } else { Journal::open };
    open(path).with_context(|| format!("journal {}", path.display()))
}

/// What all workers share.
struct Work<'p> {
    plan: &'p BlurPlan,
    journal: Option<Journal>,
    preview: Option<Mutex<Preview>>,
    /// The anonymizer that checked the settings, for the first worker to come.
    spare: Mutex<Option<Anonymizer>>,
    videos: Videos,
    /// Where progress inside a video is shown.
    bar: Option<ProgressBar>,
}

impl Work<'_> {
    fn report(&self, anonymizer: &mut Option<Anonymizer>, job: &Job) -> FileReport {
        let mut report = FileReport::new(&job.found.input, Status::Failed);
        match self.blur(anonymizer, job, &mut report) {
            Ok(status) => report.status = status,
            Err(e) => report.error = Some(format!("{e:#}")),
        }
        report
    }

    /// The whole way of one file; `report` holds what is known when it ends early.
    fn blur(
        &self,
        anonymizer: &mut Option<Anonymizer>,
        job: &Job,
        report: &mut FileReport,
    ) -> anyhow::Result<Status> {
        if self.plan.from.is_none()
            && let Admission::Skip(why) = source::admit(&job.found)?
        {
            report.error = Some(why.to_owned());
            return Ok(Status::Skipped);
        }
        report.output = job.output.clone()?;
        let is_video = match self.plan.from {
            None => source::is_video(&job.found)?,
            Some(_) => is_video_sidecar(&job.found.input),
        };
        if is_video {
            return self.blur_video(job, report);
        }
        if matches!(self.plan.destination, Destination::Video(_)) {
            bail!("this is no video: let the output end in .jpg, .jpeg, .png or .webp");
        }
        let task = Task::new(self.plan, &job.found)?;
        report.source = task.sidecar().map(|s| s.original.clone());
        let stamp = self.stamp(task.photo())?;
        if let Some(output) = &report.output
            && let Some(faces) =
                self.check_output(task.photo(), task.fingerprint(), stamp.as_ref(), output)?
        {
            report.faces = Some(faces);
            return Ok(Status::Resumed);
        }
        let mut original = self.read(&task, report)?;
        let marks = self.hide(anonymizer, &task, &mut original.album, report)?;
        let found_none = marks.is_empty();
        if found_none && self.plan.on_no_face == OnNoFace::Fail {
            bail!("no face found");
        }
        if self.plan.dry_run {
            return Ok(Status::DryRun);
        }
        let bytes = self.encode(&task, &original.album, report)?;
        self.write(&task, stamp, &original, &marks, &bytes, report)?;
        for (page, photo) in (1..).zip(original.album.pages()) {
            self.show(page, photo, &marks, report)?;
        }
        Ok(if found_none && report.regions.is_empty() { Status::NoFace } else { Status::Ok })
    }

    /// The photo's size and time before it is read, so that a change meanwhile is noticed next time.
    fn stamp(&self, photo: &Path) -> anyhow::Result<Option<Stamp>> {
        let wanted = self.journal.is_some();
        let place = || format!("{}: cannot be opened", photo.display());
        wanted.then(|| Stamp::of(photo).with_context(place)).transpose()
    }

    /// The number of faces if the output is there from an earlier run.
    fn check_output(
        &self,
        original: &Path,
        fingerprint: &str,
        stamp: Option<&Stamp>,
        output: &Path,
    ) -> anyhow::Result<Option<usize>> {
        let sidecar = self.plan.sidecar.then(|| sidecar::path_of(output));
        for place in [Some(output), sidecar.as_deref()].into_iter().flatten() {
            if files::same_file(original, place) {
                bail!("the output {} is the input itself", place.display());
            }
            let special = |m: &std::fs::Metadata| !m.is_file() && !m.is_symlink();
            match place.symlink_metadata() {
                Ok(metadata) if special(&metadata) => {
                    bail!("the output {} exists and is no file", place.display())
                }
                // A sidecar's longer name may be more than the file system takes: better now than later.
                Err(e) if e.kind() == io::ErrorKind::InvalidFilename => {
                    return Err(e).with_context(|| format!("the output {}", place.display()));
                }
                _ => {}
            }
        }
        let known = match (&self.journal, stamp) {
            (Some(journal), Some(stamp)) => journal.look_up(original, stamp, output, fingerprint),
            _ => Known::New,
        };
        let is_there = |path: &Path| path.symlink_metadata().is_ok();
        let recorded = sidecar.as_deref().is_none_or(is_there);
        let why = match known {
            Known::Done { faces } if recorded => return Ok(Some(faces)),
            _ if self.plan.overwrite => return Ok(None),
            Known::Done { .. } => "has lost its sidecar",
            Known::OtherSettings => "was done with other settings or by another version",
            Known::Changed => "was done before the photo changed",
            Known::New if is_there(output) => "exists already",
            Known::New => match sidecar.filter(|s| is_there(s)) {
                Some(sidecar) => {
                    bail!("the sidecar {} exists already; --overwrite replaces it", sidecar.display())
                }
                None => return Ok(None),
            },
        };
        Err(anyhow!("the output {} {why}; --overwrite replaces it", output.display()))
    }

    fn read(&self, task: &Task<'_>, report: &mut FileReport) -> anyhow::Result<Original> {
        let start = Instant::now();
        let bytes = match task.found.kind {
            Kind::Stdin => source::read_stdin(&self.plan.limits)?,
            _ => files::read_photo(task.photo(), &self.plan.limits).map_err(|e| task.placed(e))?,
        };
        report.ms.read = Some(elapsed_ms(start));
        let start = Instant::now();
        let album = decode_album(&bytes, &self.plan.limits).map_err(|e| task.placed(e))?;
        report.ms.decode = Some(elapsed_ms(start));
        let photo = album.first();
        report.size = Some([photo.raster.width(), photo.raster.height()]);
        report.pages = (!album.is_still()).then_some(album.pages().len());
        report.format = Some(self.format(task, photo).name());
        let recorded = self.plan.sidecar || self.plan.from.is_some();
        let original = Original::new(album, &bytes, recorded);
        task.sidecar().map_or(Ok(()), |s| s.check_original(&original.sha256, &original.album))?;
        Ok(original)
    }

    fn format(&self, task: &Task<'_>, photo: &Photo) -> Format {
        match (&self.plan.destination, task.sidecar()) {
            (Destination::File { format, .. }, _) => *format,
            (_, Some(sidecar)) => sidecar.record.result.format,
            (Destination::Stdout | Destination::Video(_) | Destination::Folder(_), None) => {
                photo.source.format()
            }
        }
    }

    /// Hides what is found or recorded on each page or frame, or only says what in a dry run.
    fn hide(
        &self,
        anonymizer: &mut Option<Anonymizer>,
        task: &Task<'_>,
        album: &mut Album,
        report: &mut FileReport,
    ) -> anyhow::Result<Marks> {
        let start = Instant::now();
        let marks = self.find(anonymizer, task, album.pages())?;
        report.ms.detect = task.sidecar().is_none().then(|| elapsed_ms(start));
        let own = marks.hidden(album.pages().len());
        report.faces = Some(marks.faces.len());
        report.visible = marks.regions.iter().filter(|r| !r.hidden).count();
        report.regions = own.iter().flatten().map(|r| corners(&r.bounds())).collect();
        if self.plan.dry_run {
            return Ok(marks);
        }
        let start = Instant::now();
        let settings = &task.recipe().settings;
        let hidden = if album.motion().is_some() { pages::with_neighbours(&own) } else { own };
        for (photo, hidden) in album.pages_mut().iter_mut().zip(&hidden) {
            faceveil::hide(&mut photo.raster, hidden, &settings.style, settings.seed)?;
            photo.mark_redacted(hidden);
        }
        report.ms.redact = Some(elapsed_ms(start));
        Ok(marks)
    }

    /// What is found or recorded on all pages or frames.
    fn find(
        &self,
        anonymizer: &mut Option<Anonymizer>,
        task: &Task<'_>,
        pages: &[Photo],
    ) -> anyhow::Result<Marks> {
        let size = |photo: &Photo| [photo.raster.width(), photo.raster.height()];
        let resolve = |[width, height]: [u32; 2]| {
            zones::resolve(&self.plan.hide_zones, &self.plan.keep_zones, width, height)
        };
        let zones = pages.iter().map(|photo| resolve(size(photo))).collect::<Result<Vec<_>, _>>()?;
        if let Some(sidecar) = task.sidecar() {
            return sidecar.marks(&zones);
        }
        let mut marks = Marks::default();
        for ((page, photo), zones) in (1..).zip(pages).zip(&zones) {
            let anonymizer = self.own(anonymizer)?;
            let faces = anonymizer.detect(&photo.raster)?;
            let known = anonymizer.known(&photo.raster, &faces)?;
            let regions = anonymizer.regions(&faces).into_iter().zip(known).collect();
            marks.add_page(page, size(photo), faces, regions, zones);
        }
        marks.hide_zones(&zones, task.recipe().settings.feather);
        Ok(marks)
    }

    fn own<'a>(&self, anonymizer: &'a mut Option<Anonymizer>) -> anyhow::Result<&'a mut Anonymizer> {
        if anonymizer.is_none() {
            let spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner).take();
            *anonymizer = Some(spare.map_or_else(|| Anonymizer::new(&self.plan.recipe.settings), Ok)?);
        }
        anonymizer.as_mut().context("no models")
    }

    fn encode(&self, task: &Task<'_>, album: &Album, report: &mut FileReport) -> anyhow::Result<Vec<u8>> {
        let start = Instant::now();
        let options = EncodeOptions {
            format: Some(self.format(task, album.first())),
            keep_safe_metadata: task.recipe().keep_safe_metadata,
        };
        let encoded = encode_album(album, &options)?;
        report.ms.encode = Some(elapsed_ms(start));
        report.jpeg = encoded.jpeg;
        Ok(encoded.bytes)
    }

    /// The output, then its sidecar, each whole or not at all; the journal notes both as one.
    fn write(
        &self,
        task: &Task<'_>,
        stamp: Option<Stamp>,
        original: &Original,
        marks: &Marks,
        bytes: &[u8],
        report: &mut FileReport,
    ) -> anyhow::Result<()> {
        let start = Instant::now();
        let Some(output) = &report.output else {
            let mut out = io::stdout().lock();
            return out.write_all(bytes).and_then(|()| out.flush()).context("standard output");
        };
        let place = || format!("the output {}", output.display());
        if let (Destination::Folder(_), Some(folder)) = (&self.plan.destination, output.parent()) {
            std::fs::create_dir_all(folder).with_context(place)?;
        }
        let record = self.plan.sidecar.then(|| {
            let sidecar = sidecar::path_of(output);
            let format = self.format(task, original.first());
            task.record(&sidecar, original, marks, format, bytes).map(|record| (sidecar, record))
        });
        // What cannot be recorded is not written either.
        let record = record.transpose().context("sidecar")?;
        let entry = self.note_intent(task, stamp, output, bytes, report.faces.unwrap_or(0))?;
        files::write_atomically(output, bytes, self.plan.overwrite).with_context(place)?;
        if let Some((sidecar, json)) = record {
            let written = files::write_atomically(&sidecar, &json, self.plan.overwrite);
            let place = || format!("it is written, but its sidecar {} cannot be", sidecar.display());
            written.with_context(place)?;
            report.sidecar = Some(sidecar);
        }
        if let (Some(journal), Some(entry)) = (&self.journal, entry) {
            let done = journal.add(&Entry { durable: true, ..entry });
            done.context("it is written, but the journal cannot be")?;
        }
        report.ms.write = Some(elapsed_ms(start));
        Ok(())
    }

    /// Notes the output before it is put in place: should this be the last that the process does, the
    /// next run knows the output for its own.
    fn note_intent(
        &self,
        task: &Task<'_>,
        stamp: Option<Stamp>,
        output: &Path,
        bytes: &[u8],
        faces: usize,
    ) -> anyhow::Result<Option<Entry>> {
        let (Some(journal), Some(stamp)) = (&self.journal, stamp) else { return Ok(None) };
        let entry = journal.entry(task.photo(), &stamp, output, task.fingerprint(), bytes, faces);
        let entry = entry.context("journal")?;
        journal.add(&entry).context("journal")?;
        Ok(Some(entry))
    }

    /// Puts what was hidden on the contact sheet, if there is to be one.
    fn show(&self, page: u32, photo: &Photo, marks: &Marks, report: &FileReport) -> anyhow::Result<()> {
        if self.preview.is_none() {
            return Ok(());
        }
        let named = report.output.as_deref().unwrap_or(&report.input);
        self.add_tiles(&marks.tiles(page, &photo.raster, named))
    }

    fn add_tiles(&self, tiles: &[Tile]) -> anyhow::Result<()> {
        let Some(preview) = &self.preview else { return Ok(()) };
        let mut preview = preview.lock().unwrap_or_else(PoisonError::into_inner);
        preview.add(tiles).context("it is written, but cannot be shown in the preview")
    }
}

fn elapsed_ms(start: Instant) -> f64 {
    (start.elapsed().as_secs_f64() * 1e5).round() / 100.0
}
