//! A photo searched by one detector: lying on its side, and with a small face in a large picture.
#![cfg(all(feature = "yunet", feature = "ultraface"))]

use faceveil_core::raster::{Color, Raster, Samples};
use faceveil_infer::detectors::DetectorName;
use faceveil_infer::engine::EngineChoice;
use faceveil_infer::single::SingleSearch;
use faceveil_infer::view::{Backdrop, RgbImage};

/// Middle of the face in the sample, which is 512×512 pixels.
const FACE: (f32, f32) = (225.0, 118.0);

fn sample() -> Raster {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../assets/sample.jpg");
    faceveil_media::decode(&std::fs::read(path).unwrap(), &faceveil_media::Limits::default()).unwrap().raster
}

fn search(name: DetectorName) -> SingleSearch {
    SingleSearch::new(name.load(&EngineChoice::Inside).unwrap(), name.usual_threshold())
}

#[track_caller]
fn assert_found(search: &mut SingleSearch, raster: &Raster, (x, y): (f32, f32), reach: f32) {
    let faces = search.faces(raster).unwrap();
    let near = |p: faceveil_core::geom::Point| (p.x - x).abs() < reach && (p.y - y).abs() < reach;
    assert!(faces.iter().any(|f| near(f.rect.centre())), "none near {x}, {y}: {faces:?}");
}

#[test]
fn photos_on_their_side_are_searched_turned() {
    let image = RgbImage::shrunk(&sample(), 512, 512, Backdrop::None).unwrap();
    let mut search = search(DetectorName::YuNet);
    let (x, y) = FACE;
    for (quarters, at) in [(0, (x, y)), (1, (512.0 - y, x)), (2, (512.0 - x, 512.0 - y)), (3, (y, 512.0 - x))]
    {
        let pixels = image.turned(quarters).view().pixels().to_vec();
        let raster = Raster::new(512, 512, Color::Rgb, Samples::U8(pixels)).unwrap();
        assert_found(&mut search, &raster, at, 25.0);
    }
}

/// In the shrunk photo the face is too small for the detector's frame of 320×240; a tile shows it.
#[test]
fn large_photos_are_searched_in_tiles() {
    let (width, height, left, top) = (3000usize, 2000usize, 1900usize, 1300usize);
    let small = RgbImage::shrunk(&sample(), 256, 256, Backdrop::None).unwrap();
    let mut pixels = vec![120; width * height * 3];
    for (y, row) in small.view().pixels().chunks_exact(256 * 3).enumerate() {
        let at = ((top + y) * width + left) * 3;
        pixels[at..at + row.len()].copy_from_slice(row);
    }
    let raster = Raster::new(width as u32, height as u32, Color::Rgb, Samples::U8(pixels)).unwrap();
    let at = (left as f32 + FACE.0 / 2.0, top as f32 + FACE.1 / 2.0);
    for name in [DetectorName::YuNet, DetectorName::UltraFace] {
        assert_found(&mut search(name), &raster, at, 15.0);
    }
}
