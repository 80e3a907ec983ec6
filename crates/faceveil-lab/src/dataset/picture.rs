//! An upright 8-bit RGB picture in memory, and how it comes from a file and into a frame.

use faceveil_core::geom::Rect;
use faceveil_core::letterbox::Letterbox;
use faceveil_core::raster::{Color, Raster, RgbView, Samples};
use faceveil_data::truth::Fit;
use faceveil_infer::view::{Backdrop, RgbImage};
use faceveil_media::{DecodeError, Limits};
use faceveil_resize::{Depth, ResizeError, resize};

/// An 8-bit RGB picture; neither side is 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    width: u32,
    height: u32,
    pixels: Vec<u8>,
}

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PictureError {
    /// The file holds none.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The resizer refused.
    #[error(transparent)]
    Resize(#[from] ResizeError),
}

impl Picture {
    /// `None` unless `pixels` holds exactly `width * height * 3` bytes and neither side is 0.
    pub fn new(width: u32, height: u32, pixels: Vec<u8>) -> Option<Self> {
        RgbView::new(width, height, &pixels)?;
        Some(Self { width, height, pixels })
    }

    /// One colour. A side of 0 becomes 1.
    pub fn flat(width: u32, height: u32, rgb: [u8; 3]) -> Self {
        let (width, height) = (width.max(1), height.max(1));
        Self { width, height, pixels: rgb.repeat(width as usize * height as usize) }
    }

    /// From a file of a single picture, in any format that `faceveil` reads, turned upright; opacity is laid on white.
    ///
    /// # Errors
    /// [`PictureError::Decode`] unless the file is a whole picture within the limits.
    pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Self, PictureError> {
        Ok(Self::from_raster(faceveil_media::decode(bytes, limits)?.raster))
    }

    /// From a decoded photo; opacity is laid on white.
    pub fn from_raster(raster: Raster) -> Self {
        let (width, height) = (raster.width(), raster.height());
        if raster.color() != Color::Rgb || matches!(raster.samples(), Samples::U16(_)) {
            let whole = Rect { left: 0, top: 0, right: width as i32, bottom: height as i32 };
            let pixels = RgbImage::crop(&raster, whole, Backdrop::White).view().pixels().to_vec();
            return Self { width, height, pixels };
        }
        let pixels = match raster.into_samples() {
            Samples::U8(pixels) => pixels,
            Samples::U16(deep) => deep.into_iter().map(|s| (s >> 8) as u8).collect(),
        };
        Self { width, height, pixels }
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
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// The pixels, to be changed.
    pub fn pixels_mut(&mut self) -> &mut [[u8; 3]] {
        self.pixels.as_chunks_mut::<3>().0
    }

    /// The pixel of column `x` and row `y`.
    ///
    /// # Panics
    /// If it lies outside.
    pub fn at(&self, x: u32, y: u32) -> [u8; 3] {
        self.pixels.as_chunks::<3>().0[y as usize * self.width as usize + x as usize]
    }

    /// The picture, borrowed.
    ///
    /// # Panics
    /// Never: the length follows from the size.
    pub fn view(&self) -> RgbView<'_> {
        RgbView::new(self.width, self.height, &self.pixels).expect("length follows from the size")
    }

    /// The picture at another size: averaged when it shrinks, bilinear when it grows.
    ///
    /// # Errors
    /// [`PictureError::Resize`] if the resizer refuses.
    pub fn resized(&self, width: u32, height: u32) -> Result<Self, PictureError> {
        if (width, height) == (self.width, self.height) {
            return Ok(self.clone());
        }
        let pixels = resize(&self.pixels, (self.width, self.height), 3, Depth::Eight, (width, height))?;
        Ok(Self { width, height, pixels })
    }

    /// The picture in a square frame of `side` pixels, at the top left as [`Letterbox`] puts it, black elsewhere, and
    /// where it lies there.
    ///
    /// # Errors
    /// [`PictureError::Resize`] if the resizer refuses.
    pub fn letterboxed(&self, side: u32) -> Result<(Self, Content), PictureError> {
        let side = side.max(1);
        let fitted = Letterbox::fit((self.width, self.height), (side, side));
        let small = self.resized(fitted.width, fitted.height)?;
        let mut framed = Self::flat(side, side, [0; 3]);
        let row = fitted.width as usize * 3;
        let rows = framed.pixels.chunks_exact_mut(side as usize * 3);
        for (to, from) in rows.zip(small.pixels.chunks_exact(row)) {
            to[..row].copy_from_slice(from);
        }
        let fit = Fit {
            sx: f64::from(fitted.width) / f64::from(self.width),
            sy: f64::from(fitted.height) / f64::from(self.height),
            ox: 0,
            oy: 0,
        };
        Ok((framed, Content { width: fitted.width, height: fitted.height, fit }))
    }
}

/// The part of a frame that the picture fills, from the top left.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Content {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// From the original picture to the frame. Places are continuous: a pixel `x` covers `x..x + 1`.
    pub fit: Fit,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_holds_the_picture_at_the_top_left_and_is_black_elsewhere() {
        let (framed, content) = Picture::flat(200, 100, [9, 80, 200]).letterboxed(64).unwrap();
        assert_eq!((content.width, content.height), (64, 32));
        assert_eq!((framed.width(), framed.height()), (64, 64));
        for y in 0..64 {
            for x in 0..64 {
                let want = if y < 32 { [9, 80, 200] } else { [0; 3] };
                assert_eq!(framed.at(x, y), want, "({x}, {y})");
            }
        }
        assert!((content.fit.sx - 0.32).abs() < 1e-9 && (content.fit.sy - 0.32).abs() < 1e-9);
    }

    #[test]
    fn other_colours_and_depths_become_rgb() {
        let deep = Raster::new(1, 1, Color::GrayAlpha, Samples::U16(vec![0x8000, 0])).unwrap();
        assert_eq!(Picture::from_raster(deep).at(0, 0), [255; 3], "transparent is white");
        let grey = Raster::new(2, 1, Color::Gray, Samples::U8(vec![7, 8])).unwrap();
        assert_eq!(Picture::from_raster(grey).pixels(), [7, 7, 7, 8, 8, 8]);
    }

    #[test]
    fn a_wrong_length_is_no_picture() {
        assert!(Picture::new(2, 2, vec![0; 11]).is_none() && Picture::new(0, 2, Vec::new()).is_none());
    }
}
