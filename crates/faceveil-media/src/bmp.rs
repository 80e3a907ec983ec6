//! BMP in and out (Microsoft, "Bitmap Storage").

use crate::colour::{ink_to_rgb, row8};
use crate::inspect::Part;
use crate::{BmpCoding, DecodeError, EncodeError, Format, Limits, Photo, SafeMetadata, Source, icc, inspect};
use faceveil_core::raster::{Color, Raster, Samples};
use image::codecs::bmp::BmpDecoder;
use image::{ColorType, ImageDecoder};
use std::io::Cursor;
use std::ops::Range;

const FILE_HEADER: usize = 14;
const INFO_HEADER: usize = 40;
const V5_HEADER: usize = 124;
/// `MBED`: the profile is in the file.
const EMBEDDED: u32 = 0x4D42_4544;
/// `sRGB`.
const SRGB: u32 = 0x7352_4742;

/// Where the pieces of a BMP are.
struct Layout {
    width: u32,
    height: u32,
    /// Header that follows the file's.
    info: Range<usize>,
    pixels: Range<usize>,
    profile: Option<Range<usize>>,
}

impl Layout {
    fn read(bytes: &[u8]) -> Result<Self, DecodeError> {
        let format = Format::Bmp;
        let truncated = |wanted| DecodeError::Truncated { format, wanted, len: bytes.len() };
        let damaged = |what, offset| DecodeError::Damaged { format, what, offset };
        let long = |at: usize| {
            let b = bytes.get(at..at + 4).ok_or_else(|| truncated("a header"))?;
            Ok::<_, DecodeError>(u32::from_le_bytes([b[0], b[1], b[2], b[3]]))
        };
        let start = long(10)? as usize;
        let info_len = long(14)? as usize;
        if !matches!(info_len, 12 | 16..=V5_HEADER) {
            return Err(damaged("a header of unknown length", 14));
        }
        let info = FILE_HEADER..FILE_HEADER + info_len;
        let header = bytes.get(info.clone()).ok_or_else(|| truncated("a header"))?;
        let short = |at: usize| u32::from(u16::from_le_bytes([header[at], header[at + 1]]));
        let number =
            |at: usize| header.get(at..at + 4).map_or(0, |b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]));
        let (width, height, bits) = match info_len {
            12 => (short(4), short(6), short(10)),
            _ => (number(4), (number(8) as i32).unsigned_abs(), short(14)),
        };
        if width == 0 || height == 0 {
            return Err(damaged("a side of 0 pixels", 18));
        }
        let row = (u64::from(width) * u64::from(bits)).div_ceil(32) * 4;
        let packed = matches!(number(16), 1 | 2);
        let length = if packed { u64::from(number(20)) } else { row.saturating_mul(u64::from(height)) };
        let end = usize::try_from((start as u64).saturating_add(length)).unwrap_or(usize::MAX);
        if start < info.end {
            return Err(damaged("pixels within the header", 10));
        }
        let profile = (info_len == V5_HEADER && number(56) == EMBEDDED).then(|| {
            let at = FILE_HEADER.saturating_add(number(112) as usize);
            at..at.saturating_add(number(116) as usize)
        });
        Ok(Self { width, height, info, pixels: start..end, profile: profile.filter(|p| !p.is_empty()) })
    }

    fn check_end(&self, bytes: &[u8]) -> Result<(), DecodeError> {
        let (format, len) = (Format::Bmp, bytes.len());
        let within = |range: &Range<usize>, wanted| {
            if range.end > len { Err(DecodeError::Truncated { format, wanted, len }) } else { Ok(()) }
        };
        within(&self.pixels, "pixels")?;
        self.profile.as_ref().map_or(Ok(()), |p| within(p, "a profile"))
    }
}

/// The pieces, without gap: `header`, `info`, `palette` (and masks), `pixels`, `profile`; what is between or
/// behind them `unreferenced`.
pub(crate) fn parts(bytes: &[u8]) -> Result<Vec<Part>, DecodeError> {
    let layout = Layout::read(bytes)?;
    layout.check_end(bytes)?;
    let header = layout.info.end;
    // Masks of a short header, and at most 256 colours of 4 bytes.
    let palette = header..layout.pixels.start.min(header + 16 + 1024);
    let mut known = vec![
        ("header", 0..FILE_HEADER),
        ("info", layout.info.clone()),
        ("palette", palette),
        ("pixels", layout.pixels.clone()),
    ];
    known.extend(layout.profile.map(|p| ("profile", p)));
    known.sort_by_key(|(_, range)| range.start);
    let mut parts: Vec<Part> = Vec::new();
    let mut at = 0;
    let mut push = |name: &'static str, range: Range<usize>| {
        parts.push(Part { name: name.into(), offset: range.start, length: range.len(), payload: range });
    };
    for (name, range) in known.into_iter().filter(|(_, range)| !range.is_empty()) {
        if range.start > at {
            push("unreferenced", at..range.start);
        }
        if range.end > at {
            push(name, range.start.max(at)..range.end);
            at = range.end;
        }
    }
    Ok(parts)
}

pub(crate) fn decode(bytes: &[u8], limits: &Limits) -> Result<Photo, DecodeError> {
    let layout = Layout::read(bytes)?;
    limits.check(layout.width, layout.height)?;
    layout.check_end(bytes)?;
    inspect(bytes)?;
    let decoder = BmpDecoder::new(Cursor::new(bytes)).map_err(refused)?;
    if decoder.dimensions() != (layout.width, layout.height) {
        return Err(refused("two sizes"));
    }
    let color = match decoder.color_type() {
        ColorType::Rgb8 => Color::Rgb,
        ColorType::Rgba8 => Color::Rgba,
        _ => return Err(DecodeError::UnsupportedFeature { format: Format::Bmp, feature: "unusual samples" }),
    };
    let mut samples = vec![0; decoder.total_bytes() as usize];
    decoder.read_image(&mut samples).map_err(refused)?;
    let profile = layout.profile.filter(|p| p.len() <= icc::MAX_BYTES).and_then(|p| bytes.get(p));
    Ok(Photo {
        raster: Raster::new(layout.width, layout.height, color, Samples::U8(samples)).map_err(refused)?,
        icc: profile.and_then(|p| icc::validated(p.to_vec())),
        safe: SafeMetadata::default(),
        source: Source::Bmp(BmpCoding {}),
    })
}

fn refused(error: impl std::fmt::Display) -> DecodeError {
    DecodeError::Decoder { format: Format::Bmp, message: error.to_string() }
}

/// 24 bits a pixel, 32 with opacity, rows from below; a header of version 5 for opacity or a profile.
pub(crate) fn encode(photo: &Photo) -> Result<Vec<u8>, EncodeError> {
    let raster = &photo.raster;
    let (width, height) = (raster.width(), raster.height());
    let alpha = raster.color().has_alpha();
    // A BMP has no grey: only a profile of RGB fits.
    let profile = icc::describing(photo.icc.as_deref(), raster.color(), Color::Rgb);
    let info = if alpha || profile.is_some() { V5_HEADER } else { INFO_HEADER };
    let bits = if alpha { 32u16 } else { 24 };
    let row_len = (width as usize * usize::from(bits)).div_ceil(32) * 4;
    let start = FILE_HEADER + info;
    let size = row_len.saturating_mul(height as usize);
    let end = start.saturating_add(size).saturating_add(profile.map_or(0, <[u8]>::len));
    let limit = i32::MAX as u32;
    let too_large = EncodeError::TooLarge { format: Format::Bmp, width, height, limit };
    let total = u32::try_from(end).map_err(|_| too_large.clone())?;
    if width.max(height) > limit {
        return Err(too_large);
    }
    let mut file = Vec::with_capacity(end);
    file.extend(b"BM");
    for value in [total, 0, start as u32] {
        file.extend(value.to_le_bytes());
    }
    let mut long = |value: u32| file.extend(value.to_le_bytes());
    for value in [info as u32, width, height, 1 | u32::from(bits) << 16] {
        long(value);
    }
    // Masks instead of plain rows where there is opacity.
    for value in [if alpha { 3 } else { 0 }, size as u32, 2835, 2835, 0, 0] {
        long(value);
    }
    if info == V5_HEADER {
        let masks = if alpha { [0xFF_0000, 0xFF00, 0xFF, 0xFF00_0000] } else { [0; 4] };
        masks.into_iter().for_each(&mut long);
        long(if profile.is_some() { EMBEDDED } else { SRGB });
        (0..12).for_each(|_| long(0));
        let place = profile.map_or((0, 0), |p| ((info + size) as u32, p.len() as u32));
        [4, place.0, place.1, 0].into_iter().for_each(&mut long);
    }
    write_rows(raster, row_len, &mut file);
    file.extend(profile.unwrap_or_default());
    Ok(file)
}

fn write_rows(raster: &Raster, row_len: usize, file: &mut Vec<u8>) {
    let mut row = Vec::new();
    for y in (0..raster.height() as usize).rev() {
        row8(raster, y, &mut row);
        let end = file.len() + row_len;
        match raster.color() {
            Color::Gray => file.extend(row.iter().flat_map(|&g| [g; 3])),
            Color::GrayAlpha => file.extend(row.as_chunks::<2>().0.iter().flat_map(|&[g, a]| [g, g, g, a])),
            Color::Rgba => file.extend(row.as_chunks::<4>().0.iter().flat_map(|&[r, g, b, a]| [b, g, r, a])),
            Color::Rgb | Color::Cmyk => {
                if raster.color() == Color::Cmyk {
                    ink_to_rgb(&mut row);
                }
                file.extend(row.as_chunks::<3>().0.iter().flat_map(|&[r, g, b]| [b, g, r]));
            }
        }
        file.resize(end, 0);
    }
}
