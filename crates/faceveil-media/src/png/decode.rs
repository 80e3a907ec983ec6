//! PNG in.

use super::animate;
use crate::inspect::{Part, inspect};
use crate::orientation::Orientation;
use crate::{
    Album, DecodeError, Format, Limits, Photo, PngCoding, PngColour, SafeMetadata, Source, exif, icc,
};
use faceveil_core::raster::{Color, Raster, Samples};
use png::{BitDepth, ColorType, DecodeOptions, Decoder, DecodingError, Reader, Transformations};
use std::io::Cursor;

pub(crate) fn decode(bytes: &[u8], limits: &Limits) -> Result<Album, DecodeError> {
    let parts = inspect(bytes)?;
    let (width, height) = size(bytes, &parts)?;
    limits.check(width, height)?;
    let end = parts.iter().find(|p| p.name == "IEND").map_or(bytes.len(), |p| p.offset + p.length);
    let mut reader = open(&bytes[..end])?;
    let info = reader.info();
    let palette = info.color_type == ColorType::Indexed;
    let (bit_depth, interlaced) = (info.bit_depth as u8, info.interlaced);
    let profile = info.icc_profile.as_ref().map(|p| p.to_vec());
    let (rasters, motion) = match animate::frames(bytes, &parts) {
        Some(count) => animate::decode(&mut reader, (width, height), count, limits)?,
        None => (vec![read(&mut reader, width, height)?], None),
    };
    reader.finish().map_err(refused)?;
    let (orientation, safe) = metadata(bytes, &parts);
    let colour = colour(bytes, &parts);
    let icc = profile.and_then(icc::validated);
    let page = |raster| {
        Ok(Photo {
            raster: orientation.apply(raster).map_err(|e| refused_in_words(e.to_string()))?,
            icc: icc.clone(),
            safe: safe.clone(),
            source: Source::Png(PngCoding { bit_depth, palette, interlaced, colour }),
        })
    };
    let pages = rasters.into_iter().map(page).collect::<Result<_, DecodeError>>()?;
    Album::new(pages, motion).ok_or_else(|| refused_in_words("no frame".into()))
}

fn refused(error: DecodingError) -> DecodeError {
    refused_in_words(error.to_string())
}

fn refused_in_words(message: String) -> DecodeError {
    DecodeError::Decoder { format: Format::Png, message }
}

/// Width and height by the header, which must come first.
fn size(bytes: &[u8], parts: &[Part]) -> Result<(u32, u32), DecodeError> {
    let damaged = |what| DecodeError::Damaged { format: Format::Png, what, offset: 8 };
    let header = parts.get(1).filter(|p| p.name == "IHDR").map(|p| p.data(bytes));
    let header = header.filter(|h| h.len() == 13).ok_or_else(|| damaged("no header first"))?;
    let number = |at: usize| u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    match (number(0), number(4)) {
        (0, _) | (_, 0) => Err(damaged("a side of 0 pixels")),
        size => Ok(size),
    }
}

/// Every checksum counts: a photo with a flipped bit anywhere is reported, not guessed at.
fn open(bytes: &[u8]) -> Result<Reader<Cursor<&[u8]>>, DecodeError> {
    let mut options = DecodeOptions::default();
    options.set_ignore_checksums(false);
    options.set_skip_ancillary_crc_failures(false);
    options.set_ignore_text_chunk(true);
    let mut decoder = Decoder::new_with_options(Cursor::new(bytes), options);
    // Bounds what compressed chunks may swell to; the picture's own size is checked already.
    decoder.set_limits(png::Limits { bytes: (4 * icc::MAX_BYTES).max(2 * bytes.len()) });
    decoder.set_transformations(Transformations::EXPAND);
    decoder.read_info().map_err(refused)
}

fn read(reader: &mut Reader<Cursor<&[u8]>>, width: u32, height: u32) -> Result<Raster, DecodeError> {
    let (color, depth) = reader.output_color_type();
    let color = match color {
        ColorType::Grayscale => Color::Gray,
        ColorType::GrayscaleAlpha => Color::GrayAlpha,
        ColorType::Rgb => Color::Rgb,
        ColorType::Rgba => Color::Rgba,
        ColorType::Indexed => return Err(refused_in_words("a palette was not expanded".into())),
    };
    let too_large = || refused_in_words(format!("{width}×{height} pixels do not fit the address space"));
    let samples = match depth {
        BitDepth::Sixteen => Samples::U16(read16(reader, color, width, height)?),
        _ => {
            let mut samples = vec![0; reader.output_buffer_size().ok_or_else(too_large)?];
            reader.next_frame(&mut samples).map_err(refused)?;
            Samples::U8(samples)
        }
    };
    Raster::new(width, height, color, samples).map_err(|e| refused_in_words(e.to_string()))
}

/// 16-bit samples are big-endian in the file. Rows are converted as they come, so that only
/// interlaced pictures, whose rows come in pieces, are held twice.
fn read16(
    reader: &mut Reader<Cursor<&[u8]>>,
    color: Color,
    width: u32,
    height: u32,
) -> Result<Vec<u16>, DecodeError> {
    let native = |b: &[u8; 2]| u16::from_be_bytes(*b);
    let mut samples = Vec::with_capacity(width as usize * height as usize * color.channels());
    if reader.info().interlaced {
        let mut bytes = vec![0; samples.capacity() * 2];
        reader.next_frame(&mut bytes).map_err(refused)?;
        samples.extend(bytes.as_chunks::<2>().0.iter().map(native));
        return Ok(samples);
    }
    while let Some(row) = reader.next_row().map_err(refused)? {
        samples.extend(row.data().as_chunks::<2>().0.iter().map(native));
    }
    Ok(samples)
}

fn metadata(bytes: &[u8], parts: &[Part]) -> (Orientation, SafeMetadata) {
    let block = parts.iter().find(|p| p.name == "eXIf").map(|p| p.data(bytes));
    block.map_or_else(|| (Orientation::UPRIGHT, SafeMetadata::default()), exif::read)
}

fn colour(bytes: &[u8], parts: &[Part]) -> PngColour {
    let before_data = || parts.iter().take_while(|p| p.name != "IDAT");
    let chunk = |name: &str| before_data().find(|p| p.name == name).map(|p| p.data(bytes));
    PngColour {
        srgb: chunk("sRGB").and_then(|d| <[u8; 1]>::try_from(d).ok()).filter(|[intent]| *intent <= 3),
        gama: chunk("gAMA").and_then(|d| d.try_into().ok()),
        chrm: chunk("cHRM").and_then(|d| d.try_into().ok()),
        cicp: chunk("cICP").and_then(|d| d.try_into().ok()),
    }
}
