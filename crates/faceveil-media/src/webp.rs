//! WebP in and out. Out is always lossless.

use crate::colour::{ink_to_rgb, row8};
use crate::inspect::{Part, inspect};
use crate::orientation::Orientation;
use crate::{DecodeError, EncodeError, Format, Limits, Photo, SafeMetadata, Source, WebPCoding, exif, icc};
use faceveil_core::raster::{Color, Raster, Samples};
use image_webp::{ColorType, DecodingError, WebPDecoder, WebPEncoder};
use std::borrow::Cow;
use std::io::Cursor;

/// Pixels a side, RFC 9649 section 3.4.
const MAX_SIDE: u32 = 16_384;

pub(crate) fn decode(bytes: &[u8], limits: &Limits) -> Result<Photo, DecodeError> {
    let parts = inspect(bytes)?;
    if parts.iter().any(|p| p.name == "ANIM" || p.name == "ANMF") {
        return Err(DecodeError::Animated { format: Format::WebP });
    }
    check_size(bytes, &parts, limits)?;
    let end = parts.iter().find(|p| p.name == "trailing").map_or(bytes.len(), |p| p.offset);
    let mut decoder = WebPDecoder::new(Cursor::new(&bytes[..end])).map_err(refused)?;
    if decoder.is_animated() {
        return Err(DecodeError::Animated { format: Format::WebP });
    }
    let (width, height) = decoder.dimensions();
    limits.check(width, height)?;
    let color = if decoder.has_alpha() { Color::Rgba } else { Color::Rgb };
    let mut samples = vec![0; width as usize * height as usize * color.channels()];
    decoder.read_image(&mut samples).map_err(refused)?;
    let raster = Raster::new(width, height, color, Samples::U8(samples));
    let raster = raster.map_err(|e| refused_in_words(e.to_string()))?;
    let (orientation, safe) = metadata(bytes, &parts);
    let profile = parts.iter().find(|p| p.name == "ICCP").filter(|p| p.length <= icc::MAX_BYTES + 8);
    Ok(Photo {
        raster: orientation.apply(raster).map_err(|e| refused_in_words(e.to_string()))?,
        icc: profile.and_then(|p| icc::validated(p.data(bytes).to_vec())),
        safe,
        source: Source::WebP(WebPCoding { lossy: decoder.is_lossy() }),
    })
}

fn refused(error: DecodingError) -> DecodeError {
    refused_in_words(error.to_string())
}

fn refused_in_words(message: String) -> DecodeError {
    DecodeError::Decoder { format: Format::WebP, message }
}

/// Checks every size the file mentions before the decoder takes memory for any: the canvas of
/// `VP8X`, the frame of `VP8 ` (RFC 6386 section 9.1) and of `VP8L` (RFC 9649 section 3.4).
fn check_size(bytes: &[u8], parts: &[Part], limits: &Limits) -> Result<(), DecodeError> {
    let u24 = |d: &[u8]| u32::from_le_bytes([d[0], d[1], d[2], 0]);
    for part in parts {
        let data = part.data(bytes);
        let size = match (&*part.name, data.len()) {
            ("VP8X", 10..) => (u24(&data[4..7]) + 1, u24(&data[7..10]) + 1),
            ("VP8 ", 10..) => (u24(&data[6..9]) & 0x3FFF, u24(&[data[8], data[9], 0]) & 0x3FFF),
            ("VP8L", 5..) => {
                let bits = u32::from_le_bytes([data[1], data[2], data[3], data[4]]);
                ((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
            }
            _ => continue,
        };
        limits.check(size.0, size.1)?;
    }
    Ok(())
}

fn metadata(bytes: &[u8], parts: &[Part]) -> (Orientation, SafeMetadata) {
    let block = parts.iter().find(|p| p.name == "EXIF").map(|p| p.data(bytes));
    block.map_or_else(|| (Orientation::UPRIGHT, SafeMetadata::default()), exif::read)
}

pub(crate) fn encode(photo: &Photo, exif: Option<&[u8]>) -> Result<Vec<u8>, EncodeError> {
    let (width, height) = (photo.raster.width(), photo.raster.height());
    if width.max(height) > MAX_SIDE {
        return Err(EncodeError::TooLarge { format: Format::WebP, width, height, limit: MAX_SIDE });
    }
    let color = match photo.raster.color() {
        Color::Gray => ColorType::L8,
        Color::GrayAlpha => ColorType::La8,
        Color::Rgb | Color::Cmyk => ColorType::Rgb8,
        Color::Rgba => ColorType::Rgba8,
    };
    let mut file = Vec::new();
    let mut encoder = WebPEncoder::new(&mut file);
    // WebP knows no grey: only a profile of RGB fits.
    if let Some(profile) = icc::describing(photo.icc.as_deref(), photo.raster.color(), Color::Rgb) {
        encoder.set_icc_profile(profile.to_vec());
    }
    if let Some(exif) = exif {
        encoder.set_exif_metadata(exif.to_vec());
    }
    let samples = samples8(&photo.raster);
    let written = encoder.encode(&samples, width, height, color);
    written.map_err(|e| EncodeError::Encoder { format: Format::WebP, message: e.to_string() })?;
    Ok(file)
}

/// The samples as 8 bits, ink as RGB; borrowed where they are so already.
fn samples8(raster: &Raster) -> Cow<'_, [u8]> {
    match raster.samples() {
        Samples::U8(v) if raster.color() != Color::Cmyk => Cow::Borrowed(v),
        _ => {
            let mut all = Vec::with_capacity(raster.samples().len());
            let mut row = Vec::new();
            for y in 0..raster.height() as usize {
                row8(raster, y, &mut row);
                if raster.color() == Color::Cmyk {
                    ink_to_rgb(&mut row);
                }
                all.extend_from_slice(&row);
            }
            Cow::Owned(all)
        }
    }
}
