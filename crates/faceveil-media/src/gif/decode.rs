//! GIF in.

use super::palette::colours;
use super::walk;
use crate::frames::{self, Canvas, Disposal, Place};
use crate::{Album, DecodeError, Delay, Format, GifCoding, Limits, Motion, Photo, SafeMetadata, Source, icc};
use ::gif::{ColorOutput, DecodeOptions, DisposalMethod, MemoryLimit, Repeat};
use faceveil_core::raster::{Raster, Samples};
use std::num::NonZeroU64;

pub(crate) fn decode(bytes: &[u8], limits: &Limits) -> Result<Album, DecodeError> {
    walk(bytes, |_, _, _| Ok(()))?;
    let number = |at: usize| u32::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]));
    let size @ (width, height) = (number(6), number(8));
    if width == 0 || height == 0 {
        return Err(DecodeError::Damaged { format: Format::Gif, what: "a side of 0 pixels", offset: 6 });
    }
    limits.check(width, height)?;
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::RGBA);
    options.check_frame_consistency(true);
    let most = (u64::from(width) * u64::from(height) * 4).max(icc::MAX_BYTES as u64);
    options.set_memory_limit(NonZeroU64::new(most).map_or(MemoryLimit::Unlimited, MemoryLimit::Bytes));
    let mut decoder = options.read_info(bytes).map_err(refused)?;
    let mut canvas = Canvas::<u8>::new(width, height);
    let (mut rasters, mut delays) = (Vec::new(), Vec::new());
    while let Some(frame) = decoder.read_next_frame().map_err(refused)? {
        frames::check(Format::Gif, size, delays.len() + 1, limits)?;
        let place = Place {
            left: frame.left.into(),
            top: frame.top.into(),
            width: frame.width.into(),
            height: frame.height.into(),
        };
        let after = match frame.dispose {
            DisposalMethod::Any | DisposalMethod::Keep => Disposal::Keep,
            DisposalMethod::Background => Disposal::Clear,
            DisposalMethod::Previous => Disposal::Restore,
        };
        let shown = canvas.show(frame.buffer.as_chunks::<4>().0, place, true, after);
        let shown = shown.ok_or_else(|| refused("a frame that does not lie within the picture"))?;
        let alpha = frames::has_alpha(&shown);
        rasters.push(frames::raster(width, height, shown, alpha).map_err(refused)?);
        delays.push(Delay::hundredths(frame.delay));
    }
    let plays = match decoder.repeat() {
        Repeat::Infinite => 0,
        Repeat::Finite(again) => u32::from(again) + 1,
    };
    let profile = decoder.icc_profile().filter(|p| p.len() <= icc::MAX_BYTES).map(<[u8]>::to_vec);
    let profile = profile.and_then(icc::validated);
    let motion = (delays.len() > 1).then_some(Motion { plays, delays });
    let pages = rasters.into_iter().map(|raster| photo(raster, profile.clone())).collect();
    Album::new(pages, motion).ok_or_else(|| refused("no frame"))
}

fn photo(raster: Raster, icc: Option<Vec<u8>>) -> Photo {
    let colours = match raster.samples() {
        Samples::U8(samples) => colours(samples, raster.color()),
        Samples::U16(_) => Vec::new(),
    };
    let palette = colours.into_iter().take(256).map(|(colour, _)| colour).collect();
    Photo { raster, icc, safe: SafeMetadata::default(), source: Source::Gif(GifCoding { palette }) }
}

fn refused(error: impl std::fmt::Display) -> DecodeError {
    DecodeError::Decoder { format: Format::Gif, message: error.to_string() }
}
