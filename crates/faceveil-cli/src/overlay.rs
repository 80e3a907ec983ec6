//! Reads the picture that `--style image` lays over faces.

use std::path::Path;

use faceveil_core::raster::{Color, Raster, Samples};
use faceveil_core::redact::Overlay;
use faceveil_media::{Limits, decode, files};
use sha2::{Digest, Sha256};

use crate::plan::hex;

/// An overlay is enlarged or shrunk to a face: more pixels than this are a mistake.
const MAX_PIXELS: u64 = 16_000_000;

/// The overlay in the file `path`, and the file's SHA-256 in hexadecimal.
///
/// # Errors
/// What is wrong with the file.
pub fn read(path: &Path) -> Result<(Overlay, String), String> {
    let limits = Limits { max_pixels: MAX_PIXELS, ..Limits::default() };
    let bytes = files::read_photo(path, &limits).map_err(|e| e.to_string())?;
    let photo = decode(&bytes, &limits).map_err(|e| e.to_string())?;
    let (width, height) = (photo.raster.width(), photo.raster.height());
    let overlay = Overlay::new(width, height, rgba(&photo.raster)).map_err(|e| e.to_string())?;
    Ok((overlay, hex(&Sha256::digest(&bytes))))
}

fn rgba(raster: &Raster) -> Vec<u8> {
    let channels = raster.color().channels();
    let last = |pixel: usize| pixel * channels + channels - 1;
    let opacity = |pixel: usize| match (raster.color(), raster.samples()) {
        (Color::Gray | Color::Rgb | Color::Cmyk, _) => 255,
        (Color::GrayAlpha | Color::Rgba, Samples::U8(v)) => v[last(pixel)],
        (Color::GrayAlpha | Color::Rgba, Samples::U16(v)) => (v[last(pixel)] >> 8) as u8,
    };
    let places = (0..raster.height()).flat_map(|y| (0..raster.width()).map(move |x| (x, y)));
    places
        .enumerate()
        .flat_map(|(pixel, (x, y))| {
            let [r, g, b] = raster.rgb8(x, y);
            [r, g, b, opacity(pixel)]
        })
        .collect()
}
