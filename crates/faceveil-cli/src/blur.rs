//! `faceveil blur`: what is done to one file, and to all of them.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Context, anyhow, bail};
use faceveil::{Anonymizer, Face};
use faceveil_media::{EncodeOptions, Format, Photo, decode, encode, files};

use crate::batch;
use crate::choices::OnNoFace;
use crate::destination::{ClaimError, Claims, Destination, resolve};
use crate::journal::{Entry, Journal, Known, Stamp};
use crate::outcome::{FileReport, Status};
use crate::plan::BlurPlan;
use crate::report::Reporter;
use crate::source::{self, Admission, bounds, corners};
use crate::walk::{Found, Input, Kind, Walk};

/// Carries out a plan.
///
/// # Errors
/// Nothing was done: the models, the journal or the output folder cannot be used.
pub fn run(plan: &BlurPlan) -> anyhow::Result<ExitCode> {
    let first = Anonymizer::new(&plan.settings)?;
    let journal = plan.journal.as_ref().map(|path| open_journal(path, plan)).transpose()?;
    let work = Work { plan, journal, spare: Mutex::new(Some(first)) };
    let jobs = Jobs::new(plan)?;
    let mut reporter = Reporter::new(plan.manner, plan.on_no_face);
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
    Ok(reporter.finish())
}

fn open_journal(path: &Path, plan: &BlurPlan) -> anyhow::Result<Journal> {
    let open = if plan.dry_run { Journal::peek } else { Journal::open };
    open(path, &plan.fingerprint).with_context(|| format!("journal {}", path.display()))
}

/// A file and where it goes.
struct Job {
    found: Found,
    /// `None` is standard output.
    output: Result<Option<PathBuf>, ClaimError>,
}

/// The jobs of a plan in the order of its inputs. Outputs are claimed here, in that order, so that
/// which of two inputs wins an output does not depend on the workers.
struct Jobs<'p> {
    walk: Walk,
    claims: Claims,
    destination: &'p Destination,
    output_met: std::sync::Arc<Mutex<Option<PathBuf>>>,
}

impl<'p> Jobs<'p> {
    fn new(plan: &'p BlurPlan) -> anyhow::Result<Self> {
        let mut claims = Claims::default();
        let mut output = None;
        if let Destination::Folder(folder) = &plan.destination {
            let place = || format!("output folder {}", folder.display());
            if !plan.dry_run {
                std::fs::create_dir_all(folder).with_context(place)?;
            }
            output = Some(resolve(folder).with_context(place)?);
            for input in plan.inputs.iter().filter(|_| plan.overwrite) {
                if let Input::File(path) = input {
                    claims.protect(path);
                }
            }
        }
        let walk = Walk::new(plan.inputs.clone(), output);
        Ok(Self { walk, claims, destination: &plan.destination, output_met: Default::default() })
    }

    fn output_met(&self) -> std::sync::Arc<Mutex<Option<PathBuf>>> {
        self.output_met.clone()
    }
}

impl Iterator for Jobs<'_> {
    type Item = Job;

    fn next(&mut self) -> Option<Job> {
        let found = self.walk.next();
        if let Some(folder) = self.walk.take_output_met() {
            self.output_met.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(folder);
        }
        let found = found?;
        let output = match self.destination {
            Destination::Stdout => Ok(None),
            Destination::File { path, .. } => Ok(Some(path.clone())),
            Destination::Folder(_) if matches!(found.kind, Kind::Broken(_) | Kind::Special) => Ok(None),
            Destination::Folder(folder) => self.claims.take(folder, &found.relative).map(Some),
        };
        Some(Job { found, output })
    }
}

/// What all workers share.
struct Work<'p> {
    plan: &'p BlurPlan,
    journal: Option<Journal>,
    /// The anonymizer that checked the settings, for the first worker to come.
    spare: Mutex<Option<Anonymizer>>,
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
        let input = &job.found.input;
        if let Admission::Skip(why) = source::admit(&job.found)? {
            report.error = Some(why.to_owned());
            return Ok(Status::Skipped);
        }
        report.output = job.output.clone()?;
        let stamp = self.stamp(input)?;
        if let Some(output) = &report.output
            && let Some(faces) = self.check_output(input, stamp.as_ref(), output)?
        {
            report.faces = Some(faces);
            return Ok(Status::Resumed);
        }
        let mut photo = self.read(&job.found, report)?;
        let faces = self.hide(anonymizer, &mut photo, report)?;
        report.faces = Some(faces.len());
        if faces.is_empty() && self.plan.on_no_face == OnNoFace::Fail {
            bail!("no face found");
        }
        if self.plan.dry_run {
            return Ok(Status::DryRun);
        }
        let bytes = self.encode(&photo, report)?;
        drop(photo);
        self.write(input, stamp, &bytes, report)?;
        Ok(if faces.is_empty() { Status::NoFace } else { Status::Ok })
    }

    /// The input's size and time before it is read, so that a change meanwhile is noticed next time.
    fn stamp(&self, input: &Path) -> anyhow::Result<Option<Stamp>> {
        let wanted = self.journal.is_some();
        wanted.then(|| Stamp::of(input).context("cannot be opened")).transpose()
    }

    /// The number of faces if the output is there from an earlier run.
    fn check_output(
        &self,
        input: &Path,
        stamp: Option<&Stamp>,
        output: &Path,
    ) -> anyhow::Result<Option<usize>> {
        if files::same_file(input, output) {
            bail!("the output {} is the input itself", output.display());
        }
        let special = |m: std::fs::Metadata| !m.is_file() && !m.is_symlink();
        if output.symlink_metadata().is_ok_and(special) {
            bail!("the output {} exists and is no file", output.display());
        }
        let known = match (&self.journal, stamp) {
            (Some(journal), Some(stamp)) => journal.look_up(input, stamp, output),
            _ => Known::New,
        };
        let why = match known {
            Known::Done { faces } => return Ok(Some(faces)),
            _ if self.plan.overwrite => return Ok(None),
            Known::OtherSettings => "was done with other settings or by another version",
            Known::Changed => "was done before the photo changed",
            Known::New if output.symlink_metadata().is_ok() => "exists already",
            Known::New => return Ok(None),
        };
        Err(anyhow!("the output {} {why}; --overwrite replaces it", output.display()))
    }

    fn read(&self, found: &Found, report: &mut FileReport) -> anyhow::Result<Photo> {
        let start = Instant::now();
        let bytes = match found.kind {
            Kind::Stdin => source::read_stdin(&self.plan.limits)?,
            _ => files::read_photo(&found.input, &self.plan.limits)?,
        };
        report.ms.read = Some(elapsed_ms(start));
        let start = Instant::now();
        let photo = decode(&bytes, &self.plan.limits)?;
        report.ms.decode = Some(elapsed_ms(start));
        report.size = Some([photo.raster.width(), photo.raster.height()]);
        report.format = Some(self.format(&photo).name());
        Ok(photo)
    }

    fn format(&self, photo: &Photo) -> Format {
        match self.plan.destination {
            Destination::File { format, .. } => format,
            Destination::Stdout | Destination::Folder(_) => photo.source.format(),
        }
    }

    /// Hides the faces, or only finds them in a dry run.
    fn hide(
        &self,
        anonymizer: &mut Option<Anonymizer>,
        photo: &mut Photo,
        report: &mut FileReport,
    ) -> anyhow::Result<Vec<Face>> {
        let anonymizer = self.own(anonymizer)?;
        let start = Instant::now();
        let faces = anonymizer.detect(&photo.raster)?;
        report.ms.detect = Some(elapsed_ms(start));
        let regions = anonymizer.regions(&faces);
        report.regions = regions.iter().map(|r| corners(&bounds(r))).collect();
        if !self.plan.dry_run {
            let start = Instant::now();
            anonymizer.hide(&mut photo.raster, &regions)?;
            report.ms.redact = Some(elapsed_ms(start));
        }
        Ok(faces)
    }

    fn own<'a>(&self, anonymizer: &'a mut Option<Anonymizer>) -> anyhow::Result<&'a mut Anonymizer> {
        if anonymizer.is_none() {
            let spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner).take();
            *anonymizer = Some(spare.map_or_else(|| Anonymizer::new(&self.plan.settings), Ok)?);
        }
        anonymizer.as_mut().context("no models")
    }

    fn encode(&self, photo: &Photo, report: &mut FileReport) -> anyhow::Result<Vec<u8>> {
        let start = Instant::now();
        let options = EncodeOptions {
            format: Some(self.format(photo)),
            keep_safe_metadata: self.plan.keep_safe_metadata,
        };
        let bytes = encode(photo, &options)?;
        report.ms.encode = Some(elapsed_ms(start));
        Ok(bytes)
    }

    fn write(
        &self,
        input: &Path,
        stamp: Option<Stamp>,
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
        let entry = self.note_intent(input, stamp, output, bytes, report.faces.unwrap_or(0))?;
        files::write_atomically(output, bytes, self.plan.overwrite).with_context(place)?;
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
        input: &Path,
        stamp: Option<Stamp>,
        output: &Path,
        bytes: &[u8],
        faces: usize,
    ) -> anyhow::Result<Option<Entry>> {
        let (Some(journal), Some(stamp)) = (&self.journal, stamp) else { return Ok(None) };
        let entry = journal.entry(input, &stamp, output, bytes, faces).context("journal")?;
        journal.add(&entry).context("journal")?;
        Ok(Some(entry))
    }
}

fn elapsed_ms(start: Instant) -> f64 {
    (start.elapsed().as_secs_f64() * 1e5).round() / 100.0
}
