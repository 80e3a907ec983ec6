//! The bodies of the fuzz targets. Each takes any bytes and panics only where a promise is broken. The
//! harnesses in `fuzz_targets/` hand them to libFuzzer, `tests/regression.rs` runs them on stable.

mod album;
mod int8;
mod keep;
mod network;
mod photo;
pub mod plant;
mod program;
mod strip;
mod video;

use faceveil_data::import::yolo_image_folders;
use faceveil_data::truth::{
    celeba_face, celeba_head, celeba_row, coco, face_of_68, fddb, row_of_68, vggface2_row, voc, wider, yolo,
};

pub use album::album;
pub use int8::{int8, tflite};
pub use keep::{keep, kept};
pub use network::{model, onnx};
pub use photo::{decode, inspect};
pub use program::{config, journal, request, sidecar};
pub use strip::{strip, stripped};
pub use video::{nut, probe, video_sidecar, y4m};

/// A fuzz target.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its harness.
    pub name: &'static str,
    /// Folder of its seeds in `corpus-seed/`.
    pub seeds: &'static str,
    /// What is done with the bytes.
    pub run: fn(&[u8]),
}

/// All targets, by name.
pub const TARGETS: [Target; 20] = [
    Target { name: "album", seeds: "album", run: album },
    Target { name: "annotations", seeds: "annotations", run: annotations },
    Target { name: "config", seeds: "config", run: config },
    Target { name: "decode", seeds: "photo", run: decode },
    Target { name: "gate", seeds: "gate", run: gate },
    Target { name: "heif", seeds: "heif", run: inspect },
    Target { name: "inspect", seeds: "photo", run: inspect },
    Target { name: "int8", seeds: "int8", run: int8 },
    Target { name: "journal", seeds: "journal", run: journal },
    Target { name: "keep", seeds: "photo", run: keep },
    Target { name: "model", seeds: "model", run: model },
    Target { name: "nut", seeds: "nut", run: nut },
    Target { name: "onnx", seeds: "onnx", run: onnx },
    Target { name: "probe", seeds: "probe", run: probe },
    Target { name: "request", seeds: "request", run: request },
    Target { name: "sidecar", seeds: "sidecar", run: sidecar },
    Target { name: "strip", seeds: "photo", run: strip },
    Target { name: "tflite", seeds: "tflite", run: tflite },
    Target { name: "video_sidecar", seeds: "video_sidecar", run: video_sidecar },
    Target { name: "y4m", seeds: "y4m", run: y4m },
];

/// A gate network's file is read or refused; what is read comes back the same, and a small one can look.
pub fn gate(bytes: &[u8]) {
    use faceveil_core::raster::{Color, Raster, Samples};
    use faceveil_infer::gate::{Gate, GateWeights};
    let Ok(weights) = GateWeights::parse(bytes) else { return };
    assert_eq!(weights.to_bytes().as_deref(), Ok(bytes));
    let small = weights.config.side <= 32 && weights.further.iter().all(|look| look.side <= 32);
    if small && weights.values.len() < 10_000 {
        let gate = Gate::from_weights(weights).expect("it was read");
        let grey = Samples::U8(vec![127; 16 * 9 * 3]);
        let picture = Raster::new(16, 9, Color::Rgb, grey).expect("the size fits");
        let _ = gate.faces(&picture, None).expect("it can be shrunk");
    }
}

/// Every reader of face annotations takes any text; the faces it reads have finite sides, so that no measure
/// becomes NaN.
pub fn annotations(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut faces = voc(text).unwrap_or_default();
    faces.extend(fddb(text).unwrap_or_default().into_values().flatten());
    faces.extend(wider(text).unwrap_or_default().into_values().flatten());
    faces.extend(yolo(text).unwrap_or_default().iter().map(|b| b.face(u32::MAX, 1)));
    faces.extend(coco(text, &[]).unwrap_or_default().into_iter().flat_map(|picture| picture.faces));
    faces.extend(text.lines().filter_map(|row| Some(vggface2_row(row, 1).ok()?.1)));
    faces.extend(text.lines().filter_map(|row| Some(face_of_68(&row_of_68(row, 1).ok()?.1))));
    let _ = yolo_image_folders(text);
    if let [first, second, rows @ ..] = &text.lines().collect::<Vec<_>>()[..]
        && let Ok(head) = celeba_head(first, second)
    {
        let of = |row: &&str| celeba_face(&celeba_row(row, &head, 1).ok()?.1, 1).ok();
        faces.extend(rows.iter().filter_map(of));
    }
    for face in faces {
        assert!(face.corners().iter().all(|v| v.is_finite()), "{face:?}");
        assert!(face.side() >= 0.0 && face.side() <= face.side_long(), "{face:?}");
    }
}
