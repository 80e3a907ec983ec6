//! What the page asks for becomes a new sidecar, and a sidecar a new output. Never a new name: only the
//! sidecars of the batch and the outputs beside them are written.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, anyhow, ensure};
use faceveil_media::files;
use serde::Deserialize;
use serde_json::json;

use super::batch::{Batch, Opened, Record};
use super::timeline;
use crate::args::BlurArgs;
use crate::blur;
use crate::choices::Choices;
use crate::outcome::Status;
use crate::people::{self, Pixels};
use crate::plan::BlurPlan;
use crate::sidecar::{Origin, RegionLine, RegionRecord, Sidecar};

/// What an id begins with that the page has given to a region that is not in the sidecar yet.
const NEW: &str = "new-";

/// Edits cannot be saved or rendered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Somebody else has written the sidecar.
    #[error("the sidecar on the disk has changed since it was loaded here")]
    Changed,
    /// The request or the sidecar cannot be used, or a file cannot be written.
    #[error("{0:#}")]
    Other(#[from] anyhow::Error),
}

/// Regions that are new or changed; all others stay as they are.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Edits {
    version: String,
    regions: Vec<RegionLine>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Render {
    version: String,
}

/// Writes edits into a sidecar; tells its new version and the ids that new regions have got.
///
/// # Errors
/// [`Refusal`]; the sidecar is as it was then.
pub fn save(batch: &Batch, id: usize, body: &[u8]) -> Result<serde_json::Value, Refusal> {
    let edits: Edits = serde_json::from_slice(body).context("the request")?;
    let mut opened = open(batch, id, &edits.version)?;
    let regions = edits.regions.into_iter().map(RegionRecord::from);
    let (ids, json) = match &mut opened.record {
        Record::Photo(record) => (apply(record, regions)?, record.to_json()),
        Record::Video(record) => (timeline::apply(record, regions)?, record.to_json()),
    };
    let json = json.map_err(anyhow::Error::from)?;
    let path = batch.sidecar(id)?;
    // As late as it can be: an editor may have saved while the request was read.
    open(batch, id, &edits.version)?;
    files::write_atomically(path, &json, true).with_context(|| path.display().to_string())?;
    let summary = batch.refresh(id);
    Ok(json!({ "version": batch.open(id)?.version, "ids": ids, "summary": summary }))
}

/// Writes the output and its sidecar again, as `faceveil blur --from SIDECAR -o FOLDER/ --sidecar --overwrite`.
///
/// # Errors
/// [`Refusal`] says why not, or that only the sidecar could not be written.
pub fn render(batch: &Batch, id: usize, body: &[u8]) -> Result<serde_json::Value, Refusal> {
    let request: Render = serde_json::from_slice(body).context("the request")?;
    open(batch, id, &request.version)?;
    let output = batch.output(id)?;
    if batch.may_be_original(&output) {
        let why = "is an original of the batch, or not all sidecars are read yet: it is not replaced";
        return Err(anyhow!("{} {why}", output.display()).into());
    }
    let report = blur::one(&plan(batch, id, &output)?)?;
    if let Some(why) = report.error {
        return Err(anyhow!(why).into());
    }
    let written = report.output.is_some_and(|written| files::same_file(&written, &output));
    let done = written && matches!(report.status, Status::Ok | Status::NoFace);
    let summary = batch.refresh(id);
    let opened = batch.open(id)?;
    if !done {
        return Err(anyhow!("{} was not written", output.display()).into());
    }
    // Settings of today may have redrawn regions, or added zones.
    let regions = &opened.json["regions"];
    Ok(json!({ "version": opened.version, "summary": summary, "regions": regions }))
}

fn plan(batch: &Batch, id: usize, output: &Path) -> anyhow::Result<BlurPlan> {
    let folder = output.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let on = Some(true);
    let args = BlurArgs {
        start: None,
        end: None,
        keep: Vec::new(),
        embedder: None,
        embedder_pixels: Pixels::Arcface,
        keep_above: people::ABOVE,
        resume: false,
        part_frames: 1,
        thumbnails: false,
        inputs: vec![batch.original(id)?],
        from: vec![batch.sidecar(id)?.to_owned()],
        // A folder, so that the output keeps its name and the format that the sidecar says.
        output: folder.to_owned(),
        choices: Choices { sidecar: on, overwrite: on, quiet: on, ..Choices::default() },
        dry_run: false,
        timings: false,
        journal: None,
        preview: None,
        config: None,
    };
    ensure!(args.inputs[0].is_file(), "{}: the original is not there", args.inputs[0].display());
    Ok(BlurPlan::new(args, &|name: &str| std::env::var_os(name))?)
}

fn open(batch: &Batch, id: usize, version: &str) -> Result<Opened, Refusal> {
    let opened = batch.open(id)?;
    if opened.version == version { Ok(opened) } else { Err(Refusal::Changed) }
}

/// Which ids the new regions have got.
fn apply(
    record: &mut Sidecar,
    edits: impl Iterator<Item = RegionRecord>,
) -> anyhow::Result<BTreeMap<String, String>> {
    let mut ids = BTreeMap::new();
    for edit in edits {
        let id = if edit.id.starts_with(NEW) && edit.origin == Origin::Added {
            let id = record.add(edit.page, edit.region.shapes.clone(), edit.region.feather);
            let twice = ids.insert(edit.id.clone(), id.clone());
            ensure!(twice.is_none(), "the new region {} is there twice", edit.id);
            id
        } else {
            edit.id.clone()
        };
        let region = record.region_mut(&id).with_context(|| format!("the sidecar has no region {id}"))?;
        // Where a region is from, whose it is and on which page are no edits.
        (region.hidden, region.note, region.region) = (edit.hidden, edit.note, edit.region);
    }
    Ok(ids)
}
