//! The further detectors, and SCRFD as a user's model, against their original implementations on a hundred pictures.
//! Needs the public pictures and models, and a Python with `tools/requirements.txt`.
#![cfg(all(feature = "yunet-s", feature = "ultraface", feature = "blazeface", feature = "retinaface"))]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use faceveil_core::face::Face;
use faceveil_core::geom::{Point, Rect, RectF};
use faceveil_data::dataset;
use faceveil_data::split::{Part, Set};
use faceveil_infer::detectors::{BoxedDetector, DetectorName, ModelOptions, OnnxDetector};
use faceveil_infer::engine::EngineChoice;
use faceveil_infer::heads::ModelKind;
use faceveil_infer::view::{Backdrop, RgbImage};

const PICTURES: usize = 100;
/// Both implementations see every face above this; near their own threshold of 0.3 rounding decides.
const THRESHOLD: f32 = 0.3;
const SURE: f32 = 0.32;
/// Faces that a detector must find at least, for the test to say anything.
const ENOUGH: usize = 60;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn from_env(name: &str, default: PathBuf) -> PathBuf {
    std::env::var_os(name).map_or(default, PathBuf::from)
}

fn pictures(shared: &Path) -> Vec<PathBuf> {
    let half = |&set: &Set| {
        let all = dataset::load(shared, set, Part::Tune).unwrap();
        let step = all.len() / (PICTURES / 2);
        all.into_iter().step_by(step).take(PICTURES / 2)
    };
    [Set::Fddb, Set::MasksVoc].iter().flat_map(half).map(|item| item.image_path).collect()
}

/// The detectors by the names that the script gives them.
fn detectors(models: &Path) -> BTreeMap<String, BoxedDetector> {
    use DetectorName::*;
    let inside = [YuNetS, UltraFace, RetinaFace, BlazeFaceShort, BlazeFaceFull, BlazeFaceBack];
    let mut all: BTreeMap<String, BoxedDetector> =
        inside.iter().map(|name| (name.to_string(), name.load(&EngineChoice::Inside).unwrap())).collect();
    let options = ModelOptions { kind: ModelKind::Scrfd, size: None, engine: EngineChoice::Inside };
    let scrfd = std::fs::read(models.join("scrfd_evaluation_only/scrfd.onnx")).unwrap();
    all.insert("scrfd".to_owned(), Box::new(OnnxDetector::new("scrfd", &scrfd, &options).unwrap()));
    all
}

fn face(row: &[f32]) -> Face {
    let rect = RectF { left: row[0], top: row[1], right: row[2], bottom: row[3] };
    let point = |i: usize| Point { x: row[5 + 2 * i], y: row[6 + 2 * i] };
    let landmarks = (row.len() > 5).then(|| std::array::from_fn(point));
    Face { rect, score: row[4], landmarks, also: Vec::new() }
}

fn equal(a: &Face, b: &Face) -> bool {
    let reach = (0.05 * a.rect.short_side()).max(1.5);
    let near = |(a, b): (&Point, &Point)| (a.x - b.x).abs() < reach && (a.y - b.y).abs() < reach;
    let points = match (&a.landmarks, &b.landmarks) {
        (Some(a), Some(b)) => a.iter().zip(b).all(near),
        (a, b) => a.is_none() == b.is_none(),
    };
    points && a.rect.iou(&b.rect) > 0.95 && (a.score - b.score).abs() < 0.01
}

/// Faces of `from` above [`SURE`] that have no equal in `all`, and how many were looked for.
fn missing(from: &[Face], all: &[Face]) -> (usize, usize) {
    let sure: Vec<_> = from.iter().filter(|f| f.score > SURE).collect();
    (sure.iter().filter(|f| !all.iter().any(|b| equal(f, b))).count(), sure.len())
}

fn picture(path: &Path) -> RgbImage {
    let bytes = std::fs::read(path).unwrap();
    let raster = faceveil_media::decode(&bytes, &faceveil_media::Limits::default()).unwrap().raster;
    let whole = Rect { left: 0, top: 0, right: raster.width() as i32, bottom: raster.height() as i32 };
    RgbImage::crop(&raster, whole, Backdrop::None)
}

#[test]
fn boxes_are_those_of_the_original_implementations() {
    let shared = from_env("FACEVEIL_SHARED", root().join("../shared"));
    let python = from_env("FACEVEIL_PYTHON", root().join(".venv/bin/python"));
    let models = shared.join("models");
    if !models.is_dir() || !python.is_file() {
        eprintln!(
            "SKIPPED: boxes_are_those_of_the_original_implementations: needs the shared pictures and models, and tools/requirements.txt"
        );
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(python)
        .arg(root().join("tools/original_boxes_named.py"))
        .args([&root().join("models"), &models, folder.path()])
        .args(pictures(&shared))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut detectors = detectors(&models);
    // Detector -> pictures, (without equal, of) ours, original's.
    let mut counts: BTreeMap<String, (usize, [(usize, usize); 2])> = BTreeMap::new();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let json: serde_json::Value = serde_json::from_str(line).unwrap();
        let name = json["detector"].as_str().unwrap();
        let rows: Vec<Vec<f32>> = serde_json::from_value(json["faces"].clone()).unwrap();
        let theirs: Vec<Face> = rows.iter().map(|row| face(row)).collect();
        let image = picture(&folder.path().join(json["file"].as_str().unwrap()));
        let ours = detectors.get_mut(name).unwrap().detect(image.view(), THRESHOLD).unwrap();
        let (pictures, count) = counts.entry(name.to_owned()).or_default();
        *pictures += 1;
        for (count, (a, b)) in count.iter_mut().zip([(&ours, &theirs), (&theirs, &ours)]) {
            let (lost, all) = missing(a, b);
            *count = (count.0 + lost, count.1 + all);
        }
    }
    println!("pictures, (without equal, of) ours, original's: {counts:#?}");
    assert_eq!(counts.len(), detectors.len());
    for (name, (pictures, count)) in counts {
        assert_eq!(pictures, PICTURES, "{name}");
        for (lost, all) in count {
            assert!(all >= ENOUGH, "{name}: only {all} faces");
            assert!(lost * 100 <= all, "{name}: {lost} of {all} faces have no equal");
        }
    }
}
