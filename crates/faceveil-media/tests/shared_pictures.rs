//! Real pictures, where they are at hand.

mod fixture;

use faceveil_core::raster::{Color, Samples};
use faceveil_media::{EncodeOptions, Format, JpegCoding, Limits, Source, decode, encode};
use fixture::{read, rms, shared};
use std::path::{Path, PathBuf};

/// Files below a folder, in order.
fn below(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut entries: Vec<_> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            found.extend(below(&path, extension));
        } else if path.extension().is_some_and(|e| e == extension) {
            found.push(path);
        }
    }
    found
}

fn coding(source: &Source) -> &JpegCoding {
    let Source::Jpeg(coding) = source else { panic!("{source:?} is no JPEG") };
    coding
}

#[test]
fn real_jpegs_keep_their_coding_and_nearly_their_pixels() {
    let Some(folder) = shared("real_jpegs_keep_their_coding_and_nearly_their_pixels") else { return };
    let files = below(&folder.join("fddb/images"), "jpg");
    assert!(files.len() >= 50, "{} pictures", files.len());
    for path in files.iter().step_by(files.len() / 50) {
        let first = read(&std::fs::read(path).unwrap());
        let bytes = encode(&first, &EncodeOptions::default()).unwrap();
        let second = decode(&bytes, &Limits::default()).unwrap();
        assert_eq!(coding(&first.source).components.len(), coding(&second.source).components.len());
        for (a, b) in coding(&first.source).components.iter().zip(&coding(&second.source).components) {
            let of = |c: &faceveil_media::JpegComponent| (c.horizontal, c.vertical, c.table);
            assert_eq!(of(a), of(b), "{}", path.display());
        }
        assert_eq!(coding(&first.source).progressive, coding(&second.source).progressive);
        let rms = rms(&first.raster, &second.raster);
        assert!(rms < 2.0, "{}: {rms}", path.display());
    }
}

#[test]
fn samples_of_16_bits_pass_unchanged() {
    let Some(folder) = shared("samples_of_16_bits_pass_unchanged") else { return };
    let files = below(&folder.join("masks_voc/original_format_sample"), "png");
    let mut wide = 0;
    for path in &files {
        let first = read(&std::fs::read(path).unwrap());
        wide += usize::from(
            matches!(first.raster.samples(), Samples::U16(_)) && first.raster.color() == Color::Rgba,
        );
        let second = read(&encode(&first, &EncodeOptions::default()).unwrap());
        assert!(first.raster == second.raster, "{}", path.display());
    }
    assert!(wide > 0, "none of {} files has 16 bits and opacity", files.len());
}

/// PNG data under names that end in .jpg: the content decides.
#[test]
fn the_name_does_not_matter() {
    let Some(folder) = shared("the_name_does_not_matter") else { return };
    let files = below(&folder.join("youtube_keypoints/original_format_sample"), "jpg");
    assert!(!files.is_empty());
    for path in files {
        let photo = read(&std::fs::read(&path).unwrap());
        assert_eq!(photo.source.format(), Format::Png, "{}", path.display());
    }
}
