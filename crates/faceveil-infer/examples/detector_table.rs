//! The table of detectors in `docs/detectors.md`, as Markdown: milliseconds for 640×480 pixels of noise on one thread,
//! and on the `tune` part of the public pictures how many annotated faces each finds at some thresholds and how many
//! pictures without a face have a false one. The argument is the folder of shared pictures.

use std::path::Path;
use std::time::Instant;

use faceveil_core::face::Face;
use faceveil_core::geom::RectF;
use faceveil_core::raster::{Raster, RgbView};
use faceveil_data::dataset;
use faceveil_data::split::{Part, Set};
use faceveil_data::truth::TruthFace;
use faceveil_infer::detectors::DetectorName;
use faceveil_infer::engine::EngineChoice;
use faceveil_infer::single::SingleSearch;

type Error = Box<dyn std::error::Error>;

/// Pictures of each set, evenly spread.
const PICTURES: usize = 150;
const SETS: [Set; 4] = [Set::Fddb, Set::MasksVoc, Set::WiderYolo, Set::Negatives];
const THRESHOLDS: [f32; 9] = [0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8];
/// Shortest side of a face that counts, pixels, and its overlap with the box that finds it: annotators and detectors
/// draw boxes differently.
const SMALLEST: f32 = 16.0;
const FOUND_IOU: f32 = 0.3;
const TIMED: usize = 30;

/// Milliseconds of the fastest of several searches: others work on the machine, too.
fn milliseconds(name: DetectorName) -> Result<f64, Error> {
    let mut detector = name.load(&EngineChoice::Inside)?;
    let pixels: Vec<u8> =
        (0..640 * 480 * 3u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let view = RgbView::new(640, 480, &pixels).ok_or("an empty picture")?;
    let mut fastest = f64::INFINITY;
    for _ in 0..TIMED {
        let start = Instant::now();
        detector.detect(view, 0.9)?;
        fastest = fastest.min(start.elapsed().as_secs_f64() * 1e3);
    }
    Ok(fastest)
}

fn bounds(face: &TruthFace) -> RectF {
    let [left, top, right, bottom] = face.corners().map(|v| v as f32);
    RectF { left, top, right, bottom }
}

fn read(path: &Path) -> Result<Raster, Error> {
    Ok(faceveil_media::decode(&std::fs::read(path)?, &faceveil_media::Limits::default())?.raster)
}

/// For each threshold: annotated faces found, annotated faces, pictures with a face that is none.
fn judge(
    name: DetectorName,
    shared: &Path,
    set: Set,
    thresholds: &[f32],
) -> Result<Vec<(usize, usize, usize)>, Error> {
    let all = dataset::load(shared, set, Part::Tune)?;
    let step = (all.len() / PICTURES).max(1);
    let mut search = SingleSearch::new(name.load(&EngineChoice::Inside)?, thresholds[0]);
    let mut counts = vec![(0, 0, 0); thresholds.len()];
    for item in all.iter().step_by(step).take(PICTURES) {
        let raster = read(&item.image_path)?;
        let truth = item.faces(raster.width(), raster.height()).unwrap_or_default();
        let faces = search.faces(&raster)?;
        for (count, &least) in counts.iter_mut().zip(thresholds) {
            let seen: Vec<&Face> = faces.iter().filter(|f| f.score >= least).collect();
            let large = truth.iter().map(bounds).filter(|r| r.short_side() >= SMALLEST);
            for rect in large {
                count.1 += 1;
                count.0 += usize::from(seen.iter().any(|f| f.rect.iou(&rect) > FOUND_IOU));
            }
            let near = |f: &Face| truth.iter().any(|t| bounds(t).iou(&f.rect) > 0.1);
            count.2 += usize::from(seen.iter().any(|f| !near(f)));
        }
    }
    Ok(counts)
}

/// One line a threshold. Of several, the picture is searched turned only where the lowest finds nothing.
fn print(name: DetectorName, shared: &Path, thresholds: &[f32]) -> Result<(), Error> {
    let ms = milliseconds(name)?;
    let mut sets = Vec::new();
    for set in SETS {
        sets.push(judge(name, shared, set, thresholds)?);
    }
    for (i, threshold) in thresholds.iter().enumerate() {
        let found = |c: &Vec<(usize, usize, usize)>| 100.0 * c[i].0 as f64 / c[i].1.max(1) as f64;
        let [fddb, masks, wider] = [0, 1, 2].map(|s| found(&sets[s]));
        let hit = 100.0 * sets[3][i].2 as f64 / PICTURES as f64;
        println!("| {name} | {ms:.1} | {threshold} | {fddb:.1} | {masks:.1} | {wider:.1} | {hit:.0} |");
    }
    Ok(())
}

fn main() -> Result<(), Error> {
    let usage = "usage: detector_table SHARED_FOLDER [scan]";
    let shared = std::env::args_os().nth(1).ok_or(usage)?;
    let scan = std::env::args_os().nth(2).is_some_and(|word| word == "scan");
    println!(
        "| detector | ms | threshold | fddb found % | masks found % | wider found % | face-free hit % |"
    );
    println!("|---|---|---|---|---|---|---|");
    for name in DetectorName::ALL {
        let usual = [name.usual_threshold()];
        print(name, Path::new(&shared), if scan { &THRESHOLDS } else { &usual })?;
    }
    Ok(())
}
