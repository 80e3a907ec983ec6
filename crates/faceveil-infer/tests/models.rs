//! Users' models: each family's outputs are read and mapped back; files that are damaged, hostile or of another
//! family are refused with what is wrong, without a panic and without much memory.
#![cfg(feature = "general")]

mod onnx_writer;

use faceveil_core::face::{Detector, Face};
use faceveil_core::raster::RgbView;
use faceveil_infer::detectors::{DetectError, ModelOptions, OnnxDetector};
use faceveil_infer::engine::EngineChoice;
use faceveil_infer::heads::ModelKind;
use onnx_writer::{Kernel, Random, Writer};

/// A small real network with many operations: BlazeFace short range.
const BLAZEFACE: &[u8] =
    include_bytes!("../../../models/blazeface/face_detection_front_128x128_barracuda.onnx");
const SQUARE: [u64; 4] = [1, 3, 640, 640];

fn load(file: &[u8], kind: ModelKind) -> Result<OnnxDetector, DetectError> {
    let options = ModelOptions { kind, size: None, engine: EngineChoice::Inside };
    OnnxDetector::new("m", file, &options)
}

/// Faces in a grey picture.
fn search(detector: &mut OnnxDetector, width: u32, height: u32) -> Result<Vec<Face>, DetectError> {
    let pixels = vec![90; (width * height * 3) as usize];
    detector.detect(RgbView::new(width, height, &pixels).unwrap(), 0.3)
}

fn found(file: &[u8], kind: ModelKind, width: u32, height: u32) -> Vec<Face> {
    search(&mut load(file, kind).unwrap(), width, height).unwrap()
}

#[track_caller]
fn refused(file: &[u8], kind: ModelKind, want: &str) {
    let refusal = load(file, kind).map(drop).unwrap_err().to_string();
    assert!(refusal.contains(want), "{want:?} is not in {refusal:?}");
}

fn near(a: f32, b: f32) -> bool {
    (a - b).abs() < 0.01
}

/// One box of 64×128 pixels about (160, 200) of the input among empty ones, in each layout of YOLO for faces. The
/// picture of 320×160 is enlarged twice, so all is halved.
#[test]
fn all_layouts_of_yolo_are_read_and_mapped_back() {
    let points: Vec<f32> = (0..10).map(|i| 140.0 + 4.0 * i as f32).collect();
    let visible = |p: &[f32]| p.chunks(2).flat_map(|p| [p[0], p[1], 0.7]).collect::<Vec<f32>>();
    let rect = [160.0, 200.0, 64.0, 128.0];
    let layouts: [(&str, Vec<f32>, bool); 6] = [
        ("v8, boxes", [&rect[..], &[0.9]].concat(), false),
        ("v5, boxes", [&rect[..], &[0.95, 0.947_368_4]].concat(), false),
        ("pose", [&rect[..], &[0.9], &points].concat(), true),
        ("v5-face", [&rect[..], &[0.95], &points, &[0.947_368_4]].concat(), true),
        ("v8-face", [&rect[..], &[0.9], &visible(&points)].concat(), true),
        ("v7-face", [&rect[..], &[0.95, 0.947_368_4], &visible(&points)].concat(), true),
    ];
    for (case, row, has_points) in layouts {
        let (rows, columns, at) = (100, row.len(), 37);
        for turned in [false, true] {
            let mut values = vec![0.0; rows * columns];
            for (column, value) in row.iter().enumerate() {
                values[if turned { column * rows + at } else { at * columns + column }] = *value;
            }
            let dims = if turned { [1, columns, rows] } else { [1, rows, columns] };
            let mut writer = Writer::default();
            writer.output("y", &dims, &values);
            let faces = found(&writer.finish_for(&SQUARE, &["y"]), ModelKind::YoloFace, 320, 160);
            let [face] = &faces[..] else { panic!("{case}: {faces:?}") };
            assert!(near(face.score, 0.9), "{case}: {face:?}");
            let r = face.rect;
            assert!(
                near(r.left, 64.0) && near(r.top, 68.0) && near(r.right, 96.0) && near(r.bottom, 132.0),
                "{case}: {r:?}"
            );
            let want = has_points.then_some((70.0, 72.0));
            assert_eq!(face.landmarks.map(|l| (l[0].x.round(), l[0].y.round())), want, "{case}");
        }
    }
}

/// The same face from three anchors a family: only the head's arithmetic differs.
#[test]
fn retinaface_and_ultraface_are_read() {
    // 640×640: 80² + 40² + 20² cells of two anchors. The first anchor of stride 16, cell (10, 5).
    let n = 2 * (6400 + 1600 + 400);
    let at = 2 * (6400 + 5 * 40 + 10);
    for (kind, side) in [(ModelKind::RetinaFace, 64.0), (ModelKind::RetinaFaceSmall, 32.0)] {
        for logits in [false, true] {
            let (mut boxes, mut scores, points) = (vec![0.0; n * 4], vec![0.0; n * 2], vec![0.0; n * 10]);
            scores
                .as_chunks_mut::<2>()
                .0
                .iter_mut()
                .for_each(|s| *s = if logits { [4.0, -4.0] } else { [1.0, 0.0] });
            scores[at * 2..][..2].copy_from_slice(if logits { &[-1.0, 1.0] } else { &[0.2, 0.8] });
            boxes[at * 4..][..4].copy_from_slice(&[1.0, 0.0, 5.0 * 2f32.ln(), 0.0]);
            let mut writer = Writer::default();
            writer.output("a", &[1, n, 4], &boxes);
            writer.output("b", &[1, n, 2], &scores);
            writer.output("c", &[1, n, 10], &points);
            let faces = found(&writer.finish_for(&SQUARE, &["a", "b", "c"]), kind, 640, 640);
            let [face] = &faces[..] else { panic!("{kind}: {faces:?}") };
            let centre = face.rect.centre();
            assert!(near(centre.x, 168.0 + 0.1 * side) && near(centre.y, 88.0), "{kind}: {face:?}");
            assert!(
                near(face.rect.width(), 2.0 * side) && near(face.rect.height(), side),
                "{kind}: {face:?}"
            );
            assert!((face.score - if logits { 0.881 } else { 0.8 }).abs() < 0.001, "{kind}: {face:?}");
            assert!(near(face.landmarks.unwrap()[4].x, 168.0), "{kind}: {face:?}");
        }
    }
    let mut writer = Writer::default();
    writer.output("scores", &[1, 3, 2], &[1.0, 0.0, 0.1, 0.9, 1.0, 0.0]);
    writer.output("boxes", &[1, 3, 4], &[0.0, 0.0, 0.0, 0.0, 0.25, 0.5, 0.5, 1.0, 0.0, 0.0, 0.0, 0.0]);
    let faces =
        found(&writer.finish_for(&[1, 3, 240, 320], &["scores", "boxes"]), ModelKind::UltraFace, 640, 480);
    let [face] = &faces[..] else { panic!("{faces:?}") };
    let r = face.rect;
    assert!(
        near(r.left, 160.0) && near(r.top, 240.0) && near(r.right, 320.0) && near(r.bottom, 480.0),
        "{r:?}"
    );
}

#[test]
fn scrfd_is_read_with_and_without_landmarks() {
    for landmarks in [false, true] {
        let mut writer = Writer::default();
        let mut names = Vec::new();
        for stride in [8usize, 16, 32] {
            let n = 2 * (640 / stride) * (640 / stride);
            let columns: &[usize] = if landmarks { &[1, 4, 10] } else { &[1, 4] };
            for &columns in columns {
                let mut values = vec![0.0; n * columns];
                if stride == 32 {
                    // Second anchor of the cell (3, 2).
                    let at = (2 * (2 * 20 + 3) + 1) * columns;
                    values[at..at + columns].fill(if columns == 1 { 0.75 } else { 1.5 });
                }
                let name = format!("{stride}_{columns}");
                // Older exports leave the batch out.
                let dims = [&[1][..], &[n, columns]].concat();
                writer.output(&name, if landmarks { &dims } else { &dims[1..] }, &values);
                names.push(name);
            }
        }
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let faces = found(&writer.finish_for(&SQUARE, &names), ModelKind::Scrfd, 640, 640);
        let [face] = &faces[..] else { panic!("{faces:?}") };
        let r = face.rect;
        assert!(
            near(r.left, 48.0) && near(r.top, 16.0) && near(r.right, 144.0) && near(r.bottom, 112.0),
            "{r:?}"
        );
        assert_eq!(face.landmarks.map(|l| l[0].x), landmarks.then_some(144.0));
    }
}

#[test]
fn other_families_are_refused_with_what_was_wanted_and_what_there_is() {
    let mut writer = Writer::default();
    writer.output("y", &[1, 100, 7], &vec![0.0; 700]);
    let file = writer.finish_for(&SQUARE, &["y"]);
    for (kind, want) in [
        (ModelKind::YuNet, "outputs N×1 (twice), N×4 and N×10 for each N of 6400, 1600 and 400"),
        (ModelKind::Scrfd, "outputs N×1, N×4 and perhaps N×10 for each N of 12800, 3200 and 800"),
        (ModelKind::RetinaFace, "outputs 16800×4, 16800×2 and 16800×10"),
        (ModelKind::RetinaFaceSmall, "outputs 16800×4, 16800×2 and 16800×10"),
        (ModelKind::YoloFace, "one output N×C or C×N, where C is 5, 6, 15, 16, 20 or 21"),
        (ModelKind::UltraFace, "outputs N×4 and N×2"),
        (ModelKind::BlazeFace, "outputs N×1 and N×16 of 896 or 2304 rows together"),
        (ModelKind::CenterFace, "outputs 1×1×80×80, 1×2×80×80 (twice) and 1×10×80×80"),
    ] {
        refused(&file, kind, want);
        refused(&file, kind, "the outputs of this one are y 1×100×7");
    }
    refused(BLAZEFACE, ModelKind::YuNet, "input of 128×128");
}

#[test]
fn inputs_that_are_no_picture_are_refused() {
    let mut writer = Writer::default();
    writer.output("y", &[1, 10, 5], &[0.0; 50]);
    for (dims, want) in [
        (&[1, 3][..], "the input x has the shape 1×3"),
        (&[1, 4, 32, 32], "the input x has the shape 1×4×32×32"),
        (&[1, 3, 32, 99_999], "sides of at most 4096"),
    ] {
        refused(&writer.finish_for(dims, &["y"]), ModelKind::YoloFace, want);
    }
    let size = |size| {
        let options =
            ModelOptions { kind: ModelKind::YoloFace, size: Some(size), engine: EngineChoice::Inside };
        OnnxDetector::new("m", &writer.finish_for(&SQUARE, &["y"]), &options).map(drop)
    };
    assert!(size((640, 640)).is_ok());
    assert!(size((320, 320)).unwrap_err().to_string().contains("640×640 pixels and of no other size"));
    assert!(size((8, 8)).unwrap_err().to_string().contains("sides must be 32 to 4096"));
}

#[test]
fn free_sizes_follow_the_picture_or_the_option() {
    let mut writer = Writer::default();
    writer.output("y", &[1, 2, 5], &[16.0, 16.0, 8.0, 8.0, 0.9, 0.0, 0.0, 0.0, 0.0, 0.0]);
    let file = writer.finish_for(&[1, 3, 0, 0], &["y"]);
    let faces = found(&file, ModelKind::YoloFace, 100, 70);
    assert!(near(faces[0].rect.left, 12.0), "{faces:?}");
    let options =
        ModelOptions { kind: ModelKind::YoloFace, size: Some((200, 200)), engine: EngineChoice::Inside };
    let mut detector = OnnxDetector::new("m", &file, &options).unwrap();
    let faces = search(&mut detector, 100, 70).unwrap();
    assert!(near(faces[0].rect.left, 6.0), "{faces:?}");
}

#[test]
fn scores_that_are_none_are_errors() {
    for (score, want) in [(f32::NAN, "no numbers between 0 and 1"), (7.0, "no numbers between 0 and 1")] {
        let mut writer = Writer::default();
        writer.output("y", &[1, 10, 5], &[[0.0, 0.0, 9.0, 9.0, score]; 10].concat());
        let mut detector = load(&writer.finish_for(&SQUARE, &["y"]), ModelKind::YoloFace).unwrap();
        let refusal = search(&mut detector, 64, 64).unwrap_err().to_string();
        assert!(refusal.contains(want), "{refusal}");
    }
    let mut writer = Writer::default();
    writer.output("y", &[1, 30_000, 5], &vec![0.9; 150_000]);
    let mut detector = load(&writer.finish_for(&SQUARE, &["y"]), ModelKind::YoloFace).unwrap();
    let refusal = search(&mut detector, 64, 64).unwrap_err().to_string();
    assert!(refusal.contains("more than 20000 faces"), "{refusal}");
}

/// The fuzz target's seeds must get as far as the engine, or nothing is fuzzed.
#[test]
fn the_seeds_of_the_fuzz_target_are_searched() {
    for (seed, kind) in
        [("yolo", ModelKind::YoloFace), ("shapes", ModelKind::YoloFace), ("boxes", ModelKind::UltraFace)]
    {
        let file = format!("{}/../../fuzz/corpus-seed/model/{seed}.onnx", env!("CARGO_MANIFEST_DIR"));
        let mut detector = load(&std::fs::read(file).unwrap(), kind).unwrap();
        for (width, height) in [(48, 40), (100, 30)] {
            search(&mut detector, width, height).unwrap_or_else(|e| panic!("{seed}: {e}"));
        }
    }
}

/// A stem and whatever follows it.
fn greedy(build: impl Fn(&mut Writer)) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.conv("x", "s", [3, 8], Kernel::Full, 1);
    build(&mut writer);
    writer.finish_for(&SQUARE, &["y"])
}

#[test]
fn greed_is_refused() {
    const HUGE: i64 = 1 << 40;
    type Build = fn(&mut Writer);
    let cases: [(Build, &str); 12] = [
        (
            |w| {
                let shape = w.ints(&[HUGE, HUGE]);
                w.node("ConstantOfShape", &[&shape], "y", &[]);
            },
            "too many dimensions or elements",
        ),
        (
            |w| {
                let shape = w.ints(&[1 << 30, 8, 640, 640]);
                w.node("Expand", &["s", &shape], "y", &[]);
            },
            "too many dimensions or elements",
        ),
        (
            |w| {
                let shape = w.ints(&[1 << 12, 8, 640, 640]);
                w.node("Expand", &["s", &shape], "y", &[]);
            },
            "too many dimensions or elements",
        ),
        (
            |w| {
                let times = w.ints(&[1, 1, 1000, 1000]);
                w.node("Tile", &["s", &times], "y", &[]);
            },
            "too many dimensions or elements",
        ),
        (
            |w| {
                let scales = w.tensor(&[4], &[1.0, 1.0, 1e6, 1e6]);
                w.node("Resize", &["s", "", &scales], "y", &[]);
            },
            "too many dimensions or elements",
        ),
        (
            |w| {
                let pads = w.ints(&[0, 0, 0, 0, 0, 0, HUGE, 0]);
                w.node("Pad", &["s", &pads], "y", &[]);
            },
            "too many dimensions or elements",
        ),
        (
            |w| {
                for i in 0..60 {
                    let from = if i == 0 { "s".to_owned() } else { format!("v{i}") };
                    w.conv(&from, &format!("v{}", i + 1), [8, 8], Kernel::Full, 1);
                }
                let all: Vec<String> = (1..=60).map(|i| format!("v{i}")).collect();
                let all: Vec<&str> = all.iter().map(String::as_str).collect();
                w.node("Concat", &all, "y", &[("group", &[1])]);
            },
            "values at once for an input of 1×3×640×640",
        ),
        (
            |w| {
                w.conv("s", "wide", [8, 128], Kernel::Point, 1);
                let weights = w.tensor(&[128, 128, 3, 3], &[0.0; 128 * 128 * 9]);
                for i in 0..20 {
                    let from = if i == 0 { "wide".to_owned() } else { format!("v{i}") };
                    let to = if i == 19 { "y".to_owned() } else { format!("v{}", i + 1) };
                    w.node("Conv", &[&from, &weights], &to, &[("pads", &[1; 4])]);
                }
            },
            "multiplications for an input of 1×3×640×640",
        ),
        (
            |w| w.node("Loop", &["s"], "y", &[]),
            "operation Loop of node y is not one that users' models may have",
        ),
        (|w| w.node("NonMaxSuppression", &["s", "s"], "y", &[]), "operation NonMaxSuppression"),
        (|w| w.node("Relu", &["nothing"], "y", &[]), "value nothing is read before it is made"),
        (
            |w| {
                w.node("Shape", &["s"], "shape", &[]);
                w.node("Reshape", &["s", "s"], "y", &[]);
            },
            "a shape depends on what is in the picture",
        ),
    ];
    for (build, want) in cases {
        refused(&greedy(build), ModelKind::YoloFace, want);
    }
    assert_modest_memory();
}

/// One after the other: no recursion may be deeper than a worker's stack.
#[test]
fn long_chains_are_run_and_longer_ones_refused() {
    let chain = |length: usize| {
        let mut writer = Writer::default();
        writer.output("v0", &[1, 10, 5], &[0.0; 50]);
        for i in 0..length {
            writer.node("Relu", &[&format!("v{i}")], &format!("v{}", i + 1), &[]);
        }
        writer.finish_for(&[1, 3, 64, 64], &[&format!("v{length}")])
    };
    let mut detector = load(&chain(2044), ModelKind::YoloFace).unwrap();
    assert_eq!(search(&mut detector, 64, 64).unwrap(), []);
    refused(&chain(2045), ModelKind::YoloFace, "2049 operations, at most 2048 are run");
}

#[test]
fn truncations_are_errors() {
    for n in (0..2000).step_by(13).chain((2000..BLAZEFACE.len() - 40).step_by(9973)) {
        assert!(load(&BLAZEFACE[..n], ModelKind::BlazeFace).is_err(), "{n} bytes");
    }
    assert!(load(BLAZEFACE, ModelKind::BlazeFace).is_ok());
}

/// Damaged files are refused, or run to an end or an error.
#[test]
fn flipped_bytes_never_panic() {
    let mut random = Random(3);
    // Nodes are told from weights by their printable names: most of the file is weights.
    let text: Vec<usize> =
        (0..BLAZEFACE.len() - 8).filter(|&i| BLAZEFACE[i..i + 8].iter().all(u8::is_ascii_graphic)).collect();
    let (mut taken, rounds) = (0, 400);
    for _ in 0..rounds {
        let mut file = BLAZEFACE.to_vec();
        for _ in 0..1 + random.below(3) {
            let at = (text[random.below(text.len())] + random.below(24)).min(file.len() - 1);
            match random.below(2) {
                0 => file[at] ^= 1 << random.below(8),
                _ => file[at] = random.below(256) as u8,
            }
        }
        if let Ok(mut detector) = load(&file, ModelKind::BlazeFace) {
            taken += 1;
            let _ = search(&mut detector, 64, 48);
        }
    }
    assert!(taken > rounds / 20 && taken < rounds, "{taken} of {rounds} are taken: nothing is tested");
    assert_modest_memory();
}

/// No claim of a file may take much memory. The most that this process ever held, over all tests so far.
fn assert_modest_memory() {
    #[cfg(target_os = "linux")]
    {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        let kib: usize = peak.trim().trim_end_matches(" kB").parse().unwrap();
        assert!(kib < 600 << 10, "{kib} KiB");
    }
}
