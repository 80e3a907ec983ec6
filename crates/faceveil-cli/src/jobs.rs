//! The files of a run and where each goes. Not for what is done to them.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::vec;

use anyhow::{Context, ensure};
use faceveil_media::files;

use crate::destination::{ClaimError, Claims, Destination, resolve};
use crate::plan::BlurPlan;
use crate::rerender::FromPlan;
use crate::sidecar;
use crate::sniff;
use crate::video;
use crate::walk::{Found, Input, Kind, Walk};

/// A file and where it goes.
pub struct Job {
    /// A photo, or the sidecar that is rendered again.
    pub found: Found,
    /// `None` is standard output.
    pub output: Result<Option<PathBuf>, ClaimError>,
}

/// The jobs of a plan in the order of its inputs. Outputs are claimed here, in that order, so that
/// which of two inputs wins an output does not depend on the workers.
pub struct Jobs<'p> {
    files: Files,
    claims: Claims,
    plan: &'p BlurPlan,
    output_met: Arc<Mutex<Option<PathBuf>>>,
}

enum Files {
    Photos(Box<Walk>),
    /// Listed before the first is rendered, because outputs may land among them.
    Sidecars(vec::IntoIter<Found>),
}

impl<'p> Jobs<'p> {
    /// Makes the output folder, and sees to it that no input is replaced.
    ///
    /// # Errors
    /// The output folder cannot be made, or there is no sidecar.
    pub fn new(plan: &'p BlurPlan) -> anyhow::Result<Self> {
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
        let files = match &plan.from {
            None => Files::Photos(Box::new(Walk::new(plan.inputs.clone(), output))),
            Some(from) => Files::Sidecars(sidecars(plan, from, &mut claims)?.into_iter()),
        };
        Ok(Self { files, claims, plan, output_met: Arc::default() })
    }

    /// Where the output folder was met inside an input, once the jobs are done.
    pub fn output_met(&self) -> Arc<Mutex<Option<PathBuf>>> {
        self.output_met.clone()
    }

    fn next_file(&mut self) -> Option<Found> {
        match &mut self.files {
            Files::Sidecars(list) => list.next(),
            Files::Photos(walk) => {
                let found = walk.next();
                if let Some(folder) = walk.take_output_met() {
                    self.output_met.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(folder);
                }
                found
            }
        }
    }

    fn claim(&mut self, folder: &Path, found: &Found) -> Result<PathBuf, ClaimError> {
        let relative = match &self.plan.from {
            None if sniff::named_as_video(&found.relative) => video::output_of(&found.relative),
            None => found.relative.clone(),
            Some(_) => sidecar::output_of(&found.relative).ok_or(ClaimError::NoSidecarName)?,
        };
        // A sidecar that is rendered in its place is rewritten; any other may still be waiting to be read.
        let record = sidecar::path_of(&folder.join(&relative));
        if self.plan.sidecar && !files::same_file(&record, &found.input) {
            self.claims.take(folder, &sidecar::path_of(&relative))?;
        }
        self.claims.take(folder, &relative)
    }
}

impl Iterator for Jobs<'_> {
    type Item = Job;

    fn next(&mut self) -> Option<Job> {
        let found = self.next_file()?;
        let plan = self.plan;
        let output = match &plan.destination {
            Destination::Stdout => Ok(None),
            Destination::File { path, .. } | Destination::Video(path) => Ok(Some(path.clone())),
            Destination::Folder(_) if matches!(found.kind, Kind::Broken(_) | Kind::Special) => Ok(None),
            Destination::Folder(folder) => self.claim(folder, &found).map(Some),
        };
        Some(Job { found, output })
    }
}

/// The sidecars that are named or lie in the folders named, and entries that could not be read.
fn sidecars(plan: &BlurPlan, from: &FromPlan, claims: &mut Claims) -> anyhow::Result<Vec<Found>> {
    let named = |found: &Found| sidecar::output_of(&found.input).is_some();
    let mut list = Vec::new();
    for input in &plan.inputs {
        let typed = matches!(input, Input::File(_));
        let found = Walk::new(vec![input.clone()], None);
        list.extend(found.filter(|f| typed || matches!(f.kind, Kind::Broken(_)) || named(f)));
    }
    ensure!(!list.is_empty(), "no sidecars (*{}) are there", sidecar::ENDING);
    for found in list.iter().filter(|_| plan.overwrite) {
        claims.protect(&found.input);
        // A sidecar that cannot be read replaces nothing; its own turn will say why.
        let Ok(original) = from.original_of(found) else { continue };
        claims.protect(&original);
        let preview = plan.preview.as_ref().filter(|preview| files::same_file(preview, &original));
        ensure!(preview.is_none(), "the preview {} is an original", original.display());
    }
    Ok(list)
}
