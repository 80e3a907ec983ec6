//! Portable and detected instructions find the same faces.
#![cfg(all(feature = "yunet", feature = "centerface"))]

use faceveil_core::face::{Detector, Face};
use faceveil_core::geom::Rect;
use faceveil_core::raster::RgbView;
use faceveil_infer::detectors::{CenterFace, DetectError, YuNet};
use faceveil_infer::kernels::Isa;
use faceveil_infer::network::Precision;
use faceveil_infer::view::{Backdrop, RgbImage};
use faceveil_media::{Limits, decode};

const SAMPLE: &[u8] = include_bytes!("../../../assets/sample.jpg");
/// Faces above this are compared; detection goes a little lower, so that rounding hides none.
const SURE: f32 = 0.05;

/// The sample photo, and itself shrunk to a size whose last tiles are not full.
fn pictures() -> [RgbImage; 2] {
    let raster = decode(SAMPLE, &Limits::default()).unwrap().raster;
    let (right, bottom) = (raster.width() as i32, raster.height() as i32);
    let whole = RgbImage::crop(&raster, Rect { left: 0, top: 0, right, bottom }, Backdrop::None);
    let odd = whole.resized(333, 277).unwrap();
    [whole, odd]
}

fn all_faces(isa: Isa, precision: Precision, view: RgbView<'_>) -> Result<[Vec<Face>; 2], DetectError> {
    let least = SURE - 0.01;
    Ok([
        YuNet::new(isa, precision)?.detect(view, least)?,
        CenterFace::new(isa, precision)?.detect(view, least)?,
    ])
}

#[test]
fn integers_find_exactly_the_same_faces_with_all_instructions() {
    for (i, picture) in pictures().iter().enumerate() {
        let portable = all_faces(Isa::Portable, Precision::Int8, picture.view()).unwrap();
        assert!(
            portable.iter().all(|faces| faces.iter().any(|f| f.score > 0.5)),
            "picture {i}: {portable:?}"
        );
        for isa in Isa::all() {
            let faces = all_faces(isa, Precision::Int8, picture.view()).unwrap();
            assert_eq!(faces, portable, "picture {i}, {isa:?}");
        }
    }
}

#[test]
fn integers_find_the_face_of_the_floats() {
    for (i, picture) in pictures().iter().enumerate() {
        let best = |precision| {
            let all = all_faces(Isa::detect(), precision, picture.view()).unwrap();
            all.map(|faces| faces.into_iter().max_by(|a, b| a.score.total_cmp(&b.score)).unwrap())
        };
        for (float, int8) in best(Precision::Float).iter().zip(&best(Precision::Int8)) {
            let case = format!("picture {i}: {float:?} and {int8:?}");
            assert!(float.rect.iou(&int8.rect) > 0.85 && (float.score - int8.score).abs() < 0.1, "{case}");
        }
    }
}

fn distance(a: &Face, b: &Face) -> f32 {
    let sides = |f: &Face| [f.rect.left, f.rect.top, f.rect.right, f.rect.bottom];
    let points = |f: &Face| f.landmarks.iter().flatten().flat_map(|p| [p.x, p.y]).collect::<Vec<_>>();
    let (a, b) = ([&sides(a)[..], &points(a)].concat(), [&sides(b)[..], &points(b)].concat());
    a.iter().zip(&b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn portable_and_detected_instructions_find_the_same_faces() {
    if Isa::detect() == Isa::Portable {
        eprintln!("SKIPPED: portable_and_detected: this processor has only the portable instructions");
        return;
    }
    for (i, picture) in pictures().iter().enumerate() {
        let portable = all_faces(Isa::Portable, Precision::Float, picture.view()).unwrap();
        let detected = all_faces(Isa::detect(), Precision::Float, picture.view()).unwrap();
        for (name, (portable, detected)) in ["yunet", "centerface"].iter().zip(portable.iter().zip(&detected))
        {
            let case = format!("{name}, picture {i}");
            assert!(portable.iter().any(|f| f.score > 0.5), "{case}: no face to compare");
            for (from, to) in [(portable, detected), (detected, portable)] {
                for face in from.iter().filter(|f| f.score > SURE) {
                    let near = to.iter().min_by(|a, b| distance(a, face).total_cmp(&distance(b, face)));
                    let near = near.unwrap_or_else(|| panic!("{case}: nothing like {face:?}"));
                    let apart = (distance(near, face), (near.score - face.score).abs());
                    assert!(apart.0 <= 0.01 && apart.1 <= 0.001, "{case}: {face:?} and {near:?}: {apart:?}");
                }
            }
        }
    }
}
