//! A decoded picture: interleaved samples of 8 or 16 bits, in the colour model of its file.

use alloc::vec::Vec;

/// What the interleaved samples of a pixel mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Color {
    /// One grey sample.
    Gray,
    /// Grey, then opacity.
    GrayAlpha,
    /// Red, green, blue.
    Rgb,
    /// Red, green, blue, opacity.
    Rgba,
    /// Cyan, magenta, yellow, black as amounts of ink: 0 is no ink, the maximum is full ink.
    Cmyk,
}

impl Color {
    /// Samples a pixel.
    pub const fn channels(self) -> usize {
        match self {
            Self::Gray => 1,
            Self::GrayAlpha => 2,
            Self::Rgb => 3,
            Self::Rgba | Self::Cmyk => 4,
        }
    }

    /// Whether the last sample is opacity.
    pub const fn has_alpha(self) -> bool {
        matches!(self, Self::GrayAlpha | Self::Rgba)
    }
}

/// Samples row by row from the top left, `width * height * channels` of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Samples {
    /// `0..=255`
    U8(Vec<u8>),
    /// `0..=65535`, in the machine's byte order.
    U16(Vec<u16>),
}

impl Samples {
    /// How many samples there are.
    pub fn len(&self) -> usize {
        match self {
            Self::U8(v) => v.len(),
            Self::U16(v) => v.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The number of samples does not fit the size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{width}×{height} pixels of {channels} samples need {need} samples, got {got}")]
pub struct RasterError {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Samples a pixel.
    pub channels: usize,
    /// Samples needed; `u64::MAX` if the product overflows or a side is 0.
    pub need: u64,
    /// Samples given.
    pub got: u64,
}

/// A picture in memory. Neither side is 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raster {
    width: u32,
    height: u32,
    color: Color,
    samples: Samples,
}

impl Raster {
    /// # Errors
    /// [`RasterError`] unless `samples` holds exactly `width * height * channels` samples and
    /// neither side is 0.
    pub fn new(width: u32, height: u32, color: Color, samples: Samples) -> Result<Self, RasterError> {
        let channels = color.channels();
        let need = u64::from(width)
            .checked_mul(u64::from(height))
            .and_then(|n| n.checked_mul(channels as u64))
            .filter(|&n| n > 0)
            .unwrap_or(u64::MAX);
        let got = samples.len() as u64;
        if need == got {
            Ok(Self { width, height, color, samples })
        } else {
            Err(RasterError { width, height, channels, need, got })
        }
    }

    /// Width in pixels.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Height in pixels.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// What a pixel's samples mean.
    pub fn color(&self) -> Color {
        self.color
    }

    /// The samples.
    pub fn samples(&self) -> &Samples {
        &self.samples
    }

    /// The samples, to be changed; their number cannot be, so a changed length panics later.
    pub fn samples_mut(&mut self) -> SamplesMut<'_> {
        match &mut self.samples {
            Samples::U8(v) => SamplesMut::U8(v),
            Samples::U16(v) => SamplesMut::U16(v),
        }
    }

    /// Gives the samples back.
    pub fn into_samples(self) -> Samples {
        self.samples
    }

    /// One pixel as 8-bit RGB, opacity ignored.
    pub fn rgb8(&self, x: u32, y: u32) -> [u8; 3] {
        let channels = self.color.channels();
        let at = (y as usize * self.width as usize + x as usize) * channels;
        let mut pixel = [0u8; 4];
        match &self.samples {
            Samples::U8(v) => pixel[..channels].copy_from_slice(&v[at..at + channels]),
            Samples::U16(v) => {
                for (to, from) in pixel.iter_mut().zip(&v[at..at + channels]) {
                    *to = (from >> 8) as u8;
                }
            }
        }
        to_rgb(self.color, pixel)
    }
}

/// Converts one 8-bit pixel to RGB; opacity is ignored, ink is subtracted from white.
pub fn to_rgb(color: Color, [a, b, c, d]: [u8; 4]) -> [u8; 3] {
    let mix = |ink: u8| ((255 - u32::from(ink)) * (255 - u32::from(d)) / 255) as u8;
    match color {
        Color::Gray | Color::GrayAlpha => [a, a, a],
        Color::Rgb | Color::Rgba => [a, b, c],
        Color::Cmyk => [mix(a), mix(b), mix(c)],
    }
}

/// Samples of a [`Raster`] to be changed in place.
#[derive(Debug)]
pub enum SamplesMut<'a> {
    /// `0..=255`
    U8(&'a mut [u8]),
    /// `0..=65535`
    U16(&'a mut [u16]),
}

/// A borrowed 8-bit RGB picture, rows without padding: what detectors look at.
#[derive(Clone, Copy, Debug)]
pub struct RgbView<'a> {
    width: u32,
    height: u32,
    pixels: &'a [u8],
}

impl<'a> RgbView<'a> {
    /// `None` unless `pixels` holds exactly `width * height * 3` bytes and neither side is 0.
    pub fn new(width: u32, height: u32, pixels: &'a [u8]) -> Option<Self> {
        let need = (width as usize).checked_mul(height as usize)?.checked_mul(3)?;
        (need > 0 && need == pixels.len()).then_some(Self { width, height, pixels })
    }

    /// Width in pixels.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Height in pixels.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// Red, green, blue of each pixel, row by row.
    pub fn pixels(&self) -> &'a [u8] {
        self.pixels
    }
}
