//! Pictures of the `image` crate, anonymised without a copy.

use faceveil_core::raster::{Color, Raster, Samples};
use image::{DynamicImage, ImageBuffer, Pixel};

use crate::{Anonymizer, Error, Report};

impl Anonymizer {
    /// Hides every face found in `picture` (8 or 16 bits a sample; grey or RGB, with or without opacity).
    /// On an error the picture comes back empty, so that it cannot be published by mistake.
    ///
    /// # Errors
    /// [`Error`] if the picture could not be searched, a face could not be hidden, or its samples are
    /// floats.
    pub fn anonymize_image(&mut self, picture: &mut DynamicImage) -> Result<Report, Error> {
        let (width, height) = (picture.width(), picture.height());
        let (color, samples) = take_samples(std::mem::take(picture))?;
        let mut raster = Raster::new(width, height, color, samples)
            .map_err(|e| Error::PictureType(format!("{:?} ({e})", color)))?;
        let report = self.anonymize(&mut raster)?;
        *picture = give_back(width, height, color, raster.into_samples())?;
        Ok(report)
    }
}

fn take_samples(picture: DynamicImage) -> Result<(Color, Samples), Error> {
    Ok(match picture {
        DynamicImage::ImageLuma8(p) => (Color::Gray, Samples::U8(p.into_raw())),
        DynamicImage::ImageLumaA8(p) => (Color::GrayAlpha, Samples::U8(p.into_raw())),
        DynamicImage::ImageRgb8(p) => (Color::Rgb, Samples::U8(p.into_raw())),
        DynamicImage::ImageRgba8(p) => (Color::Rgba, Samples::U8(p.into_raw())),
        DynamicImage::ImageLuma16(p) => (Color::Gray, Samples::U16(p.into_raw())),
        DynamicImage::ImageLumaA16(p) => (Color::GrayAlpha, Samples::U16(p.into_raw())),
        DynamicImage::ImageRgb16(p) => (Color::Rgb, Samples::U16(p.into_raw())),
        DynamicImage::ImageRgba16(p) => (Color::Rgba, Samples::U16(p.into_raw())),
        other => return Err(Error::PictureType(format!("{:?}", other.color()))),
    })
}

fn give_back(width: u32, height: u32, color: Color, samples: Samples) -> Result<DynamicImage, Error> {
    fn buffer<P: Pixel>(
        width: u32,
        height: u32,
        samples: Vec<P::Subpixel>,
    ) -> Result<ImageBuffer<P, Vec<P::Subpixel>>, Error> {
        ImageBuffer::from_raw(width, height, samples)
            .ok_or_else(|| Error::PictureType(format!("{width}×{height}")))
    }
    Ok(match (color, samples) {
        (Color::Gray, Samples::U8(s)) => DynamicImage::ImageLuma8(buffer(width, height, s)?),
        (Color::GrayAlpha, Samples::U8(s)) => DynamicImage::ImageLumaA8(buffer(width, height, s)?),
        (Color::Rgb, Samples::U8(s)) => DynamicImage::ImageRgb8(buffer(width, height, s)?),
        (_, Samples::U8(s)) => DynamicImage::ImageRgba8(buffer(width, height, s)?),
        (Color::Gray, Samples::U16(s)) => DynamicImage::ImageLuma16(buffer(width, height, s)?),
        (Color::GrayAlpha, Samples::U16(s)) => DynamicImage::ImageLumaA16(buffer(width, height, s)?),
        (Color::Rgb, Samples::U16(s)) => DynamicImage::ImageRgb16(buffer(width, height, s)?),
        (_, Samples::U16(s)) => DynamicImage::ImageRgba16(buffer(width, height, s)?),
    })
}
