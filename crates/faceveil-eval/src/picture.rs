//! An 8-bit RGB picture in memory, decoded from a file's bytes.

use faceveil_core::raster::{Color, Raster, RgbView, Samples};
use faceveil_media::{DecodeError, Limits, Photo};

/// An 8-bit RGB picture. Neither side is 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

/// Why an output cannot be judged. It is no verdict: an output that cannot be read hides nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JudgeError {
    /// The picture cannot be decoded.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The original cannot be put through the output's codec.
    #[error("the original cannot be coded like the output: {text}")]
    Codec {
        /// The encoder's words.
        text: String,
    },
    /// The number of samples does not fit the size.
    #[error("{width}×{height} pixels need {need} bytes, got {got}")]
    Size {
        /// Width in pixels.
        width: usize,
        /// Height in pixels.
        height: usize,
        /// Bytes needed.
        need: usize,
        /// Bytes given.
        got: usize,
    },
}

impl Picture {
    /// # Errors
    /// [`JudgeError::Size`] unless `pixels` holds exactly `width * height * 3` bytes and neither
    /// side is 0.
    pub fn new(width: usize, height: usize, pixels: Vec<u8>) -> Result<Self, JudgeError> {
        let need = width.saturating_mul(height).saturating_mul(3);
        let got = pixels.len();
        if need == got && need > 0 {
            Ok(Self { width, height, pixels })
        } else {
            Err(JudgeError::Size { width, height, need, got })
        }
    }

    /// A JPEG, PNG or WebP file, turned upright; opacity is ignored, 16 bits become 8.
    ///
    /// # Errors
    /// [`JudgeError::Decode`] if it is not such a file, or damaged.
    pub fn decode(bytes: &[u8]) -> Result<Self, JudgeError> {
        Ok(Self::from(decode(bytes)?.raster))
    }

    /// Width in pixels.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Height in pixels.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Red, green, blue of each pixel, row by row.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// Neither side may be 0.
    pub(crate) fn black((width, height): (usize, usize)) -> Self {
        Self { width, height, pixels: vec![0; width * height * 3] }
    }

    pub(crate) fn pixels_mut(&mut self) -> &mut [u8] {
        &mut self.pixels
    }

    /// Width and height in pixels.
    pub fn size(&self) -> (usize, usize) {
        (self.width, self.height)
    }
}

impl From<RgbView<'_>> for Picture {
    fn from(view: RgbView<'_>) -> Self {
        let (width, height) = (view.width() as usize, view.height() as usize);
        Self { width, height, pixels: view.pixels().to_vec() }
    }
}

impl From<Raster> for Picture {
    fn from(raster: Raster) -> Self {
        let (width, height) = (raster.width(), raster.height());
        let size = (width as usize, height as usize);
        if let (Color::Rgb, Samples::U8(pixels)) = (raster.color(), raster.samples()) {
            return Self { width: size.0, height: size.1, pixels: pixels.clone() };
        }
        let at = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        let pixels = at.flat_map(|(x, y)| raster.rgb8(x, y)).collect();
        Self { width: size.0, height: size.1, pixels }
    }
}

pub(crate) fn decode(bytes: &[u8]) -> Result<Photo, DecodeError> {
    faceveil_media::decode(bytes, &Limits::default())
}
