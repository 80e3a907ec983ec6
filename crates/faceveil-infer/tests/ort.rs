//! ONNX Runtime in the place of the engines inside: the same boxes, and clear errors. Needs the library, whose file
//! `ORT_DYLIB_PATH` names, or which is in the tests' Python.
#![cfg(all(feature = "ort", feature = "general", feature = "yunet", feature = "centerface"))]

use std::path::{Path, PathBuf};

use faceveil_core::face::Face;
use faceveil_core::geom::Rect;
use faceveil_infer::detectors::DetectorName;
use faceveil_infer::engine::{EngineChoice, OrtLibrary, OrtProvider};
use faceveil_infer::view::{Backdrop, RgbImage};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn library(test: &str) -> Option<PathBuf> {
    let named = std::env::var_os("ORT_DYLIB_PATH").filter(|v| !v.is_empty()).map(PathBuf::from);
    let found = named.or_else(|| {
        let python =
            std::env::var_os("FACEVEIL_PYTHON").map_or(root().join(".venv/bin/python"), PathBuf::from);
        let lib = python.parent()?.parent()?.join("lib");
        let versions = std::fs::read_dir(lib).ok()?.flatten().map(|e| e.path());
        let folders = versions.map(|v| v.join("site-packages/onnxruntime/capi"));
        let files = folders.filter_map(|f| std::fs::read_dir(f).ok()).flatten().flatten().map(|e| e.path());
        let is_library =
            |p: &PathBuf| p.file_name().is_some_and(|n| n.to_string_lossy().starts_with("libonnxruntime.so"));
        files.into_iter().find(is_library)
    });
    if found.is_none() {
        eprintln!("SKIPPED: {test}: needs ONNX Runtime, named by ORT_DYLIB_PATH or in the tests' Python");
    }
    found
}

fn ort(path: impl Into<PathBuf>, provider: Option<OrtProvider>) -> EngineChoice {
    EngineChoice::Ort(OrtLibrary { path: path.into(), provider })
}

fn sample() -> RgbImage {
    let bytes = std::fs::read(root().join("assets/sample.jpg")).unwrap();
    let raster = faceveil_media::decode(&bytes, &faceveil_media::Limits::default()).unwrap().raster;
    let whole = Rect { left: 0, top: 0, right: raster.width() as i32, bottom: raster.height() as i32 };
    RgbImage::crop(&raster, whole, Backdrop::None)
}

#[test]
fn boxes_are_those_of_the_engines_inside() {
    let Some(library) = library("boxes_are_those_of_the_engines_inside") else { return };
    let sample = sample();
    let small = sample.resized(300, 211).unwrap();
    let mut compared = 0;
    for name in DetectorName::ALL.into_iter().filter(|n| n.weights().is_some()) {
        let mut inside = name.load(&EngineChoice::Inside).unwrap();
        let mut runtime = name.load(&ort(&library, None)).unwrap();
        for image in [&sample, &small, &sample.turned(1)] {
            let ours: Vec<Face> = inside.detect(image.view(), 0.2).unwrap();
            let theirs = runtime.detect(image.view(), 0.2).unwrap();
            let sure = |f: &&Face| f.score > 0.22;
            for (from, all) in [(&ours, &theirs), (&theirs, &ours)] {
                for face in from.iter().filter(sure) {
                    compared += 1;
                    let equal =
                        |b: &Face| face.rect.iou(&b.rect) > 0.98 && (face.score - b.score).abs() < 0.005;
                    assert!(all.iter().any(equal), "{name}: {face:?} in {all:?}");
                }
            }
        }
    }
    assert!(compared > 20, "only {compared} faces compared");
}

#[test]
fn a_library_that_is_none_is_a_clear_error() {
    let refusal = |path: &Path| {
        let refusal = DetectorName::YuNet.load(&ort(path, None)).map(drop).unwrap_err().to_string();
        assert!(!refusal.contains('\n'), "{refusal}");
        refusal
    };
    let missing = refusal(Path::new("/nowhere/libonnxruntime.so"));
    assert!(
        missing.starts_with("yunet: ONNX Runtime at /nowhere/libonnxruntime.so: No such file"),
        "{missing}"
    );
    let text = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(text.path(), "no library").unwrap();
    let refused = refusal(text.path());
    assert!(refused.contains(&text.path().display().to_string()), "{refused}");
}

#[test]
fn a_provider_that_the_library_lacks_is_a_clear_error() {
    let Some(library) = library("a_provider_that_the_library_lacks_is_a_clear_error") else { return };
    // The library of the tests' Python is the CPU's.
    for provider in [OrtProvider::Cuda, OrtProvider::DirectMl, OrtProvider::CoreMl] {
        let refusal = match DetectorName::YuNet.load(&ort(&library, Some(provider))) {
            Ok(_) => continue,
            Err(e) => e.to_string(),
        };
        assert!(refusal.contains(&format!("cannot use the provider {provider}: ")), "{refusal}");
        assert!(!refusal.contains('\n'), "{refusal}");
    }
}
