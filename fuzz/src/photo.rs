//! Reading photos.

use faceveil_core::raster::Samples;
use faceveil_media::{DecodeError, Limits, Photo};

/// Small, so that a fuzzer spends its time on parsing.
pub(crate) const LIMITS: Limits = Limits { max_pixels: 1 << 16, max_file_bytes: 1 << 20 };

/// Decoding gives a whole picture within the limits or an error, and never takes the way out of a crash. That
/// a picture was read means that its parts can be listed, too.
pub fn decode(bytes: &[u8]) {
    let Some(photo) = read(bytes) else { return };
    let raster = &photo.raster;
    let pixels = u64::from(raster.width()) * u64::from(raster.height());
    assert!(pixels > 0 && pixels <= LIMITS.max_pixels, "{}×{}", raster.width(), raster.height());
    let samples = match raster.samples() {
        Samples::U8(samples) => samples.len(),
        Samples::U16(samples) => samples.len(),
    };
    assert_eq!(samples as u64, pixels * raster.color().channels() as u64);
    if let Some(time) = &photo.safe.capture_time {
        assert!(time.len() == 19 && time.is_ascii(), "{time:?}");
    }
    for name in [&photo.safe.make, &photo.safe.model].into_iter().flatten() {
        let printable = name.bytes().all(|b| (b' '..=b'~').contains(&b));
        assert!((1..=64).contains(&name.len()) && printable, "{name:?}");
    }
    assert!(faceveil_media::inspect(bytes).is_ok(), "decodes, but cannot be inspected");
}

/// The photo in `bytes`, if there is one.
pub(crate) fn read(bytes: &[u8]) -> Option<Photo> {
    match faceveil_media::decode(bytes, &LIMITS) {
        Ok(photo) => Some(photo),
        Err(e @ DecodeError::Panicked { .. }) => panic!("{e}"),
        Err(_) => None,
    }
}

/// The listed parts cover the file without gap, and each part's data lies inside the part.
pub fn inspect(bytes: &[u8]) {
    let Ok(parts) = faceveil_media::inspect(bytes) else { return };
    let mut at = 0;
    for part in &parts {
        assert_eq!(part.offset, at, "{}", part.name);
        at += part.length;
        assert!(part.offset <= part.payload.start && part.payload.end <= at, "{}", part.name);
        assert_eq!(part.data(bytes).len(), part.payload.len(), "{}", part.name);
    }
    assert_eq!(at, bytes.len());
}
