//! WebP in and out. Out is always lossless.

use crate::colour::{ink_to_rgb, row8};
use crate::frames;
use crate::inspect::{Part, inspect};
use crate::orientation::Orientation;
use crate::{
    Album, DecodeError, Delay, EncodeError, Format, Limits, Motion, Photo, SafeMetadata, Source, WebPCoding,
    exif, icc,
};
use faceveil_core::raster::{Color, Raster, Samples};
use image_webp::{ColorType, DecodingError, LoopCount, WebPDecoder, WebPEncoder};
use std::borrow::Cow;
use std::io::Cursor;

/// Pixels a side, RFC 9649 section 3.4.
const MAX_SIDE: u32 = 16_384;

pub(crate) fn decode(bytes: &[u8], limits: &Limits) -> Result<Album, DecodeError> {
    let parts = inspect(bytes)?;
    check_size(bytes, &parts, limits)?;
    let end = parts.iter().find(|p| p.name == "trailing").map_or(bytes.len(), |p| p.offset);
    let mut decoder = WebPDecoder::new(Cursor::new(&bytes[..end])).map_err(refused)?;
    let size = decoder.dimensions();
    limits.check(size.0, size.1)?;
    // A still picture that is said to move, or the other way round, has something that is not shown.
    let moves = parts.iter().any(|p| p.name == "ANIM" || p.name == "ANMF");
    if moves != decoder.is_animated() {
        return Err(refused_in_words("part animation, part still picture".into()));
    }
    let (rasters, motion) = if moves {
        animation(&mut decoder, &parts, limits)?
    } else {
        let (raster, _) = picture(&mut decoder, |decoder, samples| decoder.read_image(samples).map(|()| 0))?;
        (vec![raster], None)
    };
    let (orientation, safe) = metadata(bytes, &parts);
    let profile = parts.iter().find(|p| p.name == "ICCP").filter(|p| p.length <= icc::MAX_BYTES + 8);
    let icc = profile.and_then(|p| icc::validated(p.data(bytes).to_vec()));
    let source = Source::WebP(WebPCoding { lossy: decoder.is_lossy() });
    let page = |raster| {
        Ok(Photo {
            raster: orientation.apply(raster).map_err(|e| refused_in_words(e.to_string()))?,
            icc: icc.clone(),
            safe: safe.clone(),
            source: source.clone(),
        })
    };
    let pages = rasters.into_iter().map(page).collect::<Result<_, DecodeError>>()?;
    Album::new(pages, motion).ok_or_else(|| refused_in_words("no frame".into()))
}

type Source8<'a> = WebPDecoder<Cursor<&'a [u8]>>;

/// One picture and the number that `read` gives.
fn picture<'a>(
    decoder: &mut Source8<'a>,
    read: impl Fn(&mut Source8<'a>, &mut [u8]) -> Result<u32, DecodingError>,
) -> Result<(Raster, u32), DecodeError> {
    let (width, height) = decoder.dimensions();
    let color = if decoder.has_alpha() { Color::Rgba } else { Color::Rgb };
    let mut samples = vec![0; width as usize * height as usize * color.channels()];
    let number = read(decoder, &mut samples).map_err(refused)?;
    let raster = Raster::new(width, height, color, Samples::U8(samples));
    Ok((raster.map_err(|e| refused_in_words(e.to_string()))?, number))
}

/// The decoder puts the frames together, on a canvas that is seen through.
fn animation(
    decoder: &mut Source8<'_>,
    parts: &[Part],
    limits: &Limits,
) -> Result<(Vec<Raster>, Option<Motion>), DecodeError> {
    let count = parts.iter().filter(|p| p.name == "ANMF").count();
    if count == 0 || count != decoder.num_frames() as usize {
        return Err(refused_in_words(format!(
            "{count} frames are there, {} can be read",
            decoder.num_frames()
        )));
    }
    frames::check(Format::WebP, decoder.dimensions(), count, limits)?;
    decoder.set_background_color([0; 4]).map_err(refused)?;
    let plays = match decoder.loop_count() {
        LoopCount::Forever => 0,
        LoopCount::Times(n) => n.get().into(),
    };
    let (mut rasters, mut delays) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let (raster, ms) = picture(decoder, |decoder, samples| decoder.read_frame(samples))?;
        rasters.push(raster);
        delays.push(Delay { numerator: ms, denominator: 1000 });
    }
    let motion = (count > 1).then_some(Motion { plays, delays });
    Ok((rasters, motion))
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
    if let Some(profile) = profile(photo) {
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

/// WebP knows no grey: only a profile of RGB fits.
fn profile(photo: &Photo) -> Option<&[u8]> {
    icc::describing(photo.icc.as_deref(), photo.raster.color(), Color::Rgb)
}

/// Full frames that replace each other, RFC 9649 section 2.7.1: each is encoded as a picture of its own, and
/// the pictures' chunks are put into one file.
pub(crate) fn encode_animation(album: &Album, exif: Option<&[u8]>) -> Result<Vec<u8>, EncodeError> {
    let first = album.first();
    let failed = |message: String| EncodeError::Encoder { format: Format::WebP, message };
    let (width, height) = (first.raster.width(), first.raster.height());
    if width.max(height) > MAX_SIDE {
        return Err(EncodeError::TooLarge { format: Format::WebP, width, height, limit: MAX_SIDE });
    }
    let Some(motion) = album.motion() else { return Err(failed("no timing".into())) };
    let alpha = album.pages().iter().any(|photo| photo.raster.color().has_alpha());
    let flags = |set: bool, bit: u8| if set { bit } else { 0 };
    let flags = flags(profile(first).is_some(), 0x20)
        | flags(alpha, 0x10)
        | flags(exif.is_some(), 0x08)
        | flags(true, 0x02);
    let u24 = |n: u32| [n as u8, (n >> 8) as u8, (n >> 16) as u8];
    let sides = [u24(width - 1), u24(height - 1)].concat();
    let mut body = b"WEBP".to_vec();
    chunk(&mut body, b"VP8X", &[&[flags, 0, 0, 0], &sides[..]].concat());
    if let Some(profile) = profile(first) {
        chunk(&mut body, b"ICCP", profile);
    }
    let plays = motion.plays.min(65_535) as u16;
    chunk(&mut body, b"ANIM", &[&[0; 4], &plays.to_le_bytes()[..]].concat());
    for (photo, delay) in album.pages().iter().zip(&motion.delays) {
        let still = encode(&Photo { icc: None, ..photo.clone() }, None)?;
        let parts = inspect(&still).map_err(|e| failed(e.to_string()))?;
        let picture = parts.iter().find(|p| p.name == "VP8L").ok_or_else(|| failed("no picture".into()))?;
        let mut frame = [&[0; 6], &sides[..], &u24(delay.in_units(1000).min(0xFF_FFFF) as u32)].concat();
        // Replaced, not blended; nothing is cleared afterwards.
        frame.push(0x02);
        chunk(&mut frame, b"VP8L", picture.data(&still));
        chunk(&mut body, b"ANMF", &frame);
    }
    if let Some(exif) = exif {
        chunk(&mut body, b"EXIF", exif);
    }
    let size = u32::try_from(body.len()).map_err(|_| failed("more than 4 GiB".into()))?;
    Ok([b"RIFF", &size.to_le_bytes()[..], &body].concat())
}

fn chunk(file: &mut Vec<u8>, name: &[u8; 4], data: &[u8]) {
    file.extend(name);
    file.extend((data.len() as u32).to_le_bytes());
    file.extend(data);
    file.resize(file.len() + data.len() % 2, 0);
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
