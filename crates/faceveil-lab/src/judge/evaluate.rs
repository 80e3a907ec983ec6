//! Networks side by side on what the lab's split holds out: ours are run here, others come as folders of outputs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use faceveil_core::redact::{SeededNoise, Style, redact};
use faceveil_data::dataset::{self, Item};
use faceveil_data::split::{Set, lab};
use faceveil_eval::{Fidelity, LeakTable, Picture, PictureVerdict, Rate, Summary, ToReference, to_reference};
use faceveil_infer::gate::{Gate, region};
use faceveil_media::{EncodeOptions, Format, Limits};
use serde::Serialize;

use super::args::EvaluateArgs;
use super::coverage::{Looked, overlap};
use super::direct::Direct;
use super::page;
use crate::train::sources;

/// The sets that are judged.
const SETS: [Set; 5] = [Set::Fddb, Set::MasksVoc, Set::WiderYolo, Set::YoutubeKeypoints, Set::Negatives];
/// Soft edge of a region, as a share of its shorter side: the program's own.
const FEATHER: f32 = 0.03;

/// One system on one set.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// The set.
    pub set: &'static str,
    /// The system.
    pub system: String,
    /// All measures.
    pub summary: Summary,
    /// Faces of at least a fifth of the longer side.
    pub large: LeakTable,
    /// Faces of at least a tenth of the longer side.
    pub middle: LeakTable,
    /// Likeness to the reference blur, mean over pictures with faces; doing nothing beside it.
    pub fidelity: Option<ToReference>,
    /// Intersection over union with the true faces, of a network that gives a mask, at one half.
    pub iou: Option<f64>,
    /// Where its outputs lie.
    #[serde(skip)]
    pub folder: PathBuf,
    /// Verdicts by picture.
    #[serde(skip)]
    pub pictures: Vec<(Item, PictureVerdict)>,
}

/// Runs `faceveil-lab evaluate`.
///
/// # Errors
/// What stopped it.
pub fn run(args: &EvaluateArgs) -> Result<ExitCode> {
    fs::create_dir_all(&args.out).with_context(|| args.out.display().to_string())?;
    let mut rows = Vec::new();
    for set in SETS {
        let items = if args.kept {
            sources::kept(&args.shared, set)?
        } else {
            dataset::load_names(&args.shared, set, &lab::held_out(set))?
        };
        let items: Vec<Item> = items.into_iter().step_by(args.every.max(1)).collect();
        if items.is_empty() {
            continue;
        }
        for named in &args.gate {
            let (name, file) = pair(named)?;
            let bytes = fs::read(file).with_context(|| file.to_owned())?;
            let gate = Gate::new(&bytes).with_context(|| file.to_owned())?;
            let folder = args.out.join("outputs").join(name).join(set.name());
            let looked = hide(&gate, &items, &folder)?;
            let mut row = judge(set, name, &items, &folder)?;
            row.iou = (set != Set::Negatives).then(|| overlap(&looked, 0.5));
            report(&row);
            rows.push(row);
        }
        for named in &args.direct {
            let (name, file) = pair(named)?;
            let folder = args.out.join("outputs").join(name).join(set.name());
            Direct::load(Path::new(file))?.paint_all(&items, &folder)?;
            let row = judge(set, name, &items, &folder)?;
            report(&row);
            rows.push(row);
        }
        for named in &args.outputs {
            let (name, folder) = pair(named)?;
            let row = judge(set, name, &items, &Path::new(folder).join(set.name()))?;
            report(&row);
            rows.push(row);
        }
    }
    let json = args.out.join("results.json");
    fs::write(&json, serde_json::to_vec_pretty(&rows)?).with_context(|| json.display().to_string())?;
    let page = args.out.join("index.html");
    fs::write(&page, page::page(&rows, args.kept)?).with_context(|| page.display().to_string())?;
    say!("{} and {}", json.display(), page.display());
    Ok(ExitCode::SUCCESS)
}

fn pair(named: &str) -> Result<(&str, &str)> {
    match named.split_once('=') {
        Some((name, path)) if !name.is_empty() && !name.contains(['/', '\\', '.']) => Ok((name, path)),
        _ => bail!("{named:?} is not NAME=PATH with a name of letters, digits and dashes"),
    }
}

/// Hides what the network finds, in veil, and writes lossless pictures.
fn hide(gate: &Gate, items: &[Item], folder: &Path) -> Result<Vec<Looked>> {
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let mut all = Vec::new();
    for item in items {
        let place = || item.image_path.display().to_string();
        let bytes = fs::read(&item.image_path).with_context(place)?;
        let mut photo = faceveil_media::decode(&bytes, &Limits::default()).with_context(place)?;
        let mask = gate.mask(&photo.raster).with_context(place)?;
        let regions: Vec<_> = mask.faces(&gate.point()).iter().map(|f| region(f, FEATHER)).collect();
        let size = (photo.raster.width(), photo.raster.height());
        redact(&mut photo.raster, &regions, &Style::Veil, &mut SeededNoise::new(1))?;
        photo.mark_redacted(&regions);
        let options = EncodeOptions { format: Some(Format::Png), keep_safe_metadata: false };
        let png = faceveil_media::encode(&photo, &options).with_context(place)?;
        let path = folder.join(format!("{}.png", item.flat_name()));
        fs::write(&path, png).with_context(|| path.display().to_string())?;
        all.push(Looked { mask, faces: item.faces(size.0, size.1).unwrap_or_default() });
    }
    Ok(all)
}

fn judge(set: Set, name: &str, items: &[Item], folder: &Path) -> Result<Row> {
    let verdicts = faceveil_eval::judge_folder(items, folder, 1)?;
    let faces =
        |share: f64| LeakTable::of(verdicts.iter().flat_map(|p| &p.faces).filter(|f| f.share >= share));
    Ok(Row {
        set: set.name(),
        system: name.to_owned(),
        summary: Summary::of(&verdicts),
        large: faces(0.2),
        middle: faces(0.1),
        fidelity: fidelity(items, folder)?,
        iou: None,
        folder: folder.to_owned(),
        pictures: items.iter().cloned().zip(verdicts).collect(),
    })
}

fn fidelity(items: &[Item], folder: &Path) -> Result<Option<ToReference>> {
    let mut all = Vec::new();
    for item in items {
        let place = || item.image_path.display().to_string();
        let original =
            Picture::decode(&fs::read(&item.image_path).with_context(place)?).with_context(place)?;
        let (w, h) = original.size();
        let faces = item.faces(w as u32, h as u32).unwrap_or_default();
        let output = output(folder, item);
        if faces.is_empty() || !output.is_file() {
            continue;
        }
        let output = Picture::decode(&fs::read(&output)?).with_context(|| output.display().to_string())?;
        all.push(to_reference(&original, &output, &faces));
    }
    let mean = |of: &dyn Fn(&ToReference) -> Fidelity| {
        let each = |f: &dyn Fn(Fidelity) -> f64| all.iter().map(|r| f(of(r))).sum::<f64>() / all.len() as f64;
        Fidelity {
            mse: each(&|f| f.mse),
            mae: each(&|f| f.mae),
            ssim: each(&|f| f.ssim),
            psnr: each(&|f| f.psnr),
        }
    };
    Ok((!all.is_empty()).then(|| ToReference { output: mean(&|r| r.output), nothing: mean(&|r| r.nothing) }))
}

/// Where a system's output for `item` lies.
pub fn output(folder: &Path, item: &Item) -> PathBuf {
    folder.join(format!("{}.png", item.flat_name()))
}

fn report(row: &Row) {
    say!("{}", line(row));
}

/// A row in words.
pub fn line(row: &Row) -> String {
    let percent = |r: Option<Rate>| r.map_or("-".to_owned(), |r| format!("{:.1}", 100.0 * r.rate));
    let table = |t: &LeakTable| format!("{} / {}", percent(t.leak), percent(t.exposed));
    let other = row.summary.outside.map_or("-".to_owned(), |o| format!("{:.2}", 100.0 * o.changed_share));
    format!(
        "{:<11} {:<18} a fifth: {} | a tenth: {} | 16 px: {} | other {other} % | false {} % | psnr {} (nothing {}) | iou {}",
        row.set,
        row.system,
        table(&row.large),
        table(&row.middle),
        table(&row.summary.at_least_16_px),
        percent(row.summary.images_with_false_region),
        row.fidelity.map_or("-".to_owned(), |f| format!("{:.1}", f.output.psnr)),
        row.fidelity.map_or("-".to_owned(), |f| format!("{:.1}", f.nothing.psnr)),
        row.iou.map_or("-".to_owned(), |v| format!("{v:.3}")),
    )
}
