//! GIF out: full frames, each with its own palette.

use super::palette::{Rgb, choose, colours, nearest, opaque};
use crate::colour::{ink_to_rgb, row8};
use crate::{Album, EncodeError, Format, Photo, Source, icc};
use ::gif::{DisposalMethod, Encoder, EncodingError, Frame, Repeat};
use faceveil_core::raster::{Color, Raster};
use std::borrow::Cow;

const MAX_SIDE: u32 = 65_535;

pub(crate) fn encode(album: &Album) -> Result<Vec<u8>, EncodeError> {
    let format = Format::Gif;
    let raster = &album.first().raster;
    let (width, height) = (raster.width(), raster.height());
    if width.max(height) > MAX_SIDE {
        return Err(EncodeError::TooLarge { format, width, height, limit: MAX_SIDE });
    }
    write(album).map_err(|e| EncodeError::Encoder { format, message: e.to_string() })
}

fn write(album: &Album) -> Result<Vec<u8>, EncodingError> {
    let first = &album.first().raster;
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, first.width() as u16, first.height() as u16, &[])?;
    match album.motion().map(|m| m.plays) {
        None | Some(1) => {}
        Some(0) => encoder.set_repeat(Repeat::Infinite)?,
        Some(plays) => encoder.set_repeat(Repeat::Finite((plays - 1).min(65_535) as u16))?,
    }
    if let Some(profile) = icc::describing(album.first().icc.as_deref(), first.color(), Color::Rgb) {
        let mut data = vec![&b"ICCRGBG1012"[..]];
        data.extend(profile.chunks(255));
        encoder.write_raw_extension(::gif::AnyExtension(0xFF), &data)?;
    }
    for (n, photo) in album.pages().iter().enumerate() {
        let delay = album.motion().map_or(0, |m| m.delays[n].in_units(100).min(65_535) as u16);
        encoder.write_frame(&frame(photo, delay))?;
    }
    drop(encoder);
    Ok(file)
}

fn frame(photo: &Photo, delay: u16) -> Frame<'static> {
    let (samples, color) = rgb8(&photo.raster);
    let present = colours(&samples, color);
    let wanted: &[Rgb] = match &photo.source {
        Source::Gif(coding) => &coding.palette,
        _ => &[],
    };
    let clear = color.has_alpha() && samples.chunks_exact(color.channels()).any(|p| opaque(p).is_none());
    let palette = choose(&present, wanted, if clear { 255 } else { 256 });
    let map = nearest(&present, &palette);
    // The index behind the colours is the one that is seen through.
    let through = palette.len().min(255) as u8;
    let index = |pixel: &[u8]| opaque(pixel).map_or(through, |colour| map[&colour]);
    let buffer: Vec<u8> = samples.chunks_exact(color.channels()).map(index).collect();
    let mut palette = palette.into_flattened();
    if clear {
        palette.extend([0; 3]);
    }
    Frame {
        delay,
        dispose: DisposalMethod::Background,
        transparent: clear.then_some(through),
        width: photo.raster.width() as u16,
        height: photo.raster.height() as u16,
        palette: Some(palette),
        buffer: Cow::Owned(buffer),
        ..Frame::default()
    }
}

/// Samples of 8 bits, ink as RGB.
fn rgb8(raster: &Raster) -> (Vec<u8>, Color) {
    let ink = raster.color() == Color::Cmyk;
    let (mut all, mut row) = (Vec::new(), Vec::new());
    for y in 0..raster.height() as usize {
        row8(raster, y, &mut row);
        if ink {
            ink_to_rgb(&mut row);
        }
        all.extend_from_slice(&row);
    }
    (all, if ink { Color::Rgb } else { raster.color() })
}
