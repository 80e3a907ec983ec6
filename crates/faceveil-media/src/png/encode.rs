//! PNG out.

use crate::colour::{ink_to_rgb, row8};
use crate::{EncodeError, Format, Photo, PngColour, Source, heif, icc};
use faceveil_core::raster::{Color, Raster, Samples};
use png::chunk::ChunkType;
use png::{BitDepth, ColorType, Compression, Encoder, EncodingError, Info, Writer};
use std::borrow::Cow;
use std::io::Write;

/// Bytes an IDAT chunk.
const CHUNK_BYTES: usize = 1 << 18;

pub(crate) fn encode(photo: &Photo, exif: Option<&[u8]>) -> Result<Vec<u8>, EncodeError> {
    write(photo, exif).map_err(|e| EncodeError::Encoder { format: Format::Png, message: e.to_string() })
}

fn write(photo: &Photo, exif: Option<&[u8]>) -> Result<Vec<u8>, EncodingError> {
    let mut file = Vec::new();
    let (encoder, profile) = header(photo, &mut file)?;
    let mut writer = encoder.write_header()?;
    write_extras(&mut writer, photo, profile, exif)?;
    let mut stream = writer.stream_writer_with_size(CHUNK_BYTES)?;
    write_rows(&photo.raster, &mut stream)?;
    stream.finish()?;
    writer.finish()?;
    Ok(file)
}

/// An encoder for pictures like this one, and whether it has a profile.
pub(super) fn header<'a>(
    photo: &'a Photo,
    file: &'a mut Vec<u8>,
) -> Result<(Encoder<'a, &'a mut Vec<u8>>, bool), EncodingError> {
    let raster = &photo.raster;
    let (color, written) = match raster.color() {
        Color::Gray => (ColorType::Grayscale, Color::Gray),
        Color::GrayAlpha => (ColorType::GrayscaleAlpha, Color::GrayAlpha),
        Color::Rgb | Color::Cmyk => (ColorType::Rgb, Color::Rgb),
        Color::Rgba => (ColorType::Rgba, Color::Rgba),
    };
    let mut info = Info::with_size(raster.width(), raster.height());
    info.color_type = color;
    info.bit_depth = if wide(raster) { BitDepth::Sixteen } else { BitDepth::Eight };
    let profile = icc::describing(photo.icc.as_deref(), raster.color(), written);
    info.icc_profile = profile.map(Cow::Borrowed);
    let mut encoder = Encoder::with_info(file, info)?;
    encoder.set_compression(Compression::Fast);
    Ok((encoder, profile.is_some()))
}

/// Chunks between the header and the picture.
pub(super) fn write_extras<W: Write>(
    writer: &mut Writer<W>,
    photo: &Photo,
    profile: bool,
    exif: Option<&[u8]>,
) -> Result<(), EncodingError> {
    if let Source::Png(coding) = &photo.source {
        write_colour(writer, &coding.colour, profile)?;
    }
    if let (Source::Heif(_), false, Some((primaries, transfer))) =
        (&photo.source, profile, heif::named_colours(photo))
        && let (Ok(primaries), Ok(transfer)) = (u8::try_from(primaries), u8::try_from(transfer))
    {
        // RGB, full range.
        writer.write_chunk(ChunkType(*b"cICP"), &[primaries, transfer, 0, 1])?;
    }
    exif.map_or(Ok(()), |exif| writer.write_chunk(ChunkType(*b"eXIf"), exif))
}

/// CMYK is 8 bits in every format we read; 16 bits of it would be written as 8 bits of RGB.
fn wide(raster: &Raster) -> bool {
    matches!(raster.samples(), Samples::U16(_)) && raster.color() != Color::Cmyk
}

/// `sRGB` must not stand beside a profile (PNG third edition, section 11.3.2.5).
fn write_colour<W: Write>(
    writer: &mut Writer<W>,
    colour: &PngColour,
    profile: bool,
) -> Result<(), EncodingError> {
    let chunks: [(&[u8; 4], Option<&[u8]>); 4] = [
        (b"cICP", colour.cicp.as_ref().map(|d| &d[..])),
        (b"sRGB", colour.srgb.as_ref().filter(|_| !profile).map(|d| &d[..])),
        (b"gAMA", colour.gama.as_ref().map(|d| &d[..])),
        (b"cHRM", colour.chrm.as_ref().map(|d| &d[..])),
    ];
    for (name, data) in chunks {
        if let Some(data) = data {
            writer.write_chunk(ChunkType(*name), data)?;
        }
    }
    Ok(())
}

/// Rows one by one: the file's bytes are the only second thing in memory.
fn write_rows(raster: &Raster, stream: &mut impl Write) -> Result<(), EncodingError> {
    let len = raster.width() as usize * raster.color().channels();
    let mut row = Vec::with_capacity(len * 2);
    for y in 0..raster.height() as usize {
        match raster.samples() {
            Samples::U16(v) if wide(raster) => {
                row.clear();
                row.extend(v[y * len..(y + 1) * len].iter().flat_map(|s| s.to_be_bytes()));
            }
            _ => {
                row8(raster, y, &mut row);
                if raster.color() == Color::Cmyk {
                    ink_to_rgb(&mut row);
                }
            }
        }
        stream.write_all(&row)?;
    }
    Ok(())
}
