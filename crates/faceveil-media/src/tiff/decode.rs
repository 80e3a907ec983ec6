//! TIFF in: every page.

use super::directory::{
    COLOR_MAP, COMPRESSION, DNG_VERSION, Directory, EXTRA_SAMPLES, HEIGHT, ICC, NEW_SUBFILE_TYPE,
    ORIENTATION, PHOTOMETRIC, PLANAR, Tiff, WIDTH,
};
use crate::orientation::Orientation;
use crate::{
    Album, DecodeError, Format, Limits, Photo, SafeMetadata, Source, TiffCoding, TiffCompression, exif, icc,
};
use faceveil_core::raster::{Color, Raster, Samples};
use std::io::Cursor;
use tiff::ColorType;
use tiff::decoder::{Decoder, DecodingResult};

const PALETTE: usize = 3;
const MASK: usize = 4;
const COLOR_FILTER: usize = 32_803;
/// Beside the picture: a tile may be larger than it.
const SLACK_BYTES: usize = 64 << 20;

pub(crate) fn decode(bytes: &[u8], limits: &Limits) -> Result<Album, DecodeError> {
    let tiff = Tiff::read(bytes)?;
    reject_raw(&tiff)?;
    // A smaller copy of another page is a thumbnail, and goes as thumbnails go.
    let is_page = |d: &Directory| tiff.number(d, NEW_SUBFILE_TYPE).is_none_or(|kind| kind & 1 == 0);
    let mut pages = Vec::new();
    let mut pixels = 0;
    for (n, directory) in tiff.directories.iter().enumerate().filter(|(_, d)| is_page(d)) {
        let (width, height) = size(&tiff, directory)?;
        limits.check(width, height)?;
        pixels += u64::from(width) * u64::from(height);
        if pixels > limits.max_pixels {
            let format = Format::Tiff;
            return Err(DecodeError::TooManyPixelsInAll { format, pixels, limit: limits.max_pixels });
        }
        let mut photo = page(&tiff, bytes, n, directory)?;
        if pages.is_empty() {
            photo.safe = exif::read(bytes).1;
        }
        pages.push(photo);
    }
    Album::new(pages, None).ok_or_else(|| unsupported("nothing but thumbnails"))
}

fn unsupported(feature: &'static str) -> DecodeError {
    DecodeError::UnsupportedFeature { format: Format::Tiff, feature }
}

fn refused(error: impl std::fmt::Display) -> DecodeError {
    DecodeError::Decoder { format: Format::Tiff, message: error.to_string() }
}

/// The pictures of camera raw files are elsewhere than their pages say.
fn reject_raw(tiff: &Tiff<'_>) -> Result<(), DecodeError> {
    let Some(first) = tiff.directories.first() else { return Ok(()) };
    let number = |tag| tiff.number(first, tag);
    let thumbnail = number(NEW_SUBFILE_TYPE).is_some_and(|kind| kind & 1 == 1);
    let raw = thumbnail || first.field(DNG_VERSION).is_some() || number(PHOTOMETRIC) == Some(COLOR_FILTER);
    if raw { Err(unsupported("the layout of a camera raw picture")) } else { Ok(()) }
}

fn size(tiff: &Tiff<'_>, directory: &Directory) -> Result<(u32, u32), DecodeError> {
    let side = |tag| tiff.number(directory, tag).and_then(|n| u32::try_from(n).ok()).filter(|&n| n > 0);
    let sides = side(WIDTH).zip(side(HEIGHT));
    sides.ok_or(DecodeError::Damaged { format: Format::Tiff, what: "a page without size", offset: 4 })
}

fn page(tiff: &Tiff<'_>, bytes: &[u8], n: usize, directory: &Directory) -> Result<Photo, DecodeError> {
    let photometric = tiff.number(directory, PHOTOMETRIC);
    if photometric == Some(MASK) {
        return Err(unsupported("a transparency mask"));
    }
    let palette = photometric == Some(PALETTE);
    let compression = compression(tiff.number(directory, COMPRESSION))?;
    let raster = if palette {
        palette_page(tiff, bytes, n, directory)?
    } else {
        let extra = directory.field(EXTRA_SAMPLES).map(|f| tiff.numbers(f)).unwrap_or_default();
        read(tiff, bytes, n, directory, &extra)?
    };
    let orientation = tiff.number(directory, ORIENTATION).and_then(|o| Orientation::new(o as u32));
    let profile = tiff.value(directory, ICC).filter(|p| p.len() <= icc::MAX_BYTES);
    let premultiplied = tiff.number(directory, EXTRA_SAMPLES) == Some(1);
    Ok(Photo {
        raster: orientation.unwrap_or(Orientation::UPRIGHT).apply(raster).map_err(refused)?,
        icc: profile.and_then(|p| icc::validated(p.to_vec())),
        safe: SafeMetadata::default(),
        source: Source::Tiff(TiffCoding { compression, premultiplied }),
    })
}

fn compression(number: Option<usize>) -> Result<TiffCompression, DecodeError> {
    match number {
        None | Some(1) => Ok(TiffCompression::None),
        Some(5) => Ok(TiffCompression::Lzw),
        Some(8 | 32_946) => Ok(TiffCompression::Deflate),
        Some(32_773) => Ok(TiffCompression::PackBits),
        Some(6 | 7) => Err(unsupported("JPEG compression")),
        Some(2..=4) => Err(unsupported("fax compression")),
        Some(_) => Err(unsupported("a compression other than LZW, deflate or PackBits")),
    }
}

fn read(
    tiff: &Tiff<'_>,
    bytes: &[u8],
    n: usize,
    directory: &Directory,
    extra: &[usize],
) -> Result<Raster, DecodeError> {
    let (width, height) = size(tiff, directory)?;
    let mut decoder = open(bytes, width, height)?;
    decoder.seek_to_image(n).map_err(refused)?;
    if decoder.dimensions().map_err(refused)? != (width, height) {
        return Err(refused("two sizes of one page"));
    }
    let kind = decoder.colortype().map_err(refused)?;
    let (color, depth) = match (kind, extra) {
        (ColorType::Gray(depth @ (1 | 2 | 4 | 8 | 16)), _) => (Color::Gray, depth),
        (ColorType::GrayA(depth @ (8 | 16)), _)
        | (ColorType::Multiband { bit_depth: depth @ (8 | 16), num_samples: 2 }, [1 | 2]) => {
            (Color::GrayAlpha, depth)
        }
        (ColorType::RGB(depth @ (8 | 16)), _) => (Color::Rgb, depth),
        (ColorType::RGBA(depth @ (8 | 16)), [1 | 2]) => (Color::Rgba, depth),
        (ColorType::CMYK(8), []) => (Color::Cmyk, 8),
        _ => return Err(unsupported("samples other than 8 or 16 bits of grey, RGB or RGBA, or 8 of CMYK")),
    };
    // White is 0 there; the decoder inverts only a single sample.
    if color == Color::GrayAlpha && tiff.number(directory, PHOTOMETRIC) == Some(0) {
        return Err(unsupported("inverted grey with opacity"));
    }
    if color.channels() > 1 && tiff.number(directory, PLANAR) == Some(2) {
        return Err(unsupported("separate colour planes"));
    }
    let samples = match decoder.read_image().map_err(refused)? {
        DecodingResult::U8(samples) if depth < 8 => Samples::U8(unpack(&samples, width as usize, depth)),
        DecodingResult::U8(samples) => Samples::U8(samples),
        DecodingResult::U16(samples) => Samples::U16(samples),
        _ => return Err(unsupported("samples that are no whole positive numbers")),
    };
    Raster::new(width, height, color, samples).map_err(refused)
}

fn open(bytes: &[u8], width: u32, height: u32) -> Result<Decoder<Cursor<&[u8]>>, DecodeError> {
    let most = (width as usize).saturating_mul(height as usize).saturating_mul(8).saturating_add(SLACK_BYTES);
    let mut limits = tiff::decoder::Limits::default();
    limits.decoding_buffer_size = most;
    limits.intermediate_buffer_size = most;
    limits.ifd_value_size = bytes.len();
    Ok(Decoder::new(Cursor::new(bytes)).map_err(refused)?.with_limits(limits))
}

/// Spreads samples of 1, 2 or 4 bits, rows padded to whole bytes, over 0 to 255.
fn unpack(packed: &[u8], width: usize, depth: u8) -> Vec<u8> {
    let most = (1u16 << depth) - 1;
    let a_byte = 8 / usize::from(depth);
    let row = |row: &[u8]| -> Vec<u8> {
        let sample = |x: usize| {
            let shift = 8 - depth as usize * (x % a_byte + 1);
            let value = u16::from(row[x / a_byte]) >> shift & most;
            (value * (255 / most)) as u8
        };
        (0..width).map(sample).collect()
    };
    packed.chunks_exact(width.div_ceil(a_byte)).flat_map(row).collect()
}

/// The decoder knows no palettes: it reads the indices as grey, and the colours are put in here.
fn palette_page(
    tiff: &Tiff<'_>,
    bytes: &[u8],
    n: usize,
    directory: &Directory,
) -> Result<Raster, DecodeError> {
    let map = directory.field(COLOR_MAP).map(|f| tiff.numbers(f)).unwrap_or_default();
    let photometric = directory.field(PHOTOMETRIC).ok_or_else(|| unsupported("no kind of samples"))?;
    let mut grey = bytes.to_vec();
    grey[photometric.value.start..photometric.value.start + 2].copy_from_slice(&tiff.short_bytes(1));
    let indices = read(tiff, &grey, n, directory, &[])?;
    let (width, height) = (indices.width(), indices.height());
    let (Color::Gray, Samples::U8(indices)) = (indices.color(), indices.into_samples()) else {
        return Err(unsupported("a palette of more than 8 bits"));
    };
    if map.len() != 3 * 256 {
        return Err(unsupported("a palette of other than 256 colours"));
    }
    let colour = |i: u8| [0, 256, 512].map(|plane| (map[plane + usize::from(i)] >> 8) as u8);
    let samples = indices.into_iter().flat_map(colour).collect();
    Raster::new(width, height, Color::Rgb, Samples::U8(samples)).map_err(refused)
}
