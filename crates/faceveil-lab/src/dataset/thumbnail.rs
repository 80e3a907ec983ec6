//! Pictures inside a page, small.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use faceveil_media::Limits;

use super::picture::Picture;
use super::report::base64;

/// JPEG quality.
const QUALITY: u8 = 65;

/// The picture as the source of an `img`, a JPEG of at most `longest` pixels a side.
///
/// # Errors
/// If it cannot be read.
pub fn thumbnail(path: &Path, longest: u16) -> Result<String> {
    let bytes = fs::read(path).with_context(|| path.display().to_string())?;
    let picture = Picture::decode(&bytes, &Limits::default()).with_context(|| path.display().to_string())?;
    let long = picture.width().max(picture.height());
    let scale = (f64::from(longest) / f64::from(long)).min(1.0);
    let side = |n: u32| ((f64::from(n) * scale).round() as u32).max(1);
    let small = picture.resized(side(picture.width()), side(picture.height()))?;
    let mut jpeg = Vec::new();
    let encoder = jpeg_encoder::Encoder::new(&mut jpeg, QUALITY);
    // Not longer than a `u16`.
    encoder.encode(
        small.pixels(),
        small.width() as u16,
        small.height() as u16,
        jpeg_encoder::ColorType::Rgb,
    )?;
    Ok(format!("data:image/jpeg;base64,{}", base64(&jpeg)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::build::{Format, encode};

    #[test]
    fn a_picture_becomes_a_small_jpeg_and_a_missing_one_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.png");
        let pixels: Vec<u8> = (0..3 * 60 * 40).map(|i| (i % 251) as u8).collect();
        fs::write(&path, encode(&pixels, (60, 40), false, Format::Png).expect("a PNG")).expect("written");
        let [small, large] = [16, 100].map(|longest| thumbnail(&path, longest).expect("it is a picture"));
        // 0xFFD8FF, a JPEG's first bytes, in base 64.
        assert!(small.starts_with("data:image/jpeg;base64,/9j/"), "{small}");
        assert!(small.len() < large.len());
        assert!(thumbnail(&folder.path().join("b.png"), 16).is_err());
    }
}
