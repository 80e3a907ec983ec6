//! A JPEG keeps its coefficients where it is not redacted, and only there.

use faceveil_core::geom::RectF;
use faceveil_core::raster::SamplesMut;
use faceveil_core::redact::{Region, Shape};
use faceveil_media::{EncodeError, EncodeOptions, Encoded, JpegOutcome, Photo, Source, encode_photo};

use crate::photo::read;

/// A JPEG whose coefficients are kept gives the same file when it is written, read and written again; one
/// that is painted over as a whole, or said to be, gives the same file whatever its coefficients were.
pub fn keep(bytes: &[u8]) {
    kept(bytes);
}

/// As [`keep`]; whether there were coefficients to keep.
pub fn kept(bytes: &[u8]) -> bool {
    // The other formats' decoders have targets of their own.
    let jpeg = Some(bytes).filter(|b| b.starts_with(b"\xFF\xD8"));
    let Some(mut photo) = jpeg.and_then(read) else { return false };
    let Some(first) = written(&photo).filter(|e| e.jpeg == Some(JpegOutcome::Kept)) else { return false };
    let again = read(&first.bytes).expect("what we write can be read");
    let second = written(&again).expect("what we write can be written again");
    assert_eq!(second.jpeg, Some(JpegOutcome::Kept));
    assert!(second.bytes == first.bytes, "written again it is another file");
    mark_all(&mut photo);
    paint(&mut photo);
    let Some(marked) = written(&photo) else { return true };
    let Source::Jpeg(coding) = &photo.source else { return true };
    // The same raster now, from other coefficients where the first file had odd ones.
    let mut blank = again;
    blank.raster = photo.raster.clone();
    let Source::Jpeg(other) = &blank.source else { return true };
    if other.components.iter().zip(&coding.components).all(|(a, b)| a.table == b.table) {
        mark_all(&mut blank);
        let blank = written(&blank).expect("a painted picture can be written");
        assert!(blank.bytes == marked.bytes, "something of the coefficients is left");
    }
    true
}

fn written(photo: &Photo) -> Option<Encoded> {
    match encode_photo(photo, &EncodeOptions::default()) {
        Ok(encoded) => Some(encoded),
        Err(e @ EncodeError::Panicked { .. }) => panic!("{e}"),
        Err(_) => None,
    }
}

fn mark_all(photo: &mut Photo) {
    let (right, bottom) = (photo.raster.width() as f32, photo.raster.height() as f32);
    let frame = RectF { left: 0.0, top: 0.0, right, bottom };
    photo.mark_redacted(&[Region { shapes: vec![Shape::Box(frame)], frame, feather: 0.0 }]);
}

/// Stripes, the same whatever the picture was.
fn paint(photo: &mut Photo) {
    if let SamplesMut::U8(samples) = photo.raster.samples_mut() {
        samples.iter_mut().enumerate().for_each(|(i, sample)| *sample = (i % 251) as u8);
    }
}
