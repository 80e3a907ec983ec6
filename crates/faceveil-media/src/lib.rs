//! Photos and videos in and out: decoding, orientation, metadata, safe writing.
//!
//! [`decode`] looks at the content, never at the name, and either gives the whole picture or an
//! error: a truncated or damaged file never becomes a half-grey picture. [`encode`] builds a new
//! file from the samples and, for a JPEG, from the coefficients of what has not changed; nothing
//! else of the old file but its colour description can be in it.
//! [`inspect()`] lists what a file is made of. [`files`] reads and writes without surprises.
//!
//! [`video`] does the same for videos, with FFmpeg's programs. This crate is not for finding faces or for changing
//! pixels.
//!
//! # Memory
//! A decoded copy is `width * height * 3` bytes here. Beside the file itself, decoding holds at its
//! peak 1 copy, the file's picture data, and its coefficients in about three times the file's size for
//! a JPEG in one scan; for a progressive JPEG or one in several scans `2 * f` copies of coefficients,
//! then the same (`f` is 1 for 4:4:4, 2/3 for 4:2:2, 1/2 for 4:2:0); for PNG 1 copy of its own
//! samples, 2 if interlaced and of 16 bits; for WebP about 2.7. An EXIF orientation of 5 to 8 (sides
//! swapped) holds 2 copies for a moment, the others none more. Encoding holds the new file, a
//! progressive one in about three times its size beside it, and for WebP about 1.7 copies more.
#![forbid(unsafe_code)]

mod album;
mod bmp;
mod colour;
mod error;
mod exif;
pub mod files;
mod format;
mod frames;
mod gif;
mod heif;
mod icc;
mod inspect;
mod jpeg;
mod orientation;
mod photo;
mod png;
mod tiff;
pub mod video;
mod webp;

pub use album::{Album, Delay, Motion};
pub use error::{DecodeError, EncodeError};
pub use format::Format;
pub use inspect::{Part, inspect};
pub use photo::{
    BmpCoding, EncodeOptions, Encoded, GifCoding, HeifCoding, JpegCoding, JpegComponent, JpegOutcome, Limits,
    Photo, PngCoding, PngColour, Reencoded, SafeMetadata, Source, TiffCoding, TiffCompression, WebPCoding,
};

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Decodes a photo and turns it upright.
///
/// # Errors
/// [`DecodeError`] for anything but a whole, undamaged, single and still picture of at most
/// [`Limits::max_pixels`]. Bytes after the picture's end are ignored.
pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Photo, DecodeError> {
    let several = |album: Box<Album>| DecodeError::SeveralPictures { format: album.first().source.format() };
    decode_album(bytes, limits)?.into_still().map_err(several)
}

/// Decodes all pages or frames of a file, and turns them upright. The frames of an animation come whole, as
/// they are shown; pictures that are never shown (thumbnails, the default picture of some APNGs) do not come.
///
/// # Errors
/// [`DecodeError`] for anything but a whole, undamaged file with at most [`Limits::max_pixels`] in all its
/// pictures and at most 10,000 pictures. Bytes after the last picture's end are ignored.
pub fn decode_album(bytes: &[u8], limits: &Limits) -> Result<Album, DecodeError> {
    let format = format::sniff(bytes)?;
    let read = || match format {
        Format::Jpeg => jpeg::decode(bytes, limits).map(Album::from),
        Format::Png => png::decode(bytes, limits),
        Format::WebP => webp::decode(bytes, limits),
        Format::Bmp => bmp::decode(bytes, limits).map(Album::from),
        Format::Tiff => tiff::decode(bytes, limits),
        Format::Gif => gif::decode(bytes, limits),
        Format::Heic | Format::Avif => heif::decode(bytes, format, limits).map(Album::from),
    };
    // The decoders are other people's code: a bug of theirs costs this photo, never the batch.
    catch_unwind(AssertUnwindSafe(read)).unwrap_or(Err(DecodeError::Panicked { format }))
}

/// Encodes a photo: the bytes of [`encode_photo`].
///
/// # Errors
/// As [`encode_photo`].
pub fn encode(photo: &Photo, options: &EncodeOptions) -> Result<Vec<u8>, EncodeError> {
    Ok(encode_photo(photo, options)?.bytes)
}

/// Encodes a photo.
///
/// A JPEG source that is written as JPEG keeps the coefficients of all units (MCU) whose pixels are
/// what was decoded; the others are encoded from their pixels with the source's tables and sampling.
/// Where that cannot be ([`Reencoded`]), and into another format, the whole picture is encoded from
/// its samples: JPEG from JPEG with the same tables, sampling and mode as far as the encoder has
/// them, JPEG from others at quality 92 without chroma subsampling. Opacity is then composited on
/// white, 16 bits become 8 for JPEG and WebP, and CMYK becomes RGB for PNG and WebP. PNG and WebP are
/// lossless: a WebP that came in lossy usually grows several times. HEIC and AVIF are written by
/// libheif's `heif-enc`, at quality 90 and without the safe metadata.
///
/// # Errors
/// [`EncodeError`] if the picture is too large for the format, or an encoder fails.
pub fn encode_photo(photo: &Photo, options: &EncodeOptions) -> Result<Encoded, EncodeError> {
    let format = options.format.unwrap_or_else(|| photo.source.format());
    let exif = if options.keep_safe_metadata { exif::write(&photo.safe) } else { None };
    let plain = |bytes| Encoded { bytes, jpeg: None };
    if let (Source::Heif(_), None, Some((primaries, transfer))) =
        (&photo.source, &photo.icc, heif::named_colours(photo))
        && !matches!(format, Format::Png | Format::Heic | Format::Avif)
    {
        return Err(EncodeError::Colours { format, primaries, transfer });
    }
    let alone = || Album::from(photo.clone());
    let write = || match format {
        Format::Jpeg => jpeg::encode(photo, exif.as_deref()).map(|(bytes, jpeg)| Encoded { bytes, jpeg }),
        Format::Png => png::encode(photo, exif.as_deref()).map(plain),
        Format::WebP => webp::encode(photo, exif.as_deref()).map(plain),
        Format::Bmp => bmp::encode(photo).map(plain),
        Format::Tiff => tiff::encode(&alone(), options.keep_safe_metadata).map(plain),
        Format::Gif => gif::encode(&alone()).map(plain),
        Format::Heic | Format::Avif => heif::encode(photo, format).map(plain),
    };
    catch_unwind(AssertUnwindSafe(write)).unwrap_or(Err(EncodeError::Panicked { format }))
}

/// Encodes all pictures of an album: as pages of a TIFF, or, if they move, as frames of a GIF, PNG or WebP.
/// A single one is encoded as by [`encode_photo`]. A GIF has 256 colours a frame: those of a frame that came
/// from a GIF stay, what was hidden gets the nearest of them and of what is left.
///
/// # Errors
/// [`EncodeError`] if the format does not hold them, they are too large for it, or an encoder fails.
pub fn encode_album(album: &Album, options: &EncodeOptions) -> Result<Encoded, EncodeError> {
    if album.is_still() {
        return encode_photo(album.first(), options);
    }
    let format = options.format.unwrap_or_else(|| album.first().source.format());
    let count = album.pages().len();
    let exif = if options.keep_safe_metadata { exif::write(&album.first().safe) } else { None };
    let moves = album.motion().is_some() && album.is_of_one_size();
    let write = || match format {
        Format::Tiff => tiff::encode(album, options.keep_safe_metadata),
        Format::Gif if moves => gif::encode(album),
        Format::Png if moves => png::encode_animation(album, exif.as_deref()),
        Format::WebP if moves => webp::encode_animation(album, exif.as_deref()),
        _ => Err(EncodeError::SeveralPictures { format, count }),
    };
    let bytes = catch_unwind(AssertUnwindSafe(write)).unwrap_or(Err(EncodeError::Panicked { format }))?;
    Ok(Encoded { bytes, jpeg: None })
}
