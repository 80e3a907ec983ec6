//! TIFF out: every page, nothing else.

use crate::{Album, EncodeError, Format, Photo, SafeMetadata, Source, TiffCompression, exif, icc};
use faceveil_core::raster::{Color, Samples};
use std::io::{Cursor, Seek, Write};
use tiff::encoder::colortype::{CMYK8, ColorType, Gray8, Gray16, RGB8, RGB16};
use tiff::encoder::{Compression, DeflateLevel, TiffEncoder, TiffKindStandard, TiffValue};
use tiff::tags::{ExtraSamples, Tag};
use tiff::{TiffError, TiffResult};

pub(crate) fn encode(album: &Album, safe: bool) -> Result<Vec<u8>, EncodeError> {
    let mut file = Cursor::new(Vec::new());
    let written = write(album, safe, &mut file);
    written.map_err(|e| EncodeError::Encoder { format: Format::Tiff, message: e.to_string() })?;
    Ok(file.into_inner())
}

fn write(album: &Album, safe: bool, file: &mut Cursor<Vec<u8>>) -> TiffResult<()> {
    let mut encoder = TiffEncoder::new(file)?;
    for (n, photo) in album.pages().iter().enumerate() {
        encoder = encoder.with_compression(compression(photo));
        let safe = if safe && n == 0 { exif::checked(&photo.safe) } else { SafeMetadata::default() };
        let raster = &photo.raster;
        match (raster.samples(), raster.color()) {
            (Samples::U8(s), Color::Gray | Color::GrayAlpha) => {
                page::<_, Gray8>(&mut encoder, photo, s, &safe)
            }
            (Samples::U8(s), Color::Rgb | Color::Rgba) => page::<_, RGB8>(&mut encoder, photo, s, &safe),
            (Samples::U8(s), Color::Cmyk) => page::<_, CMYK8>(&mut encoder, photo, s, &safe),
            (Samples::U16(s), Color::Gray | Color::GrayAlpha) => {
                page::<_, Gray16>(&mut encoder, photo, s, &safe)
            }
            (Samples::U16(s), Color::Rgb | Color::Rgba) => page::<_, RGB16>(&mut encoder, photo, s, &safe),
            (Samples::U16(_), Color::Cmyk) => {
                Err(TiffError::IoError(std::io::Error::other("CMYK of 16 bits a sample")))
            }
        }?;
    }
    Ok(())
}

/// The source's own; what comes from another format is deflated.
fn compression(photo: &Photo) -> Compression {
    match &photo.source {
        Source::Tiff(coding) => match coding.compression {
            TiffCompression::None => Compression::Uncompressed,
            TiffCompression::Lzw => Compression::Lzw,
            TiffCompression::Deflate => Compression::Deflate(DeflateLevel::Balanced),
            TiffCompression::PackBits => Compression::Packbits,
        },
        _ => Compression::Deflate(DeflateLevel::Balanced),
    }
}

fn page<W: Write + Seek, C: ColorType>(
    encoder: &mut TiffEncoder<W, TiffKindStandard>,
    photo: &Photo,
    samples: &[C::Inner],
    safe: &SafeMetadata,
) -> TiffResult<()>
where
    [C::Inner]: TiffValue,
{
    let raster = &photo.raster;
    let mut image = encoder.new_image::<C>(raster.width(), raster.height())?;
    if raster.color().has_alpha() {
        let premultiplied = matches!(&photo.source, Source::Tiff(coding) if coding.premultiplied);
        let kind =
            if premultiplied { ExtraSamples::AssociatedAlpha } else { ExtraSamples::UnassociatedAlpha };
        image.extra_samples(&[kind])?;
    }
    let color = raster.color();
    if let Some(profile) = icc::describing(photo.icc.as_deref(), color, color) {
        image.encoder().write_tag(Tag::IccProfile, profile)?;
    }
    let texts = [(Tag::Make, &safe.make), (Tag::Model, &safe.model), (Tag::DateTime, &safe.capture_time)];
    for (tag, text) in texts {
        if let Some(text) = text {
            image.encoder().write_tag(tag, text.as_str())?;
        }
    }
    image.write_data(samples)
}
