//! Files of several pages or frames.

use faceveil_media::{Album, DecodeError, EncodeError, EncodeOptions, decode_album, encode_album, inspect};

use crate::photo::LIMITS;

/// All pages or frames are read within the limits, or none; what is written of them is read again with the
/// same sizes, number and loop, and neither file has parts that cannot be listed.
pub fn album(bytes: &[u8]) {
    let Some(album) = read(bytes) else { return };
    let pixels = |a: &Album| {
        a.pages().iter().map(|p| u64::from(p.raster.width()) * u64::from(p.raster.height())).sum::<u64>()
    };
    assert!(pixels(&album) <= LIMITS.max_pixels, "{} pixels", pixels(&album));
    assert!(inspect(bytes).is_ok(), "decodes, but cannot be inspected");
    let written = match encode_album(&album, &EncodeOptions::default()) {
        Ok(encoded) => encoded.bytes,
        Err(e @ EncodeError::Panicked { .. }) => panic!("{e}"),
        Err(_) => return,
    };
    let again = read(&written).expect("what we write can be read");
    let sizes =
        |a: &Album| a.pages().iter().map(|p| (p.raster.width(), p.raster.height())).collect::<Vec<_>>();
    assert_eq!(sizes(&again), sizes(&album));
    assert_eq!(again.motion().is_some(), album.motion().is_some());
    let parts = inspect(&written).expect("what we write can be inspected");
    let odd =
        parts.iter().find(|p| matches!(&*p.name, "trailing" | "unreferenced" | "comment" | "EXIF" | "eXIf"));
    assert!(odd.is_none(), "{odd:?}");
}

fn read(bytes: &[u8]) -> Option<Album> {
    match decode_album(bytes, &LIMITS) {
        Ok(album) => Some(album),
        Err(e @ DecodeError::Panicked { .. }) => panic!("{e}"),
        Err(_) => None,
    }
}
